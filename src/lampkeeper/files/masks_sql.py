"""`masking_functions.sql`: functions as text and back, without loss.

    USE CATALOG dev_fin;
    USE SCHEMA lampkeeper;

    -- role: mask
    -- example: 'ana@bank.example' -> 'a***@bank.example'
    CREATE OR REPLACE FUNCTION mask_email(email STRING)
    RETURNS STRING
    COMMENT '...'
    RETURN ...;

Files written by hand may omit the two comment lines, qualify the names, and order the clauses differently.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from lampkeeper.files.text import location_of
from lampkeeper.model.errors import UsageError
from lampkeeper.model.masks import Function, FunctionExample, FunctionRole, Parameter
from lampkeeper.model.names import FunctionName, write_name
from lampkeeper.text.sql_lexer import SqlTextError, SqlToken, TokenKind, sql_tokens
from lampkeeper.text.sql_quoting import quote_string

_HEADER = """\
-- Masking functions and row filters of one environment. Statements end with a semicolon; USE CATALOG and USE SCHEMA apply
-- to the statements after them. `-- role:` and `-- example:` lines before a function belong to it.
"""
_SAYS_NOTHING = ("DETERMINISTIC", "CONTAINS")
_CLAUSES = ("RETURNS", "RETURN", "COMMENT", "LANGUAGE", "NOT", "READS", "SQL", *_SAYS_NOTHING)


def render_masks_sql(functions: Iterable[Function]) -> str:
    """Return the file's text, functions sorted by name.

    Raise UsageError for a function that would not read back unchanged, such as one with an unclosed string in its body.
    """
    parts = [_HEADER]
    home: tuple[str, str] | None = None
    for function in sorted(functions, key=lambda f: f.name):
        here = (function.name.catalog, function.name.schema)
        if here != home:
            parts.append(f"\nUSE CATALOG {write_name(here[0])};\nUSE SCHEMA {write_name(here[1])};\n")
            home = here
        text = _render(function)
        context = f"USE CATALOG {write_name(here[0])}; USE SCHEMA {write_name(here[1])};"
        try:
            faithful = read_masks_sql(context + text, str(function.name)) == (function,)
        except UsageError:
            faithful = False
        if not faithful:
            raise UsageError(
                f"function {function.name} cannot be written as SQL text that reads back unchanged",
                fix="check its body, types and examples for unclosed quotes, unclosed comments or a semicolon",
            )
        parts.append(text)
    return "".join(parts)


def with_functions(text: str, functions: Iterable[Function]) -> str:
    """Return a file's text with further functions at its end; the bytes before them stay as they are."""
    added = tuple(functions)
    if not added:
        return text
    gap = "" if not text or text.endswith("\n") else "\n"
    return text + gap + render_masks_sql(added).removeprefix(_HEADER) if text.strip() else render_masks_sql(added)


def _render(function: Function) -> str:
    lines = ["", f"-- role: {function.role}"]
    lines += [f"-- example: {', '.join(e.arguments)} -> {e.returns}" for e in function.examples]
    parameters = ", ".join(f"{write_name(p.name)} {p.type}" for p in function.parameters)
    lines += [f"CREATE OR REPLACE FUNCTION {write_name(function.name.function)}({parameters})", f"RETURNS {function.returns}"]
    if function.comment:
        lines.append(f"COMMENT {quote_string(function.comment)}")
    # A semicolon after a line comment would belong to the comment.
    end = "\n;" if "--" in function.body.rsplit("\n", 1)[-1] else ";"
    return "\n".join(lines) + f"\nRETURN {function.body}{end}\n"


def read_masks_sql(text: str, path: Path | str) -> tuple[Function, ...]:
    """Return the functions of a file, sorted by name; raise UsageError with file, line and column of an error.

    Two equal definitions of a function count as one; two different ones are an error.
    """
    found: dict[FunctionName, Function] = {}
    catalog = schema = ""
    for statement in _statements(text, str(path)):
        if statement.take_words("USE"):
            catalog, schema = _home(statement, catalog)
            continue
        function, start = _function(statement, catalog, schema)
        if found.setdefault(function.name, function) != function:
            raise _twice(function, path, text, start)
    return tuple(found[name] for name in sorted(found))


@dataclass(frozen=True, slots=True, kw_only=True)
class MasksRead:
    """The readable part of a file: its functions, all errors, and stand-ins for the functions with errors.

    A stand-in has the name and the parameters of such a function and returns NULL; `whole` is false if a statement with an
    error has no readable name.
    """

    functions: tuple[Function, ...]
    errors: tuple[UsageError, ...]
    stand_ins: tuple[Function, ...]
    whole: bool


def survey_masks_sql(text: str, path: Path | str) -> MasksRead:
    """Read a file like `read_masks_sql`, but continue after an error."""
    found: dict[FunctionName, Function] = {}
    stand_ins: dict[FunctionName, Function] = {}
    errors: list[UsageError] = []
    catalog = schema = ""
    whole = True
    try:
        statements = list(_statements(text, str(path)))
    except UsageError as error:
        return MasksRead(functions=(), errors=(error,), stand_ins=(), whole=False)
    for statement in statements:
        try:
            if statement.take_words("USE"):
                catalog, schema = _home(statement, catalog)
                continue
            function, start = _function(statement, catalog, schema)
            if found.setdefault(function.name, function) != function:
                errors.append(_twice(function, path, text, start))
        except UsageError as error:
            errors.append(error)
            known = _stand_in(statement.again(), catalog, schema)
            whole = whole and known is not None
            if known is not None:
                stand_ins[known.name] = known
    return MasksRead(
        functions=tuple(found[name] for name in sorted(found)), errors=tuple(errors), whole=whole,
        stand_ins=tuple(stand_ins[name] for name in sorted(stand_ins) if name not in found),
    )  # fmt: skip


def _stand_in(statement: _Statement, catalog: str, schema: str) -> Function | None:
    """Return a stand-in with the name, parameters and type from a statement with an error; None without a name."""
    try:
        statement.take_words("CREATE")
        statement.take_words("OR", "REPLACE")
        if not statement.take_words("FUNCTION"):
            return None
        statement.take_words("IF", "NOT", "EXISTS")
        parts = statement.dotted()
        full = (*(catalog, schema)[: 3 - len(parts)], *parts)
        if len(full) != 3 or not all(full):
            return None
        parameters = tuple(statement.parameters())
    except UsageError:
        return None
    returns = next((p.type for p in parameters), "STRING")
    filters = "filter" in full[-1].lower()
    return Function(
        name=FunctionName(*full), role=FunctionRole.FILTER if filters else FunctionRole.MASK, parameters=parameters,
        returns="BOOLEAN" if filters else returns, body="NULL",
    )  # fmt: skip


def _home(statement: _Statement, catalog: str) -> tuple[str, str]:
    """Return catalog and schema after a USE statement."""
    if statement.take_words("CATALOG"):
        return statement.only_name(), ""
    if statement.take_words("SCHEMA") or statement.take_words("DATABASE"):
        return catalog, statement.only_name()
    raise statement.error("expected CATALOG or SCHEMA after USE")


def _twice(function: Function, path: Path | str, text: str, start: int) -> UsageError:
    location = location_of(path, text, start)
    return UsageError(f"{location}: {function.name} is defined twice, differently", fix="keep one of them")


def _function(statement: _Statement, catalog: str, schema: str) -> tuple[Function, int]:
    start = statement.offset
    if not statement.take_words("CREATE"):
        raise statement.error("expected USE CATALOG, USE SCHEMA or CREATE FUNCTION")
    statement.take_words("OR", "REPLACE")
    if not statement.take_words("FUNCTION"):
        raise statement.error("expected FUNCTION", "this file creates functions only")
    statement.take_words("IF", "NOT", "EXISTS")
    parts = statement.dotted()
    full = (*(catalog, schema)[: 3 - len(parts)], *parts)
    if len(full) != 3 or not all(full):
        raise UsageError(
            f"{location_of(statement.path, statement.text, start)}: {write_name(*parts)} has no catalog and schema",
            fix="put USE CATALOG ...; USE SCHEMA ...; before it",
        )
    name = FunctionName(*full)
    parameters = tuple(statement.parameters())
    clauses = dict(statement.clauses())
    for wanted in ("RETURNS", "RETURN"):
        if not clauses.get(wanted):
            raise UsageError(f"{location_of(statement.path, statement.text, start)}: {name} has no {wanted} clause")
    role, examples = statement.notes()
    if role is None:
        looks_like_filter = clauses["RETURNS"].upper() == "BOOLEAN" and "filter" in name.function.lower()
        role = FunctionRole.FILTER if looks_like_filter else FunctionRole.MASK
    return (
        Function(
            name=name, role=role, parameters=parameters, returns=clauses["RETURNS"], body=clauses["RETURN"],
            comment=clauses.get("COMMENT", ""), examples=examples,
        ),
        start,
    )  # fmt: skip


def _tokens(text: str, path: str) -> tuple[SqlToken, ...]:
    """Return the tokens; raise UsageError with the location of a string, name or comment that never ends."""
    try:
        return sql_tokens(text)
    except SqlTextError as error:
        fix = f"end it with {error.close}" if error.close else "check quotes and comments"
        raise UsageError(f"{location_of(path, text, error.offset)}: {error}", fix=fix) from None


def _statements(text: str, path: str) -> Iterator[_Statement]:
    tokens: list[SqlToken] = []
    for token in _tokens(text, path):
        if not token.is_mark(";"):
            tokens.append(token)
            continue
        if any(t.kind is not TokenKind.COMMENT for t in tokens):
            yield _Statement(text, path, tokens, token.start)
            tokens = []
    if any(t.kind is not TokenKind.COMMENT for t in tokens):
        yield _Statement(text, path, tokens, len(text))


class _Statement:
    """A statement while it is read; comments before its first word are its notes."""

    def __init__(self, text: str, path: str, tokens: list[SqlToken], end: int) -> None:
        self.text, self.path, self._end = text, path, end
        first = next(i for i, t in enumerate(tokens) if t.kind is not TokenKind.COMMENT)
        self._notes = tokens[:first]
        self._tokens = [t for t in tokens[first:] if t.kind is not TokenKind.COMMENT]
        self._index = 0

    def again(self) -> _Statement:
        """Return to the first word."""
        self._index = 0
        return self

    @property
    def offset(self) -> int:
        token = self._peek()
        return token.start if token else self._end

    def error(self, message: str, fix: str = "") -> UsageError:
        token = self._peek()
        shown = repr(token.text[:30]) if token else "the end of the statement"
        return UsageError(f"{location_of(self.path, self.text, self.offset)}: {message}, found {shown}", fix=fix)

    def take_words(self, *words: str) -> bool:
        ahead = self._tokens[self._index : self._index + len(words)]
        found = len(ahead) == len(words) and all(t.is_word(w) for t, w in zip(ahead, words, strict=True))
        self._index += len(words) if found else 0
        return found

    def only_name(self) -> str:
        parts = self.dotted()
        if len(parts) != 1 or self._peek():
            raise self.error("expected one name and the end of the statement")
        return parts[0]

    def dotted(self) -> tuple[str, ...]:
        parts = [self._name()]
        while self._take_mark("."):
            parts.append(self._name())
        return tuple(parts)

    def parameters(self) -> Iterator[Parameter]:
        if not self._take_mark("("):
            raise self.error("expected ( and the parameters")
        while not self._take_mark(")"):
            name = self._name()
            kind = self._type(until=(",", ")"))
            yield Parameter(name=name, type=kind)
            if not self._take_mark(","):
                token = self._peek()
                if token is None or not token.is_mark(")"):
                    raise self.error(
                        "expected a comma or ) after a parameter", "DEFAULT and COMMENT of parameters are not supported"
                    )

    def clauses(self) -> Iterator[tuple[str, str]]:
        """Yield RETURNS, COMMENT and RETURN with their texts; skip clauses without effect on SQL functions."""
        while self._peek():
            if self.take_words("RETURNS"):
                yield "RETURNS", self._type(until=())
            elif self.take_words("COMMENT"):
                token = self._peek()
                if token is None or token.kind is not TokenKind.STRING:
                    raise self.error("expected a string after COMMENT")
                self._index += 1
                yield "COMMENT", token.value
            elif self.take_words("RETURN"):
                if not self._peek():
                    raise self.error("expected an expression after RETURN")
                after = self._tokens[self._index - 1].end
                self._index = len(self._tokens)
                yield "RETURN", self.text[after : self._end].strip()
            elif not (
                self.take_words("LANGUAGE", "SQL") or self.take_words("NOT", "DETERMINISTIC") or self.take_words("DETERMINISTIC")
                or self.take_words("CONTAINS", "SQL") or self.take_words("READS", "SQL", "DATA")
            ):  # fmt: skip
                raise self.error("expected RETURNS, COMMENT or RETURN")

    def notes(self) -> tuple[FunctionRole | None, tuple[FunctionExample, ...]]:
        """Return the role, if any, and the examples from the comment lines before the statement."""
        role: FunctionRole | None = None
        examples = []
        for token in self._notes:
            word, _, rest = token.text.removeprefix("--").strip().partition(":")
            if word == "role" and rest.strip() in tuple(FunctionRole):
                role = FunctionRole(rest.strip())
            elif word == "example":
                examples.append(self._example(rest, token))
        return role, tuple(examples)

    def _example(self, text: str, note: SqlToken) -> FunctionExample:
        try:
            return FunctionExample.parse(text)
        except UsageError as error:
            raise UsageError(f"{location_of(self.path, self.text, note.start)}: {error.message}", fix=error.fix) from None

    def _type(self, until: tuple[str, ...]) -> str:
        """Return the text of a type: words, and punctuation inside parentheses or angle brackets."""
        start = self.offset
        end, depth = start, 0
        while (token := self._peek()) is not None:
            if depth == 0 and (any(token.is_mark(m) for m in until) or token.is_word(*_CLAUSES)):
                break
            if token.text in ("(", "<"):
                depth += 1
            elif token.text in (")", ">"):
                depth -= 1
            elif depth == 0 and ((end > start and token.start > end) or token.kind is not TokenKind.WORD):
                break
            end = token.end
            self._index += 1
        if end == start:
            raise self.error("expected a type")
        return self.text[start:end]

    def _name(self) -> str:
        token = self._peek()
        if token is None or token.kind not in (TokenKind.WORD, TokenKind.NAME):
            raise self.error("expected a name")
        self._index += 1
        return token.value

    def _take_mark(self, mark: str) -> bool:
        token = self._peek()
        found = token is not None and token.is_mark(mark)
        self._index += found
        return found

    def _peek(self) -> SqlToken | None:
        return self._tokens[self._index] if self._index < len(self._tokens) else None
