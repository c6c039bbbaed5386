"""Data classification of catalogs: the configuration, the scan, automatic tags (source: SDK 0.156, DataClassification).

On the platform a scan takes up to a day. Here it runs when a configuration is written, and on request of the control API.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

from localspace.api.saved_objects import masked
from localspace.core.errors import already_exists, invalid, not_found
from localspace.core.stored_documents import kinds
from localspace.core.stored_documents.securables import StoredClassificationConfig, StoredClassificationScan
from localspace.core.timestamps import iso
from localspace.governance.tagging import tag_part
from localspace.http.request import Plane, Request, Route
from localspace.http.serialisation import Json

_AUTOMATIC = "TAG_ASSIGNMENT_SOURCE_TYPE_SYSTEM_DATA_CLASSIFICATION"
_FIELDS = frozenset({"included_schemas", "excluded_schemas", "auto_tag_configs"})
_MODES = ("AUTO_TAGGING_ENABLED", "AUTO_TAGGING_DISABLED")


async def create(request: Request) -> Json:
    """Turn data classification on for a catalog, and scan it; needs USE CATALOG and MANAGE, or ownership."""
    catalog = _catalog(request)
    if request.repositories.store.get(kinds.CLASSIFICATION_CONFIG, catalog) is not None:
        raise already_exists(f"Catalog '{catalog}' has a data classification config already.", "ALREADY_EXISTS")
    return await _written(request, catalog, {name: value for name, value in request.body.items() if name in _FIELDS})


def get(request: Request) -> Json:
    """Return the configuration of a catalog."""
    return {**_config(request, _catalog(request))}


async def update(request: Request) -> Json:
    """Change the fields that the mask names, and scan again."""
    catalog = _catalog(request)
    new = masked({**_config(request, catalog)}, request.body, request.query.get("update_mask", ""), _FIELDS)
    return await _written(request, catalog, new)


def delete(request: Request) -> Json:
    """Turn data classification off; results of the catalog are gone, tags stay."""
    catalog = _catalog(request)
    _config(request, catalog)
    with request.repositories.store.transaction():
        request.repositories.store.delete(kinds.CLASSIFICATION_CONFIG, catalog)
        request.repositories.store.delete(kinds.CLASSIFICATION_SCAN, catalog)
    return {}


async def scan_all(request: Request) -> Json:
    """Scan every catalog with a configuration now; return how many columns have a class."""
    configs = request.repositories.store.items(kinds.CLASSIFICATION_CONFIG)
    counts = [await asyncio.to_thread(_scan, request, key[0], config) for key, config in configs]
    return {"columns": sum(counts)}


async def _written(request: Request, catalog: str, body: Json) -> Json:
    _check(request, catalog, body)
    config = kinds.CLASSIFICATION_CONFIG.document(body | {"name": f"catalogs/{catalog}/config"})
    request.repositories.store.put(kinds.CLASSIFICATION_CONFIG, (catalog,), config)
    await asyncio.to_thread(_scan, request, catalog, config)
    return {**config}


def _check(request: Request, catalog: str, config: Json) -> None:
    if config.get("included_schemas") and config.get("excluded_schemas"):
        raise invalid("included_schemas and excluded_schemas exclude each other.")
    for field in ("included_schemas", "excluded_schemas"):
        for name in (config.get(field) or {}).get("names") or ():
            request.repositories.privileges.require_exists("SCHEMA", f"{catalog}.{name}")
    for at, one in enumerate(config.get("auto_tag_configs") or ()):
        if not one.get("classification_tag"):
            raise invalid(f"auto_tag_configs[{at}].classification_tag is missing.")
        if one.get("auto_tagging_mode") not in _MODES:
            raise invalid(f"auto_tag_configs[{at}].auto_tagging_mode must be one of {', '.join(_MODES)}.")


def _scan(request: Request, catalog: str, config: StoredClassificationConfig) -> int:
    # The rows of tables are read by the SQL layer, whose libraries load with the first scan.
    from localspace.sql.classification import scan

    store, files = request.repositories.store, request.services.location.folder("files")
    included = (config.get("included_schemas") or {}).get("names")
    excluded = (config.get("excluded_schemas") or {}).get("names") or []
    rows: list[dict[str, Any]] = []
    for schema in store.list(kinds.SCHEMA, (catalog,)):
        if (included is not None and schema["name"] not in included) or schema["name"] in excluded:
            continue
        for table in store.list(kinds.TABLE, (catalog, schema["name"])):
            if not table.get("view_definition"):
                rows += scan(request.repositories, files, table)
    with store.transaction():
        store.put(kinds.CLASSIFICATION_SCAN, (catalog,), StoredClassificationScan(rows=rows))
        _tag(request, config, rows)
    return len(rows)


def _tag(request: Request, config: StoredClassificationConfig, rows: Iterable[dict[str, Any]]) -> None:
    """Put the tags of classes with automatic tagging on columns that lack them; call it in a transaction."""
    store, now = request.repositories.store, iso(request.repositories.clock.now_ms())
    automatic = {
        one["classification_tag"]
        for one in config.get("auto_tag_configs") or ()
        if one["auto_tagging_mode"] == "AUTO_TAGGING_ENABLED"
    }
    for row in rows:
        key, column = row["class_tag"], ".".join(row[name] for name in _COLUMN)
        part = tag_part(key)
        if key not in automatic or row["confidence"] != "HIGH" or store.get(kinds.TAG, "columns", column, part) is not None:
            continue
        tag = {"entity_type": "columns", "entity_name": column, "tag_key": key, "tag_value": ""}
        stamp = {"update_time": now, "updated_by": "System", "source_type": _AUTOMATIC}
        store.put(kinds.TAG, ("columns", column, part), kinds.TAG.document(tag | stamp), ("columns", column))


def _catalog(request: Request) -> str:
    found = request.repositories.privileges.require_exists("CATALOG", request.params["catalog"])
    request.repositories.privileges.require_manage(request.actor, "CATALOG", found["name"])
    return str(found["name"])


def _config(request: Request, catalog: str) -> StoredClassificationConfig:
    found = request.repositories.store.get(kinds.CLASSIFICATION_CONFIG, catalog)
    if found is None:
        raise not_found(f"Catalog '{catalog}' has no data classification config.")
    return found


_COLUMN = ("catalog_name", "schema_name", "table_name", "column_name")
_PATH = "/api/data-classification/v1/catalogs/{catalog}/config"
ROUTES = (
    Route(
        method="POST",
        path=_PATH,
        handler=create,
        sdk=("DataClassification.create_catalog_config",),
        partial="six classes with a form are found; a scan runs when a configuration is written",
    ),
    Route(method="GET", path=_PATH, handler=get, sdk=("DataClassification.get_catalog_config",)),
    Route(method="PATCH", path=_PATH, handler=update, sdk=("DataClassification.update_catalog_config",)),
    Route(method="DELETE", path=_PATH, handler=delete, sdk=("DataClassification.delete_catalog_config",)),
    Route(method="POST", path="/_localspace/classification/scan", handler=scan_all, plane=Plane.CONTROL),
)
