"""Checks a desired state: every rule, all findings at once."""

from __future__ import annotations

from lampkeeper.design.knowledge.vocabulary import Vocabulary, load_vocabulary
from lampkeeper.design.rules import RULES, RuleContext
from lampkeeper.design.synthesis.packing import RemainingQuota
from lampkeeper.model.desired import Desired
from lampkeeper.model.findings import Finding, sort_findings
from lampkeeper.model.labels import Label
from lampkeeper.model.schema import Snapshot


def check(
    desired: Desired,
    snapshot: Snapshot | None,
    limits: RemainingQuota | None = None,
    *,
    exempt: tuple[str, ...] = (),
    labels: tuple[Label, ...] = (),
    vocabulary: Vocabulary | None = None,
    pilot: str = "",
) -> tuple[Finding, ...]:
    """Return the findings about a desired state, errors first.

    `exempt` are the principals of exemptions, which policies may name besides groups. Rules about the catalog need a snapshot,
    and rules about the content of columns need `labels`; without them they are skipped. `vocabulary` has the masks by class,
    including those of the overlays. `pilot` is the group that the policies bind alone, if any.
    """
    words = vocabulary or load_vocabulary()
    context = RuleContext(
        desired=desired, snapshot=snapshot, limits=limits or RemainingQuota(), exempt=exempt, labels=labels, vocabulary=words,
        pilot=pilot,
    )  # fmt: skip
    return sort_findings(f for rule in RULES for f in rule.findings(context))
