"""Generation: from the snapshot to labels and a draft, written beside the copies that the history keeps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from lampkeeper.app.choices import Choices
from lampkeeper.app.existing_tags import existing_tag_findings
from lampkeeper.app.importing import imported_spaces, keep_base
from lampkeeper.app.inputs import EnvInputs
from lampkeeper.app.labelling import read_sources
from lampkeeper.app.modes import Mode, groups_for, merged_draft, mode_for
from lampkeeper.app.space_content import SpaceWriter, lay_over
from lampkeeper.app.space_requests import space_requests
from lampkeeper.app.unreviewed import unknown_families
from lampkeeper.app.waiving import exceptions_ending
from lampkeeper.design.knowledge.knowledge import Knowledge
from lampkeeper.design.knowledge.near_words import near_word
from lampkeeper.design.synthesis.groups import minimal_groups
from lampkeeper.design.synthesis.synthesize import SynthesisRequest, synthesize
from lampkeeper.files.draft_history import record_draft
from lampkeeper.files.settings import Settings
from lampkeeper.model.desired import Desired
from lampkeeper.model.findings import Finding, sort_findings
from lampkeeper.model.genie import Warehouse
from lampkeeper.model.groups import GroupSpec
from lampkeeper.model.known_names import unknown_name
from lampkeeper.model.labels import Label, count_labels
from lampkeeper.model.names import split_name
from lampkeeper.model.schema import Snapshot
from lampkeeper.model.unreviewed import Reach, outermost

WAREHOUSE = "lampkeeper"
"""The warehouse that is made when the settings name none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Generated:
    """What a generation decided and wrote."""

    labels: tuple[Label, ...]
    desired: Desired
    findings: tuple[Finding, ...]
    changed: tuple[str, ...] = field(default=())

    @property
    def counts(self) -> Mapping[str, int]:
        """Return how many columns are protected, open and undecided."""
        return count_labels(self.labels)


def generate(
    inputs: EnvInputs,
    *,
    mode: Mode = Mode.FULL,
    space: str = "",
    choices: Choices | None = None,
    now: datetime | None = None,
) -> Generated:
    """Decide labels and desired state from the snapshot and write them as the draft, kept in the history too.

    What the mode does not own stays as the draft has it; `space` keeps the other spaces, byte for byte. `choices` stand in
    place of the settings. A snapshot must have been taken.
    """
    settings, snapshot, folder = inputs.settings, inputs.require_snapshot(), inputs.folder
    choices = choices or Choices()
    mode = mode_for(mode, space, genie_only=settings.genie_only)
    knowledge = inputs.knowledge(choices)
    sources = read_sources(inputs, snapshot, knowledge)
    labels = sources.merged(snapshot, knowledge, settle=choices.settle)
    requests, findings = space_requests(settings, snapshot, mode, space)
    warehouse = _warehouse(settings)
    before = inputs.draft if inputs.has_draft and (space or mode is not Mode.FULL) else None
    asked = synthesis_request(inputs, snapshot, labels, choices)
    groups = groups_for(mode, inputs, before, asked.groups)
    request = replace(asked, groups=groups, spaces=requests, warehouse=warehouse)
    made = synthesize(request)
    spaces = made.desired.spaces
    left_out: tuple[Finding, ...] = ()
    if choices.space_content is SpaceWriter.MODEL:
        spaces, left_out = lay_over(spaces, snapshot, requests, inputs.sources.spaces())
    made = replace(made, desired=replace(made.desired, spaces=imported_spaces(folder, spaces)))
    made = merged_draft(mode, space, before, request, made)
    existing_tags = existing_tag_findings(snapshot, labels, made.desired, knowledge, inputs.assigned_tags)
    now = now or datetime.now(UTC)
    ends = (*exceptions_ending(settings, now.date()), *unknown_families(settings, knowledge))
    findings = sort_findings([*findings, *left_out, *made.findings, *sources.findings, *existing_tags, *ends])
    record_draft(folder, "edited by hand", now)
    inputs.write_labels(labels)
    fresh = {r.name for r in requests}
    changed = inputs.write_draft(made.desired, mode.layers)
    for each in made.desired.spaces:
        if each.name in fresh:
            changed += tuple(map(str, folder.write_space_draft(each.key, Desired(spaces=(each,)))))
            keep_base(folder, each)
    changed += tuple(map(str, folder.write_pages(made.desired, labels, findings)))
    record_draft(folder, f"generate --mode {mode}" + (f" --space {space}" if space else ""), now)
    return Generated(labels=labels, desired=made.desired, findings=findings, changed=changed)


def synthesis_request(inputs: EnvInputs, snapshot: Snapshot, labels: tuple[Label, ...], choices: Choices) -> SynthesisRequest:
    """Return the request for an environment's governance, without Genie spaces and a warehouse."""
    settings, knowledge = inputs.settings, inputs.knowledge(choices)
    unreviewed, unreviewed_columns = choices.closing(settings)
    return SynthesisRequest(
        snapshot=snapshot,
        labels=labels,
        groups=_groups(settings, knowledge, choices),
        function_schema=settings.function_schema,
        knowledge=knowledge,
        limits=inputs.remaining_quota,
        unreviewed=unreviewed,
        unreviewed_columns=unreviewed_columns,
        exemptions=settings.exemptions,
        covered=covered_reaches(settings.patterns),
        pilot=settings.pilot,
    )


def _warehouse(settings: Settings) -> Warehouse | None:
    """Return the warehouse that groups may use: by its id, or one to create; with genie_only access to it is given elsewhere."""
    if settings.genie_only:
        return None
    return Warehouse(name="", id=settings.sql_warehouse_id) if settings.sql_warehouse_id else Warehouse(name=WAREHOUSE)


def covered_reaches(patterns: Iterable[str]) -> tuple[Reach, ...]:
    """Return what the patterns cover whole: catalogs of `catalog.*`, schemas of `catalog.schema.*`."""
    whole = (split_name(p.removesuffix(".*")) for p in patterns if p.endswith(".*"))
    return outermost(parts for parts in whole if len(parts) < 3)


def _groups(settings: Settings, knowledge: Knowledge, choices: Choices) -> tuple[GroupSpec, ...]:
    """Return the groups: those named by the command, the settings', the industry's templates, or the fewest that do."""
    if settings.genie_only:
        return ()
    if choices.groups:
        known = {t.name for t in knowledge.templates} | {s.group.name for s in settings.groups or ()}
        for name in choices.groups:
            if near_word(name, known) is not None and name.casefold() not in {k.casefold() for k in known}:
                fix = "correct the name; a new group whose name is that near goes into `groups` of env.auto.tfvars"
                raise unknown_name("group", name, known, where="among the templates and the settings", fix=fix)
        return knowledge.pick_groups(choices.groups)
    if settings.groups is not None:
        return settings.groups
    return tuple(t.spec() for t in knowledge.templates) or minimal_groups()
