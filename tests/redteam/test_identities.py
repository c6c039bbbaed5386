"""Attacks on identities: each door through which somebody could act as somebody else, tried by each actor on each target."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from localspace.core.stored_documents import kinds
from support.nightly import sampled
from support.populated_workspace import JOBS, SCIM, UC, Populated, finished_run, populated

pytestmark = pytest.mark.server
TASK = {"task_key": "t", "condition_task": {"op": "EQUAL_TO", "left": "1", "right": "1"}}

ACTORS = ("alice", "robot", "wanda", "chief_robot")
"""A user, a service principal, an administrator of the workspace alone, an administrator of the account alone."""

TARGETS = ("alice", "bob", "robot", "driver", "managed", "admin", "chief", "chief_robot", "group", "nobody")
ALLOWED = {
    "alice": {"alice", "driver"},
    "robot": {"robot"},
    "wanda": {"alice", "bob", "robot", "driver", "managed"},
    "chief_robot": {"chief_robot"},
}
"""Whom each actor may name: itself, those on which it has the user role; a workspace admin all but admins of the account."""


def made_job(world: Populated, actor: str, **settings: Any) -> int:
    """Make a job of the administrator that the actor manages, as if it had been shared."""
    entries = [world.entry("admin", "IS_OWNER"), world.entry(actor, "CAN_MANAGE")]
    body = {"tasks": [TASK], "access_control_list": entries} | settings
    return int(world.made("POST", f"{JOBS}/create", body)["job_id"])


def own_job(world: Populated, actor: str) -> int:
    return int(world.made("POST", f"{JOBS}/create", {"tasks": [TASK]}, actor)["job_id"])


def named(world: Populated, target: str, level: str) -> dict[str, str]:
    return world.entry(target, level) if target != "nobody" else {"user_name": "nobody@bank.example", "permission_level": level}


def run_as(world: Populated, target: str) -> dict[str, str]:
    entry = named(world, target, "")
    return {name: value for name, value in entry.items() if name != "permission_level"}


def submit(world: Populated, http: httpx.Client, body: dict[str, Any]) -> httpx.Response:
    return http.post(f"{JOBS}/runs/submit", json={"tasks": [TASK]} | body)


Door = Callable[[Populated, httpx.Client, str, str], httpx.Response]


def create_with_owner(world: Populated, http: httpx.Client, actor: str, target: str) -> httpx.Response:
    entries = [named(world, target, "IS_OWNER")]
    return http.post(f"{JOBS}/create", json={"tasks": [TASK], "access_control_list": entries})


def create_with_run_as(world: Populated, http: httpx.Client, actor: str, target: str) -> httpx.Response:
    return http.post(f"{JOBS}/create", json={"tasks": [TASK], "run_as": run_as(world, target)})


def create_in_2_1(world: Populated, http: httpx.Client, actor: str, target: str) -> httpx.Response:
    entries = [named(world, target, "IS_OWNER")]
    return http.post("/api/2.1/jobs/create", json={"tasks": [TASK], "access_control_list": entries})


def put_owner(world: Populated, http: httpx.Client, actor: str, target: str) -> httpx.Response:
    path = f"/api/2.0/permissions/jobs/{own_job(world, actor)}"
    entries = [named(world, target, "IS_OWNER")]
    if target != actor:
        entries.append(world.entry(actor, "CAN_MANAGE"))
    return http.put(path, json={"access_control_list": entries})


def patch_owner(world: Populated, http: httpx.Client, actor: str, target: str) -> httpx.Response:
    path = f"/api/2.0/permissions/jobs/{own_job(world, actor)}"
    entries = [named(world, target, "IS_OWNER")]
    if target != actor:
        entries.append(world.entry(actor, "CAN_MANAGE"))
    return http.patch(path, json={"access_control_list": entries})


def submit_with_run_as(world: Populated, http: httpx.Client, actor: str, target: str) -> httpx.Response:
    return submit(world, http, {"run_as": run_as(world, target)})


def submit_with_owner(world: Populated, http: httpx.Client, actor: str, target: str) -> httpx.Response:
    return submit(world, http, {"access_control_list": [named(world, target, "IS_OWNER")]})


def update_run_as(world: Populated, http: httpx.Client, actor: str, target: str) -> httpx.Response:
    body = {"job_id": own_job(world, actor), "new_settings": {"run_as": run_as(world, target)}}
    return http.post(f"{JOBS}/update", json=body)


def reset_run_as(world: Populated, http: httpx.Client, actor: str, target: str) -> httpx.Response:
    body = {"job_id": own_job(world, actor), "new_settings": {"tasks": [TASK], "run_as": run_as(world, target)}}
    return http.post(f"{JOBS}/reset", json=body)


DOORS: tuple[Door, ...] = (
    create_with_owner,
    create_with_run_as,
    create_in_2_1,
    put_owner,
    patch_owner,
    submit_with_run_as,
    submit_with_owner,
    update_run_as,
    reset_run_as,
)
CASES = list(itertools.product(DOORS, ACTORS, TARGETS))


@pytest.fixture(scope="module")
def world() -> Iterator[Populated]:
    with populated() as found:
        yield found


def named_case(case: tuple[Door, str, str]) -> str:
    return f"{case[0].__name__}-{case[1]}-as-{case[2]}"


@pytest.mark.parametrize("case", sampled(CASES, name=named_case, every=10))
def test_nobody_acts_as_somebody_else(world: Populated, case: tuple[Door, str, str]) -> None:
    door, actor, target = case
    answer = door(world, world.clients[actor], actor, target)
    allowed = target in ALLOWED[actor]
    assert answer.is_success == allowed, answer.text
    assert answer.is_success or answer.status_code in (400, 403, 404)
    if answer.is_success and "job_id" in answer.json():
        shown = world.admin.get(f"{JOBS}/get", params={"job_id": answer.json()["job_id"]}).json()
        assert shown["run_as_user_name"] == world.names[target]


# What a shared job lets its managers do


def refused(answer: httpx.Response) -> bool:
    return answer.status_code in (400, 403, 404)


def test_a_manager_keeps_the_owner_and_takes_nothing_over(world: Populated) -> None:
    alice, job = world.clients["alice"], made_job(world, "alice")
    path = f"/api/2.0/permissions/jobs/{job}"
    owner, manage = world.entry("admin", "IS_OWNER"), world.entry("alice", "CAN_MANAGE")
    assert alice.put(path, json={"access_control_list": [owner, manage]}).status_code == 200
    for entries in (
        [manage],
        [],
        [owner, world.entry("alice", "IS_OWNER")],
        [world.entry("bob", "IS_OWNER"), manage],
        [{"group_name": "cleared", "permission_level": "IS_OWNER"}],
        [world.entry("admin", "CAN_VIEW"), manage],
    ):
        assert refused(alice.put(path, json={"access_control_list": entries})), entries
    for entries in ([world.entry("alice", "IS_OWNER")], [world.entry("admin", "CAN_VIEW")], [world.entry("bob", "IS_OWNER")]):
        assert refused(alice.patch(path, json={"access_control_list": entries})), entries
    shown = world.admin.get(f"{JOBS}/get", params={"job_id": job}).json()
    assert shown["run_as_user_name"] == world.names["admin"]


@pytest.mark.parametrize("how", ["reset", "update", "null"])
def test_dropping_run_as_does_not_make_the_job_run_as_its_owner(world: Populated, how: str) -> None:
    job = made_job(world, "alice", run_as={"service_principal_name": world.names["driver"]})
    new: dict[str, Any] = {"tasks": [TASK], "name": "mine"}
    body: dict[str, Any] = {"job_id": job, "new_settings": new}
    if how == "update":
        body["fields_to_remove"] = ["run_as"]
    if how == "null":
        new["run_as"] = None
    answer = world.clients["alice"].post(f"{JOBS}/{'update' if how == 'update' else 'reset'}", json=body)
    # A reset without run_as keeps it; only an update can name it as a field to remove.
    assert answer.status_code == (403 if how == "update" else 200), answer.text
    shown = world.admin.get(f"{JOBS}/get", params={"job_id": job}).json()
    assert shown["run_as_user_name"] == world.names["driver"]


@pytest.mark.parametrize("how", ["level withdrawn", "owner changed", "job deleted", "role withdrawn"])
def test_a_run_that_somebody_started_once_is_no_key_for_ever(world: Populated, how: str) -> None:
    alice = world.clients["alice"]
    if how == "role withdrawn":
        body = {"tasks": [TASK], "run_as": {"service_principal_name": world.names["driver"]}}
        run = int(alice.post(f"{JOBS}/runs/submit", json=body).json()["run_id"])
        world.give_role(world.names["driver"], "bob", "user")
    else:
        job = made_job(world, "alice")
        run = finished_run(world, alice, job)
        path = f"/api/2.0/permissions/jobs/{job}"
        if how == "level withdrawn":
            world.made("PUT", path, {"access_control_list": [world.entry("admin", "IS_OWNER")]})
        elif how == "owner changed":
            world.made("PUT", path, {"access_control_list": [world.entry("alice", "IS_OWNER")]})
        else:
            world.made("POST", f"{JOBS}/delete", {"job_id": job})
    try:
        answer = alice.post(f"{JOBS}/runs/repair", json={"run_id": run, "rerun_tasks": ["t"]})
        assert answer.status_code == 403, answer.text
    finally:
        if how == "role withdrawn":
            world.give_role(world.names["driver"], "alice", "user")


def test_a_job_whose_owner_was_deleted_runs_as_nobody_else(world: Populated) -> None:
    world.person("temporary")
    job = own_job(world, "temporary")
    by_admin = made_job(world, "alice")
    world.made("PUT", f"/api/2.0/permissions/jobs/{by_admin}", {"access_control_list": [world.entry("temporary", "IS_OWNER")]})
    assert world.admin.delete(world.account(f"/scim/v2/Users/{world.ids['temporary']}")).status_code == 204
    for one in (job, by_admin):
        answer = world.admin.post(f"{JOBS}/run-now", json={"job_id": one})
        assert answer.status_code == 400, answer.text
        assert "owner" in answer.text


# Secrets and tokens of service principals

SECRET_CASES = list(itertools.product(("alice", "robot", "wanda", "chief_robot"), ("robot", "driver", "managed", "chief_robot")))
MAY_HOLD = {
    "alice": {"managed"},
    "robot": set(),
    "wanda": {"robot", "driver", "managed"},
    "chief_robot": {"robot", "driver", "managed", "chief_robot"},
}


@pytest.mark.parametrize("case", sampled(SECRET_CASES, name="-".join, every=4))
@pytest.mark.parametrize("door", ["account", "proxy"])
def test_secrets_of_service_principals_are_for_those_who_manage_them(world: Populated, door: str, case: tuple[str, str]) -> None:
    actor, target = case
    rest = f"/servicePrincipals/{world.ids[target]}/credentials/secrets"
    path = world.account(rest) if door == "account" else f"/api/2.0/accounts{rest}"
    answer = world.clients[actor].post(path, json={})
    assert answer.is_success == (target in MAY_HOLD[actor]), answer.text
    if answer.is_success:
        world.admin.delete(f"{path}/{answer.json()['id']}")


@pytest.mark.parametrize("case", sampled(SECRET_CASES, name="-".join, every=4))
def test_tokens_on_behalf_are_for_admins_and_reach_no_admin_of_the_account(world: Populated, case: tuple[str, str]) -> None:
    actor, target = case
    body = {"application_id": world.names[target], "lifetime_seconds": 60}
    answer = world.clients[actor].post("/api/2.0/token-management/on-behalf-of/tokens", json=body)
    allowed = actor == "wanda" and target != "chief_robot"
    assert answer.is_success == allowed, answer.text


# Names


def grants_on(world: Populated) -> dict[str, Any]:
    answer = world.admin.get(f"{UC}/permissions/catalog/elsewhere").json()
    return {one["principal"]: one["privileges"] for one in answer["privilege_assignments"]}


@pytest.mark.parametrize("door", ["put", "patch", "delete"])
def test_a_local_group_called_like_an_account_group_carries_nothing(world: Populated, door: str) -> None:
    change = {"changes": [{"principal": "cleared", "add": ["USE_CATALOG"]}]}
    world.made("PATCH", f"{UC}/permissions/catalog/elsewhere", change)
    wanda = world.clients["wanda"]
    group = world.made("POST", f"{SCIM}/Groups", {"displayName": "cleared"}, "wanda")
    path = f"{SCIM}/Groups/{group['id']}"
    try:
        if door == "put":
            assert wanda.put(path, json={"displayName": "evil"}).status_code == 200
        elif door == "patch":
            operations = [{"op": "replace", "path": "displayName", "value": "evil"}]
            assert wanda.patch(path, json={"Operations": operations}).status_code == 200
    finally:
        assert wanda.delete(path).status_code == 204
    assert grants_on(world) == {"cleared": ["USE_CATALOG"]}
    policies = [body for _, body in world.space.workspace.store.items(kinds.POLICY)]
    assert [one["except_principals"] for one in policies] == [["cleared"]]


def test_an_account_group_takes_no_group_of_a_workspace_in(world: Populated) -> None:
    local = world.made("POST", f"{SCIM}/Groups", {"displayName": "mine", "members": [{"value": world.ids["alice"]}]}, "wanda")
    path = world.account(f"/scim/v2/Groups/{world.ids['group']}")
    operations = [{"op": "add", "path": "members", "value": [{"value": local["id"]}]}]
    assert world.admin.patch(path, json={"Operations": operations}).status_code == 400
    assert world.admin.put(path, json={"displayName": "cleared", "members": [{"value": local["id"]}]}).status_code == 400
    new = {"displayName": "new", "members": [{"value": local["id"]}]}
    assert world.admin.post(world.account("/scim/v2/Groups"), json=new).status_code == 400


@pytest.mark.parametrize("taken", ["team@bank.example", "TEAM@bank.example"])
def test_a_user_cannot_be_called_like_a_group(world: Populated, taken: str) -> None:
    group = world.admin.post(world.account("/scim/v2/Groups"), json={"displayName": "team@bank.example"})
    for http, path in (
        (world.clients["wanda"], f"{SCIM}/Users"),
        (world.admin, world.account("/scim/v2/Users")),
    ):
        assert http.post(path, json={"userName": taken}).status_code == 409
    world.admin.delete(world.account(f"/scim/v2/Groups/{group.json()['id']}"))


@pytest.mark.parametrize("name", ["bob@bank.example", "BOB@BANK.example", "admin@localspace.example"])
def test_a_group_cannot_be_called_like_a_user(world: Populated, name: str) -> None:
    assert world.clients["wanda"].post(f"{SCIM}/Groups", json={"displayName": name}).status_code == 409
    assert world.admin.post(world.account("/scim/v2/Groups"), json={"displayName": name}).status_code == 409


def test_a_workspace_renames_no_user_and_takes_no_role_of_the_account_away(world: Populated) -> None:
    wanda = world.clients["wanda"]
    path = f"{SCIM}/Users/{world.ids['chief']}"
    assert wanda.put(path, json={"userName": "other@bank.example"}).status_code == 403
    operations = [{"op": "replace", "path": "userName", "value": "other@bank.example"}]
    assert wanda.patch(path, json={"Operations": operations}).status_code == 403
    assert wanda.put(path, json={"userName": "chief@bank.example"}).status_code == 200
    assert wanda.patch(path, json={"Operations": [{"op": "remove", "path": "roles"}]}).status_code == 200
    assert world.clients["chief"].get(world.account("/scim/v2/Groups")).status_code == 200


def test_a_new_name_is_carried_to_all_that_names_the_person(world: Populated) -> None:
    world.person("moving")
    job = own_job(world, "moving")
    world.made("PATCH", f"{UC}/catalogs/elsewhere", {"owner": "moving@bank.example"})
    world.give_role(world.names["robot"], "moving", "user")
    run_as_moving = made_job(world, "alice", run_as={"user_name": "moving@bank.example"})
    scope = {"scope": "moving", "initial_manage_principal": "moving@bank.example"}
    world.made("POST", "/api/2.0/secrets/scopes/create", scope)
    path = world.account(f"/scim/v2/Users/{world.ids['moving']}")
    world.made("PUT", path, {"userName": "moved@bank.example"})
    left = [
        f"{kind}/{key}"
        for kind, key, body in world.space.workspace.store.bodies()
        if "moving@bank.example" in repr({name: value for name, value in body.items() if name not in PAST})
        and kind not in PASSING
    ]
    assert left == []
    shown = world.admin.get(f"{JOBS}/get", params={"job_id": run_as_moving}).json()
    assert (shown["run_as_user_name"], job > 0) == ("moved@bank.example", True)
    world.made("PATCH", f"{UC}/catalogs/elsewhere", {"owner": "admin@localspace.example"})


PAST = frozenset({"created_by", "updated_by", "created_at", "emails", "displayName", "parent_path", "path"})
"""What tells the past, or how a person is shown: it gives nobody a right."""

PASSING = frozenset({"run", "task_run", "workspace_object", "workspace_object_id", "undo"})


def test_who_gets_the_name_of_a_deleted_person_gets_nothing_of_it(world: Populated) -> None:
    world.person("gone")
    name = world.names["gone"]
    own_job(world, "gone")
    scope = {"scope": "gone", "initial_manage_principal": name}
    world.made("POST", "/api/2.0/secrets/scopes/create", scope)
    world.give_role(world.names["robot"], "gone", "user")
    path = f"{UC}/policies/SCHEMA/hidden7f3.hidden7f3/hidden7f3_p"
    world.made("PATCH", path, {"except_principals": ["cleared", name]})
    world.made("PATCH", f"{UC}/catalogs/elsewhere", {"owner": name})
    assert world.admin.delete(world.account(f"/scim/v2/Users/{world.ids['gone']}")).status_code == 204
    assert world.admin.get(path).json()["except_principals"] == ["cleared"]
    again = world.clients["wanda"].post(f"{SCIM}/Users", json={"userName": name})
    assert (again.status_code, "still owns catalog 'elsewhere'" in again.text) == (403, True)
    world.made("PATCH", f"{UC}/catalogs/elsewhere", {"owner": "admin@localspace.example"})
    world.person("gone")
    gone = world.clients["gone"]
    assert gone.get(f"{JOBS}/list").json()["jobs"] == []
    assert gone.get("/api/2.0/secrets/scopes/list").json()["scopes"] == []
    body = {"tasks": [TASK], "run_as": {"service_principal_name": world.names["robot"]}}
    assert gone.post(f"{JOBS}/create", json=body).status_code == 403
