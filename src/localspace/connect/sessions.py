"""Sessions of Spark Connect: each belongs to one principal, and every statement of it runs as that principal."""

from __future__ import annotations

import re
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field

from localspace.connect.resources import ConnectResources
from localspace.connect.temporary_views import already_there
from localspace.core.errors import denied
from localspace.core.ledger import rule
from localspace.core.lexer import Cursor
from localspace.core.principals import Principal
from localspace.core.statement_runner import SqlError, StatementRequest, StatementResult, TemporaryView
from localspace.sql.reader import DEFAULT_SCHEMA
from localspace.sql.statement_service import Delivery, State, Statement, StatementService

_TOLD = re.compile(r"\[([A-Z0-9_.]+)\] (.*)", re.DOTALL)


@dataclass(slots=True, kw_only=True)
class ConnectSession:
    """One session: whose it is, where names without a catalog are looked up, its temporary views, what runs."""

    owner: Principal
    id: str
    server_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    catalog: str | None = None
    schema: str | None = None
    views: dict[str, TemporaryView] = field(default_factory=dict)
    running: dict[str, Statement] = field(default_factory=dict)

    def run(self, statements: StatementService, text: str, operation: str, watch: Callable[[Statement], None]) -> StatementResult:
        """Run a statement to its end as the session's principal; `watch` gets it while it runs; raises SqlError."""
        request = StatementRequest(
            statement=text,
            principal_id=self.owner.id,
            principal_name=self.owner.name,
            catalog=self.catalog,
            schema=self.schema,
            views=tuple(self.views.values()),
        )
        statement = statements.submit(request, "", None, Delivery(external=True))
        self.running[operation] = statement
        try:
            watch(statement)
            statement.done.result()
        finally:
            self.running.pop(operation, None)
        if statement.state is State.SUCCEEDED and statement.result is not None:
            self._follow(text)
            return statement.result
        raise _error(statement)

    def keep_view(self, name: str, query: str, *, replace: bool, default_catalog: str) -> None:
        """Give a query a name; it may name the views that are there now. Raises when the name is taken."""
        if name.casefold() in self.views and not replace:
            raise already_there(name)
        self.views[name.casefold()] = TemporaryView(
            name=name,
            query=query,
            catalog=self.catalog or default_catalog,
            schema=self.schema or DEFAULT_SCHEMA,
            views=tuple(self.views.values()),
        )

    def drop_view(self, name: str) -> bool:
        """Forget a temporary view; return whether it was there."""
        return self.views.pop(name.casefold(), None) is not None

    def _follow(self, text: str) -> None:
        """Let a USE that has succeeded stand for the statements that come."""
        cursor = Cursor(text)
        if not cursor.accept("USE"):
            return
        kind, path = cursor.one_of("CATALOG", "SCHEMA", "DATABASE"), cursor.path()
        if kind == "CATALOG":
            self.catalog, self.schema = path[0], None
        else:
            self.catalog, self.schema = (path[-2] if len(path) > 1 else self.catalog), path[-1]


class ConnectSessions:
    """All sessions of one workspace."""

    def __init__(self, resources: ConnectResources) -> None:
        """Let in the principals of the workspace."""
        self._resources = resources
        self._lock = threading.Lock()
        self._open: dict[tuple[str, str], ConnectSession] = {}

    @rule("LS-086")
    def of(self, headers: dict[str, str], session_id: str) -> ConnectSession:
        """Return the session of a call: its token's principal counts, never the user that the message names.

        Raises a 401 without a valid token, and a 403 for who may not work here.
        """
        caller = self._resources.authenticator.caller(headers)
        repositories = self._resources.repositories
        identity = repositories.identity
        if not identity.in_workspace(caller.id):
            raise denied(f"Principal {caller.name} is not assigned to workspace {repositories.ids.workspace_id}.")
        if "workspace-access" not in identity.entitlements(caller.id):
            raise denied("This principal does not have the entitlement workspace-access.")
        with self._lock:
            # Two principals that send the same session id have two sessions.
            return self._open.setdefault((caller.id, session_id), ConnectSession(owner=caller, id=session_id))

    def close(self, session: ConnectSession) -> None:
        """Forget a session and cancel what runs in it."""
        with self._lock:
            self._open.pop((session.owner.id, session.id), None)
        for statement in tuple(session.running.values()):
            self._resources.statements.cancel(statement)

    def clear(self) -> None:
        """Forget every session."""
        with self._lock:
            self._open.clear()


def _error(statement: Statement) -> SqlError:
    if statement.state is State.CANCELED:
        return SqlError("OPERATION_CANCELED", "Operation has been canceled.", "HY008")
    found = _TOLD.match(statement.message)
    if found is None:
        return SqlError(statement.error_code or "INTERNAL_ERROR", statement.message, statement.sql_state)
    return SqlError(found.group(1), found.group(2), statement.sql_state, statement.error_code)
