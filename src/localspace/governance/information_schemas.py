"""The information_schema of a catalog: a schema that the platform adds to each and that no document holds."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from localspace.core.stored_documents.catalog import StoredSchema

NAME = "information_schema"
_OWNER = "System user"


def is_information_schema(full_name: str) -> bool:
    """Return whether a full name `catalog.schema` is that of an information_schema."""
    return full_name.casefold().endswith(f".{NAME}") and full_name.count(".") == 1


def information_schema_of(catalog: Mapping[str, Any]) -> StoredSchema:
    """Return the information_schema of a catalog; its id is the same at each call."""
    full_name = f"{catalog['name']}.{NAME}"
    return {
        "name": NAME,
        "full_name": full_name,
        "catalog_name": str(catalog["name"]),
        "catalog_type": str(catalog["catalog_type"]),
        "schema_id": str(uuid.uuid5(uuid.NAMESPACE_URL, f"{catalog['id']}/{NAME}")),
        "owner": _OWNER,
        "comment": "Information schema (auto-created)",
        "metastore_id": str(catalog["metastore_id"]),
        "created_at": int(catalog["created_at"]),
        "created_by": _OWNER,
        "updated_at": int(catalog["created_at"]),
        "updated_by": _OWNER,
    }
