"""Arguments that several commands share: cases, the config, credentials, the workspace, sign-offs. Errors end the program."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

import click

from partnercert import assembly, config
from partnercert.cases import CASES, Case
from partnercert.ending import Ending
from partnercert.payloads import Credentials
from partnercert.signoff import SignOff, SignOffError, read
from partnercert.workspace import WorkspaceAccess

FAILED, WRONG_USE, REFUSED = 1, 2, 4
_IDS = [case.id for case in CASES]
CONFIG = click.option(
    "--config", "config_path", required=True, type=click.Path(path_type=Path, dir_okay=False), help="The partner's config."
)
OUT = click.Path(path_type=Path, dir_okay=False)


class CaseId(click.ParamType[str]):
    """The id of a case, in upper or lower case."""

    name = "case"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the id in upper case; fail for an unknown one."""
        if value.upper() not in _IDS:
            self.fail(f"{value} is not a case; `partnercert list` shows them", param, ctx)
        return value.upper()


def environment_of(secret_scope: str | None) -> Mapping[str, str]:
    """Return the environment, with the credentials of a secret scope if one is given; stop if they are missing."""
    if secret_scope is None:
        return os.environ
    try:
        return assembly.from_scope(secret_scope, os.environ)
    except assembly.MissingCredentialsError as error:
        stop(str(error))


def load_config(path: Path) -> config.PartnerConfig:
    """Return a config and print its warnings; stop if it is unreadable or wrong."""
    try:
        loaded, warnings = config.load(path)
    except OSError as error:
        stop(f"{path} cannot be read: {error.strerror}")
    except config.ConfigError as error:
        lines = "\n".join(f"  {problem}" for problem in error.problems)
        wrong = sum(problem.is_error for problem in error.problems)
        stop(f"{path}: {wrong} error{'s' if wrong != 1 else ''}\n{lines}")
    for warning in warnings:
        click.echo(f"{path}: {warning}", err=True)
    return loaded


def require_credentials(environment: Mapping[str, str]) -> Credentials:
    """Return the credentials of the environment; stop if they are missing."""
    try:
        return assembly.credentials(environment)
    except assembly.MissingCredentialsError as error:
        stop(str(error))


def workspace_of(loaded: config.PartnerConfig, held: Credentials, environment: Mapping[str, str]) -> WorkspaceAccess | None:
    """Return the workspace for P200 and P201, if one is named; stop if it cannot be used."""
    try:
        return assembly.workspace_access(loaded, held, environment)
    except assembly.MissingCredentialsError as error:
        stop(str(error))


def read_records(path: Path) -> list[SignOff]:
    """Return the sign-offs of a file; stop if it is damaged."""
    try:
        return read(path)
    except SignOffError as error:
        stop(str(error))


def records_beside(config_path: Path) -> Path:
    """Return the default path of the sign-offs of a config."""
    return config_path.with_name(config_path.stem + ".signoffs.json")


def case_of(case_id: str) -> Case:
    """Return a case by its id."""
    return next(case for case in CASES if case.id == case_id)


def stop(message: str, code: int = WRONG_USE) -> NoReturn:
    """Print the error and end the program with an exit code."""
    said = f"partnercert: {message}"
    click.echo(said, err=True)
    raise Ending(code, said)
