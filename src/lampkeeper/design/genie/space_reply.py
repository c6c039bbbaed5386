"""Reads a model's content for a space strictly: a closed schema, bounded texts, SQL over the space's tables alone.

An error of the whole makes the answer unusable; an item with an error is dropped and reported to the model.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from lampkeeper.design.classify.reply import (
    CUT_OFF,
    MOST_ERRORS,
    MOST_TEXT,
    UNPRINTED,
    BadJsonError,
    find_document,
    quoted,
    text_of,
)
from lampkeeper.design.genie.space_prompt import PARAMETER_TYPES, SpacePrompt, content_schema
from lampkeeper.design.genie.space_statements import expression_problems, query_problems
from lampkeeper.model.genie import ColumnConfig, ExampleQuery, GenieSpace, QueryParameter, Snippet
from lampkeeper.model.schema import Table

MOST_ITEMS = 12
"""The most of each list that is taken, of the model's items and the schema's together."""

_MOST_SYNONYMS, _MOST_WORDS = 200, 8
_TITLE, _DESCRIPTION, _LINE, _WORD, _SQL = 120, 1_000, 400, 60, 4_000
_MARKUP = re.compile(r"<\s*[/!a-zA-Z]|://|\]\(|```|\bjavascript:|\{\{", re.IGNORECASE)
_PARAMETER = re.compile(r"[a-z][a-z0-9_]{0,40}")
_FIELDS = tuple(content_schema()["required"])
_LISTS = _FIELDS[2:]
_Item = TypeVar("_Item")


@dataclass(frozen=True, slots=True, kw_only=True)
class SpaceContent:
    """What a model proposes for a space; all SQL in it binds. `synonyms` holds table (plain name), column, words."""

    title: str = ""
    description: str = ""
    instructions: tuple[str, ...] = ()
    sample_questions: tuple[str, ...] = ()
    examples: tuple[ExampleQuery, ...] = ()
    filters: tuple[Snippet, ...] = ()
    expressions: tuple[Snippet, ...] = ()
    measures: tuple[Snippet, ...] = ()
    synonyms: tuple[tuple[str, str, tuple[str, ...]], ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return it in the form of an answer."""
        return {
            "title": self.title, "description": self.description, "instructions": list(self.instructions),
            "sample_questions": list(self.sample_questions),
            "examples": [
                {
                    "question": e.question, "sql": e.sql, "guidance": e.guidance,
                    "parameters": [
                        {"name": p.name, "type": p.type, "description": p.description, "default": p.default} for p in e.parameters
                    ],
                }
                for e in self.examples
            ],
            "filters": _snippets(self.filters), "expressions": _snippets(self.expressions), "measures": _snippets(self.measures),
            "synonyms": [{"table": t, "column": c, "words": list(w)} for t, c, w in self.synonyms],
        }  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class SpaceReply:
    """The result of reading an answer: content, or None if unusable; `problems` list the dropped items with reasons."""

    content: SpaceContent | None
    problems: tuple[str, ...] = ()


class _WrongError(ValueError):
    """An item is invalid."""


def read_space_reply(content: object, prompt: SpacePrompt, *, cut: bool = False) -> SpaceReply:
    """Read an answer to a prompt; `cut` says that the endpoint reported a cut."""
    text = text_of(content)
    if cut:
        return SpaceReply(content=None, problems=(CUT_OFF,))
    if len(text) > MOST_TEXT:
        return SpaceReply(content=None, problems=("the answer is far too long",))
    try:
        document = find_document(text, "sample_questions")
    except BadJsonError as error:
        return SpaceReply(content=None, problems=(str(error),))
    return read_content(document, prompt.tables)


def read_content(document: object, tables: Iterable[Table]) -> SpaceReply:
    """Read content from a JSON document and bind its SQL to these tables."""
    if not isinstance(document, dict) or set(document) != set(_FIELDS):
        return SpaceReply(content=None, problems=(f"the object must have the keys {', '.join(_FIELDS)} and no other",))
    odd = [k for k in _LISTS if not isinstance(document[k], list)]
    if odd:
        return SpaceReply(content=None, problems=(f"{', '.join(odd)} must be lists",))
    reader = _Reader({t.name.plain.casefold(): t for t in tables})
    texts = [*reader.each([document["title"]], "title", lambda x: _text(x, _TITLE, empty=True))]
    described = [*reader.each([document["description"]], "description", lambda x: _text(x, _DESCRIPTION, empty=True))]
    kinds = {kind: tuple(reader.snippets(document[kind], kind)) for kind in ("filters", "expressions", "measures")}
    read = SpaceContent(
        title="".join(texts),
        description="".join(described),
        instructions=tuple(reader.each(document["instructions"], "instructions", lambda x: _text(x, _LINE))),
        sample_questions=tuple(reader.each(document["sample_questions"], "sample_questions", lambda x: _text(x, _LINE))),
        examples=tuple(reader.each(document["examples"], "examples", reader.example)),
        synonyms=tuple(reader.each(document["synonyms"], "synonyms", reader.synonyms, most=_MOST_SYNONYMS)),
        **kinds,
    )
    return SpaceReply(content=read, problems=tuple(reader.problems))


def space_feedback(reply: SpaceReply) -> str:
    """Return the message to the model about its answer."""
    lines = list(reply.problems[:MOST_ERRORS])
    if len(reply.problems) > MOST_ERRORS:
        lines.append(f"and {len(reply.problems) - MOST_ERRORS} more")
    reported = "\n".join(f"- {line}" for line in lines)
    return f"These parts of your answer cannot be used:\n{reported}\nAnswer again with one whole JSON object of the given form."


def laid_over(space: GenieSpace, content: SpaceContent) -> GenieSpace:
    """Return the space with the model's content before that from the schema; joins, benchmarks and notes on masks stay."""
    return replace(
        space,
        title=content.title or space.title,
        description=content.description or space.description,
        instructions="\n".join((space.instructions, *content.instructions)),
        sample_questions=content.sample_questions or space.sample_questions,
        examples=_merged(content.examples, space.examples, lambda e: (e.question, e.sql)),
        filters=tuple(sorted(_merged(content.filters, space.filters, _named))),
        expressions=tuple(sorted(_merged(content.expressions, space.expressions, _named))),
        measures=tuple(sorted(_merged(content.measures, space.measures, _named))),
        columns=_with_synonyms(space.columns, content),
    )


def _merged(new: tuple[_Item, ...], old: tuple[_Item, ...], key: Callable[[_Item], tuple[str, str]]) -> tuple[_Item, ...]:
    """Return the new items, then the old ones of which neither the name nor the SQL is there."""
    names, sqls = {key(x)[0].casefold() for x in new}, {key(x)[1] for x in new}
    return (*new, *(x for x in old if key(x)[0].casefold() not in names and key(x)[1] not in sqls))[:MOST_ITEMS]


def _named(snippet: Snippet) -> tuple[str, str]:
    return snippet.display_name, snippet.sql


def _with_synonyms(columns: tuple[ColumnConfig, ...], content: SpaceContent) -> tuple[ColumnConfig, ...]:
    found = {(c.table, c.column): c for c in columns}
    for table, column, words in content.synonyms:
        known = found.get((table, column), ColumnConfig(table=table, column=column))
        found[(table, column)] = replace(known, synonyms=tuple(dict.fromkeys((*known.synonyms, *words))))
    return tuple(sorted(found.values()))


def _snippets(snippets: Iterable[Snippet]) -> list[dict[str, Any]]:
    return [{"name": s.display_name, "sql": s.sql, "synonyms": list(s.synonyms)} for s in snippets]


class _Reader:
    """Reads items one by one and collects their errors."""

    def __init__(self, tables: Mapping[str, Table]) -> None:
        self._tables = tables
        self.problems: list[str] = []

    def each(self, items: list[Any], what: str, read: Callable[[Any], _Item], most: int = MOST_ITEMS) -> Iterator[_Item]:
        """Yield the good items, each once."""
        if len(items) > most:
            self.problems.append(f"{what}: {len(items)} entries, the first {most} are taken")
        seen: list[_Item] = []
        for number, item in enumerate(items[:most], start=1):
            try:
                value = read(item)
            except _WrongError as error:
                self.problems.append(f"{what} {number}: {error}")
                continue
            if value not in seen:
                seen.append(value)
                yield value

    def snippets(self, items: list[Any], kind: str) -> Iterator[Snippet]:
        """Yield the good snippets of a kind, each name once."""
        names: set[str] = set()
        for snippet in self.each(items, kind, lambda item: self._snippet(item, kind)):
            if snippet.display_name.casefold() in names:
                self.problems.append(f"{kind}: the name {quoted(snippet.display_name)} stands twice")
                continue
            names.add(snippet.display_name.casefold())
            yield snippet

    def _snippet(self, item: Any, kind: str) -> Snippet:
        _keys(item, "name", "sql", "synonyms")
        name, sql = _text(item["name"], _WORD * 2), _sql(item["sql"])
        alias = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
        if not alias:
            raise _WrongError("the name has no letter")
        _good(sql, expression_problems(sql, kind, self._tables))
        return Snippet(
            sql=sql, display_name=name, alias="" if kind == "filters" else alias, synonyms=_words(item["synonyms"])
        )  # fmt: skip

    def example(self, item: Any) -> ExampleQuery:
        """Return an example whose SQL binds, parameters and all."""
        _keys(item, "question", "sql", "guidance", "parameters")
        question, sql = _text(item["question"], _LINE), _sql(item["sql"])
        guidance = _text(item["guidance"], _LINE, empty=True)
        if not isinstance(item["parameters"], list) or len(item["parameters"]) > MOST_ITEMS:
            raise _WrongError("parameters must be a short list")
        parameters = tuple(_parameter(p) for p in item["parameters"])
        _good(sql, query_problems(sql, self._tables, [p.name for p in parameters]))
        return ExampleQuery(question=question, sql=sql, guidance=guidance, parameters=parameters)

    def synonyms(self, item: Any) -> tuple[str, str, tuple[str, ...]]:
        """Return other words for a column of the space."""
        _keys(item, "table", "column", "words")
        if not isinstance(item["table"], str) or not isinstance(item["column"], str):
            raise _WrongError("table and column must be strings")
        table = self._tables.get(item["table"].replace("`", "").casefold())
        column = next((c.name for c in table.columns if c.name.casefold() == item["column"].casefold()), "") if table else ""
        if table is None or not column:
            raise _WrongError(f"{quoted(item['table'])} has no column {quoted(item['column'])} in this space")
        words = _words(item["words"])
        if not words:
            raise _WrongError("words is empty")
        return table.name.plain, column, words


def _parameter(item: Any) -> QueryParameter:
    _keys(item, "name", "type", "description", "default")
    if not isinstance(item["name"], str) or not _PARAMETER.fullmatch(item["name"]):
        raise _WrongError("a parameter's name must be lower case letters, digits and underscores")
    if item["type"] not in PARAMETER_TYPES:
        raise _WrongError(f"a parameter's type must be one of {', '.join(PARAMETER_TYPES)}")
    return QueryParameter(
        name=item["name"], type=item["type"], description=_text(item["description"], _LINE, empty=True),
        default=_text(item["default"], _WORD, empty=True),
    )  # fmt: skip


def _keys(item: Any, *keys: str) -> None:
    if not isinstance(item, dict) or set(item) != set(keys):
        raise _WrongError(f"must be an object with the keys {', '.join(keys)} and no other")


def _text(value: Any, most: int, *, empty: bool = False) -> str:
    if not isinstance(value, str):
        raise _WrongError("must be a string")
    if len(value) > most:
        raise _WrongError(f"has {len(value)} characters, {most} are allowed")
    if UNPRINTED.search(value):
        raise _WrongError("must be one line of characters that show")
    if _MARKUP.search(value):
        raise _WrongError("holds markup or an address")
    if not value.strip() and not empty:
        raise _WrongError("is empty")
    return value.strip()


def _words(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or len(value) > _MOST_WORDS:
        raise _WrongError(f"words must be a list of at most {_MOST_WORDS}")
    return tuple(dict.fromkeys(_text(w, _WORD) for w in value))


def _sql(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise _WrongError("sql must be a text")
    if len(value) > _SQL:
        raise _WrongError(f"its SQL has {len(value)} characters, {_SQL} are allowed")
    plain = re.sub(r"[ \t\r\n]+", " ", value).strip().removesuffix(";").strip() if "'" not in value else value.strip()
    if UNPRINTED.search(plain):
        raise _WrongError("its SQL holds characters that do not show: write it on one line")
    return plain


def _good(sql: str, problems: Iterable[str]) -> None:
    first = next(iter(problems), "")
    if first:
        raise _WrongError(f"SQL {quoted(sql)}: {first[:300]}")
