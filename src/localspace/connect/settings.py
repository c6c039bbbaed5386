"""Settings of a Spark Connect session: what a client reads about the session; none can be changed."""

from __future__ import annotations

from typing import Any

from localspace.connect.protocol import chosen, pb
from localspace.connect.unsupported import UnsupportedError
from localspace.core.statement_runner import SqlError

VALUES = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.timestampType": "TIMESTAMP_LTZ",
    "spark.connect.session.planCompression.threshold": "-1",
    "spark.connect.session.planCompression.defaultAlgorithm": "NONE",
    "spark.sql.ansi.enabled": "true",
    "spark.sql.repl.eagerEval.enabled": "false",
    "spark.sql.repl.eagerEval.maxNumRows": "20",
    "spark.sql.repl.eagerEval.truncate": "20",
    # Rows of the client come within the plan: artifacts are not cached here.
    "spark.sql.session.localRelationCacheThreshold": str(2**31 - 1),
    "spark.sql.session.localRelationSizeLimit": str(2**31 - 1),
    "spark.sql.session.localRelationChunkSizeRows": "10000",
    "spark.sql.session.localRelationChunkSizeBytes": str(16 * 2**20),
    "spark.sql.session.localRelationBatchOfChunksSizeBytes": str(16 * 2**20),
    "spark.sql.execution.arrow.pyspark.selfDestruct.enabled": "false",
    "spark.sql.execution.arrow.useLargeVarTypes": "false",
    "spark.sql.execution.pandas.convertToArrowArraySafely": "false",
    "spark.sql.execution.pandas.inferPandasDictAsMap": "false",
    "spark.sql.execution.pandas.structHandlingMode": "legacy",
    "spark.sql.execution.pyspark.binaryAsBytes": "true",
    "spark.sql.pyspark.inferNestedDictAsStruct.enabled": "false",
    "spark.sql.pyspark.legacy.inferArrayTypeFromFirstElement.enabled": "false",
    "spark.sql.pyspark.legacy.inferMapTypeFromFirstPair.enabled": "false",
}
"""What the engine does and what the clients ask before they send rows; Apache Spark's defaults where nothing here differs."""

_ABOUT_THE_CLIENT = frozenset({"spark.databricks.connect.version"})
"""What a client says of itself at the start of a session; nothing depends on it."""


def answer(operation: Any) -> list[Any]:
    """Return the pairs that a question about settings gets; raises SqlError for a change."""
    kind, asked = chosen(operation, "op_type")
    match kind:
        case "get":
            return [_pair(key, _value(key)) for key in asked.keys]
        case "get_option":
            return [_pair(key, VALUES.get(key)) for key in asked.keys]
        case "get_with_default":
            return [_pair(one.key, VALUES.get(one.key, one.value if one.HasField("value") else None)) for one in asked.pairs]
        case "get_all":
            prefix = asked.prefix if asked.HasField("prefix") else ""
            return [_pair(key.removeprefix(prefix), value) for key, value in sorted(VALUES.items()) if key.startswith(prefix)]
        case "is_modifiable":
            return [_pair(key, "false") for key in asked.keys]
        case "set":
            return [_kept(one.key, one.value) for one in asked.pairs]
        case "unset":
            return [_kept(key, VALUES.get(key)) for key in asked.keys]
    raise UnsupportedError(f"the operation {kind or 'unknown'} on settings")


def _value(key: str) -> str:
    if key not in VALUES:
        raise SqlError(
            "SQL_CONF_NOT_FOUND", f'The SQL config "{key}" cannot be found. Please verify that the config exists.', "42K0I"
        )
    return VALUES[key]


def _kept(key: str, value: str | None) -> Any:
    if VALUES.get(key) != value and key not in _ABOUT_THE_CLIENT:
        raise SqlError("CONFIG_NOT_AVAILABLE", f"Configuration {key} is not available.", "42K0I")
    return _pair(key, value)


def _pair(key: str, value: str | None) -> Any:
    return pb.KeyValue(key=key) if value is None else pb.KeyValue(key=key, value=value)
