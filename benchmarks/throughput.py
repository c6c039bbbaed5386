"""Throughput beside plain PySpark, small statements and many rows in one run. Prints a table with ratios.

Run: `python benchmarks/throughput.py [--rows N] [--times N]`

All sides read the same files. `plain` is PySpark as its package starts it, with two threads; `by hand` is plain PySpark with
the mask's expression written into the statement; `open` and `masked` are the local workspace without and with a mask that an
ABAC policy binds to the column. The sides take turns, so that what else the machine does meets all of them.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from localspace.core.principals import Principal
from support.sql_workspace import SqlWorkspace

ANA = "ana@bank.example"
_MASK = "concat('***-**-', right({0}, 4))"
_AGGREGATE = "SELECT part, count(*), sum(pay), max({ssn}) FROM {table} GROUP BY part"
_SMALL = "SELECT id, ssn FROM main.hr.small WHERE ssn LIKE '%1' ORDER BY id LIMIT 20"
_PLAIN = """
import json, sys, time
from pyspark.sql import SparkSession
spark = SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false").getOrCreate()
spark.sparkContext.setLogLevel("ERROR")
answers = sys.stdout
for line in sys.stdin:
    asked = json.loads(line)
    if "folder" in asked:
        spark.read.parquet(asked["folder"]).toDF(*asked["names"]).createOrReplaceTempView(asked["view"])
        seconds = 0.0
    else:
        started = time.perf_counter()
        spark.sql(asked["sql"]).collect()
        seconds = time.perf_counter() - started
    answers.write(json.dumps(seconds) + "\\n")
    answers.flush()
"""


class PlainSpark:
    """PySpark in a process of its own, with the settings that its package has."""

    def __init__(self) -> None:
        """Start it."""
        self._process = subprocess.Popen(
            [sys.executable, "-c", _PLAIN], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )

    def ask(self, **body: object) -> float:
        """Send a request; return the seconds that it took there."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(body) + "\n")
        self._process.stdin.flush()
        return float(json.loads(self._process.stdout.readline()))

    def close(self) -> None:
        """End it."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(30)


def make_table(place: SqlWorkspace, name: str, rows: int) -> Path:
    """Make a table of rows with an identification number; return the folder of its files."""
    place.sql(f"CREATE TABLE main.hr.{name} (id BIGINT, part INT, ssn STRING, pay DOUBLE)")
    place.sql(
        f"INSERT INTO main.hr.{name} SELECT id, CAST(id % 100 AS INT), concat('123-45-', CAST(id % 9000 + 1000 AS STRING)),"
        f" CAST(id AS DOUBLE) / 7 FROM range({rows})"
    )
    table = place.repositories.objects.read(_admin(place), "table", f"main.hr.{name}")
    folder = place.runner._storage.folder(table)
    assert folder is not None
    return folder


def _admin(place: SqlWorkspace) -> Principal:
    found = place.repositories.identity.by_id(place.ids.admin_id)
    assert found is not None
    return found


def set_up(place: SqlWorkspace) -> None:
    """Make the schema, the mask and the people; the policy binds everybody but the admin."""
    place.user(ANA)
    place.make_group("analysts", [ANA])
    for statement in (
        "CREATE SCHEMA main.hr",
        "CREATE GOVERNED TAG pii VALUES ('ssn')",
        f"CREATE FUNCTION main.hr.hide(s STRING) RETURNS STRING RETURN {_MASK.format('s')}",
        "GRANT USE CATALOG, USE SCHEMA, SELECT ON CATALOG main TO analysts",
        "CREATE POLICY p ON CATALOG main COLUMN MASK main.hr.hide TO analysts FOR TABLES"
        " MATCH COLUMNS has_tag_value('pii', 'ssn') AS c ON COLUMN c",
    ):
        place.sql(statement)


def seconds(work: Callable[[], object]) -> float:
    """Return how long a call takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="*", default=[100_000, 1_000_000, 10_000_000])
    parser.add_argument("--times", type=int, default=5, help="measurements of each; one more comes first and does not count")
    options = parser.parse_args()
    plain = PlainSpark()
    with tempfile.TemporaryDirectory() as folder:
        place = SqlWorkspace(Path(folder))
        try:
            set_up(place)
            _print_small(place)
            print(
                f"{'rows':>12} {'MB':>6} {'plain s':>8} {'open s':>8} {'ratio':>6} {'by hand s':>10} {'masked s':>9} {'ratio':>6}"
            )
            for rows in options.rows:
                _print_many(place, plain, rows, options.times)
            print(f"{'small statement, masked, after that':40} {_small(place):6.1f} ms")
        finally:
            place.close()
            plain.close()


def _print_small(place: SqlWorkspace) -> None:
    make_table(place, "small", 100)
    place.sql("SET TAG ON COLUMN main.hr.small.ssn pii = ssn")
    print(f"{'small statement, masked':40} {_small(place):6.1f} ms   goal <= 45 ms")


def _small(place: SqlWorkspace) -> float:
    times = [seconds(lambda: place.sql(_SMALL, ANA)) for _ in range(43)][3:]
    return statistics.median(times) * 1000


def _print_many(place: SqlWorkspace, plain: PlainSpark, rows: int, times: int) -> None:
    name = f"t{rows}"
    folder = make_table(place, name, rows)
    place.sql(f"SET TAG ON COLUMN main.hr.{name}.ssn pii = ssn")
    plain.ask(folder=str(folder), view=name, names=["id", "part", "ssn", "pay"])
    query = _AGGREGATE.format(ssn="ssn", table=f"main.hr.{name}")
    sides: dict[str, Callable[[], float]] = {
        "plain": lambda: plain.ask(sql=_AGGREGATE.format(ssn="ssn", table=name)),
        "open": lambda: seconds(lambda: place.sql(query)),
        "by hand": lambda: plain.ask(sql=_AGGREGATE.format(ssn=_MASK.format("ssn"), table=name)),
        "masked": lambda: seconds(lambda: place.sql(query, ANA)),
    }
    taken: dict[str, list[float]] = {side: [] for side in sides}
    for _ in range(times + 1):
        for side, run in sides.items():
            taken[side].append(run())
    found = {side: statistics.median(values[1:]) for side, values in taken.items()}
    size = sum(file.stat().st_size for file in folder.glob("*.parquet")) / 1e6
    raw, masked = found["open"] / found["plain"], found["masked"] / found["by hand"]
    print(
        f"{rows:12} {size:6.1f} {found['plain']:8.2f} {found['open']:8.2f} {raw:6.2f} {found['by hand']:10.2f}"
        f" {found['masked']:9.2f} {masked:6.2f}",
        flush=True,
    )


if __name__ == "__main__":
    main()
