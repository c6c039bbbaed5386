"""The modules of the local workspace import each other in one direction, hidden imports counted."""

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

pytestmark = pytest.mark.unit

PACKAGE = Path(__file__).resolve().parents[2] / "src" / "localspace"
LOOSE = {"__init__.py", "main.py", "py.typed", "conformance.yaml"}
"""The only files beside the rooms."""


def module_name(path: Path, root: Path) -> str:
    """Return the dotted name of a file below the parent of `root`."""
    parts = path.relative_to(root.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def import_graph(root: Path) -> dict[str, set[str]]:
    """Return each module of a package with the modules it imports: at the top, under TYPE_CHECKING, within functions."""
    files = {module_name(path, root): path for path in root.rglob("*.py")}
    graph: dict[str, set[str]] = {}
    for name, path in files.items():
        found: set[str] = set()
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                members = {f"{node.module}.{alias.name}" for alias in node.names}
                found |= {one if one in files else node.module for one in members}
        graph[name] = {one for one in found if one in files and one != name}
    return graph


def circle(graph: dict[str, set[str]]) -> list[str]:
    """Return the modules of one circle, [] if there is none."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_the_package_root_holds_the_entry_and_rooms_only() -> None:
    assert {one.name for one in PACKAGE.iterdir() if one.is_file()} == LOOSE


def test_no_modules_of_the_local_workspace_import_each_other_in_a_circle() -> None:
    graph = import_graph(PACKAGE)
    assert "localspace.core.store" in graph["localspace.http.response_cache"]
    assert circle(graph) == []


@pytest.mark.parametrize(
    "back",
    [
        "from pkg.a import x",
        "import pkg.a",
        "from pkg import a",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from pkg.a import x",
        "def f():\n    from pkg.a import x",
    ],
)
def test_a_circle_is_found_wherever_its_import_hides(tmp_path: Path, back: str) -> None:
    root = tmp_path / "pkg"
    root.mkdir()
    (root / "__init__.py").write_text("")
    (root / "a.py").write_text("from pkg.b import y\n")
    (root / "b.py").write_text(back + "\n")
    assert set(circle(import_graph(root))) == {"pkg.a", "pkg.b"}
