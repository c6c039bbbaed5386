"""`auth.auto.tfvars`: the address of an environment's workspace, and the sign-in."""

from __future__ import annotations

from pathlib import Path

from lampkeeper.files.hcl import Value, render_hcl
from lampkeeper.files.hcl_tree import read_variables
from lampkeeper.files.record import Record
from lampkeeper.model.auth import Auth
from lampkeeper.model.errors import UsageError

AUTH_KEYS = {
    "databricks_workspace_host": "workspace_host",
    "databricks_account_id": "account_id",
    "databricks_account_host": "account_host",
    "databricks_workspace_id": "workspace_id",
    "databricks_client_id": "client_id",
    "databricks_client_secret": "client_secret",
    "databricks_token": "token",
    "databricks_profile": "profile",
    "catalog_storage_base": "catalog_storage_base",
}
"""The keys of the file, and the field of `Auth` that each fills."""


def read_auth(text: str, path: Path | str) -> Auth:
    """Read auth.auto.tfvars; raise UsageError, which never quotes a value, for unknown keys and wrong types."""
    record = Record.of(read_variables(text, str(path), secret=True))
    auth = Auth(**{field: record.text(key, "") for key, field in AUTH_KEYS.items()})
    for finding in record.unknown():
        raise UsageError(f"{finding.location}: {finding.message}", fix=finding.fix)
    return auth


def render_auth(auth: Auth) -> str:
    """Return the text of auth.auto.tfvars. It holds secrets: write it only to that file, with mode 0600."""
    values: dict[str, Value] = {key: getattr(auth, field) for key, field in AUTH_KEYS.items() if getattr(auth, field)}
    return render_hcl(values, header="Address of the workspace and sign-in. Secret: never commit this file.")
