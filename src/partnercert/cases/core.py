"""P200 and P201: the core integration, seen from a workspace."""

from __future__ import annotations

import time
from collections.abc import Iterator
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

    def tables(self) -> dict[str, TableFacts]:
        return self.workspace.tables(self.catalog, self.schema, hive=self.hive)


def run_p200(session: Session, judge: Judge) -> None:
    """See the core integration work in Unity Catalog and in hive_metastore."""
    workspace, plan = _ready(session)
    for place in _places(workspace, plan, judge):
        with _prepared(place, plan, judge) as source:
            _credentials_work(place, source, judge)
            if plan.hook_path:
                _integration_works(session, place, plan, judge)


def run_p201(session: Session, judge: Judge) -> None:
    """See the chosen location respected: managed without, external with one, in both kinds of catalog."""
    workspace, plan = _ready(session)
    if not plan.destination_location:
        raise BlockedError("certification.workspace.destination_location is missing")
    for place in _places(workspace, plan, judge):
        with _prepared(place, plan, judge):
            _loaded_as(session, place, plan, judge, chosen=None)
            chosen = f"{plan.destination_location.rstrip('/')}/pc-cert-{session.identities.word()}"
            _may_write_to(workspace, chosen, needed=not place.hive)
            _loaded_as(session, place, plan, judge, chosen=chosen)


def _may_write_to(workspace: WorkspaceAccess, chosen: str, *, needed: bool) -> None:
    """Let the connection's principal make external tables at the chosen path.

    A location that covers the path rules it whatever the catalog of the table; only Unity Catalog cannot do without one.
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
def _prepared(place: _Place, plan: WorkspacePlan, judge: Judge) -> Iterator[str]:
    """Make schema, source table and grants; another default catalog; and put everything back."""
    source = f"{place.space}.`pc_source`"
    try:
        before = _other_default(place, plan, judge)
        _fixture(place, source)
        known = set(place.tables())
    except WorkspaceError as error:
        raise BlockedError(f"the workspace could not be prepared: {error}") from error
    try:
        yield source
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


def _fixture(place: _Place, source: str) -> None:
    workspace, who = place.workspace, quoted(place.workspace.principal())
    workspace.sql(f"CREATE SCHEMA IF NOT EXISTS {place.space}")
    workspace.sql(f"DROP TABLE IF EXISTS {source}")
    workspace.sql(f"CREATE TABLE {source} (id BIGINT, name STRING)")
    workspace.sql(f"INSERT INTO {source} VALUES (1, 'one'), (2, 'two'), (3, 'three')")  # noqa: S608 - quoted
    workspace.sql(f"CREATE SCHEMA IF NOT EXISTS {place.closed}")
    workspace.sql(f"CREATE TABLE IF NOT EXISTS {place.closed}.`pc_source` (id BIGINT, name STRING)")
    if place.hive:
        workspace.sql(f"GRANT USAGE, SELECT, READ_METADATA, CREATE, MODIFY ON SCHEMA {place.space} TO {who}")
        return
    workspace.sql(f"GRANT USE CATALOG ON CATALOG {quoted(place.catalog)} TO {who}")
    workspace.sql(f"GRANT USE SCHEMA, SELECT, CREATE TABLE, MODIFY ON SCHEMA {place.space} TO {who}")


def _tidy(place: _Place, known: set[str], before: str | None, judge: Judge) -> None:
    try:
        for name in sorted(set(place.tables()) - known | {"pc_source"}):
            # In Unity Catalog a table belongs to who made it; not even an administrator may read or drop it unasked.
            theirs = name != "pc_source"
            place.workspace.sql(f"DROP TABLE IF EXISTS {place.space}.{quoted(name)}", as_partner=theirs)
        place.workspace.sql(f"DROP TABLE IF EXISTS {place.closed}.`pc_source`")
        place.workspace.sql(f"DROP SCHEMA IF EXISTS {place.closed}")
        if before is not None:
            place.workspace.set_default_catalog(before)
    except WorkspaceError as error:
        judge.warn("left-over", f"could not tidy up in {place.catalog}: {error}")


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


def _integration_works(session: Session, place: _Place, plan: WorkspacePlan, judge: Judge) -> None:
    start = int(time.time() * 1000)
    _trigger(session, place, plan, judge, {})
    if plan.mode == "notebook":
        state = place.workspace.run_notebook(plan.notebook_path)
        judge.expect(state == "SUCCESS", "notebook", f"the published notebook {plan.notebook_path} ends {state}")
        return
    waited = session.wait(plan.seconds, lambda: bool(place.workspace.finished_by_principal(start)))
    judge.expect(waited, "no-query", f"{place.catalog}: the history shows no finished statement of the connection's principal")
    if plan.mode == "write":
        table = _new_table(session, place, plan, judge)
        rows = place.workspace.sql(f"SELECT count(*) FROM {place.space}.{quoted(table.name)}", as_partner=True)  # noqa: S608 - quoted
        judge.expect(rows != [["0"]], "no-rows", f"{place.catalog}: the new table {table.name} is empty")
        place.workspace.sql(f"DROP TABLE IF EXISTS {place.space}.{quoted(table.name)}", as_partner=True)


def _trigger(session: Session, place: _Place, plan: WorkspacePlan, judge: Judge, more: dict[str, Any]) -> None:
    connection_id = session.connected(
        session.identities.person(), session.identities.workspace(), catalog_name=place.catalog, **more
    )
    if session.offers(Operation.TEST):
        results = session.test(connection_id).fields().get("test_results") or []
        broken = [str(r.get("test_name")) for r in results if isinstance(r, dict) and r.get("status") != "PASS"]
        judge.expect(not broken, "test-connection", f"{place.catalog}: test-connection fails: {', '.join(broken)}")
    route = Route(method="POST", url=f"{session.config.base_url}{plan.hook_path}")
    reply = session.client.call(f"{session.case} hook", route, {"connection_id": connection_id})
    judge.require(200 <= reply.status < 300, "hook", f"{place.catalog}: the hook answers {reply.describe()}")


def _new_table(session: Session, place: _Place, plan: WorkspacePlan, judge: Judge) -> TableFacts:
    found: list[TableFacts] = []

    def there() -> bool:
        found[:] = [facts for name, facts in sorted(place.tables().items()) if name != "pc_source"]
        return bool(found)

    # The hook may answer before the table is there; a written table is looked for a while, not for ever.
    arrived = session.wait(plan.seconds, there)
    judge.require(arrived, "no-table", f"no new table in {place.catalog}.{place.schema}")
    return found[0]


def _loaded_as(session: Session, place: _Place, plan: WorkspacePlan, judge: Judge, *, chosen: str | None) -> None:
    _trigger(session, place, plan, judge, {"destination_location": chosen} if chosen else {})
    table = _new_table(session, place, plan, judge)
    judge_placement(judge, table, place.catalog, chosen, plan)
    rows = place.workspace.sql(f"SELECT count(*) FROM {place.space}.{quoted(table.name)}", as_partner=True)  # noqa: S608 - quoted
    judge.note("rows", f"{place.catalog}.{place.schema}.{table.name}: {rows[0][0] if rows else '?'} rows")
    judge.expect(rows != [["0"]], "no-rows", f"{place.catalog}: the table {table.name} is empty")
    place.workspace.sql(f"DROP TABLE IF EXISTS {place.space}.{quoted(table.name)}", as_partner=True)


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
        judge.fail("table-location", f"{at} lies under a location that nobody chose")


def _guided_p200(session: Session) -> str:
    return "" if session.workspace is not None else "no workspace: a person has to see it working"


def _guided_p201(session: Session) -> str:
    plan = session.config.certification.workspace
    if session.workspace is None or plan is None:
        return "no workspace: a person has to see where the tables land"
    return "" if plan.hook_path else "no hook to make the partner write: a person has to do it"


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
            "written rows arrive in the catalog of the payload, though another one is the default",
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
        manual=(
            "Without a chosen location the table is managed.",
            "With a chosen location the table is external, and its path is the chosen one.",
        ),
        manual_only_if_guided=True,
    ),
)
