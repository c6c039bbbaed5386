"""`/Volumes` and `/Workspace` for the Python code of a task, which finds them mounted on the platform.

Nothing is mounted here: the functions of `os` and `open` take a path below them to a folder that the workspace names, once
it has let the run-as principal in. Volumes can be read and, with WRITE VOLUME, written; workspace files are a copy that
can only be read. Programs that the task starts, and libraries that open files themselves, see neither.
"""

from __future__ import annotations

import builtins
import errno
import functools
import io
import os
import posixpath
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from localspace.task_process.rest import Rest, RestError

_KEPT_SECONDS = 2.0
"""Seconds for which an answer of the workspace is trusted: a revoked privilege takes effect after this."""

_READS = ("stat", "lstat", "listdir", "scandir", "access", "readlink", "chdir")
_WRITES = ("mkdir", "rmdir", "remove", "unlink", "utime", "chmod", "truncate")
_MOVES = ("rename", "replace", "link")
_WRITE_FLAGS = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class Mounts:
    """Finds the real place of a path."""

    def __init__(self, rest: Rest, folder: Path, directory: str = "", original: str = "") -> None:
        """Ask through `rest`; copies of workspace files go to `folder`.

        `directory` is the copy of the workspace folder `original`, in which the task starts. A relative path that leads out of
        what was copied is a path of the workspace.
        """
        self._rest = rest
        self._top, self._directory, self._original = str(folder / "files"), directory, original
        self._copies = folder / "workspace"
        self._nothing = folder / "nothing"
        self._volumes: dict[str, tuple[float, str, bool]] = {}
        self._copied: set[str] = set()

    def real_path(self, path: Any, *, write: bool) -> str | None:
        """Return the real path of one below /Volumes or /Workspace, None for any other; raises OSError."""
        if isinstance(path, int):
            return None
        text = self._absolute(os.fsdecode(path))
        if not text.startswith(("/Volumes", "/Workspace")):
            return None
        names = [one for one in posixpath.normpath(text).split("/") if one]
        if names[0] == "Volumes":
            return self._in_volume(names, text, write=write)
        if names[0] == "Workspace":
            if write:
                raise OSError(errno.EROFS, "workspace files can only be read by tasks of the local workspace", text)
            return self._in_workspace("/" + "/".join(names), text)
        return None

    def _absolute(self, text: str) -> str:
        """Return the path in the workspace of a relative path that leads out of the copied files, any other path as it is."""
        if not self._original or not text.startswith(".."):
            return text
        here = os.getcwd()
        there = posixpath.normpath(posixpath.join(here, text))
        if posixpath.commonpath([here, self._top]) != self._top or posixpath.commonpath([there, self._top]) == self._top:
            return text
        found = posixpath.join(self._original, posixpath.relpath(here, self._directory), text)
        return posixpath.normpath(found if found.startswith("/Workspace/") else f"/Workspace{found}")

    def _in_volume(self, names: list[str], text: str, *, write: bool) -> str:
        if len(names) < 4:
            self._nothing.mkdir(exist_ok=True)
            return str(self._nothing)
        root = "/" + "/".join(names[:4])
        known = self._volumes.get(root)
        if known is None or known[0] < time.monotonic():
            answer = self._ask("GET", "/api/2.0/localspace/volume", {"path": root}, text)
            known = (time.monotonic() + _KEPT_SECONDS, answer["folder"], answer["write"])
            self._volumes[root] = known
        if write and not known[2]:
            raise PermissionError(errno.EACCES, f"no WRITE VOLUME on {'.'.join(names[1:4])}", text)
        return posixpath.join(known[1], *names[4:])

    def _in_workspace(self, path: str, text: str) -> str:
        target = self._copies / path.removeprefix("/Workspace").lstrip("/")
        if any(path == one or path.startswith(one + "/") for one in self._copied):
            return str(target)
        found = self._ask("GET", "/api/2.0/workspace/get-status", {"path": path}, text)
        self._copy(found, text)
        self._copied.add(path)
        return str(target)

    def _copy(self, found: dict[str, Any], text: str) -> None:
        target = self._copies / str(found["path"]).removeprefix("/Workspace").lstrip("/")
        if found["object_type"] == "DIRECTORY":
            target.mkdir(parents=True, exist_ok=True)
            listed = self._ask("GET", "/api/2.0/workspace/list", {"path": found["path"]}, text)
            for one in listed.get("objects") or ():
                self._copy(one, text)
        else:
            query = {"path": found["path"], "direct_download": "true"}
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(self._rest.bytes("GET", "/api/2.0/workspace/export", query=query))

    def _ask(self, method: str, path: str, query: dict[str, Any], text: str) -> dict[str, Any]:
        try:
            return self._rest.json(method, path, query=query)
        except RestError as error:
            number = {403: errno.EACCES, 404: errno.ENOENT, 400: errno.EINVAL}.get(error.status, errno.EIO)
            raise OSError(number, error.message, text) from error


def install(mounts: Mounts) -> None:
    """Let `open` and the functions of `os` find the mounts."""
    for name in _READS:
        _patch(name, lambda real: _one(mounts, real, write=False))
    for name in _WRITES:
        _patch(name, lambda real: _one(mounts, real, write=True))
    for name in _MOVES:
        _patch(name, lambda real: _two(mounts, real))
    _patch("open", lambda real: _os_open(mounts, real))
    opened = _open(mounts, io.open)
    io.open = opened
    builtins.open = opened


def _patch(name: str, wrap: Callable[[Callable[..., Any]], Callable[..., Any]]) -> None:
    real = getattr(os, name)
    wrapped = wrap(real)
    setattr(os, name, wrapped)
    # shutil and pathlib ask these sets what a function can do.
    for known in (os.supports_dir_fd, os.supports_fd, os.supports_follow_symlinks, os.supports_effective_ids):
        if real in known:
            known.add(wrapped)


def _called(real: Callable[..., Any], shown: Any, *args: Any, **kwargs: Any) -> Any:
    """Call, and let an error name the path that the task knows."""
    try:
        return real(*args, **kwargs)
    except OSError as error:
        raise type(error)(error.errno, error.strerror, os.fsdecode(shown)) from None


def _one(mounts: Mounts, real: Callable[..., Any], *, write: bool) -> Callable[..., Any]:
    @functools.wraps(real)
    def call(path: Any = ".", *args: Any, **kwargs: Any) -> Any:
        real_path = mounts.real_path(path, write=write)
        return real(path, *args, **kwargs) if real_path is None else _called(real, path, real_path, *args, **kwargs)

    return call


def _two(mounts: Mounts, real: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(real)
    def call(source: Any, target: Any, *args: Any, **kwargs: Any) -> Any:
        first, second = mounts.real_path(source, write=True), mounts.real_path(target, write=True)
        if first is None and second is None:
            return real(source, target, *args, **kwargs)
        return _called(real, source if first else target, first or source, second or target, *args, **kwargs)

    return call


def _os_open(mounts: Mounts, real: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(real)
    def call(path: Any, flags: int, *args: Any, **kwargs: Any) -> Any:
        real_path = mounts.real_path(path, write=bool(flags & _WRITE_FLAGS))
        return real(path, flags, *args, **kwargs) if real_path is None else _called(real, path, real_path, flags, *args, **kwargs)

    return call


def _open(mounts: Mounts, real: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(real)
    def call(file: Any, mode: str = "r", *args: Any, **kwargs: Any) -> Any:
        real_path = mounts.real_path(file, write=any(one in mode for one in "wax+"))
        return real(file, mode, *args, **kwargs) if real_path is None else _called(real, file, real_path, mode, *args, **kwargs)

    return call
