"""Commands that need no workspace: what they print, their JSON, their exit codes."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from lampkeeper.model.names import TableName
from lampkeeper.model.schema import Column, Table
from support.env_folders import Run, bank_folder, table

pytestmark = pytest.mark.unit


@pytest.fixture
def bank(tmp_path: Path, run: Run) -> Run:
    bank_folder(tmp_path)
    assert run("generate", "--offline")[0] == 0
    return run


def document(answer: tuple[int, str, str]) -> Any:
    return json.loads(answer[1])


# what is wrong with the call: exit 2, the location and a fix


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("matrix", "--env", "prod"), ["no environment 'prod'", "lampkeeper setup --env prod"]),
        (("matrix", "--env", "account"), ["name of a folder of lampkeeper"]),
        (("matrix", "--env", "../x"), ["cannot be an environment's name"]),
        (("matrix", "--nope"), ["--nope"]),
        (("nope",), ["nope"]),
        (("classify", "gone.jsonl"), ["gone.jsonl"]),
        (("generate", "--mode", "all"), ["--mode"]),
        (("why", "ana"), ["TABLE.COLUMN"]),
        (("status", "--envs", "/tmp/elsewhere"), ["named envs"]),
        (("diff", "live", "live"), ["live:dev"]),
    ],
)
def test_wrong_use_is_exit_2_and_json_says_the_same(run: Run, arguments: tuple[str, ...], words: list[str]) -> None:
    code, out, err = run(*arguments)
    assert code == 2
    assert out == ""
    assert all(word in err for word in words)
    assert "Traceback" not in err
    code, out, _ = run(*arguments, "--json")
    assert code == 2
    assert json.loads(out)["error"]["exit_code"] == 2


def test_a_malformed_settings_file_names_line_and_column(tmp_path: Path, bank: Run) -> None:
    (tmp_path / "envs/dev/env.auto.tfvars").write_text('uc_tables = ["a.b.c"]\ngroups = {\n  x = = 1\n}\n')
    code, _, err = bank("generate", "--offline")
    assert code == 2
    assert "env.auto.tfvars:3:" in err


@pytest.mark.parametrize(
    ("line", "location"),
    [
        ('{"table": "t", "column": ', ":1:"),
        ("[1]", ":1:1"),
        ('{"table": "t"}', "'column'"),
        ('{"table": "t", "column": "c", "values": "x"}', "'values'"),
    ],
)
def test_a_malformed_column_line_names_its_location(tmp_path: Path, run: Run, line: str, location: str) -> None:
    (tmp_path / "x.jsonl").write_text(line + "\n")
    code, _, err = run("classify", "x.jsonl")
    assert code == 2
    assert "x.jsonl" in err
    assert location in err


def test_an_internal_error_is_exit_70_without_a_traceback_unless_asked(bank: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def explode(*_: object) -> None:
        raise RuntimeError("boom")

    monkeypatch.setattr("lampkeeper.cli.check.access_of", explode)
    code, _, err = bank("matrix")
    assert code == 70
    assert "Traceback" not in err
    assert "Traceback" in bank("matrix", "--debug")[2]


# what they do


def test_classify_answers_line_by_line_in_the_order_given(tmp_path: Path, run: Run) -> None:
    lines = [
        {"db": "fin", "table": "customers", "column": "email", "type": "VARCHAR(100)"},
        {"schema": "fin", "table": "orders", "column": "id", "type": "INT"},
        {"db": "fin", "table": "customers", "column": "ssn", "type": "STRING", "values": ["219-09-9999", "078-05-1120"]},
    ]
    (tmp_path / "x.jsonl").write_text("\n".join(map(json.dumps, lines)) + "\n\n")
    code, out, _ = run("classify", "x.jsonl", "--json")
    found = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert [(f["table"], f["column"]) for f in found] == [("customers", "email"), ("orders", "id"), ("customers", "ssn")]
    assert [f["protect"] for f in found] == ["yes", "no", "yes"]
    assert all(0 <= f["confidence"] <= 1 and f["evidence"] for f in found)
    assert run("classify", "x.jsonl")[1].splitlines()[-1] == "columns 3 = protected 2 + not sensitive 1 + undecided 0"


def test_the_matrix_says_who_sees_what_from_the_files_alone(bank: Run) -> None:
    cells = {(c["principal"], c["column"]): c for c in document(bank("matrix", "--json"))["cells"]}
    assert cells[("ana@bank.example", "email")]["state"] == "masked"
    assert cells[("fay@bank.example", "email")]["state"] == "raw"
    assert cells[("(outsider)", "email")]["state"] == "hidden"
    assert cells[("ana@bank.example", "amount")]["row_filter"].endswith(".aml_flag)")
    assert "masked by mask_email" in bank("matrix")[1]


def test_the_matrix_as_a_file(tmp_path: Path, bank: Run) -> None:
    assert bank("matrix", "--csv", "m.csv", "--html", "m.html")[0] == 0
    with (tmp_path / "m.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert {"(outsider)", "ana@bank.example", "member of data_analysts"} <= {r["principal"] for r in rows}
    page = (tmp_path / "m.html").read_text()
    assert "mask_email" in page
    assert "http://" not in page
    assert "https://" not in page


def test_why_prints_the_chain_and_the_verdict(bank: Run) -> None:
    code, out, _ = bank("why", "fay@bank.example", "customers.email")
    assert code == 0
    assert "fay@bank.example > fraud_team > compliance_officers" in out
    assert out.splitlines()[-1] == "gets: raw"
    assert document(bank("why", "outsider", "customers.email", "--json"))["state"] == "hidden"
    assert document(bank("why", "data_analysts", "dev_fin.finance.customers.email", "--json"))["state"] == "masked"
    assert bank("why", "ana", "nowhere.nothing")[0] == 2


def test_diff_of_an_environment_with_itself_is_empty_and_a_promoted_one_the_same_by_name(tmp_path: Path, bank: Run) -> None:
    assert document(bank("diff", "dev", "dev", "--json"))["changes"] == []
    bank_folder(tmp_path, "prod", "prod_fin")
    assert bank("generate", "--offline", "--env", "prod")[0] == 0
    assert document(bank("diff", "dev", "prod", "--json"))["changes"] != []
    assert document(bank("diff", "dev", "prod", "--catalog-map", "dev_fin=prod_fin", "--json"))["changes"] == []


def test_diff_shows_a_group_with_a_clearance_as_wider(tmp_path: Path, bank: Run) -> None:
    folder = bank_folder(tmp_path, "loose")
    text = folder.settings_path.read_text()
    folder.settings_path.write_text(text.replace('"Read masked data",', '"Read masked data", clearance = ["pii_level"],'))
    assert bank("generate", "--offline", "--env", "loose")[0] == 0
    changes = document(bank("diff", "dev", "loose", "--json"))["changes"]
    assert {(c["principal"], c["column"], c["direction"]) for c in changes} >= {("ana@bank.example", "email", "wider")}
    assert all(c["direction"] == "wider" for c in changes)


def test_validate_finds_a_tag_value_that_no_policy_covers(tmp_path: Path, bank: Run) -> None:
    assert bank("validate")[0] == 0
    draft = tmp_path / "envs/dev/generated/abac.auto.tfvars"
    text = draft.read_text()
    at = text.index("tag_assignments")
    draft.write_text(text[:at] + text[at:].replace('"masked_email"', '"masked_emial"', 1))
    code, _, err = bank("validate")
    assert code == 1
    assert "masked_emial" in err


def test_promote_splits_the_draft_into_three_layers(tmp_path: Path, bank: Run) -> None:
    assert document(bank("promote", "--json"))["promoted"] is True
    for path in ("account", "dev/data_access", "dev"):
        assert (tmp_path / "envs" / path / "abac.auto.tfvars").is_file()


def test_promote_without_a_draft_does_nothing(tmp_path: Path, run: Run) -> None:
    bank_folder(tmp_path)
    code, out, _ = run("promote")
    assert (code, out) == (0, "no draft: nothing to promote\n")


def test_setup_makes_what_is_missing_and_touches_nothing_else(tmp_path: Path, run: Run) -> None:
    assert len(document(run("setup", "--json"))["made"]) == 7
    settings = tmp_path / "envs/dev/env.auto.tfvars"
    settings.write_text("# mine\n" + settings.read_text())
    assert document(run("setup", "--json"))["made"] == []
    assert settings.read_text().startswith("# mine")
    assert oct((tmp_path / "envs/dev/auth.auto.tfvars").stat().st_mode & 0o777) == "0o600"


def test_status_and_masks_and_completion_answer(bank: Run) -> None:
    assert [e["env"] for e in document(bank("status", "--json"))] == ["dev"]
    assert any(m["name"] == "mask_email" for m in document(bank("masks", "--json")))
    for shell in ("bash", "zsh", "fish"):
        assert "_LAMPKEEPER_COMPLETE" in bank("completion", shell)[1]


def test_hostile_names_cannot_steer_the_terminal_or_the_page(tmp_path: Path, run: Run) -> None:
    evil = "\x1b[2Jemail</td><script>alert(1)</script>"
    odd = Table(
        name=TableName("dev_fin", "finance", 'we`ird "t".x'),
        columns=(Column(name=evil, type="STRING", comment="ignore all rules'); DROP"), Column(name="[bold]x", type="INT")),
    )
    bank_folder(tmp_path, extra=(odd,))
    assert run("generate", "--offline")[0] == 0
    code, out, _ = run("matrix", "--html", "m.html")
    assert code == 0
    assert "\x1b[2J" not in out
    assert "[bold]x" in out
    page = (tmp_path / "m.html").read_text()
    assert "<script>alert" not in page
    assert "\x1b" not in page


@pytest.mark.heavy
def test_a_table_of_ten_thousand_columns_is_one_more_table(tmp_path: Path, run: Run) -> None:
    wide = table("dev_fin", "wide", **{f"column_{n}": "STRING" for n in range(10_000)})
    bank_folder(tmp_path, extra=(wide,))
    assert run("generate", "--offline")[0] == 0
    assert len(document(run("matrix", "--json"))["cells"]) > 50_000
