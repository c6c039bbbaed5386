"""What people write of an environment, taken from where a bundle has deployed it."""

from __future__ import annotations

from pathlib import Path

from lampkeeper.files.decisions import FILE as DECISIONS
from lampkeeper.files.folder import EnvFolder
from lampkeeper.files.text import read_text, write_text

WRITTEN = ("env.auto.tfvars", "taxonomy.yaml", "packs/*.yaml", "masks/*.sql", "masks/checked.json")
"""Files of an environment that people write and commit; what the bundle has of them stands."""


def take_files(folder: EnvFolder, source: Path) -> tuple[Path, ...]:
    """Copy the files into the environment; return those that changed it.

    Nothing goes: what the bundle has no file for stays. Decisions are taken only where there are none, since stewards decide in
    the workspace too.
    """
    given = {str(p.relative_to(source)): p for pattern in WRITTEN for p in sorted(source.glob(pattern))}
    changed = [path for name, path in given.items() if write_text(folder.path / name, read_text(path))]
    decided = source / DECISIONS
    if decided.is_file() and not (folder.path / DECISIONS).is_file():
        write_text(folder.path / DECISIONS, read_text(decided))
        changed.append(decided)
    return tuple(changed)
