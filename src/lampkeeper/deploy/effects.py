"""The effect of a plan on people, in sentences: who gets which columns how, before and after, and through which masks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from lampkeeper.deploy.kinds.description import escaped, shown
from lampkeeper.model.effective import OUTSIDER, MatrixChange
from lampkeeper.model.names import TableName, show_part

Total = tuple[str, TableName]
Spot = tuple[str, str]
"""An object by its container and its own name (empty: the container itself)."""

_MEMBER = "member of "
_MASKED = "masked by "
_MOST_PEOPLE = 4
_ROOM = 420
_LISTED = 12
"""From this number on, the columns of one table are counted instead of listed if all that change are meant."""


def cut_list(parts: Sequence[str], remaining: int | None) -> str:
    """Return as many parts as fit, at least one, and the number of the others."""
    text = parts[0] if parts else ""
    for number, part in enumerate(parts[1:], start=1):
        more = f" and {len(parts) - number} more"
        last = number + 1 == len(parts)
        if remaining is not None and len(text) + len(part) + 2 + (0 if last else len(more)) > remaining:
            return text + more
        text += f", {part}"
    return text


def held_together(spots: Iterable[Spot]) -> list[str]:
    """Return the objects of one container as one part: `main.shop.people (email, ssn)`."""
    holders: dict[str, list[str]] = {}
    for holder, name in spots:
        holders.setdefault(holder, []).extend([name] if name else [])
    return [f"{holder} ({', '.join(names)})" if names else holder for holder, names in holders.items()]


def sentences(changes: Iterable[MatrixChange], *, full: bool = False) -> list[str]:
    """Return one sentence per group of people whose access changes alike: who, how many columns, how they see them."""
    by_person: dict[tuple[str, str, str, bool], list[MatrixChange]] = {}
    totals: Counter[Total] = Counter()
    for change in changes:
        totals[change.principal, change.table] += change.column is not None
        words = (_word(change, change.before), _word(change, change.after))
        by_person.setdefault((change.principal, *words, change.column is None), []).append(change)
    alike: dict[tuple[str, str, tuple[str, str]], list[str]] = {}
    for (principal, before, after, _), found in by_person.items():
        alike.setdefault((before, after, _subject(found, {} if full else totals)), []).append(_person(principal))
    return [
        f"{_people(people, full=full)}: {what}: {before} -> {after}{'; ' if which else ''}{which}"
        for (before, after, (what, which)), people in alike.items()
    ]


def _people(people: Sequence[str], *, full: bool) -> str:
    most = len(people) if full else _MOST_PEOPLE
    more = f" and {len(people) - most} more" if len(people) > most else ""
    text = ", ".join(people[:most])
    return (text[0].upper() + text[1:] if text.startswith(("members of ", "principals ")) else text) + more


def _subject(changes: Sequence[MatrixChange], totals: Mapping[Total, int]) -> tuple[str, str]:
    """Return the changed cells in words, and the names of several columns; short with `totals`."""
    remaining = _ROOM if totals else None
    if changes[0].column is None:
        unreviewed = [f"unreviewed tables of {escaped(c.reach)}" for c in changes if c.of_unreviewed]
        return "rows of " + cut_list([*unreviewed, *(_table(c.table) for c in changes if not c.of_unreviewed)], remaining), ""
    if len(changes) == 1:
        return f"column {_table(changes[0].table)}.{_column(changes[0])}", ""
    schemas = {c.table.parts[:2] for c in changes}
    short = len(schemas) == 1
    here = Counter(c.table for c in changes)
    whole = {t for t, n in here.items() if n > _LISTED and n == totals.get((changes[0].principal, t))}
    spots = [
        (
            escaped(show_part(c.table.table)) if short else _table(c.table),
            f"all {here[c.table]} that change" if c.table in whole else _column(c),
        )
        for c in changes
    ]
    of = escaped(".".join(map(show_part, schemas.pop()))) if short else f"{len(schemas)} schemas"
    return f"{len(changes)} columns of {of}", cut_list(held_together(dict.fromkeys(spots)), remaining)


def _table(table: TableName) -> str:
    return escaped(str(table))


def _column(change: MatrixChange) -> str:
    return escaped(show_part(change.column or ""))


def _word(change: MatrixChange, text: str) -> str:
    """Return how a column is seen, or which rows; a mask is named only if another one replaces it."""
    if change.column is None:
        return text if text in ("all rows", "no rows") else f"rows that {escaped(text)} keeps"
    both = change.before.startswith(_MASKED) and change.after.startswith(_MASKED)
    return "masked" if text.startswith(_MASKED) and not both else escaped(text)


def _person(principal: str) -> str:
    if principal == OUTSIDER.name:
        return "principals in no group"
    return f"members of {shown(principal[len(_MEMBER) :])}" if principal.startswith(_MEMBER) else shown(principal)


def masks_in(changes: Iterable[MatrixChange]) -> dict[str, tuple[str, ...]]:
    """Return the masks in effect after the plan, each with its columns, by table."""
    found: dict[str, dict[Spot, None]] = {}
    for change in changes:
        if change.column is not None and change.after.startswith(_MASKED):
            found.setdefault(change.after.removeprefix(_MASKED), {})[_table(change.table), _column(change)] = None
    return {mask: tuple(held_together(spots)) for mask, spots in sorted(found.items())}
