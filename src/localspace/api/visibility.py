"""What the Unity Catalog API does not show: hive_metastore, which is reached by SQL alone, and anything without a metastore."""

from __future__ import annotations

from localspace.core.errors import not_found
from localspace.governance.legacy import HIVE, is_legacy
from localspace.http.request import Request

_WITHOUT_METASTORE = ("/api/2.1/unity-catalog/metastores", "/api/2.1/unity-catalog/workspaces/")
"""Calls about metastores themselves, which a workspace that has none can make."""


def require_metastore(request: Request) -> None:
    """Answer 404 to a request of the Unity Catalog API in a workspace without a metastore."""
    if not request.repositories.ids.metastore_id and not request.path.startswith(_WITHOUT_METASTORE):
        raise not_found("No metastore assigned for the current workspace.", "METASTORE_DOES_NOT_EXIST")


def hide_legacy(request: Request) -> None:
    """Answer 404 to a request of the Unity Catalog API that names hive_metastore or something in it."""
    names = [*request.params.values(), request.query.get("catalog_name", "")]
    if HIVE.encode() in request.raw.lower():
        body = request.body.get("function_info") or request.body
        names.append(str(body.get("catalog_name") or ""))
    if any(is_legacy(name) for name in names):
        raise not_found(f"Catalog '{HIVE}' does not exist.", "CATALOG_DOES_NOT_EXIST")
