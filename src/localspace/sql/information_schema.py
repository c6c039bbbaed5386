"""information_schema: the rows that a principal may see, as relations for the engine.

A view shows what shows to the caller (any privilege, BROWSE above, or management); an audit without rights sees an
empty view, which proves nothing. Columns follow the platform's reference pages, reduced to those that clients read.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa

from localspace.core.lag import LagKind
from localspace.core.ledger import rule
from localspace.core.principals import Principal
from localspace.core.stored_documents import kinds
from localspace.core.stored_documents.kind import Document
from localspace.governance.legacy import is_legacy
from localspace.governance.privileges import PRIVILEGES
from localspace.governance.repositories import Repositories
from localspace.sql import failures, history_tables
from localspace.sql.history_tables import history_table
from localspace.sql.made_columns import arrow_of, kind_of, plain_name
from localspace.sql.reader import is_view
from localspace.sql.storage import Storage, ViewSpec
from localspace.sql.system_tables import is_results, results_columns, results_rows
from localspace.sql.types import DataType, parse_type
from localspace.sql.visibility import Visibility

Row = tuple[Any, ...]
Maker = Callable[[Visibility], Iterator[Row]]


def _catalogs(seen: Visibility) -> Iterator[Row]:
    for one in seen.catalogs():
        yield one["name"], one["owner"], one.get("comment"), _time(one, "created_at"), one.get("created_by")


def _schemata(seen: Visibility) -> Iterator[Row]:
    for one in seen.schemas():
        yield (
            one["catalog_name"], one["name"], one["owner"], one.get("comment"), _time(one, "created_at"),
            one.get("created_by"), _time(one, "updated_at"), one.get("updated_by"),
        )  # fmt: skip


def _tables(seen: Visibility) -> Iterator[Row]:
    for one in seen.tables():
        yield (
            one["catalog_name"], one["schema_name"], one["name"], one.get("table_type") or "MANAGED",
            "NO" if is_view(one) else "YES", one["owner"], one.get("comment"), _time(one, "created_at"),
            one.get("created_by"), _time(one, "updated_at"), one.get("updated_by"), one.get("data_source_format"),
        )  # fmt: skip


def _views(seen: Visibility) -> Iterator[Row]:
    for one in seen.tables():
        if is_view(one):
            manages = seen.repositories.privileges.manages(seen.principal, "TABLE", one["full_name"])
            yield (
                one["catalog_name"], one["schema_name"], one["name"], one["view_definition"] if manages else None,
                "NONE", "NO", "NO",
            )  # fmt: skip


def _columns(seen: Visibility) -> Iterator[Row]:
    for table in seen.tables():
        for at, column in enumerate(table["columns"]):
            kind = parse_type(column["type_text"])
            yield (
                table["catalog_name"], table["schema_name"], table["name"], column["name"], at + 1,
                column.get("default"), "YES" if column.get("nullable", True) else "NO", kind.text,
                _data_type(kind), kind.numbers[0] if kind.name in ("char", "varchar") else None,
                kind.numbers[0] if kind.name == "decimal" else None,
                kind.numbers[1] if kind.name == "decimal" else None, column.get("comment"),
            )  # fmt: skip


def _column_tags(seen: Visibility) -> Iterator[Row]:
    for names, tag in seen.tags("columns", "TABLE", 4):
        yield (*names, tag["tag_key"], tag.get("tag_value") or "")


def _table_tags(seen: Visibility) -> Iterator[Row]:
    for names, tag in seen.tags("tables", "TABLE", 3):
        yield (*names, tag["tag_key"], tag.get("tag_value") or "")


def _volume_tags(seen: Visibility) -> Iterator[Row]:
    for names, tag in seen.tags("volumes", "VOLUME", 3):
        yield (*names, tag["tag_key"], tag.get("tag_value") or "")


def _schema_tags(seen: Visibility) -> Iterator[Row]:
    for names, tag in seen.tags("schemas", "SCHEMA", 2):
        yield (*names, tag["tag_key"], tag.get("tag_value") or "")


def _catalog_tags(seen: Visibility) -> Iterator[Row]:
    for names, tag in seen.tags("catalogs", "CATALOG", 1):
        yield (*names, tag["tag_key"], tag.get("tag_value") or "")


def _column_masks(seen: Visibility) -> Iterator[Row]:
    for table in seen.tables():
        for column in table["columns"]:
            mask = column.get("mask")
            if mask:
                function = mask["function_name"].split(".")
                using = ", ".join(mask["using_column_names"])
                yield table["catalog_name"], table["schema_name"], table["name"], column["name"], *function, using


def _row_filters(seen: Visibility) -> Iterator[Row]:
    for table in seen.tables():
        found = table.get("row_filter")
        if found:
            function = (found.get("function_name") or found["name"]).split(".")
            inputs = ", ".join(found["input_column_names"])
            yield table["catalog_name"], table["schema_name"], table["name"], *function, inputs


def _routines(seen: Visibility) -> Iterator[Row]:
    for one in seen.functions():
        readable = seen.repositories.privileges.may_read_body(seen.principal, one["full_name"])
        yield (
            one["catalog_name"], one["schema_name"], one["name"], one["catalog_name"], one["schema_name"], one["name"],
            one["owner"], "FUNCTION", _data_type(parse_type(one["full_data_type"])), one["full_data_type"], "SQL",
            one["routine_definition"] if readable else None, "YES" if one.get("is_deterministic") else "NO",
            one.get("sql_data_access"), one.get("security_type"), one.get("comment"), _time(one, "created_at"),
            one.get("created_by"), _time(one, "updated_at"), one.get("updated_by"),
        )  # fmt: skip


def _parameters(seen: Visibility) -> Iterator[Row]:
    for one in seen.functions():
        for at, parameter in enumerate(one.get("input_params") or ()):
            kind = parse_type(parameter["type_text"])
            yield (
                one["catalog_name"], one["schema_name"], one["name"], at + 1, "IN", parameter["name"], _data_type(kind),
                kind.text, parameter.get("parameter_default"), parameter.get("comment"),
            )  # fmt: skip


def _privileges(securable: str, parts: int) -> Maker:
    def rows(seen: Visibility) -> Iterator[Row]:
        for grant, _ in seen.grants(securable):
            names = grant["full_name"].split(".")
            for privilege in sorted(grant["privileges"]):
                yield None, grant["principal"], *names, privilege.replace("_", " "), "NO", "NONE"
            if len(names) != parts:
                raise ValueError(f"a grant on {securable} names {grant['full_name']}")

    return rows


def _inherited(securable: str, containers: tuple[str, ...]) -> Maker:
    """Return direct grants on a type and those of its containers, as the platform's privilege views show them."""

    def rows(seen: Visibility) -> Iterator[Row]:
        direct = _privileges(securable, len(containers) + 1)
        yield from direct(seen)
        objects = {"TABLE": seen.tables, "SCHEMA": seen.schemas, "FUNCTION": seen.functions, "VOLUME": seen.volumes}
        grants = {kind: list(seen.grants(kind)) for kind in containers}
        everything = PRIVILEGES[securable] | {"ALL_PRIVILEGES"}
        for one in objects[securable]():
            names = one["full_name"].split(".")
            for kind in containers:
                above = names[0] if kind == "CATALOG" else ".".join(names[:2])
                for grant, _ in grants[kind]:
                    if grant["full_name"].casefold() != above.casefold():
                        continue
                    for privilege in sorted(set(grant["privileges"]) & everything):
                        yield None, grant["principal"], *names, privilege.replace("_", " "), "NO", kind

    return rows


@rule("LS-045")
def _policy_rows(seen: Visibility) -> Iterator[Row]:
    """Return the ABAC policies that show to the principal: those on objects that it manages."""
    for one in seen.policies():
        kind, name = one["on_securable_type"], one["on_securable_fullname"]
        names: list[str | None] = [None, None, None]
        for at, part in enumerate(() if kind == "METASTORE" else name.split(".")):
            names[at] = part
        matches = [f"{match['condition']} AS {match['alias']}" for match in one.get("match_columns") or ()]
        yield (
            one["id"], one["name"], str(one["policy_type"]).removeprefix("POLICY_TYPE_"), names[0], names[1], names[2],
            kind, one.get("to_principals") or [], one.get("except_principals") or [], one.get("for_securable_type"),
            (one.get("grant") or one.get("deny") or {}).get("privileges") or [], one.get("when_condition"), matches,
            one.get("created_by"),
        )  # fmt: skip


_TABLE = ("table_catalog", "table_schema", "table_name")
_TAGGED = ("catalog_name", "schema_name", "table_name")
_GRANTED = ("grantor", "grantee")
_HELD = ("privilege_type", "is_grantable", "inherited_from")
_MADE = ("created", "created_by", "last_altered", "last_altered_by")

VIEWS: dict[str, tuple[tuple[str, ...], Maker]] = {
    "catalogs": (("catalog_name", "catalog_owner", "comment", "created", "created_by"), _catalogs),
    "schemata": (("catalog_name", "schema_name", "schema_owner", "comment", *_MADE), _schemata),
    "tables": (
        (*_TABLE, "table_type", "is_insertable_into", "table_owner", "comment", *_MADE, "data_source_format"),
        _tables,
    ),
    "views": ((*_TABLE, "view_definition", "check_option", "is_updatable", "is_insertable_into"), _views),
    "columns": (
        (
            *_TABLE,
            "column_name",
            "ordinal_position#",
            "column_default",
            "is_nullable",
            "full_data_type",
            "data_type",
            "character_maximum_length#",
            "numeric_precision#",
            "numeric_scale#",
            "comment",
        ),
        _columns,
    ),
    "column_tags": ((*_TAGGED, "column_name", "tag_name", "tag_value"), _column_tags),
    "table_tags": ((*_TAGGED, "tag_name", "tag_value"), _table_tags),
    "schema_tags": (("catalog_name", "schema_name", "tag_name", "tag_value"), _schema_tags),
    "catalog_tags": (("catalog_name", "tag_name", "tag_value"), _catalog_tags),
    "volume_tags": (("catalog_name", "schema_name", "volume_name", "tag_name", "tag_value"), _volume_tags),
    "column_masks": (
        (*_TABLE, "column_name", "mask_catalog", "mask_schema", "mask_name", "using_columns"),
        _column_masks,
    ),
    "row_filters": ((*_TABLE, "filter_catalog", "filter_schema", "filter_name", "target_columns"), _row_filters),
    "routines": (
        (
            "specific_catalog",
            "specific_schema",
            "specific_name",
            "routine_catalog",
            "routine_schema",
            "routine_name",
            "routine_owner",
            "routine_type",
            "data_type",
            "full_data_type",
            "routine_body",
            "routine_definition",
            "is_deterministic",
            "sql_data_access",
            "security_type",
            "comment",
            *_MADE,
        ),
        _routines,
    ),
    "parameters": (
        (
            "specific_catalog",
            "specific_schema",
            "specific_name",
            "ordinal_position#",
            "parameter_mode",
            "parameter_name",
            "data_type",
            "full_data_type",
            "parameter_default",
            "comment",
        ),
        _parameters,
    ),
    "catalog_privileges": ((*_GRANTED, "catalog_name", *_HELD), _privileges("CATALOG", 1)),
    "schema_privileges": ((*_GRANTED, "catalog_name", "schema_name", *_HELD), _inherited("SCHEMA", ("CATALOG",))),
    "table_privileges": ((*_GRANTED, *_TABLE, *_HELD), _inherited("TABLE", ("SCHEMA", "CATALOG"))),
    "routine_privileges": (
        (*_GRANTED, "routine_catalog", "routine_schema", "routine_name", *_HELD),
        _inherited("FUNCTION", ("SCHEMA", "CATALOG")),
    ),
    "abac_policy_definitions": (
        (
            "policy_id",
            "policy_name",
            "policy_type",
            "catalog_name",
            "schema_name",
            "securable_name",
            "on_securable_type",
            "to_principals*",
            "except_principals*",
            "for_securable_type",
            "privileges*",
            "when_condition",
            "match_columns*",
            "created_by",
        ),
        _policy_rows,
    ),
}
"""View name to columns and rows; a column name ends in # for an INT, in * for an ARRAY<STRING>; `created` is a time."""


class InformationSchema:
    """Makes the views of information_schema for a principal."""

    def __init__(self, repositories: Repositories, storage: Storage) -> None:
        """Read from `repositories`; rows go to scratch files of `storage`."""
        self._repositories = repositories
        self._storage = storage
        self._stamp = (-1, -1)
        self._made: dict[tuple[str, str, str], ViewSpec] = {}
        self._lock = threading.Lock()

    def columns(self, path: tuple[str, str, str]) -> tuple[str, ...]:
        """Return the column names of a view with their type marks; raises TABLE_OR_VIEW_NOT_FOUND."""
        if is_results(path):
            return results_columns(self._repositories)
        if history_table(path) is not None:
            return history_tables.columns_of(self._repositories, path)
        catalog, _, name = (part.casefold() for part in path)
        if name not in VIEWS or is_legacy(catalog) or self._repositories.store.get(kinds.CATALOG, catalog) is None:
            raise failures.table_missing(path)
        return VIEWS[name][0]

    @rule("LS-046")
    def visible_rows(self, path: tuple[str, str, str], principal: Principal) -> list[Row]:
        """Return the rows of a view that show to a principal; raises for a catalog that does not."""
        self.columns(path)
        if is_results(path):
            return results_rows(self._repositories, principal)
        if history_table(path) is not None:
            return history_tables.rows_of(self._repositories, path, principal)
        catalog, _, name = (part.casefold() for part in path)
        if catalog != "system" and not self._repositories.privileges.can_see(principal, "CATALOG", catalog):
            raise failures.insufficient("USE CATALOG", "CATALOG", (path[0],))
        return list(VIEWS[name][1](Visibility(self._repositories, principal, None if catalog == "system" else catalog)))

    def relation(self, path: tuple[str, str, str], principal: Principal) -> ViewSpec:
        """Return the relation of one view for the engine, filtered for the principal."""
        if history_table(path) is not None:
            # It grows with every statement: nothing is kept for the next one.
            spec = self._make(path, principal)
            self._storage.forget_scratch(spec)
            return spec
        key = (path[0].casefold(), path[2].casefold(), principal.id)
        with self._lock:
            # The stamp is read first: a change in between makes rows that the next call throws away.
            stamp = self._repositories.store.stamp
            lagging = any(self._repositories.lag.settling(kind) for kind in LagKind)
            if stamp != self._stamp or lagging:
                for spec in self._made.values():
                    self._storage.forget_scratch(spec)
                self._made, self._stamp = {}, stamp
            found = self._made.get(key)
            if found is None:
                found = self._made[key] = self._make(path, principal)
            return found

    def _make(self, path: tuple[str, str, str], principal: Principal) -> ViewSpec:
        names = self.columns(path)
        rows = self.visible_rows(path, principal)
        arrays = [pa.array([row[at] for row in rows], arrow_of(column)) for at, column in enumerate(names)]
        ddl = ", ".join(f"{plain_name(column)} {kind_of(column)}" for column in names)
        return self._storage.scratch_relation(pa.Table.from_arrays(arrays, names=[plain_name(column) for column in names]), ddl)


def _data_type(kind: DataType) -> str:
    return kind.type_name


def _time(document: Document, field: str) -> int | None:
    value = document.get(field)
    return None if value is None else int(value)
