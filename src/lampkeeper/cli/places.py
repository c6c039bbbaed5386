"""Which workspace a command speaks to: the environment's auth.auto.tfvars, a profile, or what the SDK finds by itself."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import urlsplit

from lampkeeper.cli.app import Here
from lampkeeper.files.folder import EnvFolder
from lampkeeper.model.auth import Auth
from lampkeeper.model.errors import UsageError
from lampkeeper.remote.clients import Workspace, connect
from lampkeeper.remote.failures import Patience
from lampkeeper.remote.warehouse import require_warehouse


def workspace_of(here: Here, folder: EnvFolder) -> Workspace:
    """Return the environment's workspace, signed in, with the warehouse that the settings name (it must be there)."""
    auth = folder.auth()
    if here.profile:
        auth = replace(Auth(profile=here.profile), account_id=auth.account_id, workspace_id=auth.workspace_id)
    workspace = connect(auth, patience=patience_of(os.environ))
    wanted = folder.settings().sql_warehouse_id
    if wanted:
        require_warehouse(workspace, wanted)
    return workspace


TIMEOUT = "LAMPKEEPER_TIMEOUT"
"""The environment variable that says for how many seconds a call may go unanswered; what may be sent again is, three times
as long."""


def patience_of(environ: Mapping[str, str]) -> Patience:
    """Return how long to wait for a server; raise UsageError for a LAMPKEEPER_TIMEOUT that is no positive number."""
    given = environ.get(TIMEOUT, "")
    if not given:
        return Patience()
    try:
        seconds = float(given)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < 3600:
        raise UsageError(f"{TIMEOUT}={given!r} is not a number of seconds", fix=f"export {TIMEOUT}=15, or unset it")
    return Patience(http=seconds, deadline=3 * seconds)


def is_local(workspace: Workspace) -> bool:
    """Say whether the workspace runs on this machine: there a run may make and remove what it likes."""
    return urlsplit(workspace.host).hostname in {"127.0.0.1", "localhost", "::1"}
