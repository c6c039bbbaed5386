"""The HTML report: one file that asks for nothing from outside, readable by a steward, every name escaped.

A pure renderer: values in, text out. The matrix is a picture: rows are columns, grouped by table; principals stand across;
colour and symbol say what each gets. Tables fold, and a small script filters them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from importlib import resources

from lampkeeper.deploy.plan import Plan
from lampkeeper.deploy.printed_plan import Line, plan_lines
from lampkeeper.deploy.verify.report import CellVerdict, Status, VerifyReport
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
OPEN_TABLES = 12
"""Up to so many tables are unfolded when the page opens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What a report shows; what is absent is left out."""

    title: str
    matrix: Matrix | None = None
    labels: tuple[Label, ...] = ()
    plan: Plan | None = None
    verification: VerifyReport | None = None
    drift: tuple[Finding, ...] | None = None
    facts: Mapping[str, str] = field(default_factory=dict)
    queries: tuple[tuple[str, str, str], ...] = ()
    basis: str = ""


def render_page(page: Page) -> str:
    """Return the page as one HTML document."""
    sections = [_facts(page)]
    if page.verification is not None:
        sections.append(_verification(page.verification, page.basis))
    if page.matrix is not None:
        sections.append(_matrix(page.matrix, page.labels, page.verification))
    if page.drift is not None:
        sections.append(
            _findings("Drift", page.drift, "No drift: every sensitive column is covered, and every tag has its column.")
        )
    if page.plan is not None:
        sections.append(_plan(page.plan))
    if page.labels:
        sections.append(_labels(page.labels))
    body = "\n".join(s for s in sections if s)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; "
        "script-src 'unsafe-inline'\">\n"
        f"<title>{_text(page.title)}</title>\n<style>{_resource('report.css')}</style>\n</head>\n<body>\n<main>\n<h1>{_text(page.title)}</h1>\n"
        f"{body}\n</main>\n<script>{_resource('report.js')}</script>\n</body>\n</html>\n"
    )


def _resource(name: str) -> str:
    return resources.files("lampkeeper.cli").joinpath(name).read_text(encoding="utf-8")


def _text(value: object) -> str:
    shown = "".join(c if c.isprintable() or c == "\n" else f"\\x{ord(c):02x}" for c in str(value))
    return escape(shown, quote=True)


def _facts(page: Page) -> str:
    rows = "".join(f"<dt>{_text(k)}</dt><dd>{_text(v)}</dd>" for k, v in page.facts.items())
    return f'<dl class="facts">{rows}</dl>' if rows else ""


def _matrix(matrix: Matrix, labels: Iterable[Label], verification: VerifyReport | None) -> str:
    by_table: dict[TableName, list[ColumnName]] = {}
    for column in dict.fromkeys(c for _, c in matrix.cells):
        by_table.setdefault(column.table, []).append(column)
    labelled = {x.column: x for x in labels}
    bad = {(c.principal, c.column) for c in verification.cells if c.status is Status.MISMATCH} if verification else set()
    legend = "".join(
        f'<span class="key {name}"><b>{symbol}</b> {_text(meaning)}</span>'
        for symbol, name, meaning in (
            ("●", "raw", "the value itself"),
            ("●", "open", "the value of a column that needs no protection"),
            ("◐", "masked", "the mask's value"),
            ("○", "hidden", "no access"),
            ("✕", "failing", "the query fails"),
        )
    )
    tables = [
        _matrix_table(name, columns, matrix, labelled, bad, opened=len(by_table) <= OPEN_TABLES)
        for name, columns in sorted(by_table.items())
    ]
    overview = _overview(by_table, matrix, labelled) if len(by_table) > 1 else ""
    return (
        f'<section id="matrix"><h2>Who sees what</h2><p class="legend">{legend}</p>{overview}'
        '<p class="tools"><input id="filter" type="search" placeholder="filter by table, column or mask" '
        'aria-label="filter the tables"> <button type="button" id="fold">fold all</button> '
        f'<button type="button" id="unfold">unfold all</button></p>{"".join(tables)}</section>'
    )


def _overview(by_table: Mapping[TableName, Sequence[ColumnName]], matrix: Matrix, labels: Mapping[ColumnName, Label]) -> str:
    """Return tables × principals: how many protected columns each gets raw and masked, coloured by the most open one."""
    rows = []
    bare = 0
    for name, columns in sorted(by_table.items()):
        protected = [c for c in columns if c in labels and labels[c].protected] if labels else list(columns)
        if not protected:
            bare += 1
            continue
        cells = "".join(_summary_cell([matrix.cells[(p, c)] for c in protected]) for p in matrix.principals)
        rows.append(f'<tr><th scope="row">{_text(name)}</th><td>{len(protected)}</td>{cells}</tr>')
    head = "".join(f'<th scope="col">{_text(p)}</th>' for p in matrix.principals)
    rest = f"<p>{bare} more tables hold no protected column.</p>" if bare else ""
    return (
        f"<details{' open' if len(rows) <= 400 else ''}><summary>protected columns at a glance <small>{len(rows)} tables</small>"
        '</summary><div class="scroll"><table><thead><tr><th>table</th><th>protected columns</th>'
        f"{head}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>{rest}</details>"
    )


def _summary_cell(cells: Sequence[Cell]) -> str:
    counts = {state: sum(c.state is state for c in cells) for state in CellState}
    order = (CellState.RAW, CellState.MASKED, CellState.FAILING, CellState.NO_ROWS, CellState.HIDDEN)
    worst = next(s for s in order if counts[s])
    text = " ".join(f"{SYMBOLS[s][0]} {n}" for s, n in counts.items() if n)
    words = ", ".join(f"{n} {SYMBOLS[s][1]}" for s, n in counts.items() if n)
    return f'<td class="{SYMBOLS[worst][1]}" title="{words}">{text}</td>'


def _matrix_table(
    name: TableName,
    columns: Sequence[ColumnName],
    matrix: Matrix,
    labels: Mapping[ColumnName, Label],
    bad: set[tuple[str, ColumnName]],
    *,
    opened: bool,
) -> str:
    head = "".join(f'<th scope="col"><span>{_text(p)}</span></th>' for p in matrix.principals)
    protected = sum(1 for c in columns if c in labels and labels[c].protected)
    rows = []
    for column in columns:
        label = labels.get(column)
        plain = label is not None and not label.protected
        cells = "".join(_cell(matrix.cells[(p, column)], (p, column) in bad, plain=plain) for p in matrix.principals)
        note = f'<small class="{label.protect}">{_text(label.label)}</small>' if label is not None else ""
        rows.append(f'<tr><th scope="row">{_text(column.column)} {note}</th>{cells}</tr>')
    filters = [matrix.filters.get((p, name), "") for p in matrix.principals]
    if any(filters):
        reads = [matrix.cells[(p, columns[0])].state is not CellState.HIDDEN for p in matrix.principals]
        cells = "".join(f'<td class="rows">{_filter(f, reads=r)}</td>' for f, r in zip(filters, reads, strict=True))
        rows.append(f'<tr class="filters"><th scope="row">rows</th>{cells}</tr>')
    count = f"{len(columns)} columns" + (f", {protected} protected" if protected else "")
    body = f"<table><thead><tr><th></th>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
    return (
        f'<details class="table"{" open" if opened else ""}><summary>{_text(name)} <small>{count}</small></summary>'
        f'<div class="scroll">{body}</div></details>'
    )


def _cell(cell: Cell, mismatch: bool, *, plain: bool) -> str:
    symbol, name = SYMBOLS[cell.state]
    short = cell.by.rsplit(".", 1)[-1] if cell.state is CellState.MASKED else ""
    mark = ' <b class="wrong">verification failed</b>' if mismatch else ""
    colour = "open" if plain and cell.state is CellState.RAW else name
    return f'<td class="{colour}" title="{_text(cell)}"><b>{symbol}</b> {_text(short) or name}{mark}</td>'


def _filter(text: str, *, reads: bool) -> str:
    if not text:
        return "all" if reads else "none"
    return f'<span title="{_text(text)}">▽ {_text(text.split("(")[0].rsplit(".", 1)[-1])}</span>'


def _verification(report: VerifyReport, basis: str) -> str:
    counts = report.counts
    verdict = '<p class="verdict good">Passed</p>' if report.ok else '<p class="verdict bad">Failed</p>'
    summary = ", ".join(f"{n} {_text(what)}" for what, n in counts.items())
    principals = "".join(
        f"<tr><th scope='row'>{_text(p.name)}</th><td>{_text(', '.join(p.groups)) or 'no group'}</td>"
        f"<td>{'made for the run' if p.probe else 'named'}{', reference' if p.reference else ''}</td>"
        f"{_row_of(p.name, report)}</tr>"
        for p in report.principals
    )
    checked = ", ".join(f"{_text(what)} {n}" for what, n in report.checked)
    listed = _finding_list(report.findings)
    columns = ", ".join(str(c) for c in sorted(report.undeclared))
    undeclared = f'<p class="wrong">Columns that nobody declared: {_text(columns)}</p>' if columns else ""
    return (
        f'<section id="verification"><h2>Verification</h2>{verdict}{undeclared}<p>{_text(report.verdict)}. '
        f"{summary}; {report.queries} queries. "
        f"Objects compared: {checked or 'none'}.{f' The verdict rests on {_text(basis)}.' if basis else ''}</p>"
        '<div class="scroll"><table><thead><tr><th>asked as</th><th>groups</th><th></th><th>ok</th><th>mismatch</th>'
        f"<th>unproven</th><th>untested</th></tr></thead><tbody>{principals}</tbody></table></div>{listed}</section>"
    )


def _row_of(name: str, report: VerifyReport) -> str:
    mine: list[CellVerdict] = [c for c in report.cells if c.principal == name]
    return "".join(
        f'<td class="{"wrong" if status is Status.MISMATCH and n else ""}">{n}</td>'
        for status in (Status.OK, Status.MISMATCH, Status.UNPROVEN, Status.UNTESTED)
        for n in [sum(c.status is status for c in mine)]
    )


def _findings(title: str, findings: Sequence[Finding], clean: str) -> str:
    body = _finding_list(findings) if findings else f'<p class="verdict good">{_text(clean)}</p>'
    return f"<section><h2>{_text(title)}</h2>{body}</section>"


def _finding_list(findings: Sequence[Finding]) -> str:
    items = "".join(
        f'<li class="{f.severity}"><b>{_text(f.code)}</b> <code>{_text(f.place)}</code> {_text(f.message)}'
        f"{f'<br><small>fix: {_text(f.fix)}</small>' if f.fix else ''}</li>"
        for f in findings
    )
    if not items:
        return ""
    folded = f"<details{' open' if len(findings) <= 30 else ''}><summary>findings <small>{len(findings)}</small></summary>"
    return f'{folded}<ul class="findings">{items}</ul></details>'


def _plan(plan: Plan) -> str:
    if plan.empty:
        nothing = "Nothing to do: the workspace stands as desired."
        return f'<section id="plan"><h2>Plan</h2><p class="verdict good">{nothing}</p></section>'
    return (
        f'<section id="plan"><h2>Plan</h2>{_lines(plan_lines(plan))}<details><summary>each change on its own</summary>'
        f"{_lines(plan_lines(plan, full=True))}</details></section>"
    )


def _lines(lines: Iterable[Line]) -> str:
    items = "".join(f'<li class="{line.tone}">{_text(line.text)}</li>' for line in lines)
    return f'<ul class="plan scroll">{items}</ul>'


def _labels(labels: Sequence[Label]) -> str:
    order = {Protect.UNDECIDED: 0, Protect.YES: 1, Protect.NO: 2}
    rows = "".join(
        f'<tr><th scope="row">{_text(x.column)}</th><td class="{x.protect}">{_text(x.protect)}</td>'
        f"<td>{_text(x.label)}{f'/{_text(x.subtype)}' if x.subtype else ''}</td><td>{x.confidence:.2f}</td>"
        f"<td>{_text('; '.join(x.evidence))}</td><td>{_text(x.source)}</td></tr>"
        for x in sorted(labels, key=lambda x: (order[x.protect], x.column))
    )
    counts = {p: sum(x.protect is p for x in labels) for p in Protect}
    return (
        '<section id="labels"><h2>Labels</h2>'
        f"<p>columns {len(labels)} = protected {counts[Protect.YES]} + open {counts[Protect.NO]} "
        f"+ undecided {counts[Protect.UNDECIDED]} (undecided columns are protected until somebody has looked at them)</p>"
        f"<details{' open' if len(labels) <= 200 else ''}><summary>all labels with their evidence</summary>"
        '<div class="scroll"><table><thead><tr><th>column</th><th>protect</th><th>label</th><th>confidence</th><th>evidence</th>'
        f"<th>source</th></tr></thead><tbody>{rows}</tbody></table></div></details></section>"
    )
