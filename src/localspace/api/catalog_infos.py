"""Catalog documents as the API returns them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from localspace.core.stored_documents.kind import Document
from localspace.http.serialisation import Json


def catalog_info(body: Mapping[str, Any]) -> Json:
    """Return a CatalogInfo."""
    return {**body, "full_name": body["name"]}


def table_info(body: Document, *, with_columns: bool = True, with_properties: bool = True) -> Json:
    """Return a TableInfo: manual masks and filters as the platform spells them, nothing of localspace's files."""
    found = {key: value for key, value in body.items() if key not in ("storage", "columns", "row_filter")}
    found["securable_kind"] = body.get("securable_kind") or f"TABLE_{body.get('table_type', 'MANAGED')}"
    found.setdefault("data_source_format", "DELTA")
    if body.get("row_filter"):
        found["row_filter"] = {
            "function_name": body["row_filter"]["function_name"],
            "input_column_names": body["row_filter"]["input_column_names"],
        }
    if with_columns:
        found["columns"] = [_column(one, at) for at, one in enumerate(body.get("columns") or ())]
    if not with_properties:
        found.pop("properties", None)
    return found


def function_info(body: Document, *, with_body: bool) -> Json:
    """Return a FunctionInfo: parameters with their positions, and the definition for who may read it."""
    found = {key: value for key, value in body.items() if with_body or key != "routine_definition"}
    parameters = [
        {
            "name": one["name"],
            "type_text": one["type_text"],
            "type_name": one.get("type_name") or _type_name(one["type_text"]),
            "type_json": one.get("type_json") or json.dumps({"name": one["name"], "type": one["type_text"]}),
            "position": at,
            "parameter_mode": "IN",
            "parameter_type": "PARAM",
        }
        | ({"parameter_default": one["parameter_default"]} if one.get("parameter_default") is not None else {})
        for at, one in enumerate(body.get("input_params") or ())
    ]
    found["input_params"] = {"parameters": parameters}
    found.setdefault("data_type", _type_name(str(body.get("full_data_type", "STRING"))))
    found.setdefault("routine_body", "SQL")
    found.setdefault("external_language", body.get("language") or "SQL")
    found.setdefault("parameter_style", "S")
    found.setdefault("sql_data_access", "CONTAINS_SQL")
    found.setdefault("security_type", "DEFINER")
    found.setdefault("specific_name", body["name"])
    return found


def _column(body: Document, at: int) -> Json:
    found = {key: value for key, value in body.items() if key not in ("physical", "mask")}
    found["position"] = at
    found.setdefault("nullable", True)
    if body.get("mask"):
        found["mask"] = {
            "function_name": body["mask"]["function_name"],
            "using_column_names": body["mask"]["using_column_names"],
        }
    return found


def _type_name(text: str) -> str:
    word = text.split("(")[0].split("<")[0].strip().upper()
    return {"BIGINT": "LONG", "INTEGER": "INT", "SMALLINT": "SHORT", "TINYINT": "BYTE"}.get(word, word)
