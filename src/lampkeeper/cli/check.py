"""matrix, diff, why: effective access of principals to columns."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import click

from lampkeeper.app.access import access_beside, access_of, live_access_of
from lampkeeper.app.inputs import EnvInputs
from lampkeeper.app.piloting import pilot_findings
from lampkeeper.app.unreviewed import bounded, unreviewed_column, with_unknown
from lampkeeper.cli.app import common
from lampkeeper.cli.console import Console, cell, new_table
from lampkeeper.cli.context import CommandContext
from lampkeeper.cli.named import (
    column_named,
    principal_named,
    require_catalogs,
    require_no_slip,
    table_of_workspace,
    tables_named,
)
from lampkeeper.cli.outcome import Outcome
from lampkeeper.cli.places import workspace_of
from lampkeeper.cli.state_storage import fetch_state
from lampkeeper.files.folder import EnvFolder
from lampkeeper.files.text import write_text
from lampkeeper.model.access import Access, CellState
from lampkeeper.model.effective import Direction, Matrix, MatrixChange, compare, compute_matrix, standard_principals
from lampkeeper.model.errors import UsageError
from lampkeeper.model.explain import Explanation, explain, show_control, show_use
from lampkeeper.model.names import ColumnName, TableName

STYLES = {CellState.RAW: "bold yellow", CellState.MASKED: "green", CellState.HIDDEN: "dim", CellState.FAILING: "bold red"}
STYLES[CellState.NO_ROWS] = "dim"
LIVE = "live"


def matrix_rows(matrix: Matrix) -> list[dict[str, str]]:
    """Return the matrix as flat rows: one for each principal and column."""
    return [
        {
            "principal": principal,
            "table": str(column.table),
            "column": column.column,
            "state": str(cell.state),
            "by": cell.by,
            "row_filter": matrix.filters.get((principal, column.table), ""),
        }
        for (principal, column), cell in sorted(matrix.cells.items(), key=lambda item: (item[0][1], item[0][0]))
    ]


def print_matrix(console: Console, matrix: Matrix) -> None:
    """Print a table for each table: columns down, principals across."""
    if console.as_json:
        return
    tables: dict[TableName, list[ColumnName]] = {}
    for column in dict.fromkeys(c for _, c in matrix.cells):
        tables.setdefault(column.table, []).append(column)
    for name in sorted(tables):
        shown = new_table("column", *matrix.principals, title=str(name))
        for column in tables[name]:
            cells = [matrix.cells[(p, column)] for p in matrix.principals]
            shown.add_row(cell(column.column), *(cell(_short(str(c)), STYLES[c.state]) for c in cells))
        filters = [matrix.filters.get((p, name), "") for p in matrix.principals]
        if any(filters):
            reads = [matrix.cells[(p, tables[name][0])].state is not CellState.HIDDEN for p in matrix.principals]
            texts = [_short(f) or ("all" if r else "none") for f, r in zip(filters, reads, strict=True)]
            shown.add_row(cell("(rows)", "italic"), *(cell(t, "italic") for t in texts))
        console.table(shown)


def _short(text: str) -> str:
    """Return `masked by f` without the function's catalog and schema."""
    head, by, function = text.partition(" by ")
    return f"{head} by {function.rsplit('.', 1)[-1]}" if by else text.split("(")[0].rsplit(".", 1)[-1]


@click.command("matrix")
@click.option("--csv", "csv_file", type=click.Path(path_type=Path, dir_okay=False), help="Write the matrix to this file.")
@click.option("--html", "html_file", type=click.Path(path_type=Path, dir_okay=False), help="Write it to this file as HTML.")
@click.option("--table", "only", default="", metavar="TEXT", help="Show only tables whose name contains this text.")
@click.option("--live", is_flag=True, help="Read the workspace instead of the files.")
@common(workspace=True)
def matrix_command(context: CommandContext, csv_file: Path | None, html_file: Path | None, only: str, live: bool) -> Outcome:
    """Show for each principal and column: raw, masked by which function, or hidden. Reads the files only, unless --live."""
    inputs = context.inputs()
    if live:
        fetch_state(context, inputs)
    access = live_access_of(inputs, workspace_of(context, inputs)) if live else access_of(inputs)
    matrix = compute_matrix(access, standard_principals(access))
    if only:
        matrix = tables_named(matrix, only)
    rows = matrix_rows(matrix)
    print_matrix(context.console, matrix)
    exemptions = [str(e) for e in inputs.settings.exemptions]
    unreviewed = unreviewed_dict(matrix)
    for catalog, shown in unreviewed.items():
        context.console.line(f"unreviewed tables of {catalog}, with SELECT on them: {_by_state(shown)}")
    for line in exemptions:
        context.console.line(f"raw by exemption: {line}")
    if csv_file is not None:
        text = io.StringIO()
        writer = csv.DictWriter(text, fieldnames=list(rows[0]) if rows else ["principal"], lineterminator="\n")
        writer.writeheader()
        writer.writerows({k: _no_formula(v) for k, v in row.items()} for row in rows)
        write_text(csv_file, text.getvalue())
        context.console.note(f"wrote {csv_file}")
    if html_file is not None:
        from lampkeeper.cli.report_page import Page, render_page

        write_text(html_file, render_page(Page(title=f"Who sees what: {context.env}", matrix=matrix)))
        context.console.note(f"wrote {html_file}")
    document = {"env": context.env, "principals": list(matrix.principals), "cells": rows}
    pilot = () if live else pilot_findings(inputs)
    return Outcome(document=document | {"unreviewed": unreviewed, "exemptions": exemptions}, findings=pilot)


def unreviewed_dict(matrix: Matrix) -> dict[str, dict[str, str]]:
    """Return, per catalog or schema, what each principal that may read it gets from an unreviewed table."""
    found: dict[str, dict[str, str]] = {}
    for (principal, reach), closed in sorted(matrix.unreviewed.items()):
        found.setdefault(".".join(reach), {})[principal] = str(CellState.NO_ROWS) if closed else "all rows"
    return dict(sorted(found.items()))


def _by_state(shown: dict[str, str]) -> str:
    groups: dict[str, list[str]] = {}
    for principal, state in shown.items():
        groups.setdefault(state, []).append(principal)
    return "; ".join(f"{state} for {bounded(names)}" for state, names in sorted(groups.items()))


def _no_formula(value: str) -> str:
    """Return a CSV cell that a spreadsheet does not run as a formula."""
    return f"'{value}" if value[:1] in ("=", "+", "-", "@", "\t", "\r") else value


def is_live(name: str) -> bool:
    """Return whether a side of a comparison is a workspace: `live` or `live:ENV`."""
    return name == LIVE or name.startswith(f"{LIVE}:")


def compared_access(context: CommandContext, a: str, b: str) -> tuple[Access, Access, Mapping[str, tuple[str, ...]]]:
    """Return the access of both sides, and the memberships that one side does not manage and takes from the other."""
    env = next((n for n in (a, b) if not is_live(n)), "")
    if not env and LIVE in (a, b):
        raise UsageError("`live` compared with `live`: the environment is missing", fix="name one: live:dev")
    names = [(n.partition(":")[2] or env) if is_live(n) else n for n in (a, b)]
    every = {name: EnvInputs(EnvFolder.existing(context.root, name)) for name in names}
    for side, name in zip((a, b), names, strict=True):
        if is_live(side):
            fetch_state(context, every[name])
    found: list[Access | None] = [
        live_access_of(every[name], workspace_of(context, every[name])) if is_live(side) else None
        for side, name in zip((a, b), names, strict=True)
    ]
    lives = [each for each in found if each is not None]
    outside: Mapping[str, tuple[str, ...]] = {}
    sides: list[Access] = []
    for each, name in zip(found, names, strict=True):
        if each is None and lives:
            each, outside = access_beside(every[name], lives[0])
        sides.append(each if each is not None else access_of(every[name]))
    return sides[0], sides[1], outside


def change_dict(change: MatrixChange) -> dict[str, str | None]:
    """Return the JSON form of a change of the matrix."""
    return {
        "principal": change.principal,
        "table": str(change.table),
        "column": change.column,
        "before": change.before,
        "after": change.after,
        "direction": str(change.direction),
    }


@click.command("diff")
@click.argument("a")
@click.argument("b")
@click.option(
    "--catalog-map",
    default="",
    metavar="A=B,…",
    help="Rename A's catalogs to B's before the comparison, such as dev_fin=prod_fin.",
)
@common(env=False, workspace=True)
def diff_command(context: CommandContext, a: str, b: str, catalog_map: str) -> Outcome:
    """Show who gains or loses access from A to B. Each is an environment, `live`, or `live:ENV`.

    `live` is the workspace of --profile; `live:ENV` is the workspace to which the environment ENV signs in.
    """
    first, second, outside = compared_access(context, a, b)
    people = standard_principals(first, second)
    names = read_map(catalog_map)
    require_catalogs(names, first, second)
    before = rename_catalogs(compute_matrix(first, people), names)
    changes = compare(before, rename_catalogs(compute_matrix(second, people), {}))
    for change in changes:
        context.console.line(change, "bold red" if change.direction is Direction.WIDER else "green")
    wider = sum(c.direction is Direction.WIDER for c in changes)
    for group, members in sorted(outside.items()):
        context.console.line(f"membership of {group} is not managed by the files, so it is not compared: {bounded(members)}")
    context.console.line(f"{len(changes)} changes: {wider} widen access, {len(changes) - wider} narrow it")
    document = {"a": a, "b": b, "wider": wider, "changes": [change_dict(c) for c in changes]}
    return Outcome(document=document | {"memberships": {group: list(members) for group, members in sorted(outside.items())}})


def read_map(text: str) -> dict[str, str]:
    """Read `a=b,c=d`; raise UsageError for anything else."""
    found: dict[str, str] = {}
    for part in filter(None, (p.strip() for p in text.split(","))):
        left, sign, right = part.partition("=")
        if not sign or not left.strip() or not right.strip() or left.strip() in found:
            raise UsageError(f"{part!r} is not a pair", fix="write source=target pairs separated by commas, each source once")
        found[left.strip()] = right.strip()
    return found


def rename_catalogs(matrix: Matrix, names: dict[str, str]) -> Matrix:
    """Return the matrix with catalogs renamed; functions are then compared by digest alone."""

    def table(name: TableName) -> TableName:
        return TableName(names.get(name.catalog, name.catalog), name.schema, name.table)

    return Matrix(
        principals=matrix.principals,
        cells={(p, ColumnName(table(c.table), c.column)): v for (p, c), v in matrix.cells.items()},
        filters={(p, table(t)): _renamed(v, names) for (p, t), v in matrix.filters.items()},
        filter_digests={(p, table(t)): v for (p, t), v in matrix.filter_digests.items()},
    )


def _renamed(text: str, names: dict[str, str]) -> str:
    for source, target in names.items():
        text = text.replace(f"{source}.", f"{target}.")
    return text


@click.command("why")
@click.argument("principal")
@click.argument("column", metavar="TABLE.COLUMN")
@click.option("--live", is_flag=True, help="Explain access in the workspace instead of the files.")
@common(workspace=True)
def why_command(context: CommandContext, principal: str, column: str, live: bool) -> Outcome:
    """Explain what PRINCIPAL gets from TABLE.COLUMN: groups, grants, tags, policies, mask, row filter.

    PRINCIPAL is a user, an application ID, a group (stands for one of its members), or `outsider` (in no group).
    """
    inputs = context.inputs()
    desired, settings = inputs.desired, inputs.settings
    outside, workspace = unreviewed_column(desired, column), None
    if live:
        fetch_state(context, inputs)
        workspace = workspace_of(context, inputs)
        read = partial(live_access_of, inputs, workspace, outside)
        access = table_of_workspace(read, outside, desired.tables)
    else:
        access = access_of(inputs)
        if outside is not None:
            require_no_slip(outside, desired.tables)
            context.console.note(
                f"{outside.table} is not in this environment: its tags and grants are not in the files (--live reads them)"
            )
            access = with_unknown(access, outside)
    also = [*(g.name for g in desired.groups), *(e.principal for e in settings.exemptions), *settings.operators]
    asked_about = principal_named(access, principal, also, workspace)
    found = explain(access, asked_about, column_named(access, column))
    print_explanation(context.console, found)
    return Outcome(document=found.as_dict())


def print_explanation(console: Console, found: Explanation) -> None:
    """Print the explanation step by step, the resulting access last."""

    def section(title: str, lines: list[str]) -> None:
        console.line(title, "bold")
        for line in lines or ["none"]:
            console.line(f"  {line}")

    console.line(f"{found.principal} -> {found.column}", "bold")
    section("groups", [str(g) for g in found.groups])
    section("grants", [str(p) for p in found.privileges])
    section("tags of the column", [str(t) for t in found.column_tags])
    section("tags of the table", [str(t) for t in found.table_tags])
    section("policies", [str(p) for p in found.policies])
    section("set on the table", [show_control(c, u) for c, u in found.on_table])
    section("mask", [show_use(u) for u in found.masks])
    section("row filter", [show_use(u) for u in found.filters])
    reason = f" ({found.cell.by})" if found.cell.by and found.cell.state is not CellState.MASKED else ""
    console.line(f"gets: {found.cell}{reason}", STYLES[found.cell.state])


COMMANDS = (matrix_command, diff_command, why_command)
