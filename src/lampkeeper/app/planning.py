"""Planning: the draft split into the layers' files, and what an apply of them would do."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime

from lampkeeper.app.attaching import Attached, lay_over_live, same_titles
from lampkeeper.app.bundle_inputs import digests
from lampkeeper.app.engines import DirectEngine, Engine
from lampkeeper.app.hash_keys import KeyFinder, no_key, shared_key, with_key
from lampkeeper.app.inputs import EnvInputs
from lampkeeper.app.layer_choice import layers_desired, layers_for
from lampkeeper.app.unreviewed import hidden_tables
from lampkeeper.app.validating import validate
from lampkeeper.app.waiving import exceptions_ending
from lampkeeper.deploy.plan import Plan
from lampkeeper.deploy.planner import empty_plan
from lampkeeper.deploy.required_privileges import require_sight
from lampkeeper.deploy.stages import Action
from lampkeeper.deploy.state import States
from lampkeeper.files.generations import layers_digest
from lampkeeper.model.desired import Desired
from lampkeeper.model.errors import UnsafePlanError, UsageError
from lampkeeper.model.findings import Finding, Severity, has_errors, sort_findings
from lampkeeper.model.layers import LAYERS, Layer
from lampkeeper.remote.clients import Workspace


def decided_desired(inputs: EnvInputs, *, write: bool = True) -> tuple[Desired, tuple[Finding, ...]]:
    """Split the draft into the layers' files, if there is a draft, and return what the three of them ask for.

    Without `write` the files stay as they are, and the split is only a value.
    """
    findings: tuple[Finding, ...] = ()
    if inputs.has_draft:
        findings = inputs.split(write=write)
    desired = layers_desired(inputs)
    if desired == Desired():
        raise UsageError(f"environment {inputs.env!r} asks for nothing yet", fix=inputs.first_step)
    return desired, findings


def still_allowed(plan: Plan, inputs: EnvInputs, now: datetime | None = None) -> Plan:
    """Return a saved plan with an error for each exemption or waiver that has ended since: it must not bring that back."""
    ends = exceptions_ending(inputs.settings, (now or datetime.now(UTC)).date())
    return replace(plan, findings=sort_findings([*plan.findings, *(f for f in ends if f.severity is Severity.ERROR)]))


def make_env_plan(
    inputs: EnvInputs,
    workspace: Workspace,
    *,
    adopt: bool = False,
    layers: tuple[Layer, ...] = LAYERS,
    now: datetime | None = None,
    find_key: KeyFinder = no_key,
    allow_hiding: Iterable[str] = (),
    write: bool = True,
    engine: Engine | None = None,
) -> tuple[Plan, States]:
    """Return the plan for an environment's layers, and the states that it stands on. The draft is split first.

    What is an error of `validate` blocks the plan before anything is split, read or written. `allow_hiding` names tables
    that may lose their rows for people who read them now. `now` decides which exemptions and waivers are over (default: this
    moment). Without `write` not even the layers' files are written. `engine` makes the plan (default: the direct one, for a
    preview).
    """
    states, drafted, layers = inputs.states, inputs.has_draft, layers_for(inputs, layers)
    gate = validate(inputs, now=now) if drafted else ()
    if has_errors(gate):
        return empty_plan(states, layers, gate), states
    draft = inputs.draft if drafted else None
    desired, findings = decided_desired(inputs, write=write)
    if desired != draft:
        # The layers hold more than the draft: what other environments ask of the account, layers that it does not speak for.
        gate = sort_findings([*gate, *validate(inputs, drafted=False, now=now)])
        if has_errors(gate):
            return empty_plan(states, layers, gate), states
    if set(layers) - {Layer.WORKSPACE}:
        require_sight(workspace, (t.catalog for t in desired.tables))
    desired, found = with_key(desired, states, find_key)
    attached = Attached(desired=desired)
    if Layer.WORKSPACE in layers:
        attached = lay_over_live(inputs.folder, workspace, desired, states)
        desired = attached.desired
    engine = engine or DirectEngine(root=inputs.folder.root, preview=True)
    plan = engine.plan(desired, workspace, states, adopt=adopt, layers=layers, known=attached.known)
    findings = (*findings, *shared_key(inputs.folder, found.key))
    moved = (*attached.findings, *same_titles(plan, workspace))
    hiding = tuple(allow_hiding)
    unreviewed = hidden_tables(desired, workspace, states, hiding) if Layer.DATA_ACCESS in layers else ()
    found_all = sort_findings([*plan.findings, *gate, *findings, *moved, *unreviewed])
    files = tuple(digests(inputs.folder.path).items())
    return replace(plan, findings=found_all, files=files, desired=layers_digest(inputs.folder)), states


def require_state(inputs: EnvInputs, workspace: Workspace, layers: tuple[Layer, ...], engine: Engine | None = None) -> None:
    """Raise UnsafePlanError where the state is blank and the workspace holds what carries our mark: a destroy would leave it."""
    if not all(inputs.states[layer].blank for layer in layers) or layers_desired(inputs) == Desired():
        return
    plan, _ = make_env_plan(inputs, workspace, layers=layers, engine=engine)
    taken = sum(1 for c in plan.changes if c.action is Action.ADOPT)
    if taken:
        raise UnsafePlanError(
            f"the state of {inputs.env!r} was lost, and {taken} objects here are its own: nothing was destroyed",
            fix=f"lampkeeper apply --env {inputs.env} takes them up again (see the plan first); then destroy",
        )
