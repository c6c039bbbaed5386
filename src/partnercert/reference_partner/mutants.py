"""Mutants: ways to read a connect request wrongly, for the faults that are about reading."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from partnercert import contract
from partnercert.reference_partner.requests import RefusedError, bad_request, parse


def read_connect(body: bytes, broken: Callable[[str], bool]) -> dict[str, Any]:
    """Parse a ConnectRequest, wrongly where a fault says so. Raises RefusedError."""
    if broken("missing_field_500") and _lacks_a_field(body):
        raise RefusedError(500, "general_error", "a field is missing")
    body = coerced(body, "ConnectRequest", broken)
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


def coerced(body: bytes, schema: str, broken: Callable[[str], bool]) -> bytes:
    """Return the body with values of a wrong type made right, as a lax parser would."""
    rules = [(wanted, match, change) for name, wanted, match, change in _COERCIONS if broken(name)]
    hook = schema == "DeleteConnectionRequest" and broken("numbers_in_quotes_in_hooks")
    rules = [_QUOTED] if hook else rules if schema == "ConnectRequest" else []
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return body
    if not rules or not isinstance(value, dict):
        return body
    schemas = contract.document()["components"]["schemas"]
    for holder, name in ((value, schema), (value.get("user_info"), "UserInfo")):
        for key, rule in schemas[name]["properties"].items() if isinstance(holder, dict) else ():
            kind = schemas[rule["$ref"].rpartition("/")[2]].get("type") if "$ref" in rule else rule.get("type")
            for wanted, match, change in rules:
                if isinstance(holder, dict) and key in holder and kind in wanted and match(holder[key]):
                    holder[key] = change(holder[key])
    return json.dumps(value).encode()


_Rule = tuple[tuple[str, ...], Callable[[Any], bool], Callable[[Any], Any]]
_QUOTED: _Rule = (("integer",), lambda v: isinstance(v, str) and v.isdigit(), int)
_COERCIONS: tuple[tuple[str, tuple[str, ...], Callable[[Any], bool], Callable[[Any], Any]], ...] = (
    ("numbers_in_quotes_accepted", *_QUOTED),
    ("booleans_as_numbers", ("integer",), lambda v: isinstance(v, bool), int),
    ("numbers_as_booleans", ("boolean",), lambda v: isinstance(v, int), bool),
    ("fractions_cut", ("integer",), lambda v: isinstance(v, float), int),
    ("arrays_of_one_unwrapped", ("string", "integer", "boolean"), lambda v: isinstance(v, list) and len(v) == 1, lambda v: v[0]),
)


def loosely_test_domain(domain: str, broken: Callable[[str], bool], prefix: str = "") -> bool:
    """Tell whether one of the faults `<prefix>lookalike_..._accepted` takes a domain for a test domain."""
    rules: dict[str, Callable[[], bool]] = {
        "suffix": lambda: domain.endswith(_NAMES),
        "substring": lambda: any(name in domain for name in _NAMES),
        "pattern_dot": lambda: bool(re.fullmatch(r"(.+\.)?databricks-(test|demo).com", domain)),
        "start": lambda: domain.startswith(_NAMES),
        "top_level": lambda: bool(re.fullmatch(r"(.+\.)?databricks-(test|demo)\.[a-z]+", domain)),
        "demo_suffix": lambda: domain.endswith("databricks-demo.com"),
        "hyphen": lambda: domain.replace("-", "").endswith(".databrickstest.com"),
        "cyrillic": lambda: domain.replace("\u0430", "a").endswith(_NAMES),
    }
    return any(broken(f"{prefix}lookalike_{name}_accepted") and rule() for name, rule in rules.items())


_NAMES = ("databricks-test.com", "databricks-demo.com")
