"""Columns that names cannot settle are settled by their values; only those are counted, and what is unread stays undecided."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lampkeeper.app.deciding import decide_by_values
from lampkeeper.app.inputs import EnvInputs
from lampkeeper.app.labelling import read_sources
from lampkeeper.app.value_profiling import Counter, counter_of
from lampkeeper.cli.main import main
from lampkeeper.design.classify.profiles_sql import profile_query
from lampkeeper.design.knowledge.knowledge import default_knowledge
from lampkeeper.design.knowledge.value_shapes import SHAPES
from lampkeeper.files.folder import EnvFolder
from lampkeeper.model.errors import RemoteError
from lampkeeper.model.labels import LabelClass, Protect
from lampkeeper.model.names import ColumnName
from lampkeeper.model.schema import Snapshot
from lampkeeper.model.tags import EntityType, TagAssignment
from lampkeeper.remote.clients import Call, Workspace
from support.env_folders import bank_folder, table

FEATURES = table("dev_fin", "features", id="BIGINT", c1="STRING", c2="STRING", c3="DOUBLE", quantity="INT", kv="VARIANT")
Row = dict[str, str]


class CountingWire:
    """Answers the counting statements with given counts by column; a code in place of counts refuses."""

    def __init__(self, counts: dict[str, Row] | str) -> None:
        self.counts = counts
        self.statements: list[str] = []

    def send(self, call: Call) -> Any:
        sql = str((call.body or {})["statement"])
        self.statements.append(sql)
        if isinstance(self.counts, str):
            raise RemoteError("no", code=self.counts, status=200)
        tests = sql.count(" AS t") - 1
        heads = ["c", "filled", "different", "wide_span", *(f"t{n}" for n in range(tests))]
        asked = [name for name in self.counts if f"`{name}`" in sql]
        order = [c.name for c in FEATURES.columns if f"CAST(`{c.name}`" in sql]
        names = list(profile_query(FEATURES).tests)  # type: ignore[union-attr]
        rows = []
        for name in asked:
            given = self.counts[name]
            passed = [given.get(test, "0") for test in names]
            rows.append([str(order.index(name)), given["filled"], given["distinct"], "false", *passed])
        return {
            "statement_id": "1", "status": {"state": "SUCCEEDED"}, "result": {"data_array": rows},
            "manifest": {"schema": {"columns": [{"name": n, "type_text": "STRING"} for n in heads]}},
        }  # fmt: skip


EMAILS = {"filled": "500", "distinct": "480", "email address": "470"}
CODES = {"filled": "500", "distinct": "4"}
FIGURES = {"filled": "500", "distinct": "300", "small figure": "300"}
ANYTHING = {"filled": "500", "distinct": "480"}
MASKED = {"filled": "500", "distinct": "1"}


def features(tmp_path: Path, **tags: str) -> EnvFolder:
    """Return an environment whose snapshot is the table of features, with tags on its columns."""
    folder = EnvFolder(tmp_path, "dev") if (tmp_path / "envs").exists() else bank_folder(tmp_path)
    assigned = tuple(
        TagAssignment(entity_type=EntityType.COLUMNS, entity_name=f"{FEATURES.name.plain}.{c}", key="review_status", value=v)
        for c, v in tags.items()
    )
    folder.write_snapshot(Snapshot(tables=(FEATURES,), tags=assigned))
    return folder


def settle(folder: EnvFolder, counts: dict[str, Row] | str) -> tuple[Any, CountingWire]:
    """Return what settling came to and the wire that answered."""
    wire = CountingWire(counts)
    value_profiling = counter_of(Counter.WAREHOUSE, Workspace(wire, warehouse_id="w"))
    return decide_by_values(EnvInputs(folder), folder.snapshot(), default_knowledge(), value_profiling), wire


def labels(folder: EnvFolder) -> dict[str, Any]:
    """Return the labels of the snapshot by column."""
    return {x.column.column: x for x in read_sources(EnvInputs(folder), folder.snapshot()).merged(folder.snapshot())}


def test_a_copy_under_opaque_names_is_undecided_until_its_values_are_counted(tmp_path: Path) -> None:
    folder = features(tmp_path)
    before = labels(folder)
    assert [c for c, x in before.items() if x.protect is Protect.UNDECIDED] == ["c1", "c2", "c3", "kv"]
    settled, wire = settle(folder, {"c1": EMAILS, "c2": CODES, "c3": FIGURES})
    assert settled.as_dict() == {"columns": 4, "protected": 1, "not_sensitive": 2, "undecided": 1, "masked": 0}
    assert str(settled) == "values: of 4 columns undecided by name, 3 decided (1 protected, 2 not sensitive), 1 undecided"
    after = labels(folder)
    assert (after["c1"].label, after["c1"].protect) == (LabelClass.EMAIL, Protect.YES)
    assert {c: after[c].protect for c in ("c2", "c3", "kv")} == {"c2": Protect.NO, "c3": Protect.NO, "kv": Protect.UNDECIDED}
    assert len(wire.statements) == 1
    assert "`c1`" in wire.statements[0]
    assert not any(f"`{name}`" in wire.statements[0] for name in ("id", "quantity", "kv"))


@pytest.mark.parametrize("counts", [ANYTHING, MASKED, {"filled": "9", "distinct": "9"}, {**EMAILS, "email address": "200"}])
def test_values_that_say_nothing_leave_a_column_undecided(tmp_path: Path, counts: Row) -> None:
    folder = features(tmp_path)
    settled, _ = settle(folder, {"c1": counts})
    assert settled.undecided == 4
    assert labels(folder)["c1"].protect is Protect.UNDECIDED


@pytest.mark.parametrize(
    ("code", "finding"),
    [("INSUFFICIENT_PERMISSIONS", "profile/undecided"), ("PERMISSION_DENIED", "profile/undecided"),
     ("STATEMENT_TIMEOUT", "profile/undecided"), ("NO_WAREHOUSE", "profile/no_warehouse")],
)  # fmt: skip
def test_a_runner_that_may_not_read_leaves_them_undecided_and_says_so(tmp_path: Path, code: str, finding: str) -> None:
    folder = features(tmp_path)
    before = labels(folder)
    settled, _ = settle(folder, code)
    assert (settled.undecided, [f.code for f in settled.findings]) == (4, [finding])
    assert "c1, c2, c3" in settled.findings[0].message
    assert labels(folder) == before


def test_columns_that_a_mask_of_ours_covers_are_not_counted_again(tmp_path: Path) -> None:
    folder = features(tmp_path)
    settle(folder, {"c1": ANYTHING, "c2": CODES, "c3": FIGURES})
    before = labels(folder)
    folder = features(tmp_path, c1="pending")
    settled, wire = settle(folder, {"c1": CODES})
    assert (settled.columns, settled.masked) == (4, 1)
    assert "`c1`" not in wire.statements[0]
    assert "1 are masked already" in str(settled)
    assert labels(folder)["c1"].protect is before["c1"].protect is Protect.UNDECIDED


def test_counts_of_the_other_columns_of_a_table_are_kept(tmp_path: Path) -> None:
    folder = features(tmp_path)
    settle(folder, {"c1": EMAILS, "c2": ANYTHING})
    folder = features(tmp_path, c1="pending")
    settle(folder, {"c2": CODES})
    after = labels(folder)
    assert (after["c1"].label, after["c2"].protect) == (LabelClass.EMAIL, Protect.NO)


def test_nothing_is_asked_where_names_settle_everything(tmp_path: Path) -> None:
    folder = bank_folder(tmp_path)
    folder.write_snapshot(Snapshot(tables=(table("dev_fin", "orders", id="BIGINT", quantity="INT", email="STRING"),)))
    settled, wire = settle(folder, {})
    assert (settled.columns, wire.statements) == (0, [])


@pytest.fixture
def commanded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[EnvFolder, CountingWire]]:
    """Return a function that makes an environment in which `generate` finds the table of features and a warehouse."""

    def make(counts: dict[str, Row] | str) -> tuple[EnvFolder, CountingWire]:
        folder, wire = features(tmp_path), CountingWire(counts)
        workspace = Workspace(wire, warehouse_id="w")
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr("lampkeeper.cli.generate.workspace_of", lambda *_: workspace)
        monkeypatch.setattr("lampkeeper.cli.generate._read_tables", lambda *_: ())
        monkeypatch.setattr("lampkeeper.cli.generate.unreviewed_findings", lambda *_: ())
        monkeypatch.setattr("lampkeeper.cli.model_options.read_platform", lambda *_: False)
        monkeypatch.setattr("lampkeeper.cli.generate.keep_lineage", lambda *_: ())
        return folder, wire

    return make


def test_generate_counts_by_default_and_says_how_many_that_settled(
    commanded: Callable[..., tuple[EnvFolder, CountingWire]], capsys: pytest.CaptureFixture[str]
) -> None:
    folder, wire = commanded({"c1": EMAILS, "c2": CODES, "c3": FIGURES})
    assert main(["generate", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["values"] == {"columns": 4, "protected": 1, "not_sensitive": 2, "undecided": 1, "masked": 0}
    assert len(wire.statements) == 1
    assert main(["generate"]) == 0
    assert "values: of 4 columns undecided by name, 3 decided" in capsys.readouterr().out
    assert "ana" not in (folder.generated_path / "sources" / "profiles.jsonl").read_text()


@pytest.mark.parametrize(("words", "statements"), [((), 0), (("--profile-values=undecided",), 1)])
def test_offline_it_counts_only_when_reported_to_as_the_jobs_do(
    commanded: Callable[..., tuple[EnvFolder, CountingWire]], words: tuple[str, ...], statements: int
) -> None:
    _, wire = commanded({"c1": EMAILS})
    assert main(["generate", "--offline", *words]) == 0
    assert len(wire.statements) == statements


def test_generate_counts_nothing_when_reported_so(
    commanded: Callable[..., tuple[EnvFolder, CountingWire]], capsys: pytest.CaptureFixture[str]
) -> None:
    folder, wire = commanded({"c1": EMAILS})
    assert main(["generate", "--profile-values", "none", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["values"] is None
    assert wire.statements == []
    assert labels(folder)["c1"].protect is Protect.UNDECIDED


def test_generate_ends_well_where_rows_may_not_be_read(
    commanded: Callable[..., tuple[EnvFolder, CountingWire]], capsys: pytest.CaptureFixture[str]
) -> None:
    commanded("INSUFFICIENT_PERMISSIONS")
    assert main(["generate", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert [f["code"] for f in document["findings"] if f["code"].startswith("profile/")] == ["profile/undecided"]
    assert {c.rsplit(".", 1)[1] for c in document["undecided"]} == {"c1", "c2", "c3", "kv"}


def test_every_shape_is_counted_by_the_query() -> None:
    query = profile_query(FEATURES)
    assert query is not None
    assert set(SHAPES) <= set(query.tests)


def test_what_a_column_is_called_reaches_the_query_quoted() -> None:
    odd = table("dev_fin", "odd", **{"c`1": "STRING"})
    query = profile_query(odd, only={"c`1"})
    assert query is not None
    assert "`c``1`" in query.sql
    assert ColumnName(odd.name, "c`1").column in {c.name for c in query.columns}
