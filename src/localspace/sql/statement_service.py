"""Statements in flight: submitted, waited for, cancelled, read in chunks, forgotten after an hour."""

from __future__ import annotations

import logging
import re
import threading
import traceback
import uuid
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from enum import StrEnum

from localspace.core.clock import Clock
from localspace.core.errors import ApiError
from localspace.core.history import History
from localspace.core.ledger import rule
from localspace.core.statement_runner import CancelToken, SqlError, StatementRequest, StatementResult, StatementRunner
from localspace.core.stored_documents.history import STATEMENTS, RecordedStatement
from localspace.sql.fair_slots import FairSlots
from localspace.sql.result_links import ResultLinks
from localspace.sql.statement_kinds import statement_type

KEPT_MS = 3_600_000
"""How long a result can be fetched after its statement has ended (source: platform docs, statement execution: one hour)."""
KEPT_STATEMENTS = 2_000
"""How many statements are kept within that hour, so that memory stays flat; the platform has no such limit."""
INLINE_BYTES = 26_214_400
ROWS_IN_CHUNK = 5_000

_log = logging.getLogger("localspace.sql.statement_service")


class State(StrEnum):
    """The life of a statement."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELED = "CANCELED"
    CLOSED = "CLOSED"


_STATUS = {State.SUCCEEDED: "FINISHED", State.FAILED: "FAILED", State.CANCELED: "CANCELED"}
"""States that a statement ends in, as the table of query history names them."""


class Format(StrEnum):
    """What a result looks like."""

    JSON_ARRAY = "JSON_ARRAY"
    ARROW_STREAM = "ARROW_STREAM"
    CSV = "CSV"


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """How a result is fetched: within the answers, up to a limit, or by links of its own."""

    external: bool = False
    format: Format = Format.JSON_ARRAY


@dataclass(slots=True, kw_only=True)
class Statement:
    """One submitted statement; the worker and the API share it under the lock of the service."""

    id: str
    request: StatementRequest
    byte_limit: int | None
    warehouse_id: str
    submitted_ms: int
    started_ms: int | None = None
    delivery: Delivery = Delivery()
    cancel: CancelToken = field(default_factory=CancelToken)
    state: State = State.PENDING
    result: StatementResult | None = None
    error_code: str = ""
    message: str = ""
    sql_state: str = ""
    ended_ms: int | None = None
    done: Future[None] = field(default_factory=Future)

    @property
    def over(self) -> bool:
        """Return whether the state is final."""
        return self.state not in (State.PENDING, State.RUNNING)


class StatementService:
    """Runs statements on worker threads: a long one blocks neither the control plane nor other principals."""

    def __init__(self, clock: Clock, build: Callable[[], StatementRunner], history: History, workspace_id: str) -> None:
        """Take `build` to make the runner with the first statement; statements that have ended go into `history`."""
        self._clock = clock
        self._history = history
        self._workspace_id = workspace_id
        self._build = build
        self._lock = threading.Lock()
        self._build_lock = threading.Lock()
        self._runner: StatementRunner | None = None
        self._slots: FairSlots | None = None
        self._statements: dict[str, Statement] = {}
        self.links = ResultLinks(clock)

    def submit(
        self, request: StatementRequest, warehouse_id: str, byte_limit: int | None, delivery: Delivery | None = None
    ) -> Statement:
        """Queue a statement and return it at once."""
        now = self._clock.now_ms()
        request = replace(request, statement_id=str(uuid.uuid4()))
        statement = Statement(
            id=request.statement_id,
            request=replace(request, statement=remembered(request.statement)),
            byte_limit=byte_limit,
            warehouse_id=warehouse_id,
            submitted_ms=now,
            delivery=delivery or Delivery(),
        )
        with self._lock:
            self._forget_old(now)
            self._statements[statement.id] = statement
            if self._slots is None:
                self._slots = FairSlots()
            self._slots.submit(request.principal_id, lambda: self._work(statement, request))
        return statement

    def warm(self) -> None:
        """Start the engine in the background, as the start of a warehouse does."""
        self._engine().warm()

    def find(self, statement_id: str) -> Statement | None:
        """Return a statement whose result is still kept, or None."""
        found = self._statements.get(statement_id)
        return None if found is None or _stale(found, self._clock.now_ms()) else found

    def listed(self) -> list[Statement]:
        """Return the statements whose results are still kept, the newest first."""
        now = self._clock.now_ms()
        with self._lock:
            kept = [one for one in self._statements.values() if not _stale(one, now)]
        return kept[::-1]

    def cancel(self, statement: Statement) -> None:
        """Ask a statement to stop; it counts as CANCELED at once."""
        with self._lock:
            if statement.over:
                return
            self._end(statement, State.CANCELED)
        statement.cancel.cancel()

    def clear(self) -> None:
        """Cancel what runs, wait until it has stopped, forget every statement; the engine stays."""
        for statement in tuple(self._statements.values()):
            self.cancel(statement)
        slots, self._slots = self._slots, None
        if slots is not None:
            slots.close()
        self._statements.clear()
        self.links.clear()

    def close(self) -> None:
        """Cancel what runs and free the engine."""
        self.clear()
        runner, self._runner = self._runner, None
        if runner is not None:
            runner.close()

    def _forget_old(self, now: int) -> None:
        """Forget from the oldest on what may not be fetched any more, and what is too much; one that runs is kept."""
        surplus = len(self._statements) + 1 - KEPT_STATEMENTS
        forgotten: list[str] = []
        for key, one in self._statements.items():
            if len(forgotten) >= surplus and not _stale(one, now):
                break
            if one.over:
                forgotten.append(key)
        for key in forgotten:
            del self._statements[key]

    def _work(self, statement: Statement, request: StatementRequest) -> None:
        with self._lock:
            if statement.over:
                return
            statement.state = State.RUNNING
            statement.started_ms = self._clock.now_ms()
        try:
            result = _cut(self._engine().run(request, statement.cancel), statement)
        except SqlError as error:
            text = f"[{error.error_class}] {error.message}"
            if "SQLSTATE" not in text:
                text += f" SQLSTATE: {error.sql_state}"
            self._fail(statement, error.error_code, text, error.sql_state)
        except ApiError as error:
            self._fail(statement, error.error_code, error.message, "42000")
        except Exception as error:
            # The worker is the last place that can tell the caller; the trace goes to the server's log.
            # Its text may quote the statement, so only the location is reported.
            where = "".join(traceback.format_tb(error.__traceback__))
            _log.error("statement %s failed inside the engine: %s\n%s", statement.id, type(error).__name__, where)
            self._fail(statement, "INTERNAL_ERROR", f"[INTERNAL_ERROR] {type(error).__name__} in the local workspace.", "XX000")
        else:
            with self._lock:
                if not statement.over:
                    statement.result = result
                    self._end(statement, State.SUCCEEDED)

    def _fail(self, statement: Statement, code: str, message: str, sql_state: str) -> None:
        with self._lock:
            if not statement.over:
                statement.error_code, statement.message, statement.sql_state = code, message, sql_state
                self._end(statement, State.FAILED)

    def _end(self, statement: Statement, state: State) -> None:
        statement.state = state
        statement.ended_ms = self._clock.now_ms()
        event = _recorded(statement, statement.ended_ms, self._workspace_id)
        self._history.add(STATEMENTS, lambda: event)
        statement.done.set_result(None)

    def _engine(self) -> StatementRunner:
        with self._build_lock:
            if self._runner is None:
                self._runner = self._build()
            return self._runner


_BEFORE = r"\s*(?:(?:--[^\n]*\n|/\*.*?\*/)\s*)*"
_CREATES_FUNCTION = re.compile(
    _BEFORE + r"CREATE\s+(?:OR\s+REPLACE\s+)?(?:TEMPORARY\s+|TEMP\s+)?FUNCTION\b",
    re.IGNORECASE | re.DOTALL,
)
_RETURN = re.compile(r"\bRETURN\b", re.IGNORECASE)
_RUNS_TEXT = re.compile(_BEFORE + r"EXECUTE\s+IMMEDIATE\b", re.IGNORECASE | re.DOTALL)


@rule("LS-092")
def remembered(text: str) -> str:
    """Return what is kept of a statement's text: a function without its body, which may hold a key.

    The text in EXECUTE IMMEDIATE may make a function and is put together from parts: nothing of it is kept.
    """
    if _RUNS_TEXT.match(text):
        return "EXECUTE IMMEDIATE …"
    if not _CREATES_FUNCTION.match(text):
        return text
    return _RETURN.split(text, maxsplit=1)[0] + "RETURN …"


def _recorded(statement: Statement, ended_ms: int, workspace_id: str) -> RecordedStatement:
    request = statement.request
    event = RecordedStatement(
        workspace_id=workspace_id,
        statement_id=statement.id,
        status=_STATUS[statement.state],
        warehouse_id=statement.warehouse_id,
        principal_id=request.principal_id,
        principal_name=request.principal_name,
        text=request.statement,
        type=statement_type(request.statement),
        error=statement.message or None,
        submitted_ms=statement.submitted_ms,
        started_ms=statement.started_ms if statement.started_ms is not None else ended_ms,
        ended_ms=ended_ms,
        rows=0 if statement.result is None else len(statement.result.rows),
    )
    if request.job is not None:
        event["job_id"], event["job_run_id"] = request.job
    return event


def _stale(statement: Statement, now_ms: int) -> bool:
    return statement.ended_ms is not None and statement.ended_ms + KEPT_MS <= now_ms


def _cut(result: StatementResult, statement: Statement) -> StatementResult:
    rows, truncated = result.rows, result.truncated
    row_limit, byte_limit = statement.request.row_limit, statement.byte_limit
    if row_limit is not None and len(rows) > row_limit:
        rows, truncated = rows[:row_limit], True
    size = 0
    for number, row in enumerate(rows):
        size += sum(len(cell.encode()) if cell is not None else 4 for cell in row)
        if byte_limit is not None and size > byte_limit:
            rows, truncated = rows[:number], True
            break
        if size > INLINE_BYTES and not statement.delivery.external:
            raise SqlError(
                "INLINE_BYTE_LIMIT_EXCEEDED",
                f"Statements executed with disposition=INLINE can have a result size of at most {INLINE_BYTES} bytes.",
                "54000",
            )
    return replace(result, rows=rows, truncated=truncated)
