"""What the Python of the local workspace holds beside the local workspace itself, and a task must not find.

Tasks run in the Python of the server, for the packages that the platform's environments have too. The packages of the same
project, which are there because the project is installed, are not among them: a task has these only if its environment, or
`%pip install`, brings a wheel of them.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import sys
import types
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]


def sibling_packages() -> frozenset[str]:
    """Return the top-level packages that are installed together with this one, without it."""
    owner = _PACKAGE.name
    installed = metadata.packages_distributions()
    mine = set(installed.get(owner, ()))
    found = {name for name, owners in installed.items() if mine.intersection(owners)}
    if _PACKAGE.parent.name not in ("site-packages", "dist-packages"):
        # An editable installation: the folder of the sources has no other project's packages.
        found |= {one.parent.name for one in _PACKAGE.parent.glob("*/__init__.py")}
    return frozenset(name for name in found if name.isidentifier()) - {owner}


class SiblingFinder(importlib.abc.MetaPathFinder):
    """Lets sibling packages be imported from the task's own folders alone."""

    def __init__(self, folders: Sequence[str]) -> None:
        """Allow them in `folders`; `allow` adds to these."""
        self._folders = list(folders)
        self._hidden = sibling_packages()

    def allow(self, folder: str) -> None:
        """Allow the packages of a folder too, before those of others."""
        self._folders.insert(0, folder)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Return the spec in the task's folders; raise ModuleNotFoundError for a sibling that they do not hold."""
        if fullname not in self._hidden:
            return None
        found = importlib.machinery.PathFinder.find_spec(fullname, self._folders, target)
        if found is None:
            raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)
        return found


def install(folders: Sequence[str]) -> SiblingFinder:
    """Hide the siblings from the imports of this process, except those in `folders`."""
    finder = SiblingFinder(folders)
    sys.meta_path.insert(0, finder)
    return finder
