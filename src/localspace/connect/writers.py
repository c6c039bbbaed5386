"""Writers of Spark Connect as statements: what a writer may do is what CREATE TABLE, INSERT and their like may do.

Source: Apache Spark, DataFrameWriter and DataFrameWriterV2: saveAsTable and writeTo go by the names of columns, insertInto by
their positions.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from localspace.connect.expressions import column_name, table_name
from localspace.connect.protocol import pb
from localspace.connect.unsupported import UnsupportedError
from localspace.core.ledger import rule
from localspace.core.lexer import quote_name, quote_text
from localspace.core.statement_runner import SqlError

Exists = Callable[[str], bool]
"""Returns whether a table or view of this name is there."""
_FORMATS = frozenset({"", "delta", "parquet", "iceberg"})


@rule("LS-195")
def save(body: Any, query: str, exists: Exists) -> str | None:
    """Return the statement of `df.write…saveAsTable()` or `insertInto()`; None when there is nothing to do."""
    if body.WhichOneof("save_type") != "table":
        raise UnsupportedError("writing to a path", "write tables")
    if body.HasField("bucket_by") or body.sort_column_names:
        raise UnsupportedError("bucketBy and sortBy")
    replaces_schema = _options(body)
    name = table_name(body.table.table_name)
    if body.table.save_method == pb.WriteOperation.SaveTable.TABLE_SAVE_METHOD_INSERT_INTO:
        verb = "INSERT OVERWRITE" if body.mode == body.SAVE_MODE_OVERWRITE else "INSERT INTO"
        return f"{verb} {name} {query}"
    make = f"TABLE {name}{_layout(body.source, body.partitioning_columns, body.clustering_columns, {})} AS {query}"
    if not exists(body.table.table_name):
        return f"CREATE {make}"
    match body.mode:
        case body.SAVE_MODE_IGNORE:
            return None
        case body.SAVE_MODE_APPEND:
            return f"INSERT INTO {name} BY NAME {query}"
        case body.SAVE_MODE_OVERWRITE:
            # As in Delta Lake: the table keeps its columns unless overwriteSchema is set.
            return f"CREATE OR REPLACE {make}" if replaces_schema else f"INSERT OVERWRITE {name} BY NAME {query}"
    return f"CREATE {make}"


@rule("LS-195")
def save_v2(body: Any, query: str, exists: Exists) -> str:
    """Return the statement of `df.writeTo(…)` with one of its verbs."""
    if _options(body):
        raise UnsupportedError("the option overwriteSchema of writeTo", "use createOrReplace()")
    name = table_name(body.table_name)
    partitions = [column_name(one) for one in body.partitioning_columns if one.WhichOneof("expr_type") == "unresolved_attribute"]
    if len(partitions) != len(body.partitioning_columns):
        raise UnsupportedError("partitions by an expression", "partition by columns")
    make = f"TABLE {name}{_layout(body.provider, partitions, body.clustering_columns, body.table_properties)} AS {query}"
    match body.mode:
        case body.MODE_CREATE:
            return f"CREATE {make}"
        case body.MODE_CREATE_OR_REPLACE:
            return f"CREATE OR REPLACE {make}"
        case body.MODE_REPLACE if exists(body.table_name):
            return f"CREATE OR REPLACE {make}"
        case body.MODE_REPLACE:
            raise SqlError("TABLE_OR_VIEW_NOT_FOUND", f"The table or view {name} cannot be found.", "42P01")
        case body.MODE_APPEND:
            return f"INSERT INTO {name} BY NAME {query}"
        case body.MODE_OVERWRITE if _is_true(body.overwrite_condition):
            return f"INSERT OVERWRITE {name} BY NAME {query}"
    raise UnsupportedError("overwrite of some rows and overwritePartitions", "use MERGE in spark.sql(…)")


def _options(body: Any) -> bool:
    """Return whether overwriteSchema is set; raises UnsupportedError for an option that would change what is written."""
    if body.with_schema_evolution:
        raise UnsupportedError("schema evolution")
    given: dict[str, str] = {key.casefold(): value.casefold() for key, value in body.options.items()}
    replaces = given.pop("overwriteschema", "false") == "true"
    if given.get("mergeschema") == "false":
        del given["mergeschema"]
    if given:
        raise UnsupportedError(f"the writer's option {sorted(given)[0]}", "leave it out")
    return replaces


def _layout(source: str, partitions: Any, clusters: Any, properties: Any) -> str:
    if source.casefold() not in _FORMATS:
        raise UnsupportedError(f"the format {source}", "use delta")
    text = f" USING {source.upper()}" if source else ""
    if partitions:
        text += f" PARTITIONED BY ({', '.join(quote_name(one) for one in partitions)})"
    if clusters:
        text += f" CLUSTER BY ({', '.join(quote_name(one) for one in clusters)})"
    if properties:
        pairs = ", ".join(f"{quote_text(key)} = {quote_text(value)}" for key, value in sorted(properties.items()))
        text += f" TBLPROPERTIES ({pairs})"
    return text


def _is_true(condition: Any) -> bool:
    return bool(condition.WhichOneof("expr_type") == "literal" and condition.literal.boolean)
