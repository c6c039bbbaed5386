"""Spark Connect's messages, as the installed pyspark defines them."""

from __future__ import annotations

import importlib
import sys
import types
from pathlib import Path
from typing import Any

SERVICE = "spark.connect.SparkConnectService"
_RUNTIME_FIELD = 800
"""Number of the field `dbr_version`, which databricks-connect reads and pyspark's messages do not have."""


def _messages() -> Any:
    import pyspark

    # The package refuses to be imported without pandas, which only its client needs: a bare one stands in meanwhile.
    name = "pyspark.sql.connect"
    bare = types.ModuleType(name)
    bare.__path__ = [str(Path(pyspark.__file__).parent / "sql" / "connect")]
    before = sys.modules.get(name)
    sys.modules[name] = before or bare
    try:
        return importlib.import_module(f"{name}.proto")
    finally:
        if before is None:
            del sys.modules[name]


pb: Any = _messages()


def chosen(message: Any, oneof: str) -> tuple[str, Any]:
    """Return which alternative a message holds, and what it holds; "" for one that pyspark's messages do not have."""
    name = message.WhichOneof(oneof)
    return (name, getattr(message, name)) if name else ("", message)


def spark_version(version: str, runtime: str) -> Any:
    """Return the answer to the question for the version, with the runtime that databricks-connect asks for."""
    found = pb.AnalyzePlanResponse.SparkVersion(version=version)
    tag, text = _RUNTIME_FIELD << 3 | 2, runtime.encode()
    found.MergeFromString(_varint(tag) + _varint(len(text)) + text)
    return found


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes((*out, number))
