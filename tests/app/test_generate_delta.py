"""generate-delta on files alone: what it writes, what it leaves, whom it asks."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lampkeeper.app.delta_generating import Delta, generate_delta
from lampkeeper.app.drift_inputs import current_labels, read_drift
from lampkeeper.app.inputs import EnvInputs
from lampkeeper.app.validating import validate
from lampkeeper.cli.main import main
from lampkeeper.design.classify.prompt import make_prompts, table_digest
from lampkeeper.design.drift.drift import Comparison, Protection, compare_states
from lampkeeper.files.decisions import Decision, decisions_path, write_decisions
from lampkeeper.files.folder import EnvFolder
from lampkeeper.files.label_sources import Remembered
from lampkeeper.model.errors import UsageError
from lampkeeper.model.findings import Severity
from lampkeeper.model.labels import Label, LabelClass, LabelSource, Protect
from lampkeeper.model.lineage import Derivation
from lampkeeper.model.names import ColumnName
from lampkeeper.model.schema import Column, Snapshot, Table
from support.env_folders import bank_folder, table
from support.nightly import law

NOW = datetime(2027, 1, 2, tzinfo=UTC)
CUSTOMERS = "dev_fin.finance.customers"
FILES = ("generated/abac.auto.tfvars", "generated/masking_functions.sql", "generated/labels.jsonl")


@pytest.fixture
def folder(tmp_path: Path) -> EnvFolder:
    """Return the bank with a draft."""
    made = bank_folder(tmp_path)
    assert main(["generate", "--offline", "--envs", str(tmp_path / "envs")]) == 0
    return made


def seen(folder: EnvFolder, change: Callable[[Table], Table | None], *more: Table) -> Snapshot:
    """Return the schema with each table changed (None: dropped) and further tables."""
    tables = [t for each in folder.snapshot().tables if (t := change(each)) is not None]
    return Snapshot(tables=(*tables, *more))


def columns(folder: EnvFolder, drop: str = "", **new: str) -> Snapshot:
    """Return the schema with a column of customers dropped and others added."""

    def change(each: Table) -> Table:
        if each.name.plain != CUSTOMERS:
            return each
        kept = tuple(c for c in each.columns if c.name != drop)
        return replace(each, columns=(*kept, *(Column(name=n, type=t) for n, t in new.items())))

    return seen(folder, change)


def run(folder: EnvFolder, snapshot: Snapshot, **options: object) -> Delta:
    """Write a delta for a schema that was read elsewhere."""
    inputs = EnvInputs(folder)
    before = inputs.snapshot
    assert before is not None
    inputs.__dict__["snapshot"] = before
    inputs.require_snapshot = lambda: snapshot  # type: ignore[method-assign]
    return generate_delta(inputs, None, now=NOW, **options)  # type: ignore[arg-type]


def lines(folder: EnvFolder) -> dict[str, list[str]]:
    return {name: (folder.path / name).read_text().splitlines() for name in FILES}


def difference(before: dict[str, list[str]], after: dict[str, list[str]]) -> tuple[str, str]:
    """Return the lines that are gone and the lines that are new, over all files."""
    gone = [line for name in before for line in before[name] if line not in after[name]]
    new = [line for name in before for line in after[name] if line not in before[name]]
    return "\n".join(gone), "\n".join(new)


def every_byte(folder: EnvFolder) -> dict[str, tuple[bytes, int]]:
    return {str(p): (p.read_bytes(), p.stat().st_mtime_ns) for p in sorted(folder.root.rglob("*")) if p.is_file()}


def test_without_drift_nothing_is_written(folder: EnvFolder) -> None:
    before = every_byte(folder)
    made = run(folder, folder.snapshot())
    assert (made.drift, made.changed, made.refused) == ((), (), False)
    harmless = run(folder, columns(folder, segment="STRING"))
    assert harmless.changed == ()
    assert every_byte(folder) == before


def test_a_new_column_adds_its_lines_and_no_others(folder: EnvFolder) -> None:
    before = lines(folder)
    made = run(folder, columns(folder, emergency_ssn="STRING"))
    assert [(t.entity_name, t.key) for t in made.added] == [(f"{CUSTOMERS}.emergency_ssn", "pii_level")]
    gone, new = difference(before, lines(folder))
    assert gone == ""
    assert {line.strip() for line in new.splitlines()} == {
        f'entity_name = "{CUSTOMERS}.emergency_ssn"',
        next(line for line in new.splitlines() if line.startswith("{")),
    }
    assert made.governed is not None
    assert str(made.governed.source) == "the draft"
    assert run(folder, folder.snapshot()).changed == ()


def test_a_dropped_column_takes_its_lines_with_it_and_asks_nobody(folder: EnvFolder) -> None:
    before, asked = lines(folder), []
    made = run(folder, columns(folder, drop="ssn"), ask=lambda s: asked.append(s) or ())
    assert ([t.entity_name for t in made.removed], made.added, asked) == ([f"{CUSTOMERS}.ssn"], (), [])
    gone, new = difference(before, lines(folder))
    assert new == ""
    assert "email" not in gone
    assert f'entity_name = "{CUSTOMERS}.ssn"' in gone


def test_a_renamed_column_is_one_removal_and_one_addition(folder: EnvFolder) -> None:
    made = run(folder, columns(folder, drop="email", contact_email="STRING"))
    assert [(str(d.kind), d.entity) for d in made.drift] == [
        ("forward", f"{CUSTOMERS}.contact_email"), ("reverse", f"{CUSTOMERS}.email"),
    ]  # fmt: skip
    assert (len(made.added), len(made.removed), made.refused) == (1, 1, False)
    assert main(["validate", "--envs", str(folder.root / "envs")]) == 0


@pytest.mark.parametrize("new_type", ["BIGINT", "DATE", "VARCHAR(5)", "STRUCT<a: STRING, ssn: STRING>", "BINARY"])
def test_a_retyped_column_gets_the_mask_of_its_type(folder: EnvFolder, new_type: str) -> None:
    made = run(folder, columns(folder, drop="ssn", ssn=new_type))
    (drift,) = made.drift
    assert (str(drift.kind), drift.entity) == ("retyped", f"{CUSTOMERS}.ssn")
    assert f"the column is {new_type} now (it was STRING)" in drift.message
    assert not made.refused
    assert made.added[0].value != made.removed[0].value
    assert main(["validate", "--envs", str(folder.root / "envs")]) == 0
    assert run(folder, folder.snapshot()).drift == ()


def test_a_type_that_the_mask_still_fits_is_no_drift(folder: EnvFolder) -> None:
    assert run(folder, columns(folder, drop="ssn", ssn="VARCHAR(200)")).drift == ()
    assert run(folder, columns(folder, drop="city", city="VARCHAR(20)")).drift == ()


def test_a_struct_with_new_fields_is_looked_at_again(folder: EnvFolder) -> None:
    made = run(folder, columns(folder, address_parts="STRUCT<city: STRING>"))
    first = folder.snapshot()
    grown = run(folder, columns(folder, drop="address_parts", address_parts="STRUCT<city: STRING, ssn: STRING>"))
    assert any(d.entity == f"{CUSTOMERS}.address_parts" for d in grown.drift), (made, first)
    assert run(folder, folder.snapshot()).drift == ()


def test_a_dropped_table_leaves_the_scope_with_its_grants_and_tags(folder: EnvFolder) -> None:
    made = run(folder, seen(folder, lambda t: None if t.name.table == "transactions" else t))
    assert {d.entity.rsplit(".", 1)[0] for d in made.drift} >= {"dev_fin.finance.transactions"}
    draft = EnvInputs(folder).draft
    assert "transactions" not in str(draft.tables) + str(draft.tag_assignments) + str(draft.grants)
    assert run(folder, folder.snapshot()).drift == ()


def test_a_new_table_under_a_wildcard_is_protected_and_given_to_nobody(folder: EnvFolder) -> None:
    leads = table("dev_fin", "leads", id="BIGINT", email="STRING", passport_number="STRING")
    made = run(folder, seen(folder, lambda t: t, leads))
    draft = EnvInputs(folder).draft
    assert leads.name in draft.tables
    assert leads.name.parts not in {g.securable for g in draft.grants}
    assert {t.entity_name.rpartition(".")[2] for t in made.added} >= {"email", "passport_number"}
    assert "LK014" in {f.code for f in made.findings}
    assert run(folder, folder.snapshot()).drift == ()


def test_without_a_draft_the_layer_files_are_edited(folder: EnvFolder) -> None:
    assert main(["promote", "--envs", str(folder.root / "envs")]) == 0
    for path in sorted(folder.generated_path.glob("*")):
        if path.is_file() and path.name != "labels.jsonl":
            path.unlink()
    data = folder.path / "data_access" / "abac.auto.tfvars"
    account = folder.path.parent / "account" / "abac.auto.tfvars"
    data.write_text(data.read_text() + "# kept by hand\n")
    made = run(folder, columns(folder, drop="email", passport_number="STRING", latitude="DOUBLE"))
    assert not made.refused
    assert made.governed is not None
    assert str(made.governed.source) == "the account layer"
    assert {Path(p).relative_to(folder.path.parent).as_posix() for p in made.changed} == {
        "account/abac.auto.tfvars", "account/contributions/dev.tfvars", "dev/data_access/abac.auto.tfvars",
        "dev/data_access/masking_functions.sql", "dev/generated/labels.jsonl",
    }  # fmt: skip
    assert data.read_text().endswith("# kept by hand\n")
    inputs = EnvInputs(folder)
    assert not [f for f in inputs.layers.findings if str(f.severity) == "error"]
    values = {p.key: p.values for p in inputs.layers.desired.tag_policies}
    assert all(t.value in values[t.key] for t in made.added)
    assert all(v in account.read_text() for t in made.added for v in [t.value])
    assert main(["validate", "--layers", "--envs", str(folder.root / "envs")]) == 0


def test_what_a_steward_released_stays_released(folder: EnvFolder) -> None:
    edges = [Derivation(source=ColumnName.parse(f"{CUSTOMERS}.ssn"), target=ColumnName.parse(f"{CUSTOMERS}.key_1"))]
    EnvInputs(folder).sources.write_lineage(edges)
    snapshot = columns(folder, key_1="STRING")
    released = Decision(
        column=edges[0].target,
        by="jo",
        label=LabelClass.NONE,
        protect=Protect.NO,
        reason="a random token",
        at="2027-01-01T00:00:00Z",
    )
    write_decisions(decisions_path(folder.path), [released])
    assert run(folder, snapshot).drift == ()
    write_decisions(decisions_path(folder.path), [])
    made = run(folder, snapshot)
    assert [(d.entity, d.label) for d in made.drift] == [(f"{CUSTOMERS}.key_1", "national_id")]
    (label,) = (x for x in EnvInputs(folder).labels if x.column == edges[0].target)
    assert (label.source, label.evidence[0]) == (LabelSource.LINEAGE, f"derived from {CUSTOMERS}.ssn")


def test_the_rules_come_first_and_the_model_is_asked_about_what_they_do_not_call_sensitive(folder: EnvFolder) -> None:
    asked: list[list[str]] = []

    def ask(snapshot: Snapshot) -> tuple[()]:
        asked.append([t.name.table for t in snapshot.tables])
        column = ColumnName.parse(f"{CUSTOMERS}.segment")
        said = Label(column=column, label=LabelClass.HEALTH, protect=Protect.YES, confidence=0.9, source=LabelSource.MODEL)
        sources = EnvInputs(folder).sources
        digest = table_digest(make_prompts(snapshot.tables[0]))
        sources.remember([Remembered(table=column.table, digest=digest, model="stub", labels=(said,))])
        return ()

    assert run(folder, columns(folder, passport_number="STRING"), ask=ask).drift
    assert asked == []
    made = run(folder, columns(folder, segment="STRING"), ask=ask)
    assert asked == [["customers"]]
    assert [(d.entity, d.label) for d in made.drift] == [(f"{CUSTOMERS}.segment", "health")]


def test_a_waiver_accepts_a_drift_until_its_day_and_the_delta_leaves_it(folder: EnvFolder) -> None:
    waiver = (
        f'waivers = [{{ finding = "audit/forward", location = "{CUSTOMERS}.passport_number", reason = "empty",'
        ' owner = "jo@bank.example", expires = "%s" }]\n'
    )
    settings = folder.settings_path.read_text()
    snapshot = columns(folder, passport_number="STRING")
    folder.settings_path.write_text(settings + waiver % "2027-01-02")
    assert run(folder, snapshot).drift == ()
    inputs = EnvInputs(folder)
    inputs.require_snapshot = lambda: snapshot  # type: ignore[method-assign]
    found = read_drift(inputs, None, now=NOW)
    assert [(d.entity, w.owner) for d, w in found.waived] == [(f"{CUSTOMERS}.passport_number", "jo@bank.example")]
    folder.settings_path.write_text(settings + waiver % "2027-01-01")
    assert len(run(folder, snapshot).drift) == 1


def test_a_value_that_another_owner_does_not_have_is_refused_and_nothing_is_written(folder: EnvFolder) -> None:
    text = (folder.generated_path / "abac.auto.tfvars").read_text()
    theirs = text.replace('key         = "pii_level"', 'external    = true\n    key         = "pii_level"')
    assert theirs != text
    (folder.generated_path / "abac.auto.tfvars").write_text(theirs)
    before = every_byte(folder)
    made = run(folder, columns(folder, passport_number="STRING", home_address="STRING"))
    assert made.refused
    assert {f.code for f in made.findings if str(f.severity) == "error"} == {"delta/refused"}
    assert every_byte(folder) == before


def test_genie_only_has_no_delta(folder: EnvFolder) -> None:
    folder.settings_path.write_text('genie_only = true\nuc_tables = ["dev_fin.finance.*"]\n')
    with pytest.raises(UsageError, match="manages no governance"):
        run(folder, folder.snapshot())


def test_the_command_reads_a_manifest_of_dbt(folder: EnvFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder.write_snapshot(seen(folder, lambda t: t, table("dev_fin", "mart", who="STRING", how_many="BIGINT")))
    node = {"resource_type": "model", "relation_name": "`dev_fin`.`finance`.`mart`", "depends_on": {"nodes": ["source.b.c"]}}
    node["compiled_code"] = f"select ssn as who, count(email) as how_many from {CUSTOMERS} group by 1"
    manifest = tmp_path / "manifest.json"
    manifest.write_text(
        json.dumps({"nodes": {"model.b.mart": node}, "sources": {"source.b.c": {"relation_name": "dev_fin.finance.customers"}}})
    )
    words = ("generate-delta", "--offline", "--json", "--dbt-manifest", str(manifest), "--envs", str(tmp_path / "envs"))
    capsys.readouterr()
    assert main(words) == 0
    document = json.loads(capsys.readouterr().out)
    assert {a["entity"] for a in document["added"] if a["key"] == "pii_level"} == {"dev_fin.finance.mart.who"}
    assert main(words) == 0
    assert json.loads(capsys.readouterr().out)["drift"] == []
    for bad, message in (("[]", "not a manifest of dbt"), ("{", "manifest.json:1")):
        manifest.write_text(bad)
        assert main(words) == 2
        assert message in capsys.readouterr().err


NAMES = ("email", "ssn", "first_name", "city", "passport_number", "segment", "latitude", "notes", "diagnosis_code", "aml_flag")
TYPES = ("STRING", "BIGINT", "DATE", "VARCHAR(8)", "DOUBLE", "BOOLEAN", "STRUCT<ssn: STRING>", "ARRAY<STRING>", "DECIMAL(18,2)")
COLUMNS = st.dictionaries(st.sampled_from(NAMES), st.sampled_from(TYPES), min_size=1, max_size=6)
SCHEMAS = st.dictionaries(st.sampled_from(("customers", "transactions", "leads", "notes")), COLUMNS, max_size=4)


@law(160, every=20)
@given(st.lists(SCHEMAS, min_size=1, max_size=2))
def test_a_delta_closes_every_change_of_the_schema(schemas: list[dict[str, dict[str, str]]]) -> None:
    with TemporaryDirectory() as root:
        folder = bank_folder(Path(root))
        assert main(["generate", "--offline", "--envs", f"{root}/envs"]) == 0
        for schema in schemas:
            now = Snapshot(tables=tuple(table("dev_fin", name, **columns) for name, columns in schema.items()))
            before = {f.location for f in validate(EnvInputs(folder)) if f.severity is Severity.ERROR}
            made = run(folder, now)
            assert not made.refused, made.findings
            # Nothing is applied yet, so nothing but what the files answer may be left: they are audited against any live state.
            for live in (None, Protection(tags=(), policies=())):
                assert _compared(folder, now, live).drift == ()
            bytes_now = every_byte(folder)
            again = run(folder, now)
            assert (again.drift, again.changed) == ((), ())
            assert every_byte(folder) == bytes_now
            if made.changed:
                errors = {f.location for f in validate(EnvInputs(folder)) if f.severity is Severity.ERROR}
                assert errors <= before, errors


def _compared(folder: EnvFolder, now: Snapshot, live: Protection | None) -> Comparison:
    inputs = EnvInputs(folder)
    labels = current_labels(inputs, now, inputs.knowledge())
    nothing = Protection(tags=(), policies=())
    return compare_states(now, inputs.draft, labels, live=live, applied=nothing, before=inputs.snapshot)
