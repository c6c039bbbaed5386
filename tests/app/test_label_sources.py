"""Sources that the workspace fills: its own classification, and counts of values; what is absent or refused opens nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from httpx import HTTPStatusError

from lampkeeper.app.inputs import EnvInputs
from lampkeeper.app.labelling import read_platform, read_sources
from lampkeeper.app.lineage import keep_lineage
from lampkeeper.app.value_profiling import Counter, ValueProfiling, count_values, counter_of
from lampkeeper.cli.main import main
from lampkeeper.design.classify.profiles_sql import profile_query
from lampkeeper.model.errors import RemoteError
from lampkeeper.model.findings import Severity
from lampkeeper.model.labels import LabelClass, LabelSource, Protect
from lampkeeper.model.names import TableName
from lampkeeper.model.schema import Snapshot
from lampkeeper.remote.clients import Call, Workspace
from support.env_folders import bank_folder, table
from support.governed_places import light_place

Result = tuple[tuple[str, ...], list[list[str | None]]]


class StatementWire:
    """Answers statements from a function of their text."""

    def __init__(self, answer: Callable[[str], Result]) -> None:
        self.answer = answer
        self.statements: list[str] = []

    def send(self, call: Call) -> Any:
        statement = str((call.body or {})["statement"])
        self.statements.append(statement)
        names, rows = self.answer(statement)
        return {
            "statement_id": "1", "status": {"state": "SUCCEEDED"}, "result": {"data_array": rows},
            "manifest": {"schema": {"columns": [{"name": n, "type_text": "STRING"} for n in names]}},
        }  # fmt: skip


def _workspace(answer: Callable[[str], Result]) -> tuple[Workspace, StatementWire]:
    wire = StatementWire(answer)
    return Workspace(wire, warehouse_id="w"), wire


def _counting(workspace: Workspace) -> ValueProfiling:
    return counter_of(Counter.WAREHOUSE, workspace)


def _refuse(code: str) -> Callable[[str], Result]:
    def answer(_: str) -> Result:
        raise RemoteError("no", code=code, status=200)

    return answer


NAMES = ("catalog_name", "schema_name", "table_name", "column_name", "class_tag", "confidence", "frequency")


def test_findings_of_the_platform_raise_and_low_ones_wait_for_review(tmp_path: Path) -> None:
    folder = bank_folder(tmp_path)
    found: list[list[str | None]] = [
        ["dev_fin", "finance", "CUSTOMERS", "city", "class.location", "HIGH", "0.97"],
        ["dev_fin", "finance", "transactions", "transaction_id", "class.us_bank_number", "LOW", "0.2"],
        ["dev_fin", "finance", "transactions", "amount", "class.something_new", "HIGH", None],
        ["dev_fin", "finance", "customers", "ssn", "class.name", "HIGH", "1"],
        ["dev_fin", "other", "t", "c", "class.name", "HIGH", "1"],
    ]
    workspace, wire = _workspace(lambda _: (NAMES, found))
    assert read_platform(EnvInputs(folder), folder.snapshot(), workspace)
    assert len(wire.statements) == 1
    assert "samples" not in wire.statements[0]
    labels = {x.column.column: x for x in read_sources(EnvInputs(folder), folder.snapshot()).merged(folder.snapshot())}
    assert (labels["city"].label, labels["city"].protect) == (LabelClass.ADDRESS, Protect.YES)
    assert labels["transaction_id"].protect is Protect.UNDECIDED
    assert labels["amount"].protected
    assert labels["ssn"].label is LabelClass.NATIONAL_ID


@pytest.mark.parametrize("code", ["TABLE_OR_VIEW_NOT_FOUND", "INSUFFICIENT_PERMISSIONS", "SCHEMA_NOT_FOUND"])
def test_a_workspace_without_classification_says_nothing(tmp_path: Path, code: str) -> None:
    folder = bank_folder(tmp_path)
    before = read_sources(EnvInputs(folder), folder.snapshot()).merged(folder.snapshot())
    assert not read_platform(EnvInputs(folder), folder.snapshot(), _workspace(_refuse(code))[0])
    assert read_sources(EnvInputs(folder), folder.snapshot()).merged(folder.snapshot()) == before


@pytest.mark.server
def test_findings_that_a_workspace_really_serves_are_read(tmp_path: Path) -> None:
    folder = bank_folder(tmp_path)
    row = {"catalog_name": "dev_fin", "schema_name": "finance", "table_name": "customers", "samples": ["Oslo"]}
    rows = [
        {**row, "column_name": "city", "class_tag": "class.location", "confidence": "HIGH", "frequency": 0.97},
        {**row, "column_name": "id", "class_tag": "class.us_bank_number", "confidence": "LOW", "frequency": 0.1},
        {**row, "catalog_name": "other", "column_name": "email", "class_tag": "class.name", "confidence": "HIGH"},
    ]
    with light_place(tmp_path / "place") as place:
        assert not read_platform(EnvInputs(folder), folder.snapshot(), place.workspace)
        place.space.control("PUT", "classification", {"results": rows})
        assert read_platform(EnvInputs(folder), folder.snapshot(), place.workspace)
        place.user("eve@bank.example")
        eve = place.enter("eve@bank.example")
        assert not read_platform(EnvInputs(folder), folder.snapshot(), eve)
        assert "Oslo" not in (folder.generated_path / "sources" / "platform.jsonl").read_text()
        with pytest.raises(HTTPStatusError):
            place.space.control("PUT", "classification", {"results": [{"column": "x"}]})
        labels = {x.column.column: x for x in read_sources(EnvInputs(folder), folder.snapshot()).merged(folder.snapshot())}
        assert (labels["city"].label, labels["city"].source) == (LabelClass.ADDRESS, LabelSource.PLATFORM)
        assert labels["id"].protect is Protect.UNDECIDED
        assert labels["email"].label is LabelClass.EMAIL
        place.space.control("PUT", "classification", {"results": None})
        assert not read_platform(EnvInputs(folder), folder.snapshot(), place.workspace)


def test_no_rows_readable_is_reported_and_changes_nothing(tmp_path: Path) -> None:
    folder = bank_folder(tmp_path)
    before = read_sources(EnvInputs(folder), folder.snapshot()).merged(folder.snapshot())
    findings = count_values(EnvInputs(folder), folder.snapshot(), _counting(_workspace(_refuse("INSUFFICIENT_PERMISSIONS"))[0]))
    assert [f.code for f in findings] == ["profile/nothing", "profile/unread", "profile/unread"]
    assert findings[0].severity is Severity.ERROR
    assert read_sources(EnvInputs(folder), folder.snapshot()).merged(folder.snapshot()) == before


def test_counts_are_kept_until_the_table_changes_and_hold_no_value(tmp_path: Path) -> None:
    folder = bank_folder(tmp_path, extra=(table("dev_fin", "other", misc="STRING"),))
    query = profile_query(folder.snapshot().index[TableName("dev_fin", "finance", "other")])
    assert query is not None
    tests = query.sql.count(" AS t")
    head = ("c", "filled", "different", "wide_span", *(f"t{n}" for n in range(tests)))

    def answer(statement: str) -> Result:
        if "other" not in statement:
            return head, []
        return head, [["0", "500", "480", "false", "470", *(["0"] * (tests - 1))]]

    workspace, wire = _workspace(answer)
    assert count_values(EnvInputs(folder), folder.snapshot(), _counting(workspace)) == ()
    assert len(wire.statements) == len(folder.snapshot().tables)
    label = {x.column.column: x for x in read_sources(EnvInputs(folder), folder.snapshot()).offline}["misc"]
    assert (label.label, label.protect) == (LabelClass.EMAIL, Protect.YES)
    assert any("98% of 480 values are a valid email address" in e for e in label.evidence)
    folder.write_snapshot(Snapshot(tables=(table("dev_fin", "other", misc="STRING", more="INT"),)))
    assert not any(x.protected for x in read_sources(EnvInputs(folder), folder.snapshot()).offline)


@pytest.mark.parametrize("words", [("--profile-values",), ("--profile-values", "warehouse")])
def test_values_are_counted_by_name_of_the_flag_alone(
    words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = bank_folder(tmp_path)
    workspace, wire = _workspace(lambda _: (("c",), []))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("lampkeeper.cli.generate.workspace_of", lambda *_: workspace)
    assert main(["generate", "--offline", *words]) == 0, capsys.readouterr().err
    assert len(wire.statements) == len(folder.snapshot().tables)


def test_spark_counts_in_a_task_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bank_folder(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("lampkeeper.cli.generate.workspace_of", lambda *_: _workspace(lambda _: (("c",), []))[0])
    assert main(["profile", "--engine", "spark"]) == 2
    assert "no Spark session is available" in capsys.readouterr().err


LINEAGE = (
    "source_table_catalog", "source_table_schema", "source_table_name", "target_table_catalog", "target_table_schema",
    "target_table_name", "source_column_name", "target_column_name", "statement_id",
)  # fmt: skip


def _edge(source: str, target: str, statement: str | None) -> list[str | None]:
    return ["DEV_FIN", "finance", "customers", "dev_fin", "finance", "transactions", source, target, statement]


def test_lineage_is_one_query_for_all_tables_and_one_for_the_texts(tmp_path: Path) -> None:
    folder = bank_folder(tmp_path)
    edges = [_edge("ssn", "transaction_id", "7"), _edge("ssn", "amount", "8"), _edge("id", "amount", None)]
    texts: list[list[str | None]] = [
        ["8", "INSERT INTO dev_fin.finance.transactions (amount) SELECT count(ssn) FROM dev_fin.finance.customers"], ["7", None],
    ]  # fmt: skip
    workspace, wire = _workspace(
        lambda sql: (LINEAGE, edges) if "lineage" in sql else (("statement_id", "statement_text"), texts)
    )
    assert keep_lineage(EnvInputs(folder), folder.snapshot(), workspace) == ()
    assert len(wire.statements) == 2
    kept = {(d.source.column, d.target.column): d.aggregated for d in EnvInputs(folder).sources.lineage()}
    assert kept == {("ssn", "transaction_id"): False, ("ssn", "amount"): True, ("id", "amount"): False}
    labels = {x.column.column: x for x in read_sources(EnvInputs(folder), folder.snapshot()).merged(folder.snapshot())}
    assert (labels["transaction_id"].label, labels["transaction_id"].source) == (LabelClass.NATIONAL_ID, LabelSource.LINEAGE)
    assert labels["amount"].source is LabelSource.OFFLINE


@pytest.mark.parametrize("code", ["TABLE_OR_VIEW_NOT_FOUND", "INSUFFICIENT_PERMISSIONS", "INSUFFICIENT_PERMISSIONS.SCHEMA"])
def test_lineage_that_cannot_be_read_is_told_and_takes_nothing_away(tmp_path: Path, code: str) -> None:
    folder = bank_folder(tmp_path)
    known = _workspace(lambda sql: (LINEAGE, [_edge("ssn", "transaction_id", None)]) if "lineage" in sql else ((), []))[0]
    keep_lineage(EnvInputs(folder), folder.snapshot(), known)
    kept = EnvInputs(folder).sources.lineage()
    (told,) = keep_lineage(EnvInputs(folder), folder.snapshot(), _workspace(_refuse(code))[0])
    assert (told.code, told.severity, told.location) == ("lineage/unread", Severity.INFO, "system.access.column_lineage")
    assert "grant USE SCHEMA and SELECT" in told.fix
    assert EnvInputs(folder).sources.lineage() == kept != ()

    def without_texts(sql: str) -> Result:
        if "query.history" in sql:
            raise RemoteError("no", code=code, status=200)
        return LINEAGE, [_edge("ssn", "transaction_id", "7")]

    (told,) = keep_lineage(EnvInputs(folder), folder.snapshot(), _workspace(without_texts)[0])
    assert told.location == "system.query.history"
    with pytest.raises(RemoteError):
        keep_lineage(EnvInputs(folder), folder.snapshot(), _workspace(_refuse("INTERNAL_ERROR"))[0])
