"""scenarios: runs the scenarios of the playbook from start to end, and says which of their checks hold."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from lampkeeper.app.test_data import read_sign_in
from lampkeeper.cli.app import common
from lampkeeper.cli.console import Console, fitted
from lampkeeper.cli.context import CommandContext
from lampkeeper.cli.outcome import Outcome
from lampkeeper.model.auth import Auth
from lampkeeper.model.errors import UsageError
from lampkeeper.scenarios.reports import document, write_reports
from lampkeeper.scenarios.results import ScenarioResult
from lampkeeper.scenarios.run_folder import dead_runs
from lampkeeper.scenarios.scenario import scenario_named, scenario_names
from lampkeeper.scenarios.suite import SuiteOptions, every_failure, run_suite
from lampkeeper.scenarios.suite_existing import ExistingSuite

ALL = "all"


def _program(words: Sequence[str]) -> int:
    """Run one command of lampkeeper in this process."""
    # Imported here: the entry point imports the commands.
    from lampkeeper.cli.main import main

    return main(words)


@click.command("scenarios")
@click.option("--list", "lists", is_flag=True, help="List the scenarios and run none.")
@click.option("--scenario", "names", multiple=True, default=(ALL,), metavar="NAME", help="A scenario, or all; may be repeated.")
@click.option("--keep-data", is_flag=True, help="Tear nothing down; keep the folders and the data of the workspaces.")
@click.option("--fail-fast", "-x", is_flag=True, help="Start no further scenario after a failure.")
@click.option("--parallel", type=click.IntRange(1, 16), default=1, show_default=True, help="Scenarios that run at once.")
@click.option(
    "--dir", "base", type=click.Path(path_type=Path, file_okay=False), default=Path(".scenarios"), show_default=True,
    help="Where reports, kept folders and local workspaces are.",
)  # fmt: skip
@click.option(
    "--auth-file", type=click.Path(path_type=Path, dir_okay=False), default=None, metavar="PATH",
    help="Run on the workspace of this sign-in file.",
)  # fmt: skip
@click.option(
    "--place", type=click.Choice(["local", "existing"]), default="local", show_default=True, envvar="PLACE",
    help="Run on a local workspace, or on the one of the sign-in.",
)  # fmt: skip
@click.option(
    "--warehouse-id", default="", metavar="ID", help="The SQL warehouse of an existing workspace (default: one is chosen)."
)
@click.option("--sandbox", is_flag=True, help="Run on a workspace that was not provisioned for tests.")
@common(env=False, workspace=True)
def scenarios_command(
    context: CommandContext, lists: bool, names: tuple[str, ...], keep_data: bool, fail_fast: bool, parallel: int, base: Path,
    auth_file: Path | None, place: str, warehouse_id: str, sandbox: bool,
) -> Outcome:  # fmt: skip
    """Run scenarios of the playbook from start to end: data, commands, checks, teardown.

    Each scenario gets a fresh local account, unless --auth-file or --place existing names a workspace: there, all names carry the
    run's ID. A failure prints the command and what it printed; its folder is kept. Reports are written as JSON, JUnit and HTML.
    """
    if lists:
        return _listed(context.console)
    options = SuiteOptions(
        names=_chosen(names), folder=base, keep_data=keep_data, fail_fast=fail_fast, parallel=parallel,
        to_stderr=context.console.as_json,
    )  # fmt: skip
    if auth_file is not None or place == "existing":
        if parallel > 1:
            raise UsageError("scenarios on an existing workspace run one after another", fix="leave out --parallel")
        auth = read_sign_in(auth_file).auth if auth_file is not None else Auth(profile=context.profile)
        suite = ExistingSuite.opened(options, _program, auth, warehouse_id=warehouse_id, sandbox=sandbox)
        for run_id in suite.remove_dead():
            context.console.note(f"removed what run {run_id} left in the workspace")
        results = suite.run()
    else:
        for dead in dead_runs(base):
            if dead.record.get("host"):
                continue
            ended = dead.end_servers()
            dead.remove()
            context.console.note(f"removed what run {dead.path.name} left: its folder and {ended} local workspaces")
        results = run_suite(options, _program)
    paths = write_reports(base, results)
    _print(context.console, results)
    for path in paths:
        context.console.line(f"wrote {path}")
    return Outcome(document=document(results), verdict=every_failure(results))


def _chosen(names: Sequence[str]) -> tuple[str, ...]:
    found = [n for name in names for n in (scenario_names() if name == ALL else (name,))]
    for name in found:
        scenario_named(name)
    return tuple(dict.fromkeys(found))


def _listed(console: Console) -> Outcome:
    found = [scenario_named(name) for name in scenario_names()]
    for line in fitted([(s.name, s.section, s.summary) for s in found], 120):
        console.line(line)
    return Outcome(document=[{"scenario": s.name, "section": s.section, "summary": s.summary} for s in found])


def _print(console: Console, results: Sequence[ScenarioResult]) -> None:
    for result in results:
        for step, _ in {id(s): (s, c) for s, c in result.failures()}.values():
            console.line(f"== {result.name}: {step.command or step.title}", "bold")
            console.line(step.output[-4000:])
        if result.kept:
            console.line(f"kept: {result.kept}")
    good = sum(r.ok for r in results)
    skipped = sum(r.skipped for r in results)
    seconds = sum(r.seconds for r in results)
    more = f", {skipped} not started" if skipped else ""
    console.line(f"scenarios: {good} of {len(results)} passed{more}, {sum(r.checks for r in results)} checks, {seconds:.0f} s")


COMMANDS = (scenarios_command,)
