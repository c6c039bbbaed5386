"""Importing Genie spaces that somebody made elsewhere: their content into the draft, their tables into the settings."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from lampkeeper.app.inputs import EnvInputs
from lampkeeper.files.folder import EnvFolder
from lampkeeper.files.settings import Settings, SpaceSettings, read_settings, render_settings
from lampkeeper.files.snapshots import read_json
from lampkeeper.files.space_json import read_space, render_space, same_content
from lampkeeper.files.text import read_text, write_text
from lampkeeper.model.desired import Desired
from lampkeeper.model.errors import UsageError
from lampkeeper.model.findings import Finding, Severity
from lampkeeper.model.genie import GenieSpace
from lampkeeper.model.masks import Function, FunctionRole
from lampkeeper.model.names import write_name
from lampkeeper.model.schema import Snapshot
from lampkeeper.remote.clients import Workspace
from lampkeeper.remote.clock import Clock
from lampkeeper.remote.securables import read_functions
from lampkeeper.remote.space_import import fetch_space

_FIELDS = ("space_id", "title", "description", "warehouse_id", "etag", "serialized_space")


def import_spaces(inputs: EnvInputs, workspace: Workspace, clock: Clock | None = None) -> tuple[Finding, ...]:
    """Read every attached space (`genie_space_id`) and keep it beside its draft; write the tables of those that name none.

    Waits for a content that is not there yet only where the tables are to be found in it.
    """
    settings, folder = inputs.settings, inputs.folder
    findings: list[Finding] = []
    spaces: list[SpaceSettings] = []
    for each in settings.spaces:
        if each.space_id:
            found = fetch_space(workspace, each.space_id, wait=not each.tables, clock=clock)
            text = json.dumps({k: found[k] for k in _FIELDS if found.get(k)}, indent=2, sort_keys=True, ensure_ascii=False)
            write_text(folder.space_draft_path(each.key) / "imported.json", text + "\n")
            if not each.tables:
                tables = read_space(str(found.get("serialized_space") or ""), name=each.name).tables
                each = replace(each, tables=tuple(write_name(*t.parts) for t in tables))
                findings.append(_discovered(folder, each))
        spaces.append(each)
    _write_settings(inputs, replace(settings, spaces=tuple(spaces)))
    return tuple(findings)


def functions_beside(snapshot: Snapshot, workspace: Workspace, ours: str) -> tuple[Function, ...]:
    """Return the SQL functions of the schemas that the tables are in, those of the schema of our own left out."""
    homes = sorted({t.name.parts[:2] for t in snapshot.tables if t.name.schema != ours})
    found = (f for home in homes for f, _ in read_functions(workspace, *home))
    # The role does not matter here; one role for all keeps the functions that are read equal to the kept ones.
    return tuple(replace(f, role=FunctionRole.MASK) for f in found)


def imported_spaces(folder: EnvFolder, drafted: tuple[GenieSpace, ...]) -> tuple[GenieSpace, ...]:
    """Return the spaces, those that were imported with the content that they came with."""
    return tuple(_imported(folder, s) if s.space_id else s for s in drafted)


def moved_spaces(folder: EnvFolder, workspace: Workspace, desired: Desired) -> tuple[Finding, ...]:
    """Return a warning for each attached space that somebody changed since it was imported: a plan would undo their work.

    The etag tells at once that nothing changed; else what is there is held against the import and against what is desired.
    """
    findings = []
    for space in (s for s in desired.spaces if s.space_id):
        path = folder.space_draft_path(space.key) / "imported.json"
        if not path.is_file():
            continue
        kept: Any = read_json(read_text(path), path)
        live = fetch_space(workspace, space.space_id, wait=False)
        there, known = str(live.get("serialized_space") or ""), str(kept.get("serialized_space") or "")
        if not there or live.get("etag") == kept.get("etag"):
            continue
        if not (same_content(known, there) or same_content(render_space(space), there)):
            findings.append(
                Finding(
                    code="LK025", severity=Severity.WARNING, location=f"space {space.name}",
                    message="was changed since it was imported; applying this draft would undo that",
                    fix=f"lampkeeper generate --env {folder.env} --mode genie",
                )
            )  # fmt: skip
    return tuple(findings)


def _imported(folder: EnvFolder, drafted: GenieSpace) -> GenieSpace:
    path = folder.space_draft_path(drafted.key) / "imported.json"
    if not path.is_file():
        return drafted
    data: Any = read_json(read_text(path), path)
    if not isinstance(data, dict) or data.get("space_id") != drafted.space_id:
        raise UsageError(f"{path}: is not the space {drafted.space_id}", fix=f"lampkeeper generate --env {folder.env}")
    if not data.get("serialized_space"):
        return drafted
    return read_space(
        data["serialized_space"], name=drafted.name, title=data.get("title", ""), description=data.get("description", ""),
        space_id=drafted.space_id, warehouse_id=drafted.warehouse_id, acl_groups=drafted.acl_groups,
    )  # fmt: skip


def _write_settings(inputs: EnvInputs, new: Settings) -> None:
    """Write tables that were found into env.auto.tfvars: into its text where that is sure, else as a new text."""
    old, path = inputs.settings, inputs.folder.settings_path
    if new == old:
        return
    text = read_text(path)
    for before, after in zip(old.spaces, new.spaces, strict=True):
        if before != after:
            line = f'"{before.space_id}"'
            listed = ", ".join(json.dumps(t) for t in after.tables)
            if text.count(line) == 1 and "uc_tables" not in text.split(line)[1].split("}")[0]:
                text = text.replace(line, f"{line}\\n    uc_tables = [{listed}]".replace("\\n", "\n"))
    try:
        sure = read_settings(text, path).settings == new
    except UsageError:
        sure = False
    write_text(path, text if sure else render_settings(new))
    # Read again: findings name lines of the file, and the lines have moved.
    inputs.changed("settings")


def _discovered(folder: EnvFolder, space: SpaceSettings) -> Finding:
    return Finding(
        code="LK023", severity=Severity.INFO, location=f"space {space.name}", fix="",
        message=f"its {len(space.tables)} tables were found in the space and written into {folder.settings_path}",
    )  # fmt: skip
