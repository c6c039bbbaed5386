"""docs/bundle.md followed word by word: the real Databricks CLI on a local workspace, from seeding to a removed bundle.

`make transcript PAGE=docs/bundle.md SECTION=1` runs a section and writes what it prints into the page.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from support.missing_tools import report_missing
from support.reader import ROOT, Reader, lacking
from support.transcripts import Walk, walks

PAGE = ROOT / "docs" / "bundle.md"
WALKS = walks(PAGE)


@pytest.mark.unit
def test_the_page_begins_with_a_seeded_workspace_and_ends_with_a_removed_bundle() -> None:
    commands = [step.command for block in WALKS[0].blocks for step in block.steps]
    order = ("localspace serve", "lampkeeper seed", "databricks bundle validate", "databricks bundle deploy")
    order += ("databricks bundle run governance", "lampkeeper approve", "lampkeeper launch", "lampkeeper destroy")
    found = [next(n for n, command in enumerate(commands) if command.startswith(start)) for start in order]
    assert found == sorted(found)
    assert [c for c in commands if c.startswith("databricks bundle")][-1] == "databricks bundle destroy -t dev --auto-approve"


@pytest.mark.unit
def test_every_block_says_what_it_needs() -> None:
    for walk in WALKS:
        assert all({"heavy", "needs=databricks"} <= block.tags for block in walk.blocks)
        for block in walk.blocks:
            assert any("jq " in step.command for step in block.steps) <= ("needs=jq" in block.tags), block.line


@pytest.mark.heavy
@pytest.mark.server
@pytest.mark.spark
@pytest.mark.clients
@pytest.mark.parametrize("walk", WALKS, ids=str)
def test_every_command_prints_what_the_page_shows(walk: Walk, tmp_path: Path) -> None:
    missing = sorted({name for block in walk.blocks for name in lacking(block)})
    if missing:
        for name in missing:
            report_missing({"databricks": "Databricks CLI"}.get(name, name), "install it, so that it is on PATH")
        pytest.skip(f"{', '.join(missing)} not found")
    reader = Reader(tmp_path / "reader", whole=True)
    reader.arrive()
    try:
        for block in walk.blocks:
            for step in block.steps:
                output = reader.run(step)
                assert step.agrees(output), (
                    f"{block.page}:{block.line}: $ {step.command}\nprinted:\n{output}\n"
                    f"(`make transcript PAGE=docs/{block.page} SECTION={walk.section}` rewrites the page)"
                )
    finally:
        reader.leave()
