"""The glossary defines each term once, and no page uses a word that another one replaced."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[2]
ROWS = re.findall(r"^\| ([^|]+?) \| (.+?) \|$", (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8"), re.M)
TERMS = [term for name, _ in ROWS for term in name.split(", ") if name not in {"term", "---"}]
PAGES = [p for p in (*ROOT.glob("docs/*.md"), *ROOT.glob("*.md"), *ROOT.glob("src/**/*.md")) if p.name != "CHANGELOG.md"]
RENAMED = (
    "workspace assignment", "unreviewed", "protection", "widens access", "narrows access", "first access", "simulated access",
    "state version", "run log", "role", "privilege", "test principal", "query runner", "overlay", "knowledge", "clearance",
    "exemption", "adopt", "import", "propagation delay", "value profiling",
)  # fmt: skip
REPLACED = re.compile(
    r"\b(?:seats?|unseen|treatments?|loosens?|loosening|loosened|tightens?|tightening|witness(?:es)?|askers?|rehearsals?|naked"
    r"|run book|uncleared|black-?outs?|mends?|mending)\b",
    re.IGNORECASE,
)


def test_a_term_is_defined_once() -> None:
    assert sorted(TERMS) == sorted(set(TERMS))


@pytest.mark.parametrize("term", RENAMED)
def test_a_renamed_word_is_defined(term: str) -> None:
    assert term in TERMS


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_uses_no_word_that_was_replaced(page: Path) -> None:
    prose = re.sub(r"^```.*?^```|`[^`\n]*`", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    assert REPLACED.findall(prose) == []
