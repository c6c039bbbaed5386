"""Catalog documents as the API returns them."""

from __future__ import annotations

import json

from localspace.core.stored_documents import kinds
from localspace.core.stored_documents.kind import Document
from localspace.http.request import Request
from localspace.http.serialisation import Json

_BROWSED = frozenset({"CATALOG", "SCHEMA", "TABLE", "FUNCTION", "VOLUME", "EXTERNAL_LOCATION"})
"""Securables whose answer says whether the caller sees them by BROWSE alone (source: SDK 0.156, fields browse_only)."""


def securable_info(request: Request, securable: str, body: Document, *, managed: bool = False) -> Json:
    """Return the answer about a securable; `managed` says that the caller manages it, which spares a look-up."""
    kind = kinds.named(securable.lower())
    found = kind.answer(body)
    if securable in _BROWSED:
        only = not managed and request.repositories.privileges.only_browses(request.actor, securable, body["full_name"])
        found["browse_only"] = only
    return found


def table_info(
    request: Request, body: Document, *, with_columns: bool = True, with_properties: bool = True, managed: bool = False
) -> Json:
    """Return a TableInfo: manual masks and filters as the platform spells them, nothing of localspace's files."""
    found = securable_info(request, "TABLE", body, managed=managed)
    found["securable_kind"] = body.get("securable_kind") or f"TABLE_{body.get('table_type', 'MANAGED')}"
    if not body.get("view_definition"):
        found.setdefault("data_source_format", "DELTA")
    if with_columns:
        found["columns"] = [_column(one, at) for at, one in enumerate(body.get("columns") or ())]
    else:
        found.pop("columns", None)
    if not with_properties:
        found.pop("properties", None)
    return found


def function_info(request: Request, body: Document) -> Json:
    """Return a FunctionInfo: parameters with their positions, and the definition for who may read it."""
    found = securable_info(request, "FUNCTION", body)
    if not request.repositories.privileges.may_read_body(request.actor, body["full_name"]):
        found.pop("routine_definition", None)
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
        | {name: one[name] for name in ("parameter_default", "comment") if one.get(name) is not None}
        for at, one in enumerate(body.get("input_params") or ())
    ]
    found["input_params"] = {"parameters": parameters} if parameters else {}
    found.setdefault("data_type", _type_name(str(body.get("full_data_type", "STRING"))))
    found.setdefault("external_language", body.get("language") or "SQL")
    found.setdefault("specific_name", body["name"])
    return found


def _column(body: Document, at: int) -> Json:
    hidden = ("physical", "mask", "identity")
    found = {key: value for key, value in body.items() if key not in hidden and value is not None}
    found["position"] = at
    found.setdefault("nullable", True)
    if body.get("mask"):
        found["mask"] = _control(body["mask"], "using")
    return found


def _control(body: Document, word: str) -> Json:
    """Return a mask or filter; arguments by type are answered when one is a constant, NULL as a constant without text."""
    return {key: body[key] for key in ("function_name", f"{word}_column_names", f"{word}_arguments") if key in body}


def _type_name(text: str) -> str:
    word = text.split("(")[0].split("<")[0].strip().upper()
    return {"BIGINT": "LONG", "INTEGER": "INT", "SMALLINT": "SHORT", "TINYINT": "BYTE"}.get(word, word)
