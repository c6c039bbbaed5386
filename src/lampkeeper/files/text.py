"""Reads and writes whole files in UTF-8; writes are atomic."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from lampkeeper.model.errors import UsageError

SECRET_MODE = 0o600
PUBLIC_MODE = 0o644
MOST_BYTES = 128 * 1024 * 1024
"""The largest file that is read: four times the snapshot of a metastore with 10^5 columns."""


def read_text(path: Path) -> str:
    """Return a file's text without a byte order mark; raise UsageError if it is missing, too large, or not UTF-8."""
    try:
        size = path.stat().st_size
        if size > MOST_BYTES:
            raise UsageError(f"{path}: has {size} bytes; files above {MOST_BYTES} are not read", fix="give another file")
        data = path.read_bytes()
    except FileNotFoundError:
        raise UsageError(f"{path}: no such file") from None
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        column = error.start - (data.rfind(b"\n", 0, error.start) + 1) + 1
        message = f"{path}:{line}:{column}: not UTF-8 (byte 0x{data[error.start]:02x})"
        raise UsageError(message, fix="save the file as UTF-8") from None


def location_of(path: Path | str, text: str, offset: int) -> str:
    """Return `file:line:column`, both from 1, of an offset into the text."""
    return f"{path}:{text.count(chr(10), 0, offset) + 1}:{offset - (text.rfind(chr(10), 0, offset) + 1) + 1}"


def write_text(path: Path, text: str, *, mode: int = PUBLIC_MODE) -> bool:
    """Write one file, see `write_texts`; return whether it changed."""
    return bool(write_texts({path: text}, mode=mode))


def write_texts(texts: Mapping[Path, str], *, mode: int = PUBLIC_MODE) -> tuple[Path, ...]:
    """Write files atomically: none changes before the new content of all is on disk beside the target.

    Missing folders are created. Files with the same bytes are not touched. Return the changed paths. Raise UsageError if the
    disk or the permissions prevent it; the old files then stay unchanged, unless a rename itself fails midway.
    """
    data = {Path(os.path.realpath(path)): text.encode("utf-8") for path, text in sorted(texts.items())}
    changed = {path: content for path, content in data.items() if not _holds(path, content)}
    with ExitStack() as cleanup:
        try:
            ready = {path: _beside(path, content, mode, cleanup) for path, content in changed.items()}
            for path, temporary in ready.items():
                os.replace(temporary, path)
            for folder in sorted({path.parent for path in ready}):
                _sync_folder(folder)
        except OSError as error:
            message = f"{error.filename or 'file'}: cannot be written: {error.strerror}"
            raise UsageError(message, fix="check the folder's permissions and the free space") from None
    if mode == SECRET_MODE:
        for path in data:
            path.chmod(mode)
    return tuple(changed)


def narrow_mode(path: Path) -> int | None:
    """Give a secret file the mode 0600 if others have permissions on it; return its former mode, None if nothing changed.

    Raise UsageError if the mode cannot be changed.
    """
    try:
        mode = path.stat().st_mode & 0o777
        if not mode & 0o077:
            return None
        path.chmod(SECRET_MODE)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UsageError(
            f"{path}: others can read this secret file, and its mode cannot be changed: {error.strerror}", fix=f"chmod 600 {path}"
        ) from None
    return mode


def _holds(path: Path, content: bytes) -> bool:
    return path.is_file() and path.stat().st_size == len(content) and path.read_bytes() == content


def _beside(path: Path, content: bytes, mode: int, cleanup: ExitStack) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
    cleanup.callback(Path(name).unlink, missing_ok=True)
    with os.fdopen(handle, "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fchmod(stream.fileno(), mode)
        os.fsync(stream.fileno())
    return Path(name)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
