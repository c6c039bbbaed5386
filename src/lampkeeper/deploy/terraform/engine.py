"""Plans and applies with Terraform: its saved plans become changes of our plan, so that all safety checks see them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from lampkeeper.deploy.change import Change
from lampkeeper.deploy.kinds import GRANT, kind_named
from lampkeeper.deploy.kinds.base import Session
from lampkeeper.deploy.live_reading import read_live_state, scope_of
from lampkeeper.deploy.live_state import LiveState
from lampkeeper.deploy.lost_state import lost_layers, marked_tables
from lampkeeper.deploy.plan import Plan, SavedLayer
from lampkeeper.deploy.planner import make_plan, plan_destroy
from lampkeeper.deploy.safety import effect_on_access, recorded_simulated_access
from lampkeeper.deploy.simulated_access import SimulatedAccess
from lampkeeper.deploy.state import States
from lampkeeper.deploy.terraform.division import Division, absorb, divide
from lampkeeper.deploy.terraform.documents import changes_in
from lampkeeper.deploy.terraform.layer_folder import LayerFolder, read_held, state_file
from lampkeeper.deploy.terraform.program import Program
from lampkeeper.deploy.terraform.sequence import arranged, disagreements, exposures
from lampkeeper.model.desired import Desired
from lampkeeper.model.errors import InternalError, UsageError
from lampkeeper.model.findings import sort_findings
from lampkeeper.model.layers import LAYERS, Layer
from lampkeeper.remote.clients import Workspace


@dataclass(frozen=True, slots=True, kw_only=True)
class TerraformEngine:
    """Terraform for the environments below `root`.

    `addresses` are the variables with hosts and ids. `propagation` is the time in seconds between protection and access within
    one apply of Terraform; it becomes part of a saved plan.
    """

    root: Path
    program: Program
    addresses: Mapping[str, str]
    propagation: float = 30.0

    def plan(
        self,
        desired: Desired,
        workspace: Workspace,
        states: States,
        *,
        adopt: bool = False,
        layers: tuple[Layer, ...] = LAYERS,
        known: frozenset[tuple[str, str]] = frozenset(),
    ) -> Plan:
        """Return the plan for the desired state, as `planner.make_plan` does."""
        self._require_account(layers)
        absorb(states, read_held(states))
        view = read_live_state(workspace, scope_of(desired, states), states, layers)
        reference = make_plan(desired, workspace, states, adopt=adopt, layers=layers, view=view, known=known)
        return self._merged(reference, desired, view, states)

    def plan_destroy(
        self,
        workspace: Workspace,
        states: States,
        *,
        layers: tuple[Layer, ...] = LAYERS,
        sole_workspace: bool = False,
    ) -> Plan:
        """Return the plan that removes the objects of these layers, as `planner.plan_destroy` does."""
        self._require_account(layers)
        absorb(states, read_held(states))
        view = read_live_state(workspace, scope_of(Desired(), states), states, layers)
        reference = plan_destroy(workspace, states, layers=layers, sole_workspace=sole_workspace, view=view)
        return self._merged(reference, Desired(), view, states)

    def writer(self, plan: Plan, states: States) -> AppliedLayers:
        """Return what applies the saved plans in `plan`; the objects that Terraform holds count as recorded from now on."""
        absorb(states, read_held(states))
        return AppliedLayers(engine=self, states=states, plans={saved.layer: saved.content for saved in plan.terraform})

    def folder(self, states: States, layer: Layer) -> LayerFolder:
        """Return the folder of a layer."""
        return LayerFolder(root=self.root, layer=layer, state=state_file(states, layer), program=self.program)

    def _require_account(self, layers: tuple[Layer, ...]) -> None:
        if Layer.ACCOUNT in layers and not self.addresses.get("databricks_account_id"):
            raise UsageError(
                "Terraform makes groups in the account, and the account is not known",
                fix="set databricks_account_id in auth.auto.tfvars, or leave out the layer account",
            )

    def _merged(self, reference: Plan, desired: Desired, view: LiveState, states: States) -> Plan:
        """Return the reference plan with the changes of Terraform in place of those for the same objects."""
        if reference.blocked:
            return reference
        division = divide(desired, view, states, read_held(states, reference.layers))
        saved, found = self._plans(reference, desired, states, division)
        found = {layer: tuple(_completed(c, desired, states) for c in changes) for layer, changes in found.items()}
        planned = [c for changes in found.values() for c in changes]
        errors = disagreements(reference.changes, planned, division.terraform)
        findings = sort_findings([*reference.findings, *errors])
        if not found:
            return replace(reference, findings=findings)
        direct = [
            c for c in reference.changes
            if not c.temporary and not (c.action.writes and c.object_key in division.terraform)
        ]  # fmt: skip
        orders = [arranged(direct, found, destroys=reference.destroys, removals_first=first) for first in (True, False)]
        live = SimulatedAccess(view.governed.access.model)
        final = live.copy()
        for change in orders[0]:
            change.simulate(final)
        lost = Layer.DATA_ACCESS in reference.layers and Layer.DATA_ACCESS in lost_layers(view, states)
        governed = states.governed | (set(marked_tables(desired, view)) if lost else set())
        kept = {t.catalog for t in desired.tables}
        effect = effect_on_access(live, recorded_simulated_access(live, states), final, governed, kept)
        return replace(
            reference, changes=orders[0], widening=effect.widening, first_access=effect.first_access,
            narrowing=effect.narrowing, restoring=effect.restoring, exposures=exposures(live, orders), findings=findings,
            terraform=saved,
        )  # fmt: skip

    def _plans(
        self, reference: Plan, desired: Desired, states: States, division: Division
    ) -> tuple[tuple[SavedLayer, ...], dict[Layer, tuple[Change[Any], ...]]]:
        """Let Terraform plan the layers of which it has or gets an object; return the saved plans with changes."""
        concerned = {kind_named(name).layer for name, _ in division.terraform}
        saved, found = [], {}
        for layer in (la for la in reference.layers if la in concerned):
            variables = self._variables(layer, states.env, division)
            content, document = self.folder(states, layer).plan(desired, variables, destroys=reference.destroys)
            changes = changes_in(document)
            if changes:
                found[layer] = changes
                saved.append(SavedLayer(layer=layer, content=content))
        return tuple(saved), found

    def _variables(self, layer: Layer, env: str, division: Division) -> dict[str, Any]:
        own: dict[str, Any] = {} if layer is Layer.ACCOUNT else {"environment": env}
        if layer is Layer.DATA_ACCESS:
            own |= {"propagation_seconds": self.propagation}
        else:
            own |= {"others": {name: list(elements) for name, elements in division.others[layer].items()}}
        return own | dict(self.addresses) | {"unmanaged": list(division.unmanaged[layer])}


def _completed(change: Change[Any], desired: Desired, states: States) -> Change[Any]:
    """Return a change of Terraform with what only lampkeeper knows: the managed part of the object, whether a grant is shared."""
    record = states[change.layer].of_kind(change.kind).get(change.key)
    recorded = record.spec if record is not None else None
    wanted = change.kind.desired(desired, states.env).get(change.key)
    if change.kind is GRANT:
        shared = bool(wanted.shared if wanted is not None else recorded is not None and recorded.shared)
        before, after = (None if g is None else replace(g, shared=shared) for g in (change.before, change.after))
        change = replace(change, before=before, after=after)
    if change.after is None:
        return change
    return replace(change, managed=change.kind.managed(change.after, wanted, recorded))


@dataclass(slots=True, kw_only=True)
class AppliedLayers:
    """Applies the saved plan of a layer with the first of its changes; the others then have happened too."""

    engine: TerraformEngine
    states: States
    plans: Mapping[Layer, bytes]
    _ids: dict[Layer, dict[tuple[str, str], str]] = field(default_factory=dict)

    def write(self, change: Change[Any], session: Session) -> str:
        """Return the platform's id of the object of a change, after applying the plan of its layer if that has not been done."""
        if change.layer not in self._ids:
            self._ids[change.layer] = self._apply(change.layer, session)
        return self._ids[change.layer].get(change.object_key, "")

    def _apply(self, layer: Layer, session: Session) -> dict[tuple[str, str], str]:
        if layer not in self.plans:
            raise InternalError(f"the plan has changes of Terraform in layer {layer}, and no saved plan for it")
        self.engine.folder(self.states, layer).apply(self.plans[layer])
        held = [each.placed for each in read_held(self.states, (layer,)).get(layer, ())]
        for placed in held:
            if placed.remote_id:
                placed.kind.remember(session, placed.key, placed.remote_id)
        return {placed.object_key: placed.remote_id for placed in held}
