"""Several workspaces on one governance: one command plans, applies and destroys in all of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from localspace.server.account import Account
from support.bank_places import PEOPLE, ROWS
from support.env_folders import Run, bank_folder
from support.light_sql import light_runner
from support.localspace_server import LocalWorkspace, running_localspace

pytestmark = pytest.mark.server

SETTINGS = """\
genie_spaces = [
  { name = "Finance", uc_tables = ["dev_fin.finance.*"] },
  { name = "Cards", uc_tables = ["dev_fin.finance.transactions"] },
]
groups = {
  data_analysts       = { description = "Read masked data", members = ["ana@bank.example"] }
  compliance_officers = { clearance = ["*"], members = ["olga@bank.example"] }
}
"""


@pytest.fixture(scope="module")
def space() -> Iterator[LocalWorkspace]:
    def three(account: Account) -> None:
        account.separate()
        account.launch(3, 2)

    with running_localspace(None, light_runner, three) as space:
        for name in PEOPLE:
            space.account().users_v2.create(user_name=name)
        client = space.client()
        for statement in ROWS:
            if not statement.startswith("INSERT"):
                client.statement_execution.execute_statement(statement, space.warehouse_id, wait_timeout="50s")
        yield space


MAIN, OTHER_METASTORE, SAME_METASTORE = 0, 1, 2
"""The workspaces by number: metastores are given to them in rounds."""


def host_of(space: LocalWorkspace, number: int) -> str:
    return [one.location.address for one in space.server.workspaces.values()][number]


def sign_in(folder: Path, space: LocalWorkspace, number: int, settings: str = "") -> None:
    """Write the sign-in of a workspace, and its settings if there are any."""
    workspace = list(space.server.workspaces.values())[number]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "auth.auto.tfvars").write_text(
        f'databricks_workspace_host = "{workspace.location.address}"\ndatabricks_token = "{space.token}"\n'
        f'databricks_account_host = "{space.server.location.address}"\ndatabricks_account_id = "{space.account_id}"\n'
        f'databricks_workspace_id = "{workspace.workspace_id}"\n'
    )
    if settings:
        (folder / "env.auto.tfvars").write_text(settings)


@pytest.fixture
def bank(space: LocalWorkspace, tmp_path: Path, run: Run) -> Run:
    folder = bank_folder(tmp_path)
    folder.settings_path.write_text(SETTINGS)
    sign_in(folder.path, space, MAIN)
    code, out, err = run("generate", "--offline")
    assert code == 0, out + err
    return run


def good(run: Run, *words: str) -> str:
    code, out, err = run(*words)
    assert code == 0, f"{words}: {out[-3000:]} {err[-3000:]}"
    return out


def spaces_of(space: LocalWorkspace, number: int) -> list[str]:
    found = space.client(host=host_of(space, number)).genie.list_spaces().spaces or []
    return sorted(str(s.title) for s in found)


def test_one_command_applies_the_governance_once_and_the_spaces_in_every_workspace(
    bank: Run, space: LocalWorkspace, tmp_path: Path
) -> None:
    further = tmp_path / "envs/dev/workspaces/apac"
    sign_in(further, space, SAME_METASTORE, 'genie_spaces = [{ name = "Finance" }]\n')
    planned = good(bank, "plan")
    assert f"workspace dev: {host_of(space, MAIN)}" in planned
    assert f"workspace dev.apac: {host_of(space, SAME_METASTORE)}" in planned
    applied = good(bank, "apply")
    assert applied.count(", policy ") == 1, "policies belong to the metastore: they are written once"
    assert (spaces_of(space, MAIN), spaces_of(space, SAME_METASTORE)) == (["Cards", "Finance"], ["Finance"])
    assert (further / ".genie_space_id_finance").is_file()
    groups = {g.display_name for g in space.client(host=host_of(space, SAME_METASTORE)).groups.list()}
    assert "data_analysts" in groups, "the groups of the governance are assigned to the further workspace"
    again = good(bank, "apply")
    assert again.count("apply: 0 writes") == 2
    document = json.loads(good(bank, "plan", "--json"))
    assert {name: one["changes"] for name, one in document["workspaces"].items()} == {"dev": [], "dev.apac": []}
    good(bank, "destroy", "--yes", "--allow-widening")
    assert (spaces_of(space, MAIN), spaces_of(space, SAME_METASTORE)) == ([], [])
    sign_in(tmp_path / "envs/account", space, MAIN)
    good(bank, "destroy", "--env", "account", "--yes", "--sole-workspace")
    assert "data_analysts" not in {g.display_name for g in space.account().groups_v2.list()}


def test_governance_alone_leaves_the_further_workspaces_alone(bank: Run, space: LocalWorkspace, tmp_path: Path) -> None:
    sign_in(tmp_path / "envs/dev/workspaces/apac", space, SAME_METASTORE)
    out = good(bank, "plan", "--layer", "account", "--layer", "data_access")
    assert "workspace dev.apac" not in out


REFUSED = {
    "another metastore": (OTHER_METASTORE, "", "dev.apac uses another metastore than dev"),
    "the same workspace": (MAIN, "", "dev and dev.apac sign in to the same workspace"),
    "settings of the governance": (SAME_METASTORE, 'uc_tables = ["dev_fin.finance.*"]\n', "belong to the environment"),
    "tables of a space": (
        SAME_METASTORE, 'genie_spaces = [{ name = "Finance", uc_tables = ["dev_fin.finance.*"] }]\n', "belong to the environment",
    ),
    "a slip in a space's name": (SAME_METASTORE, 'genie_spaces = [{ name = "Finanse" }]\n', "nearest: Finance"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_a_further_workspace_cannot_be_is_refused_before_any_write(
    bank: Run, space: LocalWorkspace, tmp_path: Path, case: str
) -> None:
    number, settings, reported = REFUSED[case]
    sign_in(tmp_path / "envs/dev/workspaces/apac", space, number, settings)
    before = space.writes()
    code, _, err = bank("plan")
    assert (code, reported in err) == (2, True), err
    assert [w for w in space.writes() if w not in before and "/sql/" not in w["path"]] == []


def test_a_further_workspace_without_a_sign_in_and_a_saved_plan_are_refused(
    bank: Run, space: LocalWorkspace, tmp_path: Path
) -> None:
    further = tmp_path / "envs/dev/workspaces/apac"
    further.mkdir(parents=True)
    assert "write the sign-in of the workspace apac there" in bank("plan")[2]
    sign_in(further, space, SAME_METASTORE)
    code, _, err = bank("plan", "--out", "plan.json")
    assert (code, "a saved plan covers one workspace" in err) == (2, True)
    assert not (tmp_path / "plan.json").exists()
    (further.parent / "Bad Name").mkdir()
    assert "cannot be an environment's name" in bank("plan")[2]
