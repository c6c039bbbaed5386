"""seed: create the demo's tables, users and groups on a local workspace."""

from __future__ import annotations

import os
from dataclasses import replace

import click

from lampkeeper.cli.app import common
from lampkeeper.cli.context import CommandContext
from lampkeeper.cli.outcome import Outcome
from lampkeeper.cli.places import is_local, timeouts_of
from lampkeeper.demo.run import bank_subject, seed_subject
from lampkeeper.model.auth import Auth
from lampkeeper.model.errors import UsageError
from lampkeeper.remote.clients import connect
from lampkeeper.remote.warehouse import warehouse_id
from lampkeeper.testdata.catalogs import Variant, tables


@click.command("seed")
@click.option("--prod", is_flag=True, help="Create prod_fin and prod_clinical too: the same tables with other rows.")
@common(env=False, workspace=True)
def seed_command(context: CommandContext, prod: bool) -> Outcome:
    """Create the demo's tables, users and groups on a local workspace.

    A bank and a clinic with invented rows: 5 tables in the catalogs dev_fin and dev_clinical, 4 users, 2 groups. Existing objects
    are kept, so a second run writes nothing. Any other workspace is refused.
    """
    workspace = connect(Auth(profile=context.profile), timeouts=timeouts_of(os.environ))
    if not is_local(workspace):
        raise UsageError(
            f"{workspace.host} is not a local workspace: seed creates users and catalogs there",
            fix="start one with `localspace serve --profile DEV`, then `lampkeeper seed --profile DEV`",
        )
    warehouse_id(workspace)
    subject = bank_subject()
    if prod:
        subject = replace(subject, tables=(*subject.tables, *tables(Variant.PROD)))
    with context.console.progress("seed") as progress:
        report, people = seed_subject(workspace, subject, progress)
    rows, writes = sum(len(t.rows) for t in subject.tables), report.writes + people
    context.console.line(f"seeded: {len(report.made)} tables created, {len(report.kept)} existing ({rows} rows), {writes} writes")
    names = {"made": [str(t) for t in report.made], "kept": [str(t) for t in report.kept]}
    return Outcome(document={"host": workspace.host, **names, "rows": rows, "writes": writes})


COMMANDS = (seed_command,)
