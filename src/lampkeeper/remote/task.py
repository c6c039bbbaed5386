"""Task values and secrets for a task of a job."""

from __future__ import annotations

import base64
from collections.abc import Mapping

from lampkeeper.model.auth import Auth
from lampkeeper.model.errors import RemoteError, UsageError
from lampkeeper.model.known_names import unknown_name
from lampkeeper.remote.clients import Workspace

Value = str | int | bool


def set_task_values(values: Mapping[str, Value]) -> None:
    """Set values that later tasks and conditions can read; raise UsageError outside of a job's task."""
    try:
        from databricks.sdk.dbutils import RemoteDbUtils
        from databricks.sdk.runtime import dbutils

        found: object = dbutils
        if isinstance(found, RemoteDbUtils):
            # On a machine that can sign in, the SDK has a `dbutils` whose task values go nowhere.
            raise ValueError("this process is not one")
        for key, value in sorted(values.items()):
            dbutils.jobs.taskValues.set(key=key, value=value)
    except (ImportError, AttributeError, ValueError, NotImplementedError, TypeError) as error:
        raise UsageError(f"--verdict task-value needs a task of a job ({error})", fix="leave it out outside of a job") from None


def whoami(workspace: Workspace) -> str:
    """Return the name of the signed-in principal: a user's name or an application ID."""
    me = workspace.get("principal", "/api/2.0/preview/scim/v2/Me")
    return str(me.get("userName") or me.get("applicationId") or me.get("displayName") or "")


def read_secret(workspace: Workspace, scope: str, key: str) -> str | None:
    """Return a secret, None if the scope lacks the key; raise UsageError if the scope does not exist."""
    try:
        found = workspace.get("secret", "/api/2.0/secrets/get", {"scope": scope, "key": key})
    except RemoteError as error:
        if error.status != 404:
            raise
        _require_scope(workspace, scope)
        return None
    return base64.b64decode(str(found["value"])).decode("utf-8")


def _require_scope(workspace: Workspace, scope: str) -> None:
    scopes = workspace.get("secret", "/api/2.0/secrets/scopes/list").get("scopes") or ()
    there = sorted(str(s["name"]) for s in scopes)
    if scope not in there:
        fix = "create it and give the job's principal READ, or name another scope in the variable account_secret_scope"
        raise unknown_name("secret scope", scope, there, where="that may be read", fix=fix)


def account_auth(workspace: Workspace, scope: str) -> Auth:
    """Return the sign-in for the account from a secret scope: `account_id`, and `client_id` with `client_secret` or `token`."""
    found = {
        key: read_secret(workspace, scope, key) or ""
        for key in ("account_id", "account_host", "client_id", "client_secret", "token")
    }
    if not found["account_id"]:
        raise UsageError(f"the secret scope {scope!r} has no account_id", fix="add the account's ID")
    if not found["token"] and not (found["client_id"] and found["client_secret"]):
        raise UsageError(f"the secret scope {scope!r} has no client_id with client_secret", fix="add them, or a token")
    return Auth(**found)
