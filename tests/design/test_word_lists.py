"""Word lists are data: each word with a reason and an example; no module of design holds a list of its own."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import lampkeeper.design
from lampkeeper.design.knowledge.data_files import parse_data
from lampkeeper.design.knowledge.lexicon import load_lexicon
from lampkeeper.design.knowledge.word_lists import read_type_hints, read_word_lists, type_hints, word_list
from lampkeeper.model.errors import InternalError
from lampkeeper.model.labels import LabelClass

pytestmark = pytest.mark.unit

ROOT = Path(lampkeeper.design.__file__).parent
DATA: dict[str, list[dict[str, Any]]] = parse_data("name_words.yaml")
WORD = re.compile(r"[a-z][a-z0-9]*(?: [a-z0-9]+)*")
FEWEST = 5
"""A collection with so many lower-case words is a word list, unless it is named here with what it is."""
NO_WORD_LISTS = {
    ("classify/context.py", "_TOPICS_OF_TABLES"): "topics, with the list of each",
    ("classify/context.py", "reported"): "topics",
    ("classify/lines.py", "_ECHOED"): "fields of a line",
    ("classify/lines.py", "_TEXTS"): "fields of a line",
    ("classify/platform_labels.py", "CLASSES"): "class tags of the platform",
    ("classify/profiles.py", "PLACEHOLDERS"): "cells that hold no value",
    ("classify/prompt.py", "column"): "fields of an answer",
    ("classify/query_sources.py", "FIGURES"): "functions of SQL",
    ("classify/reply.py", "_FIELDS"): "fields of an answer",
    ("classify/reply.py", "_TEXTS"): "fields of an answer",
    ("drafts/draft_answer.py", "SECTION_KEYS"): "sections of a draft",
    ("drafts/draft_text.py", "_VALUES"): "kinds of tokens",
    ("genie/space_reply.py", "as_dict"): "fields of an answer",
    ("genie/space_statements.py", "_BUILT_IN"): "functions of SQL",
    ("knowledge/formats.py", "OWN_CHECKS"): "names of check digits",
    ("knowledge/lexicon.py", "_entry"): "fields of an entry",
    ("knowledge/lexicon.py", "_rules"): "fields of Term",
    ("knowledge/overlay_file.py", "_CONTEXTS"): "topics",
    ("knowledge/overlay_file.py", "_IDENTIFIER_KEYS"): "fields of a file",
    ("knowledge/overlay_file.py", "_OVERLAY_KEYS"): "fields of a file",
    ("knowledge/profiles_predicates.py", "PREDICATES"): "names of predicates",
    ("knowledge/profiles_predicates.py", "TEXT_PREDICATES"): "names of predicates",
    ("knowledge/taxonomy_file.py", "_TAG_KEYS"): "fields of a file",
    ("knowledge/value_shapes.py", "SHAPES"): "names of shapes",
    ("knowledge/word_lists.py", "read_type_hints"): "fields of a file",
    ("rules/spaces.py", "_NOT_ONE_PERSON"): "label classes",
}
RAW = {"word_endings", "stop_words", "short_words", "short_joinable_words", "foreign_languages"}
"""Lists of parts of words and of languages: they are compared before a name is cut, or with no name at all."""


def word_lists_of(tree: ast.Module) -> Iterator[str]:
    """Yield the name (of a variable, else of the function) of each literal with many words; of a dict its keys."""
    parents = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Set | ast.List | ast.Tuple):
            parts: list[ast.expr | None] = [*node.elts]
        elif isinstance(node, ast.Dict):
            parts = [*node.keys]
        else:
            continue
        if (
            sum(isinstance(p, ast.Constant) and isinstance(p.value, str) and bool(WORD.fullmatch(p.value)) for p in parts)
            < FEWEST
        ):
            continue
        home: ast.AST = node
        while not isinstance(home, ast.Assign | ast.AnnAssign | ast.FunctionDef | ast.Module):
            home = parents[home]
        if isinstance(home, ast.Assign | ast.AnnAssign):
            yield ast.unparse(home.targets[0] if isinstance(home, ast.Assign) else home.target)
        else:
            yield home.name if isinstance(home, ast.FunctionDef) else "?"


def test_no_module_of_design_holds_a_word_list() -> None:
    found = {
        (path.relative_to(ROOT).as_posix(), name)
        for path in sorted(ROOT.rglob("*.py"))
        for name in word_lists_of(ast.parse(path.read_text()))
    }
    assert found == set(NO_WORD_LISTS), "a word list belongs into design/data/name_words.yaml, with reasons and examples"


def test_the_scan_finds_a_word_list_wherever_it_stands() -> None:
    words = "'card', 'cards', 'kartu', 'karte', 'blue card'"
    for text in (f"A = frozenset({{{words}}})", f"A: tuple[str, ...] = ({words})", f"def A(w):\n    return w in [{words}]"):
        assert list(word_lists_of(ast.parse(text))) == ["A"]
    assert not list(word_lists_of(ast.parse("A = ('card', 'cards', 'kartu', 'karte')")))


def test_no_list_is_read_before_a_column_is_classified() -> None:
    lazy = {"word_list", "type_hints", "parse_data"}
    for path in ROOT.rglob("*.py"):
        tree = ast.parse(path.read_text())
        inside = {n for f in ast.walk(tree) if isinstance(f, ast.FunctionDef) for n in ast.walk(f)}
        calls = (n for n in ast.walk(tree) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name) and n.func.id in lazy)
        assert all(call in inside for call in calls), path


@pytest.mark.parametrize("name", sorted(set(DATA) - RAW))
def test_every_word_is_found_in_its_example_as_the_classifier_reads_it(name: str) -> None:
    tokenize = load_lexicon().tokenize
    for entry in DATA[name]:
        for word, example in entry["words"].items():
            assert word in tokenize(example), f"{name}: {word} of {example} is read as {tokenize(example)}"


def test_every_list_is_used() -> None:
    code = "".join(p.read_text() for p in ROOT.rglob("*.py"))
    assert [name for name in DATA if f'"{name}"' not in code] == []


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"a": [{"words": {"x": "x_id"}}]}, "a: entry 1: has no reason"),
        ({"a": [{"reason": " ", "words": {"x": "x_id"}}]}, "a: entry 1: has no reason"),
        ({"a": [{"reason": "r", "words": {"x": None}}]}, "a: entry 1: 'x' has no example"),
        ({"a": [{"reason": "r", "words": {"x": ""}}]}, "a: entry 1: 'x' has no example"),
        ({"a": [{"reason": "r", "words": {False: "no_id"}}]}, "a: entry 1: False has no example"),
        ({"a": [{"reason": "r", "words": ["x", "y"]}]}, "a: entry 1: expected a reason, and words with an example each"),
        ({"a": [{"reason": "r", "words": {"x": "x_id"}}] * 2}, "a: entry 2: 'x' is listed twice"),
    ],
)  # fmt: skip
def test_an_entry_without_a_reason_or_an_example_is_refused(data: dict[str, Any], message: str) -> None:
    with pytest.raises(InternalError, match=re.escape(message)):
        read_word_lists(data)


HINT = {"type": "email", "class": "email", "strength": "hint", "reason": "r", "example": "contact.mail_to"}


@pytest.mark.parametrize("lost", sorted(HINT))
def test_a_type_hint_that_lacks_something_is_refused(lost: str) -> None:
    with pytest.raises(InternalError, match=f"entry 1: has no {lost}"):
        read_type_hints([{k: v for k, v in HINT.items() if k != lost}])
    with pytest.raises(InternalError, match="entry 2"):
        read_type_hints([HINT, HINT])


def test_a_list_and_a_hint_are_what_the_files_say() -> None:
    assert word_list("card_tables") == {"card", "kartu", "karte", "tarjeta"}
    assert (type_hints()["inet"].label, type_hints()["inet"].sure) == (LabelClass.IP_DEVICE, True)
