"""Promotion of an environment to another one: all of its files, at the catalogs of the destination."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from lampkeeper.app.inputs import EnvInputs
from lampkeeper.app.promoted_files import CHECKED_MASKS, carry_sources, with_own_masks, written_by_people
from lampkeeper.app.promoted_settings import at_destination, merge_decisions, merge_settings, renamed_settings
from lampkeeper.app.validating import validate
from lampkeeper.design.promotion.catalog_map import CatalogMap
from lampkeeper.design.promotion.desired_renaming import (
    catalogs_of,
    renamed_desired,
    renamed_labels,
    renamed_snapshot,
    schemas_of,
)
from lampkeeper.design.promotion.renaming import CatalogRenaming, NameLeft
from lampkeeper.files.decisions import FILE as DECISIONS
from lampkeeper.files.decisions import decisions_path, write_decisions
from lampkeeper.files.draft_history import record_draft
from lampkeeper.files.folder import ABAC_FILE, EnvFolder
from lampkeeper.files.promotion import (
    PromotionRecord,
    file_digest,
    own_decisions,
    own_settings,
    read_records,
    replace_files,
)
from lampkeeper.files.scaffold import SETTINGS_EXAMPLE
from lampkeeper.files.settings import Settings, render_settings
from lampkeeper.files.settings_edit import edit_settings
from lampkeeper.files.snapshots import read_snapshot_file
from lampkeeper.files.text import read_text, write_text
from lampkeeper.files.tfvars import part_of, read_layer, sections
from lampkeeper.model.desired import Desired
from lampkeeper.model.errors import UsageError
from lampkeeper.model.findings import Finding, Severity, has_errors, sort_findings
from lampkeeper.model.layers import LAYERS, Layer
from lampkeeper.model.names import split_name
from lampkeeper.model.schema import Snapshot

SETTINGS = "env.auto.tfvars"
_DRAFT = "generated/abac.auto.tfvars"
_MOST = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Promoted:
    """What a promotion did: whether there was a draft (or layer files) to carry, the changed paths, and what stayed.

    `kept` are settings and files that people changed at the destination. With an error among the findings, nothing was written.
    """

    carried: bool
    changed: tuple[Path, ...] = ()
    kept: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = field(default=())


@dataclass(frozen=True, slots=True, kw_only=True)
class _Source:
    """The desired state of the source's own layers, these layers, and the file that holds it."""

    desired: Desired
    layers: tuple[Layer, ...]
    place: str


def found_catalogs(inputs: EnvInputs) -> dict[str, set[str]]:
    """Return the catalogs that the files of an environment name, each with these files."""
    found: dict[str, set[str]] = defaultdict(set)

    def note(names: Iterable[str], place: str) -> None:
        for name in names:
            found[name].add(place)

    settings = inputs.settings
    note((_head(p) for p in settings.patterns), SETTINGS)
    note((d.column.table.catalog for d in inputs.decisions), DECISIONS)
    source = _source_of(inputs)
    if source is not None:
        note(catalogs_of(source.desired), source.place)
    note((x.column.table.catalog for x in inputs.labels), "generated/labels.jsonl")
    if inputs.snapshot is not None:
        note((t.name.catalog for t in inputs.snapshot.tables), "snapshot.json")
    # The platform compares names without case: the spelling that most files use is shown.
    spelled: dict[str, str] = {}
    merged: dict[str, set[str]] = {}
    for name, places in sorted(found.items(), key=lambda item: (-len(item[1]), item[0])):
        merged.setdefault(spelled.setdefault(name.casefold(), name), set()).update(places)
    return merged


def promote(inputs: EnvInputs, destination: EnvFolder, catalogs: CatalogMap, *, now: datetime | None = None) -> Promoted:
    """Carry an environment to another one; raise UsageError for a map that is not complete or not one to one.

    Everything is written or nothing. The destination keeps its sign-in, its states, the IDs of its spaces, and the changes that
    people made there. A second promotion replaces the files of the first one.
    """
    if destination.env == inputs.env:
        raise UsageError(f"{inputs.env!r} cannot be promoted to itself", fix="name another environment in --to")
    for space in inputs.settings.spaces:
        if not space.name:
            message = f"the Genie space {space.space_id} was not imported yet, so its name and its tables are not known"
            raise UsageError(message, fix=f"lampkeeper generate --env {inputs.env}")
    findings = validate(inputs, drafted=inputs.has_draft, now=now) if has_state(inputs) else ()
    if has_errors(findings):
        return Promoted(carried=False, findings=findings)
    catalogs.require_complete(found_catalogs(inputs))
    source = _source_of(inputs)
    known = schemas_of(source.desired if source is not None else Desired(), inputs.snapshot)
    renaming = CatalogRenaming(catalogs, known)
    with tempfile.TemporaryDirectory(prefix="lampkeeper-promote-") as root:
        stage = EnvFolder(Path(root), destination.env)
        kept, record, found = _stage(inputs, source, destination, stage, renaming, now)
        if has_errors(found):
            return Promoted(carried=False, findings=found)
        texts = {destination.root / path.relative_to(root): read_text(path) for path in _files(Path(root))}
    gone = _gone(destination, record, {str(p.relative_to(destination.path)) for p in texts if p.is_relative_to(destination.path)})
    if (destination.generated_path / ABAC_FILE).is_file():
        record_draft(destination, "edited by hand", now or datetime.now(UTC))
    changed = replace_files(destination, texts, gone, record, inputs.env)
    record_draft(destination, f"promote from {inputs.env}", now or datetime.now(UTC))
    return Promoted(
        carried=source is not None, changed=changed, kept=kept,
        findings=sort_findings([*found, *_left(renaming.left, destination, inputs)]),
    )  # fmt: skip


def has_state(inputs: EnvInputs) -> bool:
    """Return whether the environment has a draft or layer files of its own: only then is there a desired state to carry."""
    return inputs.has_draft or bool(_layer_files(inputs))


def _layer_files(inputs: EnvInputs) -> dict[Layer, Path]:
    """Return the existing files of the environment's own layers; of the account layer, its contribution."""
    folder = inputs.folder
    paths = {Layer.ACCOUNT: folder.contribution_path, **{la: folder.layer_path(la) / ABAC_FILE for la in LAYERS[1:]}}
    return {la: path for la, path in paths.items() if path.is_file()}


def _source_of(inputs: EnvInputs) -> _Source | None:
    """Return the draft, or without one what the environment's own layer files hold; None without either."""
    if inputs.has_draft:
        return _own_layers(inputs, inputs.draft, inputs.folder.draft_layers(), _DRAFT)
    files = _layer_files(inputs)
    if not files:
        return None
    layers, mine = tuple(files), files.get(Layer.ACCOUNT)
    desired = inputs.layers.desired
    account = read_layer(read_text(mine), mine, Layer.ACCOUNT).desired if mine is not None else Desired()
    own = replace(desired, **{s.field: getattr(account, s.field) for s in sections(Layer.ACCOUNT)})
    return _own_layers(inputs, own, layers, ABAC_FILE)


def _own_layers(inputs: EnvInputs, desired: Desired, layers: tuple[Layer, ...], place: str) -> _Source:
    if inputs.settings.genie_only:
        return _Source(desired=part_of(desired, Layer.WORKSPACE), layers=(Layer.WORKSPACE,), place=place)
    return _Source(desired=desired, layers=layers, place=place)


def _stage(
    inputs: EnvInputs,
    source: _Source | None,
    destination: EnvFolder,
    stage: EnvFolder,
    renaming: CatalogRenaming,
    now: datetime | None,
) -> tuple[tuple[str, ...], PromotionRecord, tuple[Finding, ...]]:
    """Write the files of the destination below another root; return what stayed, the record, and findings about the result."""
    records = read_records(destination)
    new = renamed_settings(renaming, inputs.settings, (inputs.env, destination.env), SETTINGS)
    merged = merge_settings(new, own_settings(destination), [r.read_settings() for r in records])
    kept = list(merged.kept)
    there = EnvInputs(stage)
    _stage_settings(destination, stage, merged.settings)
    decided, decisions = merge_decisions(
        renaming, inputs.decisions, own_decisions(destination), [d for r in records for d in r.decisions], DECISIONS
    )
    if decisions or decisions_path(destination.path).is_file():
        write_decisions(decisions_path(stage.path), decisions)
    for name, text in written_by_people(inputs, renaming):
        if name == CHECKED_MASKS:
            write_text(stage.path / name, with_own_masks(text, destination.path, stage.path))
        elif _is_own(destination, name, text, records):
            kept.append(name)
        else:
            write_text(stage.path / name, text)
    snapshot = _stage_snapshot(inputs, destination, there, renaming, records)
    found: tuple[Finding, ...] = ()
    if source is not None:
        desired = at_destination(renamed_desired(renaming, source.desired, source.place), inputs.settings, merged.settings)
        found = _stage_draft(inputs, destination, there, desired, source.layers, renaming, now)
    if snapshot is not None:
        carry_sources(inputs, there, renaming, (inputs.settings, merged.settings), snapshot)
    files = {
        str(p.relative_to(stage.path)): file_digest(read_text(p))
        for p in _files(stage.path)
        if p.name not in (SETTINGS, DECISIONS)
    }
    record = PromotionRecord(settings=render_settings(new), decisions=decided, files=files)
    return tuple(kept), record, found


def _stage_settings(destination: EnvFolder, stage: EnvFolder, settings: Settings) -> None:
    """Write the settings: into the destination's text, if people wrote it, so that its comments stay."""
    path = destination.settings_path
    text = read_text(path) if path.is_file() else SETTINGS_EXAMPLE
    if text != SETTINGS_EXAMPLE:
        write_text(stage.settings_path, edit_settings(text, path, settings))
        return
    stage.setup(settings)
    for name in ("README.md", ".gitignore"):
        there = destination.path.parent / name
        if there.is_file():
            (stage.path.parent / name).unlink()


def _stage_snapshot(
    inputs: EnvInputs,
    destination: EnvFolder,
    there: EnvInputs,
    renaming: CatalogRenaming,
    records: Iterable[PromotionRecord],
) -> Snapshot | None:
    """Write the renamed snapshot; tables of a snapshot that was taken at the destination since stay as they were read there."""
    if inputs.snapshot is None:
        return None
    snapshot = renamed_snapshot(renaming, inputs.snapshot, "snapshot.json")
    path = destination.snapshot_path
    if path.is_file():
        text = read_text(path)
        if file_digest(text) not in {r.files.get("snapshot.json") for r in records}:
            own = read_snapshot_file(text, path)
            names = {t.name.plain.casefold() for t in own.tables}
            fresh = [t for t in snapshot.tables if t.name.plain.casefold() not in names]
            snapshot = replace(own, tables=(*own.tables, *fresh)) if fresh else own
    there.write_snapshot(snapshot)
    return snapshot


def _stage_draft(
    inputs: EnvInputs,
    destination: EnvFolder,
    there: EnvInputs,
    desired: Desired,
    layers: tuple[Layer, ...],
    renaming: CatalogRenaming,
    now: datetime | None,
) -> tuple[Finding, ...]:
    """Write the draft, its pages and the layer files; return findings about them, and conflicts in the account layer."""
    stage = there.folder
    account = destination.layer_path(Layer.ACCOUNT)
    if Layer.ACCOUNT in layers:
        for path in sorted(account.rglob("*.tfvars")):
            if path.name != "auth.auto.tfvars":
                write_text(stage.layer_path(Layer.ACCOUNT) / path.relative_to(account), read_text(path))
    labels = renamed_labels(renaming, inputs.labels, "generated/labels.jsonl")
    if labels:
        there.write_labels(labels)
    stage.write_draft(desired, layers)
    for space in desired.spaces:
        stage.write_space_draft(space.key, Desired(spaces=(space,)))
    staged, real = str(stage.root), str(destination.root)
    found = tuple(
        replace(f, location=f.location.replace(staged, real), fix=f.fix.replace(staged, real))
        for f in (*validate(there, now=now), *stage.split(desired))
    )
    stage.write_pages(desired, labels, found)
    return found


def _is_own(destination: EnvFolder, name: str, text: str, records: Iterable[PromotionRecord]) -> bool:
    """Return whether people changed a file at the destination, or made it there."""
    path = destination.path / name
    if not path.is_file():
        return False
    old = read_text(path)
    return old != text and file_digest(old) not in {r.files.get(name) for r in records}


def _gone(destination: EnvFolder, record: PromotionRecord, there: set[str]) -> list[Path]:
    """Return the files of an earlier promotion that this one does not write, unless people changed them."""
    found = []
    for earlier in read_records(destination):
        for name, digest in earlier.files.items():
            path = destination.path / name
            if name not in there and path.is_file() and file_digest(read_text(path)) == digest:
                found.append(path)
    return sorted(set(found))


def _files(folder: Path) -> list[Path]:
    return sorted(p for p in folder.rglob("*") if p.is_file())


def _head(pattern: str) -> str:
    return split_name(pattern.removesuffix(".*"))[0]


def _left(left: Iterable[NameLeft], destination: EnvFolder, inputs: EnvInputs) -> Iterable[Finding]:
    """Return one finding for each file and kind of what still looks like a source catalog."""
    by_place: dict[tuple[str, bool], list[NameLeft]] = defaultdict(list)
    for each in left:
        if each not in by_place[(each.place, each.word)]:
            by_place[(each.place, each.word)].append(each)
    for (place, word), found in sorted(by_place.items()):
        shown = "; ".join(f"{e.name!r} in {e.around!r}" for e in found[:_MOST])
        more = f" (and {len(found) - _MOST} more)" if len(found) > _MOST else ""
        why = "a word of prose, not a name" if word else "a string or a part of another name, not a catalog"
        yield Finding(
            code="PROMOTE_NAME_LEFT", severity=Severity.INFO if word else Severity.WARNING,
            location=str(destination.path / place), message=f"stays as it is, as {why}: {shown}{more}",
            fix="" if word else f"if it means the catalog, change it in {inputs.folder.path / place} and promote again",
        )  # fmt: skip
