"""The parts of a draft that each mode of `generate` may change; all other parts stay."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum

from lampkeeper.app.inputs import EnvInputs
from lampkeeper.design.drift.delta import delta
from lampkeeper.design.synthesis.synthesize import Synthesis, SynthesisRequest
from lampkeeper.model.desired import Desired
from lampkeeper.model.errors import UsageError
from lampkeeper.model.findings import Finding
from lampkeeper.model.genie import space_key
from lampkeeper.model.groups import GroupSpec
from lampkeeper.model.layers import LAYERS, Layer
from lampkeeper.model.policies import Grant, SecurableType
from lampkeeper.model.schema import Snapshot


class Mode(StrEnum):
    """What to generate: everything, the governance of the data alone, or the Genie spaces alone."""

    FULL = "full"
    GOVERNANCE = "governance"
    GENIE = "genie"

    @property
    def layers(self) -> tuple[Layer, ...]:
        """Return the layers whose files the mode may write."""
        owned = {Mode.GOVERNANCE: (Layer.ACCOUNT, Layer.DATA_ACCESS), Mode.GENIE: (Layer.WORKSPACE,)}
        return owned.get(self, LAYERS)


def mode_for(mode: Mode, space: str, *, genie_only: bool) -> Mode:
    """Return the mode that is meant; raise UsageError for a pair that cannot be."""
    if mode is Mode.GOVERNANCE and space:
        raise UsageError("a Genie space does not belong to mode governance", fix="leave out --space, or use --mode full or genie")
    if not genie_only:
        return mode
    if mode is Mode.GOVERNANCE:
        raise UsageError("genie_only is set: this environment manages no governance", fix="use --mode genie, or unset genie_only")
    return Mode.GENIE


def groups_for(mode: Mode, inputs: EnvInputs, before: Desired | None, wanted: tuple[GroupSpec, ...]) -> tuple[GroupSpec, ...]:
    """Return the groups to generate for: the spaces alone are opened to the groups that there are, none is made for them.

    With genie_only not even those: who may use the spaces is decided elsewhere.
    """
    if mode is not Mode.GENIE:
        return wanted
    if inputs.settings.genie_only:
        return ()
    if before is not None:
        return tuple(GroupSpec(group=g) for g in before.groups)
    return tuple(GroupSpec(group=g) for g in inputs.layers.reads[0].desired.groups)


def merged_draft(mode: Mode, space: str, before: Desired | None, request: SynthesisRequest, made: Synthesis) -> Synthesis:
    """Return the new draft: what was made, as far as the mode owns it; the rest as it was before."""
    if space and before is not None:
        return _with_space(mode, space_key(space), before, request, made)
    new = made.desired
    if mode is Mode.GOVERNANCE:
        kept = before or Desired()
        new = replace(new, spaces=kept.spaces, workspace_assignments=kept.workspace_assignments, warehouses=kept.warehouses)
    elif mode is Mode.GENIE:
        kept = before or Desired(groups=new.groups)
        new = replace(kept, spaces=new.spaces, workspace_assignments=new.workspace_assignments, warehouses=new.warehouses)
    return Synthesis(desired=new, findings=made.findings)


def _with_space(mode: Mode, key: str, before: Desired, request: SynthesisRequest, made: Synthesis) -> Synthesis:
    """Return the draft with one space regenerated: other spaces and its permissions stay, and protection is only added."""
    findings: tuple[Finding, ...] = made.findings
    known = next((s for s in before.spaces if s.key == key), None)
    fresh = tuple(s if known is None else replace(s, acl_groups=known.acl_groups) for s in made.desired.spaces if s.key == key)
    others = tuple(s for s in before.spaces if s.key != key)
    state = before
    if mode is Mode.FULL:
        scope = {t.plain.casefold() for t in before.tables} | {t.plain.casefold() for s in fresh for t in s.tables}
        tables = tuple(t for t in request.snapshot.tables if t.name.plain.casefold() in scope)
        narrowed = replace(request, snapshot=Snapshot(tables=tables, tags=request.snapshot.tags), spaces=())
        closed = delta(before, narrowed)
        state = replace(closed.desired, grants=_with_grants(before, made.desired, {t.name.plain for t in tables}))
        findings = tuple(f for f in closed.findings if f.code != "LK014")
    houses = state.warehouses or made.desired.warehouses
    return Synthesis(desired=replace(state, spaces=(*others, *fresh), warehouses=houses), findings=findings)


def _with_grants(before: Desired, made: Desired, scope: set[str]) -> tuple[Grant, ...]:
    """Return the grants with those on tables that came into scope, and what leads to them, for groups that there are."""
    groups = {g.name for g in before.groups}
    known = {t.plain for t in before.tables}
    new = {tuple(t.split(".")) for t in scope - known}
    have = {g.key for g in before.grants}
    homes = {t[:n] for t in new for n in (1, 2)}
    added = (
        g
        for g in made.grants
        if g.principal in groups
        and g.key not in have
        and (g.securable in new if g.securable_type is SecurableType.TABLE else g.securable in homes)
    )
    return (*before.grants, *added)
