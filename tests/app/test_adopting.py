"""Adoption of what exists: one pass, a dry run without a write, and a destroy that gives everything back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lampkeeper.app.adopting import Adoption, adopt, find_adoption, words_of
from lampkeeper.app.generating import generate
from lampkeeper.app.importing import import_spaces
from lampkeeper.app.inputs import EnvInputs
from lampkeeper.app.planning import make_env_plan
from lampkeeper.app.snapshots import take_snapshot
from lampkeeper.deploy.direct import apply_plan
from lampkeeper.deploy.live_state import TAG_POLICIES
from lampkeeper.deploy.planner import plan_destroy
from lampkeeper.deploy.stages import Action
from lampkeeper.files.folder import EnvFolder
from lampkeeper.model.layers import LAYERS
from lampkeeper.remote.spaces import create_space
from support.env_folders import bank_folder
from support.governed_places import Place, light_place

pytestmark = pytest.mark.server

SETTINGS = """\
genie_spaces = [{{ name = "Ours", uc_tables = ["dev_fin.finance.*"] }}, {{ genie_space_id = "{attached}" }}]
groups = {{
  data_analysts       = {{ description = "Read masked data" }}
  compliance_officers = {{ clearance = ["*"], members = ["olga@bank.example"] }}
}}
"""


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with light_place(tmp_path) as running:
        running.sql(
            "CREATE CATALOG dev_fin",
            "CREATE SCHEMA dev_fin.finance",
            "CREATE TABLE dev_fin.finance.customers (id BIGINT, first_name STRING, ssn STRING, email STRING, city STRING)",
        )
        yield running


@pytest.fixture
def folder(place: Place) -> EnvFolder:
    """Make a workspace that others have governed in part, and an environment over it."""
    ws = place.workspace
    place.user("eve@bank.example")
    place.user("olga@bank.example")
    place.group("data_analysts", place.user("eve@bank.example"))
    ws.write(
        "test", "POST", TAG_POLICIES, {"tag_key": "pii_level", "description": "theirs", "values": [{"name": "masked_email"}]}
    )
    tag = {"entity_type": "columns", "entity_name": "dev_fin.finance.customers.email", "tag_key": "pii_level"}
    ws.write("test", "POST", "/api/2.1/unity-catalog/entity-tag-assignments", tag | {"tag_value": "masked_email"})
    own = {"entity_type": "columns", "entity_name": "dev_fin.finance.customers.city", "tag_key": "steward", "tag_value": "x"}
    ws.write("test", "POST", "/api/2.1/unity-catalog/entity-tag-assignments", own)
    place.sql(
        "CREATE SCHEMA dev_fin.lampkeeper",
        "CREATE FUNCTION dev_fin.lampkeeper.mask_email(v STRING) RETURNS STRING RETURN 'hidden'",
        "CREATE FUNCTION dev_fin.lampkeeper.theirs(v STRING) RETURNS STRING RETURN v",
        "GRANT USE CATALOG ON CATALOG dev_fin TO data_analysts",
        "GRANT SELECT ON TABLE dev_fin.finance.customers TO `eve@bank.example`",
    )
    made = {"name": "lampkeeper", "cluster_size": "Large", "enable_serverless_compute": True, "warehouse_type": "PRO"}
    ws.write("test", "POST", "/api/2.0/sql/warehouses", made)
    content = '{"version":2,"data_sources":{"tables":[{"identifier":"dev_fin.finance.customers"}]}}'
    body = {"title": "Theirs", "warehouse_id": place.space.warehouse_id, "serialized_space": content}
    folder = bank_folder(place.folder)
    folder.settings_path.write_text(SETTINGS.format(attached=create_space(ws, body)))
    inputs = EnvInputs(folder)
    import_spaces(inputs, ws)
    take_snapshot(inputs, ws)
    generate(inputs)
    return folder


def bytes_of(root: Path) -> dict[str, bytes]:
    return {p.relative_to(root).as_posix(): p.read_bytes() for p in (root / "envs").rglob("*") if p.is_file()}


def find(place: Place, folder: EnvFolder, *, write: bool = True) -> tuple[Adoption, Any]:
    return find_adoption(EnvInputs(folder), place.workspace, write=write)


def test_a_dry_run_sends_no_write_and_changes_no_file(place: Place, folder: EnvFolder) -> None:
    world, files, before = place.world(), bytes_of(place.folder), place.wire.writes
    place.space.control("DELETE", "requests")
    found, _ = find(place, folder, write=False)
    assert found.count
    writes = [c for c in place.space.writes() if c["path"] != "/api/2.0/sql/statements"]
    assert writes == []
    assert place.wire.writes == before
    assert (place.world(), bytes_of(place.folder)) == (world, files)


def test_one_pass_records_what_is_there_and_names_what_differs_and_what_is_foreign(place: Place, folder: EnvFolder) -> None:
    world = place.world()
    found, states = find(place, folder)
    adopted = {words_of(c.kind, c.before) for c in found.adopted}
    assert {"group data_analysts", "grant USE_CATALOG to data_analysts on catalog dev_fin"} <= adopted
    differing = {c.kind.name for c, _ in found.differing}
    assert {"tag_policy", "function", "warehouse"} <= differing
    assert {"function dev_fin.lampkeeper.theirs: not named by the files"} <= set(found.foreign)
    assert any("steward" in line for line in found.foreign)
    assert any("eve@bank.example" in line for line in found.foreign)
    assert adopt(found, place.workspace, states) == found.count
    # Nothing governed has changed: only the owner files of this environment are new.
    assert place.world() == world
    again, states = find(place, folder)
    assert again.count == 0
    assert adopt(again, place.workspace, states) == 0


def test_after_the_adoption_plans_need_no_flag_and_a_destroy_gives_everything_back(place: Place, folder: EnvFolder) -> None:
    world = place.world()
    refused, _ = make_env_plan(EnvInputs(folder), place.workspace)
    assert "FOREIGN_OBJECT" in {f.code for f in refused.findings}
    found, states = find(place, folder)
    adopt(found, place.workspace, states)
    plan, states = make_env_plan(EnvInputs(folder), place.workspace)
    assert not plan.blocked, plan.findings
    assert {f"{c.kind} {c.key}" for c in plan.changes if c.action is Action.DELETE} == set()
    apply_plan(plan, place.workspace, states, saved=False, allow_widening=True)
    assert make_env_plan(EnvInputs(folder), place.workspace)[0].empty
    # The adopted group keeps its member, although the files do not name her.
    assert any("eve@bank.example" in text for text in place.world()["group"])
    states = EnvInputs(folder).states
    plan = plan_destroy(place.workspace, states, layers=LAYERS, sole_workspace=True)
    apply_plan(plan, place.workspace, states, saved=False, allow_widening=True)
    after = place.world()
    # An access list that was written once stays, without its entries; so does the empty list of a warehouse's tags.
    assert "group_name" not in str(after.pop("permissions", ""))
    assert {k: str(v).replace('"tags": {"custom_tags": []}, ', "") for k, v in after.items()} == {
        k: str(v) for k, v in world.items()
    }


def test_apply_with_adopt_takes_equal_objects_too(place: Place, folder: EnvFolder) -> None:
    plan, states = make_env_plan(EnvInputs(folder), place.workspace, adopt=True)
    assert plan.already_there == ()
    assert "adopt group data_analysts" in {f"{c.action} {c.kind} {c.key}" for c in plan.changes}
    apply_plan(plan, place.workspace, states, saved=False, allow_widening=True)
    assert make_env_plan(EnvInputs(folder), place.workspace)[0].empty
