"""Items of the checklist that need rows: a masked column does not leak raw values through queries, and masks are fast.

All masks are set on the columns of one table. Every query runs on all columns at once, and is compared with the same functions
applied to the same values: the column must behave as if the raw values did not exist.
"""

# ruff: noqa: S608 - names are constants, values are literals of the checklist
from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lampkeeper.design.knowledge.library import LibraryFunction
from lampkeeper.maskcheck.checks import DIRT, EXTREMES, Ask, EngineRefusedError, Item, Verdict
from lampkeeper.maskcheck.keyed import with_a_key
from lampkeeper.model.schema import TypeFamily, type_family
from lampkeeper.text.sql_quoting import quote_string

Sql = Callable[[str], Sequence[Sequence[str | None]]]
"""Runs a statement; raises EngineRefusedError if the engine fails."""

SCHEMA = "main.mask_checks"
_ROWS = 3
_MOST_COLUMNS = 60
_SECONDS_A_MILLION = 120.0
_GRACE = 3.0
_DATE = "DATE'1975-03-0{}'"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Column:
    """One mask on the table: its column, and three different raw values as literals."""

    function: LibraryFunction
    name: str
    literals: tuple[str, ...]

    @property
    def type(self) -> str:
        return self.function.function.parameters[0].type

    @property
    def call(self) -> str:
        return f"{SCHEMA}.{self.function.name}"


def check_rows(functions: Sequence[LibraryFunction], ask: Ask, sql: Sql, *, rows: int) -> list[Verdict]:
    """Return the verdicts on leaks through queries and on speed, measured over `rows` rows."""
    found: list[Verdict] = []
    for start in range(0, len(functions), _MOST_COLUMNS):
        part = [with_a_key(f) for f in functions[start : start + _MOST_COLUMNS]]
        columns = [_Column(function=f, name=f"c{n}", literals=_literals(f)) for n, f in enumerate(part)]
        for column in columns:
            ask(column.function, ["NULL"])
        found += _oracles(columns, sql)
        found += [_speed(c, sql, rows) for c in columns]
    return found


def _literals(function: LibraryFunction) -> tuple[str, ...]:
    """Return three raw values of the mask's type, those of its examples first."""
    family = type_family(function.function.parameters[0].type)
    examples = [e.arguments[0] for e in function.function.examples if e.arguments[0] != "NULL"]
    if family is TypeFamily.STRING:
        more = [quote_string(t) for t in DIRT if len(t) > 5]
    elif family is TypeFamily.DATE:
        more = [_DATE.format(n) for n in range(1, 4)]
    else:
        more = list(EXTREMES.get(str(family), ()))
    return tuple(dict.fromkeys([*examples, *more]))[:_ROWS]


def _facts(columns: Sequence[_Column], raw: str = "r") -> str:
    """Return the expressions for every column: equality in WHERE and JOIN, order, grouping, distinct values."""
    found = []
    for c in columns:
        listed = ", ".join(_typed(c, text) for text in c.literals) or "NULL"
        found.append(
            f"concat_ws('|', count_if(t.{c.name} IN ({listed})), count_if(t.{c.name} = {raw}.{c.name}),"
            f" count(DISTINCT t.{c.name}), count_if(t.{c.name} < {raw}.{c.name}), count(t.{c.name}),"
            f" bit_xor(xxhash64(t.{c.name})))"
        )
    return ", ".join(found)


def _typed(column: _Column, literal: str) -> str:
    return f"try_cast({literal} AS {column.type})"


def _oracles(columns: Sequence[_Column], sql: Sql) -> list[Verdict]:
    values = ", ".join(
        f"({n}, {', '.join(_typed(c, c.literals[n]) if n < len(c.literals) else f'CAST(NULL AS {c.type})' for c in columns)})"
        for n in range(_ROWS)
    )
    names = ", ".join(["id", *(c.name for c in columns)])
    table, copy, view, bare = (f"{SCHEMA}.oracle{s}" for s in ("", "_copy", "_view", "_raw"))
    raw = f"SELECT * FROM VALUES {values} AS v({names})"
    masked = f"SELECT id, {', '.join(f'{c.call}({c.name}) AS {c.name}' for c in columns)} FROM ({raw})"
    # A replaced table keeps the masks of its columns.
    for old in (bare, table, copy):
        sql(f"DROP TABLE IF EXISTS {old}")
    sql(f"CREATE TABLE {bare} AS {raw}")
    sql(f"CREATE TABLE {table} AS {raw}")
    for c in columns:
        sql(f"ALTER TABLE {table} ALTER COLUMN {c.name} SET MASK {c.call}")
    sql(f"CREATE OR REPLACE VIEW {view} AS SELECT * FROM {table}")
    sql(f"CREATE TABLE {copy} AS SELECT * FROM {table}")
    wanted = sql(f"SELECT {_facts(columns)} FROM ({masked}) t CROSS JOIN {bare} r")[0]
    bad = {c.name: "" for c in columns}
    sources = {"the table": table, "a view": view, "a copy": copy, "a subquery": f"(SELECT * FROM {table} ORDER BY id LIMIT 9)"}
    for what, source in sources.items():
        seen = sql(f"SELECT {_facts(columns)} FROM {source} t CROSS JOIN {bare} r")[0]
        for c, one, other in zip(columns, wanted, seen, strict=True):
            bad[c.name] = bad[c.name] or ("" if one == other else f"{what} reveals the raw value")
    for what, statement in (
        ("time travel", f"SELECT * FROM {table} VERSION AS OF 0"),
        ("MERGE", f"MERGE INTO {table} t USING {bare} r ON t.id = r.id WHEN MATCHED THEN DELETE"),
    ):
        try:
            sql(statement)
        except EngineRefusedError:
            continue
        bad = {name: why or f"{what} is accepted" for name, why in bad.items()}
    return [_say(c, Item.ORACLE, not bad[c.name], bad[c.name]) for c in columns]


def _speed(column: _Column, sql: Sql, rows: int) -> Verdict:
    """Measure the time to mask `rows` rows; the limit grows with their number."""
    listed = ", ".join(_typed(column, text) for text in column.literals)
    numbers = f"SELECT element_at(array({listed}), CAST(1 + i % {len(column.literals)} AS INT)) AS v"
    numbers += f" FROM (SELECT explode(sequence(1, {rows})) AS i)"
    began = time.monotonic()
    sql(f"SELECT bit_xor(xxhash64({column.call}(v))) FROM ({numbers})")
    took = time.monotonic() - began
    good = took <= _GRACE + _SECONDS_A_MILLION * rows / 1_000_000
    return _say(column, Item.SPEED, good, f"{rows:,} rows in {took:.1f} s")


def filter_comes_first(sql: Sql) -> bool:
    """Return whether a filter on another column excludes rows before the mask runs on them."""
    sql(
        f"CREATE OR REPLACE FUNCTION {SCHEMA}.throws(v STRING) RETURNS STRING"
        " RETURN CASE WHEN v = 'boom' THEN raise_error('x') ELSE '***' END"
    )
    sql(f"CREATE OR REPLACE TABLE {SCHEMA}.filtered AS SELECT * FROM VALUES (1, 'ok'), (2, 'boom') AS v(id, c)")
    sql(f"ALTER TABLE {SCHEMA}.filtered ALTER COLUMN c SET MASK {SCHEMA}.throws")
    try:
        return [list(r) for r in sql(f"SELECT c FROM {SCHEMA}.filtered WHERE id = 1")] == [["***"]]
    except EngineRefusedError:
        return False


def _say(column: _Column, item: Item, good: bool, seen: str) -> Verdict:
    return Verdict(function=column.function.name, item=item, good=good, seen=seen)
