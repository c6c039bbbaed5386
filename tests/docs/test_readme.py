"""The README is a transcript: every console block is run in a fresh clone, and prints what the page shows.

`make readme` runs the blocks and writes what they print into the page.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.missing_tools import report_missing
from support.reader import ROOT, Reader, can_run
from support.transcripts import Block, blocks

BLOCKS = tuple(blocks(ROOT / "README.md"))


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    reader = Reader(tmp_path_factory.mktemp("reader"))
    reader.arrive()
    yield reader
    reader.leave()


def test_each_block_is_tagged_with_words_that_mean_something() -> None:
    assert {t for b in BLOCKS for t in b.tags} <= {"heavy", "nightly", "needs=databricks"}
    assert all(b.steps for b in BLOCKS)


# All of them, also those of a second each: they are one walk through the page, on one workspace. A block that needs no other and
# takes minutes runs nightly.
@pytest.mark.heavy
@pytest.mark.server
@pytest.mark.spark
@pytest.mark.parametrize(
    "block",
    [pytest.param(b, id=f"line-{b.line}", marks=[pytest.mark.nightly] if "nightly" in b.tags else []) for b in BLOCKS],
)
def test_a_block_prints_what_the_readme_shows(reader: Reader, block: Block) -> None:
    if not can_run(block):
        report_missing("databricks", "install the Databricks CLI")
        pytest.skip("the Databricks CLI was not found")
    for step in block.steps:
        output = reader.run(step)
        assert step.agrees(output), (
            f"{block.page}:{block.line}: $ {step.command}\nprinted:\n{output}\n(`make readme` rewrites the page)"
        )


@pytest.mark.unit
@pytest.mark.parametrize(
    "page", sorted(ROOT.glob("docs/*.md")) + [ROOT / n for n in ("README.md", "CONTRIBUTING.md", "SECURITY.md")]
)
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    assert [t for t in targets if "://" not in t and not (page.parent / t).exists()] == []
