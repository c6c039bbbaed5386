"""The frame of every command: common options and the command context."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from lampkeeper.cli.console import Console
from lampkeeper.cli.context import CommandContext, JobFlags
from lampkeeper.cli.outcome import Outcome
from lampkeeper.cli.steps import perform
from lampkeeper.files.local_files import LocalFiles
from lampkeeper.model.errors import UsageError

Command = Callable[..., Outcome | None]


def root_of(envs: Path) -> Path:
    """Return the folder that holds `envs`; raise UsageError if the last part of the path is not `envs`."""
    if envs.name != "envs":
        raise UsageError(f"--envs {envs}: the folder of the environments must be named envs", fix="give …/envs")
    return envs.parent


class JobOption(click.Option):
    """An option that tasks of a job pass: shown by `--help-all` and in the reference, hidden in `--help`."""

    def __init__(self, *names: Any, **settings: Any) -> None:
        """Take the arguments of click.Option."""
        super().__init__(*names, **settings)
        self.hidden = True


@contextmanager
def job_options_shown(command: click.Command) -> Iterator[None]:
    """Include the options of jobs in the help of a command while the block runs."""
    hidden = [option for option in command.params if isinstance(option, JobOption)]
    for option in hidden:
        option.hidden = False
    try:
        yield
    finally:
        for option in hidden:
            option.hidden = True


def _help_all(context: click.Context, _option: click.Parameter, chosen: bool) -> None:
    if chosen:
        with job_options_shown(context.command):
            click.echo(context.get_help())
        context.exit()


_HELP_ALL = click.option(
    "--help-all", is_flag=True, is_eager=True, expose_value=False, callback=_help_all,
    help="Show this message, including options for jobs, and exit.",
)  # fmt: skip
_JOB_OPTIONS = (
    click.option("--run-id", cls=JobOption, default="", metavar="ID", help="The ID of the job run to which this step belongs."),
    click.option(
        "--verdict", cls=JobOption, type=click.Choice(["exit", "task-value"]), default="exit", show_default=True,
        help="Report the verdict as the exit code, or as the task value `verdict` with exit code 0.",
    ),
)  # fmt: skip
_WORKSPACE_OPTIONS = (
    click.option("--profile", metavar="NAME", help="Sign in with a profile of .databrickscfg."),
    click.option("--warehouse", default="", metavar="ID", help="The warehouse for queries (default: env.auto.tfvars)."),
    click.option(
        "--history", cls=JobOption, default="", metavar="CATALOG.SCHEMA", help="Append the result to the tables of this schema.",
    ),
    click.option(
        "--account-secret-scope", cls=JobOption, default="", metavar="NAME",
        help="Sign in to the account with the credentials in this secret scope.",
    ),
)  # fmt: skip


def common(
    *, env: bool = True, workspace: bool = False, writes: bool = False, also: tuple[str, ...] = ()
) -> Callable[[Command], Callable[..., Any]]:
    """Give a command its context and the common options: --env and --envs, --profile, --json, --debug, those of jobs.

    `writes` is true if the command changes files of the environment; in a volume it then needs the lease. `also` are the options
    that name a second environment, whose files the command reads and writes too.
    """

    def decorate(command: Command) -> Callable[..., Any]:
        @functools.wraps(command)
        def run(*, envs: Path, as_json: bool, debug: bool, **options: Any) -> Outcome | int | None:
            flags = JobFlags(
                task_value=options.pop("verdict", "exit") == "task-value",
                **{name: options.pop(name, "") for name in ("run_id", "account_secret_scope", "warehouse", "history")},
            )
            context = CommandContext(
                console=Console(as_json=as_json),
                root=root_of(envs),
                env=options.pop("env", ""),
                profile=options.pop("profile", None) or "",
                flags=flags,
                files=LocalFiles(envs),
                also=tuple(filter(None, (options.get(name) for name in also))),
            )

            def work(at: CommandContext) -> Outcome | None:
                outcome = command(at, **options)
                if outcome is not None:
                    at.console.document(outcome.document)
                    at.console.findings(outcome.findings)
                return outcome

            return perform(context, envs, work, writes=writes) if env else work(context)

        if env:
            run = _HELP_ALL(run)
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
            help="The folder of the environments: a local path, or /Volumes/<catalog>/<schema>/<volume>/envs.",
        )(run)

    return decorate


class StepCommand(click.Command):
    """A command with options whose value is optional. Text after `=` is always the value, never another option.

    click reads `--name=--other` as two options; a job's parameter must not become an option.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Reject a value that click would read as an option."""
        chosen = {o: p for p in self.params if isinstance(p.type, click.Choice) for o in p.opts}
        for word in args:
            name, _, value = word.partition("=")
            if value.startswith("-") and name in chosen:
                raise click.BadParameter(f"{value!r} is not a valid value.", ctx, chosen[name])
        return super().parse_args(ctx, args)


def switch(name: str, text: str) -> Callable[[Command], Command]:
    """Return an option that its name alone turns on; a job's parameter may pass yes or no as its value."""
    return click.option(
        name, type=click.Choice(["yes", "no"]), is_flag=False, flag_value="yes", default="no", show_default=True, help=text,
        callback=lambda _context, _option, value: value == "yes",
    )  # fmt: skip


def overlays_options(command: Command) -> Command:
    """Give a command --country and --industry."""
    for name, example in (("--industry", "healthcare"), ("--country", "ANZ,IN")):
        text = f"{name.removeprefix('--').capitalize()} overlays instead of those in the settings, such as {example}."
        command = click.option(name, default="", metavar="CODES", help=text)(command)
    return command


def listed(text: str) -> tuple[str, ...]:
    """Return the distinct parts of a comma-separated option, without surrounding blanks."""
    return tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
