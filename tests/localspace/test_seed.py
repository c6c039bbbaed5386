"""`localspace seed`: an empty data folder has the demo's tables, its people and what the jobs of a bundle need afterwards."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from lampkeeper.places.local import LocalPlace
from lampkeeper.remote.clients import connect
from localspace.main import cli
from localspace.server import seeding

SCHEMA = "CREATE TABLE shop.public.people (id INT, email STRING COMMENT 'Email address');\n"


def localspace(*words: str, home: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from localspace.main import run; run()", *words]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("DATABRICKS_")}
    # What is exported for another workspace must not lead the seeding there.
    environment |= {"DATABRICKS_HOST": "http://127.0.0.1:9", "DATABRICKS_CONFIG_FILE": str(home / "cfg")}
    return subprocess.run(command, cwd=home, env=environment, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.server
@pytest.mark.spark
@pytest.mark.heavy
def test_an_empty_folder_is_seeded_twice_then_holds_a_schema_and_what_the_jobs_need(tmp_path: Path) -> None:
    (tmp_path / "shop.sql").write_text(SCHEMA)
    place = LocalPlace(folder=tmp_path / "place")
    for what, printed in (
        ("demo", "seeded: 5 tables created, 0 existing"),
        ("demo", "seeded: 0 tables created, 5 existing (57 rows), 0 writes"),
        (str(tmp_path / "shop.sql"), "seeded: 1 tables created"),
    ):
        done = localspace("seed", what, "--data", str(place.data), home=tmp_path)
        assert (done.returncode, printed in done.stdout) == (0, True), done.stdout + done.stderr
    try:
        address = place.up()
        workspace = connect(address.signed(), warehouse_id=address.warehouse_id)
        scopes = workspace.get("secret", "/api/2.0/secrets/scopes/list")["scopes"]
        assert [one["name"] for one in scopes] == ["lampkeeper"]
        assert workspace.find("table", "/api/2.1/unity-catalog/tables/shop.public.people") is not None
        assert workspace.find("table", "/api/2.1/unity-catalog/tables/dev_fin.finance.customers") is not None
        # A folder that is being served is seeded by its profile.
        (tmp_path / "cfg").write_text(
            f"[HERE]\nhost = {address.host}\ntoken = {address.token}\naccount_id = {address.account_id}\n"
            f"workspace_id = {address.workspace_id}\n"
        )
        done = localspace("seed", "--profile", "HERE", home=tmp_path)
        assert "seeded: 0 tables created, 5 existing" in done.stdout, done.stderr
        refused = localspace("seed", "--data", str(place.data), home=tmp_path)
        assert (refused.returncode, "localspace seed --profile NAME" in refused.stderr) == (1, True), refused.stderr
    finally:
        place.down()


@pytest.mark.unit
def test_without_lampkeeper_the_command_names_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seeding, "PRODUCT", "no_such_package")
    done = CliRunner().invoke(cli, ["seed", "--data", str(tmp_path / "data")])
    assert (done.exit_code, "no_such_package, which is not installed" in done.output) == (1, True)
    assert not (tmp_path / "data").exists()
