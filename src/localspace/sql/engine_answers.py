"""What the engine's process answers: columns, cells as the platform prints them, errors."""

from __future__ import annotations

import base64
import math
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from localspace.sql.calendar_days import moment_text

_NO_MEMORY = "UNABLE_TO_ACQUIRE_MEMORY"
_NO_MEMORY_TEXT = "The statement needs more memory than the SQL engine has. Read fewer rows or columns at once."


def columns_of(frame: Any) -> list[list[Any]]:
    """Return name, type text and nullability of each column of a DataFrame."""
    return [[field.name, field.dataType.simpleString(), field.nullable] for field in frame.schema.fields]


def cell(value: Any) -> str | None:
    """Return a value as the platform prints it; raises TypeError for one that the engine should have turned into a string."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return java_double(value)
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, datetime):
        return value.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, bytes | bytearray):
        return base64.b64encode(value).decode()
    raise TypeError(f"a cell of type {type(value).__name__}")


def moments_printed(row: Any, columns: list[list[Any]]) -> list[Any]:
    """Return a row whose timestamps the engine cast to strings with the timestamps as the platform prints them."""
    return [
        moment_text(value) if value is not None and kind.startswith("timestamp") else value
        for value, (_, kind, _) in zip(row, columns, strict=True)
    ]


def java_double(value: float) -> str:
    """Return a double as Java prints it, which is what the platform shows."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    if value == 0 or 1e-3 <= abs(value) < 1e7:
        text = repr(value)
        return text if "e" not in text else format(Decimal(text), "f")
    digits, _, exponent = f"{Decimal(repr(value)):e}".partition("e")
    mantissa = digits.rstrip("0") if "." in digits else digits
    if mantissa.endswith("."):
        mantissa += "0"
    if "." not in mantissa:
        mantissa += ".0"
    return f"{mantissa}E{int(exponent)}"


def describe_error(error: BaseException) -> dict[str, Any]:
    """Return class, SQLSTATE and message of an engine error; `analysis` marks those that saw no row."""
    from py4j.protocol import Py4JError
    from pyspark.errors import AnalysisException, ParseException, PySparkException

    analysis = isinstance(error, AnalysisException | ParseException)
    found: tuple[str | None, str | None, str] = (None, None, str(error))
    if isinstance(error, PySparkException):
        found = (error.getCondition(), error.getSqlState(), str(error.getMessage() or error))
    origin = getattr(error, "_origin", None) or getattr(error, "java_exception", None)
    depth = 0
    while origin is not None and depth < 12:
        try:
            condition = origin.getCondition() if hasattr(origin, "getCondition") else None
            if condition and not str(condition).startswith("_LEGACY"):
                found = (str(condition), origin.getSqlState(), str(origin.getMessage()))
        except (Py4JError, TypeError):
            # A Java exception without these methods: its cause may have them.
            condition = None
        origin = origin.getCause()
        depth += 1
    condition, state, message = found
    if "java.lang.OutOfMemoryError" in str(error):
        return {"class": _NO_MEMORY, "state": "53200", "message": _NO_MEMORY_TEXT, "analysis": False, "memory": True}
    return {"class": condition, "state": state, "message": _plain_message(message), "analysis": analysis}


def _plain_message(message: str) -> str:
    """Cut the class, the SQLSTATE, plans and the rewritten text off an engine message."""
    text = message
    for stop in ("\n== SQL", "\n\n== ", ";\n", "\nJVM stacktrace", "\n\tat ", "\n== DataFrame"):
        text = text.split(stop, 1)[0]
    text = text.strip()
    while text.startswith("[") and "] " in text:
        text = text.split("] ", 1)[1].strip()
    text = text.split(" SQLSTATE: ", 1)[0]
    # The engine's own search path names catalogs that the workspace does not have.
    return text.split("\nSearch path:", 1)[0].split(" on search path [", 1)[0].strip()
