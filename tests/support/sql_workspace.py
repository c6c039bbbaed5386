"""A workspace without HTTP for tests of the SQL side: store, repositories, runner, people."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Callable, Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from localspace.connect.certificates import Certificates
from localspace.connect.client import ConnectClient, ConnectError
from localspace.core.clock import Clock
from localspace.core.errors import ApiError
from localspace.core.faults import Faults
from localspace.core.location import Location
from localspace.core.principals import PrincipalKind
from localspace.core.statement_runner import CancelToken, SqlError, StatementRequest, StatementResult
from localspace.core.store import Store
from localspace.core.stored_documents import kinds
from localspace.governance import bootstrap
from localspace.governance.people import People
from localspace.governance.repositories import Repositories, open_repositories
from localspace.http.request import Request
from localspace.http.request_schemas import schema_of
from localspace.http.router import Router
from localspace.http.serialisation import Reply
from localspace.probes import Answer
from localspace.server.routes import ROUTES
from localspace.server.workspace import AccountParts, open_services
from localspace.sql.run import SqlRunner
from support.shared_engine import shared_runner
from support.stored import put_external_location


class SqlWorkspace:
    """One workspace; also a place for probes."""

    def __init__(self, folder: Path, build_runner: Callable[[Repositories, Path], SqlRunner] = shared_runner) -> None:
        """Open a fresh workspace in `folder`; `build_runner` replaces the engine that all workspaces of the process share."""
        opened = Store(folder / "store.db")
        self.clock = Clock(opened)
        self.ids = bootstrap.ensure(opened, self.clock)
        self.repositories: Repositories = open_repositories(opened, self.clock, self.ids)
        self.store = self.repositories.store
        self.runner: SqlRunner = build_runner(self.repositories, folder / "files")
        location = Location(data_dir=folder, address="http://127.0.0.1")
        parts = AccountParts(
            faults=Faults(), certificates=Certificates(folder), control=_NoAccount(), build_runner=lambda *_: self.runner
        )
        self.services = open_services(self.repositories, location, parts)
        self._ids: dict[str, str] = {}
        self._numbers = itertools.count(1)

    def close(self) -> None:
        """End the engine and close the store."""
        self.services.connect.close()
        self.services.jobs.close()
        self.services.statements.close()
        self.runner.close()
        self.store.close()

    # People

    def user(self, name: str) -> str:
        """Make a user."""
        number = f"1{next(self._numbers):06d}"
        self.store.put(kinds.USER, (number,), {"id": number, "userName": name, "displayName": name, "active": True})
        self._ids[name] = number
        return name

    def make_persona(self, label: str) -> str:
        """Make a service principal; its name is an application id."""
        number = f"2{next(self._numbers):06d}"
        name = f"{next(self._numbers):08d}-0000-4000-8000-000000000000"
        body = {"id": number, "applicationId": name, "displayName": label, "active": True}
        self.store.put(kinds.SERVICE_PRINCIPAL, (number,), body)
        workspace = self.ids.workspace_id
        assigned = {"principal_id": number, "permissions": ["USER"]}
        self.store.put(kinds.WORKSPACE_ASSIGNMENT, (workspace, number), assigned, (workspace,))
        self._ids[name] = number
        return name

    def make_group(self, name: str, members: Sequence[str] = ()) -> None:
        """Make an account group."""
        number = f"3{next(self._numbers):06d}"
        body = {"id": number, "displayName": name, "scope": "account", "members": [self._ids[one] for one in members]}
        self.store.put(kinds.GROUP, (number,), body)
        self._ids[name] = number

    def external_location(self, name: str, url: str, *, read_only: bool = False) -> None:
        """Make an external location that the admin owns."""
        put_external_location(self.store, name, url, read_only=read_only)

    def remove(self, names: Sequence[str]) -> None:
        """Remove people and groups."""
        people = People(self.store, self.repositories.lag, self.repositories.identity, self.ids.workspace_id)
        for name in names:
            for kind in PrincipalKind:
                body = self.store.get(kinds.of_principal(kind), self._ids[name])
                if body is not None:
                    people.delete(kind, body)

    @property
    def warehouse(self) -> str:
        """Return the id of the warehouse that is there from the start."""
        return self.ids.warehouse_id

    def ask(self, method: str, path: str, body: Mapping[str, Any] | None, persona: str | None) -> tuple[int, dict[str, Any]]:
        """Call a handler of the REST API without a server; return status and body."""
        path, _, query = path.partition("?")
        found = Router(ROUTES).find(method, path)
        assert found is not None, f"{method} {path}"
        principal = self.repositories.identity.by_id(self.ids.admin_id if persona is None else self._ids[persona])
        assert principal is not None
        request = Request(
            services=self.services,
            method=method,
            path=path,
            params=found[1],
            query=dict(parse_qsl(query)),
            headers={"authorization": f"Bearer {self.services.authenticator.mint(principal.id)[0]}"},
            raw=json.dumps(body or {}).encode(),
            principal=principal,
            schema=schema_of(found[0].method, found[0].path),
        )
        try:
            answer: Any = found[0].handler(request)
            if asyncio.iscoroutine(answer):
                answer = asyncio.run(_to_its_end(answer))
        except ApiError as error:
            return error.status, {"message": error.message}
        shown = answer.body if isinstance(answer, Reply) else answer
        return 200, shown if isinstance(shown, dict) else {}

    def settle(self) -> None:
        """Nothing lags here unless a test sets it."""

    # Statements

    def sql(self, statement: str, who: str | None = None, **more: object) -> StatementResult:
        """Run a statement; None is the admin; raises SqlError."""
        number = self.ids.admin_id if who is None else self._ids[who]
        principal = self.repositories.identity.by_id(number)
        assert principal is not None
        request = StatementRequest(
            statement=statement,
            principal_id=number,
            principal_name=principal.name,
            **more,  # type: ignore[arg-type]
        )
        return self.runner.run(request, CancelToken())

    def rows(self, statement: str, who: str | None = None) -> list[list[str | None]]:
        """Return the rows of a statement."""
        return self.sql(statement, who).rows

    def run(self, statement: str, persona: str | None = None) -> Answer:
        """Run a statement for a probe."""
        try:
            found = self.sql(statement, persona)
        except SqlError as error:
            return Answer(error_class=error.error_class, error=error.message)
        return Answer(rows=tuple(tuple(row) for row in found.rows), columns=tuple(c[0] for c in found.columns))

    def run_spark(self, statement: str, persona: str | None, claimed: str) -> Answer:
        """Run a statement through Spark Connect for a probe."""
        number = self.ids.admin_id if persona is None else self._ids[persona]
        token = self.services.authenticator.mint(number)[0]
        host = f"http://127.0.0.1:{self.services.connect.port(secure=False)}"
        client = ConnectClient(host, {"authorization": f"Bearer {token}"}, claimed)
        try:
            rows = client.sql(statement)
        except ConnectError as error:
            return Answer(error_class=error.error_class, error=error.message)
        finally:
            client.close()
        return Answer(rows=tuple(tuple(None if cell is None else str(cell) for cell in row) for row in rows))


class _NoAccount:
    """The control of an account for a workspace without a server, which has no hosts."""

    def reset(self) -> None:
        raise NotImplementedError("a workspace without a server is not reset")

    def address_of(self, workspace_id: str) -> str:
        raise NotImplementedError(f"workspace {workspace_id} has no host")

    def host_type(self, workspace_id: str) -> str | None:
        raise NotImplementedError(f"workspace {workspace_id} has no host")

    def opened(self, workspace_id: str) -> None:
        raise NotImplementedError(f"workspace {workspace_id} has no host")

    def closed(self, workspace_id: str) -> None:
        raise NotImplementedError(f"workspace {workspace_id} has no host")

    def reassigned(self, workspace_id: str) -> None:
        raise NotImplementedError(f"workspace {workspace_id} has no host")


EVE = "eve@bank.example"
"""Who attacks."""


def reported(place: SqlWorkspace, statement: str, who: str = EVE) -> str:
    """Return all that a statement tells whoever sends it: the rows, or the error's words."""
    try:
        return repr(place.rows(statement, who))
    except SqlError as error:
        return f"{error.error_class} {error.message}"


async def _to_its_end(answer: Coroutine[Any, Any, Any]) -> Any:
    """Return what a handler answers, when the tasks that it has started are over as well."""
    found = await answer
    await asyncio.gather(*(asyncio.all_tasks() - {asyncio.current_task()}))
    return found
