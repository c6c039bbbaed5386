"""fix: mends drafts that people or models wrote."""

from __future__ import annotations

from pathlib import Path

import click

from lampkeeper.cli.app import Here, common
from lampkeeper.cli.console import Outcome
from lampkeeper.launch.mending import mend_env, mend_file


@click.command("fix")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False), required=False)
@click.option("--check", is_flag=True, help="Change nothing; exit 1 when there is something to mend.")
@common()
def fix_command(here: Here, file: Path | None, check: bool) -> Outcome:
    """Mend the draft of an environment, or FILE: its syntax, misspelt tags, missing policies; say what was changed.

    FILE is a draft (*.tfvars, its SQL beside it) or an answer of a model with both in fences. Nothing is ever taken away to
    make a draft pass, and nobody sees more than before: what cannot be mended that way is an error.
    """
    made = mend_file(file) if file is not None else mend_env(here.folder())
    written = () if check else made.write()
    for change in made.changes:
        here.console.line(change)
    shown = ", ".join(str(p) for p in written) or "nothing"
    here.console.line(
        f"{len(made.changes)} things to mend; wrote {shown}" if not check else f"{len(made.changes)} things to mend"
    )
    document = {
        "changes": [{"by": c.by, "place": c.place, "what": c.what} for c in made.changes],
        "written": [str(p) for p in written],
        "findings": [f.as_dict() for f in made.findings],
    }
    return Outcome(document=document, findings=made.findings, failed=check and bool(made.changes))


COMMANDS = (fix_command,)
