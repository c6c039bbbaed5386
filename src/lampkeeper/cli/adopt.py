"""adopt: records existing objects as managed."""

from __future__ import annotations

from typing import Any

import click

from lampkeeper.app.adopting import Adoption, adopt, find_adoption, words_of
from lampkeeper.app.inputs import EnvInputs
from lampkeeper.cli.app import common
from lampkeeper.cli.console import Console
from lampkeeper.cli.context import CommandContext
from lampkeeper.cli.deploy import chosen_layers, layers_option
from lampkeeper.cli.outcome import Outcome
from lampkeeper.cli.places import key_finder, workspace_of
from lampkeeper.cli.several import each_workspace
from lampkeeper.cli.state_storage import state_of
from lampkeeper.deploy.change import Change
from lampkeeper.deploy.kinds.description import escaped
from lampkeeper.model.findings import has_errors

_SHOWN = 20
"""How many objects of each part are listed without --full."""


@click.command("adopt")
@click.option("--dry-run", is_flag=True, help="Only report: write nothing, neither to the workspace nor to files.")
@layers_option("all three")
@click.option("--full", is_flag=True, help="List every object.")
@common(workspace=True, writes=True)
def adopt_command(context: CommandContext, dry_run: bool, layers: tuple[str, ...], full: bool) -> Outcome:
    """Record the existing objects that the files name as managed by this environment. Changes none of them.

    The next plan changes those that differ, and a destroy restores them. Masks and row filters that were set on tables are taken
    over by `apply --adopt` only.
    """
    inputs = context.inputs(account=True)

    def here(at: CommandContext, mine: EnvInputs) -> Outcome:
        return _adopt_here(at, mine, layers, dry_run=dry_run, full=full)

    with state_of(context, inputs, writes=not dry_run) as at:
        return each_workspace(at, inputs, chosen_layers(inputs, layers), here)


def _adopt_here(context: CommandContext, inputs: EnvInputs, layers: tuple[str, ...], *, dry_run: bool, full: bool) -> Outcome:
    workspace = workspace_of(context, inputs)
    with context.console.progress("reading the workspace"):
        found, states = find_adoption(
            inputs, workspace, layers=chosen_layers(inputs, layers), find_key=key_finder(context, inputs, workspace),
            write=not dry_run,
        )  # fmt: skip
    if has_errors(found.findings):
        return Outcome(document={"adopted": 0, "dry_run": dry_run}, findings=found.findings)
    print_adoption(context.console, found, full=full)
    recorded = 0
    if not dry_run:
        context.mirror(states)
        recorded = adopt(found, workspace, states)
    would = "adopt: dry run, nothing was written" if dry_run else f"adopt: {recorded} objects recorded"
    context.console.line(would)
    return Outcome(document={**adoption_dict(found), "dry_run": dry_run, "recorded": recorded}, findings=found.findings)


def print_adoption(console: Console, found: Adoption, *, full: bool = False) -> None:
    """Print what is adopted, what of it differs, and what is left alone."""
    _part(console, "adopted as it is", [_name(c) for c in found.adopted], full=full)
    differing = [f"{_name(c)}: {escaped('; '.join(reasons))}" for c, reasons in found.differing]
    _part(console, "adopted, and different from the files (the next plan changes it)", differing, full=full)
    _part(console, "foreign, left alone", list(found.foreign), full=full)


def _part(console: Console, title: str, lines: list[str], *, full: bool) -> None:
    console.line(f"{title}: {len(lines)}")
    shown = lines if full else lines[:_SHOWN]
    for line in shown:
        console.line(f"  {line}")
    if len(lines) > len(shown):
        console.line(f"  and {len(lines) - len(shown)} more (--full)")


def _name(change: Change[Any]) -> str:
    return words_of(change.kind, change.before)


def adoption_dict(found: Adoption) -> dict[str, object]:
    """Return the JSON form."""
    return {
        "adopted": [_name(c) for c in found.adopted],
        "differing": [{"object": _name(c), "reasons": list(reasons)} for c, reasons in found.differing],
        "foreign": list(found.foreign),
        "kinds": dict(found.kinds),
    }


COMMANDS = (adopt_command,)
