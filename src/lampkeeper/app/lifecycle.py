"""The steps of a governed space's life as functions: what a command, a job or the demo calls, each a value in and out.

Nothing here prints; `Progress` is told what is being done. Workspaces are given, so that any place can be meant.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial

from lampkeeper.app.bundle_inputs import digests
from lampkeeper.app.existing_tags import existing_tag_findings, with_existing_tags
from lampkeeper.app.hash_keys import KeyFinder, no_key, shared_key, with_key
from lampkeeper.app.importing import functions_beside, imported_spaces, moved_spaces
from lampkeeper.app.labelling import read_sources
from lampkeeper.app.modes import Mode, draft_before, groups_for, merged_draft, mode_for
from lampkeeper.app.own_masks import library_of
from lampkeeper.app.remaining_quota import remaining_quota_of, take_quotas
from lampkeeper.app.space_content import SpaceWriter, lay_over
from lampkeeper.app.unreviewed import hidden_tables, unknown_families
from lampkeeper.app.value_profiling import source_files
from lampkeeper.app.waiving import exceptions_ending, gated
from lampkeeper.deploy.change import Action
from lampkeeper.deploy.plan import Plan
from lampkeeper.deploy.planner import empty_plan, make_plan
from lampkeeper.deploy.required_privileges import require_sight
from lampkeeper.deploy.state import States
from lampkeeper.design.genie.spaces import SpaceRequest
from lampkeeper.design.knowledge.knowledge import Knowledge, compose
from lampkeeper.design.knowledge.near_words import near_word
from lampkeeper.design.knowledge.overlay_file import read_overlay
from lampkeeper.design.knowledge.overlays import choose_overlays
from lampkeeper.design.rules.check import check
from lampkeeper.design.synthesis.groups import minimal_groups
from lampkeeper.design.synthesis.synthesize import SynthesisRequest, synthesize
from lampkeeper.files.draft_history import record_draft
from lampkeeper.files.folder import ABAC_FILE, EnvFolder
from lampkeeper.files.governance_sections import BAD_CONDITION
from lampkeeper.files.settings import Settings
from lampkeeper.model.access import Access, AccessModel
from lampkeeper.model.desired import Desired
from lampkeeper.model.errors import UnsafePlanError, UsageError
from lampkeeper.model.findings import Finding, Severity, has_errors, sort_findings
from lampkeeper.model.genie import Warehouse, space_key
from lampkeeper.model.groups import GroupSpec
from lampkeeper.model.known_names import unknown_name
from lampkeeper.model.labels import Label, Protect
from lampkeeper.model.layers import LAYERS, Layer
from lampkeeper.model.names import ColumnName, TableName, split_name
from lampkeeper.model.schema import Snapshot, Table
from lampkeeper.model.unreviewed import Reach, Unreviewed, outermost
from lampkeeper.remote.catalog import read_snapshot
from lampkeeper.remote.clients import Workspace
from lampkeeper.remote.live import read_access_model

Progress = Callable[[str, int, int], None]
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


def count_labels(labels: Iterable[Label]) -> dict[str, int]:
    """Return `columns = protected + open + undecided`, in that order of keys."""
    found = {"columns": 0, "protected": 0, "open": 0, "undecided": 0}
    names = {Protect.YES: "protected", Protect.NO: "open", Protect.UNDECIDED: "undecided"}
    for label in labels:
        found["columns"] += 1
        found[names[label.protect]] += 1
    return found


def take_snapshot(folder: EnvFolder, workspace: Workspace, now: datetime | None = None) -> Snapshot:
    """Read the tables in scope, write snapshot.json, and return what was read."""
    settings = folder.settings()
    if not settings.patterns:
        raise UsageError(
            f"{folder.settings_path}: no tables in scope", fix='set uc_tables = ["catalog.schema.*"], or tables of a Genie space'
        )
    taken_at = (now or datetime.now(UTC)).strftime("%Y-%m-%dT%H:%M:%SZ")
    snapshot = read_snapshot(workspace, settings.patterns, taken_at=taken_at)
    if not snapshot.tables:
        raise UsageError(
            f"{folder.settings_path}: the patterns match no table", fix="check uc_tables; an empty schema has nothing"
        )
    if settings.spaces:
        snapshot = replace(snapshot, functions=functions_beside(snapshot, workspace, settings.function_schema))
    folder.write_snapshot(snapshot)
    take_quotas(folder, snapshot, workspace)
    return snapshot


def snapshot_of(folder: EnvFolder) -> Snapshot:
    """Return the snapshot last taken; raise UsageError when there is none."""
    if not folder.snapshot_path.is_file():
        raise UsageError(f"{folder.snapshot_path}: no snapshot yet", fix=f"lampkeeper snapshot --env {folder.env}")
    return folder.snapshot()


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """What a command says in place of the settings; empty says nothing. `settle`: undecided columns take the model's class.
    `space_content`: whether what a model wrote of spaces counts.

    `unreviewed` and `unreviewed_columns` are `deny` or `allow`.
    """

    country: tuple[str, ...] = ()
    industry: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    settle: bool = False
    unreviewed: str = ""
    unreviewed_columns: str = ""
    space_content: SpaceWriter = SpaceWriter.MODEL

    def closing(self, settings: Settings) -> tuple[Unreviewed, Unreviewed]:
        """Return what becomes of unreviewed tables and of unreviewed columns; raise UsageError for a pair that cannot be."""
        for flag, text in (("--unreviewed", self.unreviewed), ("--unreviewed-columns", self.unreviewed_columns)):
            if text and text not in set(Unreviewed):
                raise UsageError(f"{flag} {text!r} is neither deny nor allow")
        tables = Unreviewed(self.unreviewed or settings.unreviewed)
        columns = Unreviewed(self.unreviewed_columns or settings.unreviewed_columns)
        if tables is Unreviewed.ALLOW and columns is Unreviewed.DENY:
            raise UsageError(
                "unreviewed columns cannot be hidden while unreviewed tables are visible: their columns would all be NULL",
                fix="leave --unreviewed at deny, or set --unreviewed-columns allow",
            )
        return tables, columns


def knowledge_of(folder: EnvFolder, choices: Choices | None = None) -> Knowledge:
    """Return what overlays and taxonomy of the environment know; UsageError for an unknown code or a file with mistakes."""
    return with_existing_tags(folder, overlays_of(folder, choices))


def overlays_of(folder: EnvFolder, choices: Choices | None = None) -> Knowledge:
    """Return what the environment's overlays know; raise UsageError for an unknown code or an overlay file with mistakes."""
    settings, said = folder.settings(), choices or Choices()
    library = library_of(folder)
    own = []
    for path, text in folder.overlay_texts():
        read = read_overlay(text, str(path), library)
        if read.overlay is None:
            lines = [f"{f.place}: {f.message}" for f in read.findings]
            raise UsageError("\n".join(lines), fix=f"lampkeeper overlays check {path}")
        own.append(read.overlay)
    return compose(choose_overlays(said.country or settings.country, said.industry or settings.industry, own), library)


def generate(
    folder: EnvFolder,
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
    settings, snapshot = folder.settings(), snapshot_of(folder)
    mode = mode_for(mode, space, genie_only=settings.genie_only)
    knowledge = knowledge_of(folder, choices)
    sources = read_sources(folder, snapshot, knowledge)
    labels = sources.merged(snapshot, knowledge, settle=choices is not None and choices.settle)
    requests, findings = space_requests(settings, snapshot, mode, space)
    warehouse = None if settings.sql_warehouse_id else Warehouse(name=WAREHOUSE)
    if settings.sql_warehouse_id:
        warehouse = Warehouse(name="", id=settings.sql_warehouse_id)
    before = draft_before(folder) if space or mode is not Mode.FULL else None
    unreviewed, unreviewed_columns = (choices or Choices()).closing(settings)
    request = SynthesisRequest(
        snapshot=snapshot,
        labels=labels,
        groups=groups_for(mode, folder, before, _groups(settings, knowledge, choices or Choices())),
        spaces=requests,
        warehouse=warehouse,
        function_schema=settings.function_schema,
        knowledge=knowledge,
        limits=remaining_quota_of(folder),
        unreviewed=unreviewed,
        unreviewed_columns=unreviewed_columns,
        exemptions=settings.exemptions,
        covered=covered_places(settings.patterns),
    )
    made = synthesize(request)
    spaces = made.desired.spaces
    left_out: tuple[Finding, ...] = ()
    if (choices or Choices()).space_content is SpaceWriter.MODEL:
        spaces, left_out = lay_over(spaces, snapshot, requests, source_files(folder).spaces())
    made = replace(made, desired=replace(made.desired, spaces=imported_spaces(folder, spaces)))
    made = merged_draft(mode, space, before, request, made)
    existing_tags = existing_tag_findings(folder, snapshot, labels, made.desired, knowledge)
    now = now or datetime.now(UTC)
    ends = (*exceptions_ending(settings, now.date()), *unknown_families(settings, knowledge))
    findings = sort_findings([*findings, *left_out, *made.findings, *sources.findings, *existing_tags, *ends])
    record_draft(folder, "edited by hand", now)
    folder.write_labels(labels)
    fresh = {r.name for r in requests}
    changed = folder.write_draft(made.desired, mode.layers)
    for each in made.desired.spaces:
        if each.name in fresh:
            changed += folder.write_space_draft(each.key, Desired(spaces=(each,)))
    changed += folder.write_pages(made.desired, labels, findings)
    record_draft(folder, f"generate --mode {mode}" + (f" --space {space}" if space else ""), now)
    return Generated(labels=labels, desired=made.desired, findings=findings, changed=tuple(str(p) for p in changed))


def covered_places(patterns: Iterable[str]) -> tuple[Reach, ...]:
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


def space_requests(
    settings: Settings, snapshot: Snapshot, mode: Mode, space: str
) -> tuple[tuple[SpaceRequest, ...], tuple[Finding, ...]]:
    """Return the spaces that a generation makes, and what is wrong with them; raise UsageError for a space that is not there."""
    if mode is Mode.GOVERNANCE:
        return (), ()
    chosen = [s for s in settings.spaces if not space or s.key == space_key(space)]
    if space and not chosen:
        raise unknown_name("space", space, (s.name for s in settings.spaces), where="in env.auto.tfvars")
    findings = []
    requests = []
    for each in chosen:
        tables = tuple(t.name for t in snapshot.tables if any(_matches(p, t.name) for p in each.tables))
        if not tables and not each.space_id:
            message = "none of the space's tables is in the snapshot"
            findings.append(
                Finding(
                    code="LK027", severity=Severity.ERROR, place=f"space {each.name}", message=message, fix="run `snapshot` again"
                )
            )
        requests.append(
            SpaceRequest(
                name=each.name, tables=tables, space_id=each.space_id, warehouse_id=each.warehouse_id or settings.sql_warehouse_id
            )
        )
    return tuple(requests), tuple(findings)


def _matches(pattern: str, table: TableName) -> bool:
    star = pattern.endswith(".*")
    parts = split_name(pattern.removesuffix(".*")) if star else split_name(pattern)
    return [p.casefold() for p in parts] == [p.casefold() for p in table.parts[: len(parts)]]


def validate(folder: EnvFolder, *, drafted: bool = True, now: datetime | None = None) -> tuple[Finding, ...]:
    """Return what is wrong with the draft, or with the layers' files: how they are written, and what they mean."""
    snapshot = folder.snapshot() if folder.snapshot_path.is_file() else None
    settings, today = folder.settings(), (now or datetime.now(UTC)).date()
    knowledge = knowledge_of(folder)
    ends = (*exceptions_ending(settings, today), *unknown_families(settings, knowledge))
    judge = partial(
        check, snapshot=snapshot, limits=remaining_quota_of(folder), exempt=tuple(e.principal for e in settings.exemptions),
        labels=folder.labels() if folder.labels_path.is_file() else (), vocabulary=knowledge.vocabulary,
    )  # fmt: skip
    if drafted:
        read = folder.draft()
        if any(f.code == BAD_CONDITION for f in read.findings):
            # What the unread policies protect cannot be judged.
            return read.findings
        return sort_findings([*read.findings, *ends, *gated(settings, judge(read.desired), today)])
    written = folder.check()
    if has_errors(written):
        return written
    return sort_findings([*written, *ends, *gated(settings, judge(folder.read_desired()), today)])


def has_draft(folder: EnvFolder) -> bool:
    """Return whether the environment has a draft."""
    return (folder.generated_path / ABAC_FILE).is_file()


def desired_of(folder: EnvFolder) -> Desired:
    """Return what the environment asks for: the draft when there is one, else the layers' files."""
    if has_draft(folder):
        return folder.read_draft()
    return folder.read_desired()


def decided_desired(folder: EnvFolder) -> tuple[Desired, tuple[Finding, ...]]:
    """Split the draft into the layers' files, if there is a draft, and return what the three of them ask for."""
    findings: tuple[Finding, ...] = ()
    if has_draft(folder):
        findings = folder.split()
    desired = folder.read_desired()
    if desired == Desired():
        raise UsageError(f"environment {folder.env!r} asks for nothing yet", fix=f"lampkeeper generate --env {folder.env}")
    return desired, findings


def tables_in_scope(folder: EnvFolder, desired: Desired) -> tuple[Table, ...]:
    """Return the tables of the snapshot that the desired state governs."""
    scope = {t.plain.casefold() for t in desired.tables}
    return tuple(t for t in snapshot_of(folder).tables if t.name.plain.casefold() in scope)


def access_of(folder: EnvFolder) -> Access:
    """Return who would see what, from the files of the environment alone."""
    desired = desired_of(folder)
    return Access(AccessModel.of_desired(desired, tables_in_scope(folder, desired)))


def live_access_of(folder: EnvFolder, workspace: Workspace, outside: ColumnName | None = None) -> Access:
    """Return who sees what in the workspace now, over the environment's tables, and the one `outside` that is asked about."""
    desired = desired_of(folder)
    tables = (*desired.tables, outside.table) if outside is not None else desired.tables
    return Access(read_access_model(workspace, tables, groups=[g.name for g in desired.groups]))


def still_allowed(plan: Plan, folder: EnvFolder, now: datetime | None = None) -> Plan:
    """Return a saved plan with an error for each exemption or waiver that has ended since: it must not bring that back."""
    ends = exceptions_ending(folder.settings(), (now or datetime.now(UTC)).date())
    return replace(plan, findings=sort_findings([*plan.findings, *(f for f in ends if f.severity is Severity.ERROR)]))


def make_env_plan(
    folder: EnvFolder,
    workspace: Workspace,
    *,
    adopt: bool = False,
    layers: tuple[Layer, ...] = LAYERS,
    now: datetime | None = None,
    find_key: KeyFinder = no_key,
    allow_hiding: Iterable[str] = (),
) -> tuple[Plan, States]:
    """Return the plan for an environment's layers, and the states that it stands on. The draft is split first.

    What is an error of `validate` blocks the plan before anything is split, read or written. `allow_hiding` names tables
    that may lose their rows for people who read them now. `now` decides which exemptions and waivers are over (default: this
    moment).
    """
    states = States.in_folder(folder.root, folder.env)
    drafted = has_draft(folder)
    gate = validate(folder, now=now) if drafted else ()
    if has_errors(gate):
        return empty_plan(states, layers, gate), states
    draft = folder.read_draft() if drafted else None
    desired, findings = decided_desired(folder)
    if desired != draft:
        # The layers hold more than the draft: what other environments ask of the account, layers that it does not speak for.
        gate = sort_findings([*gate, *validate(folder, drafted=False, now=now)])
        if has_errors(gate):
            return empty_plan(states, layers, gate), states
    if set(layers) - {Layer.WORKSPACE}:
        require_sight(workspace, (t.catalog for t in desired.tables))
    desired, found = with_key(desired, states, find_key)
    plan = make_plan(desired, workspace, states, adopt=adopt, layers=layers)
    findings = (*findings, *shared_key(folder, found.key))
    moved = moved_spaces(folder, workspace, desired) if Layer.WORKSPACE in layers else ()
    hiding = tuple(allow_hiding)
    unreviewed = hidden_tables(desired, workspace, states, hiding) if Layer.DATA_ACCESS in layers else ()
    found_all = sort_findings([*plan.findings, *gate, *findings, *moved, *unreviewed])
    return replace(plan, findings=found_all, files=tuple(digests(folder.path).items())), states


def require_state(folder: EnvFolder, workspace: Workspace, states: States, layers: tuple[Layer, ...]) -> None:
    """Raise UnsafePlanError where the state is blank and the workspace holds what carries our mark: a destroy would leave it."""
    if not all(states[layer].blank for layer in layers) or folder.read_desired() == Desired():
        return
    plan, _ = make_env_plan(folder, workspace, layers=layers)
    taken = sum(1 for c in plan.changes if c.action is Action.ADOPT)
    if taken:
        raise UnsafePlanError(
            f"the state of {folder.env!r} was lost, and {taken} objects here are its own: nothing was destroyed",
            fix=f"lampkeeper apply --env {folder.env} takes them up again (see the plan first); then destroy",
        )
