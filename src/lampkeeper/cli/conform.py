"""conform: tests the rules of the conformance ledger on a workspace."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import click

from lampkeeper.app import conform
from lampkeeper.app.conform import Conformance, RowOutcome
from lampkeeper.cli.app import common
from lampkeeper.cli.console import Console, cell, new_table
from lampkeeper.cli.context import CommandContext
from lampkeeper.cli.outcome import Outcome
from lampkeeper.cli.places import is_local
from lampkeeper.deploy.wait import PropagationWait
from lampkeeper.files.folder import EnvFolder
from lampkeeper.model.auth import Auth
from lampkeeper.model.errors import UsageError
from lampkeeper.places.existing import ExistingPlace
from lampkeeper.places.local import LocalPlace
from lampkeeper.places.place import running
from lampkeeper.remote.clients import Workspace, connect

_SANDBOX = "main"


@click.command("conform")
@click.option("--place", type=click.Choice(["local", "existing"]), default="local", show_default=True, help="Where to run.")
@click.option(
    "--sandbox", metavar="CATALOG[.SCHEMA]", default="", help="The catalog (and schema) in which probes create and drop objects."
)
@click.option("--env", "-e", default="", help="Sign in as this environment does (with --place existing).")
@click.option(
    "--record", type=click.Path(path_type=Path, dir_okay=False), default=Path(conform.RECORD), show_default=True,
    help="Record outcome and date in this file.",
)  # fmt: skip
@click.option(
    "--propagation-wait", type=click.FloatRange(min=0), default=None, metavar="SECONDS",
    help="How long to wait for tags, policies and memberships to take effect (default: 30; local workspace: 0).",
)  # fmt: skip
@common(env=False, workspace=True)
def conform_command(context: CommandContext, place: str, sandbox: str, record: Path, propagation_wait: float | None) -> Outcome:
    """Test every rule of the conformance ledger on a workspace; record outcome and date. Exit 1 if a rule does not hold."""
    conform.read_record(record)
    if place == "existing":
        found = _own(context, sandbox, propagation_wait)
    else:
        if context.profile or context.env:
            raise UsageError("--profile and --env name an existing workspace", fix="add --place existing")
        found = _local(context, sandbox or _SANDBOX, propagation_wait)
    conform.write_record(record, found)
    print_conformance(context.console, found)
    context.console.note(f"recorded in {record}")
    document = found.as_dict() | {"record": str(record)}
    return Outcome(document=document, failed=found.passed < len(found.probes))


def _local(context: CommandContext, sandbox: str, propagation_wait: float | None) -> Conformance:
    with tempfile.TemporaryDirectory(prefix="lampkeeper-conform-") as folder, running(LocalPlace(folder=Path(folder))) as address:
        return _run(
            context, connect(address.signed(), warehouse_id=address.warehouse_id), sandbox, conform.LOCAL, propagation_wait or 0.0
        )


def _own(context: CommandContext, sandbox: str, propagation_wait: float | None) -> Conformance:
    if not sandbox:
        raise UsageError(
            "--place existing needs --sandbox: the probes create users, groups and a schema there",
            fix="--sandbox CATALOG, a catalog in which a schema may be created and dropped",
        )
    conform.check_sandbox(sandbox)
    auth, warehouse = Auth(), ""
    if context.env:
        folder = EnvFolder.existing(context.root, context.env)
        auth, warehouse = folder.auth(), folder.settings().sql_warehouse_id
    if context.profile:
        auth = replace(Auth(profile=context.profile), account_id=auth.account_id, workspace_id=auth.workspace_id)
    with running(ExistingPlace(auth=auth, warehouse_id=warehouse)) as address:
        workspace = connect(address.signed(), warehouse_id=address.warehouse_id)
        wait = PropagationWait().seconds if propagation_wait is None and not is_local(workspace) else propagation_wait or 0.0
        return _run(context, workspace, sandbox, "existing", wait)


def _run(context: CommandContext, workspace: Workspace, sandbox: str, place: str, wait: float) -> Conformance:
    with context.console.progress("probing") as step:
        return conform.conform(workspace, sandbox, place=place, settle_seconds=wait, progress=step)


def print_conformance(console: Console, found: Conformance) -> None:
    """Print a table of rows per standing, then the rows that do not hold, then a summary line."""
    for standing, count in found.standings.items():
        rows = [r for r in found.rows if str(r.row.standing) == standing]
        held = sum(r.outcome is conform.Outcome.HOLDS for r in rows)
        table = new_table("row", "rule", "outcome", title=f"{standing}: {held} of {count} hold")
        for each in rows:
            table.add_row(cell(each.row.id), cell(each.row.statement), cell(each.outcome, _style(each)))
        if rows:
            console.table(table)
    for each in found.rows:
        if each.outcome is not conform.Outcome.HOLDS:
            console.line(f"{each.row.id} ({each.row.probe}): {each.seen}", "bold red")
    counts = " ".join(f"{standing} {count}" for standing, count in found.standings.items())
    line = f"conform: {len(found.rows)} rows: {counts}; probes passed {found.passed} of {len(found.probes)}"
    console.line(line, "bold green" if found.passed == len(found.probes) else "bold red")


def _style(each: RowOutcome) -> str:
    return "green" if each.outcome is conform.Outcome.HOLDS else "bold red"


COMMANDS = (conform_command,)
