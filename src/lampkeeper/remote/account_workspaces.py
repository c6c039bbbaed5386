"""The workspaces of the account, which share its groups and governed tags."""

from __future__ import annotations

from lampkeeper.model.errors import RemoteError
from lampkeeper.remote.clients import ApiLevel, Workspace, encode


def other_workspaces(workspace: Workspace) -> tuple[str, ...] | None:
    """Return the account's other workspaces by name and ID, or None if the account does not list them.

    A list without this workspace is incomplete, so it also counts as unknown.
    """
    if not workspace.has_account:
        return None
    path = f"/api/2.0/accounts/{encode(workspace.account_id)}/workspaces"
    try:
        listed = workspace.get("account_workspace", path, api_level=ApiLevel.ACCOUNT).get("items") or []
    except RemoteError as error:
        if error.status in (400, 403, 404, 501):
            return None
        raise
    names = {str(w["workspace_id"]): str(w.get("workspace_name") or "") for w in listed}
    own = workspace.workspace_id or (next(iter(names)) if len(names) == 1 else "")
    if own not in names:
        return None
    return tuple(f"{name} ({i})" if name else i for i, name in sorted(names.items()) if i != own)
