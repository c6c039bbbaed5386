"""Databricks Data Classification leads to labels: a catalog's configuration, the results, `lampkeeper generate`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from databricks.sdk.service import dataclassification as dc
from databricks.sdk.service import sql

from lampkeeper.cli.main import main
from lampkeeper.files.folder import EnvFolder
from lampkeeper.model.auth import Auth
from lampkeeper.model.labels import LabelClass, LabelSource
from support.callers import CALLERS, running_callers

pytestmark = [pytest.mark.spark, pytest.mark.heavy]

STATEMENTS = (
    # No name says what the values are.
    "CREATE TABLE shop.default.facts (k INT, x1 STRING, x2 STRING)",
    "INSERT INTO shop.default.facts VALUES (1, 'ana@example.com', 'red'), (2, 'bo@example.org', 'blue')",
)


@pytest.mark.parametrize("label", CALLERS)
def test_a_classified_column_is_labelled_and_masked_by_generate(
    label: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with running_callers() as running:
        w = running.client(label)
        w.catalogs.create("shop")
        for text in STATEMENTS:
            done = w.statement_execution.execute_statement(text, running.space.warehouse_id, wait_timeout="50s")
            assert done.status is not None
            assert done.status.state is sql.StatementState.SUCCEEDED, done.status
        folder = EnvFolder(tmp_path, "dev")
        folder.path.mkdir(parents=True)
        folder.settings_path.write_text('uc_tables = ["shop.default.*"]\ngroups = { analysts = {} }\n')
        folder.write_auth(Auth(workspace_host=running.space.host, token=running.tokens[label]))
        command = ["generate", "--profile-values", "none", "--resolve-undecided", "--json"]

        assert main(command) == 0
        before = {one.column.column: one for one in folder.labels()}
        assert before["x1"].label is not LabelClass.EMAIL
        capsys.readouterr()

        w.data_classification.create_catalog_config("catalogs/shop", dc.CatalogConfig())
        assert main(command) == 0
        made = json.loads(capsys.readouterr().out)
        after = {one.column.column: one for one in folder.labels()}
    assert (after["x1"].label, after["x1"].protected, after["x1"].source) == (LabelClass.EMAIL, True, LabelSource.PLATFORM)
    assert after["x2"].source is not LabelSource.PLATFORM
    assert made["labels"]["protected"] >= 1
    draft = "\n".join(path.read_text() for path in folder.generated_path.rglob("*") if path.is_file())
    assert "shop.default.facts.x1" in draft
