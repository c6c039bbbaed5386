"""State files: what a crash leaves, what a reader sees, who may write."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import pytest

from lampkeeper.deploy import kinds
from lampkeeper.deploy.change import Change
from lampkeeper.deploy.order import barriers
from lampkeeper.deploy.stages import Action, Stage
from lampkeeper.deploy.state import LayerState, Owned, StateLock, States, digest
from lampkeeper.model.errors import UnsafePlanError, UsageError
from lampkeeper.model.layers import Layer
from lampkeeper.model.names import TableName
from lampkeeper.model.policies import Grant, SecurableType
from lampkeeper.model.tags import EntityType, TagAssignment

pytestmark = pytest.mark.unit

T = TypeVar("T")

TAG: Change[TagAssignment] = Change(
    kind=kinds.TAG, key="columns|dev.s.t.c|k", action=Action.CREATE, stage=Stage.PROTECT,
    after=TagAssignment(entity_type=EntityType.COLUMNS, entity_name="dev.s.t.c", key="k", value="naïve 'Ω'\n"),
)  # fmt: skip
GRANT: Change[Grant] = Change(
    kind=kinds.GRANT, key="TABLE|dev.s.t|g", action=Action.CREATE, stage=Stage.OPEN,
    after=Grant(securable_type=SecurableType.TABLE, securable=("dev", "s", "t"), principal="g", privileges=("SELECT",)),
)  # fmt: skip


def load(tmp_path: Path) -> LayerState:
    return LayerState.load(Layer.DATA_ACCESS, tmp_path / "state.json")


def owned(change: Change[T]) -> Owned[T]:
    assert change.after is not None
    return Owned(spec=change.after, remote_id="7")


def test_what_is_saved_is_read_back_and_the_serial_goes_up_by_one(tmp_path: Path) -> None:
    state = load(tmp_path)
    state.begin()
    state.intend(TAG)
    state.record(TAG, owned(TAG))
    state.govern([TableName("dev", "s", "t")])
    state.save()
    again = load(tmp_path)
    assert (again.objects, again.serial, again.lineage) == (state.objects, 1, state.lineage)
    assert again.governed == {("dev", "s", "t")}
    assert not state.journal.exists()
    text = state.path.read_bytes()
    again.save()
    assert state.path.read_bytes() == text


def test_a_run_that_died_leaves_its_journal_and_loading_folds_it_in(tmp_path: Path) -> None:
    state = load(tmp_path)
    state.begin()
    state.intend(TAG)
    state.record(TAG, owned(TAG))
    state.intend(GRANT)
    again = load(tmp_path)
    assert set(again.objects) == {("tag", TAG.key)}
    assert again.intents == {("grant", GRANT.key): Action.CREATE}
    assert again.lineage == state.lineage
    assert again.unsettled
    again.save()
    third = load(tmp_path)
    assert (third.serial, third.intents, third.unsettled) == (1, again.intents, True)


def test_a_torn_last_line_of_the_journal_is_no_harm(tmp_path: Path) -> None:
    state = load(tmp_path)
    state.begin()
    state.intend(TAG)
    state.record(TAG, owned(TAG))
    whole = state.journal.read_bytes()
    for cut in range(len(whole)):
        state.journal.write_bytes(whole[:cut])
        found = load(tmp_path)
        assert set(found.objects) <= {("tag", TAG.key)}
        assert not (found.objects and found.intents)


def test_a_refused_write_is_no_claim(tmp_path: Path) -> None:
    state = load(tmp_path)
    state.begin()
    state.intend(TAG)
    state.withdraw(TAG)
    assert load(tmp_path).intents == {}


def test_settling_is_remembered(tmp_path: Path) -> None:
    state = load(tmp_path)
    state.begin()
    state.intend(TAG)
    state.record(TAG, owned(TAG))
    state.settle()
    assert not load(tmp_path).unsettled


def test_a_file_that_is_not_ours_is_a_wrong_use(tmp_path: Path) -> None:
    for text in ("{", "[]", json.dumps({"format": 9}), json.dumps({"format": 2, "layer": "account"})):
        (tmp_path / "state.json").write_text(text)
        with pytest.raises(UsageError, match=r"state\.json"):
            load(tmp_path)


@pytest.mark.parametrize(("name", "text"), [
    ("state.json", json.dumps({"format": 1, "layer": "data_access", "objects": {"tag": {"k": {"body": {}, "digest": "0"}}}})),
    ("state.json.journal", json.dumps({"event": "begin", "lineage": "x"}) + "\n"),
])  # fmt: skip
def test_a_state_of_the_first_format_is_refused_by_name(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(UsageError, match=rf"{name}: written by lampkeeper 0.1") as caught:
        load(tmp_path)
    assert "with lampkeeper 0.1" in caught.value.fix


def test_a_record_that_says_more_than_its_kind_holds_is_refused(tmp_path: Path) -> None:
    state = load(tmp_path)
    state.begin()
    state.record(TAG, owned(TAG))
    state.save()
    document = json.loads(state.path.read_text())
    entry = document["objects"]["tag"][TAG.key]
    entry["spec"]["unknown"] = "field"
    entry["digest"] = digest(entry["spec"])
    state.path.write_text(json.dumps(document))
    with pytest.raises(UsageError, match="unknown"):
        load(tmp_path)


def test_one_run_at_a_time(tmp_path: Path) -> None:
    states = States.in_folder(tmp_path, "dev")
    with StateLock(states), pytest.raises(UnsafePlanError, match="another run"), StateLock(States.in_folder(tmp_path, "prod")):
        pass
    with StateLock(states):
        pass


def test_propagation_is_waited_for_before_anything_opens() -> None:
    delete = replace(TAG, key="other", action=Action.DELETE, stage=Stage.SWITCH)
    assert barriers([TAG, GRANT]) == {1}
    assert barriers([TAG, delete, GRANT]) == {1, 2}
    assert barriers([GRANT]) == frozenset()
    assert barriers([GRANT], unsettled=True) == {0}


def applied(states: States, change: Change[T]) -> None:
    """Record a write in the state as an apply does."""
    with StateLock(states):
        state = states[Layer.DATA_ACCESS]
        state.begin()
        state.intend(change)
        state.record(change, owned(change))
        state.save()


def test_of_two_appliers_that_read_the_same_state_the_second_is_refused_and_loses_nothing(tmp_path: Path) -> None:
    first, second = States.in_folder(tmp_path, "dev"), States.in_folder(tmp_path, "dev")
    applied(first, TAG)
    before = first[Layer.DATA_ACCESS].path.read_bytes()
    with pytest.raises(UnsafePlanError, match=r"another run has changed the state since it was read: serial 0 then, 1 now"):
        applied(second, GRANT)
    assert first[Layer.DATA_ACCESS].path.read_bytes() == before
    applied(States.in_folder(tmp_path, "dev"), GRANT)
    assert set(States.in_folder(tmp_path, "dev")[Layer.DATA_ACCESS].objects) == {("tag", TAG.key), ("grant", GRANT.key)}


def test_a_run_that_died_meanwhile_counts_as_a_change_too(tmp_path: Path) -> None:
    states = States.in_folder(tmp_path, "dev")
    died = States.in_folder(tmp_path, "dev")[Layer.DATA_ACCESS]
    died.begin()
    died.intend(TAG)
    with pytest.raises(UnsafePlanError, match="another run has changed the state"):
        applied(states, GRANT)
    applied(States.in_folder(tmp_path, "dev"), TAG)


def test_one_run_may_apply_twice_from_what_it_holds(tmp_path: Path) -> None:
    states = States.in_folder(tmp_path, "dev")
    applied(states, TAG)
    applied(states, GRANT)
    assert states[Layer.DATA_ACCESS].serial == 2
