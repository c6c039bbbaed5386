"""The served coverage table says what the SDK really calls."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import databricks.sdk.service
import httpx
import pytest

from localspace.api.coverage import table
from localspace.server.routes import HANDLERS, ROUTES
from support.localspace_server import running_localspace

pytestmark = pytest.mark.server
ROOT = Path(__file__).parents[2]


@cache
def sdk_calls() -> dict[str, set[tuple[str, str]]]:
    """Return `Service.method` to the (HTTP method, path shape) pairs found in the SDK's source."""
    found: dict[str, set[tuple[str, str]]] = {}
    for file in sorted(Path(databricks.sdk.service.__path__[0]).glob("*.py")):
        for node in ast.parse(file.read_text()).body:
            if isinstance(node, ast.ClassDef) and node.name.endswith("API"):
                for method in node.body:
                    if isinstance(method, ast.FunctionDef):
                        calls = found.setdefault(f"{node.name.removesuffix('API')}.{method.name}", set())
                        calls |= _calls(method)
    return found


def _calls(method: ast.FunctionDef) -> set[tuple[str, str]]:
    return {
        (_text(call.args[0]), _shape(_text(call.args[1])))
        for call in ast.walk(method)
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "self._api.do" and len(call.args) >= 2
    }


def _text(node: ast.expr) -> str:
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(str(one.value) if isinstance(one, ast.Constant) else "{}" for one in node.values)
    return "?"


def _shape(path: str) -> str:
    # The SDK escapes a whole path into its place, slash included.
    return re.sub(r"/?\{[^}]*\*\}|\{[^}]*\}", "{}", path)


def test_every_named_operation_is_the_sdks_own_call() -> None:
    rows = [row for row in table(ROUTES) if row["operation"]]
    assert len(rows) > 150
    wrong = [
        row
        for row in rows
        if (row["method"], _shape(row["path"])) not in sdk_calls().get(row["operation"], set())
        and not _served_by_another_name(row)
    ]
    assert wrong == []


_NAMES = ("x", "catalogs/x", "catalogs/x/config")
"""What the SDK puts into a place of a path: names of resources hold slashes."""


def _served_by_another_name(row: dict[str, str]) -> bool:
    # The SDK pastes the type of a permissions call into its own paths: /permissions/warehouses/{id}.
    pattern = re.escape(_shape(row["path"])).replace(r"\{\}", "[^/]+")
    return any(
        method == row["method"] and re.fullmatch(pattern, path.replace("{}", name))
        for method, path in sdk_calls().get(row["operation"], set())
        for name in _NAMES
    )


def test_every_row_names_a_test_that_is_there() -> None:
    assert {row["test"] for row in table(ROUTES) if not (ROOT / row["test"]).is_file()} == set()


def test_each_level_is_told_and_partial_says_what_is_missing() -> None:
    assert {row["level"] for row in table(ROUTES)} == {"supported", "partial"}
    assert all(bool(row["missing"]) == (row["level"] == "partial") for row in table(ROUTES))


def test_the_table_of_handlers_is_complete() -> None:
    listed = {module.__name__.rsplit(".", 1)[-1] for module in HANDLERS}
    folder = {file.stem for file in (ROOT / "src" / "localspace" / "api").glob("*.py") if "\nROUTES" in file.read_text()}
    assert listed >= folder


def test_no_two_routes_share_method_and_shape() -> None:
    shapes = [(route.method, _shape(route.path)) for route in ROUTES]
    assert len(shapes) == len(set(shapes))


def test_the_table_is_served_as_json_and_as_a_page() -> None:
    with running_localspace() as space:
        rows = httpx.get(f"{space.host}/_localspace/coverage").json()["operations"]
        page = httpx.get(f"{space.host}/_localspace/compatibility")
    assert rows == table(ROUTES)
    assert page.headers["content-type"].startswith("text/html")
    assert "Policies.create_policy" in page.text
