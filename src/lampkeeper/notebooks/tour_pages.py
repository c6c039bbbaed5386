"""The tour: what the applied plans changed for whom, with the evidence, and an invented example of each mask."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from lampkeeper.model.errors import UsageError
from lampkeeper.notebooks.opened import Opened
from lampkeeper.notebooks.plan_pages import changes_of
from lampkeeper.notebooks.shown import Row, Shown
from lampkeeper.text.counting import counted

COLUMNS = ("principal", "table", "column", "before", "after", "example_before", "example_after", "why")
_MASKED = "masked by "


def changed(found: Opened, hashes: Sequence[str]) -> Shown:
    """Return one row per principal and column whose access the applied plans changed. No row of a table is read.

    The example of a mask is the one in its definition, an invented value.
    """
    if not hashes:
        raise UsageError(f"nothing was applied in {found.env!r} yet", fix="run the job governance, then this cell again")
    changes, examples = changes_of(found, hashes)
    evidence = {(str(x.column.table), x.column.column): f"{x.kind}: {'; '.join(x.evidence)}" for x in found.inputs.labels}
    rows: list[Row] = []
    for change in changes:
        given = examples.get(change.after.removeprefix(_MASKED), ("", "")) if change.after.startswith(_MASKED) else ("", "")
        column = change.column if change.column is not None else "(rows)"
        rows.append(
            {
                "principal": change.principal, "table": str(change.table), "column": column, "before": change.before,
                "after": change.after, "example_before": given[0], "example_after": given[1],
                "why": evidence.get((str(change.table), column), "a row filter of the table" if change.column is None else ""),
            }
        )  # fmt: skip
    people = len({row["principal"] for row in rows})
    return Shown(
        title=f"What changed in {found.env}", columns=COLUMNS, rows=tuple(rows),
        summary=f"{counted(len(hashes), 'applied plan')} changed {counted(len(rows), 'cell')} of {counted(people, 'principal')}",
    )  # fmt: skip


def three_principals(shown: Shown) -> tuple[str, ...]:
    """Return all principals of the table; those that differ most from each other come first."""
    states: dict[str, Counter[str]] = {}
    for row in shown.rows:
        after = str(row["after"])
        states.setdefault(str(row["principal"]), Counter())["masked" if after.startswith(_MASKED) else after] += 1
    kinds: dict[str, list[str]] = {}
    for who, counts in sorted(states.items()):
        kinds.setdefault(counts.most_common(1)[0][0], []).append(who)
    first = [names[0] for names in kinds.values()]
    return (*first, *(who for who in sorted(states) if who not in first))


def per_principal(shown: Shown) -> Shown:
    """Return one row per principal: how many columns were readable before, and are raw, masked or closed now."""
    rows: list[Row] = []
    for who in sorted({str(row["principal"]) for row in shown.rows}):
        mine = [row for row in shown.rows if row["principal"] == who and row["column"] != "(rows)"]
        after = Counter("masked" if str(row["after"]).startswith(_MASKED) else str(row["after"]) for row in mine)
        before = Counter("masked" if str(row["before"]).startswith(_MASKED) else str(row["before"]) for row in mine)
        rows.append(
            {
                "principal": who, "raw_before": before["raw"], "raw_now": after["raw"], "masked_now": after["masked"],
                "hidden_now": after["hidden"] + after["no rows"],
            }
        )  # fmt: skip
    return Shown(
        title="For whom", columns=("principal", "raw_before", "raw_now", "masked_now", "hidden_now"), rows=tuple(rows),
        summary=f"{shown.summary}; columns that stayed as they were are not counted",
    )  # fmt: skip
