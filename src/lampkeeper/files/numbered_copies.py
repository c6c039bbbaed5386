"""Numbered copies of files, such as the history of drafts: one folder a copy, complete once its `entry.json` is there."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from lampkeeper.files.text import read_text, write_texts
from lampkeeper.text.digest import digest_of

ENTRY = "entry.json"


@dataclass(frozen=True, slots=True)
class NumberedCopies:
    """The copies in one folder, in `0001`, `0002` and so on."""

    folder: Path

    def home(self, number: int) -> Path:
        """Return the folder of a copy."""
        return self.folder / f"{number:04d}"

    def homes(self) -> list[Path]:
        """Return the folders of the complete copies, oldest first."""
        found = (path.parent for path in self.folder.glob(f"*/{ENTRY}"))
        return sorted((home for home in found if home.name.isdigit()), key=lambda home: int(home.name))

    def add(self, number: int, texts: Mapping[str, str], entry: Mapping[str, object], keep: int) -> None:
        """Write a copy: `texts` by their paths within it, and its entry. Only the `keep` newest copies stay."""
        home = self.home(number)
        write_texts({home / name: text for name, text in texts.items()})
        # The entry file is written last: a copy without it is incomplete and is ignored.
        write_texts({home / ENTRY: json.dumps(entry, indent=2) + "\n"})
        for old in self.homes()[:-keep]:
            shutil.rmtree(old)


def texts_below(root: Path, paths: Iterable[Path] | None = None) -> dict[str, str]:
    """Return the texts of the files below a folder (of those in `paths` if given), by their path within it."""
    found = sorted(p for p in (root.rglob("*") if paths is None else paths) if p.is_file())
    return {p.relative_to(root).as_posix(): read_text(p) for p in found}


def digest_of_texts(texts: Mapping[str, str]) -> str:
    """Return the digest of files, by their paths and texts."""
    return digest_of(json.dumps(sorted(texts.items())), digits=16)
