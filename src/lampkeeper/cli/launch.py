"""launch and demo-bundle: start a place, deploy the bundle, run a job, print its progress, remove everything."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Sequence
from pathlib import Path

import click

from lampkeeper.cli.app import common
from lampkeeper.cli.console import Console
from lampkeeper.cli.context import CommandContext
from lampkeeper.cli.launched_run import Launch
from lampkeeper.cli.outcome import Outcome
from lampkeeper.cli.places import is_local
from lampkeeper.model.auth import Auth
from lampkeeper.model.errors import RemoteError, UsageError
from lampkeeper.places.bundle import Bundle, find_cli, require_recent, sign_in
from lampkeeper.places.existing import ExistingPlace
from lampkeeper.places.local import LocalPlace
from lampkeeper.places.place import Address, Place, running
from lampkeeper.remote.clients import Workspace, connect
from lampkeeper.remote.signals import interrupted_by_signals

_GOOD, _BAD = "bold green", "bold red"


def parameters_of(given: Sequence[str]) -> dict[str, str]:
    """Read `name=value` pairs; raise UsageError for anything else."""
    found = {}
    for text in given:
        name, sign, value = text.partition("=")
        if not sign or not name:
            raise UsageError(f"--param {text!r} is not name=value", fix="write --param env=dev")
        found[name] = value
    return found


_bundle = click.option(
    "--bundle", "folder", type=click.Path(path_type=Path, file_okay=False), default=Path(), show_default="here",
    help="The folder that holds databricks.yml.",
)  # fmt: skip
_reports = click.option(
    "--reports", type=click.Path(path_type=Path, file_okay=False), default=Path(".lampkeeper/reports"), show_default=True,
    help="Where reports of the run are copied to.",
)  # fmt: skip


@click.command("launch")
@click.option("--place", type=click.Choice(["local", "existing"]), default="local", show_default=True, help="Where to run.")
@click.option("--target", default="", metavar="NAME", help="The bundle's target (default: local, or dev elsewhere).")
@click.option("--job", default="governance", show_default=True, help="The job to run.")
@click.option("--param", "params", multiple=True, metavar="NAME=VALUE", help="A job parameter (repeatable).")
@click.option("--var", "variables", multiple=True, metavar="NAME=VALUE", help="A bundle variable (repeatable).")
@click.option(
    "--dir", "base", type=click.Path(path_type=Path, file_okay=False), default=Path(".demo/launch"), show_default=True,
    help="With --place local: the folder of the workspace.",
)  # fmt: skip
@_bundle
@_reports
@common(env=False, workspace=True)
def launch_command(
    context: CommandContext,
    place: str,
    target: str,
    job: str,
    params: tuple[str, ...],
    variables: tuple[str, ...],
    base: Path,
    folder: Path,
    reports: Path,
) -> Outcome:
    """Deploy the bundle to a place and run a job there; the exit code is the run's verdict.

    A local place is started with demo data and stopped at the end, also after an error.
    """
    profile = context.profile
    if profile and place != "existing":
        raise UsageError("--profile needs --place existing", fix="leave it out, or give --place existing")
    cli, parameters, given = find_cli(os.environ), parameters_of(params), parameters_of(variables)
    require_recent(cli)
    chosen = _place(place, profile, base)
    with interrupted_by_signals(), running(chosen) as address:
        context.console.line(f"place {chosen.name}: {address.host or profile or 'from the environment'}")
        workspace = connect(address.signed(), warehouse_id=address.warehouse_id)
        local = place == "local"
        bundle = Bundle(
            folder=folder.resolve(),
            target=target or ("local" if local else "dev"),
            environment=sign_in(address, base.resolve() / "workspace" / "cli" if local else None),
            cli=cli,
            variables=given,
            report=context.console.line,
        )
        bundle.check(job, parameters)
        if local:
            _prepare(context.console, workspace)
        bundle.deploy()
        if local:
            _settings(workspace, bundle, job, address)
        launched = Launch(
            console=context.console,
            workspace=workspace,
            bundle=bundle,
            reports=reports.resolve(),
            poll=0.3 if is_local(workspace) else 2.0,
        )
        code, document = launched.run(job, parameters)
    return Outcome(document=document, verdict=code)


def _place(name: str, profile: str, base: Path) -> Place:
    if name == "local":
        return LocalPlace(folder=base.resolve() / "workspace")
    return ExistingPlace(auth=Auth(profile=profile))


def _prepare(console: Console, workspace: Workspace) -> None:
    from lampkeeper.demo.local_jobs import make_home, seed_account_scope
    from lampkeeper.demo.run import bank_subject, seed_subject
    from lampkeeper.remote.warehouse import warm_up

    warm_up(workspace)
    with console.progress("seeding demo data") as progress:
        report, people = seed_subject(workspace, bank_subject(), progress)
        seed_account_scope(workspace)
        make_home(workspace)
    console.line(f"demo data: {len(report.made)} tables created, {len(report.kept)} existing, {report.writes + people} writes")


def _settings(workspace: Workspace, bundle: Bundle, job: str, address: Address) -> None:
    from lampkeeper.demo.local_jobs import job_envs, put_settings
    from lampkeeper.demo.run import bank_subject

    envs, env = job_envs(workspace, bundle.job_id(job))
    if envs and env:
        put_settings(workspace, envs, env, bank_subject(), address)


@click.command("demo-bundle")
@click.option(
    "--dir", "base", type=click.Path(path_type=Path, file_okay=False), default=Path(".demo/bundle"), show_default=True,
    help="The folder of the workspace; it is emptied first.",
)  # fmt: skip
@_bundle
@common(env=False)
def demo_bundle_command(context: CommandContext, base: Path, folder: Path) -> Outcome:
    """Run the bundle on the local workspace from start to end: deploy, govern, verify, destroy. Nothing is left behind."""
    from lampkeeper.places.inventory import left_behind, take_inventory

    began = time.monotonic()
    cli, home = find_cli(os.environ), base.resolve()
    require_recent(cli)
    shutil.rmtree(home / "workspace", ignore_errors=True)
    place = LocalPlace(folder=home / "workspace")
    console = context.console
    with interrupted_by_signals(), running(place) as address:
        console.line(f"local workspace {address.host}, data in {place.data}")
        workspace = connect(address.signed(), warehouse_id=address.warehouse_id)
        bundle = Bundle(
            folder=folder.resolve(),
            target="local",
            environment=sign_in(address, place.folder / "cli"),
            cli=cli,
            report=console.line,
        )
        _prepare(console, workspace)
        before = take_inventory(workspace)
        _title(console, "databricks bundle deploy")
        bundle.deploy()
        _settings(workspace, bundle, "governance", address)
        _title(console, "databricks bundle run governance")
        launched = Launch(console=console, workspace=workspace, bundle=bundle, reports=home / "reports", poll=0.3)
        code, document = launched.run("governance", {})
        _title(console, "lampkeeper destroy")
        _destroy(console, workspace, bundle, address)
        _title(console, "databricks bundle destroy")
        bundle.destroy()
        _empty_parents(workspace)
        left = left_behind(before, take_inventory(workspace))
    for name in left:
        console.line(f"  {name}", _BAD)
    console.line(f"left behind: {len(left)}", _BAD if left else _GOOD)
    console.line(f"all in {time.monotonic() - began:.0f} s")
    return Outcome(document=document | {"left_behind": list(left)}, verdict=code or int(bool(left)))


def _title(console: Console, text: str) -> None:
    console.line()
    console.line(f"== {text}", "bold")


def _destroy(console: Console, workspace: Workspace, bundle: Bundle, address: Address) -> None:
    """Run `lampkeeper destroy` for the environment of the jobs, with the sign-in of the place."""
    from lampkeeper.cli.destroying import destroy_in_volume
    from lampkeeper.demo.local_jobs import job_envs

    envs, env = job_envs(workspace, bundle.job_id("governance"))
    report = destroy_in_volume(console, workspace, envs, env)
    console.line(f"destroy: {report} writes")


def _empty_parents(workspace: Workspace) -> None:
    """Remove the empty parent folders that the Databricks CLI created for the bundle and leaves behind."""
    from lampkeeper.remote.task import whoami

    for path in (f"/Users/{whoami(workspace)}/.bundle/lampkeeper", f"/Users/{whoami(workspace)}/.bundle"):
        try:
            workspace.write("folder", "POST", "/api/2.0/workspace/delete", {"path": path})
        except RemoteError as error:
            if error.code not in {"DIRECTORY_NOT_EMPTY", "RESOURCE_DOES_NOT_EXIST"}:
                raise


COMMANDS = (launch_command, demo_bundle_command)
