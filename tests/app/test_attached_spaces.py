"""Attached spaces from the import to the destroy: by their ids alone, verbatim, beside people who edit them in the UI."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lampkeeper.app.generating import generate
from lampkeeper.app.importing import import_spaces, imported_path
from lampkeeper.app.inputs import EnvInputs
from lampkeeper.app.planning import make_env_plan
from lampkeeper.app.snapshots import take_snapshot
from lampkeeper.deploy.direct import apply_plan
from lampkeeper.deploy.kinds import GENIE_ACL, GENIE_SPACE
from lampkeeper.deploy.live_state import acl_path
from lampkeeper.deploy.plan import Plan
from lampkeeper.deploy.planner import plan_destroy
from lampkeeper.deploy.state import States
from lampkeeper.files.folder import EnvFolder
from lampkeeper.files.space_json import read_space as parse_space
from lampkeeper.files.space_json import render_space
from lampkeeper.model.errors import UsageError
from lampkeeper.model.layers import Layer
from lampkeeper.remote import space_import
from lampkeeper.remote.spaces import create_space, read_space, trash_space, update_space
from support.env_folders import bank_folder
from support.governed_places import Place, light_place

pytestmark = pytest.mark.server

SPACES_ONLY = (Layer.WORKSPACE,)


def item(number: int, **fields: Any) -> dict[str, Any]:
    """Return an item of a payload with an id of 32 hex digits; lists are sorted by it."""
    return {"id": f"{number:032x}", **fields}


RICH: dict[str, Any] = {
    "version": 2,
    "config": {"sample_questions": [item(1, question=["Who", " pays late?"]), item(2, question=["Für wen?\n", "Zeile zwei"])]},
    "data_sources": {
        "tables": [
            {
                "identifier": "dev_fin.finance.customers",
                "description": ["Who we serve\n", "since 1999"],
                "column_configs": [
                    {"column_name": "city", "synonyms": ["town", "Stadt"], "enable_format_assistance": True,
                     "enable_entity_matching": True},
                    {"column_name": "id", "description": ["The number"], "exclude": False},
                ],
            },
            {"identifier": "dev_fin.finance.transactions"},
        ]
    },
    "instructions": {
        "text_instructions": [item(3, content=["Amounts are in euros.\n", "Say so.\n", "Second block"])],
        "example_question_sqls": [
            item(
                5, question=["How many in a city?"], sql=["SELECT count(*)\n", "FROM dev_fin.finance.customers WHERE city = :c"],
                usage_guidance=["One city at a time"],
                parameters=[
                    {"name": "c", "type_hint": "STRING", "description": ["A city"], "default_value": {"values": ["Bern"]}}
                ],
            )
        ],
        "sql_functions": [item(6, identifier="dev_fin.finance.people_in")],
        "join_specs": [
            item(
                7, left={"identifier": "dev_fin.finance.customers", "alias": "c"},
                right={"identifier": "dev_fin.finance.transactions", "alias": "t"},
                sql=["`c`.`id` = `t`.`transaction_id`", "--rt=FROM_RELATIONSHIP_TYPE_ONE_TO_MANY--"], comment=["by the number"],
                instruction=["Use it for totals"],
            )
        ],
        "sql_snippets": {
            "filters": [item(8, sql=["customers.city = 'Bern'"], display_name="in Bern", synonyms=["Bernese"])],
            "expressions": [item(9, alias="initial", sql=["substr(customers.city, 1, 1)"], display_name="initial")],
            "measures": [item(10, alias="total", sql=["sum(transactions.amount)"], display_name="total", comment=["all"])],
        },
    },
    "benchmarks": {
        "questions": [
            item(
                11, question=["How many?"],
                answer=[{"format": "SQL", "content": ["SELECT count(*)\n", "FROM dev_fin.finance.customers"]}],
            )
        ]
    },
}  # fmt: skip


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with light_place(tmp_path) as running:
        running.sql(
            "CREATE CATALOG dev_fin",
            "CREATE SCHEMA dev_fin.finance",
            "CREATE TABLE dev_fin.finance.customers (id BIGINT, first_name STRING, ssn STRING, email STRING, city STRING)",
            "CREATE TABLE dev_fin.finance.transactions (transaction_id BIGINT, amount DECIMAL(18,2))",
            "CREATE FUNCTION dev_fin.finance.people_in(place STRING) RETURNS BIGINT RETURN 1",
        )
        yield running


def made_in_the_ui(place: Place, title: str = "Kunden & Umsätze", content: dict[str, Any] | None = None) -> str:
    body = {
        "title": title, "warehouse_id": place.space.warehouse_id, "description": "Made by hand",
        "serialized_space": json.dumps(RICH if content is None else content),
    }  # fmt: skip
    return create_space(place.workspace, body)


def content_of(place: Place, space_id: str) -> dict[str, Any]:
    found = read_space(place.workspace, space_id)
    assert found is not None
    content: dict[str, Any] = json.loads(found["serialized_space"])
    return content


def edited(place: Place, space_id: str, *path: str, value: Any) -> None:
    """Change one part of a space, as someone does in the UI."""
    content = content_of(place, space_id)
    home = content
    for name in path[:-1]:
        home = home.setdefault(name, {})
    home[path[-1]] = value
    update_space(place.workspace, space_id, {"serialized_space": json.dumps(content)})


class Env:
    """The environment `dev`, whose spaces are attached by their ids."""

    def __init__(self, place: Place, settings: str) -> None:
        """Write the settings."""
        self.place = place
        self.folder: EnvFolder = bank_folder(place.folder)
        self.folder.settings_path.write_text(settings)

    @property
    def inputs(self) -> EnvInputs:
        """Return the files, as a new process reads them."""
        return EnvInputs(self.folder)

    def generate(self) -> list[str]:
        """Import, read the tables and write the draft; return the codes of the import's findings."""
        inputs = self.inputs
        found = import_spaces(inputs, self.place.workspace)
        take_snapshot(inputs, self.place.workspace)
        generate(inputs)
        return [f.code for f in found]

    def change_draft(self, old: str, new: str) -> None:
        """Replace a text in the draft."""
        draft = self.folder.generated_path / "abac.auto.tfvars"
        assert old in draft.read_text()
        draft.write_text(draft.read_text().replace(old, new))

    def plan(self, *, adopt: bool = False) -> Plan:
        """Plan the workspace layer."""
        return make_env_plan(self.inputs, self.place.workspace, layers=SPACES_ONLY, adopt=adopt)[0]

    def apply(self, plan: Plan | None = None) -> States:
        """Apply a plan of the workspace layer; groups and warehouse are made first."""
        if plan is None:
            account = (Layer.ACCOUNT,)
            made = make_env_plan(self.inputs, self.place.workspace, layers=account)[0]
            apply_plan(made, self.place.workspace, self.inputs.states, saved=False)
            plan = self.plan()
        assert not plan.blocked, plan.findings
        states = self.inputs.states
        apply_plan(plan, self.place.workspace, states, saved=False)
        return states

    def destroy(self) -> Plan:
        """Destroy the workspace layer."""
        states = self.inputs.states
        plan = plan_destroy(self.place.workspace, states, layers=SPACES_ONLY)
        apply_plan(plan, self.place.workspace, states, saved=False, allow_widening=True)
        return plan

    def id_files(self) -> list[str]:
        """Return the names of the files with ids of spaces."""
        return sorted(p.name for p in self.folder.path.glob(".genie_space_id*"))


GROUPS = 'groups = { data_analysts = { description = "Read" } }\n'


def attached_env(place: Place, *space_ids: str) -> Env:
    entries = ", ".join(f'{{ genie_space_id = "{i}" }}' for i in space_ids)
    return Env(place, f"genie_spaces = [{entries}]\n{GROUPS}")


def of_space(plan: Plan) -> list[str]:
    return [f"{c.action} {c.key}" for c in plan.changes if c.kind is GENIE_SPACE]


def test_a_space_is_attached_by_its_id_alone_and_its_title_and_tables_are_written_into_the_settings(place: Place) -> None:
    space_id = made_in_the_ui(place)
    env = attached_env(place, space_id)
    with pytest.raises(UsageError, match="has no name yet"):
        generate(env.inputs)
    assert env.generate() == ["LK023"]
    (space,) = env.inputs.settings.spaces
    assert (space.name, space.space_id, space.key) == ("Kunden & Umsätze", space_id, "kunden_ums_tze")
    assert space.tables == ("dev_fin.finance.customers", "dev_fin.finance.transactions")
    before = env.folder.settings_path.read_bytes()
    assert env.generate() == []
    assert env.folder.settings_path.read_bytes() == before


def test_several_spaces_by_id_alone_get_keys_of_their_own_even_with_one_title(place: Place) -> None:
    ids = [made_in_the_ui(place, t) for t in ("Sales", "Sales", "数据", "sales-")]
    env = attached_env(place, *ids)
    assert env.generate() == ["LK023"] * 4
    spaces = env.inputs.settings.spaces
    assert [s.space_id for s in spaces] == ids
    assert [s.name for s in spaces] == ["Sales", f"Sales {ids[1][:8]}", f"数据 {ids[2][:8]}", f"sales- {ids[3][:8]}"]
    assert len({s.key for s in spaces}) == 4
    assert all(imported_path(env.folder, s.key).is_file() for s in spaces)
    assert of_space(env.plan()) == []


def test_a_title_that_hcl_or_a_terminal_would_read_otherwise_is_written_as_it_is(place: Place) -> None:
    title = 'A "quoted" ${name} %{if} \\ \u202e x'
    env = attached_env(place, made_in_the_ui(place, title))
    env.generate()
    assert env.inputs.settings.spaces[0].name == " ".join(title.split())
    env.generate()
    assert of_space(env.plan()) == []


def test_import_export_import_is_identity(place: Place) -> None:
    space_id = made_in_the_ui(place)
    env = attached_env(place, space_id)
    env.generate()
    inputs = env.inputs
    inputs.split()
    (space,) = EnvInputs(env.folder).layers.desired.spaces
    there = content_of(place, space_id)
    # Over the space itself, nothing changes.
    assert json.loads(render_space(space, json.dumps(there))) == there == RICH
    # Into a space that is empty, everything that has a place in the model arrives, with the same ids each time.
    text = render_space(space)
    assert text == render_space(space)
    copy = made_in_the_ui(place, "Copy", json.loads(text))
    read = parse_space(json.dumps(content_of(place, copy)), name=space.name)
    mine = replace(space, title="", description="", space_id="", acl_groups=())
    assert replace(read, columns=tuple(sorted(read.columns))) == replace(mine, columns=tuple(sorted(mine.columns)))


def test_what_was_imported_is_never_written_and_no_space_is_created_or_deleted(place: Place) -> None:
    space_id = made_in_the_ui(place)
    env = attached_env(place, space_id)
    entry = {"access_control_list": [{"group_name": "owners", "permission_level": "CAN_EDIT"}]}
    place.group("owners")
    place.workspace.write("test", "PATCH", acl_path("genie", space_id), entry)
    before = read_space(place.workspace, space_id)
    env.generate()
    states = env.apply()
    assert [p.group for p in (o.spec for o in states.owned(GENIE_ACL).values())] == ["data_analysts"]
    assert states.owned(GENIE_SPACE) == {}
    assert env.id_files() == []
    assert of_space(env.plan()) == []
    assert read_space(place.workspace, space_id) == before
    env.destroy()
    assert read_space(place.workspace, space_id) == before
    listed = place.workspace.get("test", acl_path("genie", space_id))["access_control_list"]
    assert {e.get("group_name") for e in listed} & {"owners", "data_analysts"} == {"owners"}


def test_explicit_tables_and_an_empty_content_do_not_push_generated_content(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    space_id = made_in_the_ui(place)
    env = Env(
        place,
        f'genie_spaces = [{{ name = "Sales", genie_space_id = "{space_id}", uc_tables = ["dev_fin.finance.*"] }}]\n{GROUPS}',
    )

    def late(workspace: Any, wanted: str) -> Any:
        found = read_space(workspace, wanted)
        return None if found is None else {k: v for k, v in found.items() if k != "serialized_space"}

    monkeypatch.setattr(space_import, "read_space", late)
    env.generate()
    monkeypatch.undo()
    (space,) = env.inputs.draft.spaces
    assert (space.instructions, space.examples, space.sample_questions) == ("", (), ())
    before = read_space(place.workspace, space_id)
    env.apply()
    assert read_space(place.workspace, space_id) == before
    env.generate()
    assert env.inputs.draft.spaces[0].sample_questions == ("Who\n pays late?", "Für wen?\nZeile zwei")


def test_tables_that_the_settings_do_not_name_are_an_error_of_the_import(place: Place) -> None:
    space_id = made_in_the_ui(place)
    env = Env(
        place,
        f'genie_spaces = [{{ genie_space_id = "{space_id}", uc_tables = ["dev_fin.finance.customers"] }}]\n{GROUPS}',
    )
    (found,) = import_spaces(env.inputs, place.workspace)
    assert (found.code, found.severity) == ("LK030", "error")
    assert "dev_fin.finance.transactions" in found.message


def test_edits_in_the_ui_stay_and_those_of_the_files_are_written_beside_them(place: Place) -> None:
    space_id = made_in_the_ui(place)
    env = attached_env(place, space_id)
    env.generate()
    env.apply()
    # Only in the UI: the files follow, nothing is written.
    edited(place, space_id, "config", "sample_questions", value=[item(1, question=["Theirs?"])])
    update_space(place.workspace, space_id, {"title": "Another title", "description": "Theirs too"})
    assert env.plan().changes == ()
    assert "LK025" not in {f.code for f in env.plan().findings}
    # In the files too, elsewhere: both stay.
    env.change_draft("Amounts are in euros.", "Amounts are in francs.")
    plan = env.plan()
    assert of_space(plan) == ["adopt kunden_ums_tze", "update kunden_ums_tze"]
    states = env.apply(plan)
    content = content_of(place, space_id)
    assert content["config"] == {"sample_questions": [item(1, question=["Theirs?"])]}
    assert "francs" in json.dumps(content["instructions"]["text_instructions"])
    for kept in ("example_question_sqls", "sql_functions", "join_specs", "sql_snippets"):
        assert content["instructions"][kept] == RICH["instructions"][kept]
    assert (content["data_sources"], content["benchmarks"]) == (RICH["data_sources"], RICH["benchmarks"])
    found = read_space(place.workspace, space_id) or {}
    assert (found["title"], found["description"]) == ("Another title", "Theirs too")
    # The state tells that the space is attached, and there is no file for a space that lampkeeper did not make.
    assert states.owned(GENIE_SPACE)["kunden_ums_tze"].spec.space_id == space_id
    assert env.id_files() == []
    assert env.plan().empty
    env.destroy()
    assert content_of(place, space_id) == content
    assert env.inputs.states.owned(GENIE_SPACE) == {}


def test_an_import_without_a_new_draft_does_not_turn_an_edit_in_the_ui_into_a_wish_of_the_files(place: Place) -> None:
    ids = [made_in_the_ui(place), made_in_the_ui(place, "Other")]
    env = attached_env(place, *ids)
    env.generate()
    env.apply()
    for space_id in ids:
        edited(place, space_id, "config", "sample_questions", value=[item(1, question=["Theirs?"])])
    import_spaces(env.inputs, place.workspace)
    assert env.plan().empty
    inputs = env.inputs
    import_spaces(inputs, place.workspace)
    generate(inputs, space="Other")
    assert env.plan().empty


def test_a_field_that_both_changed_refuses_the_plan_and_nothing_is_lost(place: Place) -> None:
    space_id = made_in_the_ui(place)
    env = attached_env(place, space_id)
    env.generate()
    env.apply()
    env.change_draft("Amounts are in euros.", "Amounts are in francs.")
    edited(place, space_id, "instructions", "text_instructions", value=[item(3, content=["Amounts are in yen."])])
    plan = env.plan()
    (found,) = (f for f in plan.findings if f.code == "LK025")
    assert (found.severity, plan.blocked) == ("error", True)
    assert "instructions" in found.message
    assert "--mode genie" in found.fix
    env.generate()
    assert env.plan().empty


def test_an_edit_between_plan_and_apply_stops_the_write(place: Place) -> None:
    space_id = made_in_the_ui(place)
    env = attached_env(place, space_id)
    env.generate()
    env.apply()
    env.change_draft("Amounts are in euros.", "Amounts are in francs.")
    plan = env.plan()
    edited(place, space_id, "config", "sample_questions", value=[item(1, question=["Theirs?"])])
    theirs = content_of(place, space_id)
    with pytest.raises(Exception, match="was edited since the plan was created"):
        env.apply(plan)
    assert content_of(place, space_id) == theirs
    env.apply(env.plan())
    assert content_of(place, space_id)["config"] == theirs["config"]


def test_an_attached_space_that_was_deleted_in_the_ui_is_an_error_and_is_not_created(place: Place) -> None:
    space_id = made_in_the_ui(place)
    env = attached_env(place, space_id)
    env.generate()
    env.apply()
    trash_space(place.workspace, space_id)
    plan = env.plan()
    assert of_space(plan) == []
    assert plan.blocked
    assert {"ATTACHED_MISSING"} == {f.code for f in plan.findings if f.severity == "error"}
    env.destroy()
    assert env.inputs.states.owned(GENIE_ACL) == {}


OURS = f'genie_spaces = [{{ name = "Sales", uc_tables = ["dev_fin.finance.*"] }}]\n{GROUPS}'


def test_a_created_space_that_was_deleted_in_the_ui_is_reported_and_created_again(place: Place) -> None:
    env = Env(place, OURS)
    env.generate()
    states = env.apply()
    first = states.owned(GENIE_SPACE)["sales"]
    assert (first.spec.space_id, env.id_files()) == ("", [".genie_space_id_sales"])
    trash_space(place.workspace, first.remote_id)
    plan = env.plan()
    assert of_space(plan) == ["create sales"]
    (found,) = (f for f in plan.findings if f.code == "SPACE_DELETED")
    assert first.remote_id in found.message
    states = env.apply(plan)
    second = states.owned(GENIE_SPACE)["sales"].remote_id
    assert second != first.remote_id
    assert (env.folder.path / ".genie_space_id_sales").read_text() == f"{second}\n"
    assert env.plan().empty
    env.destroy()
    assert env.id_files() == []
    assert read_space(place.workspace, second) is None


def test_a_foreign_space_with_the_same_title_is_named_and_left_alone(place: Place) -> None:
    theirs = made_in_the_ui(place, "Sales")
    env = Env(place, OURS)
    env.generate()
    (found,) = (f for f in env.plan().findings if f.code == "SPACE_TITLE_TAKEN")
    assert theirs in found.fix
    env.apply()
    env.destroy()
    assert content_of(place, theirs) == RICH


def test_an_entry_that_now_means_another_space_is_refused(place: Place) -> None:
    env = Env(place, OURS)
    env.generate()
    env.apply()
    other = made_in_the_ui(place)
    env.folder.settings_path.write_text(f'genie_spaces = [{{ name = "Sales", genie_space_id = "{other}" }}]\n{GROUPS}')
    env.generate()
    plan = env.plan()
    assert plan.blocked
    assert "SPACE_REPLACED" in {f.code for f in plan.findings}


def test_a_group_that_the_identity_provider_deleted_is_named(place: Place) -> None:
    space_id = made_in_the_ui(place)
    env = Env(place, f'genie_spaces = [{{ genie_space_id = "{space_id}" }}]\ngroups = {{ idp_team = {{ external = true }} }}\n')
    group = place.group("idp_team")
    env.generate()
    env.apply()
    path, api_level = place.workspace.scim("Groups")
    place.workspace.write("test", "DELETE", f"{path}/{group}", api_level=api_level)
    plan = env.plan()
    assert plan.blocked
    (found,) = (f for f in plan.findings if f.code == "EXTERNAL_GROUP_MISSING")
    assert "idp_team" in found.location
    env.destroy()
    assert content_of(place, space_id) == RICH


def test_a_higher_level_of_others_stays_and_a_destroy_leaves_what_they_raised(place: Place) -> None:
    space_id = made_in_the_ui(place)
    place.group("data_analysts")
    env = attached_env(place, space_id)
    entry = {"access_control_list": [{"group_name": "data_analysts", "permission_level": "CAN_EDIT"}]}
    place.workspace.write("test", "PATCH", acl_path("genie", space_id), entry)
    env.generate()
    states = env.apply()
    assert states.owned(GENIE_ACL) == {}
    env.destroy()
    listed = place.workspace.get("test", acl_path("genie", space_id))["access_control_list"]
    assert "data_analysts" in {e.get("group_name") for e in listed}
