"""Cost of enforcement: rewrite, engine start, warm masked SELECT, bulk creation. Prints a table.

Run: `python benchmarks/masking.py`
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from localspace.sql.reader import SqlSession
from localspace.sql.rewrite import Rewriter
from support.sql_workspace import SqlWorkspace

ANA = "ana@bank.example"
QUERY = "SELECT id, name, ssn FROM main.hr.emp WHERE ssn LIKE '%1' ORDER BY id LIMIT 20"


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        place = SqlWorkspace(Path(folder))
        try:
            rows = [*_bulk(place), *_queries(place)]
        finally:
            place.close()
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        print(f"{name:<{width}}  {value}")


def _bulk(place: SqlWorkspace) -> list[tuple[str, str]]:
    place.sql("CREATE SCHEMA main.hr")
    values = ", ".join(f"({n}, 'name {n}', '{n:03d}-45-6789', {n}.25, '2020-01-02')" for n in range(20))
    started = time.perf_counter()
    for number in range(220):
        place.sql(f"CREATE TABLE main.hr.t{number} (id INT, name STRING, ssn STRING, pay DECIMAL(10,2), since DATE)")
        place.sql(f"INSERT INTO main.hr.t{number} VALUES {values}")
    return [("220 tables x 20 rows, no engine", f"{time.perf_counter() - started:.2f} s")]


def _queries(place: SqlWorkspace) -> list[tuple[str, str]]:
    place.user(ANA)
    place.make_group("analysts", [ANA])
    started = time.perf_counter()
    place.sql("SELECT 1")
    start = time.perf_counter() - started
    for statement in (
        "CREATE TABLE main.hr.emp (id INT, name STRING, ssn STRING)",
        "INSERT INTO main.hr.emp SELECT CAST(id AS INT), concat('n', id), concat('123-45-', 1000 + id) FROM range(100)",
        "CREATE GOVERNED TAG pii VALUES ('ssn')",
        "SET TAG ON COLUMN main.hr.emp.ssn pii = ssn",
        "CREATE FUNCTION main.hr.hide(s STRING) RETURNS STRING RETURN CASE WHEN is_account_group_member('x') THEN s"
        " ELSE concat('***-**-', right(s, 4)) END",
        "GRANT USE CATALOG, USE SCHEMA, SELECT ON CATALOG main TO analysts",
    ):
        place.sql(statement)
    raw = _timed(lambda: place.sql(QUERY, ANA))
    place.sql(
        "CREATE POLICY p ON CATALOG main COLUMN MASK main.hr.hide TO analysts FOR TABLES"
        " MATCH COLUMNS has_tag_value('pii', 'ssn') AS c ON COLUMN c"
    )
    masked = _timed(lambda: place.sql(QUERY, ANA))
    return [
        ("engine start to first row", f"{start:.2f} s"),
        ("rewrite", f"{_timed(lambda: _rewrite(place)):.2f} ms"),
        ("warm SELECT, open", f"{raw:.0f} ms"),
        ("warm SELECT, masked", f"{masked:.0f} ms"),
    ]


def _rewrite(place: SqlWorkspace) -> str:
    principal = place.repositories.identity.by_name(ANA)
    if principal is None:
        raise RuntimeError("the user is missing")
    runner = place.runner
    return Rewriter(runner._reader, runner._storage, SqlSession(principal=principal), runner._information.relation).query(QUERY)


def _timed(work: Callable[[], object], times: int = 25) -> float:
    found: list[float] = []
    for _ in range(times):
        started = time.perf_counter()
        work()
        found.append((time.perf_counter() - started) * 1000)
    return statistics.median(found[3:])


if __name__ == "__main__":
    main()
