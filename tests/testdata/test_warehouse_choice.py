"""The warehouse for the test data: our own first, then a running one, never one that is being deleted."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from lampkeeper.model.errors import UsageError
from lampkeeper.remote.clients import Call, Workspace
from lampkeeper.testdata.warehouse_choice import MARK_TAG, NAME, TESTDATA, best_warehouse, choose_warehouse, remove_warehouse

pytestmark = pytest.mark.unit


def warehouse(name: str, state: str, mark: str = "") -> dict[str, Any]:
    tags = {"tags": {"custom_tags": [{"key": MARK_TAG, "value": mark}]}} if mark else {}
    return {"id": f"id-{name}", "name": name, "state": state, **tags}


RANKED = [
    warehouse("lampkeeper", "RUNNING", "dev"),
    warehouse("ABAC Setup of ours", "STARTING", "dev"),
    warehouse("ABAC Serverless Warehouse", "STOPPED"),
    warehouse("ABAC Governance Warehouse", "STOPPED"),
    warehouse("a stopped one of ours", "STOPPED", "dev"),
    warehouse("shared", "RUNNING"),
    warehouse("waking", "STARTING"),
    warehouse("asleep", "STOPPED"),
]
GOING = [warehouse("ours, going", "DELETING", "dev"), warehouse("ABAC Serverless Warehouse", "DELETED")]


def test_the_best_warehouse_of_every_selection_is_the_first_in_the_ranking() -> None:
    for count in (1, 2, 3):
        for chosen in itertools.permutations(range(len(RANKED)), count):
            assert best_warehouse([*GOING, *(RANKED[i] for i in chosen)]) == RANKED[min(chosen)]


def test_warehouses_that_are_being_deleted_are_none() -> None:
    assert best_warehouse(GOING) is None
    assert best_warehouse([]) is None


class Wire:
    """Answers for warehouses, and keeps the writes."""

    def __init__(self, *found: dict[str, Any]) -> None:
        self.found, self.writes = list(found), list[Call]()

    def send(self, call: Call) -> Any:
        if call.method == "GET":
            return {"warehouses": self.found}
        self.writes.append(call)
        return {"id": "new"}


def test_a_serverless_warehouse_is_created_where_there_is_none_and_removed_again() -> None:
    wire = Wire(*GOING)
    workspace = Workspace(wire)
    assert (choose_warehouse(workspace), workspace.warehouse_id) == ("new", "new")
    (made,) = wire.writes
    assert made.body is not None
    wanted = {
        "name": NAME,
        "cluster_size": "Small",
        "warehouse_type": "PRO",
        "enable_serverless_compute": True,
        "auto_stop_mins": 10,
    }
    assert wanted.items() <= made.body.items()
    wire.found = [warehouse(NAME, "RUNNING", TESTDATA), *RANKED]
    assert remove_warehouse(workspace) == 1
    assert [(c.method, c.path) for c in wire.writes[1:]] == [("DELETE", f"/api/2.0/sql/warehouses/id-{NAME.replace(' ', '%20')}")]


def test_a_given_warehouse_is_used_and_must_be_there() -> None:
    workspace = Workspace(Wire(*RANKED))
    assert choose_warehouse(workspace, "id-asleep") == "id-asleep"
    with pytest.raises(UsageError, match="no warehouse 'id-aslep'"):
        choose_warehouse(workspace, "id-aslep")
