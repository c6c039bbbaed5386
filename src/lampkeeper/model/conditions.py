"""Tag conditions of ABAC policies: a tree, its canonical spelling, and a parser for all accepted spellings.

Grammar (source: platform docs, ABAC policies): `has_tag(k)`, `has_tag_value(k, v)`, `has_column_tag(k)`,
`has_column_tag_value(k, v)` with AND, OR, NOT and parentheses. The older camel case (`hasTag`, `hasTagValue`) is read too.
Inside MATCH COLUMNS, `has_tag*` tests the column's own tags; in WHEN those of the table, including inherited ones.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from lampkeeper.model.errors import UsageError
from lampkeeper.text.sql_lexer import SqlToken, TokenKind, scan_sql
from lampkeeper.text.sql_quoting import quote_string


class ConditionError(UsageError):
    """A condition that does not parse; the message gives the position, from 1."""


@dataclass(frozen=True, slots=True)
class HasTag:
    """The entity has the tag, with any value."""

    key: str

    def __str__(self) -> str:
        """Return the platform's spelling."""
        return f"has_tag({quote_string(self.key)})"


@dataclass(frozen=True, slots=True)
class HasTagValue:
    """The entity has the tag with this value."""

    key: str
    value: str

    def __str__(self) -> str:
        """Return the platform's spelling."""
        return f"has_tag_value({quote_string(self.key)}, {quote_string(self.value)})"


@dataclass(frozen=True, slots=True)
class Not:
    """Negation."""

    part: Condition

    def __str__(self) -> str:
        """Return the platform's spelling."""
        return f"NOT {_grouped(self.part)}"


@dataclass(frozen=True, slots=True)
class And:
    """Conjunction of two or more parts."""

    parts: tuple[Condition, ...]

    def __str__(self) -> str:
        """Return the platform's spelling."""
        return " AND ".join(_grouped(p) for p in self.parts)


@dataclass(frozen=True, slots=True)
class Or:
    """Disjunction of two or more parts."""

    parts: tuple[Condition, ...]

    def __str__(self) -> str:
        """Return the platform's spelling."""
        return " OR ".join(_grouped(p) for p in self.parts)


Condition = HasTag | HasTagValue | Not | And | Or


def _grouped(part: Condition) -> str:
    return f"({part})" if isinstance(part, And | Or) else str(part)


def any_of(parts: tuple[Condition, ...]) -> Condition:
    """Return the disjunction of one or more parts."""
    return parts[0] if len(parts) == 1 else Or(parts)


def matches(condition: Condition, tags: Mapping[str, str]) -> bool:
    """Return whether an entity with these tags (key to value; case-sensitive) satisfies the condition."""
    match condition:
        case HasTag(key):
            return key in tags
        case HasTagValue(key, value):
            return tags.get(key) == value
        case Not(part):
            return not matches(part, tags)
        case And(parts):
            return all(matches(p, tags) for p in parts)
        case Or(parts):
            return any(matches(p, tags) for p in parts)


def negated_keys(condition: Condition | None, *, under_not: bool = False) -> frozenset[str]:
    """Return the tag keys whose presence can make the condition false: those under an odd number of NOTs."""
    match condition:
        case HasTag(key) | HasTagValue(key, _):
            return frozenset({key}) if under_not else frozenset()
        case Not(part):
            return negated_keys(part, under_not=not under_not)
        case And(parts) | Or(parts):
            return frozenset().union(*(negated_keys(p, under_not=under_not) for p in parts))
    return frozenset()


def tag_references(condition: Condition) -> Iterator[tuple[str, str | None]]:
    """Yield every (key, value or None) that the condition names."""
    match condition:
        case HasTag(key):
            yield key, None
        case HasTagValue(key, value):
            yield key, value
        case Not(part):
            yield from tag_references(part)
        case And(parts) | Or(parts):
            for part in parts:
                yield from tag_references(part)


_FUNCTIONS = {
    "has_tag": 1, "hastag": 1, "has_column_tag": 1, "hascolumntag": 1,
    "has_tag_value": 2, "hastagvalue": 2, "has_column_tag_value": 2, "hascolumntagvalue": 2,
}  # fmt: skip


def parse_condition(text: str) -> Condition:
    """Parse a condition; raise ConditionError with the position of an error."""
    parser = _Parser(text)
    tree = parser.disjunction()
    parser.end()
    return tree


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        scan = scan_sql(text)
        self._tokens = scan.tokens
        unread = [t.start for t in self._tokens if not _readable(t)] + ([scan.error.offset] if scan.error is not None else [])
        if unread:
            at = min(unread)
            raise ConditionError(f"condition, position {at + 1}: cannot read {text[at : at + 12]!r}")
        self._index = 0

    def disjunction(self) -> Condition:
        parts = [self._conjunction()]
        while self._word("OR"):
            parts.append(self._conjunction())
        return parts[0] if len(parts) == 1 else Or(tuple(parts))

    def end(self) -> None:
        if self._index < len(self._tokens):
            token = self._tokens[self._index]
            raise ConditionError(f"{_location(token)}: unexpected {token.value!r}", fix="join tests with AND or OR")

    def _conjunction(self) -> Condition:
        parts = [self._negation()]
        while self._word("AND"):
            parts.append(self._negation())
        return parts[0] if len(parts) == 1 else And(tuple(parts))

    def _negation(self) -> Condition:
        if self._word("NOT"):
            return Not(self._negation())
        if self._punct("("):
            inner = self.disjunction()
            self._require(")")
            return inner
        return self._test()

    def _test(self) -> Condition:
        name = self._peek()
        arity = _FUNCTIONS.get(name.text.lower()) if name.kind is TokenKind.WORD else None
        if arity is None:
            raise ConditionError(
                f"{_location(name)}: expected a tag test, found {name.value!r}",
                fix="use has_tag('key') or has_tag_value('key', 'value')",
            )
        self._index += 1
        self._require("(")
        arguments = [self._string()]
        while self._punct(","):
            arguments.append(self._string())
        self._require(")")
        if len(arguments) != arity:
            raise ConditionError(f"{_location(name)}: {name.text} takes {arity} argument(s), not {len(arguments)}")
        return HasTag(arguments[0]) if arity == 1 else HasTagValue(arguments[0], arguments[1])

    def _peek(self) -> SqlToken:
        if self._index < len(self._tokens):
            return self._tokens[self._index]
        raise ConditionError(f"condition, position {len(self._text) + 1}: unexpected end")

    def _word(self, word: str) -> bool:
        found = self._index < len(self._tokens) and self._tokens[self._index].is_word(word)
        self._index += found
        return found

    def _punct(self, char: str) -> bool:
        found = self._index < len(self._tokens) and self._tokens[self._index].is_mark(char)
        self._index += found
        return found

    def _require(self, char: str) -> None:
        token = self._peek()
        if not self._punct(char):
            raise ConditionError(f"{_location(token)}: expected {char!r}, found {token.value!r}")

    def _string(self) -> str:
        token = self._peek()
        if token.kind is not TokenKind.STRING:
            raise ConditionError(f"{_location(token)}: expected a quoted string, found {token.value!r}")
        self._index += 1
        return token.value


def _readable(token: SqlToken) -> bool:
    return token.kind in (TokenKind.WORD, TokenKind.STRING) or token.text in ("(", ")", ",")


def _location(token: SqlToken) -> str:
    return f"condition, position {token.start + 1}"
