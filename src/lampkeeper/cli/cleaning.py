"""clean: remove the files of an environment that lampkeeper wrote."""

from __future__ import annotations

import click

from lampkeeper.app.cleaning import clean, orphans
from lampkeeper.cli.app import common
from lampkeeper.cli.console import require_yes
from lampkeeper.cli.context import CommandContext
from lampkeeper.cli.outcome import Outcome
from lampkeeper.model.errors import UsageError


@click.command("clean")
@click.option("--yes", is_flag=True, help="Do not ask.")
@common(writes=True)
def clean_command(context: CommandContext, yes: bool) -> Outcome:
    """Remove the draft, the snapshot and the state of an environment; keep what people wrote and the layer files.

    Objects that the state records stay in the workspace and are no longer managed, so the command asks first if there are any.
    `destroy` removes them.
    """
    inputs = context.inputs(account=True)
    lost = orphans(inputs)
    if lost and not yes:
        question = f"{lost} objects of {context.env} stay in the workspace, and no state would record them. Remove the state?"
        if context.console.as_json:
            raise UsageError(f"{question} --json cannot ask", fix="destroy first, or give --yes")
        require_yes(question, "give --yes, or YES=1 to make; `destroy` removes the objects")
    removed = [str(path) for path in clean(inputs)]
    for path in removed:
        context.console.line(f"removed {path}")
    context.console.line(f"clean: {len(removed)} removed, {lost} objects left in the workspace without a state")
    return Outcome(document={"env": context.env, "removed": removed, "orphans": lost})


COMMANDS = (clean_command,)
