"""Nobody whom a keyed mask binds may hold what leads to its key: each way is found, with the principal and the privilege."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest
from databricks.sdk.errors import DatabricksError

from lampkeeper.deploy.direct import apply_plan
from lampkeeper.deploy.planner import make_plan
from lampkeeper.deploy.verify.keys import KeyPermissions
from lampkeeper.deploy.wait import PropagationWait
from lampkeeper.model.desired import Desired
from lampkeeper.model.hash_key import HashKey
from lampkeeper.remote.live import read_governed
from support.governed_configs import ANA
from support.governed_places import Place, light_place
from support.keyed_places import keyed_desired, make_people

pytestmark = pytest.mark.server

KEY = HashKey.parse(secrets.token_hex(32), "a test")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with light_place(tmp_path_factory.mktemp("privileges")) as found:
        make_people(found)
        plan = make_plan(keyed_desired(found, KEY), found.workspace, found.states())
        apply_plan(plan, found.workspace, found.states(), wait=PropagationWait(seconds=0), hash_key=KEY)
        yield found


@pytest.fixture
def desired(place: Place) -> Desired:
    return keyed_desired(place, KEY)


def reported(place: Place, desired: Desired) -> list[str]:
    """Return what the check says, errors and warnings."""
    live = read_governed(place.workspace, desired.tables, function_schemas=desired.schemas)
    me = str(place.space.client().current_user.me().user_name)
    found = KeyPermissions(desired=desired, live=live, workspace=place.workspace, me=me).findings()
    return [f"{f.severity} {f.location}: {f.message}" for f in found]


def test_what_we_apply_gives_nobody_the_key(place: Place, desired: Desired) -> None:
    assert reported(place, desired) == []


@pytest.mark.parametrize(
    ("grant", "on", "principal"),
    [
        ("EXECUTE", "FUNCTION c.lampkeeper.mask_email", "readers"),
        ("EXECUTE", "SCHEMA c.lampkeeper", "readers"),
        ("EXECUTE", "CATALOG c", "account users"),
        ("ALL PRIVILEGES", "SCHEMA c.lampkeeper", ANA),
        ("MANAGE", "FUNCTION c.lampkeeper.mask_email", "readers"),
        ("MODIFY", "TABLE c.s.people", "readers"),
        ("MODIFY", "SCHEMA c.s", "readers"),
    ],
)
def test_a_privilege_that_leads_to_the_key_is_named_with_its_holder(
    place: Place, desired: Desired, grant: str, on: str, principal: str
) -> None:
    place.sql(f"GRANT {grant} ON {on} TO `{principal}`")
    try:
        lines = reported(place, desired)
        assert lines
        assert all(line.startswith("error") and f"{principal!r} is masked by lk_masked_email" in line for line in lines)
        assert any(grant.replace(" ", "_") in line for line in lines)
    finally:
        place.sql(f"REVOKE {grant} ON {on} FROM `{principal}`")
    assert reported(place, desired) == []


def test_who_is_exempt_may_hold_what_it_likes(place: Place, desired: Desired) -> None:
    place.sql("GRANT EXECUTE ON SCHEMA c.lampkeeper TO `officers`")
    try:
        assert reported(place, desired) == []
    finally:
        place.sql("REVOKE EXECUTE ON SCHEMA c.lampkeeper FROM `officers`")


def test_who_may_watch_the_warehouse_is_found(place: Place, desired: Desired) -> None:
    path = f"/api/2.0/permissions/warehouses/{place.space.warehouse_id}"
    before = place.workspace.get("warehouse_acl", path)
    entry = {"group_name": "users", "permission_level": "CAN_MONITOR"}
    place.workspace.write("warehouse_acl", "PATCH", path, {"access_control_list": [entry]})
    try:
        assert any("CAN_MONITOR" in line and "'account users'" in line for line in reported(place, desired))
    finally:
        kept = [
            {k: e[k] for k in ("user_name", "group_name", "service_principal_name") if e.get(k)}
            | {"permission_level": e["all_permissions"][0]["permission_level"]}
            for e in before["access_control_list"] if not e["all_permissions"][0].get("inherited")
        ]  # fmt: skip
        place.workspace.write("warehouse_acl", "PUT", path, {"access_control_list": kept})


def test_an_owner_who_is_masked_is_found(place: Place, desired: Desired) -> None:
    place.space.client().api_client.do(
        "PATCH", "/api/2.1/unity-catalog/functions/c.lampkeeper.mask_email", body={"owner": ANA}
    )  # fmt: skip
    try:
        assert any(line.startswith("error") and "ownership" in line and ANA in line for line in reported(place, desired))
    finally:
        me = place.space.client().current_user.me().user_name
        place.space.client().api_client.do(
            "PATCH", "/api/2.1/unity-catalog/functions/c.lampkeeper.mask_email", body={"owner": me}
        )  # fmt: skip


def test_the_functions_api_and_the_history_show_no_body(place: Place) -> None:
    place.sql("GRANT USE CATALOG ON CATALOG c TO `account users`", "GRANT USE SCHEMA, BROWSE ON SCHEMA c.lampkeeper TO `readers`")
    ana = place.enter(ANA)
    listed = list(
        ana.pages("function", "/api/2.1/unity-catalog/functions", "functions", {"catalog_name": "c", "schema_name": "lampkeeper"})
    )
    one = ana.get("function", "/api/2.1/unity-catalog/functions/c.lampkeeper.mask_email")
    assert [f["name"] for f in listed] == ["mask_email"]
    assert "routine_definition" not in {**listed[0], **one}
    ours = place.workspace.get("function", "/api/2.1/unity-catalog/functions/c.lampkeeper.mask_email")
    assert KEY.pads[0] in ours["routine_definition"]
    for who in (place.workspace, ana):
        history = repr(who.get("query", "/api/2.0/sql/history/queries"))
        assert not any(pad[:16] in history for pad in KEY.pads)
    texts = repr(place.workspace.get("query", "/api/2.0/sql/history/queries"))
    assert "CREATE OR REPLACE FUNCTION `c`.`lampkeeper`.`mask_email`" in texts
    place.workspace.write("secret", "POST", "/api/2.0/secrets/scopes/create", {"scope": "ours"})
    place.workspace.write("secret", "POST", "/api/2.0/secrets/put", {"scope": "ours", "key": "hash_key", "string_value": "x"})
    with pytest.raises(DatabricksError):
        place.space.client(place.space.mint(ANA)).secrets.get_secret("ours", "hash_key")
