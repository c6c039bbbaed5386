"""What a run of Terraform gets from lampkeeper's own sign-in: credentials in its environment, addresses as variables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from lampkeeper.remote.clients import Workspace, account_console

if TYPE_CHECKING:
    from databricks.sdk.core import Config

_KEPT = frozenset({
    "PATH", "HOME", "USER", "LOGNAME", "LANG", "TMPDIR", "TEMP", "TMP", "SYSTEMROOT", "APPDATA", "LOCALAPPDATA", "USERPROFILE",
    "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy", "SSL_CERT_FILE", "SSL_CERT_DIR",
    "CHECKPOINT_DISABLE",
})  # fmt: skip
_FAMILIES = ("TF_", "TOFU_", "ARM_", "AZURE_", "GOOGLE_", "ACTIONS_ID_TOKEN_", "XDG_")
_DROPPED = ("TF_VAR_", "TF_CLI_ARGS", "TF_DATA_DIR", "TF_WORKSPACE", "TF_INPUT", "TF_IN_AUTOMATION")
"""Variables of Terraform that would change what a plan is: files and lampkeeper decide that."""
_ADDRESSES = frozenset({
    "host", "account_id", "workspace_id", "warehouse_id", "cluster_id", "serverless_compute_id", "rate_limit",
    "debug_truncate_bytes", "debug_headers", "discovery_url", "max_connection_pools", "disable_async_token_refresh",
})  # fmt: skip
_OF_PYTHON = ("runtime", "notebook")
"""Kinds of sign-in that only the SDK for Python has; the token of the moment stands in for them."""


def environment_for(workspace: Workspace, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a run: what programs need of the caller's, and the credentials of this sign-in.

    Other variables stay out, because one of them may hold the hash key.
    """
    kept = {
        name: value for name, value in environ.items()
        if (name in _KEPT or name.startswith(_FAMILIES)) and not name.startswith(_DROPPED)
    }  # fmt: skip
    return kept | {"TF_IN_AUTOMATION": "1", "TF_INPUT": "0"} | _credentials(workspace.w.config, environ)


def _credentials(config: Config, environ: Mapping[str, str]) -> dict[str, str]:
    kind = config.auth_type or ""
    if kind.startswith(_OF_PYTHON):
        bearer = config.authenticate().get("Authorization", "")
        return {"DATABRICKS_TOKEN": bearer.removeprefix("Bearer "), "DATABRICKS_AUTH_TYPE": "pat"}
    given = {
        attribute.env: str(value) for attribute in config.attributes()
        if attribute.env and attribute.name not in _ADDRESSES and (value := getattr(config, attribute.name, None))
    }  # fmt: skip
    # Token federation reads an ID token from the variable that `oidc_token_env` names.
    named = given.get("DATABRICKS_OIDC_TOKEN_ENV", "DATABRICKS_OIDC_TOKEN")
    return given | ({named: environ[named]} if environ.get(named) else {})


def address_variables(workspace: Workspace) -> dict[str, str]:
    """Return the addresses and ids of workspace and account by the names of the variables in `terraform/`; no secret."""
    config = workspace.account.config if workspace.account is not None else None
    return {
        "databricks_workspace_host": workspace.host,
        "databricks_account_host": (config.host if config is not None else "") or account_console(workspace.host),
        "databricks_account_id": workspace.account_id,
    }
