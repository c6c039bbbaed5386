"""Fields of requests about models, connections, allowlists, system schemas and bindings (source: SDK 0.156, service.catalog)."""

from __future__ import annotations

from localspace.http.request_schemas.types import FLAG, OBJECT, TEXT, TEXT_MAP, TEXTS, WHOLE, FieldType, ListOf, fields

_UC = "/api/2.1/unity-catalog"
_VERSION = "/models/{full_name}/versions/{version}"
_ENVIRONMENT = fields(environment_version=TEXT, java_dependencies=TEXTS)
_BINDING = fields(workspace_id=WHOLE, binding_type=TEXT)
_MODEL = fields(comment=TEXT, owner=TEXT)
_NAMES = fields(names=TEXTS)
_CLASSIFICATION = fields(
    included_schemas=_NAMES,
    excluded_schemas=_NAMES,
    auto_tag_configs=ListOf(fields(classification_tag=TEXT, auto_tagging_mode=TEXT)),
)
_CONFIG = "/api/data-classification/v1/catalogs/{catalog}/config"
_MLFLOW = "/api/2.0/mlflow/unity-catalog/model-versions"

SCHEMAS: dict[str, FieldType] = {
    f"POST {_CONFIG}": _CLASSIFICATION,
    f"PATCH {_CONFIG}": _CLASSIFICATION,
    f"PUT {_UC}/artifact-allowlists/{{artifact_type}}": fields(
        artifact_matchers=ListOf(fields(artifact=TEXT, match_type=TEXT)), metastore_id=TEXT
    ),
    f"PUT {_UC}/metastores/{{metastore_id}}/systemschemas/{{schema_name}}": fields(catalog_name=TEXT),
    f"POST {_UC}/connections": fields(
        name=TEXT,
        connection_type=TEXT,
        options=TEXT_MAP,
        secrets=TEXT_MAP,
        comment=TEXT,
        properties=TEXT_MAP,
        read_only=FLAG,
        environment_settings=_ENVIRONMENT,
        parent=TEXT,
    ),
    f"PATCH {_UC}/connections/{{name}}": fields(
        new_name=TEXT, options=TEXT_MAP, secrets=TEXT_MAP, owner=TEXT, environment_settings=_ENVIRONMENT
    ),
    f"POST {_UC}/models": fields(name=TEXT, catalog_name=TEXT, schema_name=TEXT, comment=TEXT, storage_location=TEXT),
    f"PATCH {_UC}/models/{{full_name}}": _MODEL.plus(new_name=TEXT),
    f"PUT {_UC}/models/{{full_name}}/aliases/{{alias}}": fields(version_num=WHOLE),
    f"PATCH {_UC}{_VERSION}": fields(comment=TEXT, aliases=ListOf(fields(alias_name=TEXT, version_num=WHOLE))),
    f"POST {_MLFLOW}/create": fields(
        name=TEXT, source=TEXT, run_id=TEXT, description=TEXT, run_tracking_server_id=TEXT, model_version_dependencies=OBJECT
    ),
    f"POST {_MLFLOW}/finalize": fields(name=TEXT, version=TEXT),
    f"PATCH {_UC}/workspace-bindings/catalogs/{{name}}": fields(
        assign_workspaces=ListOf(WHOLE), unassign_workspaces=ListOf(WHOLE)
    ),
    f"PATCH {_UC}/bindings/{{securable_type}}/{{securable_name}}": fields(add=ListOf(_BINDING), remove=ListOf(_BINDING)),
}
