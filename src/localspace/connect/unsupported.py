"""Operations of Spark Connect that are not supported, and errors as gRPC statuses."""

from __future__ import annotations

import json
from typing import Any

import grpc
from google.protobuf.any_pb2 import Any as Packed
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status
from grpc_status import rpc_status

from localspace.core.errors import ApiError
from localspace.core.statement_runner import SqlError

_SQL = "org.apache.spark.sql.AnalysisException"
_PARSE = "org.apache.spark.sql.catalyst.parser.ParseException"
_UNSUPPORTED = ("org.apache.spark.SparkUnsupportedOperationException", "java.lang.UnsupportedOperationException")
_CODES = {401: grpc.StatusCode.UNAUTHENTICATED, 403: grpc.StatusCode.PERMISSION_DENIED, 404: grpc.StatusCode.NOT_FOUND}


class UnsupportedError(Exception):
    """An operation of Spark Connect that the local workspace does not serve."""

    def __init__(self, operation: str, instead: str = "say it in spark.sql(…)") -> None:
        """Name the operation, and what to do instead."""
        super().__init__(
            f"[UNSUPPORTED_FEATURE.LOCALSPACE] The local workspace's Spark Connect does not serve {operation}; {instead}."
        )


def status_of(error: Exception) -> Any:
    """Return an error as the gRPC status from which the client makes its exception."""
    match error:
        case UnsupportedError():
            return _status(grpc.StatusCode.UNIMPLEMENTED, str(error), "UNSUPPORTED_FEATURE.LOCALSPACE", "0A000", *_UNSUPPORTED)
        case SqlError():
            kind = _PARSE if error.error_class.startswith("PARSE_") else _SQL
            text = f"[{error.error_class}] {error.message}"
            if "SQLSTATE" not in text:
                text += f" SQLSTATE: {error.sql_state}"
            return _status(grpc.StatusCode.INTERNAL, text, error.error_class, error.sql_state, kind)
        case ApiError():
            code = _CODES.get(error.status, grpc.StatusCode.INTERNAL)
            return _status(code, f"{error.error_code}: {error.message}", error.error_code, "42000", _SQL)
    said = f"[INTERNAL_ERROR] {type(error).__name__} in the local workspace."
    return _status(grpc.StatusCode.INTERNAL, said, "INTERNAL_ERROR", "XX000", "org.apache.spark.SparkException")


def _status(code: grpc.StatusCode, message: str, error_class: str, sql_state: str, *classes: str) -> Any:
    metadata = {"errorClass": error_class, "sqlState": sql_state, "classes": json.dumps(classes), "messageParameters": "{}"}
    detail = Packed()
    detail.Pack(ErrorInfo(reason=classes[0], domain="org.apache.spark", metadata=metadata))
    return rpc_status.to_status(Status(code=code.value[0], message=message, details=[detail]))
