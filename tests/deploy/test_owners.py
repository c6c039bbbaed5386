"""Things with several owners, one fact at a time; tests/invariants/test_pairs.py has the law over all configurations."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from lampkeeper.deploy.direct import apply_plan
from lampkeeper.deploy.kinds import GENIE_SPACE
from lampkeeper.deploy.live_state import acl_path
from lampkeeper.deploy.owner_plans import require_sole_workspace
from lampkeeper.deploy.owners import Claim, Entry, Owners
from lampkeeper.deploy.plan import Plan
from lampkeeper.deploy.planner import make_plan, plan_destroy
from lampkeeper.deploy.printed_plan import plan_lines
from lampkeeper.deploy.stages import Action
from lampkeeper.deploy.state import States
from lampkeeper.deploy.wait import PropagationWait
from lampkeeper.model.auth import Auth
from lampkeeper.model.desired import Desired
from lampkeeper.model.errors import RemoteError, UnsafePlanError
from lampkeeper.model.genie import GenieSpace, Warehouse, WorkspaceAssignment
from lampkeeper.model.groups import Group
from lampkeeper.model.layers import LAYERS, Layer
from lampkeeper.remote.account_workspaces import other_workspaces
from lampkeeper.remote.clients import ApiLevel, Call, Workspace, connect
from lampkeeper.remote.owner_files import FOLDER, read_owner_files, write_owner_file
from lampkeeper.remote.spaces import create_space
from support.governed_configs import CONFIGS, in_own_catalogs
from support.governed_places import Killed, Place, light_place

pytestmark = pytest.mark.server

ONE = next(c for c in CONFIGS if c.name == "one_table")
TWO = in_own_catalogs(ONE)
SHARED = Desired(
    groups=(Group(name="analysts"), Group(name="officers")),
    workspace_assignments=(WorkspaceAssignment(group="analysts", entitlements=("workspace-consume",)),),
    warehouses=(Warehouse(name="lampkeeper", users=("analysts", "officers")),),
)
NOW = PropagationWait(seconds=0)


@dataclass
class Env:
    """An environment of a clone of its own."""

    place: Place
    folder: Path
    name: str = "dev"

    def states(self) -> States:
        return States.in_folder(self.folder, self.name)

    def plan(self, desired: Desired, layers: tuple[Layer, ...] = LAYERS) -> Plan:
        return make_plan(desired, self.place.workspace, self.states(), layers=layers)

    def apply(self, desired: Desired, layers: tuple[Layer, ...] = LAYERS) -> Plan:
        return self.run(self.plan(desired, layers))

    def destroy(self, layers: tuple[Layer, ...] = LAYERS) -> Plan:
        return self.run(plan_destroy(self.place.workspace, self.states(), layers=layers))

    def run(self, plan: Plan) -> Plan:
        apply_plan(plan, self.place.workspace, self.states(), allow_widening=True, wait=NOW, check_privileges=False)
        return plan


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with light_place(tmp_path / "place") as found:
        yield found


@pytest.fixture
def ours(place: Place, tmp_path: Path) -> Env:
    return Env(place, tmp_path / "ours")


@pytest.fixture
def theirs(place: Place, tmp_path: Path) -> Env:
    return Env(place, tmp_path / "theirs")


def acl(place: Place, kind: str, object_id: str) -> dict[str, str]:
    """Return the direct levels by group."""
    found = place.workspace.get("test", acl_path(kind, object_id))
    return {
        str(e["group_name"]): str(p["permission_level"])
        for e in found["access_control_list"] if e.get("group_name")
        for p in e["all_permissions"] if not p.get("inherited")
    }  # fmt: skip


def warehouse_of(place: Place, name: str) -> str:
    listed = place.workspace.get("test", "/api/2.0/sql/warehouses")["warehouses"]
    return next((str(w["id"]) for w in listed if w["name"] == name), "")


def files(place: Place) -> list[str]:
    return sorted(read_owner_files(place.workspace))


def test_the_last_owner_removes_what_all_of_them_share_and_entries_of_others_stay(place: Place, ours: Env, theirs: Env) -> None:
    world = place.world()
    ours.apply(SHARED)
    plan = theirs.apply(SHARED)
    assert {c.action for c in plan.changes} == {Action.ADOPT}
    assert all("shared with" in " ".join(c.reasons) for c in plan.changes)
    warehouse = warehouse_of(place, "lampkeeper")
    place.group("strangers")
    entry = {"access_control_list": [{"group_name": "strangers", "permission_level": "CAN_MANAGE"}]}
    place.workspace.write("test", "PATCH", acl_path("warehouse", warehouse), entry)

    gone = ours.destroy()
    assert gone.writes == 0
    assert acl(place, "warehouse", warehouse) == {"analysts": "CAN_USE", "officers": "CAN_USE", "strangers": "CAN_MANAGE"}
    assert theirs.plan(SHARED).empty
    theirs.apply(replace(SHARED, warehouses=(replace(SHARED.warehouses[0], users=("officers",)),)))
    assert acl(place, "warehouse", warehouse) == {"officers": "CAN_USE", "strangers": "CAN_MANAGE"}
    theirs.destroy()
    assert warehouse_of(place, "lampkeeper") == ""
    assert files(place) == []
    path, api_level = place.workspace.scim("Groups")
    listed = place.workspace.scim_pages("test", path, None, api_level)
    place.workspace.write(
        "test", "DELETE", f"{path}/{next(g['id'] for g in listed if g['displayName'] == 'strangers')}", api_level=api_level
    )
    assert place.world() == world


def test_an_environment_takes_only_its_own_elements_of_a_governed_tag_with_it(place: Place, ours: Env, theirs: Env) -> None:
    ONE.build(place)
    TWO.build(place)
    mine, other = ONE.stages[0], TWO.stages[0]
    mine = replace(mine, tag_policies=(replace(mine.tag_policies[0], values=(*mine.tag_policies[0].values, "only_ours")),))
    ours.apply(mine)
    theirs.apply(other)
    assert "only_ours" in values(place)
    ours.destroy()
    assert values(place) == sorted(other.tag_policies[0].values)
    assert theirs.plan(other).empty


def values(place: Place) -> list[str]:
    return sorted(v["name"] for v in place.workspace.get("test", "/api/2.1/tag-policies/pii_level")["values"])


def test_a_shared_warehouse_is_not_changed_for_the_others(ours: Env, theirs: Env) -> None:
    ours.apply(SHARED)
    larger = replace(SHARED, warehouses=(replace(SHARED.warehouses[0], size="Large"),))
    assert [f.code for f in theirs.plan(larger).findings] == ["SHARED_DIFFERS"]


def test_what_another_environment_uses_and_does_not_own_stays_until_it_is_gone(place: Place, ours: Env, theirs: Env) -> None:
    TWO.build(place)
    world, other = place.world(), TWO.stages[0]
    ours.apply(replace(other, schemas=(), functions=(), policies=(), tag_assignments=(), grants=(), tables=()))
    theirs.apply(other, (Layer.DATA_ACCESS,))
    plan = ours.destroy()
    assert {f.code for f in plan.findings} == {"STILL_USED"}
    assert {f.location for f in plan.findings} == {"group analysts", "group officers", "tag_policy pii_level"}
    assert theirs.plan(other, (Layer.DATA_ACCESS,)).empty
    theirs.destroy()
    ours.destroy()
    assert place.world() == world
    assert files(place) == []


def test_a_space_that_another_environment_attached_stays_with_its_owner(place: Place, ours: Env, theirs: Env) -> None:
    ONE.build(place)
    space = GenieSpace(name="Sales", tables=ONE.stages[0].tables, acl_groups=("analysts",))
    ours.apply(replace(ONE.stages[0], spaces=(space,)))
    made = ours.states().owned(GENIE_SPACE)["sales"].remote_id
    attached = Desired(spaces=(GenieSpace(name="Theirs", tables=(), space_id=made, acl_groups=("officers",)),))
    theirs.apply(attached, (Layer.WORKSPACE,))
    plan = ours.destroy((Layer.WORKSPACE,))
    assert [f.location for f in plan.findings if f.code == "STILL_USED"] == ["genie_space sales"]
    assert acl(place, "genie", made) == {"officers": "CAN_RUN"}
    theirs.destroy()
    ours.destroy((Layer.WORKSPACE,))
    assert "genie_space" not in place.world()


def test_a_destroy_that_cannot_tell_who_else_owns_refuses(place: Place, ours: Env, theirs: Env) -> None:
    ours.apply(SHARED)
    world = place.world()
    write_owner_file(place.workspace, "odd.json", b"{not json")
    with pytest.raises(UnsafePlanError, match=r"cannot determine the other users .*odd\.json") as refused:
        ours.destroy()
    assert refused.value.exit_code == 3
    dropped = ours.plan(replace(SHARED, warehouses=()))
    assert {f.code for f in dropped.findings if f.severity == "error"} == {"OWNERS_UNREADABLE"}
    theirs.apply(SHARED)
    place.workspace.write("test", "POST", "/api/2.0/workspace/delete", {"path": "/Shared/lampkeeper", "recursive": True})
    with pytest.raises(UnsafePlanError, match="has no owner file of environment 'dev'"):
        ours.destroy()
    assert place.world() == world
    ours.apply(SHARED)
    theirs.apply(SHARED)
    ours.destroy()
    assert theirs.plan(SHARED).empty


def test_a_destroy_planned_before_another_environment_came_is_refused(ours: Env, theirs: Env) -> None:
    ours.apply(SHARED)
    plan = plan_destroy(ours.place.workspace, ours.states())
    theirs.apply(SHARED)
    with pytest.raises(UnsafePlanError, match="owners have changed"):
        ours.run(plan)
    assert theirs.plan(SHARED).empty
    assert ours.destroy().writes == 0


def test_a_lost_state_does_not_own_for_ever(place: Place, ours: Env) -> None:
    ONE.build(place)
    world, desired = (
        place.world(),
        replace(ONE.stages[0], workspace_assignments=SHARED.workspace_assignments, warehouses=SHARED.warehouses),
    )
    ours.apply(desired)
    for state in ours.states().layers.values():
        state.path.unlink()
    assert {c.action for c in ours.apply(desired).changes} == {Action.ADOPT}
    ours.destroy()
    assert place.world() == world
    assert files(place) == []


def test_what_was_there_before_the_first_owner_comes_back_after_the_last(place: Place, ours: Env, theirs: Env) -> None:
    ONE.build(place)
    TWO.build(place)
    theirs_before = {"tag_key": "pii_level", "description": "theirs", "values": [{"name": "public"}]}
    place.workspace.write("test", "POST", "/api/2.1/tag-policies", theirs_before)
    world = place.world()
    ours.run(make_plan(ONE.stages[0], place.workspace, ours.states(), adopt=True))
    theirs.apply(TWO.stages[0])
    ours.destroy()
    assert theirs.plan(TWO.stages[0]).empty
    theirs.destroy()
    assert place.world() == world


@pytest.mark.parametrize("after_effect", [True, False])
def test_killed_at_any_write_of_coming_or_going_an_environment_harms_no_other(
    place: Place, ours: Env, theirs: Env, after_effect: bool
) -> None:
    ours.apply(SHARED)
    world = place.world()
    mine = replace(
        SHARED,
        workspace_assignments=(*SHARED.workspace_assignments, WorkspaceAssignment(group="officers")),
        groups=(*SHARED.groups, Group(name="third")),
    )
    for destroys in (False, True):
        for _ in range(60):
            place.wire.writes, place.wire.die_at, place.wire.after_effect = 0, 1 if after_effect else 2, after_effect
            try:
                theirs.destroy() if destroys else theirs.apply(mine)
            except Killed:
                place.wire.die_at = 0
                assert ours.plan(SHARED).empty
                continue
            place.wire.die_at = 0
            break
        else:
            raise AssertionError("it never comes to an end")
        assert ours.plan(SHARED).empty
        assert theirs.plan(Desired() if destroys else mine).empty
    assert place.world() == world
    ours.destroy()
    assert files(place) == []


def member(place: Place, name: str) -> Workspace:
    """Return the workspace as a service principal with a workspace assignment and nothing else reaches it."""
    made = place.workspace.account.service_principals_v2.create(display_name=name)  # type: ignore[union-attr]
    application = str(made.application_id)
    space = place.space
    workspace_assignments = f"/api/2.0/accounts/{space.account_id}/workspaces/{space.workspace_id}/permissionassignments"
    place.workspace.write(
        "test", "PUT", f"{workspace_assignments}/principals/{made.id}", {"permissions": ["USER"]}, api_level=ApiLevel.ACCOUNT
    )
    auth = Auth(workspace_host=space.host, token=space.mint(application), workspace_id=space.workspace_id)
    return connect(auth)


def test_any_service_principal_of_the_workspace_may_leave_its_entry_and_sees_those_of_others(place: Place) -> None:
    one, two = member(place, "runner one"), member(place, "runner two")
    entries = [
        Entry(
            env=env,
            layer=Layer.WORKSPACE,
            lineage=f"{n}" * 32,
            claims={("workspace_assignment", "analysts"): Claim()},
            uses=frozenset(),
        )
        for n, env in enumerate(("dev", "test"))
    ]
    write_owner_file(one, entries[0].file, entries[0].to_bytes())
    write_owner_file(two, entries[1].file, entries[1].to_bytes())
    assert Owners.read(one).entries == Owners.read(two).entries == tuple(entries)
    assert FOLDER.startswith("/Shared/")


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"null", b"{}", b'{"format": 1}', b'{"format": 2, "claims": 3}', b"\xff\xfe", b"[" * 100_000,
     b'{"format":2,"env":"dev","layer":"nowhere","lineage":"x","active":true,"claims":{},"uses":{},"tables":[]}',
     b'{"format":2,"env":"dev","layer":"account","lineage":"x","active":true,"claims":{"group":["a"]},"uses":{},"tables":[]}',
     b'{"format":2,"env":"other","layer":"account","lineage":"x","active":true,"claims":{},"uses":{},"tables":[]}'],
    ids=range(11),
)  # fmt: skip
def test_a_file_that_is_not_an_entry_of_its_name_is_named_and_not_believed(
    content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: dict[str, Any] = {"dev.account.x.json": content}
    monkeypatch.setattr("lampkeeper.deploy.owners.read_owner_files", lambda _: found)
    owners = Owners.read(None)  # type: ignore[arg-type]
    assert (owners.entries, owners.unreadable) == ((), ("dev.account.x.json",))


def test_destroy_withdraws_what_was_added_to_a_space_of_others(place: Place, ours: Env) -> None:
    ONE.build(place)
    ours.apply(ONE.stages[0], (Layer.ACCOUNT,))
    spaces = [
        create_space(
            place.workspace, {"title": t, "warehouse_id": place.space.warehouse_id, "serialized_space": '{"version": 1}'}
        )
        for t in ("first", "second")
    ]
    entry = {"access_control_list": [{"group_name": "officers", "permission_level": "CAN_EDIT"}]}
    for each in spaces:
        place.workspace.write("test", "PATCH", acl_path("genie", each), entry)

    def attached(to: str) -> Desired:
        return replace(ONE.stages[0], spaces=(GenieSpace(name="Sales", tables=(), space_id=to, acl_groups=("analysts",)),))

    ours.apply(attached(spaces[0]))
    assert acl(place, "genie", spaces[0]) == {"analysts": "CAN_RUN", "officers": "CAN_EDIT"}
    ours.apply(attached(spaces[1]))
    assert acl(place, "genie", spaces[0]) == {"officers": "CAN_EDIT"}
    assert acl(place, "genie", spaces[1]) == {"analysts": "CAN_RUN", "officers": "CAN_EDIT"}
    plan = ours.destroy((Layer.WORKSPACE,))
    assert "gone already" not in "".join(line.text for line in plan_lines(plan))
    assert acl(place, "genie", spaces[1]) == {"officers": "CAN_EDIT"}


def test_a_warehouse_that_somebody_deleted_does_not_strand_the_rest(place: Place, ours: Env) -> None:
    ONE.build(place)
    world = place.world()
    space = GenieSpace(name="Sales", tables=ONE.stages[0].tables, acl_groups=("analysts",))
    ours.apply(
        replace(ONE.stages[0], workspace_assignments=SHARED.workspace_assignments, warehouses=SHARED.warehouses, spaces=(space,))
    )
    place.workspace.write("test", "DELETE", f"/api/2.0/sql/warehouses/{warehouse_of(place, 'lampkeeper')}")
    ours.destroy()
    assert place.world() == world
    assert all(not state.objects for state in ours.states().layers.values())


def another_workspace(place: Place, name: str) -> None:
    path = f"/api/2.0/accounts/{place.space.account_id}/workspaces"
    place.workspace.write("test", "POST", path, {"workspace_name": name, "aws_region": "eu-west-1"}, api_level=ApiLevel.ACCOUNT)


def test_the_account_layer_stays_while_other_workspaces_may_use_it_unless_somebody_vouches(place: Place, ours: Env) -> None:
    another_workspace(place, "second\nworkspace")
    world = place.world()
    ours.apply(SHARED)
    applied = place.world()
    with pytest.raises(
        UnsafePlanError, match=r"cannot determine the other users of the account layer: .*second\\u\{a\}workspace \(\d+\)"
    ) as no:
        ours.destroy()
    assert no.value.exit_code == 3
    assert "--sole-workspace" in no.value.fix
    assert place.world() == applied
    assert place.space.workspace_id not in str(no.value)

    ours.destroy((Layer.DATA_ACCESS, Layer.WORKSPACE))
    ours.run(plan_destroy(place.workspace, ours.states(), sole_workspace=True))
    assert place.world() == world
    assert ours.destroy().empty


@dataclass
class Listing:
    """An account that answers the list of workspaces."""

    answer: Any

    def send(self, call: Call) -> Any:
        assert (call.api_level, call.path) == (ApiLevel.ACCOUNT, "/api/2.0/accounts/acc/workspaces")
        if isinstance(self.answer, RemoteError):
            raise self.answer
        return self.answer


ONE_WS, TWO_WS = {"workspace_id": 1, "workspace_name": "one"}, {"workspace_id": 2, "workspace_name": "two"}


@pytest.mark.parametrize(
    ("answer", "own", "others"),
    [
        ([ONE_WS], "1", ()),
        ([ONE_WS], "", ()),
        ([ONE_WS, TWO_WS], "1", ("two (2)",)),
        ([{"workspace_id": 3}, ONE_WS, TWO_WS], "1", ("two (2)", "3")),
        ([ONE_WS, TWO_WS], "", None),
        ([TWO_WS], "1", None),
        ([], "1", None),
        *((RemoteError("no", code="X", status=s), "1", None) for s in (400, 403, 404, 501)),
    ],
)  # fmt: skip
def test_only_a_list_with_this_workspace_says_which_others_there_are(
    answer: Any, own: str, others: tuple[str, ...] | None
) -> None:
    workspace = Workspace(Listing(answer), account_id="acc", workspace_id=own)
    assert other_workspaces(workspace) == others


def test_without_a_sign_in_at_the_account_nobody_knows_of_other_workspaces() -> None:
    assert other_workspaces(Workspace(Listing([]), has_account=False)) is None
    with pytest.raises(UnsafePlanError, match="does not list its workspaces"):
        require_sole_workspace(None)
    with pytest.raises(UnsafePlanError, match=r'"w4 \(4\)" and 2 more'):
        require_sole_workspace(tuple(f"w{n} ({n})" for n in range(7)))


def test_a_clone_without_a_state_leaves_a_space_of_its_name_over_other_tables_alone(place: Place, ours: Env, theirs: Env) -> None:
    ONE.build(place)
    TWO.build(place)
    mine, other = (replace(c.stages[0], spaces=(GenieSpace(name="Sales", tables=c.stages[0].tables),)) for c in (ONE, TWO))
    ours.apply(mine)
    theirs.apply(other)
    ids = [env.states().owned(GENIE_SPACE)["sales"].remote_id for env in (ours, theirs)]
    assert len(set(ids)) == 2
    assert ours.plan(mine).empty
    for state in theirs.states().layers.values():
        state.path.unlink()
    theirs.apply(other)
    assert theirs.states().owned(GENIE_SPACE)["sales"].remote_id == ids[1]
    theirs.destroy()
    assert ours.plan(mine).empty
