"""Probes of workspace bindings: what a workspace without a binding, or with one to read, refuses."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from localspace.probes.place import ProbeError, Stage

_UC = "/api/2.1/unity-catalog"


def unbound_catalogs_are_invisible(stage: Stage) -> None:
    """An isolated catalog without a binding is in no list and in no query; with its binding back it is as before."""
    with _isolated(stage, "unbound") as (catalog, table, own):
        stage.expect(f"SELECT id FROM {table}", stage.reader, [("1",)])
        _bind(stage, catalog, {"remove": [own]})
        stage.refused(f"SELECT id FROM {table}", stage.reader)
        stage.refused(f"SELECT id FROM {table}", None)
        status, body = stage.place.ask("GET", f"{_UC}/catalogs", None, stage.reader)
        if status >= 400 or catalog in {one["name"] for one in body.get("catalogs", ())}:
            raise ProbeError(f"a catalog that is not bound to the workspace is listed: {body}")
        _bind(stage, catalog, {"add": [own]})
        stage.expect(f"SELECT id FROM {table}", stage.reader, [("1",)])


def read_only_bindings_refuse_writes(stage: Stage) -> None:
    """Through a binding to read, rows are read and nothing is written, by the owner neither."""
    with _isolated(stage, "read_only") as (catalog, table, own):
        _bind(stage, catalog, {"add": [own | {"binding_type": "BINDING_TYPE_READ_ONLY"}]})
        stage.expect(f"SELECT id FROM {table}", stage.reader, [("1",)])
        for statement in (
            f"INSERT INTO {table} VALUES (2)",
            f"DELETE FROM {table}",
            f"DROP TABLE {table}",
            f"CREATE TABLE {catalog}.s.other (id INT)",
            f"CREATE SCHEMA {catalog}.other",
        ):
            stage.refused(statement, None)
        _bind(stage, catalog, {"add": [own]})
        stage.admin(f"INSERT INTO {table} VALUES (2)")


@contextmanager
def _isolated(stage: Stage, label: str) -> Iterator[tuple[str, str, dict[str, object]]]:
    """Have an isolated catalog with a table that the reader may read; give both names and the workspace's own binding."""
    catalog = f"{stage.groups['readers'].removesuffix('-readers').replace('-', '_')}_{label}"
    stage.admin(f"CREATE CATALOG {catalog}")
    try:
        table = f"{catalog}.s.t"
        stage.admin(f"CREATE SCHEMA {catalog}.s")
        stage.admin(f"CREATE TABLE {table} (id INT)")
        stage.admin(f"INSERT INTO {table} VALUES (1)")
        stage.admin(f"GRANT USE CATALOG, USE SCHEMA, SELECT ON CATALOG {catalog} TO `{stage.groups['readers']}`")
        status, body = stage.place.ask("PATCH", f"{_UC}/catalogs/{catalog}", {"isolation_mode": "ISOLATED"}, None)
        bound = stage.place.ask("GET", f"{_UC}/bindings/catalog/{catalog}", None, None)[1].get("bindings")
        if status >= 400 or not bound:
            raise ProbeError(f"a catalog that becomes isolated is not bound to its workspace: {body} {bound}")
        yield catalog, table, {"workspace_id": bound[0]["workspace_id"], "binding_type": "BINDING_TYPE_READ_WRITE"}
    finally:
        stage.place.ask("PATCH", f"{_UC}/catalogs/{catalog}", {"isolation_mode": "OPEN"}, None)
        stage.place.run(f"DROP CATALOG {catalog} CASCADE")


def _bind(stage: Stage, catalog: str, change: dict[str, object]) -> None:
    status, body = stage.place.ask("PATCH", f"{_UC}/bindings/catalog/{catalog}", change, None)
    if status >= 400:
        raise ProbeError(f"bindings cannot be changed: {body}")
