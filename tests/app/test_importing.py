"""Importing spaces that people made elsewhere, on the local workspace: discovery, delay, refusal, and edits made meanwhile."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from lampkeeper.app.generating import generate
from lampkeeper.app.importing import import_spaces, imported_spaces
from lampkeeper.app.inputs import EnvInputs
from lampkeeper.app.snapshots import take_snapshot
from lampkeeper.deploy.direct import apply_plan
from lampkeeper.deploy.planner import make_plan
from lampkeeper.files.folder import EnvFolder
from lampkeeper.files.space_json import render_space
from lampkeeper.model.desired import Desired
from lampkeeper.model.errors import RemoteError, UnsafePlanError, UsageError
from lampkeeper.model.genie import GenieSpace
from lampkeeper.model.names import TableName
from lampkeeper.remote import space_import
from lampkeeper.remote.space_import import CONTENT_WAIT, fetch_space
from lampkeeper.remote.spaces import create_space, read_space, update_space
from support.env_folders import bank_folder
from support.governed_places import Place, light_place

pytestmark = pytest.mark.server

PAYLOAD = {
    "version": 2,
    "data_sources": {"tables": [{"identifier": "dev_fin.finance.customers", "description": ["Who we serve"]}]},
    "instructions": {"text_instructions": [{"id": "0" * 32, "content": ["Line one\n", "line two"]}]},
}


@dataclass
class Timeouts:
    """A clock that only counts."""

    slept: list[float] = field(default_factory=list)

    def now(self) -> float:
        return sum(self.slept)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


class Slow:
    """A reader that shows a space's content after some looks, or refuses."""

    def __init__(self, looks: int) -> None:
        self.looks = looks

    def __call__(self, workspace: Any, space_id: str) -> dict[str, Any]:
        self.looks -= 1
        return {"space_id": space_id} | ({"serialized_space": json.dumps(PAYLOAD)} if self.looks < 0 else {})


NOWHERE: Any = None


def test_a_content_that_is_late_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Timeouts()
    monkeypatch.setattr(space_import, "read_space", Slow(3))
    assert fetch_space(NOWHERE, "x", wait=True, clock=clock)["serialized_space"]
    assert clock.slept == [5.0, 10.0, 20.0]


def test_a_content_that_never_comes_is_an_error_after_the_last_look(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Timeouts()
    monkeypatch.setattr(space_import, "read_space", Slow(99))
    with pytest.raises(RemoteError, match="no content after 260 seconds") as caught:
        fetch_space(NOWHERE, "x", wait=True, clock=clock)
    assert "uc_tables" in caught.value.fix
    assert clock.now() == CONTENT_WAIT.limit
    assert "serialized_space" not in fetch_space(NOWHERE, "x", wait=False, clock=clock)


def test_where_partner_ai_refuses_a_write_that_changes_nothing_shows_the_content(monkeypatch: pytest.MonkeyPatch) -> None:
    writes: list[Any] = []

    def refuse(workspace: Any, space_id: str) -> Any:
        raise RemoteError("Partner-powered AI features are off (cross-Geo)", code="PERMISSION_DENIED", status=403)

    def patch(workspace: Any, space_id: str, body: Any) -> Any:
        writes.append(body)
        return {"space_id": space_id, "serialized_space": json.dumps(PAYLOAD)}

    monkeypatch.setattr(space_import, "read_space", refuse)
    monkeypatch.setattr(space_import, "update_space", patch)
    monkeypatch.setattr(space_import, "list_spaces", lambda workspace: [{"space_id": "x", "title": "Sales"}])
    assert fetch_space(NOWHERE, "x", wait=True, clock=Timeouts())["serialized_space"]
    assert writes == [{"title": "Sales"}]
    with pytest.raises(RemoteError, match="Partner"):
        fetch_space(NOWHERE, "y", wait=True, clock=Timeouts())
    assert len(writes) == 1


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with light_place(tmp_path / "place") as running:
        running.sql(
            "CREATE CATALOG dev_fin",
            "CREATE SCHEMA dev_fin.finance",
            "CREATE TABLE dev_fin.finance.customers (id BIGINT, first_name STRING, ssn STRING, email STRING, city STRING)",
        )
        yield running


def made_elsewhere(place: Place) -> str:
    payload = json.dumps(PAYLOAD)
    return create_space(
        place.workspace, {"title": "Sales", "warehouse_id": place.space.warehouse_id, "serialized_space": payload}
    )


def attached(tmp_path: Path, space_id: str) -> EnvFolder:
    folder = bank_folder(tmp_path)
    folder.settings_path.write_text(
        f'genie_spaces = [\n  # ours since May\n  {{\n    name = "Sales"\n    genie_space_id = "{space_id}"\n  }}\n]\n'
    )
    return folder


def test_the_tables_of_an_attached_space_are_found_and_written_and_its_content_is_kept(place: Place, tmp_path: Path) -> None:
    space_id = made_elsewhere(place)
    folder = attached(tmp_path, space_id)
    assert [f.code for f in import_spaces(EnvInputs(folder), place.workspace, Timeouts())] == ["LK023"]
    assert folder.settings().patterns == ("dev_fin.finance.customers",)
    assert "# ours since May" in folder.settings_path.read_text()
    assert import_spaces(EnvInputs(folder), place.workspace, Timeouts()) == ()
    take_snapshot(EnvInputs(folder), place.workspace)
    (space,) = generate(EnvInputs(folder)).desired.spaces
    assert space.instructions == "Line one\nline two"
    assert space.space_id == space_id
    assert space.acl_groups
    held = read_space(place.workspace, space_id)
    assert held is not None
    text = str(held["serialized_space"])
    assert json.loads(render_space(space, text)) == json.loads(text)


def test_an_edit_made_between_plan_and_apply_is_a_clear_error_and_stays(place: Place, tmp_path: Path) -> None:
    space_id = made_elsewhere(place)
    space = GenieSpace(
        name="Sales", tables=(TableName("dev_fin", "finance", "customers"),), instructions="Ours", space_id=space_id
    )
    states = place.states()
    plan = make_plan(Desired(spaces=(space,), tables=space.tables), place.workspace, states, adopt=True)
    theirs = json.dumps(PAYLOAD | {"config": {"sample_questions": [{"id": "1" * 32, "question": ["Theirs?"]}]}})
    update_space(place.workspace, space_id, {"serialized_space": theirs})
    with pytest.raises(UnsafePlanError, match="has changed since the plan was created: genie_space sales"):
        apply_plan(plan, place.workspace, states)
    # A change in the last moment is seen by the write itself.
    with pytest.raises(RemoteError, match="was edited since the plan was created") as caught:
        apply_plan(plan, place.workspace, states, saved=False)
    assert "`plan` again" in caught.value.fix
    held = read_space(place.workspace, space_id)
    assert held is not None
    assert "Theirs?" in str(held["serialized_space"])


def test_a_space_that_is_gone_and_a_copy_of_another_are_reported(place: Place, tmp_path: Path) -> None:
    folder = attached(tmp_path, "f" * 32)
    with pytest.raises(RemoteError, match="no Genie space"):
        import_spaces(EnvInputs(folder), place.workspace, Timeouts())
    path = folder.space_draft_path("sales") / "imported.json"
    path.parent.mkdir(parents=True)
    path.write_text('{"space_id": "other"}')
    with pytest.raises(UsageError, match="is not the space"):
        imported_spaces(folder, (GenieSpace(name="Sales", tables=(), space_id="f" * 32),))


def test_several_spaces_are_imported_at_once_and_each_goes_out_as_it_came(place: Place, tmp_path: Path) -> None:
    place.sql("CREATE TABLE dev_fin.finance.transactions (transaction_id BIGINT, amount DECIMAL(18,2))")
    texts = {"instructions": {"text_instructions": [{"id": "1" * 32, "content": ["Money"]}]}}
    other = {"version": 2, "data_sources": {"tables": [{"identifier": "dev_fin.finance.transactions"}]}} | texts
    body = {"title": "Money", "warehouse_id": place.space.warehouse_id, "serialized_space": json.dumps(other)}
    ids = {"Sales": made_elsewhere(place), "Money": create_space(place.workspace, body)}
    folder = bank_folder(tmp_path)
    spaces = ", ".join(f'{{ name = "{n}", genie_space_id = "{i}" }}' for n, i in ids.items())
    folder.settings_path.write_text(f"genie_spaces = [{spaces}]\n")
    assert [f.code for f in import_spaces(EnvInputs(folder), place.workspace, Timeouts())] == ["LK023", "LK023"]
    assert folder.settings().patterns == ("dev_fin.finance.customers", "dev_fin.finance.transactions")
    take_snapshot(EnvInputs(folder), place.workspace)
    for space in generate(EnvInputs(folder)).desired.spaces:
        held = read_space(place.workspace, ids[space.name])
        assert held is not None
        there = json.loads(str(held["serialized_space"]))
        spelled = json.dumps(there, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        assert render_space(space, str(held["serialized_space"])) == spelled
    kept = {n: (folder.space_draft_path(n.lower()) / "imported.json").read_text() for n in ids}
    assert ("Money" in kept["Money"], "Line one" in kept["Sales"]) == (True, True)


def test_functions_that_answer_from_the_tables_of_a_space_are_proposed(place: Place, tmp_path: Path) -> None:
    place.sql(
        "CREATE FUNCTION dev_fin.finance.people_in(place STRING) RETURNS BIGINT "
        "RETURN (SELECT count(*) FROM dev_fin.finance.customers WHERE city = place)",
        "CREATE FUNCTION dev_fin.finance.mail_of(wanted BIGINT) RETURNS STRING "
        "RETURN (SELECT max(email) FROM dev_fin.finance.customers WHERE id = wanted)",
        "CREATE FUNCTION dev_fin.finance.twice(n BIGINT) RETURNS BIGINT RETURN n * 2",
    )
    folder = bank_folder(tmp_path)
    folder.settings_path.write_text('genie_spaces = [{ name = "Ours", uc_tables = ["dev_fin.finance.*"] }]\n')
    assert folder.snapshot().functions == ()
    snapshot = take_snapshot(EnvInputs(folder), place.workspace)
    assert folder.snapshot() == snapshot
    made = generate(EnvInputs(folder))
    assert made.desired.spaces[0].functions == ("dev_fin.finance.people_in",)
    assert "LK026" in {f.code for f in made.findings}
