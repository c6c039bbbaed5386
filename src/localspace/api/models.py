"""Registered models and their versions in Unity Catalog (source: SDK 0.156, RegisteredModels, ModelVersions; MLflow's REST API).

Versions are made through MLflow's own routes, as its client makes them; what a version holds is not kept.
"""

from __future__ import annotations

import uuid

from localspace.core.errors import ApiError, invalid, not_found
from localspace.core.stored_documents import kinds
from localspace.core.stored_documents.kind import Document
from localspace.core.stored_documents.securables import StoredModelAlias, StoredModelVersion
from localspace.governance.privileges import split_name
from localspace.http.request import Request, Route, field_of
from localspace.http.serialisation import Json, page

_UC = "/api/2.1/unity-catalog"
_MLFLOW = "/api/2.0/mlflow/unity-catalog/model-versions"


def create(request: Request) -> Json:
    """Create a model; needs CREATE MODEL on the schema."""
    body = request.body
    catalog, schema = field_of(body, "catalog_name"), field_of(body, "schema_name")
    if body.get("storage_location"):
        raise ApiError(501, "NOT_IMPLEMENTED", "The local workspace keeps models in managed storage alone.")
    location = f"local://models/{catalog}/{schema}/{uuid.uuid4()}"
    new = {key: value for key, value in body.items() if key in ("name", "comment")}
    new |= {"storage_location": location, "last_version": 0}
    return _info(request.repositories.objects.create(request.actor, "model", catalog, schema, new))


def listed(request: Request) -> Json:
    """List the models of a schema, of a catalog, or of the metastore that show to the caller."""
    catalog, schema = request.query.get("catalog_name"), request.query.get("schema_name")
    if schema and not catalog:
        raise invalid("catalog_name is needed with schema_name.")
    found: list[Document] = []
    if catalog and schema:
        found = request.repositories.objects.listed(request.actor, "model", catalog, schema)
    else:
        privileges = request.repositories.privileges
        for one in request.repositories.store.list(kinds.MODEL):
            if catalog in (None, "", one["catalog_name"]) and privileges.can_see(request.actor, "MODEL", one["full_name"]):
                found.append(dict(one))
    answer = page(found, request.query, "registered_models")
    answer["registered_models"] = [_info(one) for one in answer["registered_models"]]
    return answer


def get(request: Request) -> Json:
    """Return one model, with its aliases when asked for."""
    return _info(_model(request), aliases=request.flag("include_aliases"))


def update(request: Request) -> Json:
    """Change comment, owner or name of a model."""
    full_name = request.params["full_name"]
    fields = {key: value for key, value in request.body.items() if key in ("owner", "comment")}
    new_name = request.body.get("new_name")
    if not fields and not new_name:
        raise invalid("UpdateRegisteredModel: nothing to update.")
    changed = request.repositories.objects.change(request.actor, "model", full_name, fields)
    return _info(request.repositories.objects.rename(request.actor, "model", full_name, new_name) if new_name else changed)


def delete(request: Request) -> Json:
    """Delete a model with all its versions."""
    request.repositories.objects.drop(request.actor, "model", request.params["full_name"])
    return {}


def set_alias(request: Request) -> Json:
    """Let an alias name a version; needs ownership or MANAGE."""
    number = request.body.get("version_num")
    if number is None:
        raise invalid("Missing required field: version_num")
    with request.repositories.store.transaction():
        model = _model(request)
        _version(request, model, str(number))
        alias = _alias_name(request.params["alias"])
        _set_aliases(request, model, [*_others(model, alias), StoredModelAlias(alias_name=alias, version_num=number)])
    return _alias_info(model, alias, number)


def delete_alias(request: Request) -> Json:
    """Remove an alias."""
    with request.repositories.store.transaction():
        model = _model(request)
        alias = _alias_name(request.params["alias"])
        rest = _others(model, alias)
        if len(rest) == len(model.get("aliases") or ()):
            raise _no_alias(model, alias)
        _set_aliases(request, model, rest)
    return {}


def list_versions(request: Request) -> Json:
    """List the versions of a model, the newest first."""
    model = _model(request)
    found = request.repositories.store.list(kinds.MODEL_VERSION, split_name("MODEL", model["full_name"]))
    found.sort(key=lambda one: -one["version"])
    return page([_version_info(model, one) for one in found], request.query, "model_versions")


def get_version(request: Request) -> Json:
    """Return one version; a model that is being registered shows too."""
    model = _model(request)
    version = _version(request, model, request.params["version"])
    return _version_info(model, version, aliases=request.flag("include_aliases"))


def get_by_alias(request: Request) -> Json:
    """Return the version that an alias names."""
    model = _model(request)
    alias = _alias_name(request.params["alias"])
    number = next((one["version_num"] for one in model.get("aliases") or () if one["alias_name"] == alias), None)
    if number is None:
        raise _no_alias(model, alias)
    return _version_info(model, _version(request, model, str(number)), aliases=request.flag("include_aliases"))


def update_version(request: Request) -> Json:
    """Change the comment of a version; needs ownership or MANAGE on the model."""
    with request.repositories.store.transaction():
        model = _model(request)
        request.repositories.privileges.require_manage(request.actor, "MODEL", model["full_name"])
        new = _version(request, model, request.params["version"]).copy()
        if "comment" not in request.body:
            raise invalid("UpdateModelVersion: nothing to update.")
        new["comment"] = request.body["comment"]
        new["updated_at"], new["updated_by"] = request.repositories.clock.now_ms(), request.actor.name
        _put(request, model, new)
    return _version_info(model, new)


def delete_version(request: Request) -> Json:
    """Delete a version with the aliases that name it."""
    with request.repositories.store.transaction():
        model = _model(request)
        request.repositories.privileges.require_manage(request.actor, "MODEL", model["full_name"])
        found = _version(request, model, request.params["version"])
        kept = [one for one in model.get("aliases") or () if one["version_num"] != found["version"]]
        if len(kept) != len(model.get("aliases") or ()):
            _set_aliases(request, model, kept)
        key = (*split_name("MODEL", model["full_name"]), str(found["version"]))
        request.repositories.store.delete(kinds.MODEL_VERSION, *key)
    return {}


def register_version(request: Request) -> Json:
    """Start a new version, as MLflow does before it uploads; needs CREATE MODEL VERSION."""
    body = request.body
    full_name = field_of(body, "name")
    with request.repositories.store.transaction():
        model = request.repositories.privileges.require_exists("MODEL", full_name)
        request.repositories.privileges.require(request.actor, "CREATE_MODEL_VERSION", "MODEL", full_name)
        number, now = model["last_version"] + 1, request.repositories.clock.now_ms()
        new = kinds.MODEL_VERSION.document(
            {key: value for key, value in body.items() if key in ("source", "run_id", "model_version_dependencies")}
            | ({"comment": body["description"]} if body.get("description") else {})
            | ({"run_workspace_id": int(request.repositories.ids.workspace_id)} if body.get("run_id") else {})
            | {
                "id": str(uuid.uuid4()),
                "catalog_name": model["catalog_name"],
                "schema_name": model["schema_name"],
                "model_name": model["name"],
                "version": number,
                "metastore_id": model["metastore_id"],
                "status": "PENDING_REGISTRATION",
                "storage_location": f"{model['storage_location']}/versions/{number}",
                "created_at": now,
                "created_by": request.actor.name,
                "updated_at": now,
                "updated_by": request.actor.name,
            }
        )
        _put(request, model, new)
        request.repositories.store.rewrite(
            kinds.MODEL, split_name("MODEL", full_name), kinds.MODEL.document(model | {"last_version": number})
        )
    return {"model_version": _mlflow(new)}


def finalize_version(request: Request) -> Json:
    """Say that a version is uploaded: it is ready."""
    with request.repositories.store.transaction():
        model = request.repositories.privileges.require_exists("MODEL", field_of(request.body, "name"))
        request.repositories.privileges.require(request.actor, "CREATE_MODEL_VERSION", "MODEL", model["full_name"])
        new = _version(request, model, field_of(request.body, "version")).copy()
        new["status"] = "READY"
        _put(request, model, new)
    return {"model_version": _mlflow(new)}


def _model(request: Request) -> Document:
    return request.repositories.objects.read(request.actor, "model", request.params["full_name"])


def _version(request: Request, model: Document, version: str) -> StoredModelVersion:
    found = request.repositories.store.get(kinds.MODEL_VERSION, *split_name("MODEL", model["full_name"]), version)
    if found is None:
        raise not_found(f"Model version '{version}' of '{model['full_name']}' does not exist.", "MODEL_VERSION_DOES_NOT_EXIST")
    return found


def _put(request: Request, model: Document, version: StoredModelVersion) -> None:
    parent = split_name("MODEL", model["full_name"])
    request.repositories.store.put(kinds.MODEL_VERSION, (*parent, str(version["version"])), version, parent)


def _alias_name(text: str) -> str:
    alias = text.casefold()
    if alias == "latest" or (alias.startswith("v") and alias[1:].isdigit()) or not alias:
        raise invalid(f"'{text}' is reserved and cannot be the alias of a model version.")
    return alias


def _no_alias(model: Document, alias: str) -> ApiError:
    return not_found(f"Alias '{alias}' of model '{model['full_name']}' does not exist.", "MODEL_ALIAS_DOES_NOT_EXIST")


def _others(model: Document, alias: str) -> list[StoredModelAlias]:
    return [one for one in model.get("aliases") or () if one["alias_name"] != alias]


def _set_aliases(request: Request, model: Document, aliases: list[StoredModelAlias]) -> None:
    request.repositories.objects.change(request.actor, "model", model["full_name"], {"aliases": aliases})


def _info(model: Document, *, aliases: bool = False) -> Json:
    found = kinds.MODEL.answer(kinds.MODEL.document(model)) | {"id": model["model_id"]}
    found.pop("aliases", None)
    if aliases and model.get("aliases"):
        found["aliases"] = [_alias_info(model, one["alias_name"], one["version_num"]) for one in model["aliases"]]
    return found


def _alias_info(model: Document, alias: str, number: int) -> Json:
    where = {"catalog_name": model["catalog_name"], "schema_name": model["schema_name"], "model_name": model["name"]}
    return {"alias_name": alias, "version_num": number, **where}


def _version_info(model: Document, version: StoredModelVersion, *, aliases: bool = False) -> Json:
    found: Json = {**version}
    named = [one for one in model.get("aliases") or () if one["version_num"] == version["version"]]
    if aliases and named:
        found["aliases"] = [_alias_info(model, one["alias_name"], one["version_num"]) for one in named]
    return found


def _mlflow(version: StoredModelVersion) -> Json:
    found: Json = {
        "name": f"{version['catalog_name']}.{version['schema_name']}.{version['model_name']}",
        "version": str(version["version"]),
        "creation_timestamp": version["created_at"],
        "last_updated_timestamp": version["updated_at"],
        "user_id": version["created_by"],
        "status": version["status"],
        "storage_location": version["storage_location"],
    }
    if "comment" in version:
        found["description"] = version["comment"]
    return found | {key: value for key, value in version.items() if key in ("source", "run_id")}


_MODELS = _UC + "/models"
_ONE = _MODELS + "/{full_name}"
_ALIAS = _ONE + "/aliases/{alias}"
_VERSION = _ONE + "/versions/{version}"
ROUTES = (
    Route(method="GET", path=_MODELS, handler=listed, sdk=("RegisteredModels.list",)),
    Route(method="POST", path=_MODELS, handler=create, sdk=("RegisteredModels.create",)),
    Route(method="GET", path=_ONE, handler=get, sdk=("RegisteredModels.get",)),
    Route(method="PATCH", path=_ONE, handler=update, sdk=("RegisteredModels.update",)),
    Route(method="DELETE", path=_ONE, handler=delete, sdk=("RegisteredModels.delete",)),
    Route(method="PUT", path=_ALIAS, handler=set_alias, sdk=("RegisteredModels.set_alias",)),
    Route(method="DELETE", path=_ALIAS, handler=delete_alias, sdk=("RegisteredModels.delete_alias",)),
    Route(method="GET", path=_ALIAS, handler=get_by_alias, sdk=("ModelVersions.get_by_alias",)),
    Route(method="GET", path=_ONE + "/versions", handler=list_versions, sdk=("ModelVersions.list",)),
    Route(method="GET", path=_VERSION, handler=get_version, sdk=("ModelVersions.get",)),
    Route(method="PATCH", path=_VERSION, handler=update_version, sdk=("ModelVersions.update",)),
    Route(method="DELETE", path=_VERSION, handler=delete_version, sdk=("ModelVersions.delete",)),
    Route(
        method="POST",
        path=_MLFLOW + "/create",
        handler=register_version,
        partial="a record: the artifacts of a version are not kept",
    ),
    Route(method="POST", path=_MLFLOW + "/finalize", handler=finalize_version),
)
