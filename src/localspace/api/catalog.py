"""Unity Catalog: catalogs, schemas, tables, functions, volumes, the workspace's metastore."""

from __future__ import annotations

from localspace.api.catalog_infos import catalog_info, function_info, table_info
from localspace.core.errors import denied, invalid, not_found
from localspace.core.store import Document
from localspace.governance.external_locations import checked_url, place_key
from localspace.governance.privileges import split_name
from localspace.http.request import Call, Route, field_of
from localspace.http.serialisation import Json, Reply, page

_UC = "/api/2.1/unity-catalog"


# Catalogs


def list_catalogs(call: Call) -> Json:
    """List the catalogs that show to the caller."""
    return page([catalog_info(one) for one in call.books.catalog.catalogs(call.actor)], call.query, "catalogs")


def create_catalog(call: Call) -> Json:
    """Create a catalog."""
    return catalog_info(call.books.catalog.create_catalog(call.actor, call.body))


def get_catalog(call: Call) -> Json:
    """Return one catalog."""
    return catalog_info(call.books.catalog.catalog(call.actor, call.params["name"]))


def update_catalog(call: Call) -> Json:
    """Change a catalog."""
    return catalog_info(call.books.catalog.update_catalog(call.actor, call.params["name"], call.body))


def delete_catalog(call: Call) -> Json:
    """Drop a catalog."""
    call.books.catalog.delete_catalog(call.actor, call.params["name"], call.flag("force"))
    return {}


# Schemas


def list_schemas(call: Call) -> Json:
    """List the schemas of a catalog."""
    return page(call.books.catalog.schemas(call.actor, call.needed("catalog_name")), call.query, "schemas")


def create_schema(call: Call) -> Json:
    """Create a schema."""
    return call.books.catalog.create_schema(call.actor, call.body)


def get_schema(call: Call) -> Json:
    """Return one schema."""
    return call.books.catalog.schema(call.actor, call.params["full_name"])


def update_schema(call: Call) -> Json:
    """Change a schema."""
    return call.books.catalog.update_schema(call.actor, call.params["full_name"], call.body)


def delete_schema(call: Call) -> Json:
    """Drop a schema."""
    call.books.catalog.delete_schema(call.actor, call.params["full_name"], call.flag("force"))
    return {}


# Tables


def list_tables(call: Call) -> Reply:
    """List the tables and views of a schema, with columns unless omitted."""
    query = (part for pair in sorted(call.query.items()) for part in pair)
    return call.services.responses.reply((call.path, call.actor.id, *query), lambda: _list_tables(call))


def _list_tables(call: Call) -> Json:
    found = _objects(call, "table")
    body = page(found, call.query, "tables", most=1000)
    columns, properties = not call.flag("omit_columns"), not call.flag("omit_properties")
    body["tables"] = [table_info(one, with_columns=columns, with_properties=properties) for one in body["tables"]]
    return body


def table_summaries(call: Call) -> Json:
    """List names and kinds of the tables of a catalog; patterns use `%` and `_`."""
    catalog = call.needed("catalog_name")
    found: list[Json] = []
    for schema in call.books.catalog.schemas(call.actor, catalog):
        if not _like(schema["name"], call.query.get("schema_name_pattern")):
            continue
        for table in call.books.objects.listed(call.actor, "table", catalog, schema["name"]):
            if _like(table["name"], call.query.get("table_name_pattern")):
                kind = table.get("table_type", "MANAGED")
                found.append({"full_name": table["full_name"], "table_type": kind, "securable_kind": f"TABLE_{kind}"})
    return page(found, call.query, "tables", most=10_000)


def get_table(call: Call) -> Json:
    """Return one table with its columns."""
    return table_info(call.books.objects.read(call.actor, "table", call.params["full_name"]))


def table_exists(call: Call) -> Json:
    """Say whether a table exists; raises 404 for a missing catalog or schema."""
    full_name = call.params["full_name"]
    catalog, schema, _ = split_name("TABLE", full_name)
    call.books.catalog.schema(call.actor, f"{catalog}.{schema}")
    there = call.books.privileges.document("TABLE", full_name) is not None
    return {"table_exists": there and call.books.privileges.can_see(call.actor, "TABLE", full_name)}


def create_table(call: Call) -> Json:
    """Register an external table; managed ones are made by SQL."""
    body = call.body
    if body.get("table_type") != "EXTERNAL":
        raise invalid("Only external tables can be created through this API. Use CREATE TABLE for a managed one.")
    field_of(body, "storage_location")
    columns = []
    for at, one in enumerate(body.get("columns") or ()):
        field_of(one, "name")
        columns.append(
            {"nullable": True, "type_text": "string", "type_name": "STRING"} | one | {"position": at, "physical": f"c{at}"}
        )
    new = body | {"columns": columns, "row_filter": None, "view_definition": None, "storage": None}
    catalog, schema = field_of(body, "catalog_name"), field_of(body, "schema_name")
    return table_info(call.books.objects.create(call.actor, "table", catalog, schema, new))


def update_table(call: Call) -> Json:
    """Change the owner or the comment of a table."""
    fields = {key: value for key, value in call.body.items() if key in ("owner", "comment")}
    return table_info(call.books.objects.change(call.actor, "table", call.params["full_name"], fields))


def delete_table(call: Call) -> Json:
    """Drop a table."""
    call.books.objects.drop(call.actor, "table", call.params["full_name"])
    return {}


# Functions


def list_functions(call: Call) -> Json:
    """List the functions of a schema."""
    return page([_function(call, one) for one in _objects(call, "function")], call.query, "functions")


def create_function(call: Call) -> Json:
    """Create a SQL function from its parts."""
    info = call.body.get("function_info") or call.body
    parameters = (info.get("input_params") or {}).get("parameters") or []
    kept = ("name", "type_text", "type_name", "type_json", "parameter_default")
    if info.get("routine_body", "SQL") != "SQL":
        raise invalid("The local workspace runs SQL functions only.")
    field_of(info, "routine_definition")
    new = info | {
        "input_params": [{key: one[key] for key in kept if one.get(key) is not None} for one in parameters],
        "full_data_type": field_of(info, "full_data_type"),
        "language": "SQL",
    }
    catalog, schema = field_of(info, "catalog_name"), field_of(info, "schema_name")
    return _function(call, call.books.objects.create(call.actor, "function", catalog, schema, new))


def _function(call: Call, body: Document) -> Json:
    return function_info(body, with_body=call.books.privileges.may_read_body(call.actor, body["full_name"]))


def get_function(call: Call) -> Json:
    """Return one function."""
    return _function(call, call.books.objects.read(call.actor, "function", call.params["name"]))


def update_function(call: Call) -> Json:
    """Change the owner of a function."""
    fields = {key: value for key, value in call.body.items() if key in ("owner", "comment")}
    return _function(call, call.books.objects.change(call.actor, "function", call.params["name"], fields))


def delete_function(call: Call) -> Json:
    """Drop a function; policies that use it fail from then on."""
    call.books.objects.drop(call.actor, "function", call.params["name"])
    return {}


# Volumes


def list_volumes(call: Call) -> Json:
    """List the volumes of a schema."""
    return page(_objects(call, "volume"), call.query, "volumes")


def create_volume(call: Call) -> Json:
    """Create a volume."""
    body = call.body
    kind = body.get("volume_type") or "MANAGED"
    if kind == "EXTERNAL":
        place_key(checked_url(field_of(body, "storage_location"), False))
    catalog, schema = field_of(body, "catalog_name"), field_of(body, "schema_name")
    location = body.get("storage_location") or f"local://volumes/{catalog}/{schema}/{body.get('name')}"
    new = body | {"volume_type": kind, "storage_location": location}
    return call.books.objects.create(call.actor, "volume", catalog, schema, new)


def get_volume(call: Call) -> Json:
    """Return one volume."""
    return call.books.objects.read(call.actor, "volume", call.params["name"])


def update_volume(call: Call) -> Json:
    """Change owner, comment or name of a volume."""
    name = call.params["name"]
    fields = {key: value for key, value in call.body.items() if key in ("owner", "comment")}
    changed = call.books.objects.change(call.actor, "volume", name, fields)
    new_name = call.body.get("new_name")
    return call.books.objects.rename(call.actor, "volume", name, new_name) if new_name else changed


def delete_volume(call: Call) -> Json:
    """Drop a volume."""
    call.books.objects.drop(call.actor, "volume", call.params["name"])
    return {}


# Metastore


def current_metastore(call: Call) -> Json:
    """Return the metastore assignment of the workspace."""
    return _assignment(call)


def metastore_summary(call: Call) -> Json:
    """Return the metastore of the workspace."""
    _assignment(call)
    return call.books.privileges.require_exists("METASTORE", "")


def list_metastores(call: Call) -> Json:
    """List the metastores; admins only."""
    _require_metastore_reader(call)
    return page(call.books.store.list("metastore"), call.query, "metastores")


def get_metastore(call: Call) -> Json:
    """Return one metastore; admins only."""
    _require_metastore_reader(call)
    found = call.books.store.get("metastore", call.params["id"])
    if found is None:
        raise not_found(f"Metastore '{call.params['id']}' does not exist.", "METASTORE_DOES_NOT_EXIST")
    return found


def update_metastore(call: Call) -> Json:
    """Change name, owner or sharing of the metastore; metastore admins only."""
    old = get_metastore(call)
    call.books.privileges.require_metastore_admin(call.actor)
    body = {key: value for key, value in call.body.items() if key not in ("id", "metastore_id", "new_name")}
    if call.body.get("new_name"):
        body["name"] = call.body["new_name"]
    if body.get("owner"):
        body["owner"] = call.books.identity.require_name(body["owner"]).name
    new = call.books.catalog.stamped(call.actor, old | body, old) | {"metastore_id": old["metastore_id"]}
    call.books.store.put("metastore", (old["metastore_id"],), new)
    return new


# Inside


def _objects(call: Call, kind: str) -> list[Document]:
    return call.books.objects.listed(call.actor, kind, call.needed("catalog_name"), call.needed("schema_name"))


def _like(name: str, pattern: str | None) -> bool:
    if not pattern:
        return True
    from fnmatch import fnmatchcase

    return fnmatchcase(name, pattern.replace("[", "[[]").replace("%", "*").replace("_", "?"))


def _assignment(call: Call) -> Json:
    found = call.books.store.get("metastore_assignment", call.books.ids.workspace_id)
    if found is None:
        raise not_found("No metastore assigned for the current workspace.", "METASTORE_DOES_NOT_EXIST")
    return found


def _require_metastore_reader(call: Call) -> None:
    identity = call.books.identity
    if not (identity.is_metastore_admin(call.actor.id) or identity.is_account_admin(call.actor.id)):
        raise denied("Only a metastore admin or an account admin may read metastores.")


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
    Route(method="GET", path=_UC + "/volumes", handler=list_volumes, sdk=("Volumes.list",)),
    Route(method="POST", path=_UC + "/volumes", handler=create_volume, sdk=("Volumes.create",)),
    Route(method="GET", path=_UC + "/volumes/{name}", handler=get_volume, sdk=("Volumes.read",)),
    Route(method="PATCH", path=_UC + "/volumes/{name}", handler=update_volume, sdk=("Volumes.update",)),
    Route(method="DELETE", path=_UC + "/volumes/{name}", handler=delete_volume, sdk=("Volumes.delete",)),
    Route(method="GET", path=_UC + "/current-metastore-assignment", handler=current_metastore, sdk=("Metastores.current",)),
    Route(method="GET", path=_UC + "/metastore_summary", handler=metastore_summary, sdk=("Metastores.summary",)),
    Route(method="GET", path=_UC + "/metastores", handler=list_metastores, sdk=("Metastores.list",)),
    Route(method="GET", path=_UC + "/metastores/{id}", handler=get_metastore, sdk=("Metastores.get",)),
    Route(method="PATCH", path=_UC + "/metastores/{id}", handler=update_metastore, sdk=("Metastores.update",)),
)
