"""The engine's life: what is cancelled ends, what dies is replaced, and nobody waits for somebody else's endless query."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from localspace.core.statement_runner import CancelToken, SqlError, StatementRequest
from localspace.sql.engine import Engine
from localspace.sql.engine_process import EngineProcess
from localspace.sql.statement_service import State, Statement
from support.sql_workspace import SqlWorkspace

pytestmark = [pytest.mark.spark, pytest.mark.heavy]
_DEADLINE = 120
ENDLESS = "SELECT count(*) FROM range(100000000000000) WHERE hash(id) = 1"
_INNER = "aggregate(sequence(1L, 100000L), 0L, (b, y) -> b + y % x)"
UNSTOPPABLE = f"SELECT aggregate(sequence(1L, 100000L), 0L, (a, x) -> a + {_INNER}) + id FROM range(1)"
"""One row whose expression takes 10,000,000,000 steps and does not look whether its task was cancelled."""
HUNGRY = "SELECT length(max(x)) FROM (SELECT repeat('x', 900000000 + CAST(id AS INT)) AS x FROM range(3))"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqlWorkspace]:
    place = SqlWorkspace(tmp_path_factory.mktemp("life"))
    place.user("ana@bank.example")
    place.user("eve@bank.example")
    yield place
    place.close()


def submit(place: SqlWorkspace, text: str, who: str | None = None) -> Statement:
    number = place.ids.admin_id if who is None else place._ids[who]
    request = StatementRequest(statement=text, principal_id=number, principal_name=who or "admin")
    return place.services.statements.submit(request, "", None)


def ended(statement: Statement) -> Statement:
    statement.done.result(_DEADLINE)
    return statement


def process_of(place: SqlWorkspace) -> EngineProcess:
    assert place.rows("SELECT 1") == [["1"]]
    process = place.runner._engine.process
    assert process is not None
    return process


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _DEADLINE
    while not holds():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.05)


def in_flight(process: EngineProcess) -> int:
    return len(process._sent)


def jvm_of(process: EngineProcess) -> int:
    found = subprocess.run(["ps", "-o", "pid=", "--ppid", str(process.pid)], capture_output=True, text=True, check=True)
    return int(found.stdout.split()[0])


def test_a_cancelled_query_leaves_the_engine_and_the_engine_stays(place: SqlWorkspace) -> None:
    process = process_of(place)
    statement = submit(place, ENDLESS)
    until(lambda: in_flight(process) == 1)
    place.services.statements.cancel(statement)
    assert ended(statement).state is State.CANCELED
    until(lambda: in_flight(process) == 0)
    assert process.alive


def test_an_engine_that_does_not_stop_is_replaced_and_the_others_run_on(place: SqlWorkspace) -> None:
    process = process_of(place)
    stuck = submit(place, UNSTOPPABLE, "eve@bank.example")
    other = submit(place, ENDLESS, "ana@bank.example")
    until(lambda: in_flight(process) == 2)
    place.services.statements.cancel(stuck)
    until(lambda: not process.alive)
    assert ended(stuck).state is State.CANCELED
    following = process_of(place)
    assert following is not process
    until(lambda: in_flight(following) == 1)
    assert other.state is State.RUNNING
    place.services.statements.cancel(other)
    until(lambda: in_flight(following) == 0)


def test_a_jvm_that_dies_is_noticed_and_the_statement_says_so(place: SqlWorkspace) -> None:
    process = process_of(place)
    statement = submit(place, ENDLESS)
    until(lambda: in_flight(process) == 1)
    os.kill(jvm_of(process), signal.SIGKILL)
    assert ended(statement).state is State.FAILED
    assert "The SQL engine ended while the statement ran: its JVM ended with code -9." in statement.message
    until(lambda: not process.alive)
    assert place.rows("SELECT 2") == [["2"]]


def test_memory_ends_the_statement_and_the_engine_stays(place: SqlWorkspace) -> None:
    process = process_of(place)
    other = submit(place, ENDLESS, "ana@bank.example")
    until(lambda: in_flight(process) == 1)
    with pytest.raises(SqlError) as caught:
        place.sql(HUNGRY)
    assert (caught.value.error_class, caught.value.sql_state) == ("UNABLE_TO_ACQUIRE_MEMORY", "53200")
    assert place.rows("SELECT 3") == [["3"]]
    assert other.state is State.RUNNING
    place.services.statements.cancel(other)
    until(lambda: in_flight(process_of(place)) == 0)


def test_endless_queries_of_one_principal_leave_the_others_their_turn(place: SqlWorkspace) -> None:
    hogs = [submit(place, ENDLESS, "eve@bank.example") for _ in range(12)]
    quick = submit(place, "SELECT count(*) FROM range(1000)", "ana@bank.example")
    assert ended(quick).state is State.SUCCEEDED
    assert not any(one.over for one in hogs)
    for one in hogs:
        place.services.statements.cancel(one)
    until(lambda: in_flight(process_of(place)) == 0)


def test_a_write_that_waits_for_another_can_be_cancelled(place: SqlWorkspace) -> None:
    place.sql("CREATE SCHEMA main.w")
    process = process_of(place)
    first = submit(place, f"CREATE TABLE main.w.t AS {ENDLESS}")
    until(lambda: in_flight(process) == 1)
    assert place.sql("CREATE TABLE main.w.u (id INT)") is not None  # another table does not wait
    second = submit(place, "CREATE TABLE main.w.t (id INT)")
    until(lambda: second.state is State.RUNNING)
    place.services.statements.cancel(second)
    assert ended(second).state is State.CANCELED
    assert first.state is State.RUNNING
    place.services.statements.cancel(first)


def test_a_cancel_before_the_engine_has_started_is_heard(tmp_path: Path) -> None:
    engine, token, told = Engine(tmp_path / "engine"), CancelToken(), list[SqlError]()

    def ask() -> None:
        try:
            engine.query("SELECT 1", (), "ana", token)
        except SqlError as error:
            told.append(error)

    asking = threading.Thread(target=ask)
    asking.start()
    until(lambda: engine.process is not None)
    token.cancel()
    asking.join(_DEADLINE)
    assert [one.error_class for one in told] == ["QUERY_CANCELED"]
    assert not engine.running
    engine.close()
