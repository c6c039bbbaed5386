"""SQL warehouses as other services need them."""

from __future__ import annotations

from localspace.core.errors import not_found
from localspace.core.store import Document
from localspace.governance.repositories import Repositories


def require_warehouse(repositories: Repositories, warehouse_id: str) -> Document:
    """Return a warehouse; raises 404."""
    found = repositories.store.get("warehouse", warehouse_id)
    if found is None:
        raise not_found(f"SQL warehouse {warehouse_id} does not exist.")
    return found
