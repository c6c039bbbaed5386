"""What closing the unseen means to a catalog's other tables, told before it happens and when something new has come."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

from lampkeeper.deploy.state import States
from lampkeeper.deploy.verify.unseen import reviewed_by_others
from lampkeeper.design.knowledge.overlay import Overlay
from lampkeeper.design.knowledge.vocabulary import FAMILIES
from lampkeeper.files.settings import Settings
from lampkeeper.model.access import Access
from lampkeeper.model.desired import Desired
from lampkeeper.model.findings import Finding, Severity
from lampkeeper.model.groups import ALL_FAMILIES
from lampkeeper.model.known_names import nearest_names
from lampkeeper.model.names import ColumnName, TableName, split_name
from lampkeeper.model.policies import Policy, PolicyKind
from lampkeeper.model.schema import Column, Table
from lampkeeper.model.tags import EntityType
from lampkeeper.model.unseen import REVIEW_KEY, UNSEEN_FAMILY, is_fallback
from lampkeeper.remote.clients import Workspace
from lampkeeper.remote.unseen import UnseenTable, read_unseen

SHOWN = 10
"""How many tables or principals a finding names; the rest is a count."""

FIX = "put them in uc_tables and generate, exempt who must read them (`exemptions`), or generate with --unseen allow"


def fallbacks(desired: Desired) -> dict[str, Policy]:
    """Return the policy that closes unseen tables, by catalog."""
    return {p.securable[0]: p for p in desired.policies if is_fallback(p) and p.kind is PolicyKind.ROW_FILTER}


def unseen_findings(desired: Desired, workspace: Workspace, states: States) -> tuple[Finding, ...]:
    """Return for each closed catalog which tables show no row, and who loses rows: a warning before the first apply."""
    closed = fallbacks(desired)
    ours = [o.body for o in states.owned("policy").values()]
    names = {p.name for p in closed.values()}
    standing = {str(b["on_securable_fullname"]) for b in ours if b["name"] in names}
    found = []
    for catalog, tables in left_out(desired, workspace).items():
        losers = sorted({r for t in tables for r in t.readers} - set(closed[catalog].except_principals))
        message = (
            f"{len(tables)} tables of this catalog have not been reviewed and show no row to anybody who is not exempt: "
            f"{bounded([str(t.name) for t in tables])}; who reads them and gets no row: {bounded(losers) or 'nobody'}"
        )
        severity = Severity.INFO if catalog in standing else Severity.WARNING
        found.append(Finding(code="UNSEEN_TABLES", severity=severity, place=f"catalog {catalog}", message=message, fix=FIX))
    return tuple(found)


def new_tables(desired: Desired, workspace: Workspace, since: str, known: Iterable[str]) -> tuple[Finding, ...]:
    """Return a warning for each closed catalog with tables made after `since` that are not among the `known` ones."""
    have = {name.casefold() for name in known}
    found = []
    for catalog, tables in left_out(desired, workspace).items():
        new = [str(t.name) for t in tables if since and t.created > since and t.name.plain.casefold() not in have]
        if new:
            message = f"{len(new)} tables are new and have not been reviewed, so they show no row: {bounded(new)}"
            place = f"catalog {catalog}"
            found.append(Finding(code="audit/unseen", severity=Severity.WARNING, place=place, message=message, fix=FIX))
    return tuple(found)


def opened_by_others(desired: Desired, workspace: Workspace) -> tuple[Finding, ...]:
    """Return an error for each table of a closed catalog that somebody else has marked as reviewed."""
    found = reviewed_by_others(desired, workspace, sorted(fallbacks(desired)), "audit/review_by_others")
    return tuple(f for _, findings in sorted(found.items()) for f in findings)


def left_out(desired: Desired, workspace: Workspace) -> dict[str, list[UnseenTable]]:
    """Return the tables of closed catalogs that carry no review tag and will get none, by catalog."""
    tagged = {
        t.entity_name.casefold()
        for t in desired.tag_assignments if t.key == REVIEW_KEY and t.entity_type is EntityType.TABLES
    }  # fmt: skip
    found: dict[str, list[UnseenTable]] = defaultdict(list)
    for table in read_unseen(workspace, fallbacks(desired)):
        if table.name.plain.casefold() not in tagged:
            found[table.name.catalog].append(table)
    return found


def bounded(names: Sequence[str]) -> str:
    """Return the first names, and how many more there are."""
    more = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {more} more" if more > 0 else "")


def unseen_column(desired: Desired, text: str) -> ColumnName | None:
    """Return the column that a full name means when its table is not in the environment but in a catalog that it closes."""
    parts = split_name(text)
    if len(parts) != 4 or parts[0].casefold() not in {c.casefold() for c in fallbacks(desired)}:
        return None
    table = TableName(parts[0], parts[1], parts[2])
    if table.plain.casefold() in {t.plain.casefold() for t in desired.tables}:
        return None
    return ColumnName(table, parts[3])


def with_unknown(access: Access, column: ColumnName) -> Access:
    """Return the access with a table of which nothing but this column's name is known: no tags, no grants of its own."""
    table = Table(name=column.table, columns=(Column(name=column.column, type="STRING"),))
    return Access(replace(access.model, tables=(*access.model.tables, table)))


def unknown_families(settings: Settings, overlay: Overlay) -> tuple[Finding, ...]:
    """Return an error for each family that an exemption or a clearance names and no policy has: nobody would see more by it."""
    known = {*FAMILIES, UNSEEN_FAMILY, *(t.family for t in overlay.vocabulary.treatments())}
    named = [
        ("EXEMPTION_FAMILY", e.place or f"exemption of {e.principal}", f) for e in settings.exemptions for f in e.families
    ] + [
        ("CLEARANCE_FAMILY", f"clearance of group {s.group.name}", f)
        for s in settings.groups or () for f in s.clearance if f != ALL_FAMILIES
    ]  # fmt: skip
    return tuple(
        Finding(
            code=code, severity=Severity.ERROR, place=place, message=f"there are no policies of a family {family!r}",
            fix=f"use one of {', '.join(nearest_names(family, known) or sorted(known))}",
        )
        for code, place, family in named if family not in known
    )  # fmt: skip
