"""labels review and labels set: what is in doubt, who decided, what a decision opens."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lampkeeper.app.access import access_of
from lampkeeper.app.inputs import EnvInputs
from lampkeeper.cli.main import main
from lampkeeper.files.decisions import decisions_path, read_decisions
from lampkeeper.files.folder import EnvFolder
from lampkeeper.model.effective import Direction, Matrix, compare, compute_matrix, standard_principals
from lampkeeper.model.labels import LabelSource, Protect
from support.env_folders import bank_folder, table
from support.model_stub import Said, columns_asked, entry, running_stub

SSN, CITY = "dev_fin.finance.customers.ssn", "dev_fin.finance.customers.city"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> EnvFolder:
    monkeypatch.chdir(tmp_path)
    return bank_folder(tmp_path, extra=(table("dev_fin", "more", person_detail="STRING"),))


def _run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, Any]:
    capsys.readouterr()
    code = main([*arguments, "--json"])
    return code, json.loads(capsys.readouterr().out)


def _matrix(folder: EnvFolder) -> Matrix:
    access = access_of(EnvInputs(folder))
    return compute_matrix(access, standard_principals(access))


def _labels(folder: EnvFolder) -> dict[str, Any]:
    return {str(x.column): x for x in folder.labels()}


def _set(column: str, label: str, protect: str, by: str, *more: str) -> int:
    return main(["labels", "set", column, label, "--protect", protect, "--reason", f"{by} knows", "--by", by, *more])


def test_a_decision_is_kept_with_who_when_and_why_and_generate_follows(folder: EnvFolder) -> None:
    assert main(["generate", "--offline"]) == 0
    before = _matrix(folder)
    assert _set(CITY.upper(), "address", "yes", "ana") == 0
    assert _set(SSN, "none", "no", "ana") == 0
    assert main(["generate", "--offline"]) == 0
    labels = _labels(folder)
    assert labels[CITY].source is LabelSource.STEWARD
    assert labels[CITY].evidence[0].startswith("ana decided on 2")
    assert labels[SSN].protect is Protect.NO
    assert any("offline said national_id" in e for e in labels[SSN].evidence)
    looser = {f"{c.table}.{c.column}" for c in compare(before, _matrix(folder)) if c.direction is Direction.WIDER}
    assert SSN in looser
    first = read_decisions(decisions_path(folder.path))
    assert [(d.by, str(d.protect), d.reason) for d in first] == [("ana", "yes", "ana knows"), ("ana", "no", "ana knows")]
    # Taken back, it is gone: nothing else remembers it.
    decisions_path(folder.path).unlink()
    assert main(["generate", "--offline"]) == 0
    assert _labels(folder)[SSN].protect is Protect.YES


def test_two_stewards_who_disagree_are_a_finding_until_they_settle(folder: EnvFolder, capsys: pytest.CaptureFixture[str]) -> None:
    assert _set(SSN, "national_id", "yes", "ana", "--subtype", "ssn") == 0
    code, document = _run(capsys, "labels", "set", SSN, "none", "--protect", "no", "--reason", "test data", "--by", "bo")
    assert code == 0
    code, document = _run(capsys, "labels", "review")
    assert document["counts"]["stewards disagree"] == 1
    assert document["columns"][0]["stands"]["protect"] == "yes"
    assert {x["evidence"][0].split(" ")[0] for x in document["columns"][0]["said"][:2]} == {"ana", "bo"}
    _, made = _run(capsys, "generate", "--offline")
    (reported,) = [f for f in made["findings"] if f["code"] == "labels/stewards_disagree"]
    assert reported["location"] == SSN
    assert all(
        words in reported["message"] for words in ("national_id/ssn, protect yes (ana", "none, protect no (bo", "stricter")
    )
    assert "--overrule" in reported["fix"]
    assert _labels(folder)[SSN].protect is Protect.YES
    assert _set(SSN, "none", "no", "bo", "--overrule") == 0
    assert _run(capsys, "labels", "review")[1]["counts"]["stewards disagree"] == 0
    main(["generate", "--offline"])
    assert _labels(folder)[SSN].protect is Protect.NO


def test_review_lists_what_the_sources_dispute(folder: EnvFolder, capsys: pytest.CaptureFixture[str]) -> None:
    def contrary(request: dict[str, Any], _: int) -> Said:
        rows = [entry(c, "health", "", "yes") for c in columns_asked(request)]
        return Said(content=json.dumps({"columns": rows}))

    with running_stub(contrary) as stub:
        assert main(["generate", "--offline", "--model", f"{stub.base}/v1#m"]) == 0
    _, document = _run(capsys, "labels", "review")
    disputed = {c["column"]: c for c in document["columns"]}
    assert disputed[SSN]["why"] == "sources disagree"
    assert disputed[SSN]["stands"]["label"] == "national_id"
    assert [x["source"] for x in disputed[SSN]["said"]] == ["model", "offline"]
    assert _set(SSN, "national_id", "yes", "ana") == 0
    assert SSN not in {c["column"] for c in _run(capsys, "labels", "review")[1]["columns"]}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["dev_fin.finance.customers.nope", "email", "--protect", "yes", "--reason", "x"], "in the snapshot"),
        ([SSN, "none", "--protect", "yes", "--reason", "x"], "contradicts"),
        ([SSN, "email", "--protect", "yes", "--reason", "x", "--subtype", "nope"], "no subtype 'nope'"),
        ([SSN, "email", "--protect", "yes", "--reason", " "], "needs a reason"),
        ([SSN, "emall", "--protect", "yes", "--reason", "x"], "emall"),
        (["ssn", "email", "--protect", "yes", "--reason", "x"], "not a column name"),
    ],
)
def test_a_decision_that_makes_no_sense_is_not_written(
    folder: EnvFolder, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    assert main(["labels", "set", *arguments]) == 2
    assert said in capsys.readouterr().err
    assert not decisions_path(folder.path).exists()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("decisions: [", "not YAML"),
        ("- a", "expected the one key"),
        ("decisions: [{column: a.b.c.d}]", "label is missing"),
        (
            "decisions: [{column: a.b.c, label: email, protect: yes, reason: r, by: b, at: '2026-01-01T00:00:00Z'}]",
            "not a column name",
        ),
        ("decisions: [{column: a.b.c.d, label: mail, protect: yes, reason: r, by: b, at: '2026-01-01T00:00:00Z'}]", "mail"),
        (
            "decisions: [{column: a.b.c.d, label: email, protect: yes, reason: r, by: b, at: 2026-01-01}]",
            "every field must be a string",
        ),
    ],
)
def test_a_damaged_file_of_decisions_is_reported_with_its_location(
    folder: EnvFolder, capsys: pytest.CaptureFixture[str], text: str, said: str
) -> None:
    decisions_path(folder.path).write_text(text)
    assert main(["generate", "--offline"]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert "decisions.yaml" in error
