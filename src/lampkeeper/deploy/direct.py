"""Applies a plan: one write per step, recorded before and after it, so that an interrupted apply can resume.

Writes to different tables go side by side where `lanes` allows it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from lampkeeper.deploy.change import Change, changes_of
from lampkeeper.deploy.existing_controls import conflicts_of
from lampkeeper.deploy.kinds import FUNCTION, KINDS, POLICY, kind_named
from lampkeeper.deploy.kinds.base import Session
from lampkeeper.deploy.lanes import THREADS, run_lanes, stretches
from lampkeeper.deploy.live_reading import read_live_state, scope_of
from lampkeeper.deploy.order import barriers
from lampkeeper.deploy.owner_book import OwnerBook
from lampkeeper.deploy.plan import Plan
from lampkeeper.deploy.preflight import preflight
from lampkeeper.deploy.read_back import wait_until_read_back
from lampkeeper.deploy.safety import PlanSimulation, effect_on_access, recorded_simulated_access
from lampkeeper.deploy.simulated_access import SimulatedAccess
from lampkeeper.deploy.space_ids import kept_space_ids
from lampkeeper.deploy.stages import Action
from lampkeeper.deploy.state import Owned, StateLock, States
from lampkeeper.deploy.wait import PropagationWait, wait_for_propagation
from lampkeeper.model.desired import Desired
from lampkeeper.model.errors import InternalError, RemoteError, UnsafePlanError, UsageError
from lampkeeper.model.hash_key import HOW_TO_MAKE_ONE, HashKey
from lampkeeper.model.layers import Layer
from lampkeeper.remote.clients import Workspace


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """The progress of an apply: before the `number`-th of `total` steps; `waiting` if it waits for propagation first."""

    number: int
    total: int
    change: Change[Any]
    waiting: bool = False


ProgressCallback = Callable[[Progress], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplyReport:
    """The result of an apply: the number of writes, in total and by kind, and of changes that only wrote to the state."""

    writes: int = 0
    records: int = 0
    by_kind: Mapping[str, int] = field(default_factory=dict)


class TerraformWriter(Protocol):
    """Writes the changes that have an address."""

    def write(self, change: Change[Any], session: Session) -> str:
        """Return the platform's id of the object, after applying the saved plan of its layer if that has not been done."""
        ...


def apply_plan(
    plan: Plan,
    workspace: Workspace,
    states: States,
    *,
    progress: ProgressCallback | None = None,
    allow_widening: bool = False,
    wait: PropagationWait | None = None,
    saved: bool = True,
    check_privileges: bool = True,
    hash_key: HashKey | None = None,
    terraform: TerraformWriter | None = None,
    threads: int = THREADS,
) -> ApplyReport:
    """Apply a plan, or refuse it with UnsafePlanError before the first write.

    At most `threads` writes go side by side; Terraform locks its state, so its writes go one after another.

    `hash_key` is inserted into keyed functions; a plan that writes one raises UsageError without it.
    `saved` plans are compared with the workspace again; pass False only for a plan that this process has just created.
    `terraform` writes the changes of a plan by Terraform.
    All privileges are checked before the first write. After an error, the completed writes are recorded: another plan and apply
    resume from there.
    """
    with StateLock(states):
        _require_applicable(plan, states, allow_widening)
        _require_key(plan, hash_key)
        if plan.terraform and terraform is None:
            raise UsageError("the plan was made with Terraform", fix="apply it with --engine terraform")
        if plan.empty:
            return ApplyReport()
        if saved:
            _require_unmoved(plan, workspace, states)
        if check_privileges:
            _require_privileges(plan, workspace)
        session = _session(workspace, states, plan, hash_key)
        book = OwnerBook(plan=plan, workspace=workspace, states=states)
        with kept_space_ids(states):
            return _Run(
                plan=plan, states=states, progress=progress, wait=wait or PropagationWait(), session=session, book=book,
                terraform=terraform, threads=1 if terraform is not None else threads,
            ).run()  # fmt: skip


def _require_applicable(plan: Plan, states: States, allow_widening: bool) -> None:
    if plan.env != states.env:
        raise UnsafePlanError(f"the plan is for env {plan.env!r}, not {states.env!r}")
    for state_version in plan.state_versions:
        state = states[state_version.layer]
        if (state.lineage, state.serial) != (state_version.lineage, state_version.serial):
            raise UnsafePlanError(
                f"layer {state_version.layer}: the plan is for serial {state_version.serial}, the state is at {state.serial}"
                + ("" if state.lineage == state_version.lineage else ", of another lineage"),
                fix="run `plan` again",
            )
    if plan.blocked:
        errors = [str(f) for f in plan.findings if f.severity == "error"]
        raise UnsafePlanError(f"the plan has {len(errors)} errors, first {errors[0]}", fix="resolve them and run `plan` again")
    if allow_widening:
        return
    if plan.widening:
        shown = "; ".join(str(c) for c in plan.widening[:3])
        raise UnsafePlanError(
            f"the plan widens access in {len(plan.widening)} cells: {shown}", fix="allow it with --allow-widening if intended"
        )
    if plan.exposures:
        raise UnsafePlanError(
            f"the plan would cause a transient exposure: {plan.exposures[0]}",
            fix="first revoke the access that lampkeeper does not manage, or allow it with --allow-widening",
        )


def _require_key(plan: Plan, hash_key: HashKey | None) -> None:
    for change in changes_of(plan.changes, FUNCTION):
        function = change.after if change.action.writes else None
        if function is None or not function.keyed:
            continue
        if hash_key is None:
            raise UsageError(f"{change.action} {change.kind} {change.key} needs the environment's hash key", fix=HOW_TO_MAKE_ONE)
        if function.key_id != hash_key.id:
            raise UnsafePlanError(
                f"the plan writes {change.key} with key {function.key_id or 'unknown'}, the environment's key is {hash_key.id}",
                fix="run `plan` again",
            )


def _require_privileges(plan: Plan, workspace: Workspace) -> None:
    lacking = preflight(plan, workspace)
    if lacking:
        listed = "\n".join(f"  {f}" for f in lacking)
        raise RemoteError(
            f"{len(lacking)} requirements are not met, nothing was written:\n{listed}", code=lacking[0].code, status=403,
            fix="resolve them, then apply again",
        )  # fmt: skip


def _require_unmoved(plan: Plan, workspace: Workspace, states: States) -> None:
    """Refuse a plan if its objects have changed since it was created, or if its effect exceeds the listed changes of access."""
    scope = scope_of(Desired(tables=plan.tables), states, plan.changes)
    view = read_live_state(workspace, scope, states, plan.layers)
    first: set[tuple[str, str]] = set()
    for kind in KINDS:
        mine = changes_of(plan.changes, kind)
        live = kind.live(view) if mine else {}
        for change in mine:
            found = live.get(change.key)
            # The id decides which object is written, so it must still belong to the key in the plan: an object may be recreated.
            moved = found is not None and "" not in (found.remote_id, change.remote_id) and found.remote_id != change.remote_id
            if change.action.writes and change.object_key not in first:
                first.add(change.object_key)
                moved = moved or (found is None) != (change.before is None)
                if found is not None and change.before is not None:
                    moved = moved or bool(kind.differences(found.spec, change.before))
            if moved:
                raise UnsafePlanError(
                    f"the workspace has changed since the plan was created: {change.kind} {change.key}", fix="run `plan` again"
                )
    _require_honest(plan, SimulatedAccess(view.governed.access.model), states)


def _require_honest(plan: Plan, live: SimulatedAccess, states: States) -> None:
    """Compute the effect of the changes again; refuse the plan if it lists less, because a plan file may be edited."""
    final = live.copy()
    for change in plan.changes:
        change.simulate(final)
    ours = {p.key for p in final.policies.values() if _is_ours(p.key, plan, states)}
    met = conflicts_of(final, ours)
    if met:
        raise UnsafePlanError(
            f"{met[0].securable}: {' and '.join(str(u.function) for u in met[0].uses)} would conflict, and every query fail",
            fix="run `plan` again, it names the existing mask or filter",
        )
    found = effect_on_access(live, recorded_simulated_access(live, states), final, states.governed)
    exposures = [str(e) for e in PlanSimulation(live, plan.changes).exposures()]
    reported = {*map(str, plan.widening), *plan.exposures}
    unreported = [e for e in (*map(str, found.widening), *exposures) if e not in reported]
    # Widening and first access differ only by the state files, which others may have edited: so the plan must list each gain.
    reported |= {str(c) for c in (*plan.first_access, *plan.restoring)}
    unreported += [str(c) for c in (*found.first_access, *found.restoring) if str(c) not in reported]
    if unreported:
        raise UnsafePlanError(f"the plan has an effect that it does not list: {unreported[0]}", fix="run `plan` again")


def _is_ours(key: tuple[str, str, str], plan: Plan, states: States) -> bool:
    recorded = (owned.spec for owned in states.owned(POLICY).values())
    planned = (c.after for c in changes_of(plan.changes, POLICY) if c.after is not None)
    return any(policy.key == key for policy in (*recorded, *planned))


@dataclass(slots=True, kw_only=True)
class _Run:
    plan: Plan
    states: States
    progress: ProgressCallback | None
    wait: PropagationWait
    session: Session
    book: OwnerBook
    terraform: TerraformWriter | None = None
    threads: int = THREADS
    begun: int = 0
    writes: int = 0
    records: int = 0
    by_kind: dict[str, int] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self) -> ApplyReport:
        """Apply all changes; save the state files at the end, also if the platform refuses a write."""
        self.book.open()
        new = self.book.new_layers()
        # An apply without changes still touches a layer with an earlier write that may not be in effect, to wait for it.
        touched = tuple(la for la in self.plan.layers if self.plan.of_layer(la) or self.states[la].unsettled or la in new)
        for layer in touched:
            self.states[layer].begin()
        try:
            # After `begin`: owner files name the lineage of a state, which must be on disk before another environment reads it.
            self.book.announce()
            self._changes()
        except RemoteError:
            self.states.save(touched)
            raise
        if Layer.DATA_ACCESS in self.plan.layers:
            # Only now: after an interrupted first apply the rest of it is still first access, not widening.
            self.states[Layer.DATA_ACCESS].govern(self.plan.tables)
        self.states.save(touched)
        # Last, because until the states are saved this environment may still own the objects whose claims end here.
        self.book.settle()
        if self.wait.seconds:
            wait_until_read_back(self.plan, self.session.workspace, self.states, self.wait)
        return ApplyReport(writes=self.writes, records=self.records, by_kind=dict(sorted(self.by_kind.items())))

    def _changes(self) -> None:
        states = [self.states[layer] for layer in self.plan.layers]
        waits = barriers(self.plan.changes, unsettled=any(s.unsettled for s in states))
        unsettled: list[Change[Any]] = []
        for stretch in stretches(self.plan.changes, waits):
            if stretch.waits:
                self._tell(stretch.changes[0], waiting=True)
                wait_for_propagation(self.session.workspace, unsettled, self.wait)
                unsettled = []
                for state in states:
                    state.settle()
            run_lanes(stretch, self._step, self.threads)
            unsettled += [c for c in stretch.changes if c.kind.propagating]

    def _step(self, change: Change[Any]) -> None:
        self._tell(change)
        self._one(change)

    def _tell(self, change: Change[Any], *, waiting: bool = False) -> None:
        with self.lock:
            number = self.begun + 1
            self.begun += not waiting
            if self.progress is not None:
                self.progress(Progress(number=number, total=len(self.plan.changes), change=change, waiting=waiting))

    def _one(self, change: Change[Any]) -> None:
        state = self.states[change.layer]
        before = state.objects.get(change.object_key)
        if not change.action.writes:
            original = change.original if change.original is not None else before.original if before else None
            spec = change.managed if change.action is Action.ADOPT else None
            owned = None if spec is None else Owned(spec=spec, remote_id=change.remote_id, original=original)
            state.record(change, owned)
            self.records += 1
            return
        state.intend(change)
        try:
            remote_id = self._write(change)
        except RemoteError as error:
            # A 4xx refused the write. After any other error it may have happened, also if that was the error of an earlier try,
            # so the intent stays, and the next plan treats an object that exists then as created by this environment.
            if 400 <= error.status < 500 and not error.repeated:
                state.withdraw(change)
            raise
        with self.lock:
            self.writes += 1
            self.by_kind[change.kind.name] = self.by_kind.get(change.kind.name, 0) + 1
        if change.temporary:
            # The record stays, so that after an interruption the next plan finds the revoked grant missing and restores it.
            state.record(change, before)
        elif change.after is None:
            state.record(change, None)
        else:
            original = before.original if before else None
            state.record(change, Owned(spec=change.managed or change.after, remote_id=remote_id, original=original))

    def _write(self, change: Change[Any]) -> str:
        """Send the change's one write and return the platform's id."""
        if change.address and self.terraform is not None:
            return self.terraform.write(change, self.session)
        kind = change.kind
        known = change.remote_id or self._recorded_id(change)
        if change.action is Action.CREATE and change.after is not None:
            try:
                return kind.create(self.session, change.after)
            except RemoteError as error:
                arrived = kind.arrived(self.session, change.after) if error.repeated and error.status in (400, 409) else None
                if arrived is None:
                    raise
                return arrived
        if change.action is Action.UPDATE and change.before is not None and change.after is not None:
            kind.update(self.session, change.before, change.after, known)
            return known
        if change.before is None:
            raise InternalError(f"the plan deletes {change.kind} {change.key} without a spec")
        try:
            kind.delete(self.session, change.before, known)
        except RemoteError as error:
            # An interrupted apply may have deleted it, and dropping a parent deletes its children.
            if error.status != 404:
                raise
        return ""

    def _recorded_id(self, change: Change[Any]) -> str:
        owned = self.states[change.layer].objects.get(change.object_key)
        return owned.remote_id if owned else ""


def _session(workspace: Workspace, states: States, plan: Plan, hash_key: HashKey | None) -> Session:
    """Return a session with the ids in the state files and in the plan, and the hash key."""
    session = Session(workspace=workspace, env=states.env, hash_key=hash_key)
    known = {(kind, key): o.remote_id for state in states.layers.values() for (kind, key), o in state.objects.items()}
    known |= {c.object_key: c.remote_id for c in plan.changes if c.remote_id}
    for (name, key), remote_id in known.items():
        if remote_id:
            kind_named(name).remember(session, key, remote_id)
    return session


__all__ = ["ApplyReport", "Progress", "PropagationWait", "apply_plan"]
