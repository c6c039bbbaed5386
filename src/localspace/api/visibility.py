"""What the Unity Catalog API does not show: hive_metastore, which is reached by SQL alone."""

from __future__ import annotations

from localspace.core.errors import not_found
from localspace.governance.legacy import HIVE, is_legacy
from localspace.http.request import Call


def hide_legacy(call: Call) -> None:
    """Answer 404 to a call of the Unity Catalog API that names hive_metastore or something in it."""
    names = [*call.params.values(), call.query.get("catalog_name", "")]
    if HIVE.encode() in call.raw.lower():
        body = call.body.get("function_info") or call.body
        names.append(str(body.get("catalog_name") or ""))
    if any(is_legacy(name) for name in names):
        raise not_found(f"Catalog '{HIVE}' does not exist.", "CATALOG_DOES_NOT_EXIST")
