"""Starts and ends a pilot: the setting in env.auto.tfvars, and the policies of the draft."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from lampkeeper.app.inputs import EnvInputs
from lampkeeper.app.validating import findings_of
from lampkeeper.design.synthesis.pilot import bound_to, widened
from lampkeeper.files.draft_history import record_draft
from lampkeeper.files.settings_edit import edit_settings
from lampkeeper.files.text import read_text, write_text
from lampkeeper.model.errors import UsageError
from lampkeeper.model.findings import Finding
from lampkeeper.model.known_names import unknown_name

PILOT_RULE = "LK410"


@dataclass(frozen=True, slots=True, kw_only=True)
class PilotChange:
    """The changed files, the number of policies that bind other principals now, and what the pilot means."""

    changed: tuple[Path, ...]
    policies: int
    findings: tuple[Finding, ...]


def set_pilot(inputs: EnvInputs, group: str, now: datetime | None = None) -> PilotChange:
    """Bind the draft's policies to one group, or to all principals with an empty group, and write the setting.

    Raise UsageError without a draft, for an unknown group, and for a group that reads the data unmasked.
    """
    before = inputs.settings
    if not group and not before.pilot:
        raise UsageError(f"{inputs.env!r} has no pilot to widen", fix=f"lampkeeper pilot GROUP --env {inputs.env}")
    draft = inputs.draft
    if group:
        _require_group(inputs, group)
    policies = widened(draft.policies, before.pilot)
    bound = bound_to(policies, group)
    moved = sum(a.to_principals != b.to_principals for a, b in zip(draft.policies, bound, strict=True))
    now = now or datetime.now(UTC)
    record_draft(inputs.folder, "edited by hand", now)
    changed = write_pilot(inputs, group)
    paths = inputs.write_draft(replace(draft, policies=bound), inputs.folder.draft_layers())
    record_draft(inputs.folder, f"pilot {group}" if group else "pilot widened", now)
    return PilotChange(
        changed=(*changed, *(inputs.folder.generated_path / Path(p).name for p in paths)),
        policies=moved,
        findings=pilot_findings(inputs),
    )


def pilot_findings(inputs: EnvInputs) -> tuple[Finding, ...]:
    """Return what a pilot means for everybody who is not in its group; none without one."""
    if not inputs.settings.pilot:
        return ()
    return tuple(f for f in findings_of(inputs, inputs.desired) if f.code == PILOT_RULE)


def _require_group(inputs: EnvInputs, group: str) -> None:
    groups = {g.name: g for g in inputs.draft.groups}
    if group not in groups:
        fix = "use one of the groups; a group of the identity provider goes into `groups` with external = true"
        raise unknown_name("group", group, groups, where="in the draft", fix=fix)
    cleared = sorted({p.name for p in inputs.draft.policies if group in p.except_principals})
    if cleared:
        message = f"{group!r} is exempt from {cleared[0]} and {len(cleared) - 1} more policies: a pilot would protect nothing"
        raise UsageError(message, fix="choose a group without a clearance")


def write_pilot(inputs: EnvInputs, group: str) -> tuple[Path, ...]:
    """Write the setting into the text of env.auto.tfvars; return the file if it changed."""
    path = inputs.folder.settings_path
    changed = write_text(path, edit_settings(read_text(path), path, replace(inputs.settings, pilot=group)))
    inputs.changed("settings")
    return (path,) if changed else ()
