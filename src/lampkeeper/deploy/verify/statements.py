"""Questions about tables as SQL: one statement asks one or several, and its rows are read back into their answers.

Each question becomes a list of texts per row, one for each column and expected mask. The rows of all tables go into one
aggregation, which counts and hashes them by their place in the list. So a statement is short: the functions of a digest stand in
it once, not once per column.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from lampkeeper.model.access import FunctionUse
from lampkeeper.model.errors import InternalError
from lampkeeper.model.names import ColumnName, TableName

SALT = "salt"
"""Name of the query parameter with the salt of all digests; each run has a new salt."""

Row = Sequence[str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """One result of a column: through a mask (or none), over the rows of a filter (or all)."""

    column: ColumnName
    mask: FunctionUse | None = None
    row_filter: FunctionUse | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """The number of distinct values of a variant."""

    variant: Variant


class Also(StrEnum):
    """The part of a query that is not about the table: the date, if masks depend on it."""

    TODAY = "today"


Answer = Variant | Spread | Also | FunctionUse | None
"""A column of a query's result: a digest, a number of distinct values, the date, or the row count of a filter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Branch:
    """The rows that a filter keeps (all without one): `texts` are expressions of type STRING, `variants` their meanings."""

    row_filter: FunctionUse | None
    condition: str
    texts: tuple[str, ...]
    variants: tuple[Variant, ...]

    def sql(self, number: int, table: TableName) -> str:
        """Return the query whose rows are (number, place, text); place 0 counts the rows, variants follow from 1."""
        texts = ", ".join(("''", *self.texts))
        where = f" WHERE {self.condition}" if self.condition else ""
        return f"SELECT {number} AS b, posexplode(array({texts})) AS (p, v) FROM {table.sql}{where}"  # noqa: S608 - names quoted


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked about one table; a wide table has several `part`s.

    `spreads`: variants whose distinct values are counted. `dated`: the date is asked too.
    """

    table: TableName
    part: int
    branches: tuple[Branch, ...]
    spreads: tuple[Spread, ...] = ()
    dated: bool = False

    @property
    def key(self) -> tuple[TableName, int]:
        """Return the table and the part, which identify the question among those to one principal."""
        return (self.table, self.part)

    @property
    def answers(self) -> tuple[Answer, ...]:
        """Return the meaning of each answer: row counts, digests, numbers of distinct values, the date."""
        today = (Also.TODAY,) if self.dated else ()
        variants = [v for b in self.branches for v in b.variants]
        return (*(b.row_filter for b in self.branches), *variants, *self.spreads, *today)

    @property
    def length(self) -> int:
        """Return the number of characters of the expressions."""
        return sum(len(text) for b in self.branches for text in (b.condition, *b.texts))


def statement(questions: Sequence[Question]) -> str:
    """Return the statement that asks these questions."""
    numbered = list(_numbered(questions))
    columns = ["b", "p", "count(v)", f"coalesce(sum(CAST(xxhash64(:{SALT}, v) AS DECIMAL(20,0))), 0)"]
    spread = _spread_places(questions)
    if spread:
        columns.append(f"count(DISTINCT v) FILTER (WHERE {' OR '.join(f'b = {b} AND p = {p}' for b, p in spread)})")
    if any(q.dated for q in questions):
        columns.append("CAST(current_date() AS STRING)")
    rows = " UNION ALL ".join(branch.sql(number, question.table) for number, question, branch in numbered)
    return f"SELECT {', '.join(columns)} FROM ({rows}) GROUP BY b, p"  # noqa: S608 - every name is quoted, every value a literal


def read_statement(questions: Sequence[Question], rows: Sequence[Row]) -> Iterator[tuple[Question, Row]]:
    """Yield each question with its answers, in the order of `answers`.

    A place without a row has an empty table, or a filter that keeps no row. Raise InternalError for a row that nothing asked for.
    """
    found = {(int(row[0] or 0), int(row[1] or 0)): row for row in rows}
    places = {(number, place) for number, _, branch in _numbered(questions) for place in range(len(branch.variants) + 1)}
    if len(found) != len(rows) or not found.keys() <= places:
        raise InternalError(f"{len(rows)} rows answer {len(places)} places")
    spread = bool(_spread_places(questions))
    first = 0
    for question in questions:
        values: dict[Answer, str | None] = {}
        for number, branch in enumerate(question.branches, start=first):
            for place, variant in enumerate((branch.row_filter, *branch.variants)):
                row = found.get((number, place))
                count, total = ("0", "0") if row is None else (row[2] or "0", row[3] or "0")
                values[variant] = f"{count}:{total}" if place else count
                if isinstance(variant, Variant) and spread:
                    values[Spread(variant=variant)] = "0" if row is None else row[4]
        first += len(question.branches)
        if question.dated:
            values[Also.TODAY] = next((row[-1] for row in rows), None)
        yield question, [values[a] for a in question.answers]


def _numbered(questions: Sequence[Question]) -> Iterator[tuple[int, Question, Branch]]:
    """Yield the branches of all questions, numbered from 0."""
    for number, (question, branch) in enumerate((q, b) for q in questions for b in q.branches):
        yield number, question, branch


def _spread_places(questions: Sequence[Question]) -> list[tuple[int, int]]:
    return [
        (number, place)
        for number, question, branch in _numbered(questions)
        for place, variant in enumerate(branch.variants, start=1)
        if Spread(variant=variant) in question.spreads
    ]
