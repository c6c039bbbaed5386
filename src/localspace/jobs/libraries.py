"""What a task's environment asks for: wheels unpacked onto the path of the process, packages that must be there already.

Nothing is installed from the network: a wheel is unpacked into a folder named by its digest, a requirement is looked up
among the packages beside the local workspace.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import shutil
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from localspace.core.errors import ApiError

ReadFile = Callable[[str], bytes]
"""Returns the bytes of a /Workspace or /Volumes path as the run-as principal; raises ApiError."""

_REQUIREMENT = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)")


class LibraryError(Exception):
    """A library that cannot be had; the message names it and says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Libraries:
    """The folders that the process gets for its sys.path, in order."""

    paths: tuple[str, ...] = ()


def provide(dependencies: Iterable[object], read: ReadFile, cache: Path) -> Libraries:
    """Return the libraries of an environment; raises LibraryError."""
    paths: list[str] = []
    for one in dependencies:
        text = str(one).strip()
        if not text or text.startswith("#"):
            continue
        if text.startswith("-r "):
            listed = _read(text[3:].strip(), read).decode("utf-8", "replace").splitlines()
            paths.extend(provide(listed, read, cache).paths)
        elif text.startswith("-"):
            raise LibraryError(f"{text}: options of the installer have no meaning here; nothing is installed from a network.")
        elif re.search(r"\.whl(\[[^\]]*\])?$", text):
            paths.extend(_wheel(text, read, cache))
        elif text.startswith(("/", "./", "dbfs:", "s3:", "http:", "https:")):
            raise LibraryError(f"{text}: only wheels and requirements files under /Workspace or /Volumes can be used here.")
        else:
            _must_be_there(text, f"The environment asks for '{text}'")
    return Libraries(paths=tuple(dict.fromkeys(paths)))


def _read(path: str, read: ReadFile) -> bytes:
    try:
        return read(path)
    except ApiError as error:
        raise LibraryError(f"{path}: {error.message}") from error


def _wheel(text: str, read: ReadFile, cache: Path) -> list[str]:
    path, _, extras = text.partition(".whl")
    content = _read(path + ".whl", read)
    target = cache / hashlib.sha256(content).hexdigest()[:32]
    if not target.is_dir():
        _unpack(path + ".whl", content, target)
    wanted = {one.strip() for one in extras.strip("[]").split(",") if one.strip()}
    for requirement in _requirements(target, wanted):
        _must_be_there(requirement, f"The wheel {path.rsplit('/', 1)[-1]}.whl needs '{requirement}'")
    return [str(target), *(str(one) for one in sorted(target.glob("*.data/*lib")))]


def _unpack(name: str, content: bytes, target: Path) -> None:
    beside = target.with_name(f"{target.name}.{secrets.token_hex(4)}.part")
    beside.mkdir(parents=True)
    packed = beside / "wheel.zip"
    packed.write_bytes(content)
    try:
        with zipfile.ZipFile(packed) as archive:
            archive.extractall(beside / "content")
    except zipfile.BadZipFile as error:
        shutil.rmtree(beside)
        raise LibraryError(f"{name} is not a wheel: {error}.") from error
    if not list((beside / "content").glob("*.dist-info/METADATA")):
        shutil.rmtree(beside)
        raise LibraryError(f"{name} is not a wheel: it has no METADATA.")
    try:
        (beside / "content").rename(target)
    except OSError:
        # Another task has unpacked the same wheel meanwhile.
        if not target.is_dir():
            raise
    shutil.rmtree(beside, ignore_errors=True)


def _requirements(target: Path, extras: set[str]) -> list[str]:
    found: list[str] = []
    for file in target.glob("*.dist-info/METADATA"):
        for line in file.read_text("utf-8", "replace").split("\n\n", 1)[0].splitlines():
            if not line.startswith("Requires-Dist:"):
                continue
            requirement, _, marker = line.removeprefix("Requires-Dist:").partition(";")
            extra = re.search(r"extra\s*==\s*['\"]([^'\"]+)['\"]", marker)
            if marker.strip() and (extra is None or extra.group(1) not in extras):
                # Markers other than extras name platforms and versions; a missing module shows when it is imported.
                continue
            found.append(requirement.strip())
    return found


def _must_be_there(requirement: str, said: str) -> None:
    found = _REQUIREMENT.match(requirement)
    if found is None:
        raise LibraryError(f"{said}, which is not a requirement.")
    try:
        metadata.distribution(found.group(1))
    except metadata.PackageNotFoundError:
        raise LibraryError(
            f"{said}, which is not installed beside the local workspace. It installs nothing from a network: "
            f"install it into the same Python environment, or ship a wheel."
        ) from None
