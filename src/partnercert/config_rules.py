"""The rules of a partner config; each error is reported with its JSON path."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from partnercert.hosts import is_loopback

CATEGORIES = (
    "INGEST", "DATA_PREP_AND_TRANSFORM", "SECURITY_AND_GOVERNANCE", "BI_AND_VIZ", "ML",
    "DATA_QUALITY", "REVERSE_ETL", "SEMANTIC_LAYER", "DATA_GOVERNANCE",
)  # fmt: skip
RESOURCES = ("PAT", "SqlEndpoint", "DestLocation", "InteractiveCluster")
PERMISSIONS = (
    "SELECT", "CREATE", "MODIFY", "USAGE", "READ_METADATA", "CREATE_NAMED_FUNCTION", "MODIFY_CLASSPATH",
    "ALL PRIVILEGES", "USE_CATALOG", "USE_SCHEMA", "CREATE_SCHEMA", "CREATE_TABLE",
)  # fmt: skip
OBJECTS = (
    "Token", "Password", "Cluster", "Pool", "Job", "DLT_Pipeline", "Notebook", "Directory", "MLflow_Experiment",
    "MLflow_Registered_Model", "SQL_Endpoint", "Repo",
)  # fmt: skip
LEVELS = (
    "CAN_MANAGE", "CAN_RESTART", "CAN_ATTACH_TO", "IS_OWNER", "CAN_MANAGE_RUN", "CAN_VIEW", "CAN_READ", "CAN_RUN",
    "CAN_EDIT", "CAN_USE", "CAN_MANAGE_STAGING_VERSIONS", "CAN_MANAGE_PRODUCTION_VERSIONS", "CAN_EDIT_METADATA",
    "CAN_VIEW_METADATA",
)  # fmt: skip
ACTIONS = ("auto_add", "invite", "not_found", "error")
AUTH = ("AUTH_PAT", "AUTH_OAUTH_M2M", "AUTH_OAUTH_U2M")
FEATURES = ("UNITY_CATALOG", "NON_ADMIN", "EXTERNAL_LOCATION")

_TEXT: dict[str, Any] = {"type": "string", "minLength": 1}
_PATH: dict[str, Any] = {"type": "string", "format": "path"}
_URL: dict[str, Any] = {"type": "string", "format": "url"}
_BOOL: dict[str, Any] = {"type": "boolean"}


def _one_of(*values: str) -> dict[str, Any]:
    return {"type": "string", "enum": list(values)}


def _object(required: str, **properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "required": required.split(), "properties": properties}


def _list(items: dict[str, Any], min_items: int = 0) -> dict[str, Any]:
    return {"type": "array", "items": items, "minItems": min_items}


WORKSPACE = _object(
    "warehouse_id",
    trigger_path=_PATH, mode=_one_of("read", "write", "notebook"), warehouse_id=_TEXT, unity_catalog=_TEXT,
    hive_metastore=_TEXT, schema=_TEXT, notebook_path=_PATH, destination_location=_TEXT, change_default_catalog=_BOOL,
    accept_table_types=_list(_TEXT), timeout_seconds={"type": "number", "minimum": 0},
)  # fmt: skip
CERTIFICATION = _object(
    "",
    repeat_trials=_BOOL, apex_test_domain_only=_BOOL, delete_connection_method=_one_of("POST", "DELETE"),
    existing_user={"type": "string", "format": "email"}, expired_user={"type": "string", "format": "email"},
    deletes_in_product=_BOOL, connector_list=_TEXT,
    pending_timeout_seconds={"type": "number", "minimum": 0}, real_workspace=_BOOL,
    sign_off_days={"type": "integer", "minimum": 1}, workspace=WORKSPACE,
)  # fmt: skip
SCHEMA = _object(
    "api_version name description_blurb category base_url endpoints sign_up_page privacy_policy terms_of_service "
    "logo_file icon_file resources_to_provision supported_clouds hostnames new_user_action",
    api_version={"type": "string", "format": "version"}, name=_TEXT, description_blurb=_TEXT,
    category=_one_of(*CATEGORIES), base_url=_URL,
    endpoints=_object(
        "connect_path", connect_path=_PATH, get_connectors_path=_PATH, test_connection_path=_PATH,
        delete_account_path=_PATH, expire_account_path=_PATH, delete_connection_path=_PATH,
    ),
    sign_up_page=_URL, privacy_policy=_URL, terms_of_service=_URL,
    logo_file={"type": "string", "format": "image"}, icon_file={"type": "string", "format": "image"},
    allow_editable_email=_BOOL,
    resources_to_provision=_list(_object("resource_type", resource_type=_one_of(*RESOURCES))),
    data_permissions=_list(_object("permission", permission=_one_of(*PERMISSIONS))),
    object_permissions=_list(_object("name level", name=_one_of(*OBJECTS), level=_one_of(*LEVELS))),
    supported_clouds=_list(_one_of("aws", "azure", "gcp", "gpc"), 1),
    hostnames=_list({"type": "string", "format": "host"}, 1),
    new_user_action=_one_of(*ACTIONS), require_manual_signup=_BOOL, trial_type=_one_of("user", "account"),
    supports_demo=_BOOL,
    test_workspace_detail=_object(
        "hostname port jdbc_url databricks_jdbc_url http_path cluster_id", hostname=_TEXT,
        port={"type": "integer", "minimum": 1, "maximum": 65535}, jdbc_url=_TEXT, databricks_jdbc_url=_TEXT,
        http_path=_TEXT, cluster_id=_TEXT,
    ),
    auth_options=_list(_one_of(*AUTH)), is_published_app=_BOOL, supported_features=_list(_one_of(*FEATURES)),
    certification=CERTIFICATION,
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigProblem:
    """A mistake in the config, with its JSON path."""

    path: str
    message: str
    is_error: bool = True

    def __str__(self) -> str:
        return f"{'error' if self.is_error else 'warning'}: {self.path} {self.message}"


def check_document(document: object, *, folder: Path, check_images: bool = True) -> list[ConfigProblem]:
    """Return every problem of a config document, errors first, in the order of the paths."""
    problems = list(_validate(document, SCHEMA, "$"))
    if isinstance(document, dict):
        problems += _cross_field_rules(document, folder)
        problems += _image_files(document, folder) if check_images else []
    unique = {(p.path, p.message): p for p in problems}
    return sorted(unique.values(), key=lambda p: (not p.is_error, p.path, p.message))


_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,), "boolean": (bool,), "integer": (int,), "number": (int, float), "object": (dict,), "array": (list,),
}  # fmt: skip


def _validate(value: object, schema: dict[str, Any], path: str) -> Iterator[ConfigProblem]:
    wanted = schema["type"]
    wrong_bool = isinstance(value, bool) and wanted != "boolean"
    if not isinstance(value, _TYPES[wanted]) or wrong_bool:
        yield ConfigProblem(path=path, message=f"must be {_a(wanted)}, is {_kind(value)}")
        return
    if isinstance(value, dict):
        yield from _validate_object(value, schema, path)
    elif isinstance(value, list):
        if len(value) < schema.get("minItems", 0):
            yield ConfigProblem(path=path, message="must not be empty")
        for index, item in enumerate(value):
            yield from _validate(item, schema["items"], f"{path}[{index}]")
    elif isinstance(value, str):
        yield from _validate_text(value, schema, path)
    elif isinstance(value, int | float):
        low, high = schema.get("minimum"), schema.get("maximum")
        if (low is not None and value < low) or (high is not None and value > high) or value != value:
            limit = f"at least {low}" if high is None else f"between {low} and {high}"
            yield ConfigProblem(path=path, message=f"must be {limit}, is {value}")


def _validate_object(value: dict[str, Any], schema: dict[str, Any], path: str) -> Iterator[ConfigProblem]:
    for key in schema["required"]:
        if key not in value:
            yield ConfigProblem(path=f"{path}.{key}", message="is missing")
    for key, item in value.items():
        known = schema["properties"].get(key)
        if known is None:
            close = difflib.get_close_matches(key, list(schema["properties"]), n=1)
            hint = f"; did you mean {close[0]!r}?" if close else ""
            yield ConfigProblem(path=f"{path}.{key}", message=f"is not a known key{hint}", is_error=False)
        else:
            yield from _validate(item, known, f"{path}.{key}")


def _validate_text(value: str, schema: dict[str, Any], path: str) -> Iterator[ConfigProblem]:
    if "enum" in schema and value not in schema["enum"]:
        close = difflib.get_close_matches(value, schema["enum"], n=1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        yield ConfigProblem(path=path, message=f"must be one of {', '.join(schema['enum'])}; is {value!r}{hint}")
    if len(value) < schema.get("minLength", 0):
        yield ConfigProblem(path=path, message="must not be empty")
    problem = _FORMATS[schema["format"]](value) if "format" in schema else None
    if problem:
        yield ConfigProblem(path=path, message=f"{problem}; is {value!r}")


def _format_path(value: str) -> str | None:
    ok = value.startswith("/") and not value.startswith("//") and not re.search(r"[\s?#\\]", value)
    return None if ok else "must be a path that starts with one slash, without query"


def _format_url(value: str) -> str | None:
    try:
        parts = urlsplit(value)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "must be a URL"
    if parts.scheme not in ("http", "https") or not host or re.search(r"\s", value):
        return "must be an http(s) URL"
    return "must not contain credentials; use environment variables" if parts.username is not None else None


def _format_host(value: str) -> str | None:
    ok = bool(re.fullmatch(r"[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]|[0-9A-Fa-f]*:[0-9A-Fa-f:.]+", value))
    return None if ok and value.strip(".") else "must be a host name without scheme, port or path"


def _format_version(value: str) -> str | None:
    return None if re.fullmatch(r"\d+\.\d+\.\d+", value) else "must be major.minor.patch"


def _format_image(value: str) -> str | None:
    return None if value.lower().endswith((".png", ".svg")) else "must be a png or svg file"


def _format_email(value: str) -> str | None:
    return None if re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", value) else "must be an e-mail address"


_FORMATS = {
    "path": _format_path, "url": _format_url, "host": _format_host, "version": _format_version,
    "image": _format_image, "email": _format_email,
}  # fmt: skip


def _cross_field_rules(document: dict[str, Any], folder: Path) -> Iterator[ConfigProblem]:
    base = document.get("base_url")
    if isinstance(base, str) and _format_url(base) is None:
        parts = urlsplit(base)
        if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
            yield ConfigProblem(path="$.base_url", message="must be https; plain http is for loopback only")
        if parts.query or parts.fragment:
            yield ConfigProblem(path="$.base_url", message="must not have a query or fragment")
    if not document.get("data_permissions") and not document.get("object_permissions"):
        yield ConfigProblem(
            path="$.data_permissions", message="names no permission, and neither does $.object_permissions; name one in either"
        )
    auth = document.get("auth_options")
    if isinstance(auth, list) and {"AUTH_PAT", "AUTH_OAUTH_M2M"} <= {a for a in auth if isinstance(a, str)}:
        yield ConfigProblem(path="$.auth_options", message="AUTH_PAT and AUTH_OAUTH_M2M are mutually exclusive")
    endpoints = document.get("endpoints")
    if isinstance(endpoints, dict):
        yield from _endpoint_rules(endpoints, document)
    extra = document.get("certification")
    workspace = extra.get("workspace") if isinstance(extra, dict) else None
    if isinstance(workspace, dict) and workspace.get("mode") == "notebook" and "notebook_path" not in workspace:
        yield ConfigProblem(path="$.certification.workspace.notebook_path", message="is missing; mode is notebook")
    if isinstance(extra, dict) and isinstance(extra.get("connector_list"), str):
        path = folder / extra["connector_list"]
        if not path.is_file():
            yield ConfigProblem(path="$.certification.connector_list", message=f"file not found: {extra['connector_list']}")


def _image_files(document: dict[str, Any], folder: Path) -> Iterator[ConfigProblem]:
    for key in ("logo_file", "icon_file"):
        name = document.get(key)
        if isinstance(name, str) and _format_image(name) is None and not (folder / name).is_file():
            yield ConfigProblem(path=f"$.{key}", message=f"names no file beside the config: {name}")


def _endpoint_rules(endpoints: dict[str, Any], document: dict[str, Any]) -> Iterator[ConfigProblem]:
    names: dict[str, str] = {}
    for key, value in endpoints.items():
        if isinstance(value, str) and value in names:
            yield ConfigProblem(path=f"$.endpoints.{key}", message=f"is the same path as {names[value]}", is_error=False)
        elif isinstance(value, str):
            names[value] = key
    if "delete_connection_path" not in endpoints:
        message = "is missing; required for production"
        yield ConfigProblem(path="$.endpoints.delete_connection_path", message=message, is_error=False)
    if document.get("category") == "INGEST" and "get_connectors_path" not in endpoints:
        message = "is missing; INGEST partners are asked for their connectors (P900 does not apply)"
        yield ConfigProblem(path="$.endpoints.get_connectors_path", message=message, is_error=False)


def _kind(value: object) -> str:
    if value is None:
        return "null"
    for name, types in _TYPES.items():
        if isinstance(value, types) and not (isinstance(value, bool) and name != "boolean"):
            return _a(name)
    return type(value).__name__


def _a(name: str) -> str:
    return f"an {name}" if name[0] in "aeio" else f"a {name}"
