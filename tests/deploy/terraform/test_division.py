"""Which engine writes an object, in which order both write, and what is refused when they do not agree; pure."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lampkeeper.deploy.change import Change
from lampkeeper.deploy.kinds import FUNCTION, GENIE_SPACE, GRANT, GROUP, MEMBER, POLICY, SCHEMA, TAG, TAG_POLICY
from lampkeeper.deploy.kinds.base import Kind
from lampkeeper.deploy.live_state import LiveState
from lampkeeper.deploy.owners import Owners
from lampkeeper.deploy.planner import assemble
from lampkeeper.deploy.stages import Action, Stage
from lampkeeper.deploy.state import Owned, States
from lampkeeper.deploy.terraform.division import absorb, divide
from lampkeeper.deploy.terraform.documents import HeldObject
from lampkeeper.deploy.terraform.resources import KINDS_OF_TERRAFORM, Placed
from lampkeeper.deploy.terraform.sequence import arranged, disagreements
from lampkeeper.model.desired import Desired
from lampkeeper.model.groups import Group
from lampkeeper.model.layers import Layer
from lampkeeper.model.tags import TagPolicy
from lampkeeper.remote.directory import Directory
from lampkeeper.remote.live import Governed
from support.governed_configs import CONFIGS, KEY

pytestmark = pytest.mark.unit
by_name = {config.name: config for config in CONFIGS}
WHOLE = by_name["workspace_layer"].stages[0]


@pytest.fixture
def states(tmp_path: Path) -> States:
    return States.in_folder(tmp_path, "dev")


def held(kind: Kind[Any], key: str, spec: Any, remote_id: str = "") -> dict[Layer, tuple[HeldObject, ...]]:
    placed = Placed(kind=kind, key=key, spec=spec, remote_id=remote_id)
    return {kind.layer: (HeldObject(placed=placed, address=f"x.this[{key!r}]"),)}


def test_in_an_empty_workspace_terraform_makes_all_that_it_can(states: States) -> None:
    found = divide(WHOLE, LiveState(), states, {})
    wanted = {(k.name, key) for k in KINDS_OF_TERRAFORM for key in k.desired(WHOLE, "dev")}
    assert found.terraform == wanted
    assert found.unmanaged == {
        Layer.ACCOUNT: (), Layer.DATA_ACCESS: (), Layer.WORKSPACE: ("warehouse_acl governed",),
    }  # fmt: skip


def test_what_is_there_stays_with_the_direct_engine_unless_terraform_holds_it(states: States) -> None:
    view = LiveState(governed=Governed(directory=Directory(groups={"analysts": "1", "officers": "2"})))
    found = divide(WHOLE, view, states, held(GROUP, "officers", Group(name="officers")))
    assert found.unmanaged[Layer.ACCOUNT] == ("group analysts",)
    assert (GROUP.name, "officers") in found.terraform


def test_values_of_others_on_a_tag_that_terraform_holds_stay(states: States) -> None:
    view = LiveState(tag_policies={KEY: {"tag_key": KEY, "values": [{"name": "theirs"}, {"name": "masked_email"}]}})
    ours = TagPolicy(key=KEY, values=("masked_email",))
    states[Layer.ACCOUNT].objects[(TAG_POLICY.name, KEY)] = Owned(spec=ours)
    found = divide(WHOLE, view, states, held(TAG_POLICY, KEY, ours))
    assert found.others[Layer.ACCOUNT] == {f"tag_policy {KEY}": ("theirs",)}


def test_entitlements_of_a_group_are_divided_whole(states: States) -> None:
    view = LiveState(entitlements={"analysts": ("workspace-access",)})
    found = divide(WHOLE, view, states, {})
    assert "entitlement analysts" in found.unmanaged[Layer.WORKSPACE]
    assert ("entitlement", "analysts|workspace-consume") not in found.terraform


def test_names_that_the_provider_cannot_put_into_a_path_are_not_terraforms(states: States) -> None:
    desired = by_name["hostile_names"].stages[0]
    found = divide(desired, LiveState(), states, {})
    assert [n for n in found.unmanaged[Layer.DATA_ACCESS] if "per%cent" in n or "sl/ash" in n or "e`mail" in n]
    kinds = (TAG.name, POLICY.name, GRANT.name)
    assert not [key for name, key in found.terraform if name in kinds and any(c in key for c in "/?#%`")]


def test_grants_to_groups_of_others_are_not_terraforms(states: States) -> None:
    found = divide(by_name["external_group"].stages[0], LiveState(), states, {})
    assert not [name for name, _ in found.terraform if name == GRANT.name]
    assert len([n for n in found.unmanaged[Layer.DATA_ACCESS] if n.startswith("grant ")]) == 6


def test_what_terraform_holds_is_recorded_and_a_record_is_kept(states: States) -> None:
    known = Owned(spec=Group(name="officers"), remote_id="old")
    states[Layer.ACCOUNT].objects[(GROUP.name, "officers")] = known
    absorb(states, held(GROUP, "officers", Group(name="officers"), "new"))
    absorb(states, held(GROUP, "analysts", Group(name="analysts"), "7"))
    assert states.owned(GROUP) == {"officers": known, "analysts": Owned(spec=Group(name="analysts"), remote_id="7")}


def planned(desired: Desired, states: States) -> tuple[Change[Any], ...]:
    """Return the plan of the direct engine in an empty workspace."""
    return assemble(desired, LiveState(), Owners(entries=()), states).changes


def split(changes: tuple[Change[Any], ...], states: States) -> tuple[list[Change[Any]], dict[Layer, list[Change[Any]]]]:
    terraform = divide(WHOLE, LiveState(), states, {}).terraform
    mine: dict[Layer, list[Change[Any]]] = {layer: [] for layer in Layer}
    for change in changes:
        if change.object_key in terraform:
            mine[change.layer].append(replace(change, address="x"))
    return [c for c in changes if c.object_key not in terraform], mine


def test_the_order_of_both_engines(states: States) -> None:
    direct, terraform = split(planned(WHOLE, states), states)
    order = arranged(direct, terraform, destroys=False)
    assert len(order) == len(planned(WHOLE, states))

    def places(*kinds: Kind[Any]) -> list[int]:
        return [n for n, c in enumerate(order) if c.kind in kinds]

    assert max(places(GROUP, TAG_POLICY, MEMBER)) < min(places(SCHEMA))
    assert max(places(SCHEMA)) < min(places(FUNCTION))
    assert max(places(FUNCTION)) < min(places(POLICY))
    assert max(places(POLICY)) < min(places(TAG))
    assert max(places(TAG)) < min(places(GRANT))
    assert max(n for n, c in enumerate(order) if c.address) < min(places(GENIE_SPACE))
    runs = [order[n].layer for n in range(len(order)) if order[n].address and (n == 0 or not order[n - 1].address)]
    assert len(runs) == len(set(runs))


def test_in_a_destroy_spaces_go_first_and_the_account_goes_last(states: States) -> None:
    gone = [
        replace(c, action=Action.DELETE, before=c.after, after=None, stage=c.kind.stages.get(Action.DELETE, Stage.CLEAN))
        for c in planned(WHOLE, states)
    ]
    direct, terraform = split(tuple(gone), states)
    order = arranged(direct, terraform, destroys=True)
    first = {
        kind: min(n for n, c in enumerate(order) if c.kind is kind) for kind in (GENIE_SPACE, GRANT, TAG, POLICY, FUNCTION, GROUP)
    }
    assert sorted(first, key=lambda k: first[k]) == [GENIE_SPACE, GRANT, TAG, POLICY, FUNCTION, GROUP]


def test_removals_come_first_or_last(states: States) -> None:
    (tag, *_) = [c for c in planned(WHOLE, states) if c.kind is TAG]
    gone = replace(tag, action=Action.DELETE, before=tag.after, after=None, key="old", stage=Stage.SWITCH)
    for first in (True, False):
        order = arranged((), {Layer.DATA_ACCESS: [tag, gone]}, destroys=False, removals_first=first)
        assert [c.key for c in order] == (["old", tag.key] if first else [tag.key, "old"])


def test_the_engines_must_agree_on_every_object_of_terraform(states: States) -> None:
    changes = planned(WHOLE, states)
    terraform = divide(WHOLE, LiveState(), states, {}).terraform
    mine = [c for c in changes if c.object_key in terraform]
    assert disagreements(changes, mine, terraform) == ()
    (lost,) = disagreements(changes, mine[1:], terraform)
    assert (lost.code, lost.severity) == ("TERRAFORM_DIFFERS", "error")
    assert "does not create it" in lost.message
    tag = next(c for c in mine if c.kind is TAG)
    other = replace(tag, after=replace(tag.after, value="open"))
    (differs,) = disagreements(changes, [other if c is tag else c for c in mine], terraform)
    assert differs.location == f"tag {tag.key}"
    extra = replace(tag, action=Action.DELETE, before=tag.after, after=None, key="foreign", address="x.this")
    (unasked,) = disagreements(changes, [*mine, extra], terraform | {extra.object_key})
    assert "must be left as it is" in unasked.message
    assert "terraform state rm x.this" in unasked.fix
