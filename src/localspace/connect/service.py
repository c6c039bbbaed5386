"""The gRPC service: plans come in, statements run on the enforced path, Arrow goes out."""

from __future__ import annotations

import logging
import re
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import grpc
import pyarrow as pa

from localspace.connect import plans, settings, writers
from localspace.connect.columns import schema_message, type_message
from localspace.connect.protocol import SERVICE, chosen, pb, spark_version
from localspace.connect.resources import ConnectResources
from localspace.connect.sessions import ConnectSession, ConnectSessions
from localspace.connect.temporary_views import ViewStatement, view_name, view_statement
from localspace.connect.unsupported import UnsupportedError, status_of
from localspace.core.errors import ApiError, not_found
from localspace.core.faults import milliseconds_since
from localspace.core.ledger import rule
from localspace.core.lexer import Cursor
from localspace.core.statement_runner import SqlError, StatementResult
from localspace.core.statement_text import first_word
from localspace.core.stored_documents import kinds
from localspace.governance.default_namespace import default_catalog
from localspace.sql.arrow import record_batch, stream_of
from localspace.sql.reader import DEFAULT_SCHEMA, SqlSession
from localspace.sql.result_rows import Field, shown
from localspace.sql.statement_kinds import is_read
from localspace.sql.types import DataType, parse_type

SPARK_VERSION = "4.0.0"
_LAZY = frozenset({"SELECT", "WITH", "VALUES", "FROM", ""})
_CLIENT = re.compile(r"\bdbconnect/(\d+)\.(\d+)")
_ROWS_IN_BATCH = 10_000
_log = logging.getLogger("localspace.connect")


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One call: its session, the operation's id, and how to run a statement in it."""

    session: ConnectSession
    operation: str
    run: Callable[[str], StatementResult]

    def query(self, relation: Any) -> str:
        """Return a relation as a statement; its columns are asked for as the session's principal where it needs them."""
        return plans.query(relation, self._columns)

    def _columns(self, text: str) -> tuple[str, ...]:
        return tuple(name for name, _, _ in self.run(plans.without_rows(text)).columns)

    def response(self, **parts: Any) -> Any:
        """Return a part of the answer to ExecutePlan."""
        return pb.ExecutePlanResponse(
            session_id=self.session.id,
            server_side_session_id=self.session.server_id,
            operation_id=self.operation,
            response_id=str(uuid.uuid4()),
            **parts,
        )


class Service:
    """Spark Connect for one workspace."""

    def __init__(self, resources: ConnectResources) -> None:
        """Run statements by `resources`."""
        self._resources = resources
        self.sessions = ConnectSessions(resources)

    def handler(self) -> Any:
        """Return the handler of the gRPC server: every method of the protocol, served or refused by name."""
        one, many = grpc.unary_unary_rpc_method_handler, grpc.unary_stream_rpc_method_handler
        served: dict[str, tuple[Any, Callable[[ConnectSession, Any, Any], Any]]] = {
            "AnalyzePlan": (one, self._analyze),
            "Config": (one, self._config),
            "Interrupt": (one, self._interrupt),
            "ReleaseExecute": (one, self._release_execute),
            "ReleaseSession": (one, self._release_session),
            "ReattachExecute": (many, self._reattach),
            "ExecutePlan": (many, self._execute),
            "ArtifactStatus": (one, self._refuse("ArtifactStatus")),
            "FetchErrorDetails": (one, self._refuse("FetchErrorDetails")),
            "CloneSession": (one, self._refuse("CloneSession")),
        }
        requests = {"ArtifactStatus": "ArtifactStatusesRequest"}
        methods = {
            name: make(
                (self._stream if make is many else self._unary)(name, work),
                request_deserializer=getattr(pb, requests.get(name, f"{name}Request")).FromString,
                response_serializer=lambda message: message.SerializeToString(),
            )
            for name, (make, work) in served.items()
        }
        methods["AddArtifacts"] = grpc.stream_unary_rpc_method_handler(
            self._unary("AddArtifacts", self._refuse("addArtifacts, and functions in Python")), bytes, bytes
        )
        return grpc.method_handlers_generic_handler(SERVICE, methods)

    # Around each call

    def _unary(self, name: str, work: Callable[[ConnectSession, Any, Any], Any]) -> Callable[[Any, Any], Any]:
        def serve(request: Any, context: Any) -> Any:
            start, who = time.perf_counter(), ""
            try:
                session = self._session(request, context)
                who = session.owner.name
                found = work(session, request, context)
            except Exception as error:
                self._fail(name, who, start, error, context, request)
            self._logged(name, who, start, 200, request)
            return found

        return serve

    def _stream(
        self, name: str, work: Callable[[ConnectSession, Any, Any], Iterator[Any]]
    ) -> Callable[[Any, Any], Iterator[Any]]:
        def serve(request: Any, context: Any) -> Iterator[Any]:
            start, who = time.perf_counter(), ""
            try:
                session = self._session(request, context)
                who = session.owner.name
                yield from work(session, request, context)
            except Exception as error:
                self._fail(name, who, start, error, context, request)
            self._logged(name, who, start, 200, request)

        return serve

    def _session(self, request: Any, context: Any) -> ConnectSession:
        headers = {str(key): str(value) for key, value in context.invocation_metadata()}
        return self.sessions.of(headers, getattr(request, "session_id", ""))

    def _fail(self, name: str, who: str, start: float, error: Exception, context: Any, request: Any) -> None:
        if not isinstance(error, ApiError | SqlError | UnsupportedError):
            # A defect of localspace: the client gets a short error, the trace goes to the server's log.
            _log.exception("%s failed", name)
        status = {UnsupportedError: 501, SqlError: 400}.get(type(error), getattr(error, "status", 500))
        self._logged(name, who, start, status, request)
        context.abort_with_status(status_of(error))

    def _logged(self, name: str, who: str, start: float, status: int, request: Any) -> None:
        self._resources.faults.log(
            method="GRPC", path=f"/{SERVICE}/{name}", query="", operation=f"connect.{name}", principal=who, status=status,
            duration_ms=milliseconds_since(start), mutating=name == "ExecutePlan" and _writes(request.plan),
            workspace=self._resources.repositories.ids.workspace_id,
        )  # fmt: skip

    @staticmethod
    def _refuse(what: str) -> Callable[[ConnectSession, Any, Any], Any]:
        def serve(session: ConnectSession, request: Any, context: Any) -> Any:
            raise UnsupportedError(what, "use SQL")

        return serve

    # Plans

    def _execute(self, session: ConnectSession, request: Any, context: Any) -> Iterator[Any]:
        turn = self._turn(session, request.operation_id, context)
        plans.require_known(request.plan)
        match request.plan.WhichOneof("op_type"):
            case "root":
                yield from self._relation(turn, request.plan.root)
            case "command":
                yield from self._command(turn, request.plan.command)
            case kind:
                raise UnsupportedError(f"a plan of kind {kind or 'unknown'}", "switch plan compression off")
        yield turn.response(result_complete=pb.ExecutePlanResponse.ResultComplete())

    def _turn(self, session: ConnectSession, operation: str, context: Any) -> Turn:
        operation = operation or str(uuid.uuid4())
        statements = self._resources.statements

        def run(text: str) -> StatementResult:
            # A client that goes away takes its statement with it.
            return session.run(statements, text, operation, lambda one: context.add_callback(lambda: statements.cancel(one)))

        return Turn(session=session, operation=operation, run=run)

    @rule("LS-086")
    def _relation(self, turn: Turn, relation: Any) -> Iterator[Any]:
        match relation.WhichOneof("rel_type"):
            case "local_relation":
                yield from _batches(turn, plans.local_batch(relation.local_relation))
            case "show_string":
                text = _shown(turn, relation.show_string)
                result = StatementResult(columns=(("show_string", "string", "STRING"),), rows=[[text]])
                yield from _result(turn, result)
            case "catalog":
                yield from _result(turn, _catalog(turn, relation.catalog))
            case _:
                yield from _result(turn, turn.run(turn.query(relation)))

    def _command(self, turn: Turn, command: Any) -> Iterator[Any]:
        kind, body = chosen(command, "command_type")
        match kind:
            case "create_dataframe_view":
                self._make_view(turn, body)
            case "write_operation" | "write_operation_v2":
                self._write(turn, body)
            case "sql_command":
                yield from self._sql_command(turn, body)
            case _:
                raise UnsupportedError(f"the command {kind or 'of a newer client'}")

    def _make_view(self, turn: Turn, body: Any) -> None:
        if body.is_global:
            raise UnsupportedError("global temporary views", "make a view of the session")
        self._keep_view(turn, ViewStatement(name=view_name(body.name), query=turn.query(body.input), replace=body.replace))

    @rule("LS-193")
    def _keep_view(self, turn: Turn, made: ViewStatement) -> None:
        """Keep the text of a temporary view in its session, after its columns were asked for as the session's principal."""
        query = str(made.query)
        turn.run(plans.without_rows(query))
        catalog = default_catalog(self._resources.repositories.store)
        turn.session.keep_view(made.name, query, replace=made.replace, default_catalog=catalog)

    def _write(self, turn: Turn, body: Any) -> None:
        statement = _STATEMENTS[body.DESCRIPTOR.name](body, turn.query(body.input), partial(self._exists, turn.session))
        if statement is not None:
            turn.run(statement)

    def _exists(self, session: ConnectSession, name: str) -> bool:
        store = self._resources.repositories.store
        catalog, schema = session.catalog or default_catalog(store), session.schema or DEFAULT_SCHEMA
        path = SqlSession(principal=session.owner, catalog=catalog, schema=schema).table_path(Cursor(name).path())
        return store.get(kinds.TABLE, *path) is not None

    def _sql_command(self, turn: Turn, body: Any) -> Iterator[Any]:
        if body.HasField("input") and body.input.WhichOneof("rel_type") != "sql":
            raise UnsupportedError("spark.sql(…) with data frames in it")
        body = body.input.sql if body.HasField("input") else pb.SQL(query=body.sql, named_arguments=body.named_arguments)
        text = plans.sql_text(body)
        view = view_statement(text)
        dropped = view is not None and view.query is None and turn.session.drop_view(view.name)
        # A query runs when its rows are asked for; a command runs now, once.
        if first_word(text) in _LAZY:
            relation = pb.Relation(sql=pb.SQL(query=text))
        else:
            if view is not None and view.query is not None:
                self._keep_view(turn, view)
                dropped = True
            result = StatementResult() if dropped else turn.run(text)
            data = stream_of(record_batch(result.columns, result.rows))
            relation = pb.Relation(local_relation=pb.LocalRelation(data=data))
        yield turn.response(sql_command_result=pb.ExecutePlanResponse.SqlCommandResult(relation=relation))

    def _reattach(self, session: ConnectSession, request: Any, context: Any) -> Iterator[Any]:
        raise not_found(
            f"[INVALID_HANDLE.OPERATION_NOT_FOUND] The handle {request.operation_id} is invalid. Operation not found."
        )

    def _analyze(self, session: ConnectSession, request: Any, context: Any) -> Any:
        turn = self._turn(session, "", context)
        found = pb.AnalyzePlanResponse(session_id=session.id, server_side_session_id=session.server_id)
        kind, body = chosen(request, "analyze")
        match kind:
            case "schema":
                found.schema.schema.CopyFrom(_schema(turn, body.plan))
            case "explain":
                plans.require_known(body.plan)
                found.explain.explain_string = str(turn.run(f"EXPLAIN {turn.query(body.plan.root)}").rows[0][0])
            case "spark_version":
                found.spark_version.CopyFrom(spark_version(SPARK_VERSION, _runtime(request.client_type)))
            case "ddl_parse":
                found.ddl_parse.parsed.CopyFrom(type_message(_parsed(body.ddl_string)))
            case "is_local":
                found.is_local.is_local = False
            case "is_streaming":
                found.is_streaming.is_streaming = False
            case _:
                raise UnsupportedError(f"the analysis {kind or 'of a newer client'}")
        return found

    def _config(self, session: ConnectSession, request: Any, context: Any) -> Any:
        pairs = settings.answer(request.operation)
        return pb.ConfigResponse(session_id=session.id, server_side_session_id=session.server_id, pairs=pairs)

    def _interrupt(self, session: ConnectSession, request: Any, context: Any) -> Any:
        if request.interrupt_type == pb.InterruptRequest.INTERRUPT_TYPE_TAG:
            raise UnsupportedError("interruptTag", "use interruptAll or interruptOperation")
        everything = request.interrupt_type == pb.InterruptRequest.INTERRUPT_TYPE_ALL
        stopped = [one for one in tuple(session.running) if everything or one == request.operation_id]
        for one in stopped:
            self._resources.statements.cancel(session.running[one])
        return pb.InterruptResponse(session_id=session.id, server_side_session_id=session.server_id, interrupted_ids=stopped)

    def _release_execute(self, session: ConnectSession, request: Any, context: Any) -> Any:
        return pb.ReleaseExecuteResponse(
            session_id=session.id, server_side_session_id=session.server_id, operation_id=request.operation_id
        )

    def _release_session(self, session: ConnectSession, request: Any, context: Any) -> Any:
        self.sessions.close(session)
        return pb.ReleaseSessionResponse(session_id=session.id, server_side_session_id=session.server_id)


def _writes(plan: Any) -> bool:
    """Return whether a plan is a statement that changes something; every other plan is a query."""
    if plan.command.WhichOneof("command_type") in ("write_operation", "write_operation_v2"):
        return True
    body = plan.command.sql_command
    text = body.sql or body.input.sql.query or plan.root.sql.query
    return bool(text) and not is_read(text)


def _result(turn: Turn, result: StatementResult) -> Iterator[Any]:
    yield turn.response(schema=schema_message(result))
    yield from _batches(turn, record_batch(result.columns, result.rows))


def _batches(turn: Turn, batch: pa.RecordBatch) -> Iterator[Any]:
    for start in range(0, max(batch.num_rows, 1), _ROWS_IN_BATCH):
        part = batch.slice(start, _ROWS_IN_BATCH)
        message = pb.ExecutePlanResponse.ArrowBatch(row_count=part.num_rows, data=stream_of(part), start_offset=start)
        yield turn.response(arrow_batch=message)


def _schema(turn: Turn, plan: Any) -> Any:
    plans.require_known(plan)
    if plan.WhichOneof("op_type") != "root":
        raise UnsupportedError("the schema of a command")
    root = plan.root
    if root.WhichOneof("rel_type") == "sql" and first_word(root.sql.query) not in _LAZY:
        return schema_message(turn.run(turn.query(root)))
    limited = pb.Relation(limit=pb.Limit(input=root, limit=0))
    return schema_message(turn.run(turn.query(limited)))


def _parsed(ddl: str) -> DataType:
    """Return a type, or the columns of a table as one struct."""
    try:
        return parse_type(ddl)
    except SqlError:
        return parse_type(f"struct<{ddl}>")


def _shown(turn: Turn, body: Any) -> str:
    if body.vertical:
        raise UnsupportedError("show(vertical=True)")
    limited = pb.Relation(limit=pb.Limit(input=body.input, limit=body.num_rows + 1))
    result = turn.run(turn.query(limited))
    fields = [Field(name=name, type_text=text, type_name=kind) for name, text, kind in result.columns]
    table = shown(fields, result.rows[: body.num_rows], body.truncate)
    more = f"only showing top {body.num_rows} row{'s' * (body.num_rows != 1)}\n" if len(result.rows) > body.num_rows else ""
    return f"{table}\n{more}"


def _catalog(turn: Turn, body: Any) -> StatementResult:
    kind = body.WhichOneof("cat_type")
    match kind:
        case "current_catalog":
            return turn.run("SELECT current_catalog()")
        case "current_database":
            return turn.run("SELECT current_schema()")
        case "drop_temp_view":
            gone = turn.session.drop_view(view_name(body.drop_temp_view.view_name))
            return StatementResult(columns=(("value", "BOOLEAN", "BOOLEAN"),), rows=[["true" if gone else "false"]])
    raise UnsupportedError(f"spark.catalog: {kind or 'a question of a newer client'}")


_STATEMENTS: dict[str, Callable[[Any, str, writers.Exists], str | None]] = {
    "WriteOperation": writers.save,
    "WriteOperationV2": writers.save_v2,
}


def _runtime(client: str) -> str:
    """Return the runtime that a client wants to hear: its own, for what is served does not depend on it."""
    found = _CLIENT.search(client)
    return f"{found.group(1)}.{found.group(2)}.x-localspace" if found else "16.1.x-localspace"
