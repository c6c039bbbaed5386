"""Chooses the SQL warehouse for the test data, and creates one where there is none."""

from __future__ import annotations

from collections.abc import Sequence

from lampkeeper.remote.clients import Json, Workspace, encode
from lampkeeper.remote.warehouse import list_warehouses, require_warehouse

MARK_TAG = "managed_by_lampkeeper"
"""The tag of warehouses that lampkeeper created; its value is the environment, or `testdata`."""
TESTDATA = "testdata"
OWN_NAMES = ("ABAC Serverless Warehouse", "ABAC Governance Warehouse", "ABAC Test Setup Warehouse")
"""Names that this kind of tool gives its warehouses, most wanted first."""
NAME = "ABAC Test Setup Warehouse"

_WAREHOUSES = "/api/2.0/sql/warehouses"
_GOING = frozenset({"DELETING", "DELETED"})
_STATES = ("RUNNING", "STARTING")


def choose_warehouse(workspace: Workspace, given: str = "") -> str:
    """Use a warehouse from now on and return its id: the given one, else the best one, else a new serverless one.

    Raise UsageError if the given one does not exist.
    """
    if given:
        require_warehouse(workspace, given)
        return given
    best = best_warehouse(list_warehouses(workspace))
    workspace.warehouse_id = str(best["id"]) if best is not None else _create(workspace)
    return workspace.warehouse_id


def best_warehouse(found: Sequence[Json]) -> Json | None:
    """Return the warehouse to use, None if there is none: one of our own, then a running one, never one that is being deleted."""
    usable = [w for w in found if w.get("state") not in _GOING]
    return min(usable, key=_rank, default=None)


def remove_warehouse(workspace: Workspace) -> int:
    """Delete the warehouses that `choose_warehouse` created; return how many there were."""
    ours = [w for w in list_warehouses(workspace) if _mark(w) == TESTDATA and w.get("state") not in _GOING]
    for warehouse in ours:
        workspace.write("warehouse", "DELETE", f"{_WAREHOUSES}/{encode(str(warehouse['id']))}")
    return len(ours)


def _rank(warehouse: Json) -> tuple[bool, int, int, str]:
    name, state = str(warehouse.get("name") or ""), str(warehouse.get("state") or "")
    named = OWN_NAMES.index(name) if name in OWN_NAMES else len(OWN_NAMES)
    own = name in OWN_NAMES or bool(_mark(warehouse))
    return not own, _STATES.index(state) if state in _STATES else len(_STATES), named, name


def _mark(warehouse: Json) -> str:
    tags = (warehouse.get("tags") or {}).get("custom_tags") or ()
    return next((str(t.get("value") or "") for t in tags if t.get("key") == MARK_TAG), "")


def _create(workspace: Workspace) -> str:
    body: Json = {
        "name": NAME, "cluster_size": "Small", "warehouse_type": "PRO", "enable_serverless_compute": True,
        "auto_stop_mins": 10, "max_num_clusters": 1, "tags": {"custom_tags": [{"key": MARK_TAG, "value": TESTDATA}]},
    }  # fmt: skip
    return str(workspace.write("warehouse", "POST", _WAREHOUSES, body)["id"])
