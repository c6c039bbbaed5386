"""Objects of others that are in the workspace before a scenario, and an environment of a neighbour; neither may change.

A careless tool would take them for its own: a catalog called dev_…, a group in title case, a governed tag, a policy and a Genie
space that were made without lampkeeper.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from lampkeeper.demo.people import seed_people
from lampkeeper.files.text import write_text
from lampkeeper.model.names import TableName
from lampkeeper.model.schema import Table
from lampkeeper.places.inventory import left_behind, take_inventory
from lampkeeper.remote.clients import Workspace
from lampkeeper.remote.spaces import create_space, list_spaces
from lampkeeper.remote.warehouse import run_sql
from lampkeeper.scenarios.results import CheckResult, StepResult
from lampkeeper.scenarios.world import World
from lampkeeper.testdata.catalogs import columns_of
from lampkeeper.testdata.seeding import SeedTable, seed

ENV = "neighbour"
UNTOUCHED = "no foreign object is touched"
STILL_VERIFIED = "the neighbour's environment still verifies"
NOTHING_LEFT = "nothing is left after the teardown"

_SETTINGS = """\
genie_spaces = [{ name = "Neighbour Desk", uc_tables = ["neighbour_ops.desk.*"] }]
groups = { neighbour_staff = { description = "Read masked data" }, neighbour_leads = { clearance = ["*"] } }
"""
_COLUMNS = columns_of("""
    visitor_id | BIGINT NOT NULL | Visitor number
    email      | STRING          | Email address
    badge      | STRING          | Colour of the badge
""")
_ROWS = ((1, "nell@visitors.example", "red"), (2, "omar@visitors.example", "blue"))
_TABLES = tuple(
    SeedTable(table=Table(name=TableName(catalog, "desk", "visitors"), comment="Visitors", columns=_COLUMNS), rows=_ROWS)
    for catalog in ("neighbour_ops", "dev_others")
)
_SHARED = ("tag_policy/", "permissions/warehouses.")
"""What several environments share: governed tags and the access list of the warehouse may grow, and shrink again."""


@dataclass(kw_only=True)
class Neighbour:
    """The objects of others in a workspace, and a folder of its own with the neighbour's environment."""

    world: World
    before: Mapping[str, str] = field(default_factory=dict)

    def move_in(self) -> None:
        """Make everything; raise RuntimeError if the neighbour cannot govern its own table."""
        workspace = self.world.workspace
        seed_people(workspace, ())
        seed(workspace, _TABLES)
        _foreign_objects(workspace)
        folder = self.world.env(ENV)
        folder.path.mkdir(parents=True, exist_ok=True)
        write_text(folder.settings_path, _SETTINGS)
        self.world.sign_in(ENV)
        for command in ("generate", "apply"):
            ran = self.world.call([command, "--env", ENV])
            if ran.code:
                raise RuntimeError(f"the neighbour's {command} ended with {ran.code}:\n{ran.output}")
        self.before = take_inventory(workspace)

    @property
    def spaces(self) -> frozenset[str]:
        """Return the ids of the Genie spaces that were there."""
        return frozenset(str(s["space_id"]) for s in list_spaces(self.world.workspace))

    def proofs(self) -> Sequence[Callable[[], StepResult]]:
        """Return the proofs: the neighbour's environment verifies, and no object of others has changed."""
        return (
            self.still_verified,
            lambda: StepResult(title="compare the objects of others", part="proof", checks=[self.untouched()]),
        )

    def untouched(self) -> CheckResult:
        """Compare what was there with what is there now: nothing may be gone or changed; what is shared may have grown."""
        changes = left_behind(self.before, take_inventory(self.world.workspace))
        return CheckResult(name=UNTOUCHED, failures=tuple(c for c in changes if c[0] in "-~" and not c[2:].startswith(_SHARED)))

    def nothing_left(self) -> CheckResult:
        """Compare everything: the workspace is as it was."""
        return CheckResult(name=NOTHING_LEFT, failures=left_behind(self.before, take_inventory(self.world.workspace)))

    def still_verified(self) -> StepResult:
        """Verify the neighbour's environment."""
        ran = self.world.call(["verify", "--env", ENV])
        good = ran.code == 0 and "verify: 0 mismatches" in ran.output
        failures = () if good else (f"verify ended with {ran.code}",)
        return StepResult(
            title="verify the neighbour's environment", exit_code=ran.code, output=ran.output, part="proof",
            checks=[CheckResult(name=STILL_VERIFIED, failures=failures)],
        )  # fmt: skip


def _foreign_objects(workspace: Workspace) -> None:
    path, level = workspace.scim("Groups")
    workspace.write("scenario", "POST", path, {"displayName": "Sales_Team"}, api_level=level)
    workspace.write(
        "scenario", "POST", "/api/2.1/tag-policies", {"tag_key": "cost_center", "values": [{"name": "retail"}, {"name": "ops"}]}
    )
    for statement in (
        "CREATE FUNCTION dev_others.desk.hide(value STRING) RETURNS STRING RETURN '***'",
        "ALTER TABLE dev_others.desk.visitors ALTER COLUMN badge SET TAGS ('cost_center' = 'ops')",
        "CREATE POLICY others_badges ON SCHEMA dev_others.desk COLUMN MASK dev_others.desk.hide TO `account users`"
        " EXCEPT `Sales_Team` FOR TABLES MATCH COLUMNS has_tag_value('cost_center', 'ops') AS badge ON COLUMN badge",
        "GRANT USE CATALOG ON CATALOG dev_others TO `Sales_Team`",
    ):
        run_sql(workspace, statement, kind="scenario", writes=True)
    content = {"version": 2, "data_sources": {"tables": [{"identifier": "dev_others.desk.visitors"}]}}
    body = {"title": "Visitors of others", "warehouse_id": workspace.warehouse_id, "serialized_space": json.dumps(content)}
    create_space(workspace, body)
