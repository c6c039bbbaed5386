"""The two questions of the verification about a table: what a principal gets, and what it should get.

The answers are digests, never values: per column the number of values that are not null, and the sum of a salted 64-bit hash
over all rows, which does not depend on the order of rows and counts duplicates. A principal that sees everything raw is asked
the reference question, which contains the bodies of the expected masks and row filters from the desired state: so a function
that was replaced in the catalog is not compared with itself.

A keyed mask is computed with a random key, because the query history would store the environment's key. Its digests then
differ from those of the real key; the numbers of values that are not null and of distinct values do not.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from lampkeeper.deploy.verify.statements import Also, Branch, Question, Spread, Variant
from lampkeeper.model.access import FunctionUse
from lampkeeper.model.errors import InternalError, UsageError
from lampkeeper.model.masks import Function, unquoted
from lampkeeper.model.names import ColumnName, FunctionName, TableName
from lampkeeper.model.schema import Column, Table
from lampkeeper.text.sql_lexer import SqlTextError, TokenKind, sql_tokens
from lampkeeper.text.sql_quoting import quote_identifier, quote_string

COLUMNS_PER_QUERY = 250
"""Tables with more columns take several queries, so that the engine's plan stays small."""

_JSON_TYPES = re.compile(r"\s*(array|map|struct|variant|object)\b", re.IGNORECASE)
_BINARY = re.compile(r"\s*binary\b", re.IGNORECASE)
_ASKS_WHO = re.compile(
    r"\b(current_user|session_user)\b|\b(is_account_group_member|is_member|current_recipient|user) ?\(", re.IGNORECASE
)
_CHANGES = re.compile(
    r"\b(current_timestamp|localtimestamp)\b|\bunix_timestamp ?\( ?\)"
    r"|\b(rand|randn|random|randstr|uniform|uuid|now|shuffle|secret|try_secret|monotonically_increasing_id) ?\(",
    re.IGNORECASE,
)
_DAILY = re.compile(r"\b(current_date|curdate)\b", re.IGNORECASE)
_CALLS = re.compile(r"((?:\w+ ?\. ?)+)(\w+) ?\(")
_OWN = frozenset({"builtin", "system.builtin"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """The result of a principal on a table: the row count, one digest per column, and the spread of some columns."""

    rows: int
    digests: Mapping[ColumnName, str]
    spreads: Mapping[ColumnName, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """The expected results: row counts by filter, one digest per variant, the spread of the keyed ones."""

    rows: Mapping[FunctionUse | None, int]
    digests: Mapping[Variant, str]
    spreads: Mapping[Variant, int] = field(default_factory=dict)


def probe_questions(table: Table, spread: Iterable[ColumnName] = (), *, dated: bool = False) -> tuple[Question, ...]:
    """Return the query (several for a very wide table) that every principal runs on the table.

    `spread` are the columns whose distinct values are counted too; `dated` adds the date.
    """
    wanted = set(spread)
    variants = [Variant(column=c) for c in table.column_names()]
    return tuple(
        _question(table, number, part, (None,), {}, [Spread(variant=v) for v in part if v.column in wanted], dated=dated)
        for number, part in enumerate(_parts(variants))
    )


def reference_questions(
    table: Table,
    variants: Iterable[Variant],
    filters: Iterable[FunctionUse | None],
    functions: Mapping[FunctionName, Function],
    keyed: Collection[FunctionName] = (),
    *,
    dated: bool = False,
) -> tuple[Question, ...]:
    """Return the query (or queries) that the reference principal runs; `functions` are the desired ones.

    A column with a `keyed` mask also gets its spread; `dated` adds the date.
    """
    wanted = sorted(set(variants), key=lambda v: (v.column, repr(v.mask), repr(v.row_filter)))
    rows = sorted({None, *filters}, key=repr)
    return tuple(
        _question(
            table, number, part, rows, functions,
            [Spread(variant=v) for v in part if v.mask is not None and v.mask.function in keyed], dated=dated,
        )
        for number, part in enumerate(_parts(wanted))
    )  # fmt: skip


def read_probe(questions: Sequence[Question], rows: Sequence[Sequence[str | None]]) -> Reading:
    """Combine the results of `probe_questions`."""
    found = read_reference(questions, rows)
    return Reading(
        rows=found.rows[None],
        digests={v.column: d for v, d in found.digests.items()},
        spreads={v.column: n for v, n in found.spreads.items()},
    )


def read_reference(questions: Sequence[Question], rows: Sequence[Sequence[str | None]]) -> Reference:
    """Combine the results of `reference_questions`."""
    counts: dict[FunctionUse | None, int] = {}
    digests: dict[Variant, str] = {}
    spreads: dict[Variant, int] = {}
    for question, row in zip(questions, rows, strict=True):
        for answer, value in zip(question.answers, row, strict=True):
            if isinstance(answer, Variant):
                digests[answer] = value or ""
            elif isinstance(answer, Spread):
                spreads[answer.variant] = int(value or 0)
            elif not isinstance(answer, Also):
                counts[answer] = int(value or 0)
    return Reference(rows=counts, digests=digests, spreads=spreads)


def days(questions: Sequence[Question], rows: Sequence[Sequence[str | None]]) -> set[str]:
    """Return the dates of the results that include one."""
    return {
        str(value)
        for question, row in zip(questions, rows, strict=True)
        for answer, value in zip(question.answers, row, strict=True)
        if answer is Also.TODAY
    }


def changes_daily(function: Function) -> bool:
    """Return whether a function's results depend on the date."""
    return _DAILY.search(unquoted(function.body)) is not None


def why_not_comparable(function: Function, functions: Mapping[FunctionName, Function] | None = None) -> str:
    """Return why another principal cannot compute a function's results at another time; empty if it can.

    Functions that it calls must be among the desired `functions`, which are compared themselves: any other could be replaced for
    both sides of the comparison.
    """
    known = {tuple(part.casefold() for part in (n.catalog, n.schema, n.function)): f for n, f in (functions or {}).items()}
    waiting, seen = [function], {function.name}
    while waiting:
        text = unquoted(waiting.pop().body)
        if _ASKS_WHO.search(text):
            return "its result depends on the principal"
        if _CHANGES.search(text):
            return "its result differs from call to call"
        for call in _CALLS.finditer(text):
            path = (*(p.strip().casefold() for p in call.group(1).split(".") if p.strip()), call.group(2).casefold())
            if ".".join(path[:-1]) in _OWN:
                continue
            called = known.get(path)
            if called is None:
                return f"its body calls {'.'.join(path)}, which is not in the desired state"
            if called.name not in seen:
                seen.add(called.name)
                waiting.append(called)
    return ""


def _parts(variants: Sequence[Variant]) -> Iterable[Sequence[Variant]]:
    for start in range(0, max(len(variants), 1), COLUMNS_PER_QUERY):
        yield variants[start : start + COLUMNS_PER_QUERY]


def _question(
    table: Table,
    number: int,
    variants: Sequence[Variant],
    filters: Sequence[FunctionUse | None],
    functions: Mapping[FunctionName, Function],
    spreads: Sequence[Spread],
    *,
    dated: bool,
) -> Question:
    columns = dict(zip(table.column_names(), table.columns, strict=True))
    branches = []
    for row_filter in filters:
        mine = [v for v in variants if v.row_filter == row_filter]
        texts = tuple(_text(_value(v, functions, columns), columns[v.column]) for v in mine)
        condition = "" if row_filter is None else apply_function(row_filter, functions, "BOOLEAN")
        branches.append(Branch(row_filter=row_filter, condition=condition, texts=texts, variants=tuple(mine)))
    return Question(table=table.name, part=number, branches=tuple(branches), spreads=tuple(spreads), dated=dated)


def _value(variant: Variant, functions: Mapping[FunctionName, Function], columns: Mapping[ColumnName, Column]) -> str:
    if variant.mask is None:
        return quote_identifier(variant.column.column)
    return apply_function(variant.mask, functions, columns[variant.column].type)


def _text(value: str, column: Column) -> str:
    """Return the expression of the text that is hashed."""
    if _JSON_TYPES.match(column.type):
        return f"to_json({value})"
    return f"hex({value})" if _BINARY.match(column.type) else f"CAST({value} AS STRING)"


def apply_function(use: FunctionUse, functions: Mapping[FunctionName, Function], returns: str) -> str:
    """Return the SQL expression of a function's body with its arguments, cast as the platform casts it."""
    function = functions.get(use.function)
    if function is None:
        raise UsageError(f"function {use.function} of policy {use.policy!r} is not in the desired state")
    arguments = [quote_identifier(a.column) if isinstance(a, ColumnName) else quote_string(a) for a in use.arguments]
    if len(arguments) != len(function.parameters):
        raise UsageError(
            f"policy {use.policy!r} gives {use.function} {len(arguments)} argument(s), it takes {len(function.parameters)}"
        )
    typed = {p.name.casefold(): f"CAST({a} AS {p.type})" for p, a in zip(function.parameters, arguments, strict=True)}
    body = splice(function.body, typed)
    inner = f"CAST((\n{body}\n) AS {function.returns})"
    return inner if function.returns.casefold() == returns.casefold() else f"CAST({inner} AS {returns})"


def splice(body: str, arguments: Mapping[str, str]) -> str:
    """Replace parameters (casefolded names) in a SQL expression by expressions, except in strings, types and calls."""
    try:
        tokens = [t for t in sql_tokens(body) if t.kind is not TokenKind.COMMENT]
    except SqlTextError as error:
        raise UsageError(f"a function body cannot be read as SQL: {body[:60]!r}: {error}", fix="correct it") from None
    pieces: list[str] = []
    position = 0
    for index, token in enumerate(tokens):
        name = token.value.casefold()
        if token.kind not in (TokenKind.WORD, TokenKind.NAME) or name not in arguments:
            continue
        before = tokens[index - 1].text.casefold() if index else ""
        after = "".join(t.text for t in tokens[index + 1 : index + 3])
        if before in (".", "as") or after.startswith(("(", "->", "'", '"')):
            continue
        pieces += [body[position : token.start], arguments[name]]
        position = token.end
    return "".join([*pieces, body[position:]])


def table_of(tables: Mapping[TableName, Table], name: TableName) -> Table:
    """Return the table of a name in the access model."""
    if name not in tables:
        raise InternalError(f"table {name} is in the access model but not among the tables to verify")
    return tables[name]
