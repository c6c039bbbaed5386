"""Materialized views and streaming tables: governed like tables, and full of what their pipeline's identity saw."""

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

    The identity is the table's owner, which a pipeline runs as unless it says otherwise. It is unmasked on purpose when an
    exemption names it, or when it is a member of a group that is cleared.
    """
    exemptions, groups, families = tuple(exemptions), tuple(groups), tuple(sorted(set(families)))
    found = []
    for table in tables:
        if table.kind not in STORED:
            continue
        bound = [f for f in families if not _unmasked(table.owner, f, exemptions, groups)]
        if bound:
            message = (
                f"a {table.kind} keeps what its pipeline's identity saw at the refresh, and {table.owner or 'its owner'!r} is "
                f"bound by the policies of {', '.join(bound)}: masked values, or no rows, are stored for everybody"
            )
            fix = "give the identity an exemption (kind pipeline), or a group that is cleared; or take its sources out of scope"
            found.append(Finding(code="LK029", severity=Severity.WARNING, location=str(table.name), message=message, fix=fix))
    return tuple(found)


def _unmasked(owner: str, family: str, exemptions: tuple[Exemption, ...], groups: tuple[GroupSpec, ...]) -> bool:
    names = {owner, *(s.group.name for s in groups if owner in s.members)} - {""}
    exempt = {e.principal for e in exemptions if e.covers(family)}
    # A clearance is for classes of values; the fallback that closes unreviewed tables leaves out exemptions alone.
    cleared = {s.group.name for s in groups if s.cleared_for(family)} if family != UNREVIEWED_FAMILY else set()
    return bool(names & (exempt | cleared))
