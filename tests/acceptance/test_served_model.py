"""A model served by the workspace: asked through its serving endpoint, signed in as the workspace is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lampkeeper.cli.main import main
from lampkeeper.design.classify.prompt import prompts_of
from lampkeeper.files.folder import EnvFolder
from lampkeeper.model.auth import Auth
from lampkeeper.model.labels import LabelSource
from support.env_folders import bank_folder
from support.localspace_server import LocalWorkspace, running_localspace
from support.model_stub import good

pytestmark = pytest.mark.server


def _serve(space: LocalWorkspace, stub_response: dict[str, Any]) -> None:
    with space.http() as http:
        http.post("/api/2.0/serving-endpoints", json={"name": "labeller", "config": {}})
    space.control("PUT", "stub-responses/labeller", stub_response)


def _folder(root: Path, space: LocalWorkspace) -> EnvFolder:
    folder = bank_folder(root)
    folder.write_auth(Auth(workspace_host=space.host, token=space.token, account_id=space.account_id))
    return folder


def test_a_served_model_labels_and_a_second_run_asks_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with running_localspace() as space:
        folder = _folder(tmp_path, space)
        rules = [
            {"pattern": f'"table": "{p.table.name.table}"', "reply": [{"type": "text", "text": good({"messages": p.messages()})}]}
            for p in prompts_of(folder.snapshot())
        ]
        _serve(space, {"kind": "rules", "rules": rules, "default": "?"})
        command = ["generate", "--offline", "--model", "databricks:labeller", "--json"]
        assert main(command) == 0
        first = json.loads(capsys.readouterr().out)
        assert main(command) == 0
        second = json.loads(capsys.readouterr().out)
    assert first["model"]["answers"] == 2
    assert (second["model"]["answers"], second["model"]["remembered"]) == (0, 2)
    assert first["labels"] == second["labels"]
    raised = [x for x in folder.labels() if x.source is LabelSource.MODEL and x.protected]
    assert "city" in {x.column.column for x in raised}


def test_an_endpoint_that_is_not_there_leaves_the_rules_labels_and_exit_4(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with running_localspace() as space:
        folder = _folder(tmp_path, space)
        assert main(["generate", "--offline"]) == 0
        before = folder.labels_path.read_bytes()
        assert main(["generate", "--offline", "--model", "databricks:nobody"]) == 4
    assert folder.labels_path.read_bytes() == before
    error = capsys.readouterr().err
    assert "model/failed" in error
    assert "nobody" in error
