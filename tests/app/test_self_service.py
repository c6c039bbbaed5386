"""Self-service: one environment governs the tables, others make spaces over them, and its files and objects stay as they are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from localspace.core.stored_documents import kinds
from support.member_places import FORBIDDEN, MemberBank, calls, member_bank

pytestmark = pytest.mark.server

GOVERNANCE = """\
uc_tables = ["dev_fin.finance.*"]
groups = {
  data_analysts       = { description = "Read masked data" }
  compliance_officers = { clearance = ["*"] }
}
"""
GOVERNED = ("group", "tag_policy", "tag", "policy", "grant", "function", "schema")
"""The kinds of objects in the store that the governance environment owns."""


@pytest.fixture(params=["user", "service principal"])
def bank(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[MemberBank]:
    with member_bank(tmp_path, request.param) as found:
        found.env("governance", GOVERNANCE, as_admin=True)
        found.good("generate", "--env", "governance", "--mode", "governance")
        found.good("apply", "--env", "governance", "--layer", "account", "--layer", "data_access", "--propagation-wait", "0")
        yield found


def governed(bank: MemberBank) -> dict[str, object]:
    """Return the files of the governance environment and of the account, and the objects that it owns."""
    envs = bank.root / "envs"
    folders = (envs / "account", envs / "governance")
    files = {str(p.relative_to(envs)): p.read_bytes() for f in folders for p in f.rglob("*") if p.is_file() and p.name != ".lock"}
    world = bank.space.workspace.store
    return {**files, **{kind: list(world.list(kinds.named(kind))) for kind in GOVERNED}}


def test_the_governance_environment_has_no_space(bank: MemberBank) -> None:
    folder = bank.root / "envs" / "governance"
    draft = (folder / "generated" / "abac.auto.tfvars").read_text()
    assert "tag_assignments" in draft
    assert "fgac_policies" in draft
    assert "genie_space_configs" not in draft
    assert (folder / "generated" / "masking_functions.sql").is_file()
    assert (folder / "data_access" / "state.json").is_file()
    assert not list(folder.glob(".genie_space_id*"))


@pytest.mark.parametrize("only", [True, False], ids=["genie_only", "mode genie"])
def test_two_teams_make_spaces_and_the_governance_stays_byte_for_byte(bank: MemberBank, only: bool) -> None:
    before = governed(bank)
    for env, name in (("bu_fin", "Finance Analytics"), ("bu_clin", "Clinical Analytics")):
        warehouse = f'sql_warehouse_id = "{bank.space.warehouse_id}"\n'
        spaces = f'genie_spaces = [{{ name = "{name}", uc_tables = ["dev_fin.finance.*"] }}]\n'
        folder = bank.env(env, ("genie_only = true\n" if only else "") + warehouse + spaces, as_admin=not only)
        calls(bank)
        made = bank.good("generate", "--env", env, "--mode", "genie")
        checked = bank.good("validate", "--env", env)
        assert "no SELECT" not in made.err + checked.err
        assert "0 errors, 0 warnings" in checked.out
        draft = (folder / "generated" / "abac.auto.tfvars").read_text()
        assert "genie_space_configs" in draft
        assert name in draft
        assert "tag_assignments" not in draft
        assert "fgac_policies" not in draft
        assert not list(folder.rglob("masking_functions.sql"))
        bank.good("apply", "--env", env, "--layer", "workspace")
        assert bank.good("plan", "--env", env).out.rstrip().endswith("plan: nothing to do")
        assert [p.name for p in folder.glob(".genie_space_id*")] == [f".genie_space_id_{name.lower().replace(' ', '_')}"]
        assert (folder / "state.json").is_file()
        assert not list((folder / "data_access").glob("*.json"))
        bank.good("verify", "--env", env)
        bank.good("audit", "--env", env)
        if only:
            assert [c for c in calls(bank) if FORBIDDEN.search(c.split()[1])] == []
        assert governed(bank) == before
    for env in ("bu_clin", "bu_fin"):
        bank.good("destroy", "--env", env, "--layer", "workspace", "--yes")
        assert governed(bank) == before
    assert bank.w.genie.list_spaces().spaces in (None, [])
