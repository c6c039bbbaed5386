"""Connections to other systems: records with their options checked; nothing is reached (source: SDK 0.156, Connections)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from localspace.api import metastore_objects
from localspace.core.errors import ApiError, invalid
from localspace.http.request import Request, Route, field_of
from localspace.http.serialisation import Json, page

_DATABASE = ("host", "port", "user", "password")
_NEEDED: dict[str, tuple[str, ...]] = {
    "MYSQL": _DATABASE,
    "POSTGRESQL": _DATABASE,
    "SQLSERVER": ("host", "port"),
    "SQLDW": ("host", "port"),
    "ORACLE": ("host", "port"),
    "TERADATA": ("host", "port", "user", "password"),
    "REDSHIFT": _DATABASE,
    "SNOWFLAKE": ("host", "port", "sfWarehouse"),
    "DATABRICKS": ("host", "httpPath"),
    "BIGQUERY": ("GoogleServiceAccountKeyJson",),
    "HTTP": ("host", "port"),
    "GLUE": ("aws_region", "aws_account_id", "credential"),
    "HIVE_METASTORE": ("host", "port"),
}
"""Connection type to the options that it needs (source: platform docs, Lakehouse Federation)."""

_OTHERS = frozenset(
    [
        "AWS_SECRETS_MANAGER",
        "AZURE_KEY_VAULT",
        "CONFLUENCE",
        "DYNAMICS365",
        "GA4_RAW_DATA",
        "GITHUB",
        "HUBSPOT",
        "JDBC",
        "META_MARKETING",
        "NETSUITE",
        "OUTLOOK",
        "POWER_BI",
        "SALESFORCE",
        "SALESFORCE_DATA_CLOUD",
        "SERVICENOW",
        "SMARTSHEET",
        "TIKTOK_ADS",
        "WORKDAY_RAAS",
        "ZENDESK",
    ]
)
"""Types of the platform whose options are not known here."""

_SENSITIVE = frozenset(
    [
        "user",
        "password",
        "personalAccessToken",
        "access_token",
        "bearer_token",
        "client_secret",
        "OAuthPvtKey",
        "GoogleServiceAccountKeyJson",
        "pem_private_key",
        "refresh_token",
        "authorization_code",
    ]
)
"""Options that are written and never read back (source: Terraform provider, resource databricks_connection)."""

_URLS = {
    "MYSQL": "jdbc:mysql",
    "POSTGRESQL": "jdbc:postgresql",
    "SQLSERVER": "jdbc:sqlserver",
    "SQLDW": "jdbc:sqlserver",
    "REDSHIFT": "jdbc:redshift",
    "SNOWFLAKE": "jdbc:snowflake",
    "TERADATA": "jdbc:teradata",
    "ORACLE": "jdbc:oracle",
}


def listed(request: Request) -> Json:
    """List the connections that show to the caller."""
    return page([_info(one) for one in metastore_objects.visible(request, "CONNECTION")], request.query, "connections")


def get(request: Request) -> Json:
    """Return one connection, without its passwords and tokens."""
    return _info(request.repositories.catalog.read(request.actor, "CONNECTION", request.params["name"]))


def create(request: Request) -> Json:
    """Create a connection; needs CREATE CONNECTION on the metastore."""
    body = request.body
    if body.pop("parent", None):
        raise ApiError(501, "NOT_IMPLEMENTED", "The local workspace keeps connections below the metastore alone.")
    kind = field_of(body, "connection_type").upper()
    given = {**(body.get("options") or {}), **(body.pop("secrets", None) or {})}
    _check(kind, given)
    body |= {"connection_type": kind, "options": _open(given), "credential_type": _credential(given)}
    body.setdefault("read_only", kind not in ("HTTP", "DATABRICKS"))
    return _info(metastore_objects.create(request, "CONNECTION", "CREATE_CONNECTION", body, id_field="connection_id"))


def update(request: Request) -> Json:
    """Change options, owner or name; options replace the old ones as a whole."""
    body = request.body
    if not body:
        raise invalid("UpdateConnection: nothing to update.")
    old = request.repositories.privileges.require_exists("CONNECTION", request.params["name"])
    request.repositories.privileges.require_manage(request.actor, "CONNECTION", old["name"])
    given = {**(body.get("options") or {}), **(body.pop("secrets", None) or {})}
    if given:
        _check(old["connection_type"], given)
        body |= {"options": _open(given), "credential_type": _credential(given)}
    return _info(metastore_objects.update(request, "CONNECTION", body))


def delete(request: Request) -> Json:
    """Delete a connection that no catalog uses."""
    name = request.params["name"].casefold()
    users = [one["name"] for one in request.repositories.catalog.catalogs_on(name)]
    if users:
        raise invalid(f"Connection '{name}' is used by catalog '{users[0]}'. Delete the catalog first.", "BAD_REQUEST")
    return metastore_objects.delete(request, "CONNECTION")


def _check(kind: str, options: Mapping[str, str]) -> None:
    if kind in _OTHERS:
        raise ApiError(501, "NOT_IMPLEMENTED", f"The local workspace does not know the options of a connection of type {kind}.")
    if kind not in _NEEDED:
        raise invalid(f"connection_type '{kind}' is not one of {', '.join(sorted({*_NEEDED, *_OTHERS}))}.")
    missing = [one for one in _NEEDED[kind] if not options.get(one)]
    if missing:
        raise invalid(f"Missing required option '{missing[0]}' of a connection of type {kind}.", "CONNECTION_OPTION_MISSING")
    port = options.get("port", "1")
    if not port.isdigit() or not 0 < int(port) < 65_536:
        raise invalid(f"Option 'port' must be a number from 1 to 65535, not '{port}'.")


def _open(options: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in options.items() if name not in _SENSITIVE}


def _credential(options: Mapping[str, str]) -> str:
    if "bearer_token" in options:
        return "BEARER_TOKEN"
    if "client_secret" in options:
        return "OAUTH_M2M"
    if "pem_private_key" in options or "OAuthPvtKey" in options:
        return "PEM_PRIVATE_KEY"
    return "USERNAME_PASSWORD" if "password" in options else "ANY_STATIC_CREDENTIAL"


def _info(connection: Mapping[str, Any]) -> Json:
    kind, options = connection["connection_type"], connection["options"]
    found: Json = {**connection, "securable_type": "CONNECTION", "provisioning_info": {"state": "ACTIVE"}}
    if "host" in options:
        scheme = _URLS.get(kind, "https")
        found["url"] = f"{scheme}://{options['host']}" + (f":{options['port']}/" if "port" in options else "/")
    return found


_BASE = "/api/2.1/unity-catalog/connections"
ROUTES = (
    Route(method="GET", path=_BASE, handler=listed, sdk=("Connections.list",)),
    Route(
        method="POST",
        path=_BASE,
        handler=create,
        sdk=("Connections.create",),
        partial="a record only: no system is reached, and passwords are not kept",
    ),
    Route(method="GET", path=_BASE + "/{name}", handler=get, sdk=("Connections.get",)),
    Route(method="PATCH", path=_BASE + "/{name}", handler=update, sdk=("Connections.update",)),
    Route(method="DELETE", path=_BASE + "/{name}", handler=delete, sdk=("Connections.delete",)),
)
