"""Governed tags that another team has made, used in place of ours, on a local workspace: never written, never taken away."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from lampkeeper.app.generating import Generated, generate
from lampkeeper.app.inputs import EnvInputs
from lampkeeper.app.planning import make_env_plan
from lampkeeper.app.snapshots import take_snapshot
from lampkeeper.deploy.direct import apply_plan
from lampkeeper.deploy.plan import Plan
from lampkeeper.deploy.planner import plan_destroy
from lampkeeper.deploy.stages import Action
from lampkeeper.deploy.wait import PropagationWait
from lampkeeper.files.folder import EnvFolder
from lampkeeper.model.errors import UnsafePlanError
from lampkeeper.model.findings import Severity
from support.env_folders import bank_folder
from support.governed_places import Place, light_place

pytestmark = pytest.mark.server

TAXONOMY = """\
tags:
  - {label: email, key: data_class, value: email}
  - {label: name, key: data_class, value: person}
  - {label: national_id, key: data_class, value: gov_id}
  - {label: none, key: data_class, value: public}
"""
COLUMNS = {"dev_fin.finance.customers": ("first_name", "ssn", "email", "blurb", "city")}
ANA = "ana@bank.example"


@dataclass
class Team:
    """The place, its environment, and what the other team's tags looked like before we came."""

    place: Place
    folder: EnvFolder

    def generate(self) -> Generated:
        take_snapshot(EnvInputs(self.folder), self.place.workspace)
        return generate(EnvInputs(self.folder))

    def plan(self) -> Plan:
        return make_env_plan(EnvInputs(self.folder), self.place.workspace)[0]

    def apply(self) -> None:
        plan, states = make_env_plan(EnvInputs(self.folder), self.place.workspace)
        apply_plan(plan, self.place.workspace, states, wait=PropagationWait(seconds=0))

    def destroy(self) -> None:
        states = make_env_plan(EnvInputs(self.folder), self.place.workspace)[1]
        plan = plan_destroy(self.place.workspace, states)
        apply_plan(plan, self.place.workspace, states, wait=PropagationWait(seconds=0), allow_widening=True)

    def govern(self, key: str, *values: str) -> None:
        body = {"tag_key": key, "description": "ours since 2019", "values": [{"name": v} for v in values]}
        self.place.workspace.write("test", "POST", "/api/2.1/tag-policies", body)


@pytest.fixture
def team(tmp_path: Path) -> Iterator[Team]:
    with light_place(tmp_path / "place") as running:
        running.sql(
            "CREATE CATALOG dev_fin",
            "CREATE SCHEMA dev_fin.finance",
            "CREATE TABLE dev_fin.finance.customers "
            "(id BIGINT, first_name STRING, ssn STRING, email STRING, blurb STRING, city STRING)",
            "CREATE TABLE dev_fin.finance.elsewhere (mail STRING)",
        )
        for name in (ANA, "olga@bank.example", "fay@bank.example"):
            running.user(name)
        folder = bank_folder(tmp_path)
        settings = folder.settings_path.read_text().replace("finance.*", "finance.customers")
        folder.settings_path.write_text(f'{settings}unreviewed = "allow"\n')
        folder.taxonomy_path.write_text(TAXONOMY)
        yield Team(running, folder)


def test_tags_of_another_team_are_used_and_left(team: Team) -> None:
    team.govern("data_class", "email", "person", "gov_id", "public", "spare")
    team.place.sql(
        "ALTER TABLE dev_fin.finance.customers ALTER COLUMN email SET TAGS ('data_class' = 'email')",
        "ALTER TABLE dev_fin.finance.customers ALTER COLUMN blurb SET TAGS ('data_class' = 'person')",
        "ALTER TABLE dev_fin.finance.elsewhere ALTER COLUMN mail SET TAGS ('data_class' = 'email')",
    )
    before = team.place.world()
    made = team.generate()
    assert not [f for f in made.findings if f.severity is Severity.ERROR]
    plan = team.plan()
    assert "tag_policy" not in {c.kind.name for c in plan.changes}
    assert {c.key for c in plan.changes if c.kind.name == "tag" and c.action is Action.CREATE} == {
        "columns|dev_fin.finance.customers.first_name|data_class",
        "columns|dev_fin.finance.customers.ssn|data_class",
    }
    (warning,) = [f for f in plan.findings if f.code == "OTHERS_UNDER_POLICY"]
    assert "dev_fin.finance.elsewhere.mail" in warning.message
    team.apply()
    seen = {c.rpartition(".")[2]: s for c, s in team.place.sight(ANA, COLUMNS).items()}
    assert seen["email"].startswith("all rows: dev_fin.lampkeeper.mask_email")
    assert seen["blurb"].startswith("all rows: dev_fin.lampkeeper.mask_name")
    assert seen["ssn"].startswith("all rows: dev_fin.lampkeeper.mask_redact_string")
    assert seen["city"] == "all rows: raw"
    # What we have put there ourselves is no word of a steward, and a second run changes nothing.
    team.generate()
    assert not team.plan().changes
    team.destroy()
    after = team.place.world()
    for kind in ("tag_policy", "tag"):
        assert after[kind] == before[kind]


def test_a_tag_or_value_that_its_owner_has_not_made_is_an_error_and_nothing_is_made(team: Team) -> None:
    team.generate()
    (missing,) = [f for f in team.plan().findings if f.severity is Severity.ERROR]
    assert (missing.code, missing.location) == ("EXTERNAL_TAG_MISSING", "tag data_class")
    team.govern("data_class", "email", "person")
    (missing,) = [f for f in team.plan().findings if f.severity is Severity.ERROR]
    assert (missing.code, "'gov_id'" in missing.message) == ("EXTERNAL_TAG_VALUE_MISSING", True)
    world = team.place.world()
    with pytest.raises(UnsafePlanError):
        team.apply()
    assert team.place.world() == world


def test_a_tag_of_ours_cannot_become_external_by_being_mapped(team: Team) -> None:
    team.folder.taxonomy_path.unlink()
    team.generate()
    team.apply()
    team.folder.taxonomy_path.write_text("tags:\n  - {label: email, key: pii_level, value: masked_email}\n")
    team.generate()
    assert "EXTERNAL_TAG_MANAGED" in {f.code for f in team.plan().findings}


def test_a_tag_that_says_otherwise_is_reported_and_stays_until_somebody_decides(team: Team) -> None:
    team.govern("data_class", "email", "person", "gov_id", "public")
    team.place.sql("ALTER TABLE dev_fin.finance.customers ALTER COLUMN ssn SET TAGS ('data_class' = 'public')")
    assert "tags/other_value" in {f.code for f in team.generate().findings}
    assert "FOREIGN_OBJECT" in {f.code for f in team.plan().findings}
    plan, states = make_env_plan(EnvInputs(team.folder), team.place.workspace, adopt=True)
    apply_plan(plan, team.place.workspace, states, wait=PropagationWait(seconds=0))
    assert "mask_redact_string" in team.place.sight(ANA, COLUMNS)["dev_fin.finance.customers.ssn"]
    team.destroy()
    assert any('"public"' in t and "ssn" in t for t in team.place.world()["tag"])
