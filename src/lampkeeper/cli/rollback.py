"""rollback: restores the files of an earlier apply, and plans them."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from lampkeeper.app.inputs import EnvInputs
from lampkeeper.app.piloting import write_pilot
from lampkeeper.app.planning import make_env_plan
from lampkeeper.cli.app import common
from lampkeeper.cli.console import cell, new_table
from lampkeeper.cli.context import CommandContext
from lampkeeper.cli.outcome import Outcome
from lampkeeper.cli.places import key_finder, workspace_of
from lampkeeper.cli.plan_summary import full_option, print_plan
from lampkeeper.cli.proposals import refusal_of
from lampkeeper.cli.state_storage import state_of
from lampkeeper.files.generations import generations, roll_back
from lampkeeper.model.errors import UsageError
from lampkeeper.model.findings import sort_findings


@click.command("rollback")
@click.option(
    "--to", type=click.IntRange(min=1), metavar="GENERATION",
    help="Number of the apply to go back to (default: the last one that differs from the newest).",
)  # fmt: skip
@click.option("--list", "listed", is_flag=True, help="List the recorded applies and change nothing.")
@full_option
@common(workspace=True, writes=True)
def rollback_command(context: CommandContext, to: int | None, listed: bool, full: bool) -> Outcome:
    """Restore the layer files and the draft of an earlier apply, and show the plan that leads back to them.

    The workspace does not change until the next `apply`, which asks the same of this plan as of any other: what widens access
    needs an approval. Settings (except the group of a pilot), labels and the decisions of stewards stay as they are.
    """
    if listed:
        if to is not None:
            raise UsageError("--list and --to exclude each other", fix="give one of them")
        return _list(context)
    inputs = context.inputs()
    with state_of(context, inputs, writes=False) as at:
        return _roll_back(at, inputs, to, full=full)


def _roll_back(context: CommandContext, inputs: EnvInputs, to: int | None, *, full: bool) -> Outcome:
    workspace = workspace_of(context, inputs)
    made = roll_back(inputs.folder, datetime.now(UTC), to)
    inputs = context.inputs()
    # The policies of a pilot go with its setting: without it, they would be an error.
    piloted = () if made.source.pilot == inputs.settings.pilot else write_pilot(inputs, made.source.pilot)
    for path in (*piloted, *made.changed):
        context.console.line(f"wrote {path}" if path.exists() else f"removed {path}")
    context.console.line(f"the files are those of generation {made.source.number}, applied {made.source.applied_at}")
    with context.console.progress("planning"):
        plan, _ = make_env_plan(inputs, workspace, find_key=key_finder(context, inputs, workspace))
    print_plan(context.console, plan, full=full)
    document = {
        "generation": made.source.number, "applied_at": made.source.applied_at, "changed": [str(p) for p in made.changed],
        "plan": plan.as_dict(),
    }  # fmt: skip
    return Outcome(document=document, findings=sort_findings([*made.findings, *plan.findings]), verdict=refusal_of(plan))


def _list(context: CommandContext) -> Outcome:
    entries = generations(context.folder())
    table = new_table("generation", "applied", "layers", "digest")
    for entry in entries:
        table.add_row(cell(entry.number), cell(entry.applied_at), cell(", ".join(entry.layers)), cell(entry.digest))
    context.console.table(table)
    context.console.line(f"{len(entries)} generations" if entries else "nothing has been applied yet")
    document = [
        {"generation": e.number, "applied_at": e.applied_at, "layers": list(e.layers), "digest": e.digest} for e in entries
    ]
    return Outcome(document=document)


COMMANDS = (rollback_command,)
