"""The command line's frame: common options, and what every command is given."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from lampkeeper.cli.console import Console, Outcome
from lampkeeper.files.folder import EnvFolder
from lampkeeper.model.errors import UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class Here:
    """Where a command works: the console, the folder that holds `envs`, the environment's name, a profile."""

    console: Console
    root: Path
    env: str
    profile: str = ""

    def folder(self) -> EnvFolder:
        """Return the environment's folder; raise UsageError listing the environments when it is not there."""
        return EnvFolder.existing(self.root, self.env)


Command = Callable[..., Outcome | None]


def root_of(envs: Path) -> Path:
    """Return the folder that holds `envs`; raise UsageError when the path is called otherwise."""
    if envs.name != "envs":
        raise UsageError(f"--envs {envs}: the folder of the environments is called envs", fix="give …/envs")
    return envs.parent


def common(*, env: bool = True, workspace: bool = False) -> Callable[[Command], Callable[..., Any]]:
    """Give a command `here` and the options that go with it: --env and --envs, --profile, --json, --debug."""

    def decorate(command: Command) -> Callable[..., Any]:
        @functools.wraps(command)
        def run(*, envs: Path, as_json: bool, debug: bool, **options: Any) -> Outcome | None:
            here = Here(
                console=Console(as_json=as_json),
                root=root_of(envs),
                env=options.pop("env", ""),
                profile=options.pop("profile", None) or "",
            )
            outcome = command(here, **options)
            if outcome is not None:
                here.console.document(outcome.document)
                here.console.findings(outcome.findings)
            return outcome

        run = click.option("--debug", is_flag=True, help="Show the traceback of an error.")(run)
        run = click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")(run)
        if workspace:
            run = click.option("--profile", metavar="NAME", help="Sign in with a profile of .databrickscfg.")(run)
        if env:
            run = click.option("--env", "-e", default="dev", show_default=True, envvar="LAMPKEEPER_ENV", help="The environment.")(
                run
            )
        return click.option(
            "--envs",
            type=click.Path(path_type=Path, file_okay=False),
            default=Path("envs"),
            show_default=True,
            envvar="LAMPKEEPER_ENVS",
            help="The folder of the environments.",
        )(run)

    return decorate


@click.group(context_settings={"help_option_names": ["-h", "--help"]}, no_args_is_help=True)
@click.version_option(package_name="lampkeeper")
def app() -> None:
    """Put a Databricks Genie space on governed data, and prove that the masking holds."""
