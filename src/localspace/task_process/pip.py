"""`%pip install` in a notebook: a wheel of the workspace or a volume goes onto the path; other packages must be there already.

Nothing is installed from a network. A relative path counts from the notebook's folder (source: platform docs, notebook-scoped
libraries).
"""

from __future__ import annotations

import io
import re
import shlex
import sys
import tempfile
import zipfile
from collections.abc import Callable
from importlib import metadata

from localspace.task_process.dbutils import resolved
from localspace.task_process.own_packages import SiblingFinder, sibling_packages

_IGNORED = frozenset({"-q", "--quiet", "-U", "--upgrade", "--force-reinstall", "--no-deps", "--disable-pip-version-check"})
_WHEEL = re.compile(r"(?P<path>.+\.whl)(?P<extras>\[[^\]]*\])?\Z")


class Pip:
    """Installs wheels into a task."""

    def __init__(self, read: Callable[[str], bytes], notebook_path: str, siblings: SiblingFinder | None) -> None:
        """Read files of the workspace by `read`, relative ones from the notebook's folder."""
        self._read = read
        self._notebook_path = notebook_path
        self._siblings = siblings

    def run(self, source: str) -> None:
        """Run the rest of a `%pip` line; raises RuntimeError or NotImplementedError with the reason."""
        words = shlex.split(source, comments=True)
        if words[:1] != ["install"]:
            raise NotImplementedError(f"%pip {' '.join(words[:1])}: only install is understood")
        for word in words[1:]:
            if word in _IGNORED:
                continue
            wheel = _WHEEL.match(word)
            if wheel:
                self._wheel(wheel["path"])
            else:
                _require(word)

    def _wheel(self, path: str) -> None:
        where = resolved(path.removeprefix("dbfs:"), self._notebook_path)
        try:
            content = self._read(where)
            target = tempfile.mkdtemp(prefix="wheel-")
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                archive.extractall(target)
        except (OSError, zipfile.BadZipFile) as error:
            raise RuntimeError(f"%pip install {path}: {where} cannot be installed: {error}") from error
        sys.path.insert(0, target)
        if self._siblings is not None:
            self._siblings.allow(target)
        print(f"Successfully installed {where.rsplit('/', 1)[-1]}")  # noqa: T201


def _require(word: str) -> None:
    name = re.match(r"[A-Za-z0-9][A-Za-z0-9._-]*", word)
    try:
        if word.startswith("-") or name is None or "/" in word or name.group(0).lower() in sibling_packages():
            raise metadata.PackageNotFoundError(word)
        metadata.distribution(name.group(0))
    except metadata.PackageNotFoundError as error:
        raise RuntimeError(
            f"%pip install {word}: tasks of the local workspace install nothing from a network; put the package into the Python "
            "environment of the local workspace, or name a wheel of the workspace or a volume"
        ) from error
    print(f"Requirement already satisfied: {word}")  # noqa: T201
