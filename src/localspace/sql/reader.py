"""What the SQL side reads from the workspace: objects by path, privileges, and what a principal meets on a table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from localspace.core.lag import LagKind
from localspace.core.ledger import rule
from localspace.core.principals import Principal
from localspace.core.statement_runner import SqlError, TemporaryView
from localspace.core.stored_documents import kinds
from localspace.core.stored_documents.catalog import StoredFunction, StoredPolicy, StoredTable
from localspace.governance.repositories import Repositories
from localspace.sql import failures
from localspace.sql.control_arguments import inputs
from localspace.sql.resolve import Protection, Resolver, TableFacts

Path3 = tuple[str, str, str]
DEFAULT_SCHEMA = "default"
FORBIDDEN_CATALOGS = frozenset({"spark_catalog", "global_temp", "session"})


@dataclass(frozen=True, slots=True, kw_only=True)
class SqlSession:
    """Who runs a statement, where names without a catalog or schema belong, and the temporary views that it may name."""

    principal: Principal
    catalog: str
    schema: str = DEFAULT_SCHEMA
    views: tuple[TemporaryView, ...] = ()

    def table_path(self, parts: tuple[str, ...]) -> Path3:
        """Return the three-part name that a written name means."""
        if len(parts) == 1:
            return (self.catalog, self.schema, parts[0])
        if len(parts) == 2:
            return (self.catalog, parts[0], parts[1])
        if len(parts) == 3:
            return (parts[0], parts[1], parts[2])
        raise failures.table_missing(parts)

    def schema_path(self, parts: tuple[str, ...]) -> tuple[str, str]:
        """Return the two-part name of a schema."""
        if len(parts) == 1:
            return (self.catalog, parts[0])
        if len(parts) == 2:
            return (parts[0], parts[1])
        raise failures.schema_missing(parts)


class Reader:
    """Reads the repositories for the SQL side; one instance serves all statements."""

    def __init__(self, repositories: Repositories) -> None:
        """Read from `repositories`."""
        self.repositories = repositories
        self.store = repositories.store
        self._cache: dict[tuple[str, str], Protection] = {}
        self._cached_stamp = (-1, -1)

    # Objects

    def table(self, path: Path3) -> StoredTable | None:
        """Return the document of a table or view, or None."""
        return self.store.get(kinds.TABLE, *path)

    @rule("LS-050")
    def require_table(self, path: Path3) -> StoredTable:
        """Return the document of a table or view; raises TABLE_OR_VIEW_NOT_FOUND."""
        found = None if path[0].casefold() in FORBIDDEN_CATALOGS else self.table(path)
        if found is None:
            raise failures.table_missing(path)
        return found

    def function(self, path: Path3) -> StoredFunction | None:
        """Return the document of a function, or None."""
        return self.store.get(kinds.FUNCTION, *path)

    def principal_named(self, name: str | None) -> Principal | None:
        """Return the principal that owns something, or None when it is gone."""
        return None if not name else self.repositories.identity.by_name(name)

    # Privileges

    @rule("LS-001", "LS-003", "LS-004")
    def require_privilege(self, actor: Principal | None, privilege: str, securable: str, path: tuple[str, ...]) -> None:
        """Demand a privilege and USE on the containers; raises INSUFFICIENT_PERMISSIONS."""
        full_name = ".".join(path)
        if actor is None:
            raise failures.insufficient(privilege.replace("_", " "), securable, path)
        missing = self.repositories.privileges.missing_use(actor, securable, full_name)
        if missing is not None:
            raise failures.insufficient(missing[0].replace("_", " "), missing[1], tuple(missing[2].split(".")))
        if not self.repositories.privileges.holds(actor, privilege, securable, full_name):
            raise failures.insufficient(privilege.replace("_", " "), securable, path)

    # Protection

    @rule("LS-026")
    def policies_in_scope(self, path: Path3) -> list[StoredPolicy]:
        """Return the policies attached to the metastore, the catalog, the schema and the table."""
        return self.repositories.policies.in_scope(".".join(path))

    @rule("LS-013", "LS-110")
    def protection(self, table: StoredTable, principal: Principal) -> Protection:
        """Return what a principal meets on a table, by policies of every scope and by hand.

        The table, the policies, the tags and the memberships are read at one moment, and what they come to is kept for that
        moment only. A table whose columns or controls changed since the statement read it is refused: its names would no
        longer be those that tags and policies know.
        """
        with self.store.reading():
            current = self.table(table_key(table))
            if current is None or _controls(current) != _controls(table):
                raise failures.changed_meanwhile(table_key(table))
            stamp = self.store.stamp
            if stamp != self._cached_stamp or self._lagging():
                self._cache, self._cached_stamp = {}, stamp
            key = (str(table["full_name"]).casefold(), principal.id)
            found = self._cache.get(key)
            if found is None:
                found = self._cache[key] = self.resolver(table, principal).protection()
            return found

    def resolver(self, table: StoredTable, principal: Principal) -> Resolver:
        """Return the resolver of a table for a principal."""
        path = table_key(table)
        names = self.repositories.identity.names_of(principal.id)
        policies = self.policies_in_scope(path)
        wanted = self._governed(policies)
        return Resolver(self._facts(table, path, bool(policies)), policies, wanted, names)

    def _governed(self, policies: list[StoredPolicy]) -> frozenset[str]:
        if not policies:
            return frozenset()
        return frozenset(
            policy["tag_key"]
            for policy in self.repositories.tags.policies()
            if self.repositories.tags.policy_in_effect(policy["tag_key"]) is not None
        )

    @rule("LS-049")
    def _facts(self, table: StoredTable, path: Path3, with_tags: bool) -> TableFacts:
        full_name = ".".join(path)
        manual = table.get("row_filter")
        masks = {
            column["name"]: (mask["function_name"], inputs(mask["using_column_names"], mask.get("using_arguments")))
            for column in table["columns"]
            if (mask := column.get("mask"))
        }
        tags: Mapping[str, str] = self.repositories.tags.effective_table_tags(full_name) if with_tags else {}
        column_tags: Mapping[str, Mapping[str, str]] = (
            self.repositories.tags.effective_column_tags(full_name) if with_tags else {}
        )
        return TableFacts(
            path=path,
            columns=tuple(column["name"] for column in table["columns"]),
            table_tags=tags,
            column_tags=column_tags,
            manual_masks=masks,
            manual_filter=(
                (manual["function_name"], inputs(manual["input_column_names"], manual.get("input_arguments"))) if manual else None
            ),
        )

    def _lagging(self) -> bool:
        lag = self.repositories.lag
        return any(lag.seconds(kind) for kind in LagKind)


def table_key(table: Mapping[str, Any]) -> Path3:
    """Return the three-part name of a table's document."""
    return (table["catalog_name"], table["schema_name"], table["name"])


def folded(path: Path3) -> Path3:
    """Return a three-part name as names are compared, without regard to case."""
    return (path[0].casefold(), path[1].casefold(), path[2].casefold())


def _controls(table: StoredTable) -> tuple[object, ...]:
    """Return what masks and filters depend on in a table's document; rows may change meanwhile."""
    columns = [(one["name"], one.get("physical"), one.get("mask")) for one in table["columns"]]
    return table["full_name"], table.get("table_id"), columns, table.get("row_filter")


def is_view(table: Mapping[str, Any]) -> bool:
    """Return whether a table's document is a view."""
    return str(table.get("table_type", "")).upper() == "VIEW" or bool(table.get("view_definition"))


def broken(reason: str) -> SqlError:
    """Return an internal refusal: enforcement met something it does not know, so nothing is answered."""
    return SqlError("INTERNAL_ERROR", f"Enforcement refused the statement: {reason}.", "XX000", "INTERNAL_ERROR")
