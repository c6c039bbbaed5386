"""The result of a verification as tables: what each principal got from each column."""

from __future__ import annotations

from collections.abc import Collection

from lampkeeper.cli.console import Console, cell, new_table
from lampkeeper.deploy.verify.report import Seen, Status, VerifyReport
from lampkeeper.model.names import TableName
from lampkeeper.text.counting import counted

_SEEN = {Seen.RAW: "bold yellow", Seen.MASKED: "green", Seen.HIDDEN: "dim"}
_MARKS = {Status.OK: "", Status.MISMATCH: " MISMATCH", Status.UNPROVEN: " ?", Status.UNTESTED: " untested"}


def print_verification(
    console: Console,
    report: VerifyReport,
    *,
    everything: bool = False,
    basis: str = "",
    only: Collection[TableName] = (),
    most: int | None = None,
) -> None:
    """Print what each principal got from each column, with a mark on results that are wrong or prove nothing.

    `basis` counts the unconfirmed rules of the local workspace. `only` limits the tables without mismatches that
    are shown (all if there are few), `most` the columns per table.
    """
    _print_tables(console, report, everything=everything, only=only, most=most)
    if report.spaces:
        for line in report.spaces:
            console.line(line)
        console.line("masks, row filters and grants are not verified here: another environment governs the tables (genie_only)")
        console.line(report.verdict, "bold green" if report.ok else "bold red")
        return
    how = f"in {counted(report.queries, 'statement')}, {report.seconds:.1f} s"
    results = ", ".join(f"{n} {what}" for what, n in report.counts.items())
    console.line(f"{len(report.cells)} cells and {len(report.rows)} row counts {how}: {results}")
    console.line("objects compared: " + (", ".join(f"{what} {n}" for what, n in report.checked) or "none"))
    for line in (*report.unreviewed, *(f"raw by exemption: {e}" for e in report.exemptions)):
        console.line(line)
    if report.keyed:
        console.line(report.keyed)
    if basis:
        console.line(f"not confirmed on a Databricks workspace: {basis}")
    console.line(report.verdict, "bold green" if report.ok else "bold red")


def _print_tables(
    console: Console, report: VerifyReport, *, everything: bool, only: Collection[TableName], most: int | None
) -> None:
    """Print a table of what each principal got for each table that is to be shown."""
    names = [p.name for p in report.principals]
    tables = sorted({c.column.table for c in report.cells})
    cells = {(c.principal, c.column): c for c in report.cells}
    rows = {(r.principal, r.table): r for r in report.rows}
    for name in tables:
        columns = list(dict.fromkeys(c.column for c in report.cells if c.column.table == name))
        wrong = any(cells[(p, c)].status is not Status.OK for p in names for c in columns)
        wrong = wrong or any(rows[(p, name)].status is not Status.OK for p in names)
        wrong = wrong or any(c in report.undeclared for c in columns)
        if not everything and not wrong and (name not in only if only else len(tables) > 12):
            continue
        left_out = columns[most:] if most is not None and not wrong else []
        columns = columns[: len(columns) - len(left_out)]
        shown = new_table("column", *names, title=str(name))
        for column in columns:
            found = [cells[(p, column)] for p in names]
            undeclared = column in report.undeclared
            shown.add_row(
                cell(f"{column.column} UNDECLARED" if undeclared else column.column, "bold red" if undeclared else ""),
                *(cell(f"{v.seen}{_MARKS[v.status]}", _style(v.status, v.seen)) for v in found),
            )
        counts = [rows[(p, name)] for p in names]
        shown.add_row(
            cell("(rows)", "italic"),
            *(cell(f"{'-' if r.seen is None else r.seen}{_MARKS[r.status]}", _style(r.status, None)) for r in counts),
        )
        console.table(shown)
        if left_out:
            console.line(f"and {len(left_out)} more columns, all as declared")


def _style(status: Status, seen: Seen | None) -> str:
    if status is Status.MISMATCH:
        return "bold red"
    return _SEEN.get(seen, "") if seen is not None else "italic"
