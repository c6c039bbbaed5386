"""Chooses the workspace of a command: by the environment's auth.auto.tfvars, a profile, or the SDK's defaults."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from lampkeeper.app.hash_keys import ExistingKey, KeyFinder, KeySources
from lampkeeper.cli.context import CommandContext
from lampkeeper.deploy.history import History
from lampkeeper.model.auth import Auth
from lampkeeper.model.errors import UsageError
from lampkeeper.remote.clients import Workspace, connect
from lampkeeper.remote.failures import Timeouts
from lampkeeper.remote.task import account_auth, read_secret
from lampkeeper.remote.warehouse import require_warehouse

if TYPE_CHECKING:
    from lampkeeper.app.inputs import EnvInputs


def workspace_of(context: CommandContext, inputs: EnvInputs, *, any_warehouse: bool = False) -> Workspace:
    """Return the environment's workspace, signed in, with the warehouse of the settings, which must exist.

    With `any_warehouse`, another warehouse is used, with a note, if that one no longer exists.
    """
    was = inputs.folder.protect_auth()
    if was is not None:
        context.console.note(f"{inputs.folder.auth_path}: others could read it (mode {was:04o}); its mode is 0600 now")
    auth = inputs.folder.auth()
    if context.profile:
        auth = replace(Auth(profile=context.profile), account_id=auth.account_id, workspace_id=auth.workspace_id)
    timeouts = timeouts_of(os.environ)
    workspace = connect(auth, timeouts=timeouts)
    if context.flags.account_secret_scope:
        workspace = connect(auth, timeouts=timeouts, account=account_auth(workspace, context.flags.account_secret_scope))
    wanted = context.flags.warehouse or inputs.settings.sql_warehouse_id
    if not wanted:
        return workspace
    try:
        require_warehouse(workspace, wanted)
    except UsageError as error:
        if not any_warehouse or context.flags.warehouse:
            raise
        context.console.note(f"{error.message}; another warehouse is used")
    return workspace


def history_of(context: CommandContext, workspace: Workspace) -> History | None:
    """Return the history tables to append to, None if the command was given none."""
    if not context.flags.history:
        return None
    return History.named(workspace, context.flags.history, context.env, context.flags.run_id)


def tokens_of(context: CommandContext, workspace: Workspace, names: Iterable[str]) -> dict[str, str]:
    """Return the tokens for verification by name: from environment variables, in a job from the secret scope."""
    found = {name: os.environ.get(name, "") for name in names}
    for name in [n for n, token in found.items() if not token and context.flags.account_secret_scope]:
        found[name] = read_secret(workspace, context.flags.account_secret_scope, name) or ""
    return found


def key_finder(context: CommandContext, inputs: EnvInputs, workspace: Workspace) -> KeyFinder:
    """Return a function that looks up the environment's hash key once, when it is first needed."""
    found: list[ExistingKey] = []

    def find() -> ExistingKey:
        if not found:
            sources = KeySources(
                settings=inputs.settings.hash_key, env=inputs.env, environ=os.environ,
                job_scope=context.flags.account_secret_scope, local=is_local(workspace),
            )  # fmt: skip
            found.append(sources.find(workspace))
        return found[0]

    return find


TIMEOUT = "LAMPKEEPER_TIMEOUT"
"""The environment variable with the timeout of a call in seconds; calls that are safe to repeat are retried for three times
as long."""


def timeouts_of(environ: Mapping[str, str]) -> Timeouts:
    """Return how long to wait for a server; raise UsageError if LAMPKEEPER_TIMEOUT is not a positive number."""
    given = environ.get(TIMEOUT, "")
    if not given:
        return Timeouts()
    try:
        seconds = float(given)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < 3600:
        raise UsageError(f"{TIMEOUT}={given!r} is not a number of seconds", fix=f"export {TIMEOUT}=15, or unset it")
    return Timeouts(http=seconds, deadline=3 * seconds)


def is_local(workspace: Workspace) -> bool:
    """Return whether the workspace runs on this machine, where a run may create and remove principals freely."""
    return urlsplit(workspace.host).hostname in {"127.0.0.1", "localhost", "::1"}
