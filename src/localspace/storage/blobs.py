"""Contents of files on disk: written beside, flushed, then renamed, so that a kill leaves the old or the new one."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from localspace.core.errors import ApiError


def write_atomically(target: Path, content: bytes) -> None:
    """Replace or create a file; the content is on disk when this returns."""
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = target.with_name(f".{target.name[:80]}.{secrets.token_hex(8)}.part")
    try:
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, target)
    except OSError:
        beside.unlink(missing_ok=True)
        raise
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def path_segments(path: str, *, what: str = "path") -> tuple[str, ...]:
    """Return the names in an absolute path; raises 400 for a relative one, `..`, `.` and control characters."""
    if not path.startswith("/"):
        raise ApiError(400, "INVALID_PARAMETER_VALUE", f"Path ({path}) should start with '/'.")
    names = tuple(one for one in path.split("/") if one)
    for name in names:
        if name in ("..", "."):
            raise ApiError(400, "INVALID_PARAMETER_VALUE", f"The {what} ({path}) may not contain '{name}'.")
        if any(ord(char) < 32 or char == "\x7f" for char in name):
            raise ApiError(400, "INVALID_PARAMETER_VALUE", f"The {what} may not contain control characters.")
        if len(name.encode()) > 255:
            raise ApiError(400, "INVALID_PARAMETER_VALUE", f"A name in the {what} is longer than 255 bytes.")
    return names
