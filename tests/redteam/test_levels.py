"""Attacks by people with some level on an object: each level, each action; and what lists show to people with none."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator

import httpx
import pytest

from localspace.server.routes import ROUTES
from support.nightly import sampled
from support.populated_workspace import HIDDEN, JOBS, UC, Populated, finished_run, populated

pytestmark = pytest.mark.server
Action = Callable[[Populated, httpx.Client], httpx.Response]
TASK = {"task_key": "t", "condition_task": {"op": "EQUAL_TO", "left": "1", "right": "1"}}


@pytest.fixture(scope="module")
def world() -> Iterator[Populated]:
    with populated() as found:
        yield found


def job(world: Populated) -> int:
    return int(world.ids["job"])


def warehouse(world: Populated) -> str:
    return f"/api/2.0/sql/warehouses/{world.ids['warehouse']}"


def space(world: Populated) -> str:
    return f"/api/2.0/genie/spaces/{world.ids['space']}"


def dashboard(world: Populated) -> str:
    return f"/api/2.0/lakeview/dashboards/{world.ids['dashboard']}"


ENDPOINT = f"/api/2.0/serving-endpoints/{HIDDEN}_e"
STATEMENT = {"statement": "SELECT 1 ROWS"}
ACL_PATHS = {
    "warehouses": lambda world: f"/api/2.0/permissions/warehouses/{world.ids['warehouse']}",
    "jobs": lambda world: f"/api/2.0/permissions/jobs/{world.ids['job']}",
    "genie": lambda world: f"/api/2.0/permissions/genie/{world.ids['space']}",
    "dashboards": lambda world: f"/api/2.0/permissions/dashboards/{world.ids['dashboard']}",
    "serving-endpoints": lambda world: f"/api/2.0/permissions/serving-endpoints/{HIDDEN}_e",
}
TABLE: dict[str, dict[str, tuple[Action, set[str]]]] = {
    "warehouses": {
        "get": (lambda w, h: h.get(warehouse(w)), {"CAN_VIEW", "CAN_MONITOR", "CAN_USE", "CAN_MANAGE", "IS_OWNER"}),
        "acl": (lambda w, h: h.get(ACL_PATHS["warehouses"](w)), {"CAN_VIEW", "CAN_MONITOR", "CAN_USE", "CAN_MANAGE", "IS_OWNER"}),
        "start": (lambda w, h: h.post(f"{warehouse(w)}/start"), {"CAN_MONITOR", "CAN_USE", "CAN_MANAGE", "IS_OWNER"}),
        "run": (
            lambda w, h: h.post("/api/2.0/sql/statements", json=STATEMENT | {"warehouse_id": w.ids["warehouse"]}),
            {"CAN_MONITOR", "CAN_USE", "CAN_MANAGE", "IS_OWNER"},
        ),
        "space on it": (
            lambda w, h: h.post(
                "/api/2.0/genie/spaces",
                json={"title": "t", "warehouse_id": w.ids["warehouse"], "serialized_space": json.dumps({"version": 2})},
            ),
            {"CAN_MONITOR", "CAN_USE", "CAN_MANAGE", "IS_OWNER"},
        ),
        "stop": (lambda w, h: h.post(f"{warehouse(w)}/stop"), {"CAN_MANAGE", "IS_OWNER"}),
        "edit": (
            lambda w, h: h.post(f"{warehouse(w)}/edit", json={"name": f"{HIDDEN}_w", "cluster_size": "Small"}),
            {"CAN_MANAGE", "IS_OWNER"},
        ),
        "share": (lambda w, h: h.patch(ACL_PATHS["warehouses"](w), json={"access_control_list": []}), {"CAN_MANAGE", "IS_OWNER"}),
        "delete": (lambda w, h: h.delete(warehouse(w)), {"CAN_MANAGE", "IS_OWNER"}),
    },
    "jobs": {
        "get": (
            lambda w, h: h.get(f"{JOBS}/get", params={"job_id": job(w)}),
            {"CAN_VIEW", "CAN_MANAGE_RUN", "CAN_MANAGE", "IS_OWNER"},
        ),
        "run's output": (
            lambda w, h: h.get(f"{JOBS}/runs/get", params={"run_id": w.ids["run"]}),
            {"CAN_VIEW", "CAN_MANAGE_RUN", "CAN_MANAGE", "IS_OWNER"},
        ),
        "run": (lambda w, h: h.post(f"{JOBS}/run-now", json={"job_id": job(w)}), {"CAN_MANAGE_RUN", "CAN_MANAGE", "IS_OWNER"}),
        "cancel": (
            lambda w, h: h.post(f"{JOBS}/runs/cancel", json={"run_id": int(w.ids["run"])}),
            {"CAN_MANAGE_RUN", "CAN_MANAGE", "IS_OWNER"},
        ),
        "forget run": (
            lambda w, h: h.post(f"{JOBS}/runs/delete", json={"run_id": finished_run(w, w.admin, int(w.ids["job"]))}),
            {"CAN_MANAGE_RUN", "CAN_MANAGE", "IS_OWNER"},
        ),
        "update": (
            lambda w, h: h.post(f"{JOBS}/update", json={"job_id": job(w), "new_settings": {"name": "x"}}),
            {"CAN_MANAGE", "IS_OWNER"},
        ),
        "reset": (
            lambda w, h: h.post(f"{JOBS}/reset", json={"job_id": job(w), "new_settings": {"tasks": [TASK]}}),
            {"CAN_MANAGE", "IS_OWNER"},
        ),
        "share": (lambda w, h: h.patch(ACL_PATHS["jobs"](w), json={"access_control_list": []}), {"CAN_MANAGE", "IS_OWNER"}),
        "delete": (lambda w, h: h.post(f"{JOBS}/delete", json={"job_id": job(w)}), {"CAN_MANAGE", "IS_OWNER"}),
    },
    "genie": {
        "get": (lambda w, h: h.get(space(w)), {"CAN_READ", "CAN_RUN", "CAN_EDIT", "CAN_MANAGE"}),
        "content": (lambda w, h: h.get(space(w), params={"include_serialized_space": "true"}), {"CAN_EDIT", "CAN_MANAGE"}),
        "update": (lambda w, h: h.patch(space(w), json={"description": "x"}), {"CAN_EDIT", "CAN_MANAGE"}),
        "tag": (
            lambda w, h: h.post(
                "/api/2.0/entity-tag-assignments",
                json={"entity_type": "geniespaces", "entity_id": w.ids["space"], "tag_key": "k"},
            ),
            {"CAN_MANAGE"},
        ),
        "share": (lambda w, h: h.patch(ACL_PATHS["genie"](w), json={"access_control_list": []}), {"CAN_MANAGE"}),
        "delete": (lambda w, h: h.delete(space(w)), {"CAN_MANAGE"}),
    },
    "dashboards": {
        "get": (lambda w, h: h.get(dashboard(w)), {"CAN_READ", "CAN_RUN", "CAN_EDIT", "CAN_MANAGE"}),
        "update": (lambda w, h: h.patch(dashboard(w), json={"serialized_dashboard": "{}"}), {"CAN_EDIT", "CAN_MANAGE"}),
        "publish": (lambda w, h: h.post(f"{dashboard(w)}/published", json={}), {"CAN_MANAGE"}),
        "share": (lambda w, h: h.patch(ACL_PATHS["dashboards"](w), json={"access_control_list": []}), {"CAN_MANAGE"}),
        "delete": (lambda w, h: h.delete(dashboard(w)), {"CAN_MANAGE"}),
    },
    "serving-endpoints": {
        "get": (lambda w, h: h.get(ENDPOINT), {"CAN_VIEW", "CAN_QUERY", "CAN_MANAGE"}),
        "share": (lambda w, h: h.patch(ACL_PATHS["serving-endpoints"](w), json={"access_control_list": []}), {"CAN_MANAGE"}),
        "delete": (lambda w, h: h.delete(ENDPOINT), {"CAN_MANAGE"}),
    },
}
"""Object type to action: how it is done, and the levels that allow it."""

LEVELS = {
    "warehouses": ("", "CAN_VIEW", "CAN_MONITOR", "CAN_USE", "CAN_MANAGE", "IS_OWNER"),
    "jobs": ("", "CAN_VIEW", "CAN_MANAGE_RUN", "CAN_MANAGE", "IS_OWNER"),
    "genie": ("", "CAN_READ", "CAN_RUN", "CAN_EDIT", "CAN_MANAGE"),
    "dashboards": ("", "CAN_READ", "CAN_RUN", "CAN_EDIT", "CAN_MANAGE"),
    "serving-endpoints": ("", "CAN_VIEW", "CAN_QUERY", "CAN_MANAGE"),
}
WAYS = ("alone", "by a group")
CASES = [
    (kind, action, level, way)
    for kind, actions in TABLE.items()
    for action, level, way in itertools.product(actions, LEVELS[kind], WAYS)
    if not (level == "IS_OWNER" and way == "by a group")
]


@pytest.mark.parametrize("case", sampled(CASES, name="-".join, every=10))
def test_a_level_opens_what_it_names_and_no_more(world: Populated, case: tuple[str, str, str, str]) -> None:
    kind, action, level, way = case
    do, allowed = TABLE[kind][action]
    everything = world.documents()
    entries = [world.entry("group" if way == "by a group" else "alice", level)] if level else []
    if way == "by a group":
        group = {"displayName": "cleared", "members": [{"value": world.ids["alice"]}]}
        world.made("PUT", world.account(f"/scim/v2/Groups/{world.ids['group']}"), group)
    if kind == "jobs" and level != "IS_OWNER":
        entries.append(world.entry("admin", "IS_OWNER"))
    try:
        world.made("PUT", ACL_PATHS[kind](world), {"access_control_list": entries})
        answer = do(world, world.clients["alice"])
        assert answer.is_success == (level in allowed), answer.text
        assert answer.is_success or answer.status_code in (403, 404)
    finally:
        world.restore(everything)


# What shows to people without privileges


def paths(world: Populated) -> list[str]:
    """Return every path that a GET route of the workspace reads, with what is hidden in its parameters."""
    full = f"{HIDDEN}.{HIDDEN}"
    given = {
        "object_type": "jobs",
        "object_id": world.ids["job"],
        "space_id": world.ids["space"],
        "dashboard_id": world.ids["dashboard"],
        "id": world.ids["warehouse"],
        "statement_id": world.ids["statement"],
        "chunk_index": "0",
        "service_principal_id": world.ids["robot"],
        "securable_type": "schema",
        "full_name": full,
        "on_securable_type": "SCHEMA",
        "on_securable_fullname": full,
        "name": f"{HIDDEN}_p",
        "kind": "SCHEMA",
        "parent": full,
        "quota": "abac-policy-quota",
        "entity_type": "schemas",
        "entity_name": full,
        "entity_id": world.ids["space"],
        "tag_key": "pii",
        "path*": f"Volumes/{HIDDEN}/{HIDDEN}/{HIDDEN}_v",
    }
    query = (
        f"?catalog_name={HIDDEN}&schema_name={HIDDEN}&scope={HIDDEN}_k&key=k&job_id={world.ids['job']}"
        f"&path=/Users/admin@localspace.example&run_id={world.ids['run']}&principal=admin@localspace.example"
    )
    found = []
    for route in ROUTES:
        if route.method == "GET" and route.plane == "workspace":
            path = route.path
            for name, value in given.items():
                path = path.replace(f"{{{name}}}", value)
            found += [path + query, path]
    return found


ASKED = [one.path for one in ROUTES if one.method == "GET" and one.plane == "workspace"]


@pytest.mark.parametrize("who", ["bob", "robot"])
@pytest.mark.parametrize("route", sampled(ASKED, every=4))
def test_nothing_that_is_hidden_shows_to_who_has_no_right(world: Populated, who: str, route: str) -> None:
    at = ASKED.index(route)
    for path in paths(world)[2 * at : 2 * at + 2]:
        answer = world.clients[who].get(path)
        assert answer.status_code < 500, (path, answer.text)
        if answer.is_success:
            assert HIDDEN not in answer.text.replace(path, ""), path


def test_the_administrator_finds_what_is_hidden(world: Populated) -> None:
    """Otherwise the tests above would pass on an empty workspace."""
    shown = [path for path in paths(world) if HIDDEN in world.admin.get(path).text]
    assert len(shown) > 25


# Quotas and folders

QUOTA_CASES = (
    ("nothing", [], False, False),
    ("use", [("catalog", HIDDEN, "USE_CATALOG"), ("schema", f"{HIDDEN}.{HIDDEN}", "USE_SCHEMA")], False, True),
    ("browse", [("catalog", HIDDEN, "BROWSE")], False, True),
    ("select", [("catalog", HIDDEN, "SELECT")], False, True),
    ("read metadata", [("schema", f"{HIDDEN}.{HIDDEN}", "READ_METADATA")], True, False),
    ("manage", [("schema", f"{HIDDEN}.{HIDDEN}", "MANAGE")], True, False),
)


@pytest.mark.parametrize(("label", "grants", "policies", "schemas"), QUOTA_CASES, ids=[one[0] for one in QUOTA_CASES])
def test_quotas_count_only_what_shows(
    world: Populated, label: str, grants: list[tuple[str, str, str]], policies: bool, schemas: bool
) -> None:
    everything = world.documents()
    bob, base = world.clients["bob"], f"{UC}/resource-quotas"
    try:
        for kind, name, privilege in grants:
            changes = {"changes": [{"principal": world.names["bob"], "add": [privilege]}]}
            world.made("PATCH", f"{UC}/permissions/{kind}/{name}", changes)
        reported = bob.get(f"{base}/all-resource-quotas").json()["quotas"]
        seen = {(one["parent_full_name"], one["quota_name"]) for one in reported}
        assert ((f"{HIDDEN}.{HIDDEN}", "abac-policy-quota") in seen) == policies
        assert ((HIDDEN, "schema-quota") in seen) == schemas
        one = bob.get(f"{base}/SCHEMA/{HIDDEN}.{HIDDEN}/abac-policy-quota")
        assert one.is_success == policies, one.text
        assert bob.get(f"{base}/CATALOG/{HIDDEN}/abac-policy-quota").status_code == 403
    finally:
        world.restore(everything)


@pytest.mark.parametrize("who", ["admin", "alice", "robot", "wanda", "chief"])
def test_the_folder_of_a_volume_is_reported_to_runs_alone(world: Populated, who: str) -> None:
    path = f"/Volumes/{HIDDEN}/{HIDDEN}/{HIDDEN}_v"
    answer = world.clients[who].get("/api/2.0/localspace/volume", params={"path": path})
    assert answer.status_code == 403
    assert str(world.space.workspace.location.data_dir) not in answer.text
    token, document = world.space.workspace.services.authenticator.mint(world.space.workspace.ids.admin_id, scope="task")
    with world.space.http(token) as task:
        assert task.get("/api/2.0/localspace/volume", params={"path": path}).status_code == 200
    world.space.workspace.services.authenticator.revoke(document)
