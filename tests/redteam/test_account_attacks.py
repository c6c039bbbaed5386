"""Two metastores and three workspaces: nothing of one metastore, and nothing of one workspace, is reached from another.

The attacker owns the second metastore and administers the workspace on it; in the first workspace it is a plain user without
a grant. Objects on both sides have the same names, so that a name which leads to the wrong side shows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from localspace.core.stored_documents import kinds
from localspace.core.stored_documents.kind import Room
from localspace.http.request import Plane
from localspace.server.account import Account
from localspace.server.routes import ROUTES
from support.localspace_server import LocalWorkspace, running_localspace
from support.populated_workspace import HIDDEN, Populated, populated
from support.shared_engine import account_runner

pytestmark = pytest.mark.server
UC = "/api/2.1/unity-catalog"
ATTACKER = "eve@bank.example"


def three_workspaces(account: Account) -> None:
    """Give the account a host; workspaces 1 and 3 have the first metastore, workspace 2 the second."""
    account.separate()
    account.launch(3, 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sides:
    """A client per workspace: of the admin (`own`) and of the attacker (`eve`)."""

    space: LocalWorkspace
    own: tuple[httpx.Client, ...]
    eve: tuple[httpx.Client, ...]

    def sql(self, client: httpx.Client, statement: str) -> Any:
        """Run a statement; return its rows, or the text of its error."""
        at = self.own if client in self.own else self.eve
        warehouse = list(self.space.server.workspaces.values())[at.index(client)].ids.warehouse_id
        body = {"statement": statement, "warehouse_id": warehouse, "wait_timeout": "50s"}
        answer = client.post("/api/2.0/sql/statements", json=body).json()
        if answer["status"]["state"] != "SUCCEEDED":
            return answer["status"]["error"]["message"]
        return answer["result"].get("data_array", [])


@pytest.fixture(scope="module")
def sides() -> Iterator[Sides]:
    with running_localspace(build_runner=account_runner(), prepare=three_workspaces) as space:
        workspaces = list(space.server.workspaces.values())
        account = httpx.Client(base_url=space.server.location.address, headers={"authorization": f"Bearer {space.token}"})
        base = f"/api/2.0/accounts/{space.account_id}"
        eve = account.post(f"{base}/scim/v2/Users", json={"userName": ATTACKER}).json()["id"]
        for workspace, level in zip(workspaces, ("USER", "ADMIN", "USER"), strict=True):
            path = f"{base}/workspaces/{workspace.workspace_id}/permissionassignments/principals/{eve}"
            assert account.put(path, json={"permissions": [level]}).is_success
        second = workspaces[1].ids.metastore_id
        assert account.put(f"{base}/metastores/{second}", json={"metastore_info": {"owner": ATTACKER}}).is_success
        token = account.post("/_localspace/tokens", json={"principal": ATTACKER}).json()["token"]

        def clients(with_token: str) -> tuple[httpx.Client, ...]:
            headers = {"authorization": f"Bearer {with_token}"}
            return tuple(httpx.Client(base_url=one.location.address, headers=headers, timeout=60) for one in workspaces)

        made = Sides(space=space, own=clients(space.token), eve=clients(token))
        for client, workspace in zip(made.own, workspaces, strict=True):
            entry = {"group_name": "users", "permission_level": "CAN_USE"}
            path = f"/api/2.0/permissions/warehouses/{workspace.ids.warehouse_id}"
            assert client.patch(path, json={"access_control_list": [entry]}).is_success
        _fill(made)
        yield made
        for one in (account, *made.own, *made.eve):
            one.close()


def _fill(sides: Sides) -> None:
    """Put a masked table, a tag, a volume and a legacy table on the first side; the attacker makes its own on the second."""
    first = sides.own[0]
    for statement in (
        "CREATE SCHEMA main.hr",
        "CREATE TABLE main.hr.people (id INT, ssn STRING)",
        "INSERT INTO main.hr.people VALUES (1, 'secret-one')",
        "CREATE FUNCTION main.hr.hide(v STRING) RETURNS STRING RETURN 'XXX'",
        "CREATE VOLUME main.hr.files",
        "CREATE SCHEMA hive_metastore.hr",
        "CREATE TABLE hive_metastore.hr.old (a STRING)",
        "INSERT INTO hive_metastore.hr.old VALUES ('legacy-one')",
    ):
        assert sides.sql(first, statement) == [] or "INSERT" in statement, statement
    assert first.post("/api/2.1/tag-policies", json={"tag_key": "pii", "values": [{"name": "ssn"}]}).is_success
    tag = {"entity_type": "columns", "entity_name": "main.hr.people.ssn", "tag_key": "pii", "tag_value": "ssn"}
    assert first.post(f"{UC}/entity-tag-assignments", json=tag).is_success
    assert first.put("/api/2.0/fs/files/Volumes/main/hr/files/a.txt", content=b"secret-file").is_success


# Names in SQL


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM main.hr.people",
        "SELECT * FROM IDENTIFIER('main.hr.people')",
        "SELECT main.hr.hide('a')",
        "DESCRIBE TABLE main.hr.people",
        "SHOW TABLES IN main.hr",
        "CREATE TABLE main.default.copy AS SELECT * FROM main.hr.people",
        "CREATE VIEW main.default.look AS SELECT * FROM main.hr.people",
        "LIST '/Volumes/main/hr/files'",
        "SELECT * FROM hive_metastore.hr.old",
        "SELECT * FROM localspace.main.hr.people",
        "GRANT SELECT ON TABLE main.hr.people TO `eve@bank.example`",
        "DROP TABLE main.hr.people",
        "ALTER TABLE main.hr.people SET OWNER TO `eve@bank.example`",
    ],
)
def test_no_statement_reaches_the_other_metastore(sides: Sides, statement: str) -> None:
    said = sides.sql(sides.eve[1], statement)
    assert isinstance(said, str), said
    assert "secret" not in said
    assert sides.sql(sides.own[0], "SELECT ssn FROM main.hr.people") == [["secret-one"]]


@pytest.mark.parametrize("view", ["tables", "columns", "column_tags", "schemata", "routines"])
def test_information_schema_shows_one_metastore(sides: Sides, view: str) -> None:
    for catalog in ("main", "system"):
        for client in (sides.own[1], sides.eve[1]):
            rows = sides.sql(client, f"SELECT * FROM {catalog}.information_schema.{view}")
            assert "hr" not in {cell for row in rows for cell in row}
    assert "hr" in {cell for row in sides.sql(sides.own[2], f"SELECT * FROM main.information_schema.{view}") for cell in row}


def test_a_legacy_catalog_belongs_to_its_workspace(sides: Sides) -> None:
    assert sides.sql(sides.own[0], "SELECT a FROM hive_metastore.hr.old") == [["legacy-one"]]
    # Workspace 3 has the same metastore, and a legacy catalog of its own.
    assert sides.sql(sides.own[2], "SELECT ssn FROM main.hr.people") == [["secret-one"]]
    for client in (sides.own[1], sides.own[2]):
        assert "TABLE_OR_VIEW_NOT_FOUND" in sides.sql(client, "SELECT a FROM hive_metastore.hr.old")
    # What a dropped table left at a path shows in no other workspace.
    create = "CREATE TABLE hive_metastore.default.ext (a STRING) LOCATION 'dbfs:/data/ext'"
    sides.sql(sides.own[0], create)
    sides.sql(sides.own[0], "INSERT INTO hive_metastore.default.ext VALUES ('left-behind')")
    sides.sql(sides.own[0], "DROP TABLE hive_metastore.default.ext")
    for client in (sides.own[2], sides.own[1]):
        sides.sql(client, create)
        assert sides.sql(client, "SELECT * FROM hive_metastore.default.ext") == []
        sides.sql(client, "DROP TABLE hive_metastore.default.ext")
    sides.sql(sides.own[0], create)
    assert sides.sql(sides.own[0], "SELECT * FROM hive_metastore.default.ext") == [["left-behind"]]


# The same names on both sides


def test_rights_and_policies_of_one_metastore_mean_nothing_in_the_other(sides: Sides) -> None:
    eve, own = sides.eve, sides.own
    for statement in (
        "GRANT ALL PRIVILEGES ON CATALOG main TO `eve@bank.example`",
        "CREATE SCHEMA main.hr",
        "CREATE TABLE main.hr.people (id INT, ssn STRING)",
        "INSERT INTO main.hr.people VALUES (1, 'decoy')",
        "CREATE FUNCTION main.hr.hide(v STRING) RETURNS STRING RETURN v",
    ):
        said = sides.sql(eve[1], statement)
        assert not isinstance(said, str), f"{statement}: {said}"
    assert sides.sql(eve[1], "SELECT ssn FROM main.hr.people") == [["decoy"]]
    # The owner of the other metastore with ALL PRIVILEGES on its main has nothing here.
    assert "INSUFFICIENT_PERMISSIONS" in sides.sql(eve[0], "SELECT ssn FROM main.hr.people")
    for statement in (
        "GRANT USE CATALOG ON CATALOG main",
        "GRANT USE SCHEMA ON SCHEMA main.hr",
        "GRANT SELECT ON TABLE main.hr.people",
    ):
        assert sides.sql(own[0], f"{statement} TO `{ATTACKER}`") == []
    mask = {"function_name": "main.hr.hide", "on_column": "m"}
    policy = {"name": "p", "on_securable_type": "TABLE", "on_securable_fullname": "main.hr.people", "column_mask": mask}
    policy |= {"policy_type": "POLICY_TYPE_COLUMN_MASK", "for_securable_type": "TABLE", "to_principals": ["account users"]}
    policy |= {"match_columns": [{"alias": "m", "condition": "has_tag_value('pii', 'ssn')"}]}
    made = own[0].post(f"{UC}/policies", json=policy)
    assert made.is_success, made.text
    read = "SELECT ssn FROM main.hr.people"
    assert sides.sql(eve[0], read) == [["XXX"]]
    # An exemption, the drop of the policy, another body of the function, the tag's removal: all on the other side only.
    assert eve[1].post(f"{UC}/policies", json=policy | {"except_principals": [ATTACKER]}).is_success
    assert sides.sql(eve[0], read) == [["XXX"]]
    assert eve[1].delete(f"{UC}/policies/TABLE/main.hr.people/p").is_success
    assert eve[1].delete(f"{UC}/policies/TABLE/main.hr.people/p").status_code == 404
    assert eve[1].delete(f"{UC}/entity-tag-assignments/columns/main.hr.people.ssn/tags/pii").status_code == 404
    for statement in (
        "ALTER TABLE main.hr.people ALTER COLUMN ssn UNSET TAGS ('pii')",
        "DROP FUNCTION main.hr.hide",
        "DROP TABLE main.hr.people",
    ):
        sides.sql(eve[1], statement)
    assert sides.sql(eve[0], read) == [["XXX"]]
    assert own[0].delete(f"{UC}/policies/TABLE/main.hr.people/p").is_success
    assert sides.sql(eve[0], read) == [["secret-one"]]


def test_a_metastore_cannot_be_named_from_another_side(sides: Sides) -> None:
    first = sides.space.metastore_id
    eve = sides.eve[1]
    change = {"changes": [{"principal": ATTACKER, "add": ["CREATE CATALOG"]}]}
    attacks = (
        eve.get(f"{UC}/metastores/{first}"),
        eve.patch(f"{UC}/metastores/{first}", json={"owner": ATTACKER}),
        eve.delete(f"{UC}/metastores/{first}", params={"force": "true"}),
        eve.patch(f"{UC}/permissions/metastore/{first}", json=change),
        eve.get(f"{UC}/permissions/metastore/{first}"),
        eve.get(f"{UC}/policies/METASTORE/{first}"),
        eve.put(
            f"{UC}/workspaces/{sides.space.workspace_id}/metastore", json={"metastore_id": first, "default_catalog_name": "main"}
        ),
        eve.delete(f"{UC}/workspaces/{sides.space.workspace_id}/metastore", params={"metastore_id": first}),
    )
    assert [one.status_code for one in attacks if one.status_code < 400] == []
    second = list(sides.space.server.workspaces.values())[1].ids.metastore_id
    for client in (eve, sides.eve[0]):
        assert {one["metastore_id"] for one in client.get(f"{UC}/metastores").json()["metastores"]} == {second}
    # Owning the other metastore is no administration of this one.
    assert sides.eve[0].post(f"{UC}/catalogs", json={"name": "mine"}).status_code == 403


# Handles


def test_statements_links_and_files_stay_in_their_workspace(sides: Sides) -> None:
    body = {"statement": "SELECT 1", "warehouse_id": sides.space.warehouse_id, "wait_timeout": "50s"}
    body |= {"disposition": "EXTERNAL_LINKS", "format": "JSON_ARRAY"}
    made = sides.own[0].post("/api/2.0/sql/statements", json=body).json()
    statement, link = made["statement_id"], made["result"]["external_links"][0]["external_link"]
    path = httpx.URL(link).path
    # A link works without a token, and on the host of its workspace alone.
    assert httpx.get(link).is_success
    for client in (sides.own[1], sides.own[2], sides.eve[1]):
        assert httpx.get(client.base_url.join(path)).status_code in (403, 404)
        assert client.get(f"/api/2.0/sql/statements/{statement}").status_code == 404
        assert client.get(f"/api/2.0/sql/statements/{statement}/result/chunks/0").status_code == 404
        client.post(f"/api/2.0/sql/statements/{statement}/cancel")
        wrong = client.post("/api/2.0/sql/statements", json=body)
        assert wrong.status_code in (400, 404), "a warehouse of another workspace"
    assert sides.own[0].get(f"/api/2.0/sql/statements/{statement}").json()["status"]["state"] == "SUCCEEDED"
    file = "/api/2.0/fs/files/Volumes/main/hr/files/a.txt"
    assert sides.own[2].get(file).content == b"secret-file"
    assert {sides.own[1].get(file).status_code, sides.eve[1].get(file).status_code} == {404}


def test_a_deleted_principal_leaves_nothing_in_any_metastore(sides: Sides) -> None:
    account = httpx.Client(
        base_url=sides.space.server.location.address, headers={"authorization": f"Bearer {sides.space.token}"}, timeout=30
    )
    groups = f"/api/2.0/accounts/{sides.space.account_id}/scim/v2/Groups"
    made = account.post(groups, json={"displayName": "leavers"}).json()["id"]
    for at in (0, 1):
        assert sides.sql(sides.own[at] if at == 0 else sides.eve[1], "GRANT USE CATALOG ON CATALOG main TO `leavers`") == []
    assert account.patch(
        f"{groups}/{made}",
        json={"Operations": [{"op": "replace", "path": "displayName", "value": "gone"}]},
    ).is_success
    for client in (sides.own[0], sides.eve[1]):
        listed = client.get(f"{UC}/permissions/catalog/main").json()["privilege_assignments"]
        assert "gone" in {one["principal"] for one in listed}
    assert account.delete(f"{groups}/{made}").is_success
    assert account.post(groups, json={"displayName": "gone"}).is_success
    for client in (sides.own[0], sides.eve[1]):
        listed = client.get(f"{UC}/permissions/catalog/main").json()["privilege_assignments"]
        assert "gone" not in {one["principal"] for one in listed}
    account.close()


def test_an_admin_of_one_workspace_changes_nothing_of_a_principal_elsewhere(sides: Sides) -> None:
    scim = "/api/2.0/preview/scim/v2"
    me = sides.eve[1].get(f"{scim}/Me").json()["id"]
    wanted = {"Operations": [{"op": "add", "path": "entitlements", "value": [{"value": "allow-cluster-create"}]}]}
    assert sides.eve[1].patch(f"{scim}/Users/{me}", json=wanted).is_success
    warehouse = {"name": "mine", "cluster_size": "Small", "warehouse_type": "PRO"}
    assert [sides.eve[at].post("/api/2.0/sql/warehouses", json=warehouse).status_code for at in (0, 1, 2)] == [403, 200, 403]
    assert "entitlements" not in sides.own[0].get(f"{scim}/Users/{me}").json()
    admin = sides.own[1].get(f"{scim}/Me").json()["id"]
    for change in (
        {"op": "replace", "path": "active", "value": False},
        {"op": "add", "path": "roles", "value": [{"value": "account_admin"}]},
    ):
        whom = admin if change["path"] == "active" else me
        assert sides.eve[1].patch(f"{scim}/Users/{whom}", json={"Operations": [change]}).status_code == 403
    assert sides.own[0].get(f"{scim}/Me").json()["active"] is True
    # A local group shows in its own workspace alone.
    group = sides.eve[1].post(f"{scim}/Groups", json={"displayName": "here-only"}).json()["id"]
    assert [sides.own[at].get(f"{scim}/Groups/{group}").status_code for at in (0, 1, 2)] == [404, 200, 404]


# All reads at once


SHARED = frozenset(
    {"tag-policies", "scim/v2", "access-control", "preview/accounts", "current-metastore-assignment", "metastores"}
)
"""What the account owns, and shows in each of its workspaces: governed tags, people, roles."""


def test_no_read_of_the_first_workspace_is_answered_by_the_second() -> None:
    """Ask every GET route that names an object of a full workspace in an empty one, as its administrator."""
    with populated() as world:
        values = _named(world)
        made = world.made("POST", world.account("/workspaces"), {"workspace_name": "empty"})
        world.space.control("POST", "clock/tick", {"seconds": 60})
        metastore = world.made("POST", world.account("/metastores"), {"metastore_info": {"name": "second", "region": "x"}})
        path = f"/workspaces/{made['workspace_id']}/metastores/{metastore['metastore_info']['metastore_id']}"
        world.made("POST", world.account(path), {})
        headers = {"authorization": f"Bearer {world.space.token}"}
        asked, leaks = 0, []
        with httpx.Client(base_url=made["workspace_url"], headers=headers, timeout=30) as other:
            for path in _paths(values):
                if any(part in path for part in SHARED):
                    continue
                here = world.admin.get(path)
                if not here.is_success:
                    continue
                asked += 1
                there = other.get(path)
                if there.is_success and HIDDEN in there.text:
                    leaks.append(f"{path}: {there.text[:200]}")
                elif there.is_success and "{" in path and there.content == here.content:
                    leaks.append(f"{path}: the same answer")
        assert leaks == []
        assert asked > 60


def test_the_documents_of_a_full_workspace_lie_in_its_rooms() -> None:
    with populated() as world:
        store = world.space.workspace.store
        empty = store.within("1", "another")
        seen = {kind for kind, _, _ in empty.bodies()}
        assert {kinds.named(kind).room for kind in seen} == {Room.ACCOUNT}
        apart = {kind for kind, _, _ in store.bodies()} - seen
        assert {"catalog", "table", "grant", "policy", "tag", "job", "warehouse", "genie_space", "secret", "permissions"} <= apart


def _named(world: Populated) -> dict[str, list[str]]:
    full = f"{HIDDEN}.{HIDDEN}"
    ids = world.ids
    return {
        "name": [HIDDEN, f"{full}.{HIDDEN}_f", f"{full}.{HIDDEN}_v", f"{HIDDEN}_cred", f"{HIDDEN}_loc", f"{HIDDEN}_e"],
        "full_name": [HIDDEN, full, f"{full}.{HIDDEN}_t"],
        "securable_type": ["catalog", "schema", "table"],
        "id": [ids["warehouse"]],
        "warehouse_id": [ids["warehouse"]],
        "space_id": [ids["space"]],
        "dashboard_id": [ids["dashboard"]],
        "statement_id": [ids["statement"]],
        "entity_type": ["columns"],
        "entity_name": [f"{full}.{HIDDEN}_t.ssn"],
        "on_securable_type": ["SCHEMA"],
        "on_securable_fullname": [full],
        "object_type": ["warehouses", "genie", "jobs", "dashboards"],
        "object_id": [ids["warehouse"], ids["space"], ids["job"], ids["dashboard"]],
    }


_QUERIES = (
    "",
    f"?catalog_name={HIDDEN}",
    f"?catalog_name={HIDDEN}&schema_name={HIDDEN}",
    f"?scope={HIDDEN}_k",
    f"?scope={HIDDEN}_k&key=k",
    f"?path=/Users/admin@localspace.example/{HIDDEN}",
    "?path=/Users/admin@localspace.example",
)


def _paths(values: dict[str, list[str]]) -> Iterator[str]:
    """Yield each GET path of the workspace's plane with each combination of the names of its parameters."""
    for route in ROUTES:
        if route.method != "GET" or route.plane is not Plane.WORKSPACE:
            continue
        filled = [route.path]
        for name, known in values.items():
            filled = [one.replace(f"{{{name}}}", value) for one in filled for value in (known if f"{{{name}}}" in one else [""])]
        for one in filled:
            if "{" not in one:
                yield from (one + query for query in _QUERIES)
