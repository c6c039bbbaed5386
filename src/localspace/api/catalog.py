"""Unity Catalog: catalogs, schemas, tables, functions, volumes, the workspace's metastore."""

from __future__ import annotations

from collections.abc import Iterator

from localspace.api.catalog_infos import function_info, securable_info, table_info
from localspace.core.errors import denied, invalid, not_found
from localspace.core.ledger import rule
from localspace.core.stored_documents import kinds
from localspace.core.stored_documents.directory import StoredMetastoreAssignment
from localspace.core.stored_documents.kind import Document
from localspace.governance.information_schemas import information_schema_of, is_information_schema
from localspace.governance.privileges import split_name
from localspace.http.request import Request, Route, field_of
from localspace.http.serialisation import Json, Reply, page

_UC = "/api/2.1/unity-catalog"


# Catalogs


def list_catalogs(request: Request) -> Json:
    """List the catalogs that show to the caller."""
    catalogs = request.repositories.catalog.catalogs(request.actor, unbound=request.flag("include_unbound"))
    return page([securable_info(request, "CATALOG", dict(one)) for one in catalogs], request.query, "catalogs")


def create_catalog(request: Request) -> Json:
    """Create a catalog."""
    return securable_info(request, "CATALOG", request.repositories.catalog.create_catalog(request.actor, request.body))


def get_catalog(request: Request) -> Json:
    """Return one catalog."""
    return securable_info(request, "CATALOG", request.repositories.catalog.catalog(request.actor, request.params["name"]))


def update_catalog(request: Request) -> Json:
    """Change a catalog."""
    body = request.changes("UpdateCatalog")
    return securable_info(
        request, "CATALOG", request.repositories.catalog.update_catalog(request.actor, request.params["name"], body)
    )


def delete_catalog(request: Request) -> Json:
    """Drop a catalog."""
    request.repositories.catalog.delete_catalog(request.actor, request.params["name"], request.flag("force"))
    return {}


# Schemas


def list_schemas(request: Request) -> Json:
    """List the schemas of a catalog."""
    name = request.needed("catalog_name")
    found = [securable_info(request, "SCHEMA", dict(one)) for one in request.repositories.catalog.schemas(request.actor, name)]
    catalog = request.repositories.privileges.require_exists("CATALOG", name)
    found.append(kinds.SCHEMA.answer(information_schema_of(catalog)) | {"browse_only": False})
    return page(sorted(found, key=lambda one: str(one["name"])), request.query, "schemas")


def create_schema(request: Request) -> Json:
    """Create a schema."""
    return securable_info(request, "SCHEMA", request.repositories.catalog.create_schema(request.actor, request.body))


def get_schema(request: Request) -> Json:
    """Return one schema."""
    full_name = request.params["full_name"]
    if is_information_schema(full_name):
        catalog = request.repositories.catalog.catalog(request.actor, full_name.split(".")[0])
        return kinds.SCHEMA.answer(information_schema_of(catalog)) | {"browse_only": False}
    return securable_info(request, "SCHEMA", request.repositories.catalog.schema(request.actor, full_name))


def update_schema(request: Request) -> Json:
    """Change a schema."""
    full_name = _changeable_schema(request)
    body = request.changes("UpdateSchema")
    return securable_info(request, "SCHEMA", request.repositories.catalog.update_schema(request.actor, full_name, body))


def delete_schema(request: Request) -> Json:
    """Drop a schema."""
    request.repositories.catalog.delete_schema(request.actor, _changeable_schema(request), request.flag("force"))
    return {}


@rule("LS-141")
def _changeable_schema(request: Request) -> str:
    full_name = request.params["full_name"]
    if is_information_schema(full_name):
        raise denied(f"Schema '{full_name}' belongs to the platform: it can be neither changed nor dropped.")
    return full_name


# Tables


def list_tables(request: Request) -> Reply:
    """List the tables and views of a schema, with columns unless omitted."""
    query = (part for pair in sorted(request.query.items()) for part in pair)
    return request.services.responses.reply((request.path, request.actor.id, *query), lambda: _list_tables(request))


def _list_tables(request: Request) -> Json:
    found = _objects(request, "table")
    body = page(found, request.query, "tables", most=1000)
    columns, properties = not request.flag("omit_columns"), not request.flag("omit_properties")
    managed = request.repositories.privileges.manages(request.actor, "SCHEMA", _schema_of(request))
    body["tables"] = [
        table_info(request, one, with_columns=columns, with_properties=properties, managed=managed) for one in body["tables"]
    ]
    return body


def table_summaries(request: Request) -> Json:
    """List names and kinds of the tables of a catalog; patterns use `%` and `_`."""
    catalog = request.needed("catalog_name")
    found: list[Json] = []
    for schema in request.repositories.catalog.schemas(request.actor, catalog):
        if not _like(schema["name"], request.query.get("schema_name_pattern")):
            continue
        for table in request.repositories.objects.listed(request.actor, "table", catalog, schema["name"]):
            if _like(table["name"], request.query.get("table_name_pattern")):
                kind = table.get("table_type", "MANAGED")
                found.append({"full_name": table["full_name"], "table_type": kind, "securable_kind": f"TABLE_{kind}"})
    return page(found, request.query, "tables", most=10_000)


def get_table(request: Request) -> Json:
    """Return one table with its columns."""
    return table_info(request, request.repositories.objects.read(request.actor, "table", request.params["full_name"]))


def table_exists(request: Request) -> Json:
    """Return whether a table exists; raises 404 for a missing catalog or schema."""
    full_name = request.params["full_name"]
    catalog, schema, _ = split_name("TABLE", full_name)
    request.repositories.catalog.schema(request.actor, f"{catalog}.{schema}")
    there = request.repositories.privileges.document("TABLE", full_name) is not None
    return {"table_exists": there and request.repositories.privileges.can_see(request.actor, "TABLE", full_name)}


def create_table(request: Request) -> Json:
    """Create a table: an external one at its location, or a managed one without rows."""
    body = request.body
    kind = field_of(body, "table_type")
    if kind not in ("EXTERNAL", "MANAGED"):
        raise invalid(f"A table of type {kind} cannot be created through this API: EXTERNAL and MANAGED are known.")
    if kind == "EXTERNAL":
        field_of(body, "storage_location")
    elif body.get("storage_location"):
        raise invalid("A managed table has no storage_location of its own: leave it out, or create an EXTERNAL table.")
    columns = []
    for at, one in enumerate(body.get("columns") or ()):
        field_of(one, "name")
        columns.append(
            {"nullable": True, "type_text": "string", "type_name": "STRING"} | one | {"position": at, "physical": f"c{at}"}
        )
    if kind == "MANAGED" and not columns:
        raise invalid("Missing required field: columns")
    new = body | {"columns": columns, "row_filter": None, "view_definition": None, "storage": None}
    catalog, schema = field_of(body, "catalog_name"), field_of(body, "schema_name")
    return table_info(request, request.repositories.objects.create(request.actor, "table", catalog, schema, new))


def update_table(request: Request) -> Json:
    """Change the owner or the comment of a table."""
    fields = request.changes("UpdateTable")
    return table_info(request, request.repositories.objects.change(request.actor, "table", request.params["full_name"], fields))


def delete_table(request: Request) -> Json:
    """Drop a table."""
    request.repositories.objects.drop(request.actor, "table", request.params["full_name"])
    return {}


# Functions


def list_functions(request: Request) -> Json:
    """List the functions of a schema."""
    return page((function_info(request, one) for one in _objects(request, "function")), request.query, "functions")


def create_function(request: Request) -> Json:
    """Create a SQL function from its parts."""
    info = request.body.get("function_info") or request.body
    parameters = (info.get("input_params") or {}).get("parameters") or []
    kept = ("name", "type_text", "type_name", "type_json", "parameter_default", "comment")
    if info.get("routine_body", "SQL") != "SQL":
        raise invalid("The local workspace runs SQL functions only.")
    field_of(info, "routine_definition")
    new = info | {
        "input_params": [{key: one[key] for key in kept if one.get(key) is not None} for one in parameters],
        "full_data_type": field_of(info, "full_data_type"),
        "language": "SQL",
    }
    catalog, schema = field_of(info, "catalog_name"), field_of(info, "schema_name")
    return function_info(request, request.repositories.objects.create(request.actor, "function", catalog, schema, new))


def get_function(request: Request) -> Json:
    """Return one function."""
    return function_info(request, request.repositories.objects.read(request.actor, "function", request.params["name"]))


def update_function(request: Request) -> Json:
    """Change the owner of a function."""
    fields = request.changes("UpdateFunction")
    return function_info(request, request.repositories.objects.change(request.actor, "function", request.params["name"], fields))


def delete_function(request: Request) -> Json:
    """Drop a function; policies that use it fail from then on."""
    request.repositories.objects.drop(request.actor, "function", request.params["name"])
    return {}


# Metastore


def current_metastore(request: Request) -> StoredMetastoreAssignment:
    """Return the metastore assignment of the workspace."""
    return _assignment(request)


def metastore_summary(request: Request) -> Json:
    """Return the metastore of the workspace."""
    _assignment(request)
    return kinds.named("metastore").answer(request.repositories.privileges.require_exists("METASTORE", ""))


# Inside


def _schema_of(request: Request) -> str:
    return f"{request.needed('catalog_name')}.{request.needed('schema_name')}"


def _objects(request: Request, kind: str) -> Iterator[Document]:
    return request.repositories.objects.each(request.actor, kind, request.needed("catalog_name"), request.needed("schema_name"))


def _like(name: str, pattern: str | None) -> bool:
    if not pattern:
        return True
    from fnmatch import fnmatchcase

    return fnmatchcase(name, pattern.replace("[", "[[]").replace("%", "*").replace("_", "?"))


def _assignment(request: Request) -> StoredMetastoreAssignment:
    found = request.repositories.store.get(kinds.METASTORE_ASSIGNMENT, request.repositories.ids.workspace_id)
    if found is None:
        raise not_found("No metastore assigned for the current workspace.", "METASTORE_DOES_NOT_EXIST")
    return found


ROUTES = (
    Route(method="GET", path=_UC + "/catalogs", handler=list_catalogs, sdk=("Catalogs.list",)),
    Route(method="POST", path=_UC + "/catalogs", handler=create_catalog, sdk=("Catalogs.create",)),
    Route(method="GET", path=_UC + "/catalogs/{name}", handler=get_catalog, sdk=("Catalogs.get",)),
    Route(method="PATCH", path=_UC + "/catalogs/{name}", handler=update_catalog, sdk=("Catalogs.update",)),
    Route(method="DELETE", path=_UC + "/catalogs/{name}", handler=delete_catalog, sdk=("Catalogs.delete",)),
    Route(method="GET", path=_UC + "/schemas", handler=list_schemas, sdk=("Schemas.list",)),
    Route(method="POST", path=_UC + "/schemas", handler=create_schema, sdk=("Schemas.create",)),
    Route(method="GET", path=_UC + "/schemas/{full_name}", handler=get_schema, sdk=("Schemas.get",)),
    Route(method="PATCH", path=_UC + "/schemas/{full_name}", handler=update_schema, sdk=("Schemas.update",)),
    Route(method="DELETE", path=_UC + "/schemas/{full_name}", handler=delete_schema, sdk=("Schemas.delete",)),
    Route(method="GET", path=_UC + "/tables", handler=list_tables, sdk=("Tables.list",)),
    Route(
        method="POST",
        path=_UC + "/tables",
        handler=create_table,
        sdk=("Tables.create",),
        partial="no cloud is reached: the rows of a location are kept in the data folder",
    ),
    Route(method="GET", path=_UC + "/table-summaries", handler=table_summaries, sdk=("Tables.list_summaries",)),
    Route(method="GET", path=_UC + "/tables/{full_name}", handler=get_table, sdk=("Tables.get",)),
    Route(method="GET", path=_UC + "/tables/{full_name}/exists", handler=table_exists, sdk=("Tables.exists",)),
    Route(method="PATCH", path=_UC + "/tables/{full_name}", handler=update_table, sdk=("Tables.update",)),
    Route(method="DELETE", path=_UC + "/tables/{full_name}", handler=delete_table, sdk=("Tables.delete",)),
    Route(method="GET", path=_UC + "/functions", handler=list_functions, sdk=("Functions.list",)),
    Route(method="POST", path=_UC + "/functions", handler=create_function, sdk=("Functions.create",)),
    Route(method="GET", path=_UC + "/functions/{name}", handler=get_function, sdk=("Functions.get",)),
    Route(method="PATCH", path=_UC + "/functions/{name}", handler=update_function, sdk=("Functions.update",)),
    Route(method="DELETE", path=_UC + "/functions/{name}", handler=delete_function, sdk=("Functions.delete",)),
    Route(method="GET", path=_UC + "/current-metastore-assignment", handler=current_metastore, sdk=("Metastores.current",)),
    Route(method="GET", path=_UC + "/metastore_summary", handler=metastore_summary, sdk=("Metastores.summary",)),
)
