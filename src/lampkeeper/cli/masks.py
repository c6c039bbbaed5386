"""masks: the library of masks with examples, and the checklist that a mask must pass before use."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from lampkeeper.app.own_masks import mark_checked, read_mask
from lampkeeper.cli.app import common
from lampkeeper.cli.console import cell, new_table
from lampkeeper.cli.context import CommandContext
from lampkeeper.cli.outcome import Outcome
from lampkeeper.cli.program import CommandGroup
from lampkeeper.design.knowledge.library import Library, LibraryFunction, load_library
from lampkeeper.design.knowledge.overlays import built_in_overlays
from lampkeeper.maskcheck.checks import NUMBERS, Item, Verdict, check_masks
from lampkeeper.maskcheck.engine import local_engine
from lampkeeper.maskcheck.mask_sets import check_set, mutants_die
from lampkeeper.maskcheck.rows import check_rows
from lampkeeper.model.findings import Finding, Severity
from lampkeeper.model.masks import FunctionRole

_ROWS_OF_ONE, _ROWS_OF_MANY = 1_000_000, 100_000
"""Rows over which a mask is timed: for a user's own file, and for each mask of the library."""


class _ListByDefault(CommandGroup):
    """A group whose first subcommand may be left out: `masks --json` is `masks list --json`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Insert `list` in front of options that belong to it."""
        if not args or (args[0].startswith("-") and args[0] not in ("--help", "-h")):
            args = ["list", *args]
        return super().parse_args(ctx, args)


@click.group("masks", cls=_ListByDefault)
def masks_group() -> None:
    """List the library of masks and row filters; `check` runs the checklist."""


@masks_group.command("list", short_help="List the masks and row filters of the library.")
@common(env=False)
def list_command(context: CommandContext) -> Outcome:
    """List the masks and row filters, what each preserves of a value, and an example."""
    library = load_library()
    listed = [*library.of_role(FunctionRole.MASK), *library.of_role(FunctionRole.FILTER)]
    table = new_table("function", "class", "shows", "example")
    document = []
    for each in listed:
        function = each.function
        signature = f"{each.name}({', '.join(f'{p.name} {p.type}' for p in function.parameters)}) -> {function.returns}"
        examples = [f"{', '.join(e.arguments)} -> {e.returns}" for e in function.examples]
        table.add_row(cell(signature), cell(each.label), cell(each.reveals), cell(examples[0] if examples else ""))
        document.append(
            {
                "name": each.name,
                "role": str(function.role),
                "signature": signature,
                "class": each.label,
                "reveals": each.reveals,
                "note": each.note,
                "examples": examples,
            }
        )
    context.console.table(table)
    return Outcome(document=document)


@masks_group.command("check", short_help="Run the checklist on masks.")
@click.argument("files", nargs=-1, type=click.Path(path_type=Path, dir_okay=False))
@common(env=False)
def check_command(context: CommandContext, files: tuple[Path, ...]) -> Outcome:
    """Run the checklist on mask files (default: the library) in the local engine.

    An environment may use a file in its folder `masks` once the file passes, until it changes.
    """
    own = {path: read_mask(path) for path in files}
    functions = list(own.values()) or list(load_library().of_role(FunctionRole.MASK))
    with context.console.progress("checking masks"), local_engine() as ask:
        verdicts = [
            *check_masks(functions, built_in_overlays(), ask),
            *check_rows(functions, ask, ask.sql, rows=_ROWS_OF_ONE if own else _ROWS_OF_MANY),
        ]
        sets = []
        if not own:
            library, overlays = Library(functions={f.name: f for f in functions}), built_in_overlays()
            sets = [*check_set(library, overlays, ask, ask.sql), mutants_die(library, overlays, ask)]
    _print_verdicts(context, functions, verdicts)
    if sets:
        table = new_table("no", "items about sets of masks", "", "result")
        for line in sets:
            table.add_row(
                cell(line.number or ""),
                cell(line.item),
                cell("ok" if line.good else "FAILED", "" if line.good else "red"),
                cell(line.seen),
            )
        context.console.table(table)
    findings = [_finding(v.function, str(v.item), v.seen) for v in verdicts if v.good is False]
    findings += [_finding("library", line.item, line.seen) for line in sets if not line.good]
    failed = {v.function for v in verdicts if v.good is False}
    for path, function in own.items():
        if function.name not in failed:
            mark_checked(path)
    context.console.line(f"{len(functions)} masks, {len(functions) - len(failed)} pass")
    document = {
        "masks": [{"name": f.name, "items": {str(v.item): v.good for v in verdicts if v.function == f.name}} for f in functions],
        "sets": {line.item: line.good for line in sets},
        "findings": [f.as_dict() for f in findings],
    }
    return Outcome(document=document, findings=tuple(findings))


def _finding(location: str, item: str, seen: str) -> Finding:
    fix = "see `lampkeeper masks` for masks that pass, and docs/overlays.md for the checklist"
    return Finding(code="MASK_CHECK", severity=Severity.ERROR, location=location, message=f"{item}: {seen or 'failed'}", fix=fix)


def _print_verdicts(context: CommandContext, functions: Sequence[LibraryFunction], verdicts: Sequence[Verdict]) -> None:
    by_item = {(v.function, v.item): v for v in verdicts}
    table = new_table("mask", *(f"{NUMBERS[i]} {i}" if i in NUMBERS else str(i) for i in Item))
    for function in functions:
        cells = []
        for item in Item:
            verdict = by_item.get((function.name, item))
            if verdict is None or verdict.good is None:
                cells.append(cell("-"))
            else:
                cells.append(cell("ok" if verdict.good else "NO", "" if verdict.good else "red"))
        table.add_row(cell(function.name), *cells)
    context.console.table(table)


COMMANDS = (masks_group,)
