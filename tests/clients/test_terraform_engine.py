"""The engine Terraform with the unmodified provider: it leaves the same workspace as the direct engine, and nothing behind."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lampkeeper.deploy.direct import apply_plan
from lampkeeper.deploy.kinds import GRANT, GROUP, TAG, TAG_POLICY
from lampkeeper.deploy.plan import Plan
from lampkeeper.deploy.stages import Action
from lampkeeper.deploy.terraform import engine as engine_module
from lampkeeper.deploy.terraform.documents import changes_in
from lampkeeper.deploy.terraform.layer_folder import modules, state_file
from lampkeeper.deploy.wait import PropagationWait
from lampkeeper.files.folder import EnvFolder
from lampkeeper.files.masks_sql import render_masks_sql
from lampkeeper.files.settings import Settings
from lampkeeper.files.text import write_text
from lampkeeper.files.tfvars import part_of, render_layer
from lampkeeper.model.auth import Auth
from lampkeeper.model.errors import RemoteError, UnsafePlanError, UsageError
from lampkeeper.model.layers import LAYERS, Layer
from support.governed_configs import ANA, CONFIGS, EVE, OLA, Config, governed
from support.missing_tools import report_missing, terraform_and_mirror
from support.recorded import save, take
from support.terraform_places import TerraformPlace, environ_for, light_terraform_place

TERRAFORM = terraform_and_mirror()
if TERRAFORM is None:
    report_missing("Terraform provider", "terraform on PATH, its provider mirror in LAMPKEEPER_TF_MIRROR")
pytestmark = [
    pytest.mark.server,
    pytest.mark.clients,
    pytest.mark.heavy,
    pytest.mark.skipif(TERRAFORM is None, reason="terraform or its provider mirror was not found"),
]
RECORDED = Path(__file__).parent / "recorded"
AS_BOTH = ("two_catalogs", "workspace_layer")
"""Configurations that a service principal applies too."""
AGREEING = ("one_table", "two_catalogs", "row_filter", "nested_groups", "hostile_names", "external_group", "workspace_layer",
            "already_there", "unreviewed_tables", "unreviewed_columns")  # fmt: skip
by_name = {config.name: config for config in CONFIGS}
ONE = by_name["one_table"]


def world_of_direct(config: Config, folder: Path, who: str) -> dict[str, list[object]]:
    """Return what the direct engine leaves after the last stage."""
    with light_terraform_place(folder, who) as at:
        at.build(config)
        for desired in config.stages:
            at.apply(at.plan(desired, at.direct), at.direct)
        return without_empty(at.place.world())


def without_empty(world: dict[str, list[str]]) -> dict[str, list[object]]:
    """Return the documents without empty lists and texts: an argument may be left out or given empty."""

    def plain(value: object) -> object:
        if isinstance(value, dict):
            return {k: plain(v) for k, v in value.items() if v not in ([], "", None)}
        return [plain(v) for v in value] if isinstance(value, list) else value

    return {kind: [plain(json.loads(text)) for text in texts] for kind, texts in world.items()}


def texts_of_states(at: TerraformPlace) -> str:
    return "".join(p.read_text() for p in sorted((at.root / "envs").rglob("terraform.tfstate*")))


CALLERS = [*((name, "user") for name in AGREEING), *((name, "service principal") for name in AS_BOTH)]


@pytest.mark.parametrize(("name", "who"), CALLERS)
def test_both_engines_leave_the_same_workspace(name: str, who: str, tmp_path: Path) -> None:
    config = by_name[name]
    with light_terraform_place(tmp_path / "terraform", who) as at:
        at.build(config)
        before = at.place.world()
        for desired in config.stages:
            plan = at.plan(desired)
            assert not plan.blocked, [str(f) for f in plan.findings]
            assert [c for c in plan.changes if c.address] or desired is not config.stages[0]
            at.apply(plan)
            again = at.plan(desired)
            assert [str(c) for c in again.changes] == []
            assert again.findings == () or not again.blocked
        after = at.place.world()
        assert at.held() > 0
        states = texts_of_states(at)
        assert at.workspace.secrets[0] not in states
        assert str(tmp_path) not in states
        at.apply(at.destroy())
        assert at.place.world() == before
        assert at.held() == 0
        assert all(not state.objects for state in at.place.states().layers.values())
        if os.environ.get("LAMPKEEPER_RECORD") and name == "workspace_layer":
            source = f"terraform provider 1.128.0 under --engine terraform as a {who}: workspace_layer applied, destroyed"
            save(RECORDED / f"terraform_engine_{who.replace(' ', '_')}.json", take(at.place.space), source)
    assert without_empty(after) == world_of_direct(config, tmp_path / "direct", who)


TREATED = {"id": "", "email": "masked_email", "full_name": "masked_name", "amount": "masked_amount"}
STAFF = {"analysts": (ANA,), "officers": (OLA,)}
DESIRED = ONE.stages[0]
PLANS = Path(__file__).parents[1] / "deploy" / "terraform" / "recorded"


@pytest.fixture
def at(tmp_path: Path) -> Iterator[TerraformPlace]:
    with light_terraform_place(tmp_path / "place") as found:
        found.build(ONE)
        yield found


def test_a_change_is_planned_by_terraform_checked_by_lampkeeper_and_applied(at: TerraformPlace) -> None:
    at.apply(at.plan(DESIRED))
    loose = governed({"dev.s.customers": {**TREATED, "email": ""}}, STAFF)
    plan = at.plan(loose)
    assert {(c.principal, c.column) for c in plan.widening} >= {(ANA, "email")}
    assert {(c.kind, c.action) for c in plan.changes if c.address} >= {(TAG, Action.DELETE)}
    with pytest.raises(UnsafePlanError, match="widens"):
        apply_strictly(at, plan)
    at.apply(plan)
    assert at.place.sight(ANA, ONE.columns)["dev.s.customers.email"] == "all rows: raw"
    assert at.plan(loose).changes == ()


def apply_strictly(at: TerraformPlace, plan: Plan) -> None:
    states = at.place.states()
    apply_plan(plan, at.workspace, states, wait=PropagationWait(seconds=0), terraform=at.terraform.writer(plan, states))


def test_a_plan_whose_order_could_show_data_is_refused_by_name(at: TerraformPlace) -> None:
    at.apply(at.plan(DESIRED))
    moved = tuple(replace(p, name=f"{p.name}_2") if p.name == "lk_masked_email" else p for p in DESIRED.policies)
    plan = at.plan(replace(DESIRED, policies=moved))
    assert any("sees dev.s.customers.email raw" in e for e in plan.exposures)
    with pytest.raises(UnsafePlanError, match="transient exposure"):
        apply_strictly(at, plan)
    assert at.plan(DESIRED).changes == ()


def test_the_saved_plan_is_what_is_applied_and_only_once(at: TerraformPlace) -> None:
    plan = at.plan(DESIRED)
    at.write(replace(DESIRED, grants=()))
    at.apply(plan)
    assert [g for g in at.place.world()["grant"] if "analysts" in g and "SELECT" in g]
    with pytest.raises(UnsafePlanError, match="serial"):
        at.apply(plan)


def test_drift_is_seen_by_both_and_repaired_by_terraform(at: TerraformPlace) -> None:
    at.apply(at.plan(DESIRED))
    at.workspace.write("test", "DELETE", "/api/2.1/unity-catalog/policies/CATALOG/dev/lk_masked_name")
    plan = at.plan(DESIRED)
    assert [(str(c.action), c.kind.name, bool(c.address)) for c in plan.changes] == [("create", "policy", True)]
    assert plan.widening == ()
    at.apply(plan)
    assert at.plan(DESIRED).changes == ()


def test_the_direct_engine_refuses_layers_that_terraform_holds(at: TerraformPlace) -> None:
    at.apply(at.plan(DESIRED))
    with pytest.raises(UsageError, match=r"layer account: Terraform holds \d+ objects \(envs/account/terraform.tfstate\)"):
        at.plan(DESIRED, at.direct)
    with pytest.raises(UsageError, match="Terraform holds"):
        at.destroy(at.direct)
    plan = at.plan(governed({"dev.s.customers": {**TREATED, "id": "masked_name"}}, STAFF))
    with pytest.raises(UsageError, match="made with Terraform"):
        at.apply(plan, at.direct)


def test_an_environment_of_the_direct_engine_stays_with_it_and_new_objects_are_terraforms(at: TerraformPlace) -> None:
    at.apply(at.plan(DESIRED, at.direct), at.direct)
    assert at.plan(DESIRED).changes == ()
    more = governed({"dev.s.customers": TREATED}, {**STAFF, "auditors": (EVE,)})
    plan = at.plan(more)
    assert {c.kind for c in plan.changes if c.address} >= {GROUP, GRANT}
    at.apply(plan)
    assert at.plan(more).changes == ()
    at.apply(at.destroy())
    assert not at.place.world().get("policy")
    assert at.held() == 0


def test_values_that_others_add_to_a_governed_tag_stay(at: TerraformPlace) -> None:
    at.apply(at.plan(DESIRED))
    path = "/api/2.1/tag-policies/pii_level"
    now = at.workspace.get("test", path)
    values = [*now["values"], {"name": "theirs"}]
    at.workspace.write("test", "PATCH", path, {"tag_key": "pii_level", "values": values}, {"update_mask": "values"})
    assert at.plan(DESIRED).changes == ()
    gone = at.destroy()
    assert [f.location for f in gone.findings if f.code == "TERRAFORM_DIFFERS"] == ["tag_policy pii_level"]
    assert gone.blocked


def test_a_failure_in_the_middle_is_reported_and_the_next_apply_resumes(at: TerraformPlace) -> None:
    plan = at.plan(DESIRED)
    fault = {"method": "POST", "path": "/api/2.1/unity-catalog/entity-tag-assignments", "status": 403, "times": 40}
    at.place.space.control("POST", "faults", fault)
    with pytest.raises(RemoteError, match=r"(terraform|tofu) apply ended with 1") as error:
        at.apply(plan)
    assert at.workspace.secrets[0] not in error.value.message
    assert not [g for g in at.place.world().get("grant", ()) if "analysts" in g]
    at.place.space.control("DELETE", "faults")
    again = at.plan(DESIRED)
    assert not again.blocked
    at.apply(again)
    assert at.plan(DESIRED).changes == ()
    assert "mask_email" in at.place.sight(ANA, ONE.columns)["dev.s.customers.email"]
    at.apply(at.destroy())
    assert all(not state.objects for state in at.place.states().layers.values())


def test_a_lost_state_of_terraform_is_taken_up_by_the_direct_engine(at: TerraformPlace) -> None:
    world = at.place.world()
    at.apply(at.plan(DESIRED))
    for layer in LAYERS:
        state_file(at.place.states(), layer).unlink(missing_ok=True)
    assert at.plan(DESIRED).changes == ()
    at.apply(at.destroy())
    assert at.place.world() == world


def test_two_environments_have_states_of_their_own(at: TerraformPlace) -> None:
    at.apply(at.plan(DESIRED))
    before = {p: p.read_bytes() for p in (at.root / "envs" / "dev").rglob("terraform.tfstate")}
    at.place.sql(
        "CREATE CATALOG IF NOT EXISTS prod", "CREATE SCHEMA IF NOT EXISTS prod.s", "CREATE TABLE prod.s.t (email STRING)"
    )
    other = replace(at, place=replace(at.place, env="prod"))
    desired = governed({"prod.s.t": {"email": "masked_email"}}, STAFF)
    layers = (Layer.DATA_ACCESS, Layer.WORKSPACE)
    folder = EnvFolder(at.root, "prod")
    for layer in layers:
        write_text(folder.layer_path(layer) / "abac.auto.tfvars", render_layer(part_of(desired, layer), layer))
    plan = other.terraform.plan(desired, at.workspace, other.place.states(), layers=layers)
    assert {c.layer for c in plan.changes} == {Layer.DATA_ACCESS}
    other.apply(plan)
    assert {p: p.read_bytes() for p in before} == before
    gone = other.terraform.plan_destroy(at.workspace, other.place.states(), layers=layers)
    other.apply(gone)
    assert at.plan(DESIRED).changes == ()


def test_plans_are_recorded_for_the_tests_without_terraform(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Plan a creation, an update and a removal; with LAMPKEEPER_RECORD the plans replace those in the repository."""
    found: list[dict[str, Any]] = []

    def keep(document: dict[str, Any]) -> tuple[Any, ...]:
        if changes := changes_in(document):
            found.append({k: document[k] for k in ("format_version", "terraform_version", "resource_changes")})
        return changes

    monkeypatch.setattr(engine_module, "changes_in", keep)
    config = by_name["workspace_layer"]
    with light_terraform_place(tmp_path) as at:
        at.build(config)
        first, second = config.stages[0], governed({"dev.s.customers": {**TREATED, "id": "masked_name", "amount": ""}}, STAFF)
        at.apply(at.plan(first))
        at.apply(at.plan(second))
        at.apply(at.destroy())
    actions = {a for d in found for e in d["resource_changes"] for a in e["change"]["actions"]}
    assert {"create", "update", "delete"} <= actions
    assert TAG_POLICY in {c.kind for d in found for c in changes_in(d)}
    if os.environ.get("LAMPKEEPER_RECORD"):
        PLANS.mkdir(exist_ok=True)
        for number, document in enumerate(found, 1):
            (PLANS / f"plan_{number}.json").write_text(json.dumps(document, indent=1, sort_keys=True) + "\n")


LAMPKEEPER = (sys.executable, "-c", "from lampkeeper.cli.main import run; run()")


def test_the_commands_plan_apply_and_destroy(at: TerraformPlace) -> None:
    assert TERRAFORM is not None
    space = at.place.space
    folder = EnvFolder(at.root, "dev")
    auth = Auth(
        workspace_host=space.host, token=space.token, account_id=space.account_id, workspace_id=space.workspace_id,
    )  # fmt: skip
    folder.setup(Settings(sql_warehouse_id=space.warehouse_id), auth)
    at.write(DESIRED)
    functions = render_masks_sql(DESIRED.functions)
    write_text(folder.layer_path(Layer.DATA_ACCESS) / "masking_functions.sql", functions)
    environment = environ_for(at.root, TERRAFORM[1])

    def run(*words: str, **more: str) -> tuple[int, str]:
        done = subprocess.run(
            [*LAMPKEEPER, *words, "--env", "dev"], cwd=at.root, env=environment | more, capture_output=True, text=True,
            timeout=200, check=False,
        )  # fmt: skip
        return done.returncode, done.stdout + done.stderr

    code, shown = run("plan", "--engine", "terraform", PATH="/nowhere")
    assert (code, "neither terraform nor tofu is on PATH" in shown) == (2, True)
    code, shown = run("plan", "--engine", "terraform", "--out", "plan.json")
    assert code in (0, 1), shown
    assert "by Terraform:" in shown
    assert space.token not in (at.root / "plan.json").read_text()
    code, shown = run("apply", "--plan", "plan.json")
    assert code in (0, 1), shown
    code, shown = run("plan", "--engine", "terraform")
    assert "plan: nothing to do" in shown
    code, shown = run("plan")
    assert (code, "use --engine terraform" in shown) == (2, True)
    code, shown = run("destroy", "--engine", "terraform", "--yes", "--allow-widening")
    assert code in (0, 1), shown
    assert not at.place.world().get("policy")
    assert not state_holds(at, Layer.DATA_ACCESS)
    assert state_holds(at, Layer.ACCOUNT)


def state_holds(at: TerraformPlace, layer: Layer) -> bool:
    return bool(json.loads(state_file(at.place.states(), layer).read_text())["resources"])


def test_terraform_alone_applies_the_modules_over_the_files_of_lampkeeper(at: TerraformPlace) -> None:
    """As the README of the modules describes it: three folders, one after the other, the functions in between."""
    assert TERRAFORM is not None
    program, mirror = TERRAFORM
    space = at.place.space
    desired = by_name["workspace_layer"].stages[0]
    at.write(desired)
    shutil.copytree(modules(), at.root / "terraform", ignore=shutil.ignore_patterns(".terraform*", "tools"))
    environment = environ_for(at.root, mirror) | {
        "DATABRICKS_TOKEN": space.token, "TF_VAR_databricks_workspace_host": space.host,
        "TF_VAR_databricks_account_id": space.account_id, "TF_VAR_environment": "dev", "TF_VAR_propagation_seconds": "1",
    }  # fmt: skip
    folder = EnvFolder(at.root, "dev")

    def run(layer: Layer, *words: str) -> str:
        done = subprocess.run(
            [program, *words], cwd=at.root / "terraform" / str(layer), env=environment, capture_output=True, text=True,
            timeout=200, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    for layer in LAYERS:
        if layer is Layer.DATA_ACCESS:
            at.place.sql("CREATE SCHEMA IF NOT EXISTS dev.lampkeeper", *(f.create_sql() for f in desired.functions))
        home = os.path.relpath(folder.layer_path(layer), at.root / "terraform" / str(layer))
        run(layer, "init", f"-backend-config=path={home}/terraform.tfstate")
        assert "Success" in run(layer, "validate", "-no-color")
        run(layer, "apply", "-auto-approve", "-parallelism=1", f"-var-file={home}/abac.auto.tfvars")
        assert "No changes" in run(layer, "plan", "-no-color", "-detailed-exitcode", f"-var-file={home}/abac.auto.tfvars")
    assert "mask_email" in at.place.sight(ANA, ONE.columns)["dev.s.customers.email"]
    assert at.place.sight(OLA, ONE.columns)["dev.s.customers.email"] == "all rows: raw"
    text = texts_of_states(at)
    assert space.token not in text
    assert str(at.root) not in text
    for layer in reversed(LAYERS):
        home = os.path.relpath(folder.layer_path(layer), at.root / "terraform" / str(layer))
        run(layer, "destroy", "-auto-approve", "-parallelism=1", f"-var-file={home}/abac.auto.tfvars")
    assert not {"policy", "tag", "tag_policy"} & set(at.place.world())
