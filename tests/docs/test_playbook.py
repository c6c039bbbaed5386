"""The playbook is a transcript: each numbered section is run from a clean folder and prints what the page shows.

`make transcript PAGE=docs/playbook.md SECTION=4` runs a section and writes what it prints into the page.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from support.missing_tools import report_missing
from support.reader import ROOT, Reader, can_run
from support.transcripts import Walk, walks

PAGES = tuple(page for page in (ROOT / "docs" / "playbook.md", ROOT / "docs" / "self-service-genie.md") if page.is_file())
WALKS = tuple(walk for page in PAGES for walk in walks(page))


@pytest.mark.unit
def test_each_block_is_tagged_with_words_that_mean_something() -> None:
    assert {t for walk in WALKS for b in walk.blocks for t in b.tags} <= {"heavy", "needs=databricks"}
    assert all(b.steps for walk in WALKS for b in walk.blocks)


@pytest.mark.heavy
@pytest.mark.server
@pytest.mark.spark
@pytest.mark.parametrize("walk", WALKS, ids=str)
def test_a_section_prints_what_the_page_shows(walk: Walk, tmp_path: Path) -> None:
    reader = Reader(tmp_path / "reader")
    reader.arrive()
    try:
        for block in walk.blocks:
            if not can_run(block):
                report_missing("databricks", "install the Databricks CLI")
                continue
            for step in block.steps:
                output = reader.run(step)
                assert step.agrees(output), (
                    f"{block.page}:{block.line}: $ {step.command}\nprinted:\n{output}\n"
                    f"(`make transcript PAGE=docs/{block.page} SECTION={walk.section}` rewrites the page)"
                )
    finally:
        reader.leave()
