"""A model writes a space's content: asked once, bound, laid over; a bad answer leaves what the schema gave."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lampkeeper.app.inputs import EnvInputs
from lampkeeper.app.validating import validate
from lampkeeper.cli.main import main
from lampkeeper.files.folder import EnvFolder
from lampkeeper.model.findings import has_errors
from lampkeeper.model.genie import GenieSpace
from lampkeeper.remote.clock import RealClock
from support.env_folders import bank_folder
from support.model_stub import Said, good, running_stub

TOTAL = "SELECT SUM(amount) AS total FROM dev_fin.finance.transactions WHERE aml_flag = :flag"
CONTENT = {
    "title": "Payments desk", "description": "What customers paid.", "instructions": ["Amounts are in euro."],
    "sample_questions": ["What was paid?"],
    "examples": [
        {
            "question": "What was paid with a flag?", "sql": TOTAL, "guidance": "",
            "parameters": [{"name": "flag", "type": "STRING", "description": "", "default": ""}],
        }
    ],
    "filters": [], "expressions": [], "measures": [], "synonyms": [],
}  # fmt: skip
STOLEN = {"question": "Who earns most?", "sql": "SELECT * FROM hr.pay.salaries", "guidance": "", "parameters": []}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> EnvFolder:
    """Return an environment with one space of its own, and one that somebody else made."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(RealClock, "sleep", lambda self, seconds: None)
    folder = bank_folder(tmp_path)
    spaces = (
        'genie_spaces = [{ name = "Finance", uc_tables = ["dev_fin.finance.*"] },'
        ' { name = "Theirs", genie_space_id = "01ef", uc_tables = ["dev_fin.finance.customers"] }]\n'
    )
    folder.settings_path.write_text(folder.settings_path.read_text() + spaces)
    return folder


def is_of_space(request: dict[str, Any]) -> bool:
    return "Genie space" in request["messages"][0]["content"]


def model(content: Any) -> Any:
    """Return a model that labels well and answers so when asked about a space."""
    text = content if isinstance(content, str) else json.dumps(content)
    return lambda request, _: Said(content=text if is_of_space(request) else good(request))


def drafted(folder: EnvFolder, name: str = "Finance") -> GenieSpace:
    return next(s for s in folder.read_draft().spaces if s.name == name)


def test_a_space_is_written_once_and_another_tools_space_never(folder: EnvFolder, capsys: pytest.CaptureFixture[str]) -> None:
    with running_stub(model(CONTENT)) as stub:
        command = ["generate", "--offline", "--model", f"{stub.base}/v1#m"]
        assert main([*command, "--space-content", "offline"]) == 0
        assert not any(map(is_of_space, stub.requests))
        schema_only, theirs = drafted(folder), drafted(folder, "Theirs")
        assert main(command) == 0
        first = len(stub.requests)
        written = drafted(folder)
        assert main(command) == 0
        assert len(stub.requests) == first, "a second run asked again"
        asked = [r for r in stub.requests if is_of_space(r)]
    assert len(asked) == 1
    assert (written.title, written.examples[0].sql) == ("Payments desk", TOTAL)
    assert written.instructions.startswith(schema_only.instructions)
    assert written.instructions.endswith("Amounts are in euro.")
    assert drafted(folder) == written
    assert drafted(folder, "Theirs") == theirs
    assert not has_errors(validate(EnvInputs(folder)))
    record = json.loads(max((folder.generated_path / "runs").iterdir(), key=lambda p: p.stat().st_mtime_ns).read_text())
    assert [(s["space"], s["usable"]) for s in record["spaces"]] == [("Finance", True)]
    assert "spaces: 1 cached, 0 asked" in capsys.readouterr().out
    assert main(["generate", "--offline", "--space-content", "offline"]) == 0
    assert drafted(folder) == schema_only
    assert main(["generate", "--offline"]) == 0
    assert drafted(folder) == written, "what was answered counts without the model too"


def test_stolen_sql_is_fed_back_once_dropped_and_reported(folder: EnvFolder, capsys: pytest.CaptureFixture[str]) -> None:
    bad = CONTENT | {"examples": [STOLEN, *CONTENT["examples"]], "title": "<b>Pay</b> https://evil.example"}
    with running_stub(model(bad)) as stub:
        assert main(["generate", "--offline", "--model", f"{stub.base}/v1#m"]) == 0
        asked = [r for r in stub.requests if is_of_space(r)]
    assert len(asked) == 2
    assert "hr.pay.salaries" in asked[1]["messages"][-1]["content"]
    assert drafted(folder).title == "Finance"
    out, err = capsys.readouterr()
    assert "LK028" in out + err
    draft = "".join(p.read_text() for p in folder.space_draft_path("finance").iterdir() if p.is_file())
    assert TOTAL[:20] in draft
    assert "salaries" not in draft
    assert "evil.example" not in draft


def test_a_bad_answer_leaves_the_schemas_content(folder: EnvFolder, capsys: pytest.CaptureFixture[str]) -> None:
    with running_stub(model("Sorry, I cannot.")) as stub:
        command = ["generate", "--offline", "--model", f"{stub.base}/v1#m"]
        assert main([*command, "--space-content", "offline"]) == 0
        before = drafted(folder)
        assert main(command) == 0
        assert sum(map(is_of_space, stub.requests)) == 3
    assert drafted(folder) == before
    out, err = capsys.readouterr()
    assert "model/space_unusable" in out + err


def test_a_failing_endpoint_leaves_the_schemas_content_and_ends_with_4(folder: EnvFolder) -> None:
    def answer(request: dict[str, Any], _: int) -> Said:
        return Said(status=404) if is_of_space(request) else Said(content=good(request))

    with running_stub(answer) as stub:
        assert main(["generate", "--offline", "--model", f"{stub.base}/v1#m"]) == 4
    assert drafted(folder).title == "Finance"


def test_a_changed_answer_on_disk_is_read_as_strictly_as_one_from_the_model(folder: EnvFolder) -> None:
    with running_stub(model(CONTENT)) as stub:
        assert main(["generate", "--offline", "--model", f"{stub.base}/v1#m"]) == 0
    path = folder.generated_path / "sources" / "spaces.jsonl"
    path.write_text(path.read_text().replace("dev_fin.finance.transactions", "hr.pay.salaries"))
    assert main(["generate", "--offline"]) == 0
    assert "salaries" not in "".join(e.sql for e in drafted(folder).examples)


def test_governance_alone_asks_about_no_space(folder: EnvFolder) -> None:
    with running_stub(model(CONTENT)) as stub:
        assert main(["generate", "--offline", "--mode", "governance", "--model", f"{stub.base}/v1#m"]) == 0
        assert sum(map(is_of_space, stub.requests)) == 0
