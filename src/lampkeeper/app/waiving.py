"""Waivers of an environment: which findings may be waived, and the findings of the gate with the waivers applied."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from lampkeeper.design.rules import RULES
from lampkeeper.files.schema_sql import LOST
from lampkeeper.files.settings import Settings
from lampkeeper.model.exemptions import exemption_findings
from lampkeeper.model.findings import Finding, sort_findings
from lampkeeper.model.known_names import require_known
from lampkeeper.model.waivers import Waiver, unused_waivers, waive, waiver_findings

OF_RULES = frozenset(rule.code for rule in RULES)
OF_READERS = frozenset(
    {
        "SCHEMA_COLUMN_TWICE", "SCHEMA_CONTROL", "SCHEMA_NAME_CHANGED", "SCHEMA_NOT_FOUND", LOST,
        "SCHEMA_TABLE_TWICE", "SCHEMA_TYPE_UNKNOWN",
    }
)  # fmt: skip
"""Findings of readers of SQL that a waiver may cover, at a location in a file or at the file."""

OF_AUDITS = frozenset({"audit/forward", "audit/retyped", "audit/reverse"})
"""Drift that a waiver may cover, at the name of the object."""


def waivers_of(settings: Settings) -> tuple[Waiver, ...]:
    """Return the waivers; raise UsageError for one of a finding that is none of the gate's."""
    for waiver in settings.waivers:
        fix = "give the code of a finding as `validate` or `audit` prints it"
        require_known("finding to waive", waiver.finding, OF_RULES | OF_READERS | OF_AUDITS, location=waiver.location, fix=fix)
    return settings.waivers


def with_waivers(settings: Settings, findings: Iterable[Finding], today: date) -> tuple[Finding, ...]:
    """Return findings of readers with the waivers applied."""
    return waive(findings, waivers_of(settings), today)


def gated(settings: Settings, findings: Iterable[Finding], today: date) -> tuple[Finding, ...]:
    """Return findings of the rules with the waivers applied, sorted; a waiver of a rule that covers none is a warning."""
    found, waivers = tuple(findings), waivers_of(settings)
    of_rules = [w for w in waivers if w.finding in OF_RULES]
    return sort_findings([*waive(found, waivers, today), *unused_waivers(of_rules, found)])


def exceptions_ending(settings: Settings, today: date) -> tuple[Finding, ...]:
    """Return what is wrong with exceptions of the environment today: exemptions and waivers that are over or soon will be."""
    return (*exemption_findings(settings.exemptions, today), *waiver_findings(waivers_of(settings), today))
