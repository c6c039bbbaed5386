"""A page's output agrees with a run's if only folders, ports, ids, tokens, times and progress differ."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.transcripts import Step, blocks, rewritten, walks

pytestmark = pytest.mark.unit

SHOWN = """\
[DEV]
host = http://127.0.0.1:34491
token = dapi-the-token-of-this-workspace
account_id = 1dd0c46e-76bc-4d78-aed2-d8bef31540a2
seconds: start 4.5, seed 1.8,
ask before 24.0, all 54.2
verify: 0 mismatches in 284 cells"""
PRINTED = """\
planning …
[DEV]
host = http://127.0.0.1:41003
token = dapi00112233445566778899aabbccddeeff
account_id = 32b9b88c-037e-4241-8cc8-c44255150d47
ask before: 2/5 dev_fin.finance.customers (10 s)
seconds: start 14.5, seed 11.8, ask before 124.0, all 154.2
verify: 0 mismatches in 284 cells
"""


def test_what_differs_from_run_to_run_is_no_difference() -> None:
    assert Step("x", SHOWN.splitlines()).agrees(PRINTED)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("0 mismatches", "1 mismatches"),
        ("284", "283"),
        ("[DEV]", "[PROD]"),
        ("verify", "error"),
        ("account_id", "id"),
        ("\n", "\nmore\n"),
    ],
)
def test_anything_else_is_a_difference(old: str, new: str) -> None:
    assert not Step("x", SHOWN.splitlines()).agrees(PRINTED.replace(old, new))


@given(st.text(alphabet="abc …\n", max_size=20))
def test_an_ellipsis_in_a_page_stands_for_itself(text: str) -> None:
    assert not Step("x", ["a … c"]).agrees(f"a {text}x c")


def test_a_rewritten_page_shows_the_new_output_and_no_token(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# Page\n\n```console heavy\n$ a <<E\n> b\n> E\nold\n$ same\nPort 127.0.0.1:1\n```\nEnd\n")
    page.write_text(rewritten(page, {3: ["dapi00112233445566778899aabbccddeeff\n", "Port 127.0.0.1:2\n"]}))
    text = page.read_text()
    assert text.splitlines()[2:] == [
        "```console heavy", "$ a <<E", "> b", "> E", "dapi-the-token-of-this-workspace", "$ same", "Port 127.0.0.1:1", "```",
        "End",
    ]  # fmt: skip
    assert [step.command for block in blocks(page) for step in block.steps] == ["a <<E\nb\nE", "same"]


SECTIONS = """\
# Page
```console
$ prepare
```
## §1 One
```console
$ a
```
### Within one
```console heavy
$ b
```
## §2 Two, without a block
## §10 Ten
```console
$ c
```
"""


def test_each_numbered_section_is_a_walk_that_starts_with_the_preparation(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(SECTIONS)
    found = {walk.section: [step.command for block in walk.blocks for step in block.steps] for walk in walks(page)}
    assert found == {1: ["prepare", "a", "b"], 10: ["prepare", "c"]}


def test_a_page_without_numbered_sections_is_one_walk(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(SECTIONS.replace("§", ""))
    (walk,) = walks(page)
    assert [step.command for block in walk.blocks for step in block.steps] == ["prepare", "a", "b", "c"]


def test_a_block_that_was_not_run_stays_as_it_stands(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(SECTIONS)
    assert rewritten(page, {6: ["new"]}) == SECTIONS.replace("$ a\n", "$ a\nnew\n")
