"""Mutants: ways to read a connect request wrongly, for the faults that are about reading."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from partnercert import contract
from partnercert.reference_partner.requests import RefusedError, bad_request, parse


def read_connect(body: bytes, broken: Callable[[str], bool]) -> dict[str, Any]:
    """Parse a ConnectRequest, wrongly where a fault says so. Raises RefusedError."""
    if broken("missing_field_500") and _lacks_a_field(body):
        raise RefusedError(500, "general_error", "a field is missing")
    value = _lenient(body) if broken("wrong_type_accepted") else parse(body, "ConnectRequest")
    user = value["user_info"]
    if broken("ids_as_doubles"):
        value["workspace_id"] = int(float(value["workspace_id"]))
        user["databricks_organization_id"] = int(float(user["databricks_organization_id"]))
    if broken("organization_not_compared"):
        value["workspace_id"] = user["databricks_organization_id"]
    if broken("long_name_500") and len(user["first_name"]) > 255:
        raise RefusedError(500, "general_error", "the name does not fit")
    if broken("unknown_field_refused"):
        known = contract.document()["components"]["schemas"]["ConnectRequest"]["properties"]
        if set(value) - set(known):
            raise bad_request("unknown field")
    return value


def _lacks_a_field(body: bytes) -> bool:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return False
    return any("required" in p for p in contract.schema_problems("ConnectRequest", value))


def _lenient(body: bytes) -> dict[str, Any]:
    """Parse and repair what breaks the schema; what cannot be repaired is refused as ever."""
    try:
        return parse(body, "ConnectRequest")
    except RefusedError:
        try:
            value = json.loads(body)
        except (ValueError, RecursionError):
            value = None
        if not isinstance(value, dict) or not isinstance(value.get("user_info"), dict):
            raise
    for holder, name in ((value, "ConnectRequest"), (value["user_info"], "UserInfo")):
        for key, rule in contract.document()["components"]["schemas"][name]["properties"].items():
            if key in holder and rule.get("type") == "string" and not isinstance(holder[key], str):
                holder[key] = json.dumps(holder[key])
            if key in holder and rule.get("type") == "boolean" and not isinstance(holder[key], bool):
                holder[key] = bool(holder[key])
    return parse(json.dumps(value).encode(), "ConnectRequest")
