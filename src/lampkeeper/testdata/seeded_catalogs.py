"""The catalogs of the test data: created with a mark, and dropped only with that mark and without objects of others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from lampkeeper.model.errors import RemoteError, UsageError
from lampkeeper.model.names import write_name
from lampkeeper.remote.clients import Json, Workspace, encode
from lampkeeper.remote.warehouse import run_sql
from lampkeeper.text.sql_quoting import quote_identifier, quote_string

MARK = "lampkeeper.seed"
"""The property that marks seeded objects; its value is the digest of their content."""

COMMENT = "Test data"
_MARKED_COMMENT = f"{COMMENT} ({MARK})"
"""The comment of a catalog that a statement creates: a statement cannot give it a property."""
_UC = "/api/2.1/unity-catalog"
_LOCATION = "test-external-location"
_LOCATION_STARTS = ("s3://genie-", "abfss://genie-")


def is_seeded(catalog: Json) -> bool:
    """Return whether seeding created this catalog."""
    return MARK in (catalog.get("properties") or {}) or catalog.get("comment") == _MARKED_COMMENT


def require_own(workspace: Workspace, catalogs: Iterable[str]) -> tuple[str, ...]:
    """Return those of the catalogs that exist; raise UsageError if seeding did not create one of them."""
    there = []
    for catalog in sorted(set(catalogs)):
        found = _find(workspace, catalog)
        if found is None:
            continue
        if not is_seeded(found):
            raise UsageError(
                f"catalog {catalog!r} exists and was not created by seeding: it is neither changed nor dropped",
                fix="rename it, or drop it by hand if that is intended",
            )
        there.append(catalog)
    return tuple(there)


def ensure_catalog(workspace: Workspace, catalog: str, storage_base: str = "") -> int:
    """Create a missing catalog; return the number of writes.

    Its files go below `storage_base`. Without one, they go to the account's default storage; where an account has none, to the
    external location of tests: the one named `test-external-location`, or the only one whose URL begins as those of tests do.
    """
    if _find(workspace, catalog) is not None:
        return 0
    try:
        return _create(workspace, catalog, storage_base)
    except RemoteError as error:
        if "storage" not in error.message.casefold():
            raise
        base = storage_base or _test_location(workspace)
        if "default storage" in error.message.casefold():
            return _create_by_statement(workspace, catalog, base)
        if not base or base == storage_base:
            raise
        return _create(workspace, catalog, base)


def create_statement(catalog: str, storage_base: str = "") -> str:
    """Return the statement that creates a catalog."""
    location = f" MANAGED LOCATION {quote_string(_root(storage_base, catalog))}" if storage_base else ""
    return f"CREATE CATALOG IF NOT EXISTS {quote_identifier(catalog)}{location} COMMENT {quote_string(_MARKED_COMMENT)}"


def drop_statement(catalog: str) -> str:
    """Return the statement that drops a catalog with its content."""
    return f"DROP CATALOG IF EXISTS {quote_identifier(catalog)} CASCADE"


def drop_catalogs(workspace: Workspace, catalogs: Iterable[str]) -> int:
    """Drop those of these catalogs that exist, with their content; return how many.

    Raise UsageError, before anything is dropped, if seeding did not create one of them, or if one holds a table, view or volume
    that seeding did not create. Functions are dropped with their catalog.
    """
    there = require_own(workspace, catalogs)
    foreign = [name for catalog in there for name in _foreign(workspace, catalog)]
    if foreign:
        more = f" and {len(foreign) - 1} more" if len(foreign) > 1 else ""
        raise UsageError(
            f"{foreign[0]}{more} was not created by seeding: its catalog is not dropped",
            fix="move it elsewhere, or drop it first",
        )
    for catalog in there:
        run_sql(workspace, drop_statement(catalog), kind="seed", writes=True)
    return len(there)


def any_seeded(workspace: Workspace) -> bool:
    """Return whether the workspace still has a catalog that seeding created."""
    return any(is_seeded(c) for c in workspace.pages("catalog", f"{_UC}/catalogs", "catalogs"))


def _foreign(workspace: Workspace, catalog: str) -> Iterator[str]:
    schemas = workspace.pages("schema", f"{_UC}/schemas", "schemas", {"catalog_name": catalog})
    for schema in sorted(str(s["name"]) for s in schemas if s["name"] != "information_schema"):
        query = {"catalog_name": catalog, "schema_name": schema}
        for table in workspace.pages("table", f"{_UC}/tables", "tables", query | {"omit_columns": "true"}):
            if MARK not in (table.get("properties") or {}):
                yield write_name(catalog, schema, str(table["name"]))
        for volume in workspace.pages("volume", f"{_UC}/volumes", "volumes", query):
            yield f"volume {write_name(catalog, schema, str(volume['name']))}"


def _find(workspace: Workspace, catalog: str) -> Json | None:
    return workspace.find("catalog", f"{_UC}/catalogs/{encode(catalog)}")


def _root(storage_base: str, catalog: str) -> str:
    return f"{storage_base.rstrip('/')}/{catalog}"


def _create(workspace: Workspace, catalog: str, storage_base: str) -> int:
    body: Json = {"name": catalog, "comment": COMMENT, "properties": {MARK: "catalog"}}
    if storage_base:
        body["storage_root"] = _root(storage_base, catalog)
    try:
        workspace.write("seed", "POST", f"{_UC}/catalogs", body)
    except RemoteError as error:
        found = _find(workspace, catalog) if error.status == 409 else None
        if found is None or not is_seeded(found):
            raise
    return 1


def _create_by_statement(workspace: Workspace, catalog: str, storage_base: str) -> int:
    run_sql(workspace, create_statement(catalog, storage_base), kind="seed", writes=True)
    workspace.write("seed", "PATCH", f"{_UC}/catalogs/{encode(catalog)}", {"properties": {MARK: "catalog"}})
    return 2


def _test_location(workspace: Workspace) -> str:
    """Return the URL of the external location of tests, empty if there is none or more than one."""
    found = list(workspace.pages("location", f"{_UC}/external-locations", "external_locations"))
    named = [str(each["url"]) for each in found if each.get("name") == _LOCATION]
    like = [str(each["url"]) for each in found if str(each.get("url", "")).startswith(_LOCATION_STARTS)]
    return named[0] if named else like[0] if len(like) == 1 else ""
