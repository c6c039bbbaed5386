"""A stand-in for the few workspace calls that P200 and P201 make: SQL statements, history, catalog, identity, settings."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

ADMIN, PARTNER = "admin-token-0123456789", "partner-token-0123456789"
WAREHOUSE = "fedcba9876543210"
_NAME = re.compile(r"`((?:[^`]|``)*)`")


@dataclass
class Table:
    kind: str
    location: str
    rows: int = 0
    creator: str = ""


class FakeError(Exception):
    pass


@dataclass
class FakeWorkspace:
    """Catalogs main and hive_metastore; two people; a default catalog that the settings API changes."""

    default_catalog: str = "main"
    hive: bool = True
    tables: dict[tuple[str, str, str], Table] = field(default_factory=dict)
    schemas: set[tuple[str, str]] = field(default_factory=set)
    history: list[dict[str, Any]] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    notebooks: dict[str, str] = field(default_factory=dict)
    runs: list[str] = field(default_factory=list)

    def app(self) -> Starlette:
        handlers: dict[str, tuple[str, Callable[[Request, str, dict[str, Any]], Response]]] = {
            "/api/2.0/sql/statements": ("POST", self._statement),
            "/api/2.0/sql/statements/": ("POST", self._statement),
            "/api/2.0/sql/history/queries": ("GET", self._history),
            "/api/2.0/preview/scim/v2/Me": ("GET", lambda r, who, b: JSONResponse({"userName": who})),
            "/api/2.1/unity-catalog/tables": ("GET", self._list_tables),
            "/api/2.1/unity-catalog/tables/{full_name}": ("GET", self._get_table),
            "/api/2.1/unity-catalog/schemas": ("GET", self._list_schemas),
            "/api/2.1/unity-catalog/external-locations": ("GET", self._locations),
            "/api/2.0/workspace/import": ("POST", self._import),
            "/api/2.0/workspace/get-status": ("GET", self._status),
            "/api/2.2/jobs/runs/submit": ("POST", self._submit),
            "/api/2.2/jobs/runs/get": ("GET", self._get_run),
            "/api/2.0/settings/types/default_namespace_ws/names/default": ("GET PATCH", self._namespace),
        }

        def endpoint(handle: Callable[[Request, str, dict[str, Any]], Response]) -> Callable[[Request], Any]:
            async def answer(request: Request) -> Response:
                who = {f"Bearer {ADMIN}": "admin", f"Bearer {PARTNER}": "loader"}.get(request.headers.get("authorization", ""))
                if who is None:
                    return JSONResponse({"error_code": "UNAUTHENTICATED", "message": "who?"}, status_code=401)
                self.requests.append(f"{request.method} {request.url.path}")
                if "multipart" in request.headers.get("content-type", ""):
                    form = await request.form()
                    body = {k: v if isinstance(v, str) else (await v.read()).decode() for k, v in form.items()}
                else:
                    body = await request.json() if await request.body() else {}
                return handle(request, who, body)

            return answer

        routes = [Route(path, endpoint(h), methods=m.split()) for path, (m, h) in handlers.items()]
        return Starlette(routes=routes)

    def _import(self, request: Request, who: str, body: dict[str, Any]) -> Response:
        self.notebooks[body["path"]] = body["content"]
        return JSONResponse({})

    def _status(self, request: Request, who: str, body: dict[str, Any]) -> Response:
        path = request.query_params["path"]
        if path not in self.notebooks:
            return JSONResponse({"error_code": "RESOURCE_DOES_NOT_EXIST", "message": path}, status_code=404)
        return JSONResponse({"path": path, "object_type": "NOTEBOOK", "language": "PYTHON"})

    def _submit(self, request: Request, who: str, body: dict[str, Any]) -> Response:
        self.runs.append(body["tasks"][0]["notebook_task"]["notebook_path"])
        return JSONResponse({"run_id": len(self.runs)})

    def _get_run(self, request: Request, who: str, body: dict[str, Any]) -> Response:
        text = self.notebooks[self.runs[int(request.query_params["run_id"]) - 1]]
        ended = "FAILED" if "raise" in text else "SUCCESS"
        life = "INTERNAL_ERROR" if ended == "FAILED" else "TERMINATED"
        return JSONResponse({"run_id": 1, "state": {"life_cycle_state": life, "result_state": ended}})

    def _statement(self, request: Request, who: str, body: dict[str, Any]) -> Response:
        sql, now = body["statement"], int(time.time() * 1000)
        try:
            if who == "loader" and "_closed`" in sql:
                raise FakeError("PERMISSION_DENIED")
            rows = self._run(sql, who)
        except FakeError as error:
            status = {"state": "FAILED", "error": {"error_code": "BAD_REQUEST", "message": str(error)}}
            return JSONResponse({"statement_id": "s", "status": status})
        row = {"query_text": sql, "status": "FINISHED", "user_name": who, "query_start_time_ms": now}
        self.history.append({**row, "warehouse_id": body["warehouse_id"]})
        return JSONResponse({"statement_id": "s", "status": {"state": "SUCCEEDED"}, "result": {"data_array": rows}})

    def _run(self, sql: str, who: str) -> list[list[str]]:
        names = [n.replace("``", "`") for n in _NAME.findall(sql)]
        key = (names[0], names[1], names[2]) if len(names) > 2 else ("", "", "")
        if sql.startswith("SHOW SCHEMAS"):
            if names[0] == "hive_metastore" and not self.hive:
                raise FakeError("hive_metastore is disabled")
            return [["default"], *([s] for c, s in sorted(self.schemas) if c == names[0])]
        if sql == "SELECT current_catalog()":
            return [[self.default_catalog]]
        if sql.startswith("CREATE SCHEMA"):
            self.schemas.add((names[0], names[1]))
        elif sql.startswith("DROP TABLE"):
            self.tables.pop(key, None)
        elif sql.startswith("CREATE TABLE"):
            place = re.search(r"LOCATION '([^']*)'", sql)
            self.tables[key] = Table("EXTERNAL", place[1]) if place else Table("MANAGED", f"s3://root/{'/'.join(key)}")
            self.tables[key].creator = who
        elif sql.startswith("INSERT INTO"):
            self.tables[key].rows += sql.count("(")
        elif sql.startswith("SELECT count(*)"):
            return [[str(self.tables[key].rows)]]
        elif sql.startswith("SHOW TABLES"):
            return [[s, t, "false"] for c, s, t in self.tables if (c, s) == (names[0], names[1])]
        elif sql.startswith("DESCRIBE TABLE EXTENDED"):
            table = self.tables[key]
            return [["id", "bigint", ""], ["", "", ""], ["Type", table.kind, ""], ["Location", table.location, ""]]
        elif sql.startswith("DROP SCHEMA"):
            self.schemas.discard((names[0], names[1]))
        elif not sql.startswith("GRANT"):
            raise FakeError(f"cannot parse: {sql}")
        return []

    def _history(self, request: Request, who: str, body: dict[str, Any]) -> Response:
        return JSONResponse({"res": self.history, "has_next_page": False})

    def _list_tables(self, request: Request, who: str, body: dict[str, Any]) -> Response:
        space = (request.query_params["catalog_name"], request.query_params["schema_name"])
        found = [
            {"name": t, "table_type": table.kind, "storage_location": table.location}
            for (c, s, t), table in self.tables.items()
            if (c, s) == space
        ]
        return JSONResponse({"tables": found})

    def _get_table(self, request: Request, who: str, body: dict[str, Any]) -> Response:
        catalog, schema, name = request.path_params["full_name"].split(".")
        table = self.tables[catalog, schema, name]
        facts = {"name": name, "table_type": table.kind, "storage_location": table.location, "created_by": table.creator}
        return JSONResponse(facts)

    def _list_schemas(self, request: Request, who: str, body: dict[str, Any]) -> Response:
        catalog = request.query_params["catalog_name"]
        return JSONResponse({"schemas": [{"name": s, "catalog_name": c} for c, s in sorted(self.schemas) if c == catalog]})

    def _locations(self, request: Request, who: str, body: dict[str, Any]) -> Response:
        return JSONResponse({"external_locations": [{"name": "lake", "url": "s3://lake/", "read_only": False}]})

    def _namespace(self, request: Request, who: str, body: dict[str, Any]) -> Response:
        if request.method == "PATCH":
            self.default_catalog = body["setting"]["namespace"]["value"]
        setting = {"etag": "e1", "setting_name": "default", "namespace": {"value": self.default_catalog}}
        return JSONResponse(setting)
