"""Writers of different tables do not wait for each other; writers of one table do, and stop waiting when they are cancelled."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from localspace.core.statement_runner import CancelToken, SqlError, StatementRequest
from localspace.sql.statement_service import State, Statement
from localspace.sql.table_locks import HeldTables, TableLocks
from support.sql_workspace import SqlWorkspace

_SECONDS = 120
ENDLESS = "SELECT CAST(count(*) AS INT) FROM range(100000000000000) WHERE hash(id) = 1"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqlWorkspace]:
    made = SqlWorkspace(tmp_path_factory.mktemp("writes"))
    made.user("ana@bank.example")
    for name in ("a", "b"):
        made.sql(f"CREATE TABLE main.default.{name} (id INT)")
    yield made
    made.close()


def submit(place: SqlWorkspace, text: str) -> Statement:
    request = StatementRequest(statement=text, principal_id=place.ids.admin_id, principal_name="admin")
    found: Statement = place.services.statements.submit(request, "", None)
    return found


@pytest.mark.spark
@pytest.mark.parametrize(
    "endless",
    [f"INSERT INTO main.default.a {ENDLESS}", f"CREATE OR REPLACE TABLE main.default.a AS {ENDLESS}"],
)
def test_an_endless_write_holds_up_its_own_table_alone(place: SqlWorkspace, endless: str) -> None:
    running = submit(place, endless)
    try:
        while running.state is State.PENDING:
            threading.Event().wait(0.01)
        for statement in (
            "INSERT INTO main.default.b VALUES (1)",
            "UPDATE main.default.b SET id = 2",
            "ALTER TABLE main.default.b SET TBLPROPERTIES ('k' = 'v')",
            "CREATE TABLE main.default.c AS SELECT 1 AS id",
            "CREATE SCHEMA main.fresh",
            "CREATE VIEW main.fresh.v AS SELECT * FROM main.default.b",
            "DROP TABLE main.default.c",
            "DROP SCHEMA main.fresh CASCADE",
        ):
            place.sql(statement)
        waiting = submit(place, "INSERT INTO main.default.a VALUES (7)")
        while waiting.state is State.PENDING:
            threading.Event().wait(0.01)
        assert not waiting.over
        assert running.state is State.RUNNING
        place.services.statements.cancel(waiting)
        waiting.done.result(_SECONDS)
        assert place.rows("SELECT count(*) FROM main.default.a WHERE id = 7") == [["0"]]
    finally:
        place.services.statements.cancel(running)
    place.sql("INSERT INTO main.default.a VALUES (8)")
    assert place.rows("SELECT id FROM main.default.a WHERE id >= 7") == [["8"]]
    place.sql("TRUNCATE TABLE main.default.a")


@pytest.mark.spark
def test_writers_of_one_table_lose_no_row(place: SqlWorkspace) -> None:
    place.sql("CREATE OR REPLACE TABLE main.default.many (id INT)")
    statements = [submit(place, f"INSERT INTO main.default.many VALUES ({n})") for n in range(24)]
    for one in statements:
        one.done.result(_SECONDS)
    assert {one.state for one in statements} == {State.SUCCEEDED}
    assert place.rows("SELECT count(*), count(DISTINCT id) FROM main.default.many") == [["24", "24"]]


@pytest.mark.unit
def test_a_cancelled_statement_stops_waiting_and_leaves_the_lock_alone() -> None:
    locks, first, second = TableLocks(), CancelToken(), CancelToken()
    holder, waiter = HeldTables(locks, first, "m"), HeldTables(locks, second, "m")
    holder.hold(("main", "s", "T"))
    holder.hold(("MAIN", "s", "t"))
    ended: list[str] = []

    def wait() -> None:
        try:
            waiter.hold(("main", "s", "t"))
        except SqlError as error:
            ended.append(error.error_class)

    thread = threading.Thread(target=wait)
    thread.start()
    second.cancel()
    thread.join(_SECONDS)
    assert ended == ["QUERY_CANCELED"]
    waiter.release()
    third = HeldTables(locks, CancelToken(), "m")
    third.hold(("main", "s", "other"))
    HeldTables(locks, CancelToken(), "another metastore").hold(("main", "s", "t"))
    holder.release()
    HeldTables(locks, CancelToken(), "m").hold(("main", "s", "t"))


@pytest.mark.unit
def test_the_next_writer_goes_on_when_the_table_is_given_back() -> None:
    locks = TableLocks()
    holder, waiter = HeldTables(locks, CancelToken(), "m"), HeldTables(locks, CancelToken(), "m")
    holder.hold(("t",))
    thread = threading.Thread(target=waiter.hold, args=(("t",),))
    thread.start()
    holder.release()
    thread.join(_SECONDS)
    assert not thread.is_alive()
    with pytest.raises(AssertionError, match="also wants"):
        waiter.hold(("u",))
