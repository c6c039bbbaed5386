"""Folders, files and words of the pages that are written by hand exist in the repository."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

import localspace.main
import partnercert.commands
from lampkeeper.cli.program import every_command

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[2]
SRC = ROOT / "src"
GENERATED = {"commands.md", "ledger.md", "served.md"}
PAGES = sorted(
    [*(p for p in ROOT.glob("docs/*.md") if p.name not in GENERATED), *(ROOT / n for n in ("README.md", "CONTRIBUTING.md"))]
)
# A link, and what it names in code, is one place: a file of the page's own folder, of the repository, or of a package.
_MODULE = re.compile(r"`([\w./*-]+\.py)`")
_ROOM = re.compile(r"`(src/[\w/]+)`")


def packages() -> set[str]:
    """Return the packages that a contributor may add to: one level below each top package, two below `design`."""
    found = {p.parent for p in SRC.glob("*/*/__init__.py")} | {p.parent for p in SRC.glob("lampkeeper/design/*/__init__.py")}
    return {str(p.relative_to(ROOT)) for p in found - {SRC / "lampkeeper" / "design"}}


def mapped() -> list[str]:
    """Return the packages in the first column of the table in CONTRIBUTING.md."""
    rows = re.findall(r"^\| ((?:`src/[\w/]+`(?:, )?)+) \|", (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"), re.M)
    return [room for row in rows for room in _ROOM.findall(row)]


def test_the_map_of_the_code_lists_every_package_once() -> None:
    named = mapped()
    assert sorted(packages() - set(named)) == []
    assert sorted(named) == sorted(set(named))


def test_every_package_of_the_map_exists() -> None:
    assert [room for room in mapped() if not (ROOT / room / "__init__.py").is_file()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_module_that_a_page_names_exists(page: Path) -> None:
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    roots = (ROOT, SRC, SRC / "lampkeeper", ROOT / "tests")
    named = set(_MODULE.findall(text))
    lost = [n for n in named if not any(True for root in roots for _ in root.glob(n if "/" in n else f"**/{n}"))]
    assert sorted(lost) == []


def options_of(command: click.Command) -> set[str]:
    """Return the options of a command and of the commands in it."""
    inner = command.commands.values() if isinstance(command, click.Group) else ()
    mine = {o for p in command.params for o in (*p.opts, *p.secondary_opts)}
    return mine.union(*(options_of(one) for one in inner))


OPTIONS = {"--help", "--version"}.union(
    *(options_of(one) for one in (*every_command().values(), localspace.main.cli, partnercert.commands.cli))
)
# Of the Databricks CLI, uv, pip, make and the benchmarks.
OTHERS = {"--var", "--params", "--auto-approve", "--force-lock", "--strict", "--wheel", "--no-deps", "--name", "--gold", "--mode"}
OTHERS |= {"--active", "--string-value", "--display-name", "--filter"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_option_that_a_page_names_exists(page: Path) -> None:
    spans = re.findall(r"`[^`]+`|^```.*?^```", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    named = {option for span in spans for option in re.findall(r"(?<![\w-])--[a-z][a-z-]+[a-z]", span)}
    assert sorted(named - OPTIONS - OTHERS) == []
