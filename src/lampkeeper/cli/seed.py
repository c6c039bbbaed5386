"""seed: create tables with invented rows, users and groups on a local workspace."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import click

from lampkeeper.cli.app import common
from lampkeeper.cli.context import CommandContext
from lampkeeper.cli.outcome import Outcome
from lampkeeper.cli.places import is_local, timeouts_of
from lampkeeper.demo.local_jobs import make_home, seed_account_scope
from lampkeeper.demo.run import Subject, bank_subject, overlay_subject, schema_subject, seed_subject
from lampkeeper.model.auth import Auth
from lampkeeper.model.errors import UsageError
from lampkeeper.remote.clients import connect
from lampkeeper.remote.warehouse import warehouse_id
from lampkeeper.testdata.banks import BANKS
from lampkeeper.testdata.catalogs import Variant, tables

DEMO, ALL_BANKS = "demo", "banks"


@click.command("seed")
@click.argument("what", default=DEMO, metavar="[demo|banks|FILE]")
@click.option("--prod", is_flag=True, help="Create prod_fin and prod_clinical too: the same tables with other rows.")
@click.option("--jobs", is_flag=True, help="Create what the bundle's jobs need too: the home folder and the secret scope.")
@common(env=False, workspace=True)
def seed_command(context: CommandContext, what: str, prod: bool, jobs: bool) -> Outcome:
    """Create tables with invented rows, users and groups on a local workspace.

    demo (the default) is a bank and a clinic: 5 tables in the catalogs dev_fin and dev_clinical. banks are the three banks of the
    country overlays. FILE is a schema, .sql or .jsonl. With each come 4 users and 2 groups. Existing objects are kept, so a
    second run writes nothing. Any other workspace is refused.
    """
    if prod and what != DEMO:
        raise UsageError(f"--prod belongs to the demo, not to {what}", fix="leave out --prod, or seed the demo")
    subject = _subject(what)
    workspace = connect(Auth(profile=context.profile), timeouts=timeouts_of(os.environ))
    if not is_local(workspace):
        raise UsageError(
            f"{workspace.host} is not a local workspace: seed creates users and catalogs there",
            fix="start one with `localspace serve --profile DEV`, then `lampkeeper seed --profile DEV`",
        )
    warehouse_id(workspace)
    if prod:
        subject = replace(subject, tables=(*subject.tables, *tables(Variant.PROD)))
    with context.console.progress("seed") as progress:
        report, people = seed_subject(workspace, subject, progress)
    if jobs:
        make_home(workspace)
        seed_account_scope(workspace)
    rows, writes = sum(len(t.rows) for t in subject.tables), report.writes + people
    context.console.line(f"seeded: {len(report.made)} tables created, {len(report.kept)} existing ({rows} rows), {writes} writes")
    names = {"made": [str(t) for t in report.made], "kept": [str(t) for t in report.kept]}
    return Outcome(document={"host": workspace.host, **names, "rows": rows, "writes": writes}, findings=subject.findings)


def _subject(what: str) -> Subject:
    if what == DEMO:
        return bank_subject()
    if what == ALL_BANKS:
        return overlay_subject(tuple(bank.key for bank in BANKS), ())
    path = Path(what)
    if not path.is_file():
        raise UsageError(
            f"{what}: nothing of this name can be seeded", fix=f"give {DEMO}, {ALL_BANKS}, or the path of a schema file"
        )
    return schema_subject(path)


COMMANDS = (seed_command,)
