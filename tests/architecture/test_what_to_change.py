"""`What to change for what` is true: each path exists, and a kind of object is named only where its steps lead."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

pytestmark = pytest.mark.unit

ROOT = Path(__file__).resolve().parents[2]
LAMPKEEPER = ROOT / "src" / "lampkeeper"
TABLE = re.search(
    r"## What to change for what\n+(.*?)(?=\n\n|\Z)", (ROOT / "docs" / "architecture.md").read_text("utf-8"), re.DOTALL
)
ROWS = [line.strip("| ").split(" | ", 1) for line in (TABLE.group(1) if TABLE else "").splitlines()[2:]]
_PATH = re.compile(r"`([\w./*-]+(?:/|\.(?:py|md|ya?ml|toml|sql|html|css|json)))`")
STEPS = (ROOT / "docs" / "architecture.md").read_text("utf-8").partition("Steps for a new kind of managed object:\n")[2]


def places(text: str) -> list[list[Path]]:
    """Return what each path of a row's text names: below the root, `src`, `src/lampkeeper` or the folder before it."""
    found: list[list[Path]] = []
    bases = [ROOT, ROOT / "src", LAMPKEEPER]
    for pattern in _PATH.findall(text):
        here = next((hits for base in bases if (hits := sorted(base.glob(pattern.rstrip("/"))))), [])
        if not here and "/" not in pattern:
            here = sorted((ROOT / "src").rglob(pattern))
        found.append(here)
        folders = {p if p.is_dir() else p.parent for p in here} or set(bases[3:])
        bases = [*bases[:3], *folders, *(f.parent for f in folders)]
    return found


def test_the_table_has_rows_and_a_new_kind_has_steps() -> None:
    assert len(ROWS) >= 15
    assert len(re.findall(r"^\d\. ", STEPS, re.M)) >= 5
    assert {len(row) for row in ROWS} == {2}


@pytest.mark.parametrize(("change", "where"), ROWS, ids=[row[0] for row in ROWS])
def test_every_path_of_the_table_exists(change: str, where: str) -> None:
    named = _PATH.findall(where)
    assert named, f"{change}: the row names no place"
    assert [path for path, hits in zip(named, places(where), strict=True) if not hits] == []


def test_every_path_of_the_steps_exists() -> None:
    assert [path for path, hits in zip(_PATH.findall(STEPS), places(STEPS), strict=True) if not hits] == []


def test_a_kind_is_named_only_where_the_table_says() -> None:
    allowed = [place for hits in places(STEPS) for place in hits]
    words = re.compile(r"TagPermission|TAG_PERMISSION|tag_permission")
    naming = [path for path in sorted(LAMPKEEPER.rglob("*.py")) if words.search(path.read_text("utf-8"))]
    assert LAMPKEEPER / "deploy" / "kinds" / "tag_permission.py" in naming
    strangers = [p for p in naming if not any(p == place or place in p.parents for place in allowed)]
    assert [str(p.relative_to(LAMPKEEPER)) for p in strangers] == []
