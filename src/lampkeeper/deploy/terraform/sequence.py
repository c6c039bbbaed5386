"""The order in which the two engines write, the check that they agree, and what could show in between. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from lampkeeper.deploy.change import Change
from lampkeeper.deploy.kinds import KINDS, REMOVAL
from lampkeeper.deploy.safety import PlanSimulation
from lampkeeper.deploy.simulated_access import SimulatedAccess
from lampkeeper.deploy.stages import STAGES, Action, Stage
from lampkeeper.deploy.terraform.documents import ObjectKey
from lampkeeper.model.findings import Finding, Severity
from lampkeeper.model.layers import Layer

_RANK = {kind: n for n, kind in enumerate(KINDS)}
_REMOVAL_RANK = {kind: n for n, kind in enumerate(REMOVAL)}
Changes = Sequence[Change[Any]]


def arranged(
    direct: Changes, terraform: Mapping[Layer, Changes], *, destroys: bool, removals_first: bool = True
) -> tuple[Change[Any], ...]:
    """Return all changes in the order of an apply; the changes of Terraform in one layer are next to each other.

    Functions and their schema come before the layer with the policies that call them, spaces after the layer of the workspace.
    What the direct engine revokes comes first, what it removes after the layer that used it. `removals_first`: Terraform may
    remove an object of a layer before or after it writes the others.
    """
    layers = {layer: _by_dependency(terraform.get(layer, ()), removals_first) for layer in Layer}
    first = [c for c in direct if c.stage is Stage.CLOSE]
    early = [c for c in direct if c.stage in (Stage.PREPARE, Stage.PROTECT)]
    late = [c for c in direct if c.stage in (Stage.SWITCH, Stage.CLEAN)]
    last = [c for c in direct if c.stage is Stage.OPEN]
    account, data, work = layers[Layer.ACCOUNT], layers[Layer.DATA_ACCESS], layers[Layer.WORKSPACE]
    if destroys:
        # Governed tags and groups of the account outlive everything that names them.
        return (*first, *work, *data, *early, *late, *last, *account)
    return (*first, *account, *early, *data, *late, *work, *last)


def _by_dependency(changes: Changes, removals_first: bool) -> list[Change[Any]]:
    removals = [c for c in changes if c.action is Action.DELETE]
    writes = [c for c in changes if c.action is not Action.DELETE]
    removals.sort(key=lambda c: (STAGES.index(c.stage), _REMOVAL_RANK[c.kind], c.key))
    writes.sort(key=lambda c: (STAGES.index(c.stage), _RANK[c.kind], c.key))
    return [*removals, *writes] if removals_first else [*writes, *removals]


def exposures(live: SimulatedAccess, orders: Iterable[Changes]) -> tuple[str, ...]:
    """Return the transient exposures of any of the orders that Terraform may take."""
    return tuple(sorted({str(e) for order in orders for e in PlanSimulation(live, order).exposures()}))


def disagreements(reference: Changes, found: Changes, terraform: Collection[ObjectKey]) -> tuple[Finding, ...]:
    """Return an error for each object that Terraform would leave in another form than the direct engine.

    `reference` is the plan of the direct engine for everything, `found` the changes that Terraform plans.
    """
    wanted = {c.object_key: c for c in reference if c.action.writes and not c.temporary and c.object_key in terraform}
    planned = {c.object_key: c for c in found}
    errors = []
    for object_key in sorted({*wanted, *planned}):
        want, plan = wanted.get(object_key), planned.get(object_key)
        if want is not None and plan is None:
            errors.append(_error(want, f"Terraform does not {want.action} it, although the files of the layer require it"))
        elif plan is not None and (want is None or not _same(want, plan)):
            if want is None and plan.action is Action.UPDATE and not _differs(plan):
                continue
            asked = "left as it is" if want is None else f"{want.action}d{want.why}"
            errors.append(_error(plan, f"Terraform would {plan.action} it{plan.why}, but it must be {asked}"))
    return tuple(errors)


def _same(want: Change[Any], plan: Change[Any]) -> bool:
    if want.after is None or plan.after is None:
        return want.after is None and plan.after is None
    return not want.kind.differences(plan.after, want.after)


def _differs(plan: Change[Any]) -> bool:
    return plan.before is None or plan.after is None or bool(plan.kind.differences(plan.before, plan.after))


def _error(change: Change[Any], message: str) -> Finding:
    address = change.address or "ADDRESS"
    return Finding(
        code="TERRAFORM_DIFFERS", severity=Severity.ERROR, location=f"{change.kind} {change.key}", message=message,
        fix=f"take it out of Terraform's state (terraform state rm {shlex.quote(address)}), so that the direct engine writes it",
    )  # fmt: skip
