"""Attacks on time: a reader that runs beside changes of policies, masks, tags and memberships gets nothing of before."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from localspace.core.clock import Clock
from localspace.core.principals import Principal, PrincipalKind
from localspace.core.statement_runner import SqlError
from localspace.core.store import Store
from localspace.core.stored_documents import kinds
from localspace.core.stored_documents.kind import Document, Kind
from localspace.governance import bootstrap
from localspace.governance.grant_repository import GrantChange
from localspace.governance.people import People
from localspace.governance.repositories import open_repositories
from localspace.governance.tagging import Tagging
from localspace.sql.reader import Reader
from localspace.sql.resolve import Resolver
from support.nightly import sampled
from support.sql_workspace import EVE

pytestmark = pytest.mark.unit
TABLE = "main.default.people"
KEY = ("main", "default", "people")


class Place:
    """A workspace in memory: no server, no engine."""

    def __init__(self) -> None:
        opened = Store(None)
        clock = Clock(opened)
        self.ids = bootstrap.ensure(opened, clock)
        self.repositories = open_repositories(opened, clock, self.ids)
        self.store = self.repositories.store
        self.store.put(kinds.USER, ("u1",), {"id": "u1", "userName": EVE, "displayName": EVE, "active": True})
        self.store.put(kinds.GROUP, ("g1",), {"id": "g1", "displayName": "cleared", "scope": "account", "members": []})


@pytest.fixture
def place() -> Iterator[Place]:
    made = Place()
    columns = [column("ssn", "c0"), column("name", "c1")]
    body = {"name": "people", "catalog_name": "main", "schema_name": "default", "full_name": TABLE, "table_id": "t"}
    body |= {"table_type": "MANAGED", "created_at": 0, "created_by": bootstrap.ADMIN_NAME}
    made.store.put(kinds.TABLE, KEY, body | {"columns": columns, "row_filter": None, "owner": bootstrap.ADMIN_NAME}, KEY[:2])
    function = {
        "full_name": "main.default.hide",
        "catalog_name": "main",
        "schema_name": "default",
        "name": "hide",
        "owner": bootstrap.ADMIN_NAME,
    }
    made.store.put(kinds.FUNCTION, ("main", "default", "hide"), function | {"input_params": [{"name": "v"}]}, KEY[:2])
    made.repositories.tags.create_policy(admin(made), {"tag_key": "pii", "values": [{"name": "ssn"}]})
    made.repositories.tags.assign(admin(made), "columns", f"{TABLE}.ssn", "pii", "ssn")
    yield made
    made.store.close()


def column(name: str, physical: str, **more: Any) -> Document:
    return {"name": name, "physical": physical, "type_text": "STRING", "mask": None} | more


def admin(place: Place) -> Principal:
    found = place.repositories.identity.by_id(place.ids.admin_id)
    assert found is not None
    return found


def eve(place: Place) -> Principal:
    found = place.repositories.identity.by_name(EVE)
    assert found is not None
    return found


def policy(place: Place, *, but: tuple[str, ...] = ()) -> Document:
    return {
        "name": "p",
        "on_securable_type": "TABLE",
        "on_securable_fullname": TABLE,
        "for_securable_type": "TABLE",
        "policy_type": "POLICY_TYPE_COLUMN_MASK",
        "to_principals": ["account users"],
        "except_principals": list(but),
        "match_columns": [{"alias": "m", "condition": "has_tag_value('pii', 'ssn')"}],
        "column_mask": {"function_name": "main.default.hide", "on_column": "m"},
    }


def create_policy(place: Place) -> None:
    place.repositories.policies.create(admin(place), policy(place))


def set_mask(place: Place) -> None:
    masked = column("ssn", "c0", mask={"function_name": "main.default.hide", "using_column_names": []})
    place.repositories.objects.change(admin(place), "table", TABLE, {"columns": [masked, column("name", "c1")]})


def set_filter(place: Place) -> None:
    place.repositories.objects.change(
        admin(place), "table", TABLE, {"row_filter": {"function_name": "main.default.hide", "input_column_names": ["name"]}}
    )


def leave_group(place: Place) -> None:
    group = next(one for one in place.store.list(kinds.GROUP) if one["displayName"] == "cleared")
    people = People(place.store, place.repositories.lag, place.repositories.identity, place.ids.workspace_id)
    people.save(PrincipalKind.GROUP, group, group | {"members": []})


def join_group(place: Place) -> None:
    group = next(one for one in place.store.list(kinds.GROUP) if one["displayName"] == "cleared")
    place.store.put(kinds.GROUP, (group["id"],), group | {"members": [eve(place).id]})


def drop_exemption(place: Place) -> None:
    place.repositories.policies.update(admin(place), "TABLE", TABLE, "p", {"except_principals": []}, "except_principals")


def tag_column(place: Place) -> None:
    place.repositories.tags.assign(admin(place), "columns", f"{TABLE}.name", "pii", "ssn")


Change = Callable[[Place], None]


def nothing(place: Place) -> None:
    """Start from a table that nothing protects."""


def exempt(place: Place) -> None:
    place.repositories.policies.create(admin(place), policy(place, but=(EVE,)))


def exempt_by_group(place: Place) -> None:
    join_group(place)
    place.repositories.policies.create(admin(place), policy(place, but=("cleared",)))


CHANGES: dict[str, tuple[Change, Change, str]] = {
    "a policy": (nothing, create_policy, "ssn"),
    "a mask": (nothing, set_mask, "ssn"),
    "a filter": (nothing, set_filter, "rows"),
    "an exemption": (exempt, drop_exemption, "ssn"),
    "a membership": (exempt_by_group, leave_group, "ssn"),
    "a tag": (create_policy, tag_column, "name"),
}
"""What closes something: the state before, the change, and what is protected after it."""

STEPS: dict[str, tuple[type, str]] = {
    "memberships read": (Reader, "policies_in_scope"),
    "policies read": (Reader, "_governed"),
    "tags read": (Tagging, "effective_column_tags"),
    "table read": (Reader, "_facts"),
    "resolved": (Resolver, "protection"),
}
"""The steps of resolution: a change falls right after each."""


def protected(place: Place, reader: Reader, what: str) -> bool:
    table = reader.require_table(KEY)
    found = reader.protection(table, eve(place))
    return found.row_filter is not None if what == "rows" else what in found.masks


@pytest.mark.parametrize(
    "case", sampled([(change, step) for change in CHANGES for step in STEPS], name=lambda case: f"{case[0]}-{case[1]}", every=3)
)
def test_what_was_resolved_before_a_change_is_not_kept_after_it(
    place: Place, case: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader stands still after a step; another thread changes the workspace; later readers see the change."""
    before, change, what = CHANGES[case[0]]
    owner, method = STEPS[case[1]]
    before(place)
    reader = Reader(place.repositories)
    arrived, changed = threading.Event(), threading.Event()
    original = getattr(owner, method)

    def slow(self: Any, *given: Any, **named: Any) -> Any:
        found = original(self, *given, **named)
        if threading.current_thread().name == "reader" and not arrived.is_set():
            arrived.set()
            changed.wait(0.1)  # the change waits for the reader, or the reader for the change: never both
        return found

    monkeypatch.setattr(owner, method, slow)
    seen: list[object] = []

    def read() -> None:
        try:
            seen.append(protected(place, reader, what))
        except SqlError as error:
            seen.append(error.error_class)
        finally:
            # Where nothing protects the table a reader may end without the step; the change then follows all its steps.
            arrived.set()

    def write() -> None:
        assert arrived.wait(5)
        change(place)
        # Another reader empties what was kept, before the slow one puts its own there.
        reader.protection(reader.require_table(KEY), admin(place))
        changed.set()

    threads = [threading.Thread(target=read, name="reader"), threading.Thread(target=write, name="writer")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert seen, "the reader never ended"
    assert protected(place, reader, what), f"stale after {case}: {seen}"


@pytest.mark.parametrize("name", ["a policy", "a mask", "a filter"])
def test_a_table_read_before_a_change_is_not_resolved_after_it(place: Place, name: str) -> None:
    """The document in a statement's hands is of before; what it comes to must be neither used nor kept."""
    _, change, what = CHANGES[name]
    reader = Reader(place.repositories)
    table = reader.require_table(KEY)
    change(place)
    if name == "a policy":
        assert what in reader.protection(table, eve(place)).masks
    else:
        with pytest.raises(SqlError, match="changed by a concurrent statement"):
            reader.protection(table, eve(place))
    assert protected(place, reader, what)


def test_a_column_renamed_meanwhile_is_not_read_under_its_old_name(place: Place) -> None:
    create_policy(place)
    reader = Reader(place.repositories)
    table = reader.require_table(KEY)
    place.repositories.objects.change(admin(place), "table", TABLE, {"columns": [column("id2", "c0"), column("name", "c1")]})
    with pytest.raises(SqlError):
        reader.protection(table, eve(place))
    assert protected(place, reader, "id2")


def test_rows_that_change_meanwhile_disturb_no_reader(place: Place) -> None:
    set_mask(place)
    reader = Reader(place.repositories)
    table = reader.require_table(KEY)
    place.store.put(kinds.TABLE, KEY, table | {"storage": {"path": "new"}, "updated_at": 7}, KEY[:2])
    assert set(reader.protection(table, eve(place)).masks) == {"ssn"}


def test_what_was_resolved_in_a_change_that_was_rolled_back_is_not_kept(place: Place) -> None:
    """The number of changes comes back after a rollback; the next change must not pass for the one that never was."""
    create_policy(place)
    reader = Reader(place.repositories)

    def broken_off() -> None:
        with place.store.transaction():
            place.repositories.policies.delete(admin(place), "TABLE", TABLE, "p")
            assert not protected(place, reader, "ssn")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        broken_off()
    place.store.put(kinds.RUN_TOKEN, ("x",), {"run_id": 1})
    assert protected(place, reader, "ssn")


def test_a_withdrawn_grant_is_not_brought_back_by_a_slow_reader(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    repositories = place.repositories
    repositories.grants.change(admin(place), "CATALOG", "main", [GrantChange(principal=EVE, add=("SELECT",))])
    store, privileges = place.store, repositories.privileges
    listing = store.list
    stopped, go = threading.Event(), threading.Event()

    def slow(kind: Kind[Document], parent: tuple[str, ...] | None = None) -> list[Document]:
        found = listing(kind, parent)
        if kind is kinds.GRANT and parent is None and threading.current_thread().name == "reader":
            stopped.set()
            go.wait(5)
        return found

    monkeypatch.setattr(store, "list", slow)
    thread = threading.Thread(target=lambda: privileges.holds(eve(place), "SELECT", "CATALOG", "main"), name="reader")
    thread.start()
    stopped.wait(5)
    repositories.grants.change(admin(place), "CATALOG", "main", [GrantChange(principal=EVE, remove=("SELECT",))])
    assert not privileges.holds(eve(place), "SELECT", "CATALOG", "main")
    go.set()
    thread.join(5)
    assert not privileges.holds(eve(place), "SELECT", "CATALOG", "main")


def test_readers_and_writers_at_full_speed_never_meet_a_stale_mask(place: Place) -> None:
    """Whoever starts to read after a policy was made is masked, in every one of many rounds."""
    reader = Reader(place.repositories)
    stop = threading.Event()
    failures: list[str] = []

    def spin() -> None:
        while not stop.is_set():
            protected(place, reader, "ssn")

    threads = [threading.Thread(target=spin) for _ in range(3)]
    for thread in threads:
        thread.start()
    for number in range(60):
        create_policy(place)
        if not protected(place, reader, "ssn"):
            failures.append(f"round {number}: raw after the policy was made")
        place.repositories.policies.delete(admin(place), "TABLE", TABLE, "p")
        if protected(place, reader, "ssn"):
            failures.append(f"round {number}: masked after it was dropped")
    stop.set()
    for thread in threads:
        thread.join(10)
    assert failures == []
