"""Existing masks and filters, on the tables themselves or by policies of other owners, and conflicts with a second one.

Two different masks on a column, or two different row filters on a table, fail every query (source: platform docs, ABAC).
Therefore a desired state that adds a second one is refused, and the finding names the first one and its owner. A control on
the table itself can be adopted on request: policies and tags are created first, and the control is dropped when they are in
effect. In between every query of the column fails, so it is never unprotected. A destroy restores it before policies go.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from lampkeeper.deploy.change import Change, changes_of
from lampkeeper.deploy.kinds import TABLE_CONTROL
from lampkeeper.deploy.kinds.base import LiveObject, mark_of
from lampkeeper.deploy.simulated_access import SimulatedAccess, control_key
from lampkeeper.deploy.state import Owned
from lampkeeper.model.access import Access
from lampkeeper.model.controls import SET_ON_TABLE, Conflict, ControlSlot, FunctionUse
from lampkeeper.model.effective import standard_principals
from lampkeeper.model.findings import Finding, Severity
from lampkeeper.model.names import ColumnName
from lampkeeper.model.schema import Table, TableKind
from lampkeeper.remote.live import Governed
from lampkeeper.remote.securables import LivePolicy
from lampkeeper.text.sql_quoting import quote_identifier

SECOND_MASK = "SECOND_MASK"
SECOND_FILTER = "SECOND_FILTER"
MASKED_INPUT = "MASKED_INPUT"
REFUSED = frozenset({SECOND_MASK, SECOND_FILTER, MASKED_INPUT})
"""Codes of findings that make a plan unsafe (exit 3): after its apply, every query of a column or table would fail."""

PolicyKey = tuple[str, str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Takeover:
    """Controls of tables that must be dropped (or stay dropped), by key, and adopted ones that no longer conflict and return."""

    wanted: Mapping[str, ControlSlot]
    back: tuple[str, ...]


def conflicts_of(simulated_access: SimulatedAccess, ours: Iterable[PolicyKey]) -> tuple[Conflict, ...]:
    """Return the conflicts that involve a control of a table or a policy of another owner."""
    foreign = {p.key for p in simulated_access.policies.values()} - set(ours)
    if not simulated_access.controls and not foreign:
        return ()
    access = Access(simulated_access.model())
    names = {name for _, _, name in foreign} | {SET_ON_TABLE}
    return tuple(c for c in access.conflicts(standard_principals(access)) if any(u.policy in names for u in c.uses))


def take_over(
    simulated_access: SimulatedAccess,
    ours: Iterable[PolicyKey],
    owned: Mapping[str, Owned[ControlSlot]],
    found: Mapping[str, LiveObject[ControlSlot]],
    *,
    adopt: bool,
) -> Takeover:
    """Return which controls of tables are dropped and which are restored, given the `simulated_access` after the plan.

    An adopted control is restored once it no longer conflicts. An adoption that has begun resumes; a new one, and one of a
    control that was set again, needs `adopt`.
    """
    ours = frozenset(ours)
    with_originals = simulated_access.copy()
    for key, record in owned.items():
        original = record.original.control if record.original is not None else None
        if original is not None and key in found:
            with_originals.controls[key] = original
    needed = set(_on_tables(conflicts_of(with_originals, ours), with_originals))
    wanted: dict[str, ControlSlot] = {}
    back = []
    for key, record in owned.items():
        if key not in needed or key not in found:
            back.append(key)
        elif record.spec.function is not None or found[key].spec.function is None:
            wanted[key] = record.spec.empty
    if adopt:
        tables = {t.plain.casefold(): table for t, table in simulated_access.tables.items()}
        for key in _on_tables(conflicts_of(simulated_access, ours), simulated_access):
            if key in found and key not in back and not why_not(found[key].spec, tables):
                wanted[key] = found[key].spec.empty
    return Takeover(wanted=wanted, back=tuple(back))


def _on_tables(conflicts: Iterable[Conflict], simulated_access: SimulatedAccess) -> Iterator[str]:
    """Yield the keys of controls on tables that conflict with another mask or filter of the same column or table.

    A control that only reads a masked column has no replacement, so it is never adopted.
    """
    for conflict in (c for c in conflicts if not c.reads_masked):
        key = control_key(conflict.table, conflict.column)
        if key in simulated_access.controls and any(u.policy == SET_ON_TABLE for u in conflict.uses):
            yield key


def why_not(slot: ControlSlot, tables: Mapping[str, Table]) -> str:
    """Return why a control cannot be adopted, because a destroy could not restore it; empty if it can."""
    table = tables.get(slot.table.plain.casefold())
    if slot.function is None or table is None:
        return ""
    if table.kind is not TableKind.TABLE:
        return f"ALTER TABLE does not change it on a {table.kind}"
    columns = {c.name.casefold() for c in table.columns}
    strange = [a for a in slot.arguments if a.casefold() not in columns]
    return f"its argument {strange[0]!r} is not a column, so a destroy could not restore it" if strange else ""


def conflict_findings(
    conflicts: Iterable[Conflict], governed: Governed, *, codes: str = "", adopted: bool = False
) -> tuple[Finding, ...]:
    """Return an error for each conflict: the existing control or policy, its owner, the second one, and the fixes.

    `codes` is a prefix of the codes, which are then in lower case; `adopted`: adoption was requested and did not resolve them.
    """
    tables = {t.name.plain.casefold(): t for t in governed.tables}
    found = []
    for conflict in conflicts:
        code = MASKED_INPUT if conflict.reads_masked else SECOND_MASK if conflict.column else SECOND_FILTER
        reported = [_reported(use, conflict, governed) for use in conflict.uses]
        what = {
            SECOND_MASK: "two masks on one column fail every query (MULTIPLE_MASKS)",
            SECOND_FILTER: "two row filters on one table fail every query (MULTIPLE_ROW_FILTERS)",
            MASKED_INPUT: "a function that reads a masked column fails every query (MASKED_COLUMN_AS_INPUT)",
        }[code]
        found.append(
            Finding(
                code=f"{codes}{code.lower()}" if codes else code, severity=Severity.ERROR, location=conflict.securable,
                message=f"{what}: {'; '.join(reported)}; affects {_several(conflict.principals)}",
                fix=_fix(conflict, governed, tables, adopted=adopted),
            )
        )  # fmt: skip
    return tuple(found)


def _several(names: tuple[str, ...]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def _reported(use: FunctionUse, conflict: Conflict, governed: Governed) -> str:
    if use.policy == SET_ON_TABLE:
        owner = governed.owners.get(("TABLE", conflict.table.plain), "")
        return f"{use.function} is set on the table itself (the table's owner: {owner or 'unknown'})"
    policy = _policy_of(use, conflict, governed)
    if policy is None:
        return f"{use.function} by policy {use.policy} of this plan"
    kind, name, _ = policy.key
    mark = mark_of(str(policy.raw.get("comment") or ""))
    whose = f"managed by lampkeeper for {mark!r}" if mark else f"made by {policy.raw.get('created_by') or 'unknown'}"
    return f"{use.function} by policy {use.policy} on {kind.lower()} {name} ({whose})"


def _policy_of(use: FunctionUse, conflict: Conflict, governed: Governed) -> LivePolicy | None:
    for each in governed.policies:
        policy = each.policy
        if policy is None or (policy.name, policy.function) != (use.policy, use.function):
            continue
        prefix = [p.casefold() for p in policy.securable]
        if [p.casefold() for p in conflict.table.parts[: len(prefix)]] == prefix:
            return each
    return None


def _fix(conflict: Conflict, governed: Governed, tables: Mapping[str, Table], *, adopted: bool) -> str:
    ways = []
    on_table = [u for u in conflict.uses if u.policy == SET_ON_TABLE]
    for control in governed.controls:
        if control.table == conflict.table and any(u.function == control.function for u in on_table):
            why = why_not(ControlSlot.of(control), tables)
            drop = f"ALTER TABLE {control.table.sql} " + (
                f"ALTER COLUMN {quote_identifier(control.column)} DROP MASK" if control.column else "DROP ROW FILTER"
            )
            if why and not conflict.reads_masked:
                ways.append(f"it cannot be adopted ({why}): have the owner drop it")
            elif not adopted and not conflict.reads_masked:
                ways.append(f"run `plan --adopt` to adopt it, so that a destroy restores it, or drop it: {drop}")
    others = [p for u in conflict.uses if u.policy != SET_ON_TABLE and (p := _policy_of(u, conflict, governed)) is not None]
    foreign = [p for p in others if not mark_of(str(p.raw.get("comment") or ""))]
    for policy in foreign:
        kind, name, label = policy.key
        drop = f"DROP POLICY {quote_identifier(label)} ON {kind} {name}"
        ways.append(f"exclude this from policy {label} (its tags, TO or EXCEPT), or {drop}")
    ways.append("or keep the existing one: label the column `none`, or remove the table from uc_tables")
    return "; ".join(dict.fromkeys(ways))


def takeover_findings(changes: Iterable[Change[Any]]) -> tuple[Finding, ...]:
    """Return the order of steps for each control that is dropped or restored, and what readers get in between."""
    found = []
    for change in changes_of(changes, TABLE_CONTROL):
        if not change.action.writes or change.before is None or change.after is None:
            continue
        old, new, column = change.before.control, change.after.control, change.after.column
        what, fails = ("column", "MULTIPLE_MASKS") if column else ("table", "MULTIPLE_ROW_FILTERS")
        if new is None and old is not None:
            code, drop = "TAKEN_OVER", "DROP MASK" if column else "DROP ROW FILTER"
            message = (
                f"{old.function}, set on the table itself, is replaced: first policies and tags take effect, and every query of "
                f"the {what} fails ({fails}), so it stays protected; then {drop}, and readers get what the policies define. "
                "It is kept in the state, and a destroy restores it"
            )
        else:
            code = "SET_AGAIN"
            message = (
                f"{new.function if new else 'nothing'} is set on the table again, as it was before its adoption; then every "
                f"query of the {what} fails ({fails}) until the policies are deleted, so it stays protected"
            )
        location = str(ColumnName(change.after.table, column)) if column else str(change.after.table)
        found.append(Finding(code=code, severity=Severity.INFO, location=location, message=message))
    return tuple(found)


def not_shown_findings(governed: Governed, *, code: str = "CONTROLS_NOT_SHOWN") -> tuple[Finding, ...]:
    """Return a warning if tables in scope may have masks and filters that the runner cannot see."""
    names = [str(t) for t in governed.controls_not_shown]
    if not names:
        return ()
    message = f"the runner cannot see column masks and row filters set on {len(names)} tables: {_several(tuple(names))}"
    fix = "grant the runner SELECT or MANAGE on them: with a second mask or filter, every query fails"
    return (Finding(code=code, severity=Severity.WARNING, location="tables", message=message, fix=fix),)
