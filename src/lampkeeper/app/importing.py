"""Importing Genie spaces that somebody made elsewhere: their content into the draft, their tables into the settings."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from lampkeeper.app.inputs import EnvInputs
from lampkeeper.files.folder import EnvFolder
from lampkeeper.files.settings import Settings, SpaceSettings
from lampkeeper.files.settings_edit import edit_settings
from lampkeeper.files.snapshots import read_json
from lampkeeper.files.space_json import read_space, shown_tables
from lampkeeper.files.text import read_text, write_text
from lampkeeper.model.errors import UsageError
from lampkeeper.model.findings import Finding, Severity
from lampkeeper.model.genie import GenieSpace, space_key
from lampkeeper.model.masks import Function, FunctionRole
from lampkeeper.model.names import TableName, pattern_takes, write_name
from lampkeeper.model.schema import Snapshot
from lampkeeper.remote.clients import Workspace
from lampkeeper.remote.clock import Clock
from lampkeeper.remote.securables import read_functions
from lampkeeper.remote.space_import import fetch_space

_FIELDS = ("space_id", "title", "description", "warehouse_id", "etag", "serialized_space")


def import_spaces(inputs: EnvInputs, workspace: Workspace, clock: Clock | None = None) -> tuple[Finding, ...]:
    """Read every attached space (`genie_space_id`) and keep it beside its draft.

    Its title becomes the name of an entry without a name, and its tables those of an entry without tables; both are written
    into the settings. Waits for a content that is not there yet only where the tables are to be found in it.
    """
    settings, folder = inputs.settings, inputs.folder
    findings: list[Finding] = []
    spaces: list[SpaceSettings] = []
    keys = {s.key for s in settings.spaces}
    for each in settings.spaces:
        if each.space_id:
            found = fetch_space(workspace, each.space_id, wait=not each.tables, clock=clock)
            if not each.name:
                each = replace(each, name=_name_for(str(found.get("title") or ""), each.space_id, keys))
                keys.add(each.key)
            text = json.dumps({k: found[k] for k in _FIELDS if found.get(k)}, indent=2, sort_keys=True, ensure_ascii=False)
            write_text(imported_path(folder, each.key), text + "\n")
            content = str(found.get("serialized_space") or "")
            if not each.tables:
                each = replace(each, tables=tuple(write_name(*t.parts) for t in shown_tables(content, each.name)))
                findings.append(_discovered(folder, each))
            else:
                findings += _not_covered(folder, each, shown_tables(content, each.name))
        spaces.append(each)
    _write_settings(inputs, replace(settings, spaces=tuple(spaces)))
    return tuple(findings)


def imported_path(folder: EnvFolder, key: str) -> Path:
    """Return the file that keeps an attached space as it was when it was read last."""
    return folder.space_draft_path(key) / "imported.json"


def _name_for(title: str, space_id: str, taken: set[str]) -> str:
    """Return the title of a space as its name; with the start of its id where another entry has that key, or it has no letter."""
    name = " ".join(title.split())
    return name if space_key(name) and space_key(name) not in taken else f"{name or 'space'} {space_id[:8]}"


def functions_beside(snapshot: Snapshot, workspace: Workspace, ours: str) -> tuple[Function, ...]:
    """Return the SQL functions of the schemas that the tables are in, those of the schema of our own left out."""
    homes = sorted({t.name.parts[:2] for t in snapshot.tables if t.name.schema != ours})
    found = (f for home in homes for f, _ in read_functions(workspace, *home))
    # The role does not matter here; one role for all keeps the functions that are read equal to the kept ones.
    return tuple(replace(f, role=FunctionRole.MASK) for f in found)


def imported_spaces(folder: EnvFolder, drafted: tuple[GenieSpace, ...]) -> tuple[GenieSpace, ...]:
    """Return the spaces, those that were imported with the content that they came with."""
    return tuple(_imported(folder, s) if s.space_id else s for s in drafted)


def _imported(folder: EnvFolder, drafted: GenieSpace) -> GenieSpace:
    """Return an attached space as it was imported; without its content nothing of it is known, and nothing will be written."""
    bare = GenieSpace(
        name=drafted.name, tables=drafted.tables, acl_groups=drafted.acl_groups, space_id=drafted.space_id,
        warehouse_id=drafted.warehouse_id,
    )  # fmt: skip
    return _read_kept(folder, drafted, imported_path(folder, drafted.key)) or bare


def keep_base(folder: EnvFolder, space: GenieSpace) -> None:
    """Keep the import of an attached space as the one that its draft was made from; a later import does not change it."""
    source, base = imported_path(folder, space.key), _base_path(folder, space.key)
    if space.space_id and source.is_file():
        write_text(base, read_text(source))
    else:
        base.unlink(missing_ok=True)


def read_base(folder: EnvFolder, space: GenieSpace) -> GenieSpace | None:
    """Return an attached space as its draft was made from it; None if it was not, or if it showed no content then."""
    return _read_kept(folder, space, _base_path(folder, space.key))


def _base_path(folder: EnvFolder, key: str) -> Path:
    return folder.space_draft_path(key) / "drafted_from.json"


def _read_kept(folder: EnvFolder, space: GenieSpace, path: Path) -> GenieSpace | None:
    if not path.is_file():
        return None
    data: Any = read_json(read_text(path), path)
    if not isinstance(data, dict) or data.get("space_id") != space.space_id:
        raise UsageError(f"{path}: is not the space {space.space_id}", fix=f"lampkeeper generate --env {folder.env}")
    if not data.get("serialized_space"):
        return None
    return read_space(
        data["serialized_space"], name=space.name, title=data.get("title", ""), description=data.get("description", ""),
        space_id=space.space_id, warehouse_id=space.warehouse_id, acl_groups=space.acl_groups,
    )  # fmt: skip


def _write_settings(inputs: EnvInputs, new: Settings) -> None:
    """Write tables that were found into the text of env.auto.tfvars."""
    if new == inputs.settings:
        return
    path = inputs.folder.settings_path
    write_text(path, edit_settings(read_text(path), path, new))
    # Read again: findings name lines of the file, and the lines have moved.
    inputs.changed("settings")


def _discovered(folder: EnvFolder, space: SpaceSettings) -> Finding:
    """Return what was found in a space and written into the settings."""
    return Finding(
        code="LK023", severity=Severity.INFO, location=f"space {space.name}", fix="",
        message=f"its {len(space.tables)} tables were found in the space and written into {folder.settings_path}",
    )  # fmt: skip


def _not_covered(folder: EnvFolder, space: SpaceSettings, shown: tuple[TableName, ...]) -> Iterator[Finding]:
    """Yield an error if a space shows tables that the settings do not name: nobody would label or protect them."""
    left_out = [t for t in shown if not any(pattern_takes(p, t) for p in space.tables)]
    if left_out:
        yield Finding(
            code="LK030", severity=Severity.ERROR, location=f"space {space.name}",
            message=f"shows tables that its uc_tables do not name: {', '.join(map(str, left_out[:5]))}"
            + (f" and {len(left_out) - 5} more" if len(left_out) > 5 else ""),
            fix=f"add them to uc_tables in {folder.settings_path}, or remove uc_tables, so that they are read from the space",
        )  # fmt: skip
