"""Counts of what values look like, made where the data is: by the warehouse, or by Spark in a task. No value leaves it."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from lampkeeper.app.inputs import EnvInputs
from lampkeeper.app.progress import Progress
from lampkeeper.design.classify.profiles import Profile
from lampkeeper.design.classify.profiles_sql import ProfileQuery, ValueCounts, profile_counts, profile_query, read_counts
from lampkeeper.design.knowledge.identifiers import Scheme
from lampkeeper.files.label_sources import Counted, SourceFiles
from lampkeeper.model.errors import RemoteError
from lampkeeper.model.findings import Finding, Severity, sort_findings
from lampkeeper.model.names import ColumnName, TableName
from lampkeeper.model.schema import Snapshot, Table
from lampkeeper.remote.clients import Workspace
from lampkeeper.remote.spark import run_spark
from lampkeeper.remote.warehouse import run_sql
from lampkeeper.text.digest import digest_of

_KEPT_EVERY = 200
NO_WAREHOUSE = "NO_WAREHOUSE"
_SPARK_AT_ONCE = 8


class Counter(StrEnum):
    """Who counts: a SQL warehouse, or the Spark session of a job's task."""

    WAREHOUSE = "warehouse"
    SPARK = "spark"


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueProfiling:
    """How to run the one query of a table, and how many of them at once."""

    ask: Callable[[str], list[dict[str, str | None]]]
    at_once: int = 1


def counter_of(counter: Counter, workspace: Workspace) -> ValueProfiling:
    """Return how this counter is asked."""
    if counter is Counter.SPARK:
        return ValueProfiling(ask=run_spark, at_once=_SPARK_AT_ONCE)
    return ValueProfiling(ask=lambda sql: run_sql(workspace, sql, kind="profile").dicts())


def count_values(
    inputs: EnvInputs,
    snapshot: Snapshot,
    value_profiling: ValueProfiling,
    progress: Progress | None = None,
    schemes: Sequence[Scheme] = (),
    masked: Collection[ColumnName] = (),
) -> tuple[Finding, ...]:
    """Count value formats with one query per table and keep the counts; return the tables that could not be read.

    Of `schemes` those of overlays are counted beside those always known. `masked` columns keep their earlier counts, because the
    principal that counts may see masked values of them.
    """
    wanted = {t.name: {n.column for n in t.column_names() if n not in masked} for t in snapshot.tables}
    looked = count_columns(inputs, snapshot, value_profiling, wanted, progress, schemes)
    findings = [_unread(table, error) for table, error in looked.failed]
    if findings and not looked.read:
        findings.append(
            Finding(
                code="profile/nothing", severity=Severity.ERROR, location=inputs.env,
                message="no table's rows could be looked at: counting values has added nothing",
                fix="give the right to read the tables, or leave out --profile-values",
            )
        )  # fmt: skip
    return sort_findings(findings)


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """How many tables were looked at, and which could not be; without a warehouse only the first of them is named."""

    read: int
    failed: tuple[tuple[Table, RemoteError], ...]


def count_columns(
    inputs: EnvInputs,
    snapshot: Snapshot,
    value_profiling: ValueProfiling,
    wanted: Mapping[TableName, Collection[str]],
    progress: Progress | None = None,
    schemes: Sequence[Scheme] = (),
) -> Looked:
    """Count the values of the wanted columns with one query per table, and keep the counts beside those of its other columns."""
    files = inputs.sources
    kept, fresh, failed = dict(files.counted()), 0, []
    queries = [
        (table, query)
        for table in snapshot.tables
        if (query := profile_query(table, schemes=schemes, only=wanted.get(table.name, ()))) is not None
    ]
    for number, (table, answer) in enumerate(_answers(queries, value_profiling), start=1):
        if isinstance(answer, RemoteError):
            failed.append((table, answer))
            if answer.code == NO_WAREHOUSE:
                break
        else:
            before = kept.get(table.name)
            others = before.columns if before is not None and before.digest == _shape(table) else {}
            columns = {name: counts for name, counts in others.items() if name not in wanted[table.name]}
            kept[table.name] = Counted(table=table.name, digest=_shape(table), columns={**columns, **answer})
            fresh += 1
            if fresh % _KEPT_EVERY == 0:
                files.count(kept.values())
        if progress is not None:
            progress(str(table.name), number, len(queries))
    if fresh:
        files.count(kept.values())
    return Looked(read=fresh, failed=tuple(failed))


Answer = Mapping[str, Mapping[str, Any]] | RemoteError


def _answers(queries: list[tuple[Table, ProfileQuery]], value_profiling: ValueProfiling) -> Iterator[tuple[Table, Answer]]:
    """Yield the tables in order, each with the counts of its columns or why there are none."""

    def ask(asked: tuple[Table, ProfileQuery]) -> tuple[Table, Answer]:
        table, query = asked
        try:
            rows = value_profiling.ask(query.sql)
        except RemoteError as error:
            return table, error
        return table, {name: _document(counts) for name, counts in read_counts(query, rows).items()}

    if value_profiling.at_once == 1:
        yield from map(ask, queries)
        return
    pool = ThreadPoolExecutor(value_profiling.at_once, thread_name_prefix="count")
    try:
        yield from pool.map(ask, queries)
    finally:
        # After an interruption, tables that were not started yet are skipped.
        pool.shutdown(cancel_futures=True)


def counted_profiles(snapshot: Snapshot, files: SourceFiles, schemes: Sequence[Scheme] = ()) -> dict[ColumnName, Profile]:
    """Return the profiles that the kept counts amount to, of tables that still have the shape that was counted."""
    counted = files.counted()
    found = {}
    for table in snapshot.tables:
        known = counted.get(table.name)
        if known is None or known.digest != _shape(table):
            continue
        for column in table.columns:
            if column.name in known.columns:
                profile = profile_counts(_counts(known.columns[column.name]), column.type, schemes)
                if profile is not None:
                    found[ColumnName(table.name, column.name)] = profile
    return found


def _unread(table: Table, error: RemoteError) -> Finding:
    return Finding(
        code="profile/unread", severity=Severity.WARNING, location=str(table.name),
        message=f"its rows cannot be looked at ({error.code}): names and types alone decide",
        fix="grant SELECT on the table to the principal that runs generate, or leave out --profile-values",
    )  # fmt: skip


def _shape(table: Table) -> str:
    """Return the fingerprint of a table's names and types: its counts hold as long as it stays."""
    return digest_of(json.dumps([[c.name, c.type] for c in table.columns]))


def _document(counts: ValueCounts) -> dict[str, Any]:
    return {"filled": counts.filled, "distinct": counts.distinct, "passed": dict(counts.passed), "wide_span": counts.wide_span}


def _counts(document: Mapping[str, Any]) -> ValueCounts:
    return ValueCounts(
        filled=int(document["filled"]), distinct=int(document["distinct"]),
        passed={str(k): int(v) for k, v in document["passed"].items()}, wide_span=bool(document["wide_span"]),
    )  # fmt: skip
