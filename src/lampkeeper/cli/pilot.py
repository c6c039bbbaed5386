"""pilot: binds the policies to one group first, and to everybody in one step."""

from __future__ import annotations

import click

from lampkeeper.app.piloting import set_pilot
from lampkeeper.cli.app import common
from lampkeeper.cli.context import CommandContext
from lampkeeper.cli.outcome import Outcome
from lampkeeper.model.errors import UsageError


@click.command("pilot")
@click.argument("group", required=False, default="")
@click.option("--widen", is_flag=True, help="End the pilot: the policies bind everybody.")
@common(writes=True)
def pilot_command(context: CommandContext, group: str, widen: bool) -> Outcome:
    """Bind the draft's policies to GROUP alone, as a first step; with --widen to everybody.

    During a pilot, everybody outside the group is unprotected: who may read a table sees its raw values. `validate`, `plan`,
    `matrix` and `verify` say so. The workspace changes with the next plan and apply.
    """
    inputs = context.inputs()
    if bool(group) == widen:
        raise UsageError("pilot takes either a group or --widen", fix="lampkeeper pilot GROUP, or lampkeeper pilot --widen")
    made = set_pilot(inputs, group)
    for path in made.changed:
        context.console.line(f"wrote {path}")
    who = f"members of {group} only" if group else "everybody"
    context.console.line(f"{made.policies} policies now bind {who}; next: plan and apply")
    document = {
        "env": context.env, "pilot": group, "policies": made.policies, "changed": [str(p) for p in made.changed],
        "findings": [f.as_dict() for f in made.findings],
    }  # fmt: skip
    return Outcome(document=document, findings=made.findings)


COMMANDS = (pilot_command,)
