"""Settings of a metastore: system schemas and artifact allowlists (source: SDK 0.156, SystemSchemas, ArtifactAllowlists)."""

from __future__ import annotations

from localspace.core.errors import denied, invalid, not_found
from localspace.core.stored_documents import kinds
from localspace.core.stored_documents.securables import StoredArtifactAllowlist, StoredSystemSchema
from localspace.http.request import Request, Route
from localspace.http.serialisation import Json, page

_UC = "/api/2.1/unity-catalog"
_ARTIFACT_TYPES = ("INIT_SCRIPT", "LIBRARY_JAR", "LIBRARY_MAVEN")
_AVAILABLE = "AVAILABLE"
SYSTEM_SCHEMAS = (
    *("access", "billing", "compute", "data_classification", "hms_to_uc_migration", "lakeflow", "marketplace", "mlflow"),
    *("operational_data", "query", "serving", "sharing", "storage"),
)
"""Names of the schemas of the catalog `system` (source: platform docs, system tables)."""

_MANAGED = frozenset({"billing"})
"""Schemas that are always there and cannot be switched."""


def list_schemas(request: Request) -> Json:
    """List the system schemas with their states; metastore and account admins only."""
    metastore = _require_admin(request)
    return page([_schema(request, metastore, one) for one in SYSTEM_SCHEMAS], request.query, "schemas")


def enable_schema(request: Request) -> Json:
    """Switch a system schema on."""
    return _switch(request, "ENABLE_COMPLETED")


def disable_schema(request: Request) -> Json:
    """Switch a system schema off."""
    return _switch(request, _AVAILABLE)


def get_allowlist(request: Request) -> Json:
    """Return the allowlist of an artifact type; one that was never set names the metastore alone."""
    metastore = _require_allowlist(request)
    found = request.repositories.store.get(kinds.ARTIFACT_ALLOWLIST, metastore, _artifact_type(request))
    return dict(found) if found is not None else {"metastore_id": metastore}


def set_allowlist(request: Request) -> StoredArtifactAllowlist:
    """Replace the allowlist of an artifact type."""
    metastore = _require_allowlist(request)
    matchers = request.body.get("artifact_matchers") or []
    for at, one in enumerate(matchers):
        if not one.get("artifact"):
            raise invalid(f"artifact_matchers[{at}].artifact is missing.")
        if one.get("match_type") != "PREFIX_MATCH":
            raise invalid(f"artifact_matchers[{at}].match_type must be PREFIX_MATCH.")
    new: StoredArtifactAllowlist = {
        "metastore_id": metastore,
        "created_at": request.repositories.clock.now_ms(),
        "created_by": request.actor.name,
    }
    if matchers:
        new["artifact_matchers"] = matchers
    request.repositories.store.put(kinds.ARTIFACT_ALLOWLIST, (metastore, _artifact_type(request)), new)
    return new


def _switch(request: Request, state: str) -> Json:
    metastore = _require_admin(request)
    name = request.params["schema_name"].casefold()
    if name not in SYSTEM_SCHEMAS:
        raise not_found(f"Schema 'system.{name}' does not exist.", "SCHEMA_DOES_NOT_EXIST")
    if name in _MANAGED:
        raise invalid(f"System schema '{name}' is managed by the platform and cannot be switched.")
    old = _schema(request, metastore, name)
    if old["state"] == state:
        # Clients compare these words.
        if state == _AVAILABLE:
            raise invalid(f"Schema {name} is not enabled.", "INVALID_STATE")
        raise invalid(f"Schema {name} already exists.", "SCHEMA_ALREADY_EXISTS")
    new = StoredSystemSchema(metastore_id=metastore, schema=name, state=state)
    request.repositories.store.put(kinds.SYSTEM_SCHEMA, (metastore, name), new)
    return {}


def _schema(request: Request, metastore: str, name: str) -> Json:
    found = request.repositories.store.get(kinds.SYSTEM_SCHEMA, metastore, name)
    state = found["state"] if found is not None else ("MANAGED" if name in _MANAGED else _AVAILABLE)
    return {"schema": name, "state": state}


def _artifact_type(request: Request) -> str:
    found = request.params["artifact_type"].upper()
    if found not in _ARTIFACT_TYPES:
        raise invalid(f"artifact_type must be one of {', '.join(_ARTIFACT_TYPES)}.")
    return found


def _require_admin(request: Request) -> str:
    """Return the metastore of the workspace, which the path must name; raises 404 or 403."""
    metastore, identity = request.repositories.ids.metastore_id, request.repositories.identity
    if request.params["metastore_id"] != metastore:
        raise not_found(f"Metastore '{request.params['metastore_id']}' does not exist.", "METASTORE_DOES_NOT_EXIST")
    if not (identity.is_metastore_admin(request.actor.id) or identity.is_account_admin(request.actor.id)):
        raise denied("Only a metastore admin or an account admin may manage system schemas.")
    return metastore


def _require_allowlist(request: Request) -> str:
    metastore, identity = request.repositories.ids.metastore_id, request.repositories.identity
    holds = request.repositories.privileges.holds(request.actor, "MANAGE_ALLOWLIST", "METASTORE", metastore)
    if not (holds or identity.is_metastore_admin(request.actor.id)):
        raise denied("User does not have MANAGE ALLOWLIST on Metastore.")
    return metastore


_SCHEMAS = _UC + "/metastores/{metastore_id}/systemschemas"
_ALLOWLIST = _UC + "/artifact-allowlists/{artifact_type}"
ROUTES = (
    Route(method="GET", path=_SCHEMAS, handler=list_schemas, sdk=("SystemSchemas.list",)),
    Route(method="PUT", path=_SCHEMAS + "/{schema_name}", handler=enable_schema, sdk=("SystemSchemas.enable",)),
    Route(method="DELETE", path=_SCHEMAS + "/{schema_name}", handler=disable_schema, sdk=("SystemSchemas.disable",)),
    Route(method="GET", path=_ALLOWLIST, handler=get_allowlist, sdk=("ArtifactAllowlists.get",)),
    Route(method="PUT", path=_ALLOWLIST, handler=set_allowlist, sdk=("ArtifactAllowlists.update",)),
)
