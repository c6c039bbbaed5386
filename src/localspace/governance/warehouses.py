"""SQL warehouses as other services need them."""

from __future__ import annotations

from localspace.core.errors import not_found
from localspace.core.stored_documents import kinds
from localspace.core.stored_documents.workspace import StoredWarehouse
from localspace.governance.repositories import Repositories


def require_warehouse(repositories: Repositories, warehouse_id: str) -> StoredWarehouse:
    """Return a warehouse; raises 404."""
    found = repositories.store.get(kinds.WAREHOUSE, warehouse_id)
    if found is None:
        raise not_found(f"SQL warehouse {warehouse_id} does not exist.")
    return found
