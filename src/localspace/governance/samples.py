"""The catalog `samples`: tables that every workspace has and everybody reads.

Source: platform docs, "Sample datasets": `samples.nyctaxi.trips` and the TPC-H tables of `samples.tpch`, with these columns;
their rows are made up in `localspace.sql.sample_rows`.
"""

from __future__ import annotations

import json
import uuid

from localspace.core.ledger import rule
from localspace.core.store import Store
from localspace.core.stored_documents import kinds
from localspace.core.stored_documents.catalog import StoredColumn
from localspace.core.stored_documents.kind import Document

SAMPLES = "samples"
FOLDER = "samples"
"""Where the rows of the samples are in the data folder; they are made when they are first read."""

TABLES: dict[str, dict[str, str]] = {
    "nyctaxi": {
        "trips": "tpep_pickup_datetime timestamp, tpep_dropoff_datetime timestamp, trip_distance double, fare_amount double,"
        " pickup_zip int, dropoff_zip int",
    },
    "tpch": {
        "region": "r_regionkey bigint, r_name string, r_comment string",
        "nation": "n_nationkey bigint, n_name string, n_regionkey bigint, n_comment string",
        "supplier": "s_suppkey bigint, s_name string, s_address string, s_nationkey bigint, s_phone string,"
        " s_acctbal decimal(18,2), s_comment string",
        "customer": "c_custkey bigint, c_name string, c_address string, c_nationkey bigint, c_phone string,"
        " c_acctbal decimal(18,2), c_mktsegment string, c_comment string",
        "part": "p_partkey bigint, p_name string, p_mfgr string, p_brand string, p_type string, p_size int, p_container string,"
        " p_retailprice decimal(18,2), p_comment string",
        "partsupp": "ps_partkey bigint, ps_suppkey bigint, ps_availqty int, ps_supplycost decimal(18,2), ps_comment string",
        "orders": "o_orderkey bigint, o_custkey bigint, o_orderstatus string, o_totalprice decimal(18,2), o_orderdate date,"
        " o_orderpriority string, o_clerk string, o_shippriority int, o_comment string",
        "lineitem": "l_orderkey bigint, l_partkey bigint, l_suppkey bigint, l_linenumber int, l_quantity decimal(18,2),"
        " l_extendedprice decimal(18,2), l_discount decimal(18,2), l_tax decimal(18,2), l_returnflag string, l_linestatus string,"
        " l_shipdate date, l_commitdate date, l_receiptdate date, l_shipinstruct string, l_shipmode string, l_comment string",
    },
}
"""Schema, table and columns with their types."""


def columns_of(schema: str, table: str) -> list[tuple[str, str]]:
    """Return name and type of a sample's columns."""
    found: list[tuple[str, str]] = []
    for part in TABLES[schema][table].split(", "):
        name, kind = part.split(" ")
        found.append((name, kind))
    return found


def fill(store: Store, metastore_id: str, owner: str, now: int) -> None:
    """Put schemas and tables of the samples into a store that has the catalog."""
    stamp: Document = {"metastore_id": metastore_id, "created_at": now, "updated_at": now}
    stamp |= {"created_by": owner, "updated_by": owner, "owner": owner, "catalog_name": SAMPLES}
    for schema, tables in TABLES.items():
        body = stamp | {"name": schema, "full_name": f"{SAMPLES}.{schema}", "catalog_type": "SYSTEM_CATALOG"}
        body |= {"schema_id": str(uuid.uuid4()), "comment": f"Samples: {schema}"}
        store.put(kinds.SCHEMA, (SAMPLES, schema), kinds.SCHEMA.document(body), (SAMPLES,))
        for table in tables:
            body = stamp | {"name": table, "full_name": f"{SAMPLES}.{schema}.{table}", "schema_name": schema}
            body |= {"table_id": str(uuid.uuid4()), "table_type": "MANAGED", "data_source_format": "DELTA"}
            body |= {"columns": _column_documents(schema, table), "storage": {"path": f"{FOLDER}/{schema}.{table}"}}
            store.put(kinds.TABLE, (SAMPLES, schema, table), kinds.TABLE.document(body), (SAMPLES, schema))


def _column_documents(schema: str, table: str) -> list[StoredColumn]:
    found: list[StoredColumn] = []
    for at, (name, text) in enumerate(columns_of(schema, table)):
        type_name, json_name = _TYPES[text]
        column: StoredColumn = {
            "name": name,
            "physical": f"c{at + 1}",
            "position": at,
            "nullable": True,
            "type_text": text,
            "type_name": type_name,
            "type_json": json.dumps({"name": name, "type": json_name, "nullable": True, "metadata": {}}),
        }
        if type_name == "DECIMAL":
            column["type_precision"], column["type_scale"] = 18, 2
        found.append(column)
    return found


_TYPES = {
    "bigint": ("LONG", "long"),
    "int": ("INT", "integer"),
    "double": ("DOUBLE", "double"),
    "string": ("STRING", "string"),
    "date": ("DATE", "date"),
    "timestamp": ("TIMESTAMP", "timestamp"),
    "decimal(18,2)": ("DECIMAL", "decimal(18,2)"),
}
"""Types of the samples: as Unity Catalog names them, and as Spark's JSON does."""


@rule("LS-196")
def is_sample(full_name: str) -> bool:
    """Return whether a name is in the catalog `samples`, which nobody manages."""
    return full_name.split(".")[0].casefold() == SAMPLES
