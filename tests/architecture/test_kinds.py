"""Kinds of objects: one file each, and what is asked of one is asked of it, never of its name."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from lampkeeper.deploy.kinds import KINDS, REMOVAL, kind_named
from lampkeeper.deploy.kinds.base import Kind

pytestmark = pytest.mark.unit

ROOT = Path(__file__).resolve().parents[2]
LAMPKEEPER = ROOT / "src" / "lampkeeper"
FOLDER = LAMPKEEPER / "deploy" / "kinds"
NAMES = frozenset(kind.name for kind in KINDS)
BESIDE = frozenset({"__init__", "base", "description", "policy_words", "groups", "acl"})
"""Modules of the folder that hold no kind of their own: the base, words, and what several kinds have in common."""


def test_every_kind_is_a_module_of_its_name_and_stands_in_both_orders() -> None:
    assert {path.stem for path in FOLDER.glob("*.py")} - BESIDE == NAMES
    for kind in KINDS:
        module = importlib.import_module(f"lampkeeper.deploy.kinds.{kind.name}")
        assert type(kind) is getattr(module, "".join(w.capitalize() for w in kind.name.split("_")) + "Kind")
        assert kind_named(kind.name) is kind
    assert len(KINDS) == len(REMOVAL) == len(NAMES)
    assert set(KINDS) == set(REMOVAL)


def test_every_kind_says_what_the_engine_asks_of_it() -> None:
    for kind in KINDS:
        own = {name for each in type(kind).__mro__[:-1] if each is not Kind for name in vars(each)}
        assert {"desired", "live", "words", "create", "update", "delete", "codec", "name", "layer"} <= own, kind


def asked_by_name(tree: ast.AST) -> Iterator[int]:
    """Yield the lines where a kind is compared with the literal name of one, looked up by it, or sought in a list of names."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            literal = any(_is_name(n) for side in sides for n in ast.walk(side))
            if literal and any("kind" in ast.unparse(side) for side in sides if not _is_name(side)):
                yield node.lineno
        elif isinstance(node, ast.Match) and "kind" in ast.unparse(node.subject):
            yield from (n.lineno for case in node.cases for n in ast.walk(case.pattern) if _is_name(n))
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
            called = node.func.id if isinstance(node.func, ast.Name) else node.func.attr
            if called in {"owned", "of_kind", "kind_named", "changes_of"} and any(map(_is_name, node.args)):
                yield node.lineno


def named_together(tree: ast.AST) -> Iterator[int]:
    """Yield the lines of sets and maps of several names of kinds: a list of what a kind should say of itself."""
    for node in ast.walk(tree):
        entries = node.elts if isinstance(node, ast.Set) else node.keys if isinstance(node, ast.Dict) else []
        if sum(1 for each in entries if each is not None and _is_name(each)) > 1:
            yield node.lineno


def _is_name(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and node.value in NAMES


def test_no_module_outside_the_folder_asks_a_kind_for_its_name() -> None:
    found = []
    for path in sorted(LAMPKEEPER.rglob("*.py")):
        if path.parent == FOLDER:
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        lines = {*asked_by_name(tree), *(named_together(tree) if path.is_relative_to(LAMPKEEPER / "deploy") else ())}
        found += [f"{path.relative_to(ROOT)}:{line}" for line in sorted(lines)]
    assert found == []


@pytest.mark.parametrize(
    "text",
    [
        "change.kind == 'tag'", "kind.name != 'grant'", "c.kind in ('group', 'member')", "states.owned('policy')",
        "match c.kind:\n    case 'tag' | 'grant':\n        pass",
    ],
)  # fmt: skip
def test_the_rule_bites(text: str) -> None:
    assert list(asked_by_name(ast.parse(text)))
    assert list(named_together(ast.parse("LAGGING = {'tag', 'policy'}")))
    assert not list(asked_by_name(ast.parse("workspace.pages('tag', path)\nentity.kind == 'other'\nchange.kind is TAG")))
