"""Checks a desired state: every rule, all findings at once."""

from __future__ import annotations

from lampkeeper.design.packing import Limits
from lampkeeper.design.rules import RULES, Scene
from lampkeeper.model.desired import Desired
from lampkeeper.model.findings import Finding, sort_findings
from lampkeeper.model.schema import Snapshot


def check(
    desired: Desired, snapshot: Snapshot | None, limits: Limits | None = None, *, exempt: tuple[str, ...] = ()
) -> tuple[Finding, ...]:
    """Return what is wrong with a desired state, errors first; without a snapshot what needs the catalog is left out.

    `exempt` are the principals of exemptions: policies may name them beside the groups.
    """
    scene = Scene(desired=desired, snapshot=snapshot, limits=limits or Limits(), exempt=exempt)
    return sort_findings(f for rule in RULES for f in rule.findings(scene))
