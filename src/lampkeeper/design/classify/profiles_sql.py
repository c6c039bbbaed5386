"""Value profiles computed in the warehouse: one aggregate query per table, which returns only counts.

Check digits are arithmetic on character codes, never casts, so the query cannot fail on malformed text.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from lampkeeper.design.classify.profiles import ENOUGH, FEWEST, MOST, PLACEHOLDERS, Evidence, Profile, few, is_sure
from lampkeeper.design.knowledge.identifiers import SCHEMES, Scheme
from lampkeeper.design.knowledge.kinds import Kind, kind_of
from lampkeeper.design.knowledge.profiles_predicates import PREDICATES, TEXT_PREDICATES
from lampkeeper.design.knowledge.value_shapes import harmless_by
from lampkeeper.model.labels import LabelClass
from lampkeeper.model.schema import Column, Table, TypeFamily
from lampkeeper.text.sql_quoting import quote_identifier, quote_string

ROWS = 20_000
"""The number of rows that are read per table."""

_PROFILED = frozenset(
    {TypeFamily.STRING, TypeFamily.INTEGER, TypeFamily.DECIMAL, TypeFamily.DOUBLE, TypeFamily.DATE, TypeFamily.TIMESTAMP}
)
_FEW_CODES = 8
_SPAN, _EARLY_FROM, _EARLY_TO = 35, 1915, 1990
_SMALL_DOMAIN = frozenset({"blood group", "ICD-10 code"})
_SCHEMES: tuple[Scheme, ...] = tuple(s for s in SCHEMES if s.name in PREDICATES)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileQuery:
    """One statement for one table; a row of the result is about `columns[row.c]`, its counts are of the `tests` in order."""

    sql: str
    columns: tuple[Column, ...]
    tests: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueCounts:
    """The counts of a column's values: filled, distinct, and distinct ones that pass each test (by name)."""

    filled: int
    distinct: int
    passed: Mapping[str, int]
    wide_span: bool = False

    def share(self, test: str) -> float:
        """Return the share of the distinct values that pass a test."""
        return self.passed.get(test, 0) / self.distinct if self.distinct else 0.0


def is_countable(column: Column) -> bool:
    """Return whether the values of a column can be profiled: texts, numbers, dates."""
    return column.family in _PROFILED


def profile_query(
    table: Table, rows: int = ROWS, schemes: Sequence[Scheme] = (), only: Collection[str] | None = None
) -> ProfileQuery | None:
    """Return the query for a table, None if no column can be profiled; it also counts the `schemes` of overlays.

    `only` are the columns to profile; default: all.
    """
    columns = tuple(c for c in table.columns if is_countable(c) and (only is None or c.name in only))
    if not columns:
        return None
    cells = ", ".join(f"named_struct('c', {n}, 'v', CAST({quote_identifier(c.name)} AS STRING))" for n, c in enumerate(columns))
    names = ", ".join(quote_identifier(c.name) for c in columns)
    known = {_name(s): s.sql or PREDICATES[s.name] for s in _counted(schemes)} | dict(TEXT_PREDICATES)
    tests = ",\n  ".join(f"count_if(coalesce({sql}, FALSE)) AS {_alias(n)}" for n, sql in enumerate(known.values()))
    year = "CASE WHEN v RLIKE '^[0-9]{4}-[0-9]{2}-[0-9]{2}' THEN try_cast(substr(v, 1, 4) AS INT) END"
    none = ", ".join(quote_string(p) for p in PLACEHOLDERS)
    # The innermost query reads the table; after GROUP BY every distinct value is tested once.
    sql = (
        "SELECT c, sum(n) AS filled, count(*) AS different,\n"  # noqa: S608 - names quoted
        f"  coalesce(max({year}) - min({year}) >= {_SPAN}, FALSE) AS wide_span,\n  {tests}\n"
        "FROM (SELECT c, v, n, upper(v) AS u, regexp_replace(v, '[-./ ]', '') AS x,\n"
        "    regexp_replace(upper(v), '[ ]', '') AS g, regexp_replace(v, '[- ]', '') AS y\n"
        "  FROM (SELECT e.c AS c, trim(e.v) AS v, count(*) AS n\n"
        f"    FROM (SELECT explode(array({cells})) AS e FROM (SELECT {names} FROM {table.name.sql} LIMIT {rows}) AS t) AS s\n"
        f"    WHERE trim(e.v) <> '' AND lower(trim(e.v)) NOT IN ({none}) GROUP BY e.c, trim(e.v)) AS d) AS p\n"
        "GROUP BY c"
    )
    return ProfileQuery(sql=sql, columns=columns, tests=tuple(known))


def read_counts(query: ProfileQuery, rows: Sequence[Mapping[str, str | None]]) -> dict[str, ValueCounts]:
    """Return the counts by column name from the query's rows; a column without a row has no filled value."""
    found = {}
    for row in rows:
        column = query.columns[int(row["c"] or 0)]
        found[column.name] = ValueCounts(
            filled=int(row["filled"] or 0),
            distinct=int(row["different"] or 0),
            passed={name: int(row[_alias(n)] or 0) for n, name in enumerate(query.tests) if int(row[_alias(n)] or 0)},
            wide_span=str(row["wide_span"]).lower() == "true",
        )
    return found


def profile_counts(counts: ValueCounts, type_text: str, schemes: Sequence[Scheme] = ()) -> Profile | None:
    """Return the profile from counts, with the same thresholds as for sampled values; None if all values are empty.

    Of `schemes`, those of overlays are included if they were counted.
    """
    if not counts.distinct:
        return None
    kind = kind_of(type_text)
    evidence: list[Evidence] = []
    if counts.distinct >= ENOUGH:
        evidence += _scheme_evidence(counts, _counted(schemes))
        evidence += _birth_evidence(counts) if kind in (Kind.TEXT, Kind.ANY, Kind.DATE, Kind.TIME) else []
        evidence += _text_evidence(counts) if kind in (Kind.TEXT, Kind.ANY) else []
    elif counts.filled >= ENOUGH:
        evidence += _scheme_evidence(counts, [s for s in _SCHEMES if s.name in _SMALL_DOMAIN])
    if not evidence and FEWEST <= counts.distinct < ENOUGH:
        evidence += [few(s) for s in _scheme_evidence(counts, [s for s in _counted(schemes) if is_sure(s)], least=1.0)]
    codes = counts.filled >= ENOUGH and 1 < counts.distinct <= _FEW_CODES and not counts.passed.get("blank inside")
    harmless = harmless_by(counts.filled, counts.distinct, counts.share, evidence=bool(evidence))
    return Profile(distinct=counts.distinct, evidence=tuple(evidence), codes=codes, harmless=harmless)


def _counted(schemes: Sequence[Scheme]) -> tuple[Scheme, ...]:
    return (*_SCHEMES, *(s for s in schemes if s.overlay and s.sql))


def _name(scheme: Scheme) -> str:
    return f"{scheme.label}/{scheme.subtype}: {scheme.name}" if scheme.overlay else scheme.name


def _alias(number: int) -> str:
    return f"t{number}"


def _scheme_evidence(counts: ValueCounts, schemes: Sequence[Scheme], least: float = MOST) -> list[Evidence]:
    found = []
    for scheme in schemes:
        share = counts.share(_name(scheme))
        if share >= least:
            reason = f"{share:.0%} of {counts.distinct} values are a valid {scheme.name}"
            found.append(
                Evidence(label=scheme.label, subtype=scheme.subtype, score=scheme.score, reason=reason, overlay=scheme.overlay)
            )
    return found


def _birth_evidence(counts: ValueCounts) -> list[Evidence]:
    dates = counts.passed.get("ISO date", 0)
    early = counts.passed.get("early date", 0) / dates if dates else 0.0
    if dates < MOST * counts.distinct or early < 0.4 or not counts.wide_span:
        return []
    reason = f"{early:.0%} of {dates} dates lie from {_EARLY_FROM} to {_EARLY_TO}"
    return [Evidence(label=LabelClass.DOB, subtype="", score=0.62, reason=reason)]


def _text_evidence(counts: ValueCounts) -> list[Evidence]:
    size = counts.distinct
    streets, people = counts.share("street"), counts.share("full name")
    found = []
    if streets >= MOST:
        found.append(
            Evidence(label=LabelClass.ADDRESS, subtype="", score=0.7, reason=f"{streets:.0%} of {size} values look like streets")
        )
    elif counts.share("sentence") >= 0.5 and counts.share("contact inside") >= 0.1:
        share = counts.share("contact inside")
        reason = f"free text; {share:.0%} of {size} values hold an email address or a phone number"
        found.append(Evidence(label=LabelClass.FREE_TEXT, subtype="", score=0.7, reason=reason))
    if people >= 0.9 and size >= ENOUGH * 2 and not counts.passed.get("many words"):
        reason = f"{people:.0%} of {size} values look like full names"
        found.append(Evidence(label=LabelClass.NAME, subtype="", score=0.45, reason=reason))
    return found
