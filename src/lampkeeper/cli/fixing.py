"""fix, history, restore: commands on drafts."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click
from click.core import ParameterSource

from lampkeeper.app.fixing import fix_env, fix_file
from lampkeeper.cli.app import common
from lampkeeper.cli.console import cell, new_table
from lampkeeper.cli.context import CommandContext
from lampkeeper.cli.outcome import Outcome
from lampkeeper.files.draft_history import draft_entries, restore_draft


@click.command("fix")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False), required=False)
@click.option("--check", is_flag=True, help="Change nothing; exit 1 if there is something to fix.")
@common(writes=True)
def fix_command(context: CommandContext, file: Path | None, check: bool) -> Outcome:
    """Fix the draft of an environment, or FILE: syntax, misspelt tags, missing policies. Every change is listed.

    FILE is a draft (*.tfvars with its SQL file beside it) or a model's response that contains both, with or without code fences.
    A fix never removes protection and never widens access; a problem that would need either is an error.
    """
    made = fix_file(file) if file is not None else fix_env(context.inputs())
    written = () if check else made.write()
    for change in made.changes:
        context.console.line(change)
    shown = ", ".join(str(p) for p in written) or "nothing"
    context.console.line(
        f"{len(made.changes)} things to fix; wrote {shown}" if not check else f"{len(made.changes)} things to fix"
    )
    document = {
        "changes": [{"by": c.by, "location": c.location, "what": c.what} for c in made.changes],
        "written": [str(p) for p in written],
        "findings": [f.as_dict() for f in made.findings],
    }
    return Outcome(document=document, findings=made.findings, failed=check and bool(made.changes))


class DraftCommand(click.Command):
    """A command on the drafts of one environment, whose name may be given without --env: `restore dev`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Use ENV as the value of --env; raise UsageError if both are given and differ."""
        rest = super().parse_args(ctx, args)
        named = ctx.params.pop("named", None)
        if named is not None:
            if ctx.get_parameter_source("env") is ParameterSource.COMMANDLINE and ctx.params["env"] != named:
                raise click.UsageError(f"{named!r} and --env {ctx.params['env']!r} differ.", ctx)
            ctx.params["env"] = named
        return rest


_NAMED = click.argument("named", metavar="[ENV]", required=False)


@click.command("history", cls=DraftCommand)
@_NAMED
@common()
def history_command(context: CommandContext) -> Outcome:
    """List the generated, restored and edited drafts, newest last."""
    entries = draft_entries(context.folder())
    table = new_table("number", "made", "why", "digest")
    for entry in entries:
        table.add_row(cell(entry.number), cell(entry.made_at), cell(entry.why), cell(entry.digest))
    context.console.table(table)
    context.console.line(f"{len(entries)} drafts" if entries else "no draft has been generated yet")
    return Outcome(document=[{"number": e.number, "made_at": e.made_at, "why": e.why, "digest": e.digest} for e in entries])


@click.command("restore", cls=DraftCommand)
@_NAMED
@click.option(
    "--to", type=click.IntRange(min=1), metavar="N", help="Number of the draft in the history (default: the previous draft)."
)
@common(writes=True)
def restore_command(context: CommandContext, to: int | None) -> Outcome:
    """Restore an earlier draft. The workspace does not change until the next plan and apply."""
    made = restore_draft(context.folder(), datetime.now(UTC), to)
    for path in made.changed:
        context.console.line(f"wrote {path}" if path.exists() else f"removed {path}")
    context.console.line(f"restored draft {made.source.number} of {made.source.made_at} as number {made.entry.number}")
    return Outcome(document={"restored": made.source.number, "as": made.entry.number, "changed": [str(p) for p in made.changed]})


COMMANDS = (fix_command, history_command, restore_command)
