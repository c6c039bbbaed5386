"""Materialized views and streaming tables: governed like tables, and filled with the access of their pipeline's identity."""

from __future__ import annotations

from collections.abc import Iterable

from lampkeeper.model.exemptions import Exemption
from lampkeeper.model.findings import Finding, Severity
from lampkeeper.model.groups import GroupSpec
from lampkeeper.model.schema import Table, TableKind
from lampkeeper.model.unreviewed import UNREVIEWED_FAMILY

STORED = frozenset({TableKind.MATERIALIZED_VIEW, TableKind.STREAMING_TABLE})
"""Kinds that a pipeline fills: policies on their sources are evaluated for its identity, and the result is stored."""


def masked_refreshes(
    tables: Iterable[Table], families: Iterable[str], exemptions: Iterable[Exemption], groups: Iterable[GroupSpec]
) -> tuple[Finding, ...]:
    """Return a warning for each stored table whose identity is bound by policies of these families.

    The identity is the table's owner, the default identity of a pipeline. It sees raw values intentionally if it has an
    exemption, or is a member of a group with a clearance.
    """
    exemptions, groups, families = tuple(exemptions), tuple(groups), tuple(sorted(set(families)))
    found = []
    for table in tables:
        if table.kind not in STORED:
            continue
        bound = [f for f in families if not _unmasked(table.owner, f, exemptions, groups)]
        if bound:
            message = (
                f"a {table.kind} stores what its pipeline's identity can read at the refresh, and the policies of "
                f"{', '.join(bound)} apply to {table.owner or 'its owner'!r}, so masked values, or no rows, are stored"
            )
            fix = "give the identity an exemption (kind pipeline) or a group with a clearance; or remove its sources from scope"
            found.append(Finding(code="LK029", severity=Severity.WARNING, location=str(table.name), message=message, fix=fix))
    return tuple(found)


def _unmasked(owner: str, family: str, exemptions: tuple[Exemption, ...], groups: tuple[GroupSpec, ...]) -> bool:
    names = {owner, *(s.group.name for s in groups if owner in s.members)} - {""}
    exempt = {e.principal for e in exemptions if e.covers(family)}
    # A clearance is for classes of values; the fallback for unreviewed tables excludes only exemptions.
    cleared = {s.group.name for s in groups if s.cleared_for(family)} if family != UNREVIEWED_FAMILY else set()
    return bool(names & (exempt | cleared))
