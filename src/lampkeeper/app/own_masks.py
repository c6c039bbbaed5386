"""Masks of one's own: files in envs/<env>/masks, used only as they were when they passed the checklist."""

from __future__ import annotations

import json
from pathlib import Path

from lampkeeper.design.knowledge.library import Library, LibraryFunction, load_library, parse_library_file
from lampkeeper.files.folder import EnvFolder
from lampkeeper.files.text import read_text, write_text
from lampkeeper.model.errors import InternalError, UsageError
from lampkeeper.model.masks import FunctionRole
from lampkeeper.text.digest import digest_of

CHECKED = "checked.json"
"""Which files passed: name and digest. Written by `masks check`."""


def read_mask(path: Path) -> LibraryFunction:
    """Return the mask of a file; raise UsageError with the line for a header that is wrong, and for a name that is taken."""
    try:
        found = parse_library_file(read_text(path), FunctionRole.MASK, location=str(path))
    except InternalError as error:
        raise UsageError(error.message, fix="write the header as `lampkeeper masks` files have it: docs/overlays.md") from None
    if found.name != path.stem:
        raise UsageError(f"{path}: holds {found.name}; a file is named after its function", fix=f"rename it {found.name}.sql")
    if found.name in load_library().functions:
        raise UsageError(f"{path}: the library has a function {found.name} already", fix="choose another name")
    if len(found.function.parameters) != 1:
        raise UsageError(f"{path}: a mask takes the column's value and nothing else", fix="one parameter")
    return found


def mark_checked(path: Path) -> None:
    """Remember that a file of an environment's folder `masks` passed; nothing for a file that lies elsewhere."""
    if path.parent.name != "masks":
        return
    known = _checked(path.parent)
    known[path.name] = _digest(path)
    write_text(path.parent / CHECKED, json.dumps(known, indent=2, sort_keys=True) + "\n")


def library_of(folder: EnvFolder) -> Library:
    """Return the library with the environment's own masks; raise UsageError for one that did not pass as it stands."""
    own = folder.path / "masks"
    files = sorted(own.glob("*.sql"))
    if not files:
        return load_library()
    known = _checked(own)
    found = dict(load_library().functions)
    for path in files:
        if known.get(path.name) != _digest(path):
            raise UsageError(f"{path}: has not passed the checklist as it stands", fix=f"lampkeeper masks check {path}")
        mask = read_mask(path)
        found[mask.name] = mask
    return Library(functions=found)


def _checked(folder: Path) -> dict[str, str]:
    path = folder / CHECKED
    if not path.is_file():
        return {}
    try:
        found = json.loads(read_text(path))
    except ValueError as error:
        raise UsageError(f"{path}: not JSON: {error}", fix=f"remove it, then lampkeeper masks check {folder}/*.sql") from None
    return {str(k): str(v) for k, v in found.items()} if isinstance(found, dict) else {}


def _digest(path: Path) -> str:
    return digest_of(read_text(path))
