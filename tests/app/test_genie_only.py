"""genie_only: a principal with USER, the SQL entitlement, CAN USE and SELECT makes, plans, applies, verifies and removes spaces.

The commands send nothing to the account, to SCIM groups or to policies, and the local workspace refuses such calls to it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lampkeeper.remote.spaces import create_space
from support.member_places import FORBIDDEN, MemberBank, calls, member_bank

pytestmark = pytest.mark.server


@pytest.fixture(params=["user", "service principal"])
def bank(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[MemberBank]:
    with member_bank(tmp_path, request.param) as found:
        yield found


def settings(bank: MemberBank, space: str = 'name = "Finance", uc_tables = ["dev_fin.finance.*"]') -> str:
    return f'genie_only = true\nsql_warehouse_id = "{bank.space.warehouse_id}"\ngenie_spaces = [{{ {space} }}]\n'


def files(folder: Path) -> set[str]:
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}


def test_the_whole_life_of_a_space_without_a_call_that_the_principal_may_not_send(bank: MemberBank) -> None:
    folder = bank.env("team", settings(bank))
    calls(bank)
    every: list[str] = []
    for words in (
        ("generate",), ("validate",), ("plan",), ("apply",), ("apply",), ("verify",), ("audit",), ("status",),
        ("destroy", "--yes"),
    ):  # fmt: skip
        answer = bank.good(*words, *(("--env", "team") if words[0] != "status" else ()))
        every += calls(bank)
        if words == ("apply",):
            assert (folder / ".genie_space_id_finance").is_file()
    assert [c for c in every if FORBIDDEN.search(c.split()[1])] == []
    assert [c for c in every if c.endswith((" 401", " 403", " 501"))] == []
    written = {c.split()[0] + " " + re.sub(r"[0-9a-f]{32}", "ID", c.split()[1]) for c in every if c.split()[0] != "GET"}
    assert written == {
        "POST /api/2.0/sql/statements", "POST /api/2.0/genie/spaces", "DELETE /api/2.0/genie/spaces/ID",
        "POST /api/2.0/workspace/mkdirs", "POST /api/2.0/workspace/import", "POST /api/2.0/workspace/delete",
    }  # fmt: skip
    assert "destroy: 1 writes" in answer.out
    left = files(folder)
    assert not {
        p for p in left if "masking_functions" in p or p.startswith((".genie_space_id", "data_access/abac", "data_access/state"))
    }
    assert files(bank.root / "envs" / "account") <= {".lock"} if (bank.root / "envs" / "account").exists() else True


def test_what_it_verifies_and_audits(bank: MemberBank) -> None:
    bank.env("team", settings(bank))
    bank.good("generate", "--env", "team")
    bank.good("apply", "--env", "team")
    verified = bank.good("verify", "--env", "team").out
    assert f"space Finance: {bank.name} reads 2 of 2 tables" in verified
    assert "not verified here" in verified
    assert verified.rstrip().endswith("verify: 1 space as asked for")
    assert bank.good("audit", "--env", "team").out.rstrip().endswith("audit: clean")
    bank.sql(f"REVOKE SELECT ON TABLE dev_fin.finance.transactions FROM `{bank.name}`")
    lost = bank.run("verify", "--env", "team")
    assert lost.code == 1
    assert "verify/space_table dev_fin.finance.transactions" in lost.err
    assert "grant SELECT" in lost.err
    bank.sql(f"GRANT SELECT ON TABLE dev_fin.finance.transactions TO `{bank.name}`", "DROP TABLE dev_fin.finance.transactions")
    assert bank.run("audit", "--env", "team").code == 1


def test_the_local_workspace_refuses_everything_else_to_it(bank: MemberBank) -> None:
    space = bank.space
    catalog, account = "/api/2.1/unity-catalog", f"/api/2.0/accounts/{space.account_id}"
    policy = {
        "name": "p", "on_securable_type": "CATALOG", "on_securable_fullname": "dev_fin", "policy_type": "POLICY_TYPE_ROW_FILTER",
        "to_principals": ["account users"], "for_securable_type": "TABLE", "row_filter": {"function_name": "dev_fin.finance.f"},
    }  # fmt: skip
    refused: tuple[tuple[str, str, Any], ...] = (
        ("GET", f"{account}/scim/v2/Users", None),
        ("POST", f"{account}/scim/v2/Groups", {"displayName": "mine"}),
        ("GET", f"{account}/workspaces/{space.workspace_id}/permissionassignments", None),
        ("POST", "/api/2.0/preview/scim/v2/Groups", {"displayName": "mine"}),
        ("POST", f"{catalog}/policies", policy),
        ("POST", "/api/2.1/tag-policies", {"tag_key": "k", "values": [{"name": "v"}]}),
        ("PATCH", f"{catalog}/permissions/catalog/dev_fin", {"changes": [{"principal": "account users", "add": ["SELECT"]}]}),
        ("POST", f"{catalog}/schemas", {"name": "mine", "catalog_name": "dev_fin"}),
        ("POST", "/api/2.0/sql/warehouses", {"name": "mine", "cluster_size": "Small"}),
        ("PATCH", f"/api/2.0/permissions/warehouses/{space.warehouse_id}",
         {"access_control_list": [{"group_name": "users", "permission_level": "CAN_USE"}]}),
    )  # fmt: skip
    with space.http(space.mint(bank.name)) as http:
        found = {f"{m} {p}": http.request(m, p, json=b).status_code for m, p, b in refused}
    assert set(found.values()) == {403}, found


def test_it_attaches_a_space_that_it_may_edit_and_leaves_it(bank: MemberBank) -> None:
    content = {"version": 2, "data_sources": {"tables": [{"identifier": "dev_fin.finance.customers"}]}}
    body = {"title": "Sales", "warehouse_id": bank.space.warehouse_id, "serialized_space": json.dumps(content)}
    space_id = create_space(bank.workspace(), body)
    folder = bank.env("team", settings(bank, f'genie_space_id = "{space_id}"'))
    denied = bank.run("generate", "--env", "team")
    assert denied.code == 4
    field = "user_name" if "@" in bank.name else "service_principal_name"
    entry = {"access_control_list": [{field: bank.name, "permission_level": "CAN_EDIT"}]}
    bank.workspace().write("test", "PATCH", f"/api/2.0/permissions/genie/{space_id}", entry)
    calls(bank)
    bank.good("generate", "--env", "team", "--mode", "genie")
    for words in (("plan",), ("apply",), ("verify",), ("audit",), ("destroy", "--yes")):
        bank.good(*words, "--env", "team")
    sent = calls(bank)
    assert [c for c in sent if FORBIDDEN.search(c.split()[1])] == []
    assert [c for c in sent if c.startswith(("POST /api/2.0/genie", "PATCH /api/2.0/genie", "DELETE /api/2.0/genie"))] == []
    assert not list(folder.glob(".genie_space_id*"))
    assert bank.space.client().genie.get_space(space_id).title == "Sales"


def test_governance_is_refused_by_name(bank: MemberBank) -> None:
    bank.env("team", settings(bank))
    bank.good("generate", "--env", "team")
    for words in (("generate", "--mode", "governance"), ("apply", "--layer", "data_access"), ("plan", "--layer", "account")):
        answer = bank.run(*words, "--env", "team")
        assert (answer.code, "genie_only is set" in answer.err) == (2, True), answer.err


def test_a_warehouse_that_it_may_not_use_is_named(bank: MemberBank) -> None:
    other = bank.w.warehouses.create(name="other", cluster_size="Small", enable_serverless_compute=True).response.id
    bank.env("team", settings(bank).replace(bank.space.warehouse_id, str(other)))
    answer = bank.run("generate", "--env", "team")
    assert answer.code == 2
    assert str(other) in answer.err
