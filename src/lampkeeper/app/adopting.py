"""Adoption of objects that exist already: they are recorded as managed, in one pass, and nothing governed is changed.

The objects are those that the environment's files name. An object that differs from the files is adopted too; the next plan
changes it. The state keeps each object as it was, and a destroy restores it. Adopted groups keep their members and grants.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from lampkeeper.app.hash_keys import KeyFinder, no_key
from lampkeeper.app.inputs import EnvInputs
from lampkeeper.app.layer_choice import layers_desired
from lampkeeper.app.planning import make_env_plan
from lampkeeper.deploy.change import Change
from lampkeeper.deploy.direct import apply_plan
from lampkeeper.deploy.kinds import FUNCTION, GRANT, POLICY, TABLE_CONTROL, TAG
from lampkeeper.deploy.kinds.base import Kind
from lampkeeper.deploy.live_reading import read_live_state, scope_of
from lampkeeper.deploy.live_state import LiveState
from lampkeeper.deploy.plan import Plan
from lampkeeper.deploy.stages import Action
from lampkeeper.deploy.state import States
from lampkeeper.model.desired import Desired
from lampkeeper.model.findings import Finding
from lampkeeper.model.layers import LAYERS, Layer
from lampkeeper.remote.clients import Workspace

T = TypeVar("T")

_FOREIGN: tuple[Kind[Any], ...] = (POLICY, FUNCTION, TAG, GRANT, TABLE_CONTROL)
"""The kinds whose objects are listed if they exist in scope and the files do not name them."""
_LEFT_ALONE = frozenset({"OWNED_BY_OTHER", "ATTACHED_MISSING"})
"""Findings about objects that cannot be adopted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Adoption:
    """What is adopted: objects as they are, and objects that differ from the files, with the differences.

    `foreign`: objects in scope that are not adopted, each with the reason. `plan` records the adopted ones.
    """

    plan: Plan
    adopted: tuple[Change[Any], ...] = ()
    differing: tuple[tuple[Change[Any], tuple[str, ...]], ...] = ()
    foreign: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()

    @property
    def count(self) -> int:
        """Return the number of objects to record."""
        return len(self.adopted) + len(self.differing)

    @property
    def kinds(self) -> Mapping[str, int]:
        """Return the number of objects to record by kind."""
        return dict(sorted(Counter(c.kind.name for c in self.plan.changes).items()))


def find_adoption(
    inputs: EnvInputs,
    workspace: Workspace,
    *,
    layers: tuple[Layer, ...] = LAYERS,
    find_key: KeyFinder = no_key,
    write: bool = True,
) -> tuple[Adoption, States]:
    """Return what can be adopted; nothing is written to the workspace, and without `write` nothing to the files either.

    Errors of `validate` are findings of an empty adoption.
    """
    plan, states = make_env_plan(inputs, workspace, adopt=True, layers=layers, find_key=find_key, write=write)
    notes = [c for c in plan.changes if c.action is Action.ADOPT and c.kind is not TABLE_CONTROL]
    reasons = {c.object_key: c.reasons for c in plan.changes if c.action is Action.UPDATE}
    recording = replace(
        plan, changes=tuple(notes), findings=(), widening=(), first_access=(), narrowing=(), restoring=(), exposures=(),
        already_there=(), examples=(),
        # The protection of the tables is not complete before an apply.
        tables=tuple(sorted(states.governed)),
    )  # fmt: skip
    if plan.blocked and not plan.changes:
        return Adoption(plan=recording, findings=plan.findings), states
    desired = layers_desired(inputs)
    view = read_live_state(workspace, scope_of(desired, states), states, plan.layers)
    refused = tuple(f"{f.location}: {f.message}" for f in plan.findings if f.code in _LEFT_ALONE)
    found = Adoption(
        plan=recording,
        adopted=tuple(c for c in notes if c.object_key not in reasons),
        differing=tuple((c, reasons[c.object_key]) for c in notes if c.object_key in reasons),
        foreign=(*refused, *_foreign(desired, view, states, plan.layers)),
        findings=tuple(f for f in plan.findings if f.code == "SPACE_TITLE_TAKEN"),
    )
    return found, states


def adopt(found: Adoption, workspace: Workspace, states: States) -> int:
    """Record the objects in the state files and in the environment's owner files; return how many."""
    if not found.count:
        return 0
    return apply_plan(found.plan, workspace, states, saved=False).records


def _foreign(desired: Desired, view: LiveState, states: States, layers: tuple[Layer, ...]) -> Iterator[str]:
    """Yield the live objects in scope that neither the files nor the state name."""
    for kind in (k for k in _FOREIGN if k.layer in layers):
        known = {*kind.desired(desired, states.env), *states.owned(kind)}
        for key, found in sorted(kind.live(view).items()):
            if key in known or (kind is TABLE_CONTROL and found.spec.function is None):
                continue
            owner = f"managed by lampkeeper for {found.mark!r}" if found.mark else "not named by the files"
            yield f"{words_of(kind, found.spec)}: {owner}"


def words_of(kind: Kind[T], spec: T) -> str:
    """Return an object as plans name it, such as `function dev.lampkeeper.mask_email`."""
    described = kind.describe(None, spec)
    words = (described.what, described.subject.preposition, described.subject.noun, described.subject.name)
    return " ".join(word for word in words if word)
