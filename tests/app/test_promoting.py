"""Promotion of environments: everything is carried, no source catalog is left, nothing is half written, and the matrix stays."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lampkeeper.app.generating import generate
from lampkeeper.app.inputs import EnvInputs
from lampkeeper.app.own_masks import mark_checked
from lampkeeper.cli.main import main
from lampkeeper.design.classify.prompt import make_prompts, table_digest
from lampkeeper.files.decisions import Decision, decisions_path, read_decisions, write_decisions
from lampkeeper.files.folder import ABAC_FILE, EnvFolder
from lampkeeper.files.label_sources import Remembered
from lampkeeper.files.schema_file import read_schema_file
from lampkeeper.model.errors import UsageError
from lampkeeper.model.labels import Label, LabelClass, LabelSource, Protect
from lampkeeper.model.names import ColumnName, TableName
from lampkeeper.model.schema import Column, Table
from support.env_folders import bank_folder, table
from support.nightly import law
from support.own_overlay import MASK, OVERLAY
from support.promotions import carried, made_folder, matrix_of, seen, texts

ROOT = Path(__file__).parents[2]
FIN = {"dev_fin": "prod_fin"}
SSN = ColumnName(TableName("dev_fin", "finance", "customers"), "ssn")
CITY = ColumnName(TableName("dev_fin", "finance", "customers"), "city")
MORE = """\
country = "ANZ"
sql_warehouse_id = "aaaa"
unreviewed = "allow"
genie_spaces = [
  { name = "Finance", genie_space_id = "01ef", sql_warehouse_id = "bbbb", uc_tables = ["dev_fin.finance.*"] },
]
waivers = [{ finding = "LK507", location = "dev_fin.finance.customers.ssn", reason = "r", owner = "o", expires = "2999-01-01" }]
exemptions = [
  { principal = "svc", kind = "pipeline", families = ["pii_level"], reason = "loads the dev_fin catalog", owner = "o",
    expires = "2999-01-01" },
]
"""


@pytest.fixture
def bank(tmp_path: Path) -> EnvFolder:
    folder = bank_folder(tmp_path)
    text = folder.settings_path.read_text() + MORE
    folder.settings_path.write_text(text)
    at = "2026-11-30T12:00:00Z"
    said = Decision(column=CITY, by="olga", label=LabelClass.NONE, protect=Protect.NO, reason="see dev_fin.finance.t", at=at)
    write_decisions(decisions_path(folder.path), [said])
    (folder.path / "overlays").mkdir()
    (folder.path / "overlays" / "own.yaml").write_text(OVERLAY)
    (folder.path / "masks").mkdir()
    (folder.path / "masks" / "mask_own.sql").write_text(MASK)
    mark_checked(folder.path / "masks" / "mask_own.sql")
    (folder.path / "taxonomy.yaml").write_text("tags:\n  - {label: email, key: data_class, value: email}\n")
    (folder.path / "ddl" / "more.sql").write_text("CREATE TABLE dev_fin.finance.more (a INT);\n")
    folder.write_auth(EnvInputs(folder).folder.auth())
    EnvInputs(folder).sources.remember([model_answer(folder)])
    generate(EnvInputs(folder))
    return folder


def model_answer(folder: EnvFolder) -> Remembered:
    snapshot = folder.snapshot()
    known = snapshot.index[CITY.table]
    label = Label(
        column=ColumnName(CITY.table, "id"), label=LabelClass.PERSON_REF, protect=Protect.YES, confidence=0.9,
        evidence=("dev_fin says so",), source=LabelSource.MODEL,
    )  # fmt: skip
    return Remembered(table=CITY.table, digest=table_digest(make_prompts(known)), model="m", labels=(label,))


def remaining(folder: EnvFolder, *names: str) -> list[str]:
    """Return the lines of an environment's files, and of its part of the account, that hold one of the names."""
    account = folder.root / "envs" / "account" / "contributions" / f"{folder.env}.tfvars"
    found = texts(folder.path) | ({str(account): account.read_text()} if account.is_file() else {})
    return [f"{p}: {line}" for p, text in found.items() for line in text.splitlines() if any(n in line for n in names)]


def test_everything_is_carried_and_no_source_catalog_is_left(bank: EnvFolder) -> None:
    there, made = carried(bank, "prod", FIN)
    assert remaining(there, "dev_fin", "dev-fin") == []
    assert [str(f) for f in made.findings if f.code == "PROMOTE_NAME_LEFT"] == []
    old, new = EnvInputs(bank), EnvInputs(there)
    assert (new.settings.country, new.settings.unreviewed, new.settings.sql_warehouse_id) == (("ANZ",), "allow", "aaaa")
    assert sorted(map(str, new.settings.groups or ())) == sorted(map(str, old.settings.groups or ()))
    assert [(s.name, s.space_id, s.warehouse_id, s.tables) for s in new.settings.spaces] == [
        ("Finance", "", "bbbb", ("prod_fin.finance.*",))
    ]
    assert new.settings.waivers[0].at == "prod_fin.finance.customers.ssn"
    assert new.settings.exemptions[0].reason == "loads the prod_fin catalog"
    assert [d.reason for d in new.decisions] == ["see prod_fin.finance.t"]
    assert new.overlays
    assert "mask_own" in new.library.functions
    assert (there.path / "taxonomy.yaml").read_text() == (bank.path / "taxonomy.yaml").read_text()
    assert (there.path / "ddl" / "more.sql").read_text() == "CREATE TABLE prod_fin.finance.more (a INT);\n"
    assert not there.auth_path.exists()
    assert not (there.path / "state.json").exists()
    assert len(new.labels) == len(old.labels)
    assert {f.name for f in (there.path / "data_access").iterdir()} == {ABAC_FILE, "masking_functions.sql"}


def test_the_matrix_is_the_same_under_the_map(bank: EnvFolder) -> None:
    there, _ = carried(bank, "prod", FIN)
    assert seen(matrix_of(there)) == seen(matrix_of(bank), FIN)
    assert seen(matrix_of(there)) != seen(matrix_of(bank))


def test_a_generation_at_the_destination_decides_the_same(bank: EnvFolder) -> None:
    there, _ = carried(bank, "prod", FIN)
    before = (there.generated_path / ABAC_FILE).read_text()
    # An attached space keeps its content, a created one gets it from the schema; the policies do not depend on it.
    text = there.settings_path.read_text()
    there.settings_path.write_text(text.replace('genie_space_id   = ""', 'genie_space_id   = "02"'))
    generate(EnvInputs(there))
    after = (there.generated_path / ABAC_FILE).read_text()
    assert after.replace('"02"', '""') == before


def test_promoting_again_changes_nothing_and_what_changed_at_the_source_follows(bank: EnvFolder) -> None:
    there, _ = carried(bank, "prod", FIN)
    before = texts(there.path)
    assert carried(bank, "prod", FIN)[1].changed == ()
    assert texts(there.path) == before
    bank.settings_path.write_text(bank.settings_path.read_text().replace('"ANZ"', '"IN"'))
    (bank.path / "ddl" / "more.sql").unlink()
    changed = carried(bank, "prod", FIN)[1].changed
    assert {p.name for p in changed} == {"env.auto.tfvars", "more.sql", "promoted.json"}
    assert EnvInputs(there).settings.country == ("IN",)
    assert not (there.path / "ddl" / "more.sql").exists()


def test_what_people_set_at_the_destination_stays(bank: EnvFolder) -> None:
    there, _ = carried(bank, "prod", FIN)
    text = there.settings_path.read_text()
    assert 'genie_space_id   = ""' in text
    text = text.replace('"aaaa"', '"prod-warehouse"').replace('genie_space_id   = ""', 'genie_space_id   = "09"')
    there.settings_path.write_text(text + '\n# Set by the platform team, ticket 7.\noperators = ["prod-runner"]\n')
    here = CITY.table
    own = Decision(
        column=ColumnName(TableName("prod_fin", here.schema, here.table), "id"), by="pia", label=LabelClass.NONE,
        protect=Protect.NO, reason="decided in prod", at="2026-12-01T12:00:00Z",
    )  # fmt: skip
    write_decisions(decisions_path(there.path), [*EnvInputs(there).decisions, own])
    (there.path / "taxonomy.yaml").write_text("# prod's own\n")
    (there.path / "masks" / "mask_prod.sql").write_text(MASK.replace("mask_own", "mask_prod"))
    mark_checked(there.path / "masks" / "mask_prod.sql")
    (there.path / "state.json").write_text("{}")
    (there.path / ".genie_space_id_finance").write_text("09")
    (there.path / "auth.auto.tfvars").write_text('databricks_profile = "prod"\n')
    bank.settings_path.write_text(bank.settings_path.read_text().replace('"ANZ"', '"IN"'))
    _, made = carried(bank, "prod", FIN)
    new = EnvInputs(there)
    assert (new.settings.sql_warehouse_id, new.settings.operators) == ("prod-warehouse", ("prod-runner",))
    assert new.settings.country == ("IN",)
    assert '# Set by the platform team, ticket 7.\noperators = ["prod-runner"]\n' in there.settings_path.read_text()
    assert own in new.decisions
    assert {"mask_own", "mask_prod"} <= set(new.library.functions)
    assert len(new.decisions) == 2
    assert (there.path / "taxonomy.yaml").read_text() == "# prod's own\n"
    assert {"sql_warehouse_id", "operators", "taxonomy.yaml"} <= set(made.kept)
    assert [w.id for w in new.draft.warehouses] == ["prod-warehouse"]
    assert [(s.space_id, s.warehouse_id) for s in new.draft.spaces] == [("09", "bbbb")]
    assert (there.path / "state.json").read_text() == "{}"
    assert (there.path / "auth.auto.tfvars").read_text() == 'databricks_profile = "prod"\n'
    # And once more: what was kept once is still known as set by hand.
    assert carried(bank, "prod", FIN)[1].changed == ()


def test_a_destination_made_by_hand_keeps_what_belongs_to_its_workspace(bank: EnvFolder) -> None:
    there = EnvFolder(bank.root, "prod")
    there.path.mkdir()
    there.settings_path.write_text('# prod\nsql_warehouse_id = "pppp"\ncountry = "IN"\nuc_tables = ["prod_old.s.*"]\n')
    carried(bank, "prod", FIN)
    settings = EnvInputs(there).settings
    assert (settings.sql_warehouse_id, settings.country, settings.uc_tables) == ("pppp", ("ANZ",), ("prod_fin.finance.*",))


def test_a_swap_of_catalogs_done_twice_is_the_identity(tmp_path: Path) -> None:
    tables = (*_tables("a_fin", "customers"), *_tables("b_fin", "clients"))
    one = made_folder(tmp_path, "one", tables)
    swap = {"a_fin": "b_fin", "b_fin": "a_fin"}
    two, _ = carried(one, "two", swap)
    three, _ = carried(two, "three", swap)
    assert (three.generated_path / ABAC_FILE).read_text() == (one.generated_path / ABAC_FILE).read_text()
    assert (two.generated_path / ABAC_FILE).read_text() != (one.generated_path / ABAC_FILE).read_text()
    assert seen(matrix_of(two)) == seen(matrix_of(one), swap)


def test_the_identity_map_carries_the_same_draft(bank: EnvFolder) -> None:
    there, made = carried(bank, "copy", {"dev_fin": "dev_fin"})
    name = f"generated/{ABAC_FILE}"
    assert (there.path / name).read_text().replace('""', '"01ef"') != ""
    assert seen(matrix_of(there)) == seen(matrix_of(bank))
    assert [f for f in made.findings if f.code == "PROMOTE_NAME_LEFT"] == []


def _tables(catalog: str, name: str) -> tuple[Table, ...]:
    return (table(catalog, name, id="BIGINT", email="STRING", ssn="STRING", note="STRING"),)


CATALOGS = ["dev_fin", "mydev_fin", "dev_fin_old", "dev-clin", "Sales", "b`t", "ünï", "select"]
COLUMNS = ["id", "email", "ssn", "dev_fin", "sales", "full name", "phone", "aml_flag", "amount", "dob"]


@st.composite
def environments(draw) -> tuple[Table, ...]:
    catalogs = draw(st.lists(st.sampled_from(CATALOGS), min_size=1, max_size=3, unique=True))
    tables = []
    for catalog in catalogs:
        for name in draw(
            st.lists(st.sampled_from(["t", "dev_fin", "customers", "odd-name"]), min_size=1, max_size=2, unique=True)
        ):
            columns = draw(st.lists(st.sampled_from(COLUMNS), min_size=1, max_size=5, unique=True))
            comment = draw(st.sampled_from(["", f"see {catalog}.s.t", "the sales of dev_fin"]))
            made = tuple(Column(name=c, type="BOOLEAN" if c == "aml_flag" else "STRING", comment=comment) for c in columns)
            schema = draw(st.sampled_from(["s", "finance", "dev_fin"]))
            tables.append(Table(name=TableName(catalog, schema, name), columns=made, comment=comment))
    return tuple({t.name: t for t in tables}.values())


@given(environments(), st.data())
@law(120, every=15)
def test_law_the_matrix_of_a_promoted_environment_is_the_mapped_matrix(tmp_path_factory, tables, data) -> None:
    root = tmp_path_factory.mktemp("law")
    folder = made_folder(root, "dev", tables)
    sources = sorted({t.name.catalog for t in tables})
    targets = data.draw(st.permutations([*sources, "p_one", "p-two", "p_three"]))[: len(sources)]
    names = dict(zip(sources, targets, strict=True))
    there, _ = carried(folder, "prod", names)
    assert seen(matrix_of(there)) == seen(matrix_of(folder), names)
    draft = EnvInputs(there).draft
    homes = (
        {f.name.catalog for f in draft.functions} | {p.securable[0] for p in draft.policies} | {t.catalog for t in draft.tables}
    )
    homes |= {g.securable[0] for g in draft.grants} | {t.catalog for s in draft.spaces for t in s.tables}
    assert homes <= set(targets)
    back, _ = carried(there, "dev2", {b: a for a, b in names.items()})
    # Prose may come back with back-ticks, or keep a word that cannot be told from a name; what governs comes back as it was.
    assert seen(matrix_of(back)) == seen(matrix_of(folder))
    old, new = EnvInputs(folder).draft, EnvInputs(back).draft
    assert [(p.key, p.function, p.conditions) for p in new.policies] == [(p.key, p.function, p.conditions) for p in old.policies]
    assert (new.grants, new.tag_assignments, new.tables) == (old.grants, old.tag_assignments, old.tables)


@pytest.mark.parametrize("name", ["chinook.jsonl", "loans_databricks.sql"])
def test_real_schemas_keep_their_matrix(tmp_path: Path, name: str) -> None:
    tables = read_schema_file(ROOT / "examples" / "schemas" / name).tables
    folder = made_folder(tmp_path, "dev", tables)
    names = {c: f"prod_{c}" for c in {t.name.catalog for t in tables}}
    there, made = carried(folder, "prod", names)
    assert seen(matrix_of(there)) == seen(matrix_of(folder), names)
    left = [f for f in made.findings if f.code == "PROMOTE_NAME_LEFT"]
    assert all(f.severity == "info" for f in left), [str(f) for f in left]


# What is refused, and what is not half written


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (("--to", "prod"), "the catalog map lacks dev_fin"),
        (("--to", "prod", "--catalog-map", "dev_fin=a,other=b"), "names other, which was not found"),
        (("--to", "prod", "--catalog-map", "dev_fn=a"), "lacks dev_fin"),
        (("--to", "account", "--catalog-map", "dev_fin=a"), "is the name of a folder"),
        (("--to", "data_access", "--catalog-map", "dev_fin=a"), "is the name of a folder"),
        (("--to", "../x", "--catalog-map", "dev_fin=a"), "cannot be an environment's name"),
        (("--to", "dev", "--catalog-map", "dev_fin=a"), "cannot be promoted to itself"),
        (("--catalog-map", "dev_fin=a"), "--catalog-map needs --to"),
    ],
)
def test_a_wrong_call_is_refused_and_writes_nothing(
    bank: EnvFolder, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], part: str
) -> None:
    monkeypatch.chdir(bank.root)
    before = texts(bank.root)
    assert main(["promote", *words]) == 2
    error = capsys.readouterr().err
    assert part in error
    assert texts(bank.root) == before
    if "lacks" in part or "not found" in part:
        assert "Catalogs found: dev_fin (decisions.yaml, env.auto.tfvars, generated/abac.auto.tfvars" in " ".join(error.split())


def test_two_sources_may_not_have_one_destination(tmp_path: Path) -> None:
    folder = made_folder(tmp_path, "dev", (*_tables("a", "t"), *_tables("b", "t")))
    with pytest.raises(UsageError, match="sends a and b to c"):
        carried(folder, "prod", {"a": "c", "b": "C"})
    with pytest.raises(UsageError, match="b is also a destination"):
        carried(folder, "prod", {"a": "b"})
    assert not (tmp_path / "envs" / "prod").exists()


def test_a_draft_with_an_error_is_not_carried(bank: EnvFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    draft = bank.generated_path / ABAC_FILE
    draft.write_text(re.sub(r'(tag_value += )"\w+"', r'\1"no_such_value"', draft.read_text(), count=1))
    monkeypatch.chdir(bank.root)
    assert main(["promote", "--to", "prod", "--catalog-map", "dev_fin=prod_fin"]) == 1
    assert not (bank.root / "envs" / "prod").exists()


class StopError(Exception):
    """A promotion that dies."""


def replaced_until(monkeypatch: pytest.MonkeyPatch, root: Path, count: int) -> None:
    """Let a promotion die when it has replaced so many files below this folder."""
    done = iter(range(count))
    real = os.replace

    def replace(source: str, target: str) -> None:
        if Path(target).is_relative_to(root) and next(done, None) is None:
            raise StopError
        real(source, target)

    monkeypatch.setattr(os, "replace", replace)


PAGES = ("/review.html", "/TUNING.md", "/promoted.json")
"""Files that hold the path of the environment, or digests of such files."""


@pytest.mark.parametrize(("again", "count"), [*((False, n) for n in (1, 2, 5, 9, 14)), *((True, n) for n in (1, 2, 5))])
def test_an_environment_promoted_halfway_is_refused_and_completed(
    bank: EnvFolder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], count: int, again: bool
) -> None:
    """`again`: the destination was promoted to before, and its source has changed since."""
    if again:
        carried(bank, "prod", FIN)
        bank.settings_path.write_text(bank.settings_path.read_text().replace('"ANZ"', '"IN"'))
        (bank.path / "taxonomy.yaml").write_text("tags:\n  - {label: email, key: data_class, value: mail}\n")
        generate(EnvInputs(bank))
    whole, _ = carried(bank, "whole", FIN)
    if again:
        # The states of both are then those of one promotion.
        assert EnvInputs(whole).settings.country == ("IN",)
    with monkeypatch.context() as patch:
        replaced_until(patch, bank.root, count)
        with pytest.raises(StopError):
            carried(bank, "prod", FIN)
    prod = EnvFolder(bank.root, "prod")
    if prod.settings_path.exists():
        monkeypatch.chdir(bank.root)
        assert main(["validate", "--env", "prod"]) == 2
        assert "promoted halfway" in capsys.readouterr().err
    carried(bank, "prod", FIN)
    assert not (prod.path / ".promoting").exists()
    have, want = texts(prod.path), texts(whole.path)
    names = {p.removeprefix(str(whole.path)) for p in want if "/.history/" not in p and not p.endswith(PAGES)}
    for name in sorted(names):
        expected = want[str(whole.path) + name].replace("/whole/", "/prod/")
        assert have[str(prod.path) + name].replace("/whole/", "/prod/") == expected, name
    monkeypatch.chdir(bank.root)
    assert main(["validate", "--env", "prod"]) == 0


def test_a_full_disk_changes_nothing(bank: EnvFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    carried(bank, "prod", FIN)
    bank.settings_path.write_text(bank.settings_path.read_text().replace('"ANZ"', '"IN"'))
    before = texts(bank.root)
    real, calls = os.fsync, iter(range(2))

    def full(handle: int) -> None:
        # The mark takes two calls; after it, no file can be written.
        if next(calls, None) is None:
            raise OSError(28, "No space left on device")
        real(handle)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(UsageError, match="cannot be written"):
            carried(bank, "prod", FIN)
    assert texts(bank.root) == before


# Environments without a draft, and those that govern nothing


def test_without_a_draft_nothing_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    folder = bank_folder(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert main(["promote", "--to", "prod"]) == 0
    assert "no draft in dev" in capsys.readouterr().out
    assert not (tmp_path / "envs" / "prod").exists()
    assert main(["promote", "--to", "prod", "--catalog-map", "dev_fin=prod_fin"]) == 0
    assert "no draft in dev" in capsys.readouterr().out
    there = EnvFolder(tmp_path, "prod")
    assert EnvInputs(there).settings.uc_tables == ("prod_fin.finance.*",)
    assert len(EnvInputs(folder).settings.groups or ()) == len(EnvInputs(there).settings.groups or ()) == 3
    assert not (there.generated_path / ABAC_FILE).exists()


def test_layer_files_are_carried_without_a_draft(bank: EnvFolder) -> None:
    EnvInputs(bank).split()
    with_draft, _ = carried(bank, "prod", FIN)
    (bank.generated_path / ABAC_FILE).unlink()
    without, made = carried(bank, "test", FIN)
    assert made.carried
    for name in (ABAC_FILE, f"data_access/{ABAC_FILE}", "data_access/masking_functions.sql"):
        assert (without.path / name).read_text() == (with_draft.path / name).read_text()


def test_an_environment_of_spaces_alone_is_carried_as_such(tmp_path: Path) -> None:
    folder = EnvFolder(tmp_path, "team")
    bank_folder(tmp_path, "team")
    folder.settings_path.write_text(
        'genie_only = true\nsql_warehouse_id = "w"\ngenie_spaces = [{ name = "Fin", uc_tables = ["dev_fin.finance.*"] }]\n'
    )
    generate(EnvInputs(folder))
    there, _ = carried(folder, "team_prod", FIN)
    new = EnvInputs(there)
    assert new.settings.genie_only
    assert next(str(t) for s in new.draft.spaces for t in s.tables).startswith("prod_fin.")
    assert (new.draft.groups, new.draft.policies, new.draft.tag_assignments) == ((), (), ())
    assert not (there.path / "data_access").exists()
    assert not (tmp_path / "envs" / "account").exists()
    assert remaining(there, "dev_fin") == []


def test_what_stays_is_reported_where_it_stands(bank: EnvFolder) -> None:
    draft = bank.generated_path / ABAC_FILE
    text = draft.read_text()
    found = re.search(r'instructions += "', text)
    assert found is not None
    at = found.end()
    draft.write_text(text[:at] + "Only rows with region = 'dev_fin' count, in mydev_fin too. " + text[at:])
    there, made = carried(bank, "prod", FIN)
    (left,) = [f for f in made.findings if f.code == "PROMOTE_NAME_LEFT"]
    assert "region = 'dev_fin' count" in left.message
    assert left.severity == "warning"
    assert "region = 'dev_fin' count, in mydev_fin too." in (there.generated_path / ABAC_FILE).read_text()


def test_a_damaged_record_is_refused(bank: EnvFolder) -> None:
    there, _ = carried(bank, "prod", FIN)
    (there.path / "promoted.json").write_text('{"format": 7}')
    with pytest.raises(UsageError, match="not a record of a promotion"):
        carried(bank, "prod", FIN)


def test_the_document_lists_what_was_written(bank: EnvFolder, monkeypatch, capsys) -> None:
    monkeypatch.chdir(bank.root)
    assert main(["promote", "--to", "prod", "--catalog-map", "dev_fin=prod_fin", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["promoted"], document["to"], document["kept"]) == (True, "prod", [])
    assert "envs/prod/env.auto.tfvars" in document["files"]
    assert read_decisions(decisions_path(EnvFolder(bank.root, "prod").path))
