"""Scenarios on a workspace that exists: only where tests may run, under names of their own, and without a trace."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from lampkeeper.cli.main import main
from lampkeeper.files.auth_file import render_auth
from lampkeeper.files.text import SECRET_MODE, write_text
from lampkeeper.places.inventory import left_behind, take_inventory
from lampkeeper.places.local import LocalPlace
from lampkeeper.places.place import Address
from lampkeeper.remote.clients import connect
from lampkeeper.scenarios.scenario import named_for_run, scenario_named


@pytest.mark.unit
def test_everything_that_a_scenario_makes_carries_the_runs_id() -> None:
    text = 'MAP=dev_fin=prod_fin "Finance Analytics" spaces/finance_analytics mydev_fin ana@lampkeeper.example'
    assert named_for_run(text, "ab12").split() == [
        "MAP=dev_fin_ab12=prod_fin_ab12", '"Finance', "Analytics", 'ab12"',
        "spaces/finance_analytics_ab12", "mydev_fin", "ana+ab12@lampkeeper.example",
    ]  # fmt: skip
    assert scenario_named("promote", "ab12") != scenario_named("promote")


@pytest.fixture
def address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Address]:
    """Return a workspace that stands for one of a company, with its sign-in file in the current folder."""
    monkeypatch.chdir(tmp_path)
    place = LocalPlace(folder=tmp_path / "workspace")
    try:
        found = place.up()
        write_text(tmp_path / "auth.auto.tfvars", render_auth(found.signed()), mode=SECRET_MODE)
        yield found
    finally:
        place.down()


@pytest.mark.server
def test_a_workspace_that_was_not_provisioned_for_tests_is_refused_before_any_write(
    address: Address, capsys: pytest.CaptureFixture[str]
) -> None:
    workspace = connect(address.signed())
    before = take_inventory(workspace)
    assert main(["scenarios", "--scenario", "quickstart", "--auth-file", "auth.auto.tfvars"]) == 2
    assert "--sandbox" in capsys.readouterr().err
    assert main(["scenarios", "--auth-file", "auth.auto.tfvars", "--sandbox", "--parallel", "2"]) == 2
    assert left_behind(before, take_inventory(workspace)) == ()
    assert not Path(".scenarios").exists()


@pytest.mark.spark
@pytest.mark.heavy
def test_a_scenario_leaves_nothing_in_a_workspace_of_others(address: Address, capfd: pytest.CaptureFixture[str]) -> None:
    workspace = connect(address.signed())
    before = take_inventory(workspace)
    Path("scripts").mkdir()
    Path("scripts/.test_env_state.json").write_text(json.dumps({"workspace_host": address.host}))
    words = ["scenarios", "--auth-file", "auth.auto.tfvars", "--scenario", "quickstart", "--scenario", "model", "--json"]
    assert main(words) == 0, capfd.readouterr().err
    told = json.loads(capfd.readouterr().out)
    assert [r["verdict"] for r in told["results"]] == ["passed", "skipped"]
    skipped = [c["check"] for s in told["results"][0]["steps"] for c in s["checks"] if "skipped" in c]
    assert len(skipped) == 2
    # The first grant on a warehouse writes its access list down, which a workspace shows without it too.
    left = [name for name in left_behind(before, take_inventory(workspace)) if "permissions/warehouses" not in name]
    assert left == []
