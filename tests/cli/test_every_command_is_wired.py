"""The listing of `lampkeeper --help` and the modules of commands agree."""

import importlib
import pkgutil
import subprocess
import sys

import click
import pytest

import lampkeeper.cli
import localspace.main
import partnercert.commands
from lampkeeper.cli.program import GROUPS, every_command, program
from support.env_folders import Run

pytestmark = pytest.mark.unit

LISTED = [command for group in GROUPS.values() for command in group]


def test_every_command_of_every_module_is_listed_once_with_its_module() -> None:
    names = [m.name for m in pkgutil.iter_modules(lampkeeper.cli.__path__)]
    modules = {name: importlib.import_module(f"lampkeeper.cli.{name}") for name in names}
    written = sorted((str(c.name), name) for name, m in modules.items() for c in getattr(m, "COMMANDS", ()))
    assert written == sorted((c.name, c.module) for c in LISTED)
    assert sorted(every_command()) == [name for name, _ in written]


def test_a_summary_fits_a_line_of_the_listing() -> None:
    assert [c.summary for c in LISTED if len(c.summary) > 56 or not c.summary.endswith(".")] == []


@pytest.mark.parametrize("arguments", [["--version"], ["--help"]])
def test_the_listing_imports_no_module_of_a_command(arguments: list[str]) -> None:
    code = f"""
import sys
from lampkeeper.cli.main import main
main({arguments})
heavy = {{"rich", "sqlglot", "yaml", "databricks", "localspace"}}
print(*sorted(heavy & {{m.split(".")[0] for m in sys.modules}}), file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.split() == []


def test_a_tab_completes_commands_without_importing_them() -> None:
    script = "import sys; from lampkeeper.cli.main import run; sys.argv = ['lampkeeper']; run()"
    environment = {"_LAMPKEEPER_COMPLETE": "bash_complete", "COMP_WORDS": "lampkeeper pr", "COMP_CWORD": "1"}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["plain,profile", "plain,promote"]


def test_options_of_jobs_are_shown_by_help_all_alone(run: Run) -> None:
    (code, whole, _), (short_code, short, _) = run("plan", "--help-all"), run("plan", "--help")
    assert (code, short_code) == (0, 0)
    for option in ("--run-id", "--verdict", "--history", "--account-secret-scope"):
        assert option in whole
        assert option not in short


def groups(group: click.Group, path: str) -> list[tuple[str, click.Group]]:
    context = click.Context(group)
    inner = [(f"{path} {name}", group.get_command(context, name)) for name in group.list_commands(context)]
    return [(path, group), *(found for name, one in inner if isinstance(one, click.Group) for found in groups(one, name))]


PROGRAMS = {"lampkeeper": program, "localspace": localspace.main.cli, "partnercert": partnercert.commands.cli}


@pytest.mark.parametrize(("path", "group"), [found for name, one in PROGRAMS.items() for found in groups(one, name)])
def test_no_sentence_of_a_listing_is_cut_at_80_columns(path: str, group: click.Group) -> None:
    listing = group.get_help(click.Context(group, info_name=path, terminal_width=80))
    assert [line for line in listing.splitlines() if line.endswith("...") and not line.startswith("Usage")] == []
    assert max(map(len, listing.splitlines())) <= 80
