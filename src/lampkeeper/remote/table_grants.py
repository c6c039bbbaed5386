"""Direct grants on the tables of a catalog by one query, if the runner may see all of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from lampkeeper.model.names import TableName
from lampkeeper.model.policies import Grant, SecurableType
from lampkeeper.remote.clients import Json, Workspace, encode
from lampkeeper.remote.warehouse import Parameter, run_sql
from lampkeeper.text.sql_quoting import quote_path

_UC = "/api/2.1/unity-catalog"


def own_names(me: Json) -> frozenset[str]:
    """Return the names under which the runner holds grants or owns objects: its own and its groups', from its SCIM `Me`."""
    groups = {str(g["display"]) for g in me.get("groups") or () if g.get("display")}
    own = {str(me[f]) for f in ("userName", "applicationId") if me.get(f)}
    return frozenset(groups | own)


def manages(workspace: Workspace, catalog: str) -> bool:
    """Return whether the runner owns or manages the catalog, and therefore sees every grant in it.

    A metastore admin without either is not recognised, because the API does not report that role.
    """
    me = workspace.get("grant", "/api/2.0/preview/scim/v2/Me")
    names = own_names(me)
    document = workspace.find("grant", f"{_UC}/catalogs/{encode(catalog)}") or {}
    if str(document.get("owner") or "") in names:
        return True
    found: Json = workspace.find("grant", f"{_UC}/permissions/catalog/{encode(catalog)}") or {}
    return any(
        "MANAGE" in (entry.get("privileges") or ())
        for entry in found.get("privilege_assignments") or ()
        if entry.get("principal") in names
    )


def read_table_grants(workspace: Workspace, catalog: str, tables: Iterable[TableName]) -> list[Grant]:
    """Return the direct grants on these tables of one catalog: one query over its `table_privileges`.

    The view is filtered by privileges: query it only if the runner `manages` the catalog. (Source: platform docs,
    information schema; `inherited_from` is NONE for a grant on the table itself.)
    """
    wanted = {t.plain.casefold(): t for t in tables}
    schemas = sorted({t.schema.lower() for t in wanted.values()})
    markers = ", ".join(f":s{i}" for i in range(len(schemas)))
    statement = (
        "SELECT grantee, table_schema, table_name, privilege_type "  # noqa: S608 - names quoted, values bound
        f"FROM {quote_path(catalog, 'information_schema', 'table_privileges')} "
        f"WHERE inherited_from = 'NONE' AND lower(table_schema) IN ({markers})"
    )
    parameters = [Parameter(name=f"s{i}", value=s) for i, s in enumerate(schemas)]
    held: dict[tuple[TableName, str], set[str]] = defaultdict(set)
    for grantee, schema, name, privilege in run_sql(workspace, statement, parameters, kind="grant").rows:
        table = wanted.get(f"{catalog}.{schema}.{name}".casefold())
        if table is not None:
            held[(table, str(grantee))].add(str(privilege).replace(" ", "_").upper())
    return [
        Grant(
            securable_type=SecurableType.TABLE, securable=table.parts, principal=principal, privileges=tuple(sorted(privileges))
        )
        for (table, principal), privileges in sorted(held.items())
    ]
