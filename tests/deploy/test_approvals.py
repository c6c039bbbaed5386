"""Plans by hash, approvals by somebody else, and the verdict of a run from its steps."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from lampkeeper.app.inputs import EnvInputs
from lampkeeper.cli.console import Console
from lampkeeper.cli.context import CommandContext
from lampkeeper.cli.proposals import plan_book
from lampkeeper.deploy.approvals import PlanBook, plan_hash
from lampkeeper.deploy.plan import Plan, StateVersion
from lampkeeper.deploy.run_log import RunLog, StepRecord, Verdict, judge
from lampkeeper.files.folder import EnvFolder
from lampkeeper.files.local_files import LocalFiles
from lampkeeper.model.errors import UnsafePlanError, UsageError
from lampkeeper.model.layers import Layer
from support.env_folders import bank_folder

pytestmark = pytest.mark.unit


def plan(serial: int = 1) -> Plan:
    return Plan(env="dev", state_versions=(StateVersion(layer=Layer.DATA_ACCESS, lineage="l", serial=serial),))


@pytest.fixture
def book(tmp_path: Path) -> PlanBook:
    return PlanBook(plans=LocalFiles(tmp_path / "envs"), approvals=LocalFiles(tmp_path / "approvals"), env="dev")


def test_the_same_plan_has_the_same_hash_and_another_state_another(book: PlanBook) -> None:
    found = book.propose(plan(), "ana", "t1")
    assert found == book.propose(plan(), "bob", "t2") == plan_hash(plan())
    assert book.proposal(found).by == "ana", "who proposed first stays the proposer"
    assert book.load(found) == plan()
    assert plan_hash(plan(2)) != found


def test_another_principal_approves_and_the_proposer_cannot(book: PlanBook) -> None:
    found = book.propose(plan(), "ana", "t1")
    with pytest.raises(UnsafePlanError, match="has no approval"):
        book.require_approval(found)
    for same in ("ana", "ANA"):
        with pytest.raises(UnsafePlanError, match="cannot approve it too"):
            book.approve(found, same, "t2")
    assert book.approve(found, "bob", "t2").by == "bob"
    assert book.require_approval(found).by == "bob"


BOT, OTHER_BOT = "0b9f7a52-11d2-4c1e-9a51-7f0f2c1d0a11", "0b9f7a52-11d2-4c1e-9a51-7f0f2c1d0a22"


def test_a_service_principal_approves_only_where_the_settings_list_it(book: PlanBook) -> None:
    found = book.propose(plan(), "ana", "t1")
    for approvers in ((), (OTHER_BOT,)):
        with pytest.raises(UnsafePlanError, match="does not list as an approver") as refused:
            replace(book, approvers=approvers).approve(found, BOT, "t2")
        assert f'approvers = ["{BOT}"]' in (refused.value.fix or "")
    listed = replace(book, approvers=(BOT.upper(),))
    assert listed.approve(found, BOT, "t2").by == "0b9f7a52-11d2-4c1e-9a51-7f0f2c1d0a11"
    assert listed.require_approval(found).by == BOT
    with pytest.raises(UnsafePlanError, match="has no approval"):
        book.require_approval(found)


def test_an_approval_keeps_what_was_shown(book: PlanBook, tmp_path: Path) -> None:
    found = book.propose(plan(), "ana", "t1")
    book.approve(found, "bob", "t2", ("layer account: no change", "plan: nothing to do"))
    assert book.require_approval(found).shown == ("layer account: no change", "plan: nothing to do")
    kept = json.loads((tmp_path / "approvals" / "dev" / f"{found}.approval.json").read_text())
    assert kept["shown"] == ["layer account: no change", "plan: nothing to do"]


def test_an_approval_that_the_proposer_wrote_by_hand_does_not_count(book: PlanBook, tmp_path: Path) -> None:
    found = book.propose(plan(), "ana", "t1")
    forged = {"plan_hash": found, "env": "dev", "by": "Ana", "at": "t"}
    (tmp_path / "approvals" / "dev").mkdir(parents=True)
    (tmp_path / "approvals" / "dev" / f"{found}.approval.json").write_text(json.dumps(forged))
    with pytest.raises(UnsafePlanError, match="by another principal than ana"):
        book.require_approval(found)


def test_a_record_that_does_not_count_gives_way_and_one_that_does_stays(book: PlanBook, tmp_path: Path) -> None:
    found = book.propose(plan(), "ana", "t1")
    own = {"plan_hash": found, "env": "dev", "by": "ana", "at": "t"}
    (tmp_path / "approvals" / "dev").mkdir(parents=True)
    (tmp_path / "approvals" / "dev" / f"{found}.approval.json").write_text(json.dumps(own))
    assert book.approve(found, "bob", "t2").by == "bob"
    assert book.require_approval(found).by == "bob"
    assert book.approve(found, "eve", "t3").by == "bob"


def test_an_approval_is_of_one_plan_and_one_environment(book: PlanBook, tmp_path: Path) -> None:
    one, other = book.propose(plan(1), "ana", "t1"), book.propose(plan(2), "ana", "t1")
    book.approve(one, "bob", "t2")
    folder = tmp_path / "approvals" / "dev"
    with pytest.raises(UnsafePlanError, match="has no approval"):
        book.require_approval(other)
    (folder / f"{other}.approval.json").write_bytes((folder / f"{one}.approval.json").read_bytes())
    with pytest.raises(UnsafePlanError, match="belongs to another plan"):
        book.require_approval(other)
    (folder / f"{other}.approval.json").write_text(json.dumps({"plan_hash": other, "env": "prod", "by": "bob", "at": "t"}))
    with pytest.raises(UnsafePlanError, match="has no approval"):
        book.require_approval(other)


@pytest.mark.parametrize("text", ["{", "[]", '{"plan_hash": "0", "env": "dev", "by": "bob", "at": "t"}'])
def test_a_damaged_or_foreign_approval_is_refused(book: PlanBook, tmp_path: Path, text: str) -> None:
    found = book.propose(plan(), "ana", "t1")
    (tmp_path / "approvals" / "dev").mkdir(parents=True)
    (tmp_path / "approvals" / "dev" / f"{found}.approval.json").write_text(text)
    with pytest.raises(UnsafePlanError):
        book.require_approval(found)


def test_a_plan_changed_after_it_was_proposed_is_refused(book: PlanBook, tmp_path: Path) -> None:
    found = book.propose(plan(), "ana", "t1")
    (tmp_path / "envs" / "dev" / "plans" / f"{found}.json").write_text(plan(2).to_json())
    with pytest.raises(UnsafePlanError, match="was changed after it was proposed"):
        book.load(found)


@pytest.mark.parametrize("text", ["", "abc", "../../etc/passwd", "f" * 63, "F" * 64])
def test_what_is_no_hash_is_wrong_use(book: PlanBook, text: str) -> None:
    for act in (book.load, book.require_approval, book.proposal):
        with pytest.raises(UsageError, match="not the hash of a plan"):
            act(text)


def test_an_unknown_hash_says_how_to_get_one(book: PlanBook) -> None:
    with pytest.raises(UsageError, match="no plan 000000000000… was proposed"):
        book.load("0" * 64)


def step(name: str, code: int | None, message: str = "") -> StepRecord:
    return StepRecord(step=name, began="t", exit_code=code, message=message)


@pytest.mark.parametrize(
    ("records", "verdict", "at"),
    [
        ([("plan", 0), ("apply", 0), ("verify", 0)], Verdict.OK, ""),
        ([("plan", 3)], Verdict.UNSAFE, "plan"),
        ([("plan", 0), ("apply", 0), ("verify", 1)], Verdict.FAILED, "verify"),
        ([("plan", 0), ("apply", 4), ("verify", 1)], Verdict.BROKEN, "apply"),
        ([("plan", 0), ("apply", None)], Verdict.BROKEN, "apply"),
        ([("plan", 0)], Verdict.BROKEN, "apply"),
        ([], Verdict.BROKEN, "plan"),
        ([("plan", 0), ("verify", 0)], Verdict.BROKEN, "apply"),
    ],
)
def test_the_first_step_that_did_not_end_well_decides(
    tmp_path: Path, records: list[tuple[str, int | None]], verdict: Verdict, at: str
) -> None:
    steps = ("plan", "apply", "verify")
    book = RunLog(LocalFiles(tmp_path), "dev", "77")
    for name, code in records:
        book.write(step(name, code))
    found = judge(steps, book.read(steps))
    assert (found.verdict, found.step) == (verdict, at)


@pytest.mark.parametrize("run_id", ["", "../x", "a/b", "{{job.run_id}}"])
def test_a_run_id_names_one_folder(tmp_path: Path, run_id: str) -> None:
    with pytest.raises(UsageError, match="not the id of a run"):
        RunLog(LocalFiles(tmp_path), "dev", run_id)


def test_the_settings_of_the_environment_say_which_service_principals_approve(tmp_path: Path) -> None:
    here = CommandContext(console=Console(), root=tmp_path, env="dev", files=LocalFiles(tmp_path / "envs"))
    assert plan_book(here, EnvInputs(EnvFolder(tmp_path, "dev")), None).approvers == ()
    folder = bank_folder(tmp_path)
    folder.settings_path.write_text(folder.settings_path.read_text() + f'approvers = ["{BOT}"]\n')
    assert plan_book(here, EnvInputs(folder), None).approvers == (BOT,)
