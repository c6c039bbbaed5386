"""Keyed functions in plan, state and apply: the key reaches the platform and nothing else; a change of it is an update."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from lampkeeper.deploy.direct import apply_plan
from lampkeeper.deploy.plan import Plan
from lampkeeper.deploy.planner import make_plan, plan_destroy
from lampkeeper.deploy.printed_plan import plan_lines
from lampkeeper.deploy.wait import PropagationWait
from lampkeeper.model.errors import RemoteError, UnsafePlanError, UsageError
from lampkeeper.model.hash_key import HashKey
from lampkeeper.remote.securables import read_functions
from localspace.core.stored_documents import kinds
from support.governed_places import Place, light_place
from support.keyed_places import keyed_desired, make_people

pytestmark = pytest.mark.server

NOW = PropagationWait(seconds=0)


def fresh() -> HashKey:
    return HashKey.parse(secrets.token_hex(32), "a test")


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with light_place(tmp_path) as found:
        make_people(found)
        yield found


def bring(place: Place, key: HashKey | None, plan: Plan | None = None) -> Plan:
    made = plan or make_plan(keyed_desired(place, key), place.workspace, place.states())
    apply_plan(made, place.workspace, place.states(), wait=NOW, hash_key=key)
    return made


def test_the_key_is_in_the_function_and_in_no_file(place: Place, tmp_path: Path) -> None:
    key = fresh()
    place.space.workspace.services.faults.keep_bodies = True
    made = bring(place, key)
    stored = place.space.workspace.store.get(kinds.FUNCTION, "c", "lampkeeper", "mask_email")
    assert stored is not None
    assert key.pads[0] in stored["routine_definition"]
    assert "keyed" in "\n".join(line.text for line in plan_lines(made))
    pieces = (*key.pads, key.block[:32].hex())
    texts = [
        made.to_json(),
        repr(place.space.workspace.services.faults.requests()),
        repr(place.space.workspace.services.statements.listed()),
    ]
    texts += [p.read_text() for p in (tmp_path / "envs").rglob("*") if p.is_file()]
    assert len(texts) > 4
    assert [t[:80] for t in texts for piece in pieces if piece in t] == []


def test_reading_back_gives_the_placeholders_and_the_plan_is_empty(place: Place) -> None:
    key = fresh()
    bring(place, key)
    ((function, _),) = read_functions(place.workspace, "c", "lampkeeper")
    assert (function.body, function.key_id) == (keyed_desired(place, key).functions[0].body, key.id)
    assert make_plan(keyed_desired(place, key), place.workspace, place.states()).empty


def test_another_key_is_one_update_in_place_and_widens_nothing(place: Place) -> None:
    old, new = fresh(), fresh()
    bring(place, old)
    made = make_plan(keyed_desired(place, new), place.workspace, place.states())
    assert [(c.kind.name, str(c.action)) for c in made.changes] == [("function", "update")]
    assert any("key changed" in line.text for line in plan_lines(made))
    assert made.widening == made.exposures == ()
    bring(place, new, made)
    assert make_plan(keyed_desired(place, new), place.workspace, place.states()).empty


def test_without_the_key_what_stands_can_be_compared_and_nothing_keyed_can_be_made(place: Place) -> None:
    key = fresh()
    with pytest.raises(UsageError) as refused:
        bring(place, None)
    assert refused.value.exit_code == 2
    assert place.states()["data_access"].objects == {}  # type: ignore[index]
    bring(place, key)
    assert make_plan(keyed_desired(place, None), place.workspace, place.states()).empty
    other = fresh().insert(keyed_desired(place, key).functions[0].create_sql())
    place.sql(other)
    made = make_plan(keyed_desired(place, None), place.workspace, place.states())
    assert [(c.kind.name, str(c.action)) for c in made.changes] == [("function", "update")]
    with pytest.raises(UsageError):
        bring(place, None, made)


def test_a_saved_plan_is_refused_once_the_key_has_changed(place: Place) -> None:
    made = Plan.from_json(make_plan(keyed_desired(place, fresh()), place.workspace, place.states()).to_json())
    with pytest.raises(UnsafePlanError):
        bring(place, fresh(), made)


def test_an_error_of_the_platform_does_not_echo_the_key(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    key = fresh()
    made = make_plan(keyed_desired(place, key), place.workspace, place.states())

    def failing(workspace: object, sql: str, *args: object, **more: object) -> None:
        raise RemoteError(f"[PARSE_SYNTAX_ERROR] near {sql[:400]} == SQL == {sql}", code="PARSE_SYNTAX_ERROR", status=400)

    monkeypatch.setattr("lampkeeper.deploy.kinds.function.run_sql", failing)
    with pytest.raises(RemoteError) as reported:
        bring(place, key, made)
    assert "PARSE_SYNTAX_ERROR" in reported.value.message
    assert reported.value.__cause__ is None
    assert not any(pad[:16] in reported.value.message for pad in key.pads)


def test_destroy_needs_no_key(place: Place) -> None:
    bring(place, fresh())
    made = plan_destroy(place.workspace, place.states())
    apply_plan(made, place.workspace, place.states(), wait=NOW)
    assert place.space.workspace.store.list(kinds.FUNCTION) == []
