"""The control API: faults, death at a write, lag, clock, log, reset."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from databricks.sdk.errors import Aborted, BadRequest, NotFound, PermissionDenied
from databricks.sdk.service import catalog as uc
from databricks.sdk.service import iam, tags

from support.fake_runner import fake_runner
from support.localspace_server import LocalWorkspace, running_localspace

pytestmark = pytest.mark.server
SCHEMAS = "/api/2.1/unity-catalog/schemas"


@pytest.fixture
def space() -> Iterator[LocalWorkspace]:
    with running_localspace(build_runner=fake_runner) as running:
        yield running


def names(space: LocalWorkspace) -> set[str]:
    return {one.name or "" for one in space.client().schemas.list("main")} - {"information_schema"}


def test_the_control_api_needs_the_admin_token(space: LocalWorkspace) -> None:
    space.client().users_v2.create(user_name="eve@example.com")
    with space.http(space.mint("eve@example.com")) as http:
        assert http.get("/_localspace/requests").status_code == 403
    assert httpx.get(space.host + "/_localspace/ready").status_code == 200


@pytest.mark.parametrize(("when", "there"), [("before", False), ("after", True)])
def test_a_fault_answers_before_or_after_the_effect(space: LocalWorkspace, when: str, there: bool) -> None:
    fault = {"method": "POST", "path": SCHEMAS, "when": when, "status": 503, "error_code": "TEMPORARILY_UNAVAILABLE"}
    space.control("POST", "faults", fault)
    with space.http() as http:
        body = {"name": "made", "catalog_name": "main"}
        assert http.post(SCHEMAS, json=body).json()["error_code"] == "TEMPORARILY_UNAVAILABLE"
        assert ("made" in names(space)) is there
        again = http.post(SCHEMAS, json=body)
    assert again.status_code == (400 if there else 200)


def test_a_fault_hits_the_next_n_matching_calls_after_those_it_skips(space: LocalWorkspace) -> None:
    space.control("POST", "faults", {"path": "/api/2.1/unity-catalog/*", "times": 2, "skip": 1, "status": 500})
    with space.http() as http:
        assert [http.get(SCHEMAS + "/main.default").status_code for _ in range(4)] == [200, 500, 500, 200]
    assert space.control("GET", "faults")["faults"][0]["hits"] == 2


def test_parallel_tag_policy_writes_can_abort_as_the_platforms_do(space: LocalWorkspace) -> None:
    message = "Operation aborted due to concurrent modification. Please retry."
    space.control(
        "POST",
        "faults",
        {"method": "POST", "path": "/api/2.1/tag-policies", "status": 409, "error_code": "ABORTED", "message": message},
    )
    with pytest.raises(Aborted, match="concurrent modification"):
        space.client().tag_policies.create_tag_policy(tags.TagPolicy(tag_key="pii"))
    space.client().tag_policies.create_tag_policy(tags.TagPolicy(tag_key="pii"))


def test_first_reads_of_each_path_can_be_stale(space: LocalWorkspace) -> None:
    stale = {"method": "GET", "path": SCHEMAS + "/*", "times": 1, "each_path": True, "status": 404, "error_code": "NOT_FOUND"}
    space.control("POST", "faults", stale)
    for name in ("one", "two"):
        space.client().schemas.create(name, "main")
        with pytest.raises(NotFound):
            space.client().schemas.get(f"main.{name}")
        assert space.client().schemas.get(f"main.{name}").name == name


def test_a_delay_slows_down_and_does_nothing_else(space: LocalWorkspace) -> None:
    space.control("POST", "faults", {"path": SCHEMAS + "/*", "delay_ms": 80})
    with space.http() as http:
        answer = http.get(SCHEMAS + "/main.default")
    assert answer.status_code == 200
    assert answer.elapsed.total_seconds() >= 0.08


@pytest.mark.parametrize(("when", "survivors"), [("before", {"s1"}), ("after", {"s1", "s2"})])
def test_death_at_the_second_write_drops_the_connection(space: LocalWorkspace, when: str, survivors: set[str]) -> None:
    space.control("POST", "kill", {"at_write": 2, "when": when, "mode": "drop"})
    with space.http() as http:
        http.post(SCHEMAS, json={"name": "s1", "catalog_name": "main"})
        http.get(SCHEMAS + "/main.s1")
        with pytest.raises(httpx.TransportError):
            http.post(SCHEMAS, json={"name": "s2", "catalog_name": "main"})
        with pytest.raises(httpx.TransportError):
            http.get(SCHEMAS + "/main.s1")
    space.control("POST", "revive")
    assert names(space) == {"default"} | survivors


def test_a_statement_that_writes_counts_as_a_write_and_dies_after_its_effect(space: LocalWorkspace) -> None:
    space.control("POST", "kill", {"at_write": 1, "when": "after", "mode": "drop"})
    body = {"statement": "SELECT 1 ROWS", "warehouse_id": space.warehouse_id}
    with space.http() as http:
        assert http.post("/api/2.0/sql/statements", json=body).json()["status"]["state"] == "SUCCEEDED"
        with pytest.raises(httpx.TransportError):
            http.post("/api/2.0/sql/statements", json=body | {"statement": "WRITE", "wait_timeout": "0s"})


def test_the_log_tells_who_called_what_and_which_calls_wrote(space: LocalWorkspace) -> None:
    space.client().schemas.create("logged", "main")
    list(space.client().schemas.list("main"))
    found = [(one["method"], one["path"], one["principal"], one["status"]) for one in space.writes()]
    assert found == [("POST", SCHEMAS, "admin@localspace.example", 200)]
    assert all(one["duration_ms"] >= 0 for one in space.control("GET", "requests")["requests"])
    space.control("DELETE", "requests")
    assert space.control("GET", "requests") == {"requests": [], "writes": 0}


def test_reset_forgets_everything_but_ids_and_the_admin_token(space: LocalWorkspace) -> None:
    before = space.control("GET", "info")
    space.client().schemas.create("gone", "main")
    space.control("POST", "reset")
    assert names(space) == {"default"}
    after = space.control("GET", "info")
    assert {key: after[key] for key in before if key != "store_version"} == {
        key: before[key] for key in before if key != "store_version"
    }


def test_a_membership_takes_effect_after_the_lag_and_shows_at_once(space: LocalWorkspace) -> None:
    space.control("PUT", "lag", {"memberships": 60})
    account, identity = space.account(), space.workspace.repositories.identity
    user = space.client().users_v2.create(user_name="eve@example.com")
    group = account.groups_v2.create(display_name="late")
    join = [iam.Patch(op=iam.PatchOp.ADD, path="members", value=[{"value": user.id}])]
    account.groups_v2.patch(group.id, operations=join)
    assert [one.value for one in account.groups_v2.get(group.id).members or []] == [user.id]
    assert not identity.is_account_group_member(str(user.id), "late")
    space.control("POST", "clock/tick", {"seconds": 61})
    assert identity.is_account_group_member(str(user.id), "late")
    leave = [iam.Patch(op=iam.PatchOp.REMOVE, path=f'members[value eq "{user.id}"]')]
    account.groups_v2.patch(group.id, operations=leave)
    assert not account.groups_v2.get(group.id).members
    assert identity.is_account_group_member(str(user.id), "late")
    space.control("POST", "clock/tick", {"seconds": 61})
    assert not identity.is_account_group_member(str(user.id), "late")


def test_a_tag_takes_effect_after_the_lag_and_goes_after_the_lag(space: LocalWorkspace) -> None:
    space.control("PUT", "lag", {"tags": 60})
    tagging, client = space.workspace.repositories.tags, space.client()
    tag = uc.EntityTagAssignment(entity_type="schemas", entity_name="main.default", tag_key="Team", tag_value="a")
    client.entity_tag_assignments.create(tag)
    assert client.entity_tag_assignments.get("schemas", "main.default", "Team").tag_value == "a"
    assert tagging.effective_tags("schemas", "main.default") == {}
    space.control("POST", "clock/tick", {"seconds": 61})
    assert tagging.effective_tags("schemas", "main.default") == {"Team": "a"}
    tag.tag_value = "b"
    client.entity_tag_assignments.update("schemas", "main.default", "Team", tag, "tag_value")
    assert tagging.effective_tags("schemas", "main.default") == {"Team": "a"}
    client.entity_tag_assignments.delete("schemas", "main.default", "Team")
    assert tagging.effective_tags("schemas", "main.default") == {"Team": "a"}
    space.control("POST", "clock/tick", {"seconds": 61})
    assert tagging.effective_tags("schemas", "main.default") == {}


@pytest.mark.parametrize("body", [{"tags": -1}, {"nothing": 1}, {"tags": "soon"}])
def test_a_lag_that_makes_no_sense_is_refused(space: LocalWorkspace, body: dict[str, object]) -> None:
    with pytest.raises(httpx.HTTPStatusError):
        space.control("PUT", "lag", body)


def test_stub_responses_answer_chat_requests_as_told(space: LocalWorkspace) -> None:
    endpoint = "databricks-claude-sonnet-4"
    ask = {"model": endpoint, "messages": [{"role": "user", "content": "label the column e_mail"}]}
    with space.http() as http:
        assert http.post("/serving-endpoints/chat/completions", json=ask).status_code == 501
        rules = {"kind": "rules", "rules": [{"pattern": "e_mail", "reply": "email"}], "default": "unknown"}
        space.control("PUT", f"stub-responses/{endpoint}", rules)
        answer = http.post("/serving-endpoints/chat/completions", json=ask).json()
        assert answer["choices"][0]["message"] == {"role": "assistant", "content": "email"}
        space.control(
            "PUT", f"stub-responses/{endpoint}", {"kind": "error", "status": 429, "error_code": "REQUEST_LIMIT_EXCEEDED"}
        )
        assert http.post("/serving-endpoints/chat/completions", json=ask).status_code == 429


def test_who_may_not_manage_gets_403_not_a_fault(space: LocalWorkspace) -> None:
    space.client().users_v2.create(user_name="eve@example.com")
    eve = space.client(space.mint("eve@example.com"))
    for call in (
        lambda: eve.groups_v2.create(display_name="x"),
        lambda: space.account(space.mint("eve@example.com")).groups_v2.create(display_name="x"),
        lambda: eve.catalogs.create("x"),
        lambda: eve.tag_policies.create_tag_policy(tags.TagPolicy(tag_key="x")),
        lambda: eve.grants.update("catalog", "main", changes=[]),
        lambda: list(eve.token_management.list()),
    ):
        with pytest.raises(PermissionDenied):
            call()


def test_a_fault_of_an_unknown_shape_is_refused(space: LocalWorkspace) -> None:
    with pytest.raises(httpx.HTTPStatusError):
        space.control("POST", "faults", {"path": "*", "explode": True})
    with pytest.raises(BadRequest):
        space.client().api_client.do("POST", "/_localspace/kill", body={"at_write": 0})
