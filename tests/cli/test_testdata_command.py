"""testdata: flags, dry runs and the environments of a sign-in file, before any call."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from lampkeeper.app.test_data import environments_of, governed_patterns, read_sign_in
from lampkeeper.cli.program import every_command
from support.env_folders import Run

pytestmark = pytest.mark.unit

SCRIPT = Path(__file__).parents[2] / "scripts" / "setup_test_data.py"
GUIDE = ("--auth-file", "--prod", "--verify", "--verify-prod", "--teardown", "--teardown-prod", "--warehouse-id", "--dry-run")


def test_the_command_has_every_flag_of_the_guide() -> None:
    options = {o for p in every_command()["testdata"].params for o in p.opts}
    assert set(GUIDE) <= options


@pytest.mark.parametrize(
    ("flags", "starts"),
    [
        ([], {"CREATE CATALOG": 2, "CREATE SCHEMA": 2, "CREATE OR REPLACE TABLE": 5, "INSERT INTO": 5}),
        (["--prod"], {"CREATE CATALOG": 4, "CREATE OR REPLACE TABLE `prod_fin`": 3, "INSERT INTO `prod_clinical`": 2}),
        (["--verify"], {"SELECT 0 AS position, count(*) AS found FROM `dev_": 5, "SELECT": 5}),
        (["--verify-prod"], {"SELECT 0 AS position, count(*) AS found FROM `prod_": 5, "SELECT": 5}),
        (["--teardown", "--teardown-prod"], {"DROP CATALOG IF EXISTS `dev_": 2, "DROP CATALOG IF EXISTS `prod_": 2, "DROP": 4}),
        (["--bank", "ANZ,IN", "--prod"], {"CREATE CATALOG": 4, "INSERT INTO `dev_": 8, "INSERT INTO `prod_": 0}),
        (["--overlay-columns", "country"], {"ALTER TABLE": 3, "UPDATE": 1}),
        (["--remove-overlay-columns"], {"ALTER TABLE `dev_fin`.`finance`.`customers` DROP COLUMNS": 1}),
    ],
    ids=" ".join,
)
def test_a_dry_run_prints_the_statements_and_needs_no_workspace(run: Run, flags: list[str], starts: dict[str, int]) -> None:
    code, out, err = run("testdata", "--dry-run", *flags)
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert {start: sum(line.startswith(start) for line in lines) for start in starts} == starts


@pytest.mark.parametrize(
    "flags",
    [
        ["--verify", "--teardown"], ["--prod", "--verify"], ["--prod", "--teardown-prod"], ["--remove-overlay-columns", "--prod"],
        ["--bank", "ANZ", "--overlay-columns", "country"], ["--bank", "MARS"], ["--overlay-columns", "planet"],
        ["--auth-file", "nowhere/auth.auto.tfvars"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_flags_that_contradict_each_other_and_unknown_names_are_refused(run: Run, flags: list[str]) -> None:
    code, out, err = run("testdata", *flags)
    assert (code, out) == (2, "")
    assert "fix:" in err


def test_the_script_is_the_command_also_from_another_folder(tmp_path: Path) -> None:
    command = [sys.executable, str(SCRIPT), "--dry-run", "--teardown"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == "DROP CATALOG IF EXISTS `dev_clinical` CASCADE;\nDROP CATALOG IF EXISTS `dev_fin` CASCADE;\n"
    command = [sys.executable, "-S", str(SCRIPT), "--verify", "--teardown"]
    assert subprocess.run(command, cwd=tmp_path, capture_output=True, check=False).returncode == 2


def env(root: Path, name: str, host: str, tables: str) -> Path:
    folder = root / "envs" / name
    folder.mkdir(parents=True)
    (folder / "env.auto.tfvars").write_text(f'uc_tables = ["{tables}"]\n')
    (folder / "auth.auto.tfvars").write_text(f'databricks_workspace_host = "{host}"\ndatabricks_token = "t"\n')
    return folder / "auth.auto.tfvars"


def test_the_environments_of_a_sign_in_file_are_those_of_its_workspace(tmp_path: Path) -> None:
    one, two = "https://one.example", "https://two.example"
    dev = env(tmp_path, "dev", one, "dev_fin.finance.*")
    env(tmp_path, "prod", two, "prod_fin.finance.*")
    env(tmp_path, "clinic", f"{one}/", "dev_clinical.clinical.*")
    sign_in = read_sign_in(dev)
    found = environments_of(sign_in, sign_in.auth.workspace_host)
    assert [f.env for f in found] == ["dev", "clinic"]
    assert governed_patterns(found) == ("dev_fin.finance.*", "dev_clinical.clinical.*")
    (tmp_path / "auth.auto.tfvars").write_text(dev.read_text().replace(one, two))
    beside = read_sign_in(tmp_path / "auth.auto.tfvars")
    assert (beside.own, [f.env for f in environments_of(beside, two)]) == (None, ["prod"])
