"""The unreviewed and exemptions on the command line, from files alone."""

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
    assert "lk_unreviewed_rows" in policies(tmp_path)
    assert "lk_unreviewed_columns" not in policies(tmp_path)
    assert run("generate", "--offline", "--unreviewed-columns", "deny")[0] == 0
    assert "lk_unreviewed_columns" in policies(tmp_path)
    assert run("validate")[0] == 0
    assert run("fix")[0] == 0
    assert run("generate", "--offline", "--unreviewed", "allow")[0] == 0
    assert "unreviewed" not in policies(tmp_path)
    assert "lampkeeper_review" not in policies(tmp_path)


@pytest.mark.parametrize(
    ("flags", "problem"),
    [
        (("--unreviewed", "maybe"), "'maybe' is neither deny nor allow"),
        (("--unreviewed", "allow", "--unreviewed-columns", "deny"), "unreviewed columns cannot be hidden"),
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
    assert run("why", "outsider", "dev_fin.elsewhere.copy.ssn")[0] == 2
    code, out, err = run("why", "outsider", "dev_fin.finance.copy.ssn")
    assert code == 0
    assert "not in this environment" in err
    assert "lk_unreviewed_rows: filters the rows" in out
    shown = run("matrix")[1]
    assert "unreviewed tables of dev_fin.finance, with SELECT on them: no rows for" in shown
    assert "unreviewed tables of dev_fin, with SELECT on them: all rows for" in shown


@pytest.mark.parametrize(
    ("tables", "places"),
    [
        ('"dev_fin.finance.*"', {"SCHEMA dev_fin.finance"}),
        ('"dev_fin.*"', {"CATALOG dev_fin"}),
        ('"dev_fin.*", "dev_fin.finance.*"', {"CATALOG dev_fin"}),
        ('"dev_fin.finance.customers"', set()),
        ('"dev_fin.finance.customers", "dev_fin.finance.accounts"', set()),
    ],
)
def test_the_row_fallback_stands_on_what_the_patterns_cover_whole(
    tmp_path: Path, run: Run, tables: str, places: set[str]
) -> None:
    folder = bank_folder(tmp_path)
    folder.settings_path.write_text(folder.settings_path.read_text().replace('"dev_fin.finance.*"', tables))
    code, _, err = run("generate", "--offline")
    assert code == 0, err
    found = {
        f"{p.securable_type} {'.'.join(p.securable)}" for p in folder.read_draft().policies if p.name == "lk_unreviewed_rows"
    }
    assert found == places
    reviewed = [t for t in folder.read_draft().tag_assignments if t.key == "lampkeeper_review"]
    assert bool(reviewed) is bool(places)
    # Columns are closed by what was reviewed: that needs no place of its own.
    assert run("generate", "--offline", "--unreviewed-columns", "deny")[0] == 0
    draft = folder.read_draft()
    assert any(t.key == "lampkeeper_review" for t in draft.tag_assignments)
    assert {str(p.securable_type) for p in draft.policies if p.name == "lk_unreviewed_columns"} == {"CATALOG"}
