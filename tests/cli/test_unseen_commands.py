"""The unseen and exemptions on the command line, from files alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from support.env_folders import Run, bank_folder

pytestmark = pytest.mark.unit

ENTRY = '{ principal = "etl", kind = "pipeline", reason = "loads", owner = "olga", expires = "%s"%s }'


def settle(root: Path, more: str) -> None:
    folder = bank_folder(root)
    folder.settings_path.write_text(folder.settings_path.read_text() + more + "\n")


def policies(root: Path) -> str:
    return (root / "envs" / "dev" / "generated" / "abac.auto.tfvars").read_text()


def test_closed_is_the_default_and_the_flag_wins_over_the_file(tmp_path: Path, run: Run) -> None:
    settle(tmp_path, "")
    assert run("generate", "--offline")[0] == 0
    assert "lk_unseen_rows" in policies(tmp_path)
    assert "lk_unseen_columns" not in policies(tmp_path)
    assert run("generate", "--offline", "--unseen-columns", "deny")[0] == 0
    assert "lk_unseen_columns" in policies(tmp_path)
    assert run("validate")[0] == 0
    assert run("fix")[0] == 0
    assert run("generate", "--offline", "--unseen", "allow")[0] == 0
    assert "unseen" not in policies(tmp_path)
    assert "lampkeeper_review" not in policies(tmp_path)


@pytest.mark.parametrize(
    ("flags", "problem"),
    [
        (("--unseen", "maybe"), "'maybe' is neither deny nor allow"),
        (("--unseen", "allow", "--unseen-columns", "deny"), "unseen columns cannot be closed"),
    ],
)
def test_what_cannot_be_is_refused(tmp_path: Path, run: Run, flags: tuple[str, ...], problem: str) -> None:
    settle(tmp_path, "")
    code, _, err = run("generate", "--offline", *flags)
    assert code == 2
    assert problem in err


@pytest.mark.parametrize(
    ("entry", "code"),
    [
        (ENTRY % ("2999-12-31", ""), ""),
        (ENTRY % ("2020-01-31", ""), "EXEMPTION_EXPIRED"),
        (ENTRY % ("2999-12-31", ', families = ["pii_levle"]'), "EXEMPTION_FAMILY"),
    ],
)
def test_an_exemption_is_in_except_and_an_error_once_it_is_over(tmp_path: Path, run: Run, entry: str, code: str) -> None:
    settle(tmp_path, f"exemptions = [{entry}]")
    status, out, err = run("generate", "--offline", "--json")
    errors = {f["code"] for f in json.loads(out)["findings"] if f["severity"] == "error"}
    assert (status, errors) == ((1, {code}) if code else (0, set())), err
    if not code:
        assert '"etl"' in policies(tmp_path)
        assert run("validate")[0] == 0
        assert "raw by exemption: etl (pipeline) is exempt until 2999-12-31" in run("matrix")[1]
    if code == "EXEMPTION_EXPIRED":
        assert run("validate")[0] == 1


def test_why_explains_a_table_that_is_in_no_environment(tmp_path: Path, run: Run) -> None:
    settle(tmp_path, "")
    run("generate", "--offline")
    code, out, err = run("why", "outsider", "dev_fin.elsewhere.copy.ssn")
    assert code == 0
    assert "not in this environment" in err
    assert "lk_unseen_rows: filters the rows" in out
    assert "a table of dev_fin that nobody has reviewed: no rows for" in run("matrix")[1]
