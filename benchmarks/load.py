"""A large workspace beside an empty one, and many clients at once. Prints two tables.

Run: `python benchmarks/load.py [--tables N] [--calls N] [--clients N] [--seconds N]`

The first table has the latency of list, read and statement in a workspace of 2,000 tables of 20 columns beside one with a
single table; the calls take turns. The second has what 50 clients get in 60 seconds: each checks every answer, and every wrong
row and every error ends the run with code 1; the memory of the server and of its SQL engine stands beside it.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from control_plane import UC, served

COLUMNS = 20


def seed(http: httpx.Client, tables: int) -> None:
    """Make external tables of 20 columns, and one with rows."""
    _ok(http.post(f"{UC}/schemas", json={"name": "bench", "catalog_name": "main"}))
    credential = {"name": "b", "aws_iam_role": {"role_arn": "arn:aws:iam::000000000000:role/b"}}
    _ok(http.post(f"{UC}/storage-credentials", json=credential))
    _ok(http.post(f"{UC}/external-locations", json={"name": "b", "url": "s3://b", "credential_name": "b"}))
    columns = [{"name": f"c{at}", "type_text": "string", "type_name": "STRING"} for at in range(COLUMNS)]
    for at in range(tables):
        table = {"name": f"t{at}", "catalog_name": "main", "schema_name": "bench", "table_type": "EXTERNAL"}
        _ok(http.post(f"{UC}/tables", json=table | {"storage_location": f"s3://b/t{at}", "columns": columns}))


def _ok(answer: httpx.Response) -> Any:
    if answer.is_error:
        raise SystemExit(f"{answer.request.method} {answer.request.url.path}: {answer.status_code} {answer.text}")
    return answer.json()


class Caller:
    """A client of one workspace that runs statements and checks that they succeed."""

    def __init__(self, http: httpx.Client, warehouse_id: str) -> None:
        """Use `http`, which carries a token."""
        self.http = http
        self._warehouse_id = warehouse_id

    def rows(self, statement: str) -> list[list[str | None]]:
        """Return the rows of a statement; raises RuntimeError for any other end."""
        body = {"statement": statement, "warehouse_id": self._warehouse_id, "wait_timeout": "50s"}
        answer = self.http.post("/api/2.0/sql/statements", json=body, timeout=120).json()
        while answer.get("status", {}).get("state") in ("PENDING", "RUNNING"):
            time.sleep(0.1)
            answer = self.http.get(f"/api/2.0/sql/statements/{answer['statement_id']}").json()
        if answer.get("status", {}).get("state") != "SUCCEEDED":
            raise RuntimeError(f"{statement}: {answer}")
        return answer.get("result", {}).get("data_array") or []


def beside(tables: int, calls: int) -> None:
    """Print the latencies in a workspace of many tables beside one with a single table."""
    with tempfile.TemporaryDirectory() as folder, served(Path(folder) / "a") as one, served(Path(folder) / "b") as other:
        callers = []
        for (http, facts, _), count in ((one, 1), (other, tables)):
            seed(http, count)
            caller = Caller(http, facts["warehouse_id"])
            caller.rows("CREATE TABLE main.default.few (id INT, name STRING)")
            caller.rows("INSERT INTO main.default.few VALUES (1, 'a'), (2, 'b')")
            caller.rows("SELECT 1")  # the engine is up before the first call counts
            callers.append((caller, count))
        print(f"{'call':44} {'empty p50':>9} {'p95 ms':>8} {f'{tables} p50':>9} {'p95 ms':>8} {'ratio of p50':>12}")
        for name, call in _CALLS.items():
            taken: list[list[float]] = [[], []]
            for at in range(calls + 5):
                for side, (caller, count) in enumerate(callers):
                    started = time.perf_counter()
                    call(caller, at, count)
                    taken[side].append((time.perf_counter() - started) * 1000)
            empty, full = (sorted(values[5:]) for values in taken)
            half = [statistics.median(values) for values in (empty, full)]
            late = [values[int(len(values) * 0.95)] for values in (empty, full)]
            print(f"{name:44} {half[0]:9.2f} {late[0]:8.2f} {half[1]:9.2f} {late[1]:8.2f} {half[1] / half[0]:12.2f}", flush=True)


def _list(caller: Caller, _: int, count: int) -> None:
    query = {"catalog_name": "main", "schema_name": "bench", "max_results": "50"}
    found = _ok(caller.http.get(f"{UC}/tables", params=query))
    assert len(found["tables"]) == min(count, 50)


def _list_all(caller: Caller, _: int, count: int) -> None:
    query = {"catalog_name": "main", "schema_name": "bench", "max_results": "0", "omit_columns": "true"}
    found, token = 0, None
    while found == 0 or token:
        answer = _ok(caller.http.get(f"{UC}/tables", params=query | ({"page_token": token} if token else {})))
        found, token = found + len(answer["tables"]), answer.get("next_page_token")
    assert found == count


def _information(caller: Caller, _: int, __: int) -> None:
    query = "SELECT column_name FROM main.information_schema.columns WHERE table_name = 't0' AND table_schema = 'bench'"
    assert len(caller.rows(query)) == COLUMNS


_CALLS: dict[str, Callable[[Caller, int, int], object]] = {
    "list a page of 50 tables": _list,
    "list all tables (grows with their number)": _list_all,
    "read a table": lambda caller, at, count: _ok(caller.http.get(f"{UC}/tables/main.bench.t{at * 7 % count}")),
    "statement": lambda caller, _, __: caller.rows("SELECT name FROM main.default.few WHERE id = 2"),
    "statement over information_schema": _information,
    "statement after a write": lambda caller, at, _: (
        caller.rows(f"COMMENT ON TABLE main.default.few IS '{at}'"),
        caller.rows("SELECT name FROM main.default.few WHERE id = 2"),
    ),
}


# Many clients


_PRINCIPALS = 10
_ROWS = 1000


class Crowd:
    """Clients of one workspace: each reads, reads masked rows, and writes into a table of its own, and checks every answer."""

    def __init__(self, facts: dict[str, str], admin: Caller, clients: int) -> None:
        """Make the people, the tables and the mask."""
        self._facts = facts
        self._stop = threading.Event()
        self.counts: Counter[str] = Counter()
        self.wrong: list[str] = []
        self._lock = threading.Lock()
        for statement in (
            "CREATE SCHEMA main.crowd",
            "CREATE TABLE main.crowd.people (id INT, ssn STRING)",
            f"INSERT INTO main.crowd.people SELECT CAST(id AS INT), concat('123-45-', 1000 + id) FROM range({_ROWS})",
            "CREATE FUNCTION main.crowd.hide(s STRING) RETURNS STRING RETURN concat('***-**-', right(s, 4))",
            "ALTER TABLE main.crowd.people ALTER COLUMN ssn SET MASK main.crowd.hide",
            "GRANT USE CATALOG ON CATALOG main TO `account users`",
            "GRANT USE SCHEMA, SELECT, MODIFY ON SCHEMA main.crowd TO `account users`",
        ):
            admin.rows(statement)
        tokens = [self._token(admin, number) for number in range(_PRINCIPALS)]
        for number in range(clients):
            admin.rows(f"CREATE TABLE main.crowd.own{number} (n INT)")
        self._threads = [threading.Thread(target=self._live, args=(n, tokens[n % _PRINCIPALS])) for n in range(clients)]

    def run(self, seconds: float, memory: Callable[[], tuple[int, int]]) -> list[tuple[float, int, int]]:
        """Let the clients work; return the memory (server, engine; MB) ten times."""
        found: list[tuple[float, int, int]] = []
        for thread in self._threads:
            thread.start()
        started = time.perf_counter()
        for _ in range(10):
            time.sleep(seconds / 10)
            found.append((time.perf_counter() - started, *memory()))
        self._stop.set()
        for thread in self._threads:
            thread.join()
        return found

    def _token(self, admin: Caller, number: int) -> str:
        principal = _ok(admin.http.post("/api/2.0/preview/scim/v2/ServicePrincipals", json={"displayName": f"crowd {number}"}))[
            "applicationId"
        ]
        _ok(
            admin.http.patch(
                f"/api/2.0/permissions/warehouses/{self._facts['warehouse_id']}",
                json={"access_control_list": [{"service_principal_name": principal, "permission_level": "CAN_USE"}]},
            )
        )
        return str(_ok(admin.http.post("/_localspace/tokens", json={"principal": principal}))["token"])

    def _live(self, number: int, token: str) -> None:
        chance, written = random.Random(number), 0
        headers = {"authorization": f"Bearer {token}"}
        with httpx.Client(base_url=self._facts["host"], headers=headers, timeout=120) as http:
            caller = Caller(http, self._facts["warehouse_id"])
            while not self._stop.is_set():
                kind = chance.choice(("read", "read", "masked", "masked", "table", "write"))
                try:
                    if kind == "write":
                        caller.rows(f"INSERT INTO main.crowd.own{number} VALUES ({written})")
                        written += 1
                    else:
                        self._check(caller, kind, number, chance.randrange(_ROWS), written)
                except (httpx.HTTPError, RuntimeError, AssertionError) as error:
                    with self._lock:
                        self.wrong.append(f"client {number}, {kind}: {type(error).__name__} {error}")
                with self._lock:
                    self.counts[kind] += 1

    @staticmethod
    def _check(caller: Caller, kind: str, number: int, row: int, written: int) -> None:
        if kind == "masked":
            found = caller.rows(f"SELECT ssn FROM main.crowd.people WHERE id = {row}")
            assert found == [[f"***-**-{1000 + row}"]], found
        elif kind == "read":
            found = caller.rows(f"SELECT count(*), coalesce(sum(n), 0) FROM main.crowd.own{number}")
            assert found == [[str(written), str(written * (written - 1) // 2)]], (found, written)
        else:
            assert _ok(caller.http.get(f"{UC}/tables/main.crowd.own{number}"))["name"] == f"own{number}"


def _memory(pid: int) -> tuple[int, int]:
    """Return the resident memory of a server and of all processes that it started, in MB (Linux's /proc)."""
    children: dict[int, list[int]] = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it ended meanwhile
        children.setdefault(int(fields[1]), []).append(int(status.parent.name))
    waiting, engine = list(children.get(pid, ())), 0
    while waiting:
        one = waiting.pop()
        waiting += children.get(one, ())
        engine += _resident(one)
    return _resident(pid), engine


def _resident(pid: int) -> int:
    try:
        lines = (Path("/proc") / str(pid) / "status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) // 1024 for line in lines if line.startswith("VmRSS")), 0)


def crowd(clients: int, seconds: float) -> bool:
    """Print what many clients get; return whether all of it was right."""
    with tempfile.TemporaryDirectory() as folder, served(Path(folder) / "data") as (http, facts, _):
        made = Crowd(facts, Caller(http, facts["warehouse_id"]), clients)
        pid = next(int(p.parent.name) for p in Path("/proc").glob("[0-9]*/cmdline") if str(folder) in _text(p))
        memory = made.run(seconds, lambda: _memory(pid))
    print(f"\n{clients} clients of {_PRINCIPALS} principals, {seconds:.0f} s")
    print(f"{'answers':24} {sum(made.counts.values()):8}   {dict(sorted(made.counts.items()))}")
    print(f"{'errors and wrong rows':24} {len(made.wrong):8}")
    for line in made.wrong[:5]:
        print(f"  {line[:200]}")
    print(f"{'after s':>8} {'server MB':>10} {'engine MB':>10}")
    for at, server, engine in memory:
        print(f"{at:8.0f} {server:10} {engine:10}")
    return not made.wrong


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tables", type=int, default=2000)
    parser.add_argument("--calls", type=int, default=60, help="calls of each kind")
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=60)
    options = parser.parse_args()
    if options.calls:
        beside(options.tables, options.calls)
    if options.clients and not crowd(options.clients, options.seconds):
        sys.exit(1)


if __name__ == "__main__":
    main()
