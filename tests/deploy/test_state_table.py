"""State in a table: fetched and written back under a lease, resumed on another machine, one of two writers."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from lampkeeper.deploy.change import Change
from lampkeeper.deploy.kinds import GROUP
from lampkeeper.deploy.lease import NAME, Lease
from lampkeeper.deploy.stages import Action, Stage
from lampkeeper.deploy.state import Owned, States, state_paths
from lampkeeper.deploy.state_table import StateTable, state_table
from lampkeeper.model.auth import Auth
from lampkeeper.model.errors import RemoteError, UnsafePlanError, UsageError
from lampkeeper.model.groups import Group
from lampkeeper.model.layers import Layer
from lampkeeper.model.names import TableName
from lampkeeper.remote.clients import connect
from lampkeeper.remote.table_files import TableFiles
from lampkeeper.remote.warehouse import run_sql
from support.localspace_server import running_localspace

pytestmark = [pytest.mark.server, pytest.mark.spark]

CHANGE = Change(kind=GROUP, key="k", action=Action.CREATE, stage=Stage.PROTECT, after=Group(name="k"))


@pytest.fixture(scope="module")
def table() -> Iterator[TableFiles]:
    with running_localspace() as space:
        found = TableFiles(
            connect(Auth(workspace_host=space.host, token=space.token)), TableName("main", "default", "state-of-ops")
        )
        found.make()
        yield found


@pytest.fixture(autouse=True)
def emptied(table: TableFiles) -> None:
    for name in list(table.names()):
        table.delete(name)


def at(table: TableFiles, root: Path, *, writes: bool = True, wait: float = 0.0, holder: str = "me"):  # type: ignore[no-untyped-def]
    paths = sorted(state_paths(root, "dev").values())
    return state_table(table, root / "envs", paths, holder=holder, writes=writes, wait=wait, report=lambda _: None)


def applied(states: States, kept: StateTable, *, dies: bool = False) -> None:
    kept.mirror(states)
    state = states[Layer.ACCOUNT]
    state.begin()
    state.intend(CHANGE)
    if not dies:
        assert CHANGE.after is not None
        state.record(CHANGE, Owned(spec=CHANGE.after, remote_id="7"))
        state.save()


def test_files_are_rows_and_one_of_two_writers_creates_one(table: TableFiles) -> None:
    table.make()
    assert table.read("dev/state.json") is None
    table.write("dev/state.json", "ü ' \n :name".encode())
    assert table.read("dev/state.json") == "ü ' \n :name".encode()
    assert (table.create("dev/state.json", b"two"), table.create("dev/new", b"two")) == (False, True)
    assert list(table.names("dev")) == ["dev/new", "dev/state.json"]
    table.delete("dev/new")
    table.delete("dev/new")
    for number, part in enumerate((b"one\n", b"two\n")):
        table.append("dev/log", number, part)
    assert table.read_log("dev/log") == (b"one\ntwo\n", 2)
    table.delete_log("dev/log")
    assert table.read_log("dev/log") == (b"", 0)
    won: list[str] = []

    def create(mine: str) -> None:
        if table.create("race", mine.encode()):
            won.append(mine)

    threads = [threading.Thread(target=create, args=(str(n),)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [table.read("race")] == [name.encode() for name in won]


def test_the_state_moves_into_the_table_and_to_another_machine(table: TableFiles, tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    with at(table, one) as kept:
        applied(States.in_folder(one, "dev"), kept)
    assert list(table.names()) == ["account/state.json"]
    with at(table, two, writes=False):
        found = States.in_folder(two, "dev")[Layer.ACCOUNT]
    assert (found.serial, set(found.objects)) == (1, {("group", "k")})
    assert (two / "envs/account/state.json").stat().st_mode & 0o777 == 0o600


def test_a_run_that_dies_is_resumed_from_the_table_by_another_machine(table: TableFiles, tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    with at(table, one) as kept:
        applied(States.in_folder(one, "dev"), kept, dies=True)
    with at(table, two) as kept:
        states = States.in_folder(two, "dev")
        assert states[Layer.ACCOUNT].intents == {("group", "k"): Action.CREATE}
        applied(states, kept)
    assert list(table.names()) == ["account/state.json"]
    with at(table, one):
        assert not States.in_folder(one, "dev")[Layer.ACCOUNT].intents


def test_of_two_appliers_one_waits_or_fails_with_the_name_of_the_other(table: TableFiles, tmp_path: Path) -> None:
    with at(table, tmp_path / "one", holder="ana, run 7"):
        with (
            pytest.raises(UnsafePlanError, match=r"main\.default\.state-of-ops: ana, run 7 is writing here"),
            at(table, tmp_path / "two"),
        ):
            pass
        with at(table, tmp_path / "three", writes=False):
            pass
    assert table.read(NAME) is None
    with at(table, tmp_path / "two"):
        pass


def test_a_lease_that_expired_is_taken_over(table: TableFiles) -> None:
    dead = Lease(folder=table, holder="dead", seconds=60, wall=lambda: 0.0)
    assert table.create(NAME, dead._content())
    heard: list[str] = []
    with Lease(folder=table, holder="next", wait=0.0, report=heard.append):
        assert heard == ["took over the expired lease of dead (since 1970-01-01 00:00:00Z)"]


def test_a_local_state_of_another_lineage_is_not_overwritten(table: TableFiles, tmp_path: Path) -> None:
    with at(table, tmp_path / "one") as kept:
        applied(States.in_folder(tmp_path / "one", "dev"), kept)
    two = States.in_folder(tmp_path / "two", "dev")[Layer.ACCOUNT]
    two.begin()
    two.save()
    before = two.path.read_bytes()
    with pytest.raises(UsageError, match="hold different states"), at(table, tmp_path / "two"):
        pass
    assert two.path.read_bytes() == before


def test_a_missing_schema_and_a_damaged_row_are_named(table: TableFiles) -> None:
    with pytest.raises(UsageError, match=r"state_table main\.nowhere\.t"):
        TableFiles(table.workspace, TableName("main", "nowhere", "t")).make()
    table.write("x", b"1")
    run_sql(table.workspace, f"UPDATE {table.table.sql} SET content = '%%' WHERE name = 'x'")
    with pytest.raises(UsageError, match="the row 'x' is damaged"):
        table.read("x")
    with pytest.raises(RemoteError):
        run_sql(table.workspace, f"INSERT INTO {table.table.sql} VALUES (NULL, 'x')")
