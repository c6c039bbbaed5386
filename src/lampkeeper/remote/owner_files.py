"""Small files in the workspace that record which environments use shared objects.

They are in the folder that every user and service principal of a workspace may read and write by default (source: platform
docs, page "Workspace assets", folder Shared). Each environment writes its own file per layer, so that concurrent runs never
overwrite each other.
"""

from __future__ import annotations

import base64
import binascii
import posixpath

from lampkeeper.model.errors import RemoteError
from lampkeeper.remote.clients import Workspace

FOLDER = "/Shared/lampkeeper/owners"
_API = "/api/2.0/workspace"
_KIND = "owners"
_MOST_BYTES = 10_000_000


def read_owner_files(workspace: Workspace) -> dict[str, bytes | None]:
    """Return the files by name; None for one that is too large or not text. Raise RemoteError if the folder is not readable."""
    try:
        listed = workspace.find(_KIND, f"{_API}/list", {"path": FOLDER})
        objects = [o for o in (listed or {}).get("objects") or () if str(o.get("path", "")).endswith(".json")]
        found: dict[str, bytes | None] = {}
        for each in objects:
            name = posixpath.basename(str(each["path"]))
            if int(each.get("size") or 0) > _MOST_BYTES:
                found[name] = None
                continue
            answer = workspace.find(_KIND, f"{_API}/export", {"path": f"{FOLDER}/{name}", "format": "AUTO"})
            if answer is not None:  # else it was removed after the listing
                found[name] = _decoded(str(answer.get("content") or ""))
    except RemoteError as error:
        raise _named(error, "read") from None
    return found


def write_owner_file(workspace: Workspace, name: str, content: bytes) -> None:
    """Create or replace one file, and the folder if it is missing."""
    body = {
        "path": f"{FOLDER}/{name}", "format": "AUTO", "overwrite": True, "content": base64.b64encode(content).decode(),
    }  # fmt: skip
    try:
        if workspace.find(_KIND, f"{_API}/get-status", {"path": FOLDER}) is None:
            workspace.write(_KIND, "POST", f"{_API}/mkdirs", {"path": FOLDER})
        workspace.write(_KIND, "POST", f"{_API}/import", body)
    except RemoteError as error:
        raise _named(error, "write") from None


def delete_owner_file(workspace: Workspace, name: str) -> None:
    """Remove one file, and with the last file its folders; a missing file is not an error."""
    for path in (f"{FOLDER}/{name}", FOLDER, posixpath.dirname(FOLDER)):
        try:
            workspace.write(_KIND, "POST", f"{_API}/delete", {"path": path})
        except RemoteError as error:
            if error.code == "DIRECTORY_NOT_EMPTY":
                return
            if error.status != 404:
                raise _named(error, "write") from None


def _decoded(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        return None


def _named(error: RemoteError, verb: str) -> RemoteError:
    return RemoteError(
        f"cannot {verb} the owners of shared objects: {error.message}", code=error.code, status=error.status,
        fix=error.fix or f"let the runner {verb} the workspace folder {FOLDER}",
    )  # fmt: skip
