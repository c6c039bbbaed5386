"""Explains a permission error in a job: looks up the privileges that the step needs and names the missing ones."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from lampkeeper.cli.context import CommandContext
from lampkeeper.cli.places import timeouts_of
from lampkeeper.deploy.approvals import approvals_beside
from lampkeeper.deploy.kinds import GENIE_SPACE
from lampkeeper.deploy.required_privileges import Securables, lacking, refusal
from lampkeeper.deploy.state import States
from lampkeeper.files.folder import EnvFolder
from lampkeeper.model.auth import Auth
from lampkeeper.model.errors import LampkeeperError, RemoteError, UsageError
from lampkeeper.model.names import split_name
from lampkeeper.remote.clients import connect
from lampkeeper.remote.task import account_auth
from lampkeeper.remote.volumes import VolumeFolder


@contextmanager
def explained(command: CommandContext, envs: Path) -> Iterator[None]:
    """Add the missing privileges to the error of a step on shared storage."""
    try:
        yield
    except LampkeeperError as error:
        if isinstance(command.files, VolumeFolder):
            _explain(error, command, envs)
        raise


def _explain(error: LampkeeperError, command: CommandContext, envs: Path) -> None:
    named = isinstance(error, RemoteError) and error.code == "PRIVILEGE_MISSING"
    if named or not isinstance(error, RemoteError | UsageError):
        return
    try:
        found = _missing(command, envs)
    except (RemoteError, UsageError):
        # The principal may not read its privileges either: keep the original error.
        return
    if found is not None:
        error.message, error.fix = f"{error.message}\n  {found.message}", found.fix


def _missing(command: CommandContext, envs: Path) -> RemoteError | None:
    context = click.get_current_context()
    step, flags = context.info_name or "", command.flags
    timeouts = timeouts_of(os.environ)
    workspace = connect(Auth(profile=command.profile), timeouts=timeouts)
    folder = EnvFolder(command.root, command.env)
    settings = folder.settings() if command.shared is not None and folder.settings_path.is_file() else None
    spaces = States.in_folder(command.root, command.env).owned(GENIE_SPACE).values() if settings else ()
    securables = Securables(
        envs=str(envs),
        approvals=str(context.params.get("approvals") or approvals_beside(str(envs))),
        history=flags.history,
        warehouse=flags.warehouse or (settings.sql_warehouse_id if settings else ""),
        scope=flags.account_secret_scope,
        governed=tuple(sorted({split_name(p)[0] for p in settings.patterns})) if settings else (),
        spaces=tuple(sorted(s.remote_id for s in spaces if s.remote_id)),
    )
    found = lacking(workspace, step, securables)
    if not found and flags.account_secret_scope:
        signed = connect(
            Auth(profile=command.profile), timeouts=timeouts, account=account_auth(workspace, flags.account_secret_scope)
        )
        found = lacking(signed, "account", securables)
    return refusal(found) if found else None
