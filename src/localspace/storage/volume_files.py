"""Files in Unity Catalog volumes: real files in a folder of the volume's id, behind READ VOLUME and WRITE VOLUME."""

from __future__ import annotations

import os
import shutil
import threading
from dataclasses import dataclass
from pathlib import Path

from localspace.core.errors import ApiError, already_exists, invalid, not_found
from localspace.core.principals import Principal
from localspace.core.store import Store
from localspace.core.stored_documents import kinds
from localspace.core.stored_documents.kind import Document
from localspace.storage.access import VolumePrivileges
from localspace.storage.blobs import path_segments, write_atomically

MOST_BYTES = 1024 * 1024 * 1024
"""Largest file of one upload; the platform takes 5 GiB, the local workspace holds a body in memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One file or folder in a volume; `modified_ms` since 1970, `size` in bytes and 0 for a folder."""

    path: str
    name: str
    is_directory: bool
    size: int
    modified_ms: int


class VolumeFiles:
    """Reads and writes volumes by their `/Volumes/<catalog>/<schema>/<volume>/…` paths."""

    def __init__(self, store: Store, privileges: VolumePrivileges, folder: Path) -> None:
        """Keep the files in `folder`."""
        self._store = store
        self._privileges = privileges
        self._folder = folder
        self._writing = threading.Lock()

    def read(self, actor: Principal, path: str) -> tuple[Entry, bytes]:
        """Return a file with its bytes."""
        target, shown = self._resolve(actor, path, "READ_VOLUME")
        if not target.is_file():
            raise _missing(shown)
        return _entry(target, shown), target.read_bytes()

    def file_entry(self, actor: Principal, path: str) -> Entry:
        """Return what is known of a file."""
        target, shown = self._resolve(actor, path, "READ_VOLUME")
        if not target.is_file():
            raise _missing(shown)
        return _entry(target, shown)

    def write(self, actor: Principal, path: str, content: bytes, *, overwrite: bool) -> None:
        """Create or replace a file at once; its folders are made on the way, as in an object store."""
        target, shown = self._resolve(actor, path, "WRITE_VOLUME")
        if shown.count("/") < 5:
            raise invalid(f"The path '{shown}' names a volume, not a file in it.")
        if target.is_dir():
            raise already_exists(f"'{shown}' is a directory.", "ALREADY_EXISTS")
        try:
            # Of two writers without `overwrite` one wins, as in an object store.
            with self._writing:
                if target.exists() and not overwrite:
                    raise already_exists(f"The file being created already exists: {shown}", "ALREADY_EXISTS")
                write_atomically(target, content)
        except (FileExistsError, NotADirectoryError) as error:
            raise invalid(f"A parent of '{shown}' is a file.") from error

    def delete(self, actor: Principal, path: str) -> None:
        """Delete a file."""
        target, shown = self._resolve(actor, path, "WRITE_VOLUME")
        if not target.is_file():
            raise _missing(shown)
        target.unlink()

    def directory_entry(self, actor: Principal, path: str) -> Entry:
        """Return what is known of a directory; the volume itself is one."""
        target, shown = self._resolve(actor, path, "READ_VOLUME")
        if not target.is_dir():
            raise _missing(shown)
        return _entry(target, shown)

    def listed(self, actor: Principal, path: str) -> list[Entry]:
        """Return what a directory holds, by name."""
        target, shown = self._resolve(actor, path, "READ_VOLUME")
        if not target.is_dir():
            raise _missing(shown)
        found = [one for one in target.iterdir() if not (one.name.startswith(".") and one.name.endswith(".part"))]
        return [_entry(one, f"{shown}/{one.name}") for one in sorted(found)]

    def make_directory(self, actor: Principal, path: str) -> None:
        """Create a directory and its parents; one that is there already is fine."""
        target, shown = self._resolve(actor, path, "WRITE_VOLUME")
        try:
            target.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError) as error:
            raise already_exists(f"'{shown}' or a parent of it is a file.", "ALREADY_EXISTS") from error

    def delete_directory(self, actor: Principal, path: str) -> None:
        """Delete an empty directory."""
        target, shown = self._resolve(actor, path, "WRITE_VOLUME")
        if shown.count("/") < 5:
            raise invalid(f"'{shown}' is a volume; drop it with the volumes API.")
        if not target.is_dir():
            raise _missing(shown)
        try:
            os.rmdir(target)
        except OSError as error:
            raise ApiError(400, "DIRECTORY_NOT_EMPTY", f"The directory being deleted is not empty: {shown}") from error

    def mounted(self, actor: Principal, path: str) -> Document:
        """Return the folder of a volume and whether the actor may write in it; needs READ VOLUME."""
        target, shown = self._resolve(actor, path, "READ_VOLUME")
        full_name = ".".join(shown.split("/")[2:5])
        return {"folder": str(target), "write": self._privileges.holds(actor, "WRITE_VOLUME", "VOLUME", full_name)}

    def sweep(self) -> None:
        """Remove the files of volumes that were dropped; nobody can reach them."""
        kept = {str(one["volume_id"]) for one in self._store.everywhere(kinds.VOLUME)}
        for folder in self._folder.iterdir():
            if folder.name not in kept:
                shutil.rmtree(folder, ignore_errors=True)

    def _resolve(self, actor: Principal, path: str, privilege: str) -> tuple[Path, str]:
        names = path_segments(path)
        if len(names) < 4 or names[0] != "Volumes":
            raise invalid(f"The path '{path}' must be /Volumes/<catalog>/<schema>/<volume>/…")
        full_name = ".".join(names[1:4])
        found = self._store.get(kinds.VOLUME, *names[1:4])
        if found is None:
            raise not_found(f"Volume '{full_name}' does not exist.", "NOT_FOUND")
        self._privileges.require(actor, privilege, "VOLUME", found["full_name"])
        root = self._folder / str(found["volume_id"])
        root.mkdir(parents=True, exist_ok=True)
        return root.joinpath(*names[4:]), "/" + "/".join(names)


def _entry(target: Path, shown: str) -> Entry:
    known = target.stat()
    directory = target.is_dir()
    return Entry(
        path=shown,
        name=shown.rsplit("/", 1)[-1],
        is_directory=directory,
        size=0 if directory else known.st_size,
        modified_ms=int(known.st_mtime * 1000),
    )


def _missing(path: str) -> ApiError:
    return not_found(f"The file or directory being accessed is not found: {path}", "NOT_FOUND")
