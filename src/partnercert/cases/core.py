"""P200 and P201: the core integration, seen from a workspace."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from partnercert.cases.case import Case, always
from partnercert.config import PartnerConfig, WorkspacePlan
from partnercert.contract import Operation, Route
from partnercert.session import Session
from partnercert.verdicts import BlockedError, FailedError, Judge
from partnercert.workspace import TableFacts, WorkspaceAccess, WorkspaceError, lies_under, quoted

_KINDS = ("unity_catalog", "hive_metastore")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """One catalog under test."""

    workspace: WorkspaceAccess
    catalog: str
    schema: str
    hive: bool

    @property
    def space(self) -> str:
        return f"{quoted(self.catalog)}.{quoted(self.schema)}"

    @property
    def closed(self) -> str:
        return f"{quoted(self.catalog)}.{quoted(self.schema + '_closed')}"

    def names(self) -> set[tuple[str, str]]:
        return self.workspace.table_names(self.catalog, hive=self.hive)

    def full(self, table: TableFacts) -> str:
        return f"{quoted(self.catalog)}.{quoted(table.schema)}.{quoted(table.name)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ready:
    """A catalog that is prepared: its source table, and every table that was there before the partner worked."""

    place: _Place
    source: str
    before: frozenset[tuple[str, str]]


def run_p200(session: Session, judge: Judge) -> None:
    """See the core integration work in Unity Catalog and in hive_metastore."""
    workspace, plan = _ready(session)
    for place in _places(workspace, plan, judge):
        with _prepared(place, plan, judge) as ready:
            _credentials_work(place, ready.source, judge)
            if plan.trigger_path:
                _integration_works(session, ready, plan, judge)


def run_p201(session: Session, judge: Judge) -> None:
    """See the chosen location respected: managed without, external with one, in both kinds of catalog."""
    workspace, plan = _ready(session)
    if not plan.destination_location:
        raise BlockedError("certification.workspace.destination_location is missing")
    for place in _places(workspace, plan, judge):
        with _prepared(place, plan, judge) as ready:
            _loaded_as(session, ready, plan, judge, chosen=None)
            chosen = f"{plan.destination_location.rstrip('/')}/pc-cert-{session.identities.word()}"
            _may_write_to(workspace, chosen, needed=not place.hive)
            _loaded_as(session, ready, plan, judge, chosen=chosen)


def _may_write_to(workspace: WorkspaceAccess, chosen: str, *, needed: bool) -> None:
    """Let the connection's principal make external tables at the chosen path.

    A location that covers the path applies to tables of every catalog; only Unity Catalog requires one.
    """
    name = workspace.external_location_above(chosen)
    if not name:
        if needed:
            raise BlockedError(f"no writable external location covers {chosen}")
        return
    who = quoted(workspace.principal())
    workspace.sql(f"GRANT CREATE EXTERNAL TABLE ON EXTERNAL LOCATION {quoted(name)} TO {who}")


def _ready(session: Session) -> tuple[WorkspaceAccess, WorkspacePlan]:
    plan = session.config.certification.workspace
    if session.workspace is None or plan is None:
        raise BlockedError("no workspace: set certification.workspace, DATABRICKS_HOST, DATABRICKS_TOKEN and PAT_TOKEN")
    return session.workspace, plan


def _places(workspace: WorkspaceAccess, plan: WorkspacePlan, judge: Judge) -> Iterator[_Place]:
    for kind in _KINDS:
        catalog = plan.unity_catalog if kind == "unity_catalog" else plan.hive_metastore
        hive = kind == "hive_metastore"
        if hive:
            try:
                workspace.sql(f"SHOW SCHEMAS IN {quoted(catalog)}")
            except WorkspaceError as error:
                judge.note("no-hive", f"hive_metastore is not there, so this half does not apply: {error}")
                continue
        yield _Place(workspace=workspace, catalog=catalog, schema=plan.schema, hive=hive)


@contextmanager
def _prepared(place: _Place, plan: WorkspacePlan, judge: Judge) -> Iterator[_Ready]:
    """Make schema, source table and grants; another default catalog; and put everything back."""
    source = f"{place.space}.`pc_source`"
    try:
        before = _other_default(place, plan, judge)
        _fixture(place, source, plan, judge)
        known = frozenset(place.names())
    except WorkspaceError as error:
        raise BlockedError(f"the workspace could not be prepared: {error}") from error
    try:
        yield _Ready(place=place, source=source, before=known)
    except WorkspaceError as error:
        judge.fail("workspace", str(error))
        raise FailedError(str(error)) from error
    finally:
        _tidy(place, known, before, judge)


def _other_default(place: _Place, plan: WorkspacePlan, judge: Judge) -> str | None:
    """Make the default catalog differ from the one under test; return the old one if it was changed."""
    current = place.workspace.default_catalog()
    if current != place.catalog:
        return None
    if not plan.change_default_catalog:
        judge.warn("default-catalog", f"{current} is the workspace's default catalog: ignoring catalog_name would go unseen")
        return None
    other = plan.hive_metastore if current == plan.unity_catalog else plan.unity_catalog
    place.workspace.set_default_catalog(other)
    return current


def _fixture(place: _Place, source: str, plan: WorkspacePlan, judge: Judge) -> None:
    workspace, who = place.workspace, quoted(place.workspace.principal())
    workspace.sql(f"CREATE SCHEMA IF NOT EXISTS {place.space}")
    workspace.sql(f"DROP TABLE IF EXISTS {source}")
    workspace.sql(f"CREATE TABLE {source} (id BIGINT, name STRING)")
    workspace.sql(f"INSERT INTO {source} VALUES (1, 'one'), (2, 'two'), (3, 'three')")  # noqa: S608 - quoted
    workspace.sql(f"CREATE SCHEMA IF NOT EXISTS {place.closed}")
    workspace.sql(f"CREATE TABLE IF NOT EXISTS {place.closed}.`pc_source` (id BIGINT, name STRING)")
    if place.hive:
        workspace.sql(f"GRANT USAGE, SELECT, READ_METADATA, CREATE, MODIFY ON SCHEMA {place.space} TO {who}")
        if plan.mode == "write":
            _try(place, judge, f"GRANT USAGE, CREATE ON CATALOG {quoted(place.catalog)} TO {who}")
        return
    workspace.sql(f"GRANT USE CATALOG ON CATALOG {quoted(place.catalog)} TO {who}")
    workspace.sql(f"GRANT USE SCHEMA, SELECT, CREATE TABLE, MODIFY ON SCHEMA {place.space} TO {who}")
    if plan.mode == "write":
        # A partner may write into a schema of its own.
        workspace.sql(f"GRANT CREATE SCHEMA ON CATALOG {quoted(place.catalog)} TO {who}")


def _try(place: _Place, judge: Judge, statement: str) -> None:
    """Run a statement that some workspaces refuse without harm to the case."""
    try:
        place.workspace.sql(statement)
    except WorkspaceError as error:
        judge.note("grant", str(error))


def _tidy(place: _Place, known: frozenset[tuple[str, str]], before: str | None, judge: Judge) -> None:
    try:
        _drop_made(place, known)
        place.workspace.sql(f"DROP TABLE IF EXISTS {place.space}.`pc_source`")
        place.workspace.sql(f"DROP TABLE IF EXISTS {place.closed}.`pc_source`")
        place.workspace.sql(f"DROP SCHEMA IF EXISTS {place.closed}")
        if before is not None:
            place.workspace.set_default_catalog(before)
    except WorkspaceError as error:
        judge.warn("left-over", f"could not tidy up in {place.catalog}: {error}")


def _drop_made(place: _Place, known: frozenset[tuple[str, str]]) -> None:
    """Drop the tables that the partner made, and the schemas that it made for them."""
    made, old = _made(place, known), {schema for schema, _ in known}
    for table in made:
        # In Unity Catalog a table belongs to who made it; not even an administrator may read or drop it unasked.
        place.workspace.sql(f"DROP TABLE IF EXISTS {place.full(table)}", as_partner=True)
    for schema in sorted({table.schema for table in made} - old):
        place.workspace.sql(f"DROP SCHEMA IF EXISTS {quoted(place.catalog)}.{quoted(schema)}", as_partner=True)


def _made(place: _Place, known: frozenset[tuple[str, str]]) -> list[TableFacts]:
    """Return the tables that are new in the catalog, in any schema; those of other people are left out where that is known."""
    new = sorted((schema, name) for schema, name in place.names() - known if name)
    if not new:
        return []
    facts = [place.workspace.table(place.catalog, schema, name, hive=place.hive) for schema, name in new]
    principal = place.workspace.principal()
    return [table for table in facts if table.schema == place.schema or table.creator in ("", principal)]


def _credentials_work(place: _Place, source: str, judge: Judge) -> None:
    """Use exactly what the payload carries: it reads what was granted."""
    rows = place.workspace.sql(f"SELECT count(*) FROM {source}", as_partner=True)  # noqa: S608 - quoted
    _closed_stays_closed(place, judge)
    judge.expect(rows == [["3"]], "credentials", f"{place.catalog}: the payload's credentials read {rows}, not 3 rows")


def _closed_stays_closed(place: _Place, judge: Judge) -> None:
    """Read what was not granted: if that works, reading what was granted proves nothing."""
    try:
        place.workspace.sql(f"SELECT count(*) FROM {place.closed}.`pc_source`", as_partner=True)  # noqa: S608 - quoted
    except WorkspaceError:
        return
    judge.warn("over-granted", f"{place.catalog}: the payload's credentials read a table that was not granted")


def _integration_works(session: Session, ready: _Ready, plan: WorkspacePlan, judge: Judge) -> None:
    start, place = int(time.time() * 1000), ready.place
    _trigger(session, place, plan, judge, {})
    if plan.mode == "notebook":
        state = place.workspace.run_notebook(plan.notebook_path)
        judge.expect(state == "SUCCESS", "notebook", f"the published notebook {plan.notebook_path} ends {state}")
        return
    waited = session.wait(plan.timeout_seconds, lambda: bool(place.workspace.finished_by_principal(start)))
    judge.expect(waited, "no-query", f"{place.catalog}: the history shows no finished statement of the connection's principal")
    if plan.mode == "write":
        _rows_arrive(session, ready, _new_table(session, ready, plan, judge, lambda table: True), plan, judge)


def _trigger(session: Session, place: _Place, plan: WorkspacePlan, judge: Judge, more: dict[str, Any]) -> None:
    connection_id = session.connected(
        session.identities.person(), session.identities.workspace(), catalog_name=place.catalog, **more
    )
    if session.offers(Operation.TEST):
        results = session.test(connection_id).fields().get("test_results") or []
        broken = [str(r.get("test_name")) for r in results if isinstance(r, dict) and r.get("status") != "PASS"]
        judge.expect(not broken, "test-connection", f"{place.catalog}: test-connection fails: {', '.join(broken)}")
    route = Route(method="POST", url=f"{session.config.base_url}{plan.trigger_path}")
    reply = session.client.call(f"{session.case} hook", route, {"connection_id": connection_id})
    judge.require(200 <= reply.status < 300, "hook", f"{place.catalog}: the hook answers {reply.describe()}")


def _new_table(
    session: Session, ready: _Ready, plan: WorkspacePlan, judge: Judge, wanted: Callable[[TableFacts], bool]
) -> TableFacts:
    """Wait for a new table as it is wanted; the best there is after the time. A hook may answer before its work is done."""
    found: list[TableFacts] = []

    def there() -> bool:
        found[:] = sorted(_made(ready.place, ready.before), key=lambda table: (not wanted(table), table.schema, table.name))
        return bool(found) and wanted(found[0])

    session.wait(plan.timeout_seconds, there)
    judge.require(bool(found), "no-table", f"no new table in any schema of {ready.place.catalog}")
    if len(found) > 1:
        others = ", ".join(f"{table.schema}.{table.name}" for table in found[1:])
        judge.note("other-tables", f"{ready.place.catalog}: more new tables, not judged: {others}")
    if found[0].schema != ready.place.schema:
        schema = f"{quoted(ready.place.catalog)}.{quoted(found[0].schema)}"
        _try(
            ready.place, judge, f"GRANT {'USAGE' if ready.place.hive else 'USE SCHEMA'} ON SCHEMA {schema} TO {_who(ready.place)}"
        )
    return found[0]


def _who(place: _Place) -> str:
    return quoted(place.workspace.principal())


def _rows_arrive(session: Session, ready: _Ready, table: TableFacts, plan: WorkspacePlan, judge: Judge) -> None:
    """Wait for rows in a table that the partner made, then drop what it made."""
    place, rows = ready.place, ["0"]

    def filled() -> bool:
        counted = place.workspace.sql(f"SELECT count(*) FROM {place.full(table)}", as_partner=True)  # noqa: S608 - quoted
        rows[:] = counted[0] if counted else ["0"]
        return rows[0] != "0"

    arrived = session.wait(plan.timeout_seconds, filled)
    judge.expect(arrived, "no-rows", f"{place.catalog}: the new table {table.schema}.{table.name} is empty")
    judge.note("rows", f"{place.catalog}.{table.schema}.{table.name}: {rows[0]} rows")
    _drop_made(place, ready.before)


def _loaded_as(session: Session, ready: _Ready, plan: WorkspacePlan, judge: Judge, *, chosen: str | None) -> None:
    def placed(table: TableFacts) -> bool:
        trial = Judge()
        judge_placement(trial, table, ready.place.catalog, chosen, plan)
        return not trial.failed

    _trigger(session, ready.place, plan, judge, {"destination_location": chosen} if chosen else {})
    table = _new_table(session, ready, plan, judge, placed)
    judge_placement(judge, table, ready.place.catalog, chosen, plan)
    _rows_arrive(session, ready, table, plan, judge)


def judge_placement(judge: Judge, table: TableFacts, catalog: str, chosen: str | None, plan: WorkspacePlan) -> None:
    """Judge kind and location of a table that the partner made, for the location the user chose (or none)."""
    at, wanted = f"{catalog}: table {table.name}", "EXTERNAL" if chosen else "MANAGED"
    if table.kind in plan.accept_table_types:
        judge.note("table-type", f"{at} is {table.kind}, accepted by the config")
    elif table.kind != wanted:
        trap = "; was its schema made with that location?" if chosen and lies_under(table.location, chosen) else ""
        judge.fail("table-type", f"{at} is {table.kind or 'of no known kind'}, expected {wanted}{trap}")
    if chosen and not lies_under(table.location, chosen):
        judge.fail("table-location", f"{at} is not under the chosen location")
    if not chosen and plan.destination_location and lies_under(table.location, plan.destination_location):
        judge.fail("table-location", f"{at} is under a location that was not chosen")


def _guided_p200(config: PartnerConfig, has_workspace: bool) -> str:
    return "" if has_workspace else "no workspace: a person has to see it working"


def _guided_p201(config: PartnerConfig, has_workspace: bool) -> str:
    plan = config.certification.workspace
    if not has_workspace or plan is None:
        return "no workspace: a person has to see where the tables land"
    return "" if plan.trigger_path else "no hook to make the partner write: a person has to do it"


def _gate_p201(config: PartnerConfig) -> str:
    return "" if config.writes_external else "no DestLocation in resources_to_provision and no EXTERNAL_LOCATION feature"


CORE = (
    Case(
        id="P200",
        title="The core integration works",
        journey="On a workspace: create, let the partner do its work, look at history and data; in both kinds of catalog.",
        applies="All partners.",
        looks_at=(
            "the payload's credentials read what was granted",
            "test-connection passes; the hook's work shows in the query history as the connection's principal",
            "written rows arrive in a schema of the payload's catalog, although another catalog is the default",
        ),
        gate=always,
        run=run_p200,
        guided=_guided_p200,
        manual=(
            "The two products are seen working together, with Partner Connect's own permissions.",
            "If the integration uses data: once with Unity Catalog, once with hive_metastore.",
        ),
    ),
    Case(
        id="P201",
        title="The chosen location is respected",
        journey="On a workspace: load without and with destination_location, in both kinds of catalog.",
        applies="Partners with DestLocation or EXTERNAL_LOCATION.",
        looks_at=("without a location: MANAGED", "with one: EXTERNAL, under it"),
        gate=_gate_p201,
        run=run_p201,
        guided=_guided_p201,
        guided_manual=(
            "Without a chosen location the table is managed.",
            "With a chosen location the table is external, and its path is the chosen one.",
        ),
    ),
)
