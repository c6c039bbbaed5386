"""Which workspace a command speaks to: the environment's auth.auto.tfvars, a profile, or what the SDK finds by itself."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import urlsplit

from lampkeeper.cli.app import Here
from lampkeeper.files.folder import EnvFolder
from lampkeeper.model.auth import Auth
from lampkeeper.remote.clients import Workspace, connect
from lampkeeper.remote.warehouse import require_warehouse


def workspace_of(here: Here, folder: EnvFolder) -> Workspace:
    """Return the environment's workspace, signed in, with the warehouse that the settings name (it must be there)."""
    auth = folder.auth()
    if here.profile:
        auth = replace(Auth(profile=here.profile), account_id=auth.account_id, workspace_id=auth.workspace_id)
    workspace = connect(auth)
    wanted = folder.settings().sql_warehouse_id
    if wanted:
        require_warehouse(workspace, wanted)
    return workspace


def is_local(workspace: Workspace) -> bool:
    """Say whether the workspace runs on this machine: there a run may make and remove what it likes."""
    return urlsplit(workspace.host).hostname in {"127.0.0.1", "localhost", "::1"}
