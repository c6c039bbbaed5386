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
) -> tuple[Finding, ...]:
    """Return what is wrong with a desired state, errors first.

    `exempt` are the principals of exemptions: policies may name them beside the groups. Without a snapshot what needs the
    catalog is left out, without `labels` what needs to know what the columns hold; `vocabulary` tells which mask is for what,
    with the overlays' own.
    """
    words = vocabulary or load_vocabulary()
    context = RuleContext(
        desired=desired, snapshot=snapshot, limits=limits or RemainingQuota(), exempt=exempt, labels=labels, vocabulary=words
    )  # fmt: skip
    return sort_findings(f for rule in RULES for f in rule.findings(context))
