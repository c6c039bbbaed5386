"""The workspace's default catalog: a setting with an etag, and what holds while nobody has set it."""

from __future__ import annotations

import uuid
from typing import Any

from localspace.core.errors import ApiError, invalid, not_found
from localspace.core.store import Store
from localspace.core.stored_documents import kinds
from localspace.core.stored_documents.kinds import LEGACY_CATALOG
from localspace.core.stored_documents.workspace import StoredDefaultNamespace


def default_catalog(store: Store) -> str:
    """Return the catalog of a name without one: the setting, else that of the metastore assignment."""
    found = store.get(kinds.DEFAULT_NAMESPACE, kinds.WHOLE)
    if found is not None and found["value"]:
        return found["value"]
    assigned = store.get(kinds.METASTORE_ASSIGNMENT, store.workspace_id)
    return LEGACY_CATALOG if assigned is None else assigned["default_catalog_name"] or "main"


def read_default(store: Store) -> StoredDefaultNamespace:
    """Return value and etag; raises 404 with the etag for the first write while nothing is set."""
    found = _state(store)
    if not found["value"]:
        raise not_found_with(found["etag"])
    return found


def write_default(store: Store, value: Any, etag: str | None) -> StoredDefaultNamespace:
    """Set the default catalog, or unset it with None; a missing or stale etag is refused with the current one."""
    # The first etag is stored in a transaction of its own: a refusal names it, and must not undo it.
    _state(store)
    with store.transaction():
        old = _state(store)
        if etag != old["etag"]:
            if not etag and not old["value"]:
                raise not_found_with(old["etag"])
            raise ApiError(
                409,
                "RESOURCE_CONFLICT",
                "The etag is missing or not the current one: the setting was changed. Read it again.",
                _with_etag("RESOURCE_CONFLICT", old["etag"]),
            )
        if value is not None and (not isinstance(value, str) or store.get(kinds.CATALOG, value) is None):
            raise invalid(f"Catalog '{value}' does not exist: it cannot be the default catalog.")
        new = StoredDefaultNamespace(value=value, etag=_new_etag())
        store.put(kinds.DEFAULT_NAMESPACE, (kinds.WHOLE,), new)
    return new


def not_found_with(etag: str) -> ApiError:
    """Return the 404 of a setting that is not set; its details carry the etag."""
    error = not_found("The setting default_namespace_ws is not set.", "NOT_FOUND")
    error.details = _with_etag("SETTING_NOT_FOUND", etag)
    return error


def _state(store: Store) -> StoredDefaultNamespace:
    found = store.get(kinds.DEFAULT_NAMESPACE, kinds.WHOLE)
    if found is None:
        found = StoredDefaultNamespace(value=None, etag=_new_etag())
        store.put(kinds.DEFAULT_NAMESPACE, (kinds.WHOLE,), found)
    return found


def _with_etag(reason: str, etag: str) -> list[dict[str, Any]]:
    kind = "type.googleapis.com/google.rpc.ErrorInfo"
    return [{"@type": kind, "reason": reason, "domain": "localspace", "metadata": {"etag": etag}}]


def _new_etag() -> str:
    return uuid.uuid4().hex
