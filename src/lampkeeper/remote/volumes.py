"""Files in a Unity Catalog volume through the Files API: writes are atomic, and only one of two writers can create a file.

The mounted path of a volume supports neither appends nor locks (source: platform docs, volume limitations); an upload through
the Files API appears at once, and `overwrite=false` lets one of two writers win (source: SDK 0.156, Files).
"""

from __future__ import annotations

import posixpath
import urllib.parse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from lampkeeper.model.errors import RemoteError, UsageError
from lampkeeper.remote.clients import Call, Workspace

ROOT = "/Volumes/"
MOST_BYTES = 128 * 1024 * 1024
"""The most bytes of a file; lampkeeper's own files are smaller, and larger ones are not read."""
_FILES = "/api/2.0/fs/files"
_DIRECTORIES = "/api/2.0/fs/directories"


@dataclass(frozen=True, slots=True)
class VolumeFolder:
    """A folder in a volume; names given to its methods are relative to it."""

    workspace: Workspace
    path: str

    def __post_init__(self) -> None:
        """Raise UsageError if the path is not a folder in a volume."""
        parts = self.path.split("/")
        if not self.path.startswith(ROOT) or len(parts) < 5 or not all(parts[1:]) or {".", ".."} & set(parts):
            raise UsageError(f"{self.path}: not a folder in a volume", fix="write /Volumes/<catalog>/<schema>/<volume>/envs")

    def read(self, name: str) -> bytes | None:
        """Return a file's bytes, None if it does not exist; raise UsageError if it is too large to be lampkeeper's."""
        try:
            answer = self._do("GET", _FILES, name, raw=True)
        except RemoteError as error:
            if error.status == 404 and not self._lost(error):
                return None
            raise
        with answer["contents"] as stream:
            content = bytes(stream.read(MOST_BYTES + 1))
        if len(content) > MOST_BYTES:
            raise UsageError(
                f"{self.path}/{name}: has more than {MOST_BYTES} bytes, the most that is read",
                fix="remove it if lampkeeper did not write it",
            )
        return content

    def write(self, name: str, content: bytes) -> None:
        """Create or replace a file, and missing folders."""
        self._do("PUT", _FILES, name, {"overwrite": "true"}, content)

    def create(self, name: str, content: bytes) -> bool:
        """Create a file; return False if it exists already."""
        try:
            self._do("PUT", _FILES, name, {"overwrite": "false"}, content, once=True)
        except RemoteError as error:
            if error.status == 409 or error.code in {"ALREADY_EXISTS", "RESOURCE_ALREADY_EXISTS"}:
                return False
            raise
        return True

    def delete(self, name: str) -> None:
        """Delete a file; a missing file is not an error."""
        try:
            self._do("DELETE", _FILES, name)
        except RemoteError as error:
            if error.status != 404:
                raise

    def names(self, folder: str = "") -> Iterator[str]:
        """Yield the names of the files below a folder, relative to this one; nothing if the folder does not exist."""
        for name, is_folder in self.entries(folder):
            if is_folder:
                yield from self.names(name)
            else:
                yield name

    def entries(self, folder: str = "") -> Iterator[tuple[str, bool]]:
        """Yield the files and folders directly in a folder, relative to this one, with whether each is a folder."""
        token = ""
        while True:
            try:
                page = self._do("GET", _DIRECTORIES, folder, {"page_token": token} if token else None)
            except RemoteError as error:
                if error.status == 404 and not self._lost(error):
                    return
                raise
            for entry in page.get("contents") or ():
                yield posixpath.join(folder, str(entry["name"]).rstrip("/")), bool(entry.get("is_directory"))
            token = page.get("next_page_token") or ""
            if not token:
                return

    @staticmethod
    def _lost(error: RemoteError) -> bool:
        """Return whether the error means that the volume does not exist."""
        return "olume '" in error.message and "does not exist" in error.message

    def _do(
        self, method: str, api: str, name: str, query: Mapping[str, str] | None = None, content: bytes | None = None,
        *, raw: bool = False, once: bool = False,
    ) -> Any:  # fmt: skip
        path = api + urllib.parse.quote(posixpath.join(self.path, name).rstrip("/"))
        call = Call(
            kind="file", method=method, path=path, query=query, content=content, raw=raw, once=once, writes=method != "GET",
            doing=f"{self.path}: {method} {name}",
        )  # fmt: skip
        return self.workspace.request(call)
