"""The workspace's default catalog: a setting with an etag, and what holds while nobody has set it."""

from __future__ import annotations

import uuid
from typing import Any

from localspace.core.errors import ApiError, invalid, not_found
from localspace.core.store import Document, Store

_KEY = "default_namespace"


def default_catalog(store: Store) -> str:
    """Return the catalog of a name without one: the setting, else that of the metastore assignment."""
    found = store.get("setting", _KEY) or {}
    if found.get("value"):
        return str(found["value"])
    assignments = store.list("metastore_assignment")
    return str((assignments[0] if assignments else {}).get("default_catalog_name") or "main")


def read_default(store: Store) -> Document:
    """Return value and etag; raises 404 with the etag for the first write while nothing is set."""
    found = _state(store)
    if not found.get("value"):
        raise not_found_with(found["etag"])
    return found


def write_default(store: Store, value: Any, etag: str | None) -> Document:
    """Set the default catalog, or unset it with None; a missing or stale etag is refused with the current one."""
    with store.transaction():
        old = _state(store)
        if etag != old["etag"]:
            if not etag and not old.get("value"):
                raise not_found_with(old["etag"])
            raise ApiError(
                409,
                "RESOURCE_CONFLICT",
                "The etag is missing or not the current one: the setting was changed. Read it again.",
                _with_etag("RESOURCE_CONFLICT", old["etag"]),
            )
        if value is not None and (not isinstance(value, str) or store.get("catalog", value) is None):
            raise invalid(f"Catalog '{value}' does not exist: it cannot be the default catalog.")
        new = {"value": value, "etag": _fresh_etag()}
        store.put("setting", (_KEY,), new)
    return new


def not_found_with(etag: str) -> ApiError:
    """Return the 404 of a setting that is not set; its details carry the etag."""
    error = not_found("The setting default_namespace_ws is not set.", "NOT_FOUND")
    error.details = _with_etag("SETTING_NOT_FOUND", etag)
    return error


def _state(store: Store) -> Document:
    found = store.get("setting", _KEY)
    if found is None:
        found = {"value": None, "etag": _fresh_etag()}
        store.put("setting", (_KEY,), found)
    return found


def _with_etag(reason: str, etag: str) -> list[dict[str, Any]]:
    kind = "type.googleapis.com/google.rpc.ErrorInfo"
    return [{"@type": kind, "reason": reason, "domain": "localspace", "metadata": {"etag": etag}}]


def _fresh_etag() -> str:
    return uuid.uuid4().hex
