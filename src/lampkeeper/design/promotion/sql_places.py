"""Finds in SQL the tokens that name a catalog, by their place among the tokens around them."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from lampkeeper.text.sql_lexer import SqlToken, TokenKind

_TABLE_WORDS = (
    "FROM", "JOIN", "INTO", "TABLE", "UPDATE", "VIEW", "EXISTS", "FUNCTION", "REFERENCES", "LIKE", "CLONE", "OF", "OVERWRITE",
    "DESCRIBE", "DESC", "USING", "VOLUME",
)  # fmt: skip
_SCHEMA_WORDS = ("SCHEMA", "DATABASE", "SCHEMAS", "DATABASES")
_BETWEEN = frozenset("=<>!(,")
_LINKS = ("IN", "NOT", "LIKE", "ILIKE", "IS", "DISTINCT")
_NAMED_BY_TEXT = ("IDENTIFIER", "TABLE")
_VOLUME = re.compile(r"(?:dbfs:)?/Volumes/([^/]+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Chain:
    """A dotted name: its parts, and the index of its first and of the token after its last part."""

    parts: tuple[SqlToken, ...]
    first: int
    after: int

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(p.value.casefold() for p in self.parts)


def catalog_tokens(
    tokens: Sequence[SqlToken], catalogs: Collection[str], schemas: Collection[tuple[str, str]], aliases: Collection[str] = ()
) -> Iterator[SqlToken]:
    """Yield the names and strings that stand for one of the catalogs (casefolded), or begin with one.

    `schemas` are known (catalog, schema); a name that the text defines as an alias, or that is in `aliases`, is not a
    catalog, except where a table is named.
    """
    code = [t for t in tokens if t.kind is not TokenKind.COMMENT]
    chains = list(_chains(code))
    own = frozenset(aliases) | _aliases(code, chains)
    for chain in chains:
        if chain.names[0] in catalogs and _names_catalog(code, chain, schemas, own):
            yield chain.parts[0]
    heads = {id(p) for c in chains for p in c.parts}
    for index, token in enumerate(code):
        if token.kind is TokenKind.STRING and id(token) not in heads and _text_names_catalog(code, index, catalogs, schemas):
            yield token


def referenced_catalogs(tokens: Sequence[SqlToken], schemas: Collection[tuple[str, str]] = ()) -> Iterator[str]:
    """Yield the catalogs that SQL surely refers to: the first of three parts of a table or a call, or of a column's four."""
    code = [t for t in tokens if t.kind is not TokenKind.COMMENT]
    chains = list(_chains(code))
    own = _aliases(code, chains)
    for chain in chains:
        count = len(chain.parts)
        if chain.names[0] in own and not _at_table(code, chain):
            continue
        called = chain.after < len(code) and code[chain.after].is_mark("(")
        if (count == 3 and (called or _at_table(code, chain))) or (count == 4 and not called):
            yield chain.parts[0].value


def _chains(code: Sequence[SqlToken]) -> Iterator[_Chain]:
    index = 0
    while index < len(code):
        if not _is_part(code, index):
            index += 1
            continue
        parts, first = [code[index]], index
        while index + 2 < len(code) and code[index + 1].is_mark(".") and _may_follow(code[index + 2]):
            parts.append(code[index + 2])
            index += 2
        index += 1
        yield _Chain(parts=tuple(parts), first=first, after=index)


def _is_part(code: Sequence[SqlToken], index: int) -> bool:
    token = code[index]
    if token.kind is TokenKind.STRING:
        # Other systems write names in double quotes; before a dot they are not strings.
        return token.text[0] == '"' and index + 1 < len(code) and code[index + 1].is_mark(".")
    return token.kind in (TokenKind.WORD, TokenKind.NAME)


def _may_follow(token: SqlToken) -> bool:
    return token.kind in (TokenKind.WORD, TokenKind.NAME) or token.is_mark("*") or token.text[0] == '"'


def _aliases(code: Sequence[SqlToken], chains: Sequence[_Chain]) -> frozenset[str]:
    """Return the names that the text gives to tables and columns: after AS, before `AS (`, or behind a name or a bracket."""
    found: set[str] = set()
    ends = {c.after: c for c in chains}
    for chain in chains:
        if len(chain.parts) > 1:
            continue
        before = code[chain.first - 1] if chain.first else None
        after = code[chain.after : chain.after + 2]
        if len(after) == 2 and after[0].is_word("AS") and after[1].is_mark("("):
            found.add(chain.names[0])
        if before is None:
            continue
        behind = ends.get(chain.first)
        named = behind is not None and (len(behind.parts) > 1 or behind.parts[0].kind is TokenKind.NAME)
        if before.is_word("AS") or before.is_mark(")") or named:
            found.add(chain.names[0])
    return frozenset(found)


def _at_table(code: Sequence[SqlToken], chain: _Chain) -> bool:
    return chain.first > 0 and code[chain.first - 1].is_word(*_TABLE_WORDS)


def _names_catalog(code: Sequence[SqlToken], chain: _Chain, schemas: Collection[tuple[str, str]], own: Collection[str]) -> bool:
    before = code[chain.first - 1] if chain.first else None
    if before is not None and before.is_mark("."):
        return False
    if len(chain.parts) == 1:
        return _after_catalog(code, chain.first)
    known = chain.names[:2] in schemas
    at_table = _at_table(code, chain)
    if len(chain.parts) == 2:
        asked = before is not None and before.is_word(*_SCHEMA_WORDS)
        return asked or (chain.names[1] == "*" and _after_catalog(code, chain.first)) or (known and chain.names[0] not in own)
    if known or at_table:
        return True
    # `fin.orders.amount` may be schema, table and column where a schema has the name of a catalog.
    return chain.names[0] not in own and not any(schema == chain.names[0] for _, schema in schemas)


def _after_catalog(code: Sequence[SqlToken], index: int) -> bool:
    """Return whether the name stands after CATALOG, or CATALOG IF [NOT] EXISTS."""
    at = index - 1
    while at >= 0 and code[at].is_word("IF", "NOT", "EXISTS"):
        at -= 1
    return at >= 0 and code[at].is_word("CATALOG")


def _text_names_catalog(
    code: Sequence[SqlToken], index: int, catalogs: Collection[str], schemas: Collection[tuple[str, str]]
) -> bool:
    value = code[index].value
    volume = _VOLUME.match(value)
    if volume is not None:
        return volume.group(1).casefold() in catalogs
    head, *rest = (p.strip("`").casefold() for p in value.split("."))
    if head not in catalogs or not all(rest):
        return False
    if not rest:
        return _compared_with_catalog(code, index)
    called = index >= 2 and code[index - 1].is_mark("(") and code[index - 2].is_word(*_NAMED_BY_TEXT)
    return called or ((head, rest[0]) in schemas and len(rest) < 4)


def _compared_with_catalog(code: Sequence[SqlToken], index: int) -> bool:
    """Return whether a string is compared with a column or a function that holds catalogs, by its name."""
    at = index - 1
    while at >= 0 and (
        (code[at].kind is TokenKind.MARK and code[at].text in _BETWEEN)
        or code[at].kind is TokenKind.STRING
        or code[at].is_word(*_LINKS)
    ):
        at -= 1
    if 0 <= at < index - 1 and _of_catalogs(code, at):
        return True
    after = index + 1
    if after >= len(code) or not code[after].is_mark("="):
        return False
    last = next((c for c in _chains(code[after + 1 :]) if c.first == 0), None)
    return last is not None and "catalog" in last.names[-1]


def _of_catalogs(code: Sequence[SqlToken], at: int) -> bool:
    if at >= 2 and code[at].is_mark(")"):
        at -= 2
    return code[at].kind in (TokenKind.WORD, TokenKind.NAME) and "catalog" in code[at].value.casefold()
