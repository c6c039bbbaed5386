"""The HTML report: one file that loads nothing from elsewhere, readable by a steward.

This module counts and chooses what to show; the templates in `lampkeeper.html` render it. Each row of the matrix is a column,
grouped by table; each column is a principal; colour and symbol show the access. Tables fold, and a small script filters them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from lampkeeper.deploy.plan import Plan
from lampkeeper.deploy.printed_plan import plan_lines
from lampkeeper.deploy.verify.report import Status, VerifyReport
from lampkeeper.html import render
from lampkeeper.model.access import Cell, CellState
from lampkeeper.model.effective import Matrix
from lampkeeper.model.findings import Finding
from lampkeeper.model.labels import Label, Protect
from lampkeeper.model.names import ColumnName, TableName

SYMBOLS = {
    CellState.RAW: ("●", "raw"),
    CellState.MASKED: ("◐", "masked"),
    CellState.NO_ROWS: ("○", "hidden"),
    CellState.HIDDEN: ("○", "hidden"),
    CellState.FAILING: ("✕", "failing"),
}
LEGEND = (
    ("●", "raw", "the value itself"),
    ("●", "open", "the value of a column that is not sensitive"),
    ("◐", "masked", "the value that the mask returns"),
    ("○", "hidden", "no access"),
    ("✕", "failing", "the query fails"),
)
OPEN_TABLES = 12
"""The most tables that are unfolded when the page opens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """The content of a report; absent parts are left out."""

    title: str
    matrix: Matrix | None = None
    labels: tuple[Label, ...] = ()
    plan: Plan | None = None
    verification: VerifyReport | None = None
    drift: tuple[Finding, ...] | None = None
    facts: Mapping[str, str] = field(default_factory=dict)
    queries: tuple[tuple[str, str, str], ...] = ()
    basis: str = ""


class ShownCell(NamedTuple):
    """A cell of a table: its colour, the words of its tooltip, its text."""

    style: str
    title: str
    symbol: str
    text: str
    wrong: bool = False


class ShownColumn(NamedTuple):
    """A row of a table's matrix."""

    column: str
    label: Label | None
    cells: list[ShownCell]


class ShownTable(NamedTuple):
    """A table with its columns; `filters` is empty if no principal's rows are filtered."""

    name: TableName
    size: str
    rows: list[ShownColumn]
    filters: list[ShownCell]


class Summary(NamedTuple):
    """A row of the overview: a table's protected columns, and the access of each principal to them."""

    name: TableName
    protected: int
    cells: list[ShownCell]


def render_page(page: Page) -> str:
    """Return the page as one HTML document."""
    order = {Protect.UNDECIDED: 0, Protect.YES: 1, Protect.NO: 2}
    counts = Counter(x.protect for x in page.labels)
    return render(
        "report.html",
        title=page.title, facts=page.facts, drift=page.drift,
        plan=None if page.plan is None else () if page.plan.empty else plan_lines(page.plan),
        whole_plan=() if page.plan is None or page.plan.empty else plan_lines(page.plan, full=True),
        labels=sorted(page.labels, key=lambda x: (order[x.protect], x.column)),
        counts={str(p): counts[p] for p in Protect},
        **_verification(page.verification, page.basis),
        **_matrix(page.matrix, page.labels, page.verification),
    )  # fmt: skip


def _verification(report: VerifyReport | None, basis: str) -> dict[str, Any]:
    if report is None:
        return {"verification": None}
    found = Counter((c.principal, c.status) for c in report.cells)
    return {
        "verification": report, "basis": basis, "statuses": tuple(Status),
        "principals": [(p, {status: found[(p.name, status)] for status in Status}) for p in report.principals],
    }  # fmt: skip


def _matrix(matrix: Matrix | None, labels: Iterable[Label], verification: VerifyReport | None) -> dict[str, Any]:
    if matrix is None:
        return {"matrix": None}
    by_table: dict[TableName, list[ColumnName]] = {}
    for column in dict.fromkeys(c for _, c in matrix.cells):
        by_table.setdefault(column.table, []).append(column)
    labelled = {x.column: x for x in labels}
    wrong = {(c.principal, c.column) for c in verification.cells if c.status is Status.MISMATCH} if verification else set()
    overview = [s for s in (_summary(*one, matrix, labelled) for one in sorted(by_table.items())) if s.protected]
    return {
        "matrix": matrix, "legend": LEGEND, "open_tables": OPEN_TABLES, "bare": len(by_table) - len(overview),
        "overview": overview if len(by_table) > 1 else None,
        "tables": [_table(*one, matrix, labelled, wrong) for one in sorted(by_table.items())],
    }  # fmt: skip


def _summary(name: TableName, columns: Sequence[ColumnName], matrix: Matrix, labels: Mapping[ColumnName, Label]) -> Summary:
    """Return how many protected columns of a table each principal gets raw or masked, coloured by the widest access."""
    protected = [c for c in columns if c in labels and labels[c].protected] if labels else list(columns)
    if not protected:
        return Summary(name, 0, [])
    return Summary(name, len(protected), [_counted([matrix.cells[(p, c)] for c in protected]) for p in matrix.principals])


def _counted(cells: Sequence[Cell]) -> ShownCell:
    counts = {state: n for state in CellState if (n := sum(c.state is state for c in cells))}
    order = (CellState.RAW, CellState.MASKED, CellState.FAILING, CellState.NO_ROWS, CellState.HIDDEN)
    return ShownCell(
        style=SYMBOLS[next(s for s in order if s in counts)][1],
        title=", ".join(f"{n} {SYMBOLS[s][1]}" for s, n in counts.items()),
        symbol="",
        text=" ".join(f"{SYMBOLS[s][0]} {n}" for s, n in counts.items()),
    )


def _table(
    name: TableName,
    columns: Sequence[ColumnName],
    matrix: Matrix,
    labels: Mapping[ColumnName, Label],
    wrong: set[tuple[str, ColumnName]],
) -> ShownTable:
    protected = sum(1 for c in columns if c in labels and labels[c].protected)
    rows = [
        ShownColumn(
            column.column,
            label := labels.get(column),
            [_cell(matrix.cells[(p, column)], label, wrong=(p, column) in wrong) for p in matrix.principals],
        )
        for column in columns
    ]
    filters = [matrix.filters.get((p, name), "") for p in matrix.principals]
    reads = [matrix.cells[(p, columns[0])].state is not CellState.HIDDEN for p in matrix.principals]
    return ShownTable(
        name,
        f"{len(columns)} columns" + (f", {protected} protected" if protected else ""),
        rows,
        [_filter(f, reads=r) for f, r in zip(filters, reads, strict=True)] if any(filters) else [],
    )


def _cell(cell: Cell, label: Label | None, *, wrong: bool) -> ShownCell:
    symbol, style = SYMBOLS[cell.state]
    mask = cell.by.rsplit(".", 1)[-1] if cell.state is CellState.MASKED else ""
    open_ = label is not None and not label.protected and cell.state is CellState.RAW
    return ShownCell("open" if open_ else style, str(cell), symbol, mask or style, wrong)


def _filter(text: str, *, reads: bool) -> ShownCell:
    """Return the cell of a row filter: its function's name, or without a filter whether the principal gets all rows or none."""
    shown = text.split("(")[0].rsplit(".", 1)[-1] if text else "all" if reads else "none"
    return ShownCell("rows", text, "▽" if text else "", shown)
