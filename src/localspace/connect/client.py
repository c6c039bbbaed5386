"""A small Spark Connect client, for probes and tests: one plan at a time, rows as Python values."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import grpc
import pyarrow as pa
from grpc_status import rpc_status

from localspace.connect.protocol import SERVICE, pb

_SECONDS = 120


class ConnectError(Exception):
    """A call failed: the gRPC code, the error class and the message."""

    def __init__(self, code: str, error_class: str, message: str) -> None:
        """Make an error of what came over the wire."""
        super().__init__(message)
        self.code = code
        self.error_class = error_class
        self.message = message


@dataclass(slots=True)
class ConnectClient:
    """One session at `host`; `headers` carry the authorization, `user` is the name that the messages claim."""

    host: str
    headers: Mapping[str, str]
    user: str = ""
    roots: bytes | None = None
    session_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    _channel: Any = None

    def rows(self, relation: Any) -> list[tuple[Any, ...]]:
        """Return the rows of a relation; raises ConnectError."""
        found: list[tuple[Any, ...]] = []
        for answer in self.execute(pb.Plan(root=relation)):
            if answer.HasField("arrow_batch"):
                with pa.ipc.open_stream(answer.arrow_batch.data) as reader:
                    table = reader.read_all()
                found += zip(*(column.to_pylist() for column in table.columns), strict=True)
        return found

    def sql(self, text: str) -> list[tuple[Any, ...]]:
        """Run a statement as `spark.sql(text).collect()` does; raises ConnectError."""
        command = pb.Command(sql_command=pb.SqlCommand(input=pb.Relation(sql=pb.SQL(query=text))))
        answers = list(self.execute(pb.Plan(command=command)))
        relation = next(one.sql_command_result.relation for one in answers if one.HasField("sql_command_result"))
        return self.rows(relation)

    def table(self, name: str) -> Any:
        """Return the relation of a table."""
        return pb.Relation(read=pb.Read(named_table=pb.Read.NamedTable(unparsed_identifier=name)))

    def execute(self, plan: Any) -> Iterator[Any]:
        """Yield the answers to a plan; raises ConnectError."""
        request = pb.ExecutePlanRequest(session_id=self.session_id, user_context=pb.UserContext(user_id=self.user), plan=plan)
        call = self._open().unary_stream(
            f"/{SERVICE}/ExecutePlan", lambda message: message.SerializeToString(), pb.ExecutePlanResponse.FromString
        )
        try:
            yield from call(request, metadata=self._metadata(), timeout=_SECONDS)
        except grpc.RpcError as error:
            raise _told(error) from None

    def ask(self, method: str, **parts: Any) -> Any:
        """Return the answer of a method with one answer, such as `ask("Config", operation=…)`; raises ConnectError."""
        call = self._open().unary_unary(
            f"/{SERVICE}/{method}",
            lambda message: message.SerializeToString(),
            getattr(pb, f"{method}Response").FromString,
        )
        request = getattr(pb, f"{method}Request")(session_id=self.session_id, **parts)
        try:
            return call(request, metadata=self._metadata(), timeout=_SECONDS)
        except grpc.RpcError as error:
            raise _told(error) from None

    def close(self) -> None:
        """Close the connection."""
        if self._channel is not None:
            self._channel.close()
            self._channel = None

    def _open(self) -> Any:
        if self._channel is None:
            parts = urlsplit(self.host)
            if parts.scheme == "https" or self.roots is not None:
                target = parts.netloc if parts.port else f"{parts.netloc}:443"
                self._channel = grpc.secure_channel(target, grpc.ssl_channel_credentials(self.roots))
            else:
                self._channel = grpc.insecure_channel(parts.netloc)
        return self._channel

    def _metadata(self) -> list[tuple[str, str]]:
        # The header by which a workspace finds serverless compute (source: databricks-connect 16.1).
        session = {"x-databricks-session-id": self.session_id}
        return [(name.lower(), value) for name, value in (session | dict(self.headers)).items()]


def _told(error: Any) -> ConnectError:
    from google.rpc.error_details_pb2 import ErrorInfo

    status = rpc_status.from_call(error)
    info = ErrorInfo()
    for detail in status.details if status is not None else ():
        detail.Unpack(info)
    return ConnectError(error.code().name, info.metadata.get("errorClass", ""), error.details() or "")
