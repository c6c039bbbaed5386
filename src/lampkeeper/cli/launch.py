"""launch and demo-bundle: start a place, deploy the bundle, run a job, print its progress, remove everything."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from lampkeeper.cli.app import common
from lampkeeper.cli.console import Console, cell, new_table
from lampkeeper.cli.context import CommandContext
from lampkeeper.cli.outcome import Outcome
from lampkeeper.cli.places import is_local
from lampkeeper.model.auth import Auth
from lampkeeper.model.errors import LampkeeperError, RemoteError, UsageError
from lampkeeper.places.bundle import Bundle, find_cli, sign_in
from lampkeeper.places.existing import ExistingPlace
from lampkeeper.places.job_run import RunState, TaskState, cancel_run, download, follow, start_run
from lampkeeper.places.local import LocalPlace
from lampkeeper.places.place import Address, Place, running
from lampkeeper.remote.clients import Workspace, connect
from lampkeeper.remote.signals import interrupted_by_signals

_GOOD, _BAD = "bold green", "bold red"
_STYLES = {"SUCCESS": "green", "FAILED": _BAD, "TIMEDOUT": _BAD, "CANCELED": _BAD, "EXCLUDED": "dim", "UPSTREAM_FAILED": "red"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """A running place, the bundle deployed there, and the folder for reports."""

    console: Console
    workspace: Workspace
    bundle: Bundle
    reports: Path
    poll: float = 2.0

    def run(self, job: str, parameters: Mapping[str, str]) -> tuple[int, dict[str, Any]]:
        """Run a deployed job until it ends; return the verdict as an exit code, and a JSON document."""
        job_id = self.bundle.job_id(job)
        run_id = start_run(self.workspace, job_id, parameters)
        self.console.line(f"run {run_id} of {job}", "bold")
        try:
            run = follow(self.workspace, run_id, self._tell, self._printed, poll=self.poll)
        except BaseException:
            self._give_up(run_id)
            raise
        self._table(run)
        folder = self.reports / str(run_id)
        outcome = download(self.workspace, run, folder)
        if folder.is_dir():
            self.console.line(f"reports in {folder}")
        code = self._verdict(run, outcome)
        return code, {
            "run_id": run_id, "result": run.result or run.life, "exit_code": code, "outcome": outcome,
            "tasks": [{"task": t.key, "state": t.state, "seconds": t.seconds} for t in run.tasks], "reports": str(folder),
        }  # fmt: skip

    def _give_up(self, run_id: int) -> None:
        """Cancel the run, so that an interrupted command does not leave a job that still writes."""
        try:
            cancel_run(self.workspace, run_id)
        except LampkeeperError as error:
            self.console.note(f"run {run_id} could not be cancelled and may still be running: {error.message}", _BAD)
        else:
            self.console.note(f"cancelled run {run_id}")

    def _tell(self, task: TaskState) -> None:
        took = f" ({task.seconds:.1f} s)" if task.over and task.seconds else ""
        self.console.line(f"  {task.key:<12} {task.state}{took}", _STYLES.get(task.state, ""))

    def _printed(self, task: TaskState, lines: Sequence[str]) -> None:
        for line in lines:
            self.console.line(f"    | {line}", "dim")

    def _table(self, run: RunState) -> None:
        table = new_table("task", "state", "seconds")
        for task in run.tasks:
            table.add_row(cell(task.key), cell(task.state, _STYLES.get(task.state, "")), cell(f"{task.seconds:.1f}"))
        table.add_row(cell("run", "bold"), cell(run.result or run.life, "bold"), cell(f"{run.seconds:.1f}", "bold"))
        self.console.table(table)

    def _verdict(self, run: RunState, outcome: Mapping[str, Any] | None) -> int:
        if outcome is None:
            good = run.result == "SUCCESS"
            self.console.line(f"the run ended as {run.result or run.life}: {run.message}", _GOOD if good else _BAD)
            return 0 if good else RemoteError.exit_code
        code = int(outcome["exit_code"])
        where = f" at {outcome['step']}: {outcome['message']}" if outcome["step"] else ""
        for step in outcome["steps"]:
            facts = step.get("facts") or {}
            if step["step"] == "verify" and "mismatches" in facts:
                self.console.line(facts.get("verified") or f"verify: {facts['mismatches']} mismatches in {facts['cells']} cells")
            for finding in facts.get("findings") or () if step["step"] == outcome["step"] else ():
                self.console.line(f"  {finding}", _BAD)
        self.console.line(f"verdict: {outcome['verdict']}{where}", _GOOD if code == 0 else _BAD)
        if code == 0 and run.result != "SUCCESS":
            self.console.line(f"but the run ended as {run.result or run.life}: {run.message}", _BAD)
            return RemoteError.exit_code
        return code


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
