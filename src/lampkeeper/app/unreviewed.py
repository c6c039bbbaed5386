"""The effect of hiding unreviewed tables on the other tables of a catalog or schema, before an apply and in an audit."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from lampkeeper.deploy.kinds import POLICY, TAG
from lampkeeper.deploy.state import States
from lampkeeper.deploy.verify.unreviewed import reviewed_by_others
from lampkeeper.design.knowledge.knowledge import Knowledge
from lampkeeper.design.knowledge.vocabulary import FAMILIES
from lampkeeper.files.settings import Settings
from lampkeeper.model.access import Access
from lampkeeper.model.desired import Desired
from lampkeeper.model.errors import UsageError
from lampkeeper.model.findings import Finding, Severity
from lampkeeper.model.groups import ALL_FAMILIES
from lampkeeper.model.known_names import nearest_names
from lampkeeper.model.names import ColumnName, TableName, show_part, split_name
from lampkeeper.model.policies import Policy, PolicyKind
from lampkeeper.model.schema import Column, Table
from lampkeeper.model.tags import EntityType
from lampkeeper.model.unreviewed import REVIEW_KEY, UNREVIEWED_FAMILY, Reach, is_fallback, within
from lampkeeper.remote.clients import Workspace
from lampkeeper.remote.directory import read_directory
from lampkeeper.remote.unreviewed import UnreviewedTable, read_unreviewed

SHOWN = 10
"""How many tables or principals a finding names; the rest is a count."""

FIX = (
    "review them (`snapshot`, `generate`; name them in uc_tables), exempt who must read them (`exemptions`), "
    "or generate with --unreviewed allow"
)


def fallbacks(desired: Desired) -> dict[Reach, Policy]:
    """Return the policy that closes unreviewed tables, by the catalog or schema that it closes."""
    return {p.securable: p for p in desired.policies if is_fallback(p) and p.kind is PolicyKind.ROW_FILTER}


def closing(desired: Desired, name: tuple[str, ...]) -> Reach | None:
    """Return the closed catalog or schema that something stands in, by its parts; None when nothing closes it."""
    return next((reach for reach in fallbacks(desired) if within(reach, name)), None)


def shown_reach(reach: Reach) -> str:
    """Return how people call a catalog or schema."""
    return f"{'catalog' if len(reach) == 1 else 'schema'} {'.'.join(show_part(p) for p in reach)}"


def unreviewed_findings(desired: Desired, workspace: Workspace, states: States) -> tuple[Finding, ...]:
    """Return for each closed catalog or schema which tables show no row, and who loses rows: a warning before the first apply."""
    return _reported_of(desired, workspace, states, None)


def hidden_tables(desired: Desired, workspace: Workspace, states: States, allowed: Sequence[str] = ()) -> tuple[Finding, ...]:
    """Return the same for a plan: an error where it takes rows from people who read them now, unless `allowed` names the table.

    Raises UsageError when `allowed` names a table that the plan hides from nobody and the environment does not know.
    """
    return _reported_of(desired, workspace, states, allowed)


def _reported_of(desired: Desired, workspace: Workspace, states: States, allowed: Sequence[str] | None) -> tuple[Finding, ...]:
    closed = fallbacks(desired)
    if not closed and not allowed:
        return ()
    losing = _losing(desired, states)
    standing = _closed_reaches(desired, states)
    by_reach = left_out(desired, workspace, losing)
    _require_known(desired, allowed or (), [t.name for tables in by_reach.values() for t in tables])
    meant = {TableName.parse(n).plain.casefold() for n in allowed or ()}
    exempt = _exempt_people(closed.values(), workspace)
    found = []
    for reach, tables in by_reach.items():
        policy = closed[reach]
        new: list[UnreviewedTable] = []
        old: list[UnreviewedTable] = []
        for table in tables:
            fresh = not any(within(s, table.name.parts) for s in standing) or table.name.plain.casefold() in losing
            (new if fresh else old).append(table)
        loses = {t: sorted(set(t.readers) - exempt[policy.key]) for t in new}
        refused = [t for t in new if loses[t] and allowed is not None and t.name.plain.casefold() not in meant]
        for group, severity in (
            (refused, Severity.ERROR),
            ([t for t in new if t not in refused], Severity.WARNING),
            (old, Severity.INFO),
        ):
            if group:
                found.append(_finding(reach, group, exempt[policy.key], severity))
    return tuple(found)


def _finding(reach: Reach, tables: Sequence[UnreviewedTable], exempt: frozenset[str], severity: Severity) -> Finding:
    losers = sorted({r for t in tables for r in t.readers} - exempt)
    message = (
        f"{len(tables)} tables of this {'catalog' if len(reach) == 1 else 'schema'} have not been reviewed and show no row to "
        f"anybody who is not exempt: {bounded([str(t.name) for t in tables])}; who reads them and gets no row: "
        f"{bounded(losers) or 'nobody'}"
    )
    fix = FIX
    if severity is Severity.ERROR:
        flags = " ".join(f"--allow-hiding {t.name}" for t in tables[:SHOWN])
        fix = f"{FIX}; if it is meant: {flags}{' ...' if len(tables) > SHOWN else ''}"
    return Finding(code="UNREVIEWED_TABLES", severity=severity, location=shown_reach(reach), message=message, fix=fix)


def _closed_reaches(desired: Desired, states: States) -> list[tuple[str, ...]]:
    """Return the securables on which the environment has fallback policies already."""
    names = {p.name for p in fallbacks(desired).values()}
    keys = (owned.spec.key for owned in states.owned(POLICY).values())
    return [tuple(full_name.split(".")) for _, full_name, name in keys if name in names]


def _losing(desired: Desired, states: States) -> frozenset[str]:
    """Return the tables whose review tag lampkeeper assigned and removes, by plain names in lower case."""
    kept = {t.entity_name.casefold() for t in desired.tag_assignments if t.key == REVIEW_KEY}
    ours = (owned.spec for owned in states.owned(TAG).values())
    tagged = {t.entity_name.casefold() for t in ours if t.key == REVIEW_KEY and t.entity_type is EntityType.TABLES}
    return frozenset(tagged - kept)


def _exempt_people(policies: Iterable[Policy], workspace: Workspace) -> dict[tuple[str, str, str], frozenset[str]]:
    """Return by policy who is exempt from it: those that it names, and the members of the groups among them."""
    policies = tuple(policies)
    members = read_directory(workspace, {n for p in policies for n in p.except_principals}).members
    found = {}
    for policy in policies:
        names, queue = set(policy.except_principals), list(policy.except_principals)
        while queue:
            inside = set(members.get(queue.pop(), ())) - names
            names |= inside
            queue += sorted(inside)
        found[policy.key] = frozenset(names)
    return found


def _require_known(desired: Desired, allowed: Iterable[str], hidden: Iterable[TableName]) -> None:
    known = {t.plain.casefold(): str(t) for t in (*hidden, *desired.tables)}
    for name in allowed:
        if TableName.parse(name).plain.casefold() not in known:
            near = nearest_names(name, known.values())
            raise UsageError(
                f"--allow-hiding {name}: the plan hides no table of this name",
                fix=f"did you mean {', '.join(near)}?" if near else "leave it out",
            )


def new_tables(desired: Desired, workspace: Workspace, since: str, known: Iterable[str]) -> tuple[Finding, ...]:
    """Return a warning for each closed catalog or schema with tables made after `since` that are not among the `known` ones."""
    have = {name.casefold() for name in known}
    found = []
    for reach, tables in left_out(desired, workspace).items():
        new = [str(t.name) for t in tables if since and t.created > since and t.name.plain.casefold() not in have]
        if new:
            message = f"{len(new)} tables are new and have not been reviewed, so they show no row: {bounded(new)}"
            where = shown_reach(reach)
            found.append(Finding(code="audit/unreviewed", severity=Severity.WARNING, location=where, message=message, fix=FIX))
    return tuple(found)


def opened_by_others(desired: Desired, workspace: Workspace) -> tuple[Finding, ...]:
    """Return an error for each table of a closed catalog or schema that somebody else has marked as reviewed."""
    found = reviewed_by_others(desired, workspace, sorted(fallbacks(desired)), "audit/review_by_others")
    return tuple(f for _, findings in sorted(found.items()) for f in findings)


def left_out(desired: Desired, workspace: Workspace, losing: Collection[str] = ()) -> dict[Reach, list[UnreviewedTable]]:
    """Return the tables of closed catalogs and schemas that have no review tag (or lose it, `losing`) and get none, by reach."""
    tagged = {
        t.entity_name.casefold()
        for t in desired.tag_assignments if t.key == REVIEW_KEY and t.entity_type is EntityType.TABLES
    }  # fmt: skip
    found: dict[Reach, list[UnreviewedTable]] = defaultdict(list)
    for table in read_unreviewed(workspace, {p[0] for p in fallbacks(desired)}, losing):
        reach = closing(desired, table.name.parts)
        if reach is not None and table.name.plain.casefold() not in tagged:
            found[reach].append(table)
    return found


def bounded(names: Sequence[str]) -> str:
    """Return the first names, and how many more there are."""
    more = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {more} more" if more > 0 else "")


def unreviewed_column(desired: Desired, text: str) -> ColumnName | None:
    """Return the column of a full name if its table is outside the environment, in a catalog or schema that it hides."""
    parts = split_name(text)
    if len(parts) != 4 or closing(desired, parts[:3]) is None:
        return None
    table = TableName(parts[0], parts[1], parts[2])
    if table.plain.casefold() in {t.plain.casefold() for t in desired.tables}:
        return None
    return ColumnName(table, parts[3])


def with_unknown(access: Access, column: ColumnName) -> Access:
    """Return the access with a table of which nothing but this column's name is known: no tags, no grants of its own."""
    table = Table(name=column.table, columns=(Column(name=column.column, type="STRING"),))
    return Access(replace(access.model, tables=(*access.model.tables, table)))


def unknown_families(settings: Settings, knowledge: Knowledge) -> tuple[Finding, ...]:
    """Return an error for each family that an exemption or a clearance names and no policy has: nobody would see more by it."""
    known = {*FAMILIES, UNREVIEWED_FAMILY, *(t.family for t in knowledge.vocabulary.protections())}
    named = [
        ("EXEMPTION_FAMILY", e.location or f"exemption of {e.principal}", f) for e in settings.exemptions for f in e.families
    ] + [
        ("CLEARANCE_FAMILY", f"clearance of group {s.group.name}", f)
        for s in settings.groups or () for f in s.clearance if f != ALL_FAMILIES
    ]  # fmt: skip
    return tuple(
        Finding(
            code=code, severity=Severity.ERROR, location=location, message=f"unknown family of policies {family!r}",
            fix=f"use one of {', '.join(nearest_names(family, known) or sorted(known))}",
        )
        for code, location, family in named if family not in known
    )  # fmt: skip
