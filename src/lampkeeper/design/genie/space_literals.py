"""Personal values in the content of a Genie space: identifying formats, and literals compared with sensitive columns."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from lampkeeper.design.knowledge.identifiers import iban, payment_card, us_ssn
from lampkeeper.model.genie import GenieSpace
from lampkeeper.model.schema import Table

_FORMATS = (
    ("e-mail address", re.compile(r"[A-Za-z0-9._+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+"), lambda _: True),
    ("social security number", re.compile(r"(?<![\w-])\d{3}-\d{2}-\d{4}(?![\w-])"), us_ssn),
    ("payment card number", re.compile(r"(?<![\w.-])\d(?:[ -]?\d){12,18}(?![\w-])"), payment_card),
    ("account number (IBAN)", re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]){11,30}\b"), iban),
)
_EQUALITIES: tuple[Any, ...] = (
    exp.EQ, exp.NEQ, exp.NullSafeEQ, exp.NullSafeNEQ, exp.In, exp.Like, exp.ILike, exp.RegexpLike, exp.SimilarTo,
    exp.StartsWith, exp.EndsWith, exp.Contains, exp.ArrayContains, exp.Case,
)  # fmt: skip
_LETTERS, _DIGITS = re.compile(r"[^\W_]{2}"), 5
"""A text counts as a value from two letters or digits on, a number from five digits on."""


def literal_formats(text: str) -> tuple[str, ...]:
    """Return the kinds of identifying formats in a text, not the values."""
    return tuple(what for what, pattern, holds in _FORMATS if any(holds(m[0]) for m in pattern.finditer(text)))


def compared_columns(
    sql: str, tables: Mapping[str, Table], sensitive: Iterable[str], defaults: Iterable[str] = ()
) -> tuple[str, ...]:
    """Return the sensitive columns (casefolded plain names) that a text compares with a written value, sorted.

    `tables` are those of the space by casefolded plain name, `defaults` the parameters that have a usual value.
    """
    try:
        trees = sqlglot.parse(sql, dialect="databricks")
    except (SqlglotError, RecursionError):
        return ()
    named, known = frozenset(sensitive), frozenset(defaults)
    found: set[str] = set()
    for tree in trees:
        if tree is None:
            continue
        scope = _scope(tree, tables)
        for node in tree.find_all(*_EQUALITIES):
            if any(_says_something(x, known) for x in _values(node)):
                columns = (c for c in _inside(node) if isinstance(c, exp.Column))
                found |= {plain for c in columns for plain in _meant(c, scope) if plain in named}
    return tuple(sorted(found))


def _values(node: Any) -> Iterator[Any]:
    """Yield the values that a comparison writes out; of CASE those that its operand is compared with."""
    if isinstance(node, exp.Case):
        if node.this is not None:
            for each in node.args.get("ifs") or ():
                yield from each.this.find_all(exp.Literal)
        return
    yield from (each for each in _inside(node) if isinstance(each, exp.Literal | exp.Placeholder | exp.Parameter))


def _inside(node: Any) -> Iterator[Any]:
    """Yield what a comparison holds, without the queries in it: their comparisons are looked at by themselves."""
    yield from (each for each in node.walk(prune=lambda n: isinstance(n, exp.Query)))


def _says_something(value: Any, defaults: frozenset[str]) -> bool:
    if not isinstance(value, exp.Literal):
        return value.name in defaults
    text = str(value.this)
    if text.startswith("%@"):
        return False  # A domain does not identify a person.
    return bool(_LETTERS.search(text)) if value.is_string else sum(c.isdigit() for c in text) >= _DIGITS


def _scope(tree: Any, tables: Mapping[str, Table]) -> dict[str, tuple[str, ...]]:
    """Return by casefolded alias the tables that it means; "" means all that the text reads, or else all of the space."""
    by_last = {t.name.table.casefold(): plain for plain, t in tables.items()}
    scope: dict[str, tuple[str, ...]] = {alias: (plain,) for alias, plain in by_last.items()}
    read: list[str] = []
    for each in tree.find_all(exp.Table):
        full = ".".join(p.name for p in each.parts).casefold()
        plain = full if full in tables else by_last.get(full, "")
        if plain:
            read.append(plain)
            scope[(each.alias or each.name).casefold()] = (plain,)
    return scope | {"": tuple(dict.fromkeys(read)) or tuple(tables)}


def _meant(column: Any, scope: Mapping[str, tuple[str, ...]]) -> Iterator[str]:
    owner, name = column.table.casefold(), column.name.casefold()
    if owner in scope:
        yield from (f"{plain}.{name}" for plain in scope[owner])
    else:
        # A field of a struct, or a column of a subquery.
        yield from (f"{plain}.{part}" for plain in scope[""] for part in (owner, name))


def texts_of(space: GenieSpace) -> Iterator[tuple[str, str]]:
    """Yield the texts of a space that are not SQL, each with its description."""
    yield "title", space.title
    yield "description", space.description
    yield "instructions", space.instructions
    yield from (("sample question", q) for q in space.sample_questions)
    yield from (("question of a benchmark", b.question) for b in space.benchmarks)
    for example in space.examples:
        yield "question of an example", example.question
        yield "guidance of an example", example.guidance
        yield from (("description of a parameter", p.description) for p in example.parameters)
    for snippet in (*space.filters, *space.expressions, *space.measures):
        yield "a snippet", " ".join((snippet.display_name, snippet.comment, snippet.instruction, *snippet.synonyms))
    yield from (("a column", " ".join((c.description, *c.synonyms))) for c in space.columns)
    yield from (("a join", f"{j.comment} {j.instruction}") for j in space.joins)
