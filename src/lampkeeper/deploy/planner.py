"""Creates a plan: compares desired and live state, decides by ownership, orders the changes, and simulates access."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

from lampkeeper.deploy.change import Change
from lampkeeper.deploy.existing_controls import conflict_findings, conflicts_of, take_over, takeover_findings
from lampkeeper.deploy.inspect import inspect
from lampkeeper.deploy.kinds import GRANT, GROUP, KINDS, POLICY, TABLE_CONTROL
from lampkeeper.deploy.kinds.base import Kind, LiveObject
from lampkeeper.deploy.live_reading import read_live_state, scope_of
from lampkeeper.deploy.live_state import LiveState
from lampkeeper.deploy.lost_state import lost_layers, marked_tables
from lampkeeper.deploy.order import ordered
from lampkeeper.deploy.owner_plans import LEFT, plan_owners, require_known_owners, require_sole_workspace, sharing_of
from lampkeeper.deploy.owners import Others, Owners, Sharing
from lampkeeper.deploy.plan import Plan, StateVersion
from lampkeeper.deploy.safety import PlanSimulation, effect_on_access, recorded_simulated_access, with_temporary_revokes
from lampkeeper.deploy.simulated_access import SimulatedAccess
from lampkeeper.deploy.stages import Action, Stage
from lampkeeper.deploy.state import Owned, States
from lampkeeper.model.controls import ControlSlot
from lampkeeper.model.desired import Desired
from lampkeeper.model.findings import Finding, Severity, sort_findings
from lampkeeper.model.layers import LAYERS, Layer
from lampkeeper.model.masks import Function
from lampkeeper.model.policies import Policy
from lampkeeper.remote.account_workspaces import other_workspaces
from lampkeeper.remote.clients import Workspace
from lampkeeper.remote.owner_files import FOLDER

T = TypeVar("T")


def make_plan(
    desired: Desired,
    workspace: Workspace,
    states: States,
    *,
    adopt: bool = False,
    layers: tuple[Layer, ...] = LAYERS,
    view: LiveState | None = None,
    known: frozenset[tuple[str, str]] = frozenset(),
) -> Plan:
    """Return the plan that brings the workspace to the desired state, for these layers.

    `adopt` takes over the objects of others that the desired state names; of the objects `known`, by kind and key, the desired
    state was made from the live ones, so they need no `adopt`.

    Reads once (or uses the given `view`) and writes nothing. Problems are findings of the plan; raises RemoteError if the
    workspace cannot be read or a table in scope does not exist.
    """
    seen = view if view is not None else read_live_state(workspace, scope_of(desired, states), states, layers)
    return assemble(desired, seen, Owners.read(workspace), states, adopt=adopt, layers=layers, known=known)


def empty_plan(states: States, layers: tuple[Layer, ...], findings: Iterable[Finding]) -> Plan:
    """Return a plan without changes, for findings that prevent planning."""
    state_versions = tuple(StateVersion(layer=la, lineage=states[la].lineage, serial=states[la].serial) for la in layers)
    return Plan(env=states.env, state_versions=state_versions, findings=sort_findings(findings))


def plan_destroy(
    workspace: Workspace,
    states: States,
    *,
    layers: tuple[Layer, ...] = LAYERS,
    sole_workspace: bool = False,
    view: LiveState | None = None,
) -> Plan:
    """Return the plan that removes all owned objects of these layers and restores adopted ones.

    `sole_workspace`: the user declares that no other workspace of the account uses the account layer.
    """
    seen = view if view is not None else read_live_state(workspace, scope_of(Desired(), states), states, layers)
    owners = Owners.read(workspace)
    require_known_owners(owners, states, layers)
    plan = assemble(Desired(), seen, owners, states, layers=layers, destroys=True)
    if not sole_workspace and any(c.action is not Action.FORGET for c in plan.of_layer(Layer.ACCOUNT)):
        require_sole_workspace(other_workspaces(workspace))
    return plan


def assemble(
    desired: Desired,
    view: LiveState,
    owners: Owners,
    states: States,
    *,
    adopt: bool = False,
    layers: tuple[Layer, ...] = LAYERS,
    destroys: bool = False,
    known: frozenset[tuple[str, str]] = frozenset(),
) -> Plan:
    """Create the plan from what was read, without network calls and clock."""
    sharing = sharing_of(desired, view, owners, states)
    draft = _Draft(
        desired=desired, view=view, states=states, adopt=adopt, lost=lost_layers(view, states), sharing=sharing,
        destroys=destroys, known=known,
    )  # fmt: skip
    # Controls of tables come last: which of them must be dropped depends on the policies and tags after all other changes.
    for kind in KINDS:
        if kind.layer in layers and kind is not TABLE_CONTROL:
            draft.compare(kind)
    live = SimulatedAccess(view.governed.access.model)
    final = live.copy()
    for change in draft.changes:
        change.simulate(final)
    if Layer.DATA_ACCESS in layers:
        draft.compare_controls(final)
    changes = ordered(draft.changes, final.policies.values())
    exposures = PlanSimulation(live, changes).exposures()
    # Temporary revokes interrupt readers, so they are used only if no order of the changes avoids an exposure. The second
    # simulation finds what they cannot prevent: access by grants that lampkeeper does not manage.
    if exposures:
        owned = states.owned(GRANT).keys()
        changes = ordered(with_temporary_revokes(changes, live, exposures, owned), final.policies.values())
        exposures = PlanSimulation(live, changes).exposures()
    kept = {t.catalog for t in desired.tables}
    # Without this, a lost state would turn every widening of governed tables into first access, which needs no approval.
    governed = states.governed | (set(marked_tables(desired, view)) if Layer.DATA_ACCESS in draft.lost else set())
    effect = effect_on_access(live, recorded_simulated_access(live, states), final, governed, kept)
    data_access = Layer.DATA_ACCESS in layers
    return Plan(
        env=states.env,
        state_versions=tuple(StateVersion(layer=la, lineage=states[la].lineage, serial=states[la].serial) for la in layers),
        changes=changes,
        widening=effect.widening,
        first_access=effect.first_access,
        narrowing=effect.narrowing,
        restoring=effect.restoring,
        exposures=tuple(str(e) for e in exposures),
        findings=sort_findings([*draft.findings, *inspect(desired, view, states)]),
        already_there=tuple(draft.already_there),
        tables=tuple(sorted(desired.tables if data_access else states.governed)),
        destroys=destroys,
        owners=plan_owners(desired, sharing, layers, destroys=destroys),
        examples=tuple(_examples(desired.functions)) if data_access else (),
    )


def _examples(functions: Iterable[Function]) -> Iterator[tuple[str, str, str]]:
    """Yield one example of each function that has any: the first with a value that is not null."""
    for function in sorted(functions, key=lambda f: f.name):
        reported = sorted(function.examples, key=lambda e: "NULL" in (*e.arguments, e.returns))
        if reported:
            yield function.name.plain, ", ".join(reported[0].arguments), reported[0].returns


@dataclass(slots=True, kw_only=True)
class _Draft:
    desired: Desired
    view: LiveState
    states: States
    adopt: bool
    lost: frozenset[Layer]
    sharing: Sharing
    destroys: bool
    known: frozenset[tuple[str, str]] = frozenset()
    changes: list[Change[Any]] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    already_there: list[str] = field(default_factory=list)

    def compare(self, kind: Kind[Any]) -> None:
        """Add the changes of one kind."""
        owner = "account" if kind.layer is Layer.ACCOUNT else self.states.env
        wanted = kind.desired(self.desired, self.states.env)
        live = kind.live(self.view)
        owned = self.states[kind.layer].of_kind(kind)
        for key, spec in wanted.items():
            self.changes += self._want(kind, key, spec, live.get(key), owned.get(key), owner)
        for key, record in owned.items():
            if key not in wanted:
                self.changes += self._drop(kind, key, record, live.get(key))
        # An adopted group keeps the members and grants that it had.
        created = {name for name, group in self.states.owned(GROUP).items() if group.original is None}
        for key, found in sorted(live.items()):
            if key not in wanted and key not in owned and kind.uninvited(found.spec, self.desired, created):
                # Another environment owns it, and its next apply would create it again.
                if self._others(kind, key, found).owners:
                    continue
                self.changes += _steps(kind, key, Action.DELETE, found.spec, None, ("not in the desired state",), found.remote_id)

    def compare_controls(self, final: SimulatedAccess) -> None:
        """Add the changes of controls set on tables, simulate them, and report the conflicts after the plan."""
        kind = TABLE_CONTROL
        live, owned = kind.live(self.view), self.states[kind.layer].of_kind(kind)
        ours = {p.key for p in self.desired.policies} | {p.key for p in final.policies.values() if self._is_owned(p)}
        taken = take_over(final, ours, owned, live, adopt=self.adopt)
        changes: list[Change[ControlSlot]] = []
        for key, slot in sorted(taken.wanted.items()):
            record = owned.get(key)
            if record is None or (live[key].spec.function is not None and record.spec.function is None):
                changes += self._take(kind, key, live[key], slot, "adopted on request", original=live[key].spec)
            else:
                changes += self._want(kind, key, slot, live[key], record, "")
        for key in sorted(taken.back):
            changes += self._give_back(kind, key, owned[key], live.get(key))
        for change in changes:
            change.simulate(final)
        self.changes += changes
        self.findings += takeover_findings(changes)
        self.findings += conflict_findings(conflicts_of(final, ours), self.view.governed, adopted=self.adopt)

    def _is_owned(self, policy: Policy) -> bool:
        return any(owned.spec.key == policy.key for owned in self.states.owned(POLICY).values())

    def _give_back(
        self, kind: Kind[ControlSlot], key: str, record: Owned[ControlSlot], found: LiveObject[ControlSlot] | None
    ) -> Iterable[Change[ControlSlot]]:
        """Restore a control; if another one was set meanwhile, that one stays."""
        if found is not None and found.spec.function is not None and record.spec.function is None:
            found = None
        return self._drop(kind, key, record, found)

    def _want(
        self, kind: Kind[T], key: str, wanted: T, found: LiveObject[T] | None, record: Owned[T] | None, owner: str
    ) -> Iterable[Change[T]]:
        if found is None and kind.of_others(wanted):
            self._refuse(
                kind, key, "ATTACHED_MISSING", "is attached by its id, and no object with this id is visible: it was deleted, or"
                " the runner may not see it", "correct the id, or remove the id to create a new object",
            )  # fmt: skip
            return ()
        if found is None:
            why = ("no longer in the workspace",) if record else ()
            return _steps(kind, key, Action.CREATE, None, wanted, why, "", wanted=wanted)
        recorded = record.spec if record else None
        others = self._others(kind, key, found)
        if others.owners:
            wanted = kind.beside_others(wanted)
        target = self._target(kind, key, wanted, found, recorded, others)
        reasons = kind.differences(found.spec, target)
        # An interrupted apply sent the write without recording it, so an object with this key counts as its own.
        begun = (kind.name, key) in self.states[kind.layer].intents
        if record is not None:
            remote_id = found.remote_id or record.remote_id
            if reasons:
                return _steps(kind, key, Action.UPDATE, found.spec, target, reasons, remote_id, wanted=wanted, recorded=recorded)
            return [_note(kind, key, found, wanted, recorded, "written by an interrupted apply")] if begun else ()
        if others.owners:
            steps = [_note(kind, key, found, wanted, None, f"shared with {others}", others.original)]
            if reasons:
                steps += _steps(kind, key, Action.UPDATE, found.spec, target, reasons, found.remote_id, wanted=wanted)
            return steps
        if begun or (found.mark and found.mark == owner):
            reason = "created by an interrupted apply" if begun else "has the environment's mark"
            return self._take(kind, key, found, wanted, reason)
        if found.mark:
            self._refuse(kind, key, "OWNED_BY_OTHER", f"is managed by lampkeeper for {found.mark!r}", "manage it there only")
            return ()
        # Grants, tags and ACL entries have no mark. Unless a lost state takes up the equal ones, destroy would remove masks while
        # its own grants remain.
        if not reasons and kind.layer in self.lost and not kind.marked:
            return self._take(kind, key, found, wanted, "as the lost state left it")
        if not reasons and self.adopt:
            return self._take(kind, key, found, wanted, "adopted on request", original=found.spec)
        if not reasons:
            self.already_there.append(f"{kind.name} {key}")
            return ()
        addition = kind.addition(wanted, found.spec)
        if addition is not None:
            return _steps(kind, key, Action.UPDATE, found.spec, target, reasons, found.remote_id, wanted=addition)
        if not self.adopt and (kind.name, key) not in self.known:
            self._refuse(
                kind, key, "FOREIGN_OBJECT", f"exists, is not managed by lampkeeper and differs ({'; '.join(reasons)})",
                "run again with --adopt to adopt it, or change the desired state",
            )  # fmt: skip
            return ()
        reason = "adopted on request" if self.adopt else "attached, and changed in the files"
        return self._take(kind, key, found, wanted, reason, original=found.spec)

    def _take(
        self, kind: Kind[T], key: str, found: LiveObject[T], wanted: T, why: str, original: T | None = None
    ) -> list[Change[T]]:
        """Return the change that records an existing object as owned, and the update that it needs."""
        target = kind.target(wanted, found.spec, None)
        reasons = kind.differences(found.spec, target)
        steps: list[Change[T]] = []
        if reasons:
            steps += _steps(kind, key, Action.UPDATE, found.spec, target, reasons, found.remote_id, wanted=wanted)
        return [_note(kind, key, found, wanted, None, why, original), *steps]

    def _drop(self, kind: Kind[T], key: str, record: Owned[T], found: LiveObject[T] | None) -> Iterable[Change[T]]:
        if found is None:
            return (Change(kind=kind, key=key, action=Action.FORGET, stage=Stage.CLEAN, reasons=("gone already",)),)
        if kind.of_others(record.spec):
            return (Change(kind=kind, key=key, action=Action.FORGET, stage=Stage.OPEN, reasons=("stays as it is",)),)
        others = self._others(kind, key, found, leaving=True)
        # Environments of one clone share the account state: while one of them is active, destroying another keeps its objects.
        if self.destroys and kind.layer is Layer.ACCOUNT and any(e.active for e in self.sharing.beside):
            return ()
        # An unreadable owner file may claim this object, and a deletion cannot be undone.
        if kind.shared and (unreadable := self.sharing.owners.unreadable):
            self._refuse(
                kind, key, "OWNERS_UNREADABLE", f"its other owners are unknown: {FOLDER}/{unreadable[0]} is not an owner file of"
                " this version", "use the version that wrote it, or remove the file if its environment no longer exists",
            )  # fmt: skip
            return ()
        if others.owners:
            return self._part(kind, key, record, found, others)
        if others.users:
            self._keep(kind, key, others)
            return ()
        back = kind.unmanaged(found.spec, record.spec)
        if record.original is not None:
            back = kind.target(record.original, found.spec, record.spec)
        if back is None:
            remote_id = found.remote_id or record.remote_id
            return _steps(kind, key, Action.DELETE, found.spec, None, ("no longer in the desired state",), remote_id)
        return _let_go(kind, key, record, found, back, "as before adoption" if record.original is not None else "others use it")

    def _target(self, kind: Kind[T], key: str, wanted: T, found: LiveObject[T], recorded: T | None, others: Others) -> T:
        """Return the target of the object; elements of other environments stay, and shared fields are not changed."""
        target = kind.target(wanted, found.spec, recorded)
        if not others.owners:
            return target
        agreed = kind.together(target, found.spec, others.elements)
        if differs := kind.imposed(agreed, target):
            self._refuse(
                kind, key, "SHARED_DIFFERS", f"is shared with {others} and would change for them too ({'; '.join(differs)})",
                "name another warehouse, or use the same settings in both environments",
            )  # fmt: skip
        return agreed

    def _part(self, kind: Kind[T], key: str, record: Owned[T], found: LiveObject[T], others: Others) -> list[Change[T]]:
        """Return the changes that leave an object to its other owners: only elements without another owner are removed."""
        elements = others.elements | kind.elements_of(record.original)
        return _let_go(kind, key, record, found, kind.parting(found.spec, record.spec, elements), f"{LEFT} {others}")

    def _keep(self, kind: Kind[Any], key: str, others: Others) -> None:
        message = f"stays, because {others} uses it and does not own it"
        fix = "run again once that environment is destroyed or no longer uses it"
        self.findings.append(
            Finding(code="STILL_USED", severity=Severity.WARNING, location=f"{kind.name} {key}", message=message, fix=fix)
        )

    def _others(self, kind: Kind[T], key: str, found: LiveObject[T], *, leaving: bool = False) -> Others:
        return self.sharing.at(kind, kind.keys_at(key, found, self.view), leaving=leaving)

    def _refuse(self, kind: Kind[Any], key: str, code: str, what: str, fix: str) -> None:
        location = f"{kind.name} {key}"
        self.findings.append(Finding(code=code, severity=Severity.ERROR, location=location, message=what, fix=fix))


def _let_go(kind: Kind[T], key: str, record: Owned[T], found: LiveObject[T], back: T, why: str) -> list[Change[T]]:
    """Return the changes after which an object equals `back` and is no longer in the state."""
    changes: list[Change[T]] = []
    if kind.differences(found.spec, back):
        remote_id = found.remote_id or record.remote_id
        changes += _steps(kind, key, Action.UPDATE, found.spec, back, (why,), remote_id, recorded=record.spec)
    return [*changes, Change(kind=kind, key=key, action=Action.FORGET, stage=Stage.OPEN, reasons=(why,))]


def _note(
    kind: Kind[T], key: str, found: LiveObject[T], wanted: T, recorded: T | None, why: str, original: T | None = None
) -> Change[T]:
    """Return the change that only writes to the state: the live object is recorded as owned."""
    return Change(
        kind=kind, key=key, action=Action.ADOPT, stage=Stage.CLOSE, before=found.spec,
        after=found.spec, reasons=(why,), remote_id=found.remote_id, original=original,
        managed=kind.managed(found.spec, wanted, recorded),
    )  # fmt: skip


def _steps(
    kind: Kind[T],
    key: str,
    action: Action,
    before: T | None,
    after: T | None,
    reasons: tuple[str, ...],
    remote_id: str,
    *,
    wanted: T | None = None,
    recorded: T | None = None,
) -> Iterator[Change[T]]:
    """Yield the kind's changes for the object, one or two; each begins with the spec after the one before it."""
    standing = before
    for stage, spec in kind.steps(action, before, after):
        yield Change(
            kind=kind, key=key, action=action, stage=stage, before=standing, after=spec,
            reasons=reasons, remote_id=remote_id,
            managed=None if spec is None else kind.managed(spec, wanted, recorded),
        )  # fmt: skip
        standing = spec
