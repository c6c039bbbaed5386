"""The floors of the house: who may import whom."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.unit

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted((ROOT / "src").rglob("*.py"))


def test_the_import_contracts_hold() -> None:
    done = subprocess.run(
        [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("module", ["lampkeeper.cli.main", "localspace.main", "partnercert.commands"])
def test_a_command_line_starts_without_the_packages_that_take_long_to_load(module: str) -> None:
    code = (
        f"import sys, {module}; print(*sorted({{'databricks.sdk', 'hcl2', 'openai', 'pyspark', 'pyarrow'}} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_what_every_command_shares_loads_nothing_of_design() -> None:
    code = "import sys, lampkeeper.cli.app; print(*(m for m in sys.modules if m.startswith('lampkeeper.design')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_only_places_demo_conform_and_tests_import_the_local_workspace() -> None:
    offenders = [
        str(path.relative_to(ROOT))
        for path in SOURCES
        if "lampkeeper" in path.parts
        and not {"places", "demo"} & set(path.parts)
        and path.name != "conform.py"
        and _imports(path, "localspace")
    ]
    assert offenders == []


def test_no_module_is_called_utils() -> None:
    banned = {"utils", "helpers", "common", "manager", "util", "helper", "misc"}
    assert [str(p.relative_to(ROOT)) for p in SOURCES if p.stem in banned or p.parent.name in banned] == []


def test_modules_stay_under_the_budget_or_are_listed() -> None:
    grown = [f"{p.relative_to(ROOT)} ({n} lines)" for p in SOURCES if (n := p.read_text().count("\n")) > 450]
    assert grown == []


def _imports(path: Path, package: str) -> bool:
    for node in ast.walk(ast.parse(path.read_text())):
        names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
        names += [node.module] if isinstance(node, ast.ImportFrom) and node.module and not node.level else []
        if any(name.split(".")[0] == package for name in names):
            return True
    return False
