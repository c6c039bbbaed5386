"""The command line's frame: common options, and what every command is given."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from lampkeeper.cli.console import Console, Outcome
from lampkeeper.cli.here import Here, JobFlags
from lampkeeper.cli.steps import perform
from lampkeeper.files.local_files import LocalFiles
from lampkeeper.model.errors import UsageError

Command = Callable[..., Outcome | None]


def root_of(envs: Path) -> Path:
    """Return the folder that holds `envs`; raise UsageError when the path is called otherwise."""
    if envs.name != "envs":
        raise UsageError(f"--envs {envs}: the folder of the environments is called envs", fix="give …/envs")
    return envs.parent


_JOB_OPTIONS = (
    click.option("--run-id", default="", metavar="ID", help="In a job: leave a record of this step under the run's id."),
    click.option(
        "--verdict", type=click.Choice(["exit", "task-value"]), default="exit", show_default=True,
        help="How to tell the verdict: as the exit code, or in a job's task as the task value `verdict`, exit code 0.",
    ),
)  # fmt: skip
_WORKSPACE_OPTIONS = (
    click.option("--profile", metavar="NAME", help="Sign in with a profile of .databrickscfg."),
    click.option("--warehouse", default="", metavar="ID", help="Run queries here (default: what env.auto.tfvars says)."),
    click.option("--history", default="", metavar="CATALOG.SCHEMA", help="Append what happens to the tables of this schema."),
    click.option("--account-scope", default="", metavar="NAME", help="Sign in at the account with what this secret scope holds."),
)


def common(*, env: bool = True, workspace: bool = False, writes: bool = False) -> Callable[[Command], Callable[..., Any]]:
    """Give a command `here` and the options that go with it: --env and --envs, --profile, --json, --debug, those of jobs.

    `writes` says that the command changes files of the environment: in a volume it then needs the lease.
    """

    def decorate(command: Command) -> Callable[..., Any]:
        @functools.wraps(command)
        def run(*, envs: Path, as_json: bool, debug: bool, **options: Any) -> Outcome | int | None:
            flags = JobFlags(
                task_value=options.pop("verdict", "exit") == "task-value",
                **{name: options.pop(name, "") for name in ("run_id", "account_scope", "warehouse", "history")},
            )
            here = Here(
                console=Console(as_json=as_json),
                root=root_of(envs),
                env=options.pop("env", ""),
                profile=options.pop("profile", None) or "",
                flags=flags,
                files=LocalFiles(envs),
            )

            def work(at: Here) -> Outcome | None:
                outcome = command(at, **options)
                if outcome is not None:
                    at.console.document(outcome.document)
                    at.console.findings(outcome.findings)
                return outcome

            return perform(here, envs, work, writes=writes) if env else work(here)

        run = click.option("--debug", is_flag=True, help="Show the traceback of an error.")(run)
        run = click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")(run)
        if workspace:
            for option in _WORKSPACE_OPTIONS if env else _WORKSPACE_OPTIONS[:1]:
                run = option(run)
        if env:
            for option in _JOB_OPTIONS:
                run = option(run)
            run = click.option("--env", "-e", default="dev", show_default=True, envvar="LAMPKEEPER_ENV", help="The environment.")(
                run
            )
        return click.option(
            "--envs",
            type=click.Path(path_type=Path, file_okay=False),
            default=Path("envs"),
            show_default=True,
            envvar="LAMPKEEPER_ENVS",
            help="The folder of the environments: here, or /Volumes/<catalog>/<schema>/<volume>/envs.",
        )(run)

    return decorate


class StepCommand(click.Command):
    """A command with options that may stand alone: what follows `=` is their value, never the next option.

    click takes `--name=--other` for two options; a job's parameter must not become an option.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Refuse a value that would be read as an option."""
        chosen = {o: p for p in self.params if isinstance(p.type, click.Choice) for o in p.opts}
        for word in args:
            name, _, value = word.partition("=")
            if value.startswith("-") and name in chosen:
                raise click.BadParameter(f"{value!r} is no value of it.", ctx, chosen[name])
        return super().parse_args(ctx, args)


def switch(name: str, text: str) -> Callable[[Command], Command]:
    """Return an option that is on by its name alone, and takes yes or no where a job's parameter says which."""
    return click.option(
        name, type=click.Choice(["yes", "no"]), is_flag=False, flag_value="yes", default="no", show_default=True, help=text,
        callback=lambda _context, _option, value: value == "yes",
    )  # fmt: skip


def packs_options(command: Command) -> Command:
    """Give a command --country and --industry."""
    for name, example in (("--industry", "healthcare"), ("--country", "ANZ,IN")):
        text = f"{name.removeprefix('--').capitalize()} packs in place of the settings', such as {example}."
        command = click.option(name, default="", metavar="CODES", help=text)(command)
    return command


def listed(text: str) -> tuple[str, ...]:
    """Return the parts of a comma-separated option, blanks stripped, each once."""
    return tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))


@click.group(context_settings={"help_option_names": ["-h", "--help"]}, no_args_is_help=True)
@click.version_option(package_name="lampkeeper")
def app() -> None:
    """Put a Databricks Genie space on governed data, and prove that the masking holds."""
