"""Modes of a generation: each changes what it owns, and nothing else changes, byte for byte."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from lampkeeper.files.folder import EnvFolder
from lampkeeper.model.layers import Layer
from support.env_folders import Run, bank_folder

pytestmark = pytest.mark.unit

SPACES = """
genie_spaces = [
  { name = "People", uc_tables = ["dev_fin.finance.customers"] },
  { name = "Money", uc_tables = ["dev_fin.finance.transactions"] },
]
"""


@pytest.fixture
def folder(tmp_path: Path) -> EnvFolder:
    made = bank_folder(tmp_path)
    made.settings_path.write_text(made.settings_path.read_text() + SPACES)
    return made


def layers(folder: EnvFolder) -> dict[str, bytes]:
    paths = {str(la): folder.layer_path(la) / "abac.auto.tfvars" for la in Layer}
    return {name: path.read_bytes() for name, path in paths.items() if path.is_file()}


def test_full_writes_a_folder_for_each_space_and_the_pages(run: Run, folder: EnvFolder) -> None:
    assert run("generate", "--offline")[0] == 0
    names = {p.relative_to(folder.generated_path).as_posix() for p in folder.generated_path.rglob("*") if p.is_file()}
    assert {"spaces/people/abac.auto.tfvars", "spaces/money/abac.auto.tfvars", "TUNING.md", "review.html"} <= names
    assert ".history/0001/entry.json" in names
    assert run("validate")[0] == 0


def test_the_genie_mode_alone_writes_the_workspace_layer_alone(run: Run, folder: EnvFolder) -> None:
    account = folder.layer_path(Layer.ACCOUNT)
    account.mkdir(parents=True)
    (account / "abac.auto.tfvars").write_text('# by hand\ngroups = { analysts = { description = "" } }\n')
    assert run("generate", "--offline", "--mode", "genie")[0] == 0
    before = layers(folder)
    assert run("promote")[0] == 0
    after = layers(folder)
    assert after.pop("workspace")
    assert after == before
    assert folder.read_draft().spaces[0].acl_groups == ("analysts",)


def test_the_governance_stays_when_the_spaces_are_made_anew_and_the_other_way_round(run: Run, folder: EnvFolder) -> None:
    run("generate", "--offline")
    first = folder.read_draft()
    folder.settings_path.write_text(folder.settings_path.read_text().replace('["*"]', '["pii_level"]'))
    assert run("generate", "--offline", "--mode", "genie")[0] == 0
    second = folder.read_draft()
    assert (second.policies, second.grants, second.groups, second.tables) == (
        first.policies, first.grants, first.groups, first.tables,
    )  # fmt: skip
    assert run("generate", "--offline", "--mode", "governance")[0] == 0
    third = folder.read_draft()
    assert third.policies != first.policies
    assert (third.spaces, third.workspace_assignments, third.warehouses) == (
        second.spaces,
        second.workspace_assignments,
        second.warehouses,
    )


def test_one_space_anew_leaves_the_others_byte_for_byte_and_keeps_who_may_ask(run: Run, folder: EnvFolder) -> None:
    run("generate", "--offline")
    draft = folder.generated_path / "abac.auto.tfvars"
    money = folder.generated_path / "spaces" / "money" / "abac.auto.tfvars"
    text, count = re.subn(r"(acl_groups +=) .*", r'\1 ["data_analysts"]', draft.read_text())
    assert count == 2
    draft.write_text(text)
    money.write_text("# mine\n")
    before = folder.read_draft()
    assert run("generate", "--offline", "--space", "People")[0] == 0
    assert money.read_text() == "# mine\n"
    after = folder.read_draft()
    assert [s.acl_groups for s in after.spaces] == [("data_analysts",)] * 2
    assert after == before


def test_a_new_space_brings_protection_and_grants_for_its_tables_only(run: Run, folder: EnvFolder) -> None:
    text = folder.settings_path.read_text()
    narrow = text.replace('uc_tables = ["dev_fin.finance.*"]', "").replace(
        '  { name = "Money", uc_tables = ["dev_fin.finance.transactions"] },\n', ""
    )
    folder.settings_path.write_text(narrow)
    whole = folder.snapshot()
    people = type(whole)(tables=tuple(t for t in whole.tables if t.name.table == "customers"))
    folder.write_snapshot(people)
    assert run("generate", "--offline")[0] == 0
    before = folder.read_draft()
    folder.settings_path.write_text(text)
    folder.write_snapshot(whole)
    assert run("generate", "--offline", "--space", "Money")[0] == 0
    after = folder.read_draft()
    assert set(before.policies) <= set(after.policies)
    assert set(before.grants) < set(after.grants)
    assert {s.name for s in after.spaces} == {"People", "Money"}
    assert run("validate")[0] == 0


def test_genie_only_manages_no_groups_and_no_governance(run: Run, folder: EnvFolder) -> None:
    folder.settings_path.write_text("genie_only = true\n" + SPACES)
    assert run("generate", "--offline")[0] == 0
    draft = folder.read_draft()
    assert (draft.groups, draft.policies, draft.grants, draft.tag_assignments) == ((), (), (), ())
    assert len(draft.spaces) == 2
    assert run("validate")[0] == 0
    assert run("promote")[0] == 0
    assert set(layers(folder)) == {"workspace"}
    code, _, err = run("generate", "--offline", "--mode", "governance")
    assert code == 2
    assert "genie_only" in err


def test_a_space_is_no_part_of_the_governance_and_an_unknown_one_is_reported(run: Run, folder: EnvFolder) -> None:
    assert run("generate", "--offline", "--mode", "governance", "--space", "People")[0] == 2
    code, _, err = run("generate", "--offline", "--space", "Nope")
    assert code == 2
    assert "Money" in err


def test_tables_come_from_ddl_files_where_there_is_no_workspace(run: Run, folder: EnvFolder) -> None:
    folder.snapshot_path.unlink()
    ddl = folder.path / "ddl" / "bank.sql"
    ddl.write_text(
        "CREATE TABLE dev_fin.finance.customers (id BIGINT, email STRING COMMENT 'mail');\n"
        "CREATE TABLE dev_fin.finance.transactions (id BIGINT, amount DECIMAL(10,2));\n"
        "CREATE TABLE elsewhere.s.t (x INT);\n"
        "CREATE TABLE elsewhere.s.u AS SELECT * FROM elsewhere.s.unknown;\n"
        "GRANT SELECT ON TABLE elsewhere.s.t TO readers;\n"
    )
    code, _, err = run("generate", "--offline")
    assert code == 0
    assert "LK022" in err
    assert "5 statements = 3 read + 2 named" in err
    assert "info SCHEMA_STATEMENT_LOST" in err
    lost = "CREATE TABLE dev_fin.finance.features AS SELECT * FROM elsewhere.s.unknown;\n"
    ddl.with_name("lost.sql").write_text("CREATE TABLE dev_fin.finance.a (x INT);\n" + lost)
    code, _, err = run("generate", "--offline")
    assert code == 1
    assert "error SCHEMA_STATEMENT_LOST envs/dev/ddl/lost.sql:2" in err
    before = folder.settings_path.read_text()
    waiver = (
        'finding = "SCHEMA_STATEMENT_LOST", location = "envs/dev/ddl/lost.sql", reason = "r", owner = "o", expires = "2099-01-31"'
    )
    folder.settings_path.write_text(f"{before}\nwaivers = [{{ {waiver} }}]\n")
    code, _, err = run("generate", "--offline")
    assert code == 0
    assert "info SCHEMA_STATEMENT_LOST envs/dev/ddl/lost.sql:2: waived until 2099-01-31: r (owner: o)" in err
    folder.settings_path.write_text(before)
    ddl.with_name("lost.sql").unlink()
    run("generate", "--offline")
    assert {t.plain for t in folder.read_draft().tables} == {"dev_fin.finance.customers", "dev_fin.finance.transactions"}
    (ddl.with_name("more.sql")).write_text("CREATE TABLE dev_fin.finance.customers (id BIGINT);\n")
    assert run("generate", "--offline")[0] == 2
    ddl.with_name("more.sql").unlink()
    ddl.write_text("CREATE TABLE a.b.c (x INT);\n")
    code, _, err = run("generate", "--offline")
    assert code == 2
    assert "in scope" in err


def test_findings_as_sarif(run: Run, folder: EnvFolder) -> None:
    run("generate", "--offline")
    draft = folder.generated_path / "abac.auto.tfvars"
    draft.write_text(draft.read_text().replace('tag_value   = "masked_email"', 'tag_value   = "masked_mail"'))
    code, out, _ = run("validate", "--format", "sarif")
    assert code == 1
    sarif = json.loads(out)
    assert sarif["version"] == "2.1.0"
    results = sarif["runs"][0]["results"]
    found = next(r for r in results if r["ruleId"] == "LK102")
    assert found["level"] == "error"
    location = found["locations"][0]["physicalLocation"]
    assert location["artifactLocation"]["uri"].endswith("generated/abac.auto.tfvars")
    line = draft.read_text().split("\n")[location["region"]["startLine"] - 1]
    assert "dev_fin.finance.customers.email" in line
    rules = {r["id"]: r for r in sarif["runs"][0]["tool"]["driver"]["rules"]}
    assert "tag-value-unknown" in rules["LK102"]["name"]
    assert json.loads(run("validate", "--format", "json")[1])["errors"] > 0


def test_a_restore_goes_back_to_the_draft_before(run: Run, folder: EnvFolder) -> None:
    run("generate", "--offline")
    first = (folder.generated_path / "abac.auto.tfvars").read_bytes()
    folder.settings_path.write_text(folder.settings_path.read_text().replace("People", "Persons"))
    run("generate", "--offline")
    assert (folder.generated_path / "abac.auto.tfvars").read_bytes() != first
    assert run("restore")[0] == 0
    assert (folder.generated_path / "abac.auto.tfvars").read_bytes() == first
    listed = json.loads(run("history", "--json")[1])
    assert [e["why"] for e in listed] == ["generate --mode full", "generate --mode full", "restored from 1"]


def test_history_and_restore_take_the_environment_by_its_name_alone(
    run: Run, folder: EnvFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("generate", "--offline")
    folder.settings_path.write_text(folder.settings_path.read_text().replace("People", "Persons"))
    run("generate", "--offline")
    monkeypatch.setenv("LAMPKEEPER_ENV", "other")
    assert run("restore", "dev", "--to", "1")[0] == 0
    assert run("restore", "--to", "1", "dev", "--env", "dev")[0] == 0
    assert json.loads(run("history", "dev", "--json")[1])[-1]["why"] == "restored from 1"
    code, _, err = run("restore", "dev", "--env", "prod")
    assert (code, "differ" in err) == (2, True)
    assert run("restore", "nowhere")[0] == 2


def test_an_exemption_that_has_ended_is_an_error_until_its_entry_is_gone(run: Run, folder: EnvFolder) -> None:
    entry = 'principal = "etl", kind = "pipeline", reason = "loads", owner = "olga@bank.example", expires = "{}"'
    settings = folder.settings_path.read_text()
    draft = folder.generated_path / "abac.auto.tfvars"
    folder.settings_path.write_text(f"{settings}\nexemptions = [{{ {entry.format('2999-12-31')} }}]\n")
    assert run("generate", "--offline")[0] == 0
    assert '"etl"' in draft.read_text()
    folder.settings_path.write_text(f"{settings}\nexemptions = [{{ {entry.format('2020-01-31')} }}]\n")
    for command in (("generate", "--offline"), ("validate",)):
        code, out, err = run(*command)
        assert (code, "EXEMPTION_EXPIRED" in out + err, "2020-01-31" in out + err) == (1, True, True), out + err
    folder.settings_path.write_text(settings)
    assert run("generate", "--offline")[0] == 0
    assert '"etl"' not in draft.read_text()


def test_the_pages_escape_what_a_catalog_says(run: Run, tmp_path: Path) -> None:
    from support.env_folders import table

    hostile = table("dev_fin", "<script>alert(1)</script>", **{"email` | *x*": "STRING"})
    folder = bank_folder(tmp_path, extra=(hostile,))
    assert run("generate", "--offline")[0] == 0
    assert "<script>alert" not in (folder.generated_path / "review.html").read_text()
    assert "<script>" not in (folder.generated_path / "TUNING.md").read_text()


def test_a_statement_that_was_lost_on_purpose_is_waived_and_still_reported(run: Run, folder: EnvFolder) -> None:
    (folder.path / "ddl").mkdir(exist_ok=True)
    (folder.path / "ddl" / "a.sql").write_text(
        "CREATE TABLE dev_fin.finance.t (id INT, email STRING);\nCREATE TABLE dev_fin.finance.u AS SELECTT x FRM y;\n"
    )
    found = re.search(r"error SCHEMA_STATEMENT_LOST (\S+)a\.sql:2: ", run("generate", "--offline")[2])
    assert found is not None
    entry = '{ finding = "SCHEMA_STATEMENT_LOST", location = "%s", reason = "scratch", owner = "olga", expires = "%s" }'
    text = folder.settings_path.read_text()
    for location, end, waived in (("a.sql", "2999-01-01", True), ("b.sql", "2999-01-01", False), ("a.sql", "2020-01-01", False)):
        folder.settings_path.write_text(f"{text}waivers = [{entry % (found[1] + location, end)}]\n")
        err = run("generate", "--offline")[2]
        assert ("error SCHEMA_STATEMENT_LOST" in err) != waived
        assert ("a.sql:2: waived until 2999-01-01: scratch (owner: olga): " in err) == waived
