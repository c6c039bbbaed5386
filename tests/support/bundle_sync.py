"""Which files a deploy of the bundle uploads, computed as the Databricks CLI does: what git keeps, includes, no excludes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pathspec

_BUILT = {".git", ".venv", ".databricks", "dist"}


def uploaded(root: Path, sync: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names, relative to `root`, of the files that `sync` of a databricks.yml there uploads."""
    rules = root / ".gitignore"
    ignored = _spec(rules.read_text().splitlines() if rules.is_file() else ())
    kept = {name for path in sync.get("paths", ["."]) for name in _kept(root / path, root, ignored)}
    every = [str(p.relative_to(root)) for p in _files(root)]
    included, excluded = _spec(sync.get("include", ())), _spec(sync.get("exclude", ()))
    found = kept | {name for name in every if included.match_file(name)}
    return tuple(sorted(name for name in found if not excluded.match_file(name)))


def _spec(lines: Iterable[str]) -> pathspec.PathSpec[Any]:
    return pathspec.PathSpec.from_lines("gitignore", lines)


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.is_dir() and path.name not in _BUILT:
            yield from _files(path)
        elif path.is_file():
            yield path


def _kept(folder: Path, root: Path, ignored: pathspec.PathSpec[Any]) -> Iterator[str]:
    """Yield what git keeps. A folder that a rule matches is not looked into, and for the CLI `a/*` matches the folder `a` too."""
    for path in sorted(folder.iterdir()):
        name = str(path.relative_to(root))
        # Any name stands for the empty one: `a/` is `a/*` to the CLI.
        if path.is_dir() and not (ignored.match_file(f"{name}/") or ignored.match_file(f"{name}/x")):
            yield from _kept(path, root, ignored)
        elif path.is_file() and not ignored.match_file(name):
            yield name
