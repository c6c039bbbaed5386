"""What people write of an environment, taken from where a bundle has deployed it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

from lampkeeper.files.decisions import FILE as DECISIONS
from lampkeeper.files.folder import EnvFolder
from lampkeeper.files.text import read_text, write_text
from lampkeeper.model.errors import UnsafePlanError
from lampkeeper.text.digest import digest_of

WRITTEN = ("env.auto.tfvars", "taxonomy.yaml", "overlays/*.yaml", "masks/*.sql", "masks/checked.json")
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


def digests(folder: Path) -> dict[str, str]:
    """Return the files of an environment that people write, decisions too: name to SHA-256."""
    found = {p for pattern in (*WRITTEN, DECISIONS) for p in folder.glob(pattern) if p.is_file()}
    return {str(p.relative_to(folder)): digest_of(p.read_bytes()) for p in sorted(found)}


def undeployed(folder: Path, source: Path) -> tuple[str, ...]:
    """Return the names of those that are not as the bundle has deployed them in `source`: changed, added or missing."""
    return _differing(digests(folder), digests(source))


def require_same_files(folder: EnvFolder, then: Mapping[str, str], reported: Collection[str], bundle_inputs: Path | None) -> None:
    """Raise UnsafePlanError when files of the environment are not those that a plan was made of.

    `then` are their digests, `reported` the names of those that the plan said were not as deployed. Decisions may have gone on:
    the next plan is made of them.
    """
    changed = [n for n in _differing(digests(folder.path), then) if n != DECISIONS]
    if changed:
        raise UnsafePlanError(
            f"{folder.path / changed[0]} is not as it was when the plan was made", fix="make the plan again, and have it approved"
        )
    unreported = set(undeployed(folder.path, bundle_inputs)) - {*reported, DECISIONS} if bundle_inputs is not None else set()
    if unreported:
        raise UnsafePlanError(
            f"{folder.path / min(unreported)} is not as deployed, and the plan does not say so",
            fix="make the plan again with --input, and have it approved",
        )


def _differing(one: Mapping[str, str], other: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(sorted(n for n in {*one, *other} if one.get(n) != other.get(n)))
