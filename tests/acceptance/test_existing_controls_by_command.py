"""What stands already on tables, by the commands: refused, named, taken over, put back; and one adopted table in `main`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from databricks.sdk.service import iam

from lampkeeper.model.auth import Auth
from lampkeeper.model.names import TableName
from lampkeeper.remote.clients import ApiLevel, Workspace, connect
from lampkeeper.remote.controls import read_controls
from support.bank_places import Bank
from support.governed_places import Place, place_at
from support.light_sql import light_runner
from support.localspace_server import running_localspace

pytestmark = pytest.mark.server

# By dbt-databricks #670, with a policy of somebody else (terraform-provider-databricks #5227).
SETUP = (
    "CREATE CATALOG oo", "CREATE SCHEMA oo.hr", "CREATE FUNCTION oo.hr.old_mask(v STRING) RETURNS STRING RETURN 'xxx'",
    "CREATE TABLE oo.hr.staff (staff_id BIGINT, site STRING, email STRING)",
    "CREATE TABLE oo.hr.rota (day DATE, staff_id BIGINT)", "CREATE SCHEMA oo.sales",
    "CREATE TABLE oo.sales.leads (lead_id BIGINT, note STRING)",
)  # fmt: skip
POLICY = {
    "on_securable_type": "CATALOG", "on_securable_fullname": "oo", "name": "legacy_mail",
    "policy_type": "POLICY_TYPE_COLUMN_MASK", "for_securable_type": "TABLE", "to_principals": ["account users"],
    "match_columns": [{"condition": "has_tag_value('legacy_pii', 'mail')", "alias": "c"}],
    "column_mask": {"function_name": "oo.hr.old_mask", "on_column": "c"},
}  # fmt: skip
TAG = {"entity_type": "columns", "entity_name": "oo.hr.staff.email", "tag_key": "legacy_pii", "tag_value": "mail"}
MASK = "ALTER TABLE oo.hr.staff ALTER COLUMN email SET MASK oo.hr.old_mask"
ANA, ADMIN_PATHS = "ana@bank.example", ("/api/2.1/unity-catalog/policies", "/api/2.1/unity-catalog/entity-tag-assignments")
STAFF = TableName("oo", "hr", "staff")


@pytest.fixture
def bank(tmp_path: Path) -> Iterator[Bank]:
    with running_localspace(tmp_path / "data", light_runner) as space:
        found = Bank(space, tmp_path)
        found.sql(*SETUP)
        found.account.users_v2.create(user_name=ANA)
        yield found


def settle(bank: Bank, tables: str, token: str = "", env: str = "dev") -> None:
    """Write the environment's settings, signed in by this token (the admin's by default), and take a draft."""
    folder = bank.root / "envs" / env
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "env.auto.tfvars").write_text(
        f'sql_warehouse_id = "{bank.space.warehouse_id}"\nuc_tables = [{tables}]\n'
        f'groups = {{ analysts = {{ members = ["{ANA}"] }}, officers = {{ clearance = ["*"] }} }}\n'
    )
    bank.space.write_sign_in(folder, token=token)
    for words in (("snapshot",), ("generate", "--offline")):
        answer = bank.run(*words, "--env", env)
        assert answer.code == 0, answer.err


def legacy(bank: Bank) -> None:
    workspace = bank.workspace()
    workspace.write("test", "POST", "/api/2.1/tag-policies", {"tag_key": "legacy_pii", "values": [{"name": "mail"}]})
    workspace.write("test", "POST", ADMIN_PATHS[1], TAG)
    workspace.write("test", "POST", ADMIN_PATHS[0], POLICY)


def runner(bank: Bank, *privileges: str) -> str:
    """Make a service principal that is no admin, with these privileges on the catalog; return its token."""
    # It may write groups, and is neither a metastore admin nor one of the workspace.
    made = bank.account.service_principals_v2.create(
        display_name="deployer", active=True, roles=[iam.ComplexValue(value="account_admin")]
    )
    name, space, workspace = str(made.application_id), bank.space, bank.workspace()
    workspace_assignments = (
        f"/api/2.0/accounts/{space.account_id}/workspaces/{space.workspace_id}/permissionassignments/principals"
    )
    workspace.write("test", "PUT", f"{workspace_assignments}/{made.id}", {"permissions": ["USER"]}, api_level=ApiLevel.ACCOUNT)
    entry = {"access_control_list": [{"service_principal_name": name, "permission_level": "CAN_USE"}]}
    workspace.write("test", "PATCH", f"/api/2.0/permissions/warehouses/{space.warehouse_id}", entry)
    bank.sql(f"GRANT {', '.join(privileges)} ON CATALOG oo TO `{name}`")
    return space.mint(name)


@pytest.mark.parametrize("as_runner", [False, True], ids=["as the admin", "as a service principal that manages the catalog"])
def test_a_policy_of_others_is_refused_by_plan_and_apply_and_named(bank: Bank, as_runner: bool) -> None:
    legacy(bank)
    token = runner(bank, "USE CATALOG", "USE SCHEMA", "BROWSE", "SELECT", "MANAGE") if as_runner else ""
    settle(bank, '"oo.hr.*"', token)
    admin = str(bank.workspace().get("test", "/api/2.0/preview/scim/v2/Me")["userName"])
    planned = bank.run("plan", "--json")
    assert planned.code == 3
    (reported,) = planned.findings()["SECOND_MASK"]
    assert reported.startswith("oo.hr.staff.email: ")
    assert f"oo.hr.old_mask by policy legacy_mail on catalog oo (made by {admin})" in reported
    applied = bank.run("apply", "--propagation-wait", "0", "--json")
    assert (applied.code, applied.document["applied"]) == (3, False)
    assert place_of(bank).sight(ANA, {"oo.hr.staff": ("email",)}) == {"oo.hr.staff.email": "hidden"}


def place_of(bank: Bank) -> Place:
    return place_at(bank.space, bank.root)


def test_a_mask_that_comes_after_the_apply_is_found_by_all_and_taken_over_on_request(bank: Bank) -> None:
    settle(bank, '"oo.hr.*"')
    assert bank.run("apply", "--propagation-wait", "0").code == 0
    assert bank.run("audit").code == 0
    bank.sql(MASK)
    assert bank.run("plan").code == 3
    audited = bank.run("audit", "--json")
    assert (audited.code, audited.document["clean"]) == (1, False)
    assert "set on the table itself" in audited.findings()["audit/second_mask"][0]
    why = bank.run("why", ANA, "oo.hr.staff.email", "--live")
    assert "column mask oo.hr.old_mask(email): applies to all principals" in why.out
    assert "gets: failing (MULTIPLE_MASKS)" in why.out
    assert "on tables   column mask oo.hr.old_mask(email) on oo.hr.staff.email" in bank.run("status", "--live").out
    taken = bank.run("plan", "--adopt", "--json")
    (reported,) = [f["message"] for f in taken.document["findings"] if f["code"] == "TAKEN_OVER"]
    assert "it stays protected; then DROP MASK" in reported
    applied = bank.run("apply", "--adopt", "--allow-widening", "--propagation-wait", "0")
    assert applied.code == 0, applied.err
    assert bank.run("plan").out.endswith("plan: nothing to do\n")
    assert bank.run("audit").code == 0
    assert "destroy restores the original" in bank.run("status").out
    assert bank.run("status", "--live", "--json").document[0]["controls"] == {"set": [], "not_shown": []}
    assert "old_mask" not in place_of(bank).sight(ANA, {"oo.hr.staff": ("email",)})["oo.hr.staff.email"]
    assert bank.run("destroy", "--yes", "--propagation-wait", "0").code == 0
    (back,) = read_controls(bank.workspace(), [STAFF]).controls
    assert str(back) == "column mask oo.hr.old_mask(email) on oo.hr.staff.email"


def test_a_second_environment_of_the_same_table_goes_by_the_same_refusal(bank: Bank) -> None:
    bank.sql(MASK)
    settle(bank, '"oo.hr.staff"', env="dev")
    settle(bank, '"oo.hr.staff"', env="test")
    assert bank.run("plan", "--env", "dev").code == 3
    assert bank.run("apply", "--env", "dev", "--adopt", "--allow-widening", "--propagation-wait", "0").code == 0
    # What the first has taken over does not stand any more; what it made is marked as its own.
    second = bank.run("plan", "--env", "test", "--json")
    assert "SECOND_MASK" not in second.findings()
    assert "OWNED_BY_OTHER" in second.findings()


def test_one_adopted_table_switches_nothing_off(bank: Bank) -> None:
    settle(bank, '"oo.hr.staff"')
    assert bank.run("apply", "--propagation-wait", "0").code == 0
    owner = str(bank.workspace().get("test", "/api/2.0/preview/scim/v2/Me")["userName"])
    columns = {"oo.hr.rota": ("day",), "oo.sales.leads": ("note",)}
    assert set(place_of(bank).sight(owner, columns).values()) == {"all rows: raw"}
    # The whole schema: what nobody has reviewed there loses its rows, and that has to be meant; the next schema does not.
    settle(bank, '"oo.hr.*"')
    bank.sql("CREATE TABLE oo.hr.fresh (x STRING)")
    planned = bank.run("plan", "--json")
    assert planned.code == 1
    (reported,) = planned.findings()["UNREVIEWED_TABLES"]
    assert reported.startswith("schema oo.hr: 1 tables of this schema")
    assert bank.run("plan", "--allow-hiding", "oo.hr.fesh").code == 2
    assert bank.run("apply", "--allow-hiding", "oo.hr.fresh", "--propagation-wait", "0").code == 0
    seen = place_of(bank).sight(owner, columns | {"oo.hr.fresh": ("x",)})
    assert seen == {"oo.hr.rota.day": "all rows: raw", "oo.sales.leads.note": "all rows: raw", "oo.hr.fresh.x": "no rows"}
    settle(bank, '"oo.hr.staff"')
    narrower = bank.run("plan", "--json").document["widening"]
    assert [c["after"] for c in narrower if c["table"] == ["oo", "hr", "*"] and c["principal"] == "(outsider)"] == ["all rows"]
    assert bank.run("apply", "--propagation-wait", "0").code == 3


def test_a_catalog_is_covered_by_its_name_and_a_star(bank: Bank) -> None:
    settle(bank, '"oo.*"')
    assert bank.run("apply", "--propagation-wait", "0").code == 0
    bank.sql("CREATE SCHEMA oo.late", "CREATE TABLE oo.late.copy (ssn STRING)")
    owner = str(bank.workspace().get("test", "/api/2.0/preview/scim/v2/Me")["userName"])
    assert place_of(bank).sight(owner, {"oo.late.copy": ("ssn",)}) == {"oo.late.copy.ssn": "no rows"}
    assert "oo.late.copy" in bank.run("audit").err


def test_who_does_not_see_all_controls_is_reported_so(bank: Bank) -> None:
    legacy(bank)
    token = runner(bank, "USE CATALOG", "USE SCHEMA")
    name = str(signed_in(bank, token).get("test", "/api/2.0/preview/scim/v2/Me")["userName"])
    bank.sql(f"GRANT SELECT ON TABLE oo.hr.rota TO `{name}`", MASK)
    found = read_controls(signed_in(bank, token), [STAFF, replace(STAFF, table="rota")])
    assert (found.controls, found.not_shown) == ((), (STAFF,))
    # Nothing is judged clean by who cannot see the policies of the catalog.
    settle(bank, '"oo.hr.*"')
    auth = bank.root / "envs" / "dev" / "auth.auto.tfvars"
    auth.write_text(auth.read_text().replace(bank.space.token, token))
    for command in ("plan", "audit"):
        answer = bank.run(command)
        assert answer.code == 4
        assert "lacks MANAGE" in answer.err


def signed_in(bank: Bank, token: str) -> Workspace:
    space = bank.space
    auth = Auth(workspace_host=space.host, token=token, workspace_id=space.workspace_id)
    return connect(auth, warehouse_id=space.warehouse_id)
