"""SCIM 2.0 as the platform implements it: filters, PATCH operations, projections (source: RFC 7644 and the SDK's calls)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from localspace.core.errors import invalid
from localspace.http.serialisation import Json, whole_number

LIST_SCHEMA = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
MAX_COUNT = 10_000

_QUOTED = r""""(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'"""
"""A quoted value. RFC 7644 knows double quotes; clients of the platform also send single ones, and it takes them."""

_TOKEN = re.compile(rf"""\s*(?:(?P<string>{_QUOTED})|(?P<mark>[()])|(?P<word>[^\s()"']+))""")
_ELEMENT = re.compile(rf"^(?P<list>[\w.:-]+)\[\s*(?P<field>[$\w]+)\s+eq\s+(?P<value>{_QUOTED}|[^\]]+?)\s*\](?:\.[\w.]+)?$", re.I)

_ALWAYS = frozenset({"id", "schemas", "applicationId"})
_SINGLE = frozenset({"active", "displayName", "userName", "externalId", "applicationId"})

Predicate = Callable[[Json], bool]


def parse_filter(text: str) -> Predicate:
    """Return the test that a filter describes: eq, ne, co, sw, ew, pr, and, or, not, brackets; raises 400."""
    tokens: list[str] = []
    at = 0
    text = text.strip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise invalid(f"Invalid filter at character {at + 1}: {text}")
        tokens.append(match.group().strip())
        at = match.end()
    predicate, rest = _either(tokens, text)
    if rest:
        raise invalid(f"Invalid filter near '{rest[0]}': {text}")
    return predicate


def _either(tokens: list[str], text: str) -> tuple[Predicate, list[str]]:
    left, rest = _both(tokens, text)
    while rest and rest[0].lower() == "or":
        right, rest = _both(rest[1:], text)
        left = (lambda one, two: lambda body: one(body) or two(body))(left, right)
    return left, rest


def _both(tokens: list[str], text: str) -> tuple[Predicate, list[str]]:
    left, rest = _term(tokens, text)
    while rest and rest[0].lower() == "and":
        right, rest = _term(rest[1:], text)
        left = (lambda one, two: lambda body: one(body) and two(body))(left, right)
    return left, rest


def _term(tokens: list[str], text: str) -> tuple[Predicate, list[str]]:
    if tokens and tokens[0].lower() == "not":
        inner, rest = _term(tokens[1:], text)
        return (lambda body: not inner(body)), rest
    if tokens and tokens[0] == "(":
        inner, rest = _either(tokens[1:], text)
        if not rest or rest[0] != ")":
            raise invalid(f"Invalid filter, a bracket is not closed: {text}")
        return inner, rest[1:]
    if len(tokens) >= 2 and tokens[1].lower() == "pr":
        path = tokens[0]
        return (lambda body: any(values_at(body, path))), tokens[2:]
    if len(tokens) < 3:
        raise invalid(f"Invalid filter, 'attribute operator value' is needed: {text}")
    return _comparison(tokens[0], tokens[1].lower(), _unquoted(tokens[2]), text), tokens[3:]


def _comparison(path: str, operator: str, wanted: str, text: str) -> Predicate:
    tests: dict[str, Callable[[str], bool]] = {
        "eq": lambda found: found == wanted.casefold(),
        "co": lambda found: wanted.casefold() in found,
        "sw": lambda found: found.startswith(wanted.casefold()),
        "ew": lambda found: found.endswith(wanted.casefold()),
    }
    if operator == "ne":
        return lambda body: not any(tests["eq"](_text(one)) for one in values_at(body, path))
    if operator not in tests:
        raise invalid(f"Invalid filter operator '{operator}': {text}")
    test = tests[operator]
    return lambda body: any(test(_text(one)) for one in values_at(body, path))


def values_at(body: Any, path: str) -> list[Any]:
    """Return the values at a dotted path, names without case, lists opened; `emails` means `emails.value`."""
    found = [body]
    for name in path.split("."):
        deeper: list[Any] = []
        for one in found:
            if isinstance(one, dict):
                for key, value in one.items():
                    if key.casefold() == name.casefold():
                        deeper += value if isinstance(value, list) else [value]
        found = deeper
    return [one.get("value") if isinstance(one, dict) else one for one in found]


def project(body: Json, query: Any) -> Json:
    """Return the attributes asked for; id, schemas and the id of an application always come along."""
    wanted = {one.strip().split(".")[0].casefold() for one in query.get("attributes", "").split(",") if one.strip()}
    unwanted = {one.strip().casefold() for one in query.get("excludedAttributes", "").split(",") if one.strip()}
    return {
        key: value
        for key, value in body.items()
        if key in _ALWAYS or ((not wanted or key.casefold() in wanted) and key.casefold() not in unwanted)
    }


def list_response(found: Iterable[Json], query: Any) -> Json:
    """Return one page of resources: filter, sort, startIndex (from 1) and count."""
    resources = list(found)
    if query.get("filter"):
        predicate = parse_filter(query["filter"])
        resources = [one for one in resources if predicate(one)]
    if query.get("sortBy"):
        resources.sort(key=lambda one: [_text(value) for value in values_at(one, query["sortBy"])])
        if query.get("sortOrder", "").lower() == "descending":
            resources.reverse()
    start = max(whole_number(query.get("startIndex"), "startIndex", 1), 1)
    count = min(whole_number(query.get("count"), "count", MAX_COUNT), MAX_COUNT)
    page = [project(one, query) for one in resources[start - 1 : start - 1 + count]]
    return {
        "schemas": [LIST_SCHEMA],
        "totalResults": len(resources),
        "startIndex": start,
        "itemsPerPage": len(page),
        "Resources": page,
    }


def apply_patch(body: Json, patch: Json) -> Json:
    """Return a resource with PATCH operations applied in order; raises 400 for one that cannot be read."""
    operations = patch.get("Operations") or patch.get("operations")
    if not isinstance(operations, list) or not operations:
        raise invalid("A PATCH needs Operations.")
    new = dict(body)
    for operation in operations:
        if not isinstance(operation, dict):
            raise invalid("Each of Operations must be an object.")
        kind = str(operation.get("op", "")).lower()
        if kind not in ("add", "remove", "replace"):
            raise invalid(f"Invalid PATCH operation '{operation.get('op')}'.")
        path, value = operation.get("path"), operation.get("value")
        if path:
            _apply(new, kind, str(path), value)
        elif isinstance(value, dict) and kind != "remove":
            for name, one in value.items():
                _apply(new, kind, name, one)
        else:
            raise invalid(f"A PATCH {kind} without a path needs an object as value.")
    return new


def _apply(body: Json, kind: str, path: str, value: Any) -> None:
    element = _ELEMENT.match(path)
    if element:
        _apply_element(body, kind, element, value)
        return
    head, _, tail = path.rpartition(":")[2].partition(".")
    name = next((key for key in body if key.casefold() == head.casefold()), head)
    if tail:
        if not isinstance(body.get(name) or {}, dict):
            raise invalid(f"{name} has no parts that could be patched.")
        inner = dict(body.get(name) or {})
        _apply(inner, kind, tail, value)
        body[name] = inner
        return
    if name in _SINGLE:
        value = _single(name, value)
    old = body.get(name)
    many = isinstance(old, list) or isinstance(value, list) or name in ("members", "entitlements", "roles", "emails")
    if isinstance(value, dict) and name in value:
        value = value[name]
    if not many:
        if kind == "remove":
            body.pop(name, None)
        else:
            body[name] = value
        return
    given = _elements(value)
    if kind == "replace":
        body[name] = given
    elif kind == "add":
        old = old if isinstance(old, list) else []
        known = {_identity(one) for one in old}
        body[name] = list(old) + [one for one in given if _identity(one) not in known]
    else:
        gone = {_identity(one) for one in given}
        old = old if isinstance(old, list) else []
        body[name] = [one for one in old if _identity(one) not in gone] if given else []


def _apply_element(body: Json, kind: str, element: re.Match[str], value: Any) -> None:
    head = element["list"].rpartition(":")[2]
    name = next((key for key in body if key.casefold() == head.casefold()), head)
    wanted = _unquoted(element["value"])
    if not isinstance(body.get(name) or [], list):
        raise invalid(f"{name} is not a list.")
    old = [one for one in body.get(name) or [] if isinstance(one, dict)]
    matches = [one for one in old if str(one.get(element["field"], "")) == wanted]
    if kind == "remove":
        body[name] = [one for one in old if one not in matches]
    elif not matches:
        body[name] = [*old, {element["field"]: wanted}]
    elif isinstance(value, dict):
        body[name] = [one | value if one in matches else one for one in old]


def _single(name: str, value: Any) -> Any:
    # Terraform deactivates with [{"value": "false"}].
    while isinstance(value, (list, dict)):
        if isinstance(value, dict):
            value = value.get(name, value.get("value"))
        else:
            value = value[0] if value else None
    if name == "active" and isinstance(value, str):
        if value.lower() not in ("true", "false"):
            raise invalid(f"active must be true or false, not '{value}'.")
        return value.lower() == "true"
    return value


def _elements(value: Any) -> list[Json]:
    if value is None:
        return []
    given = value if isinstance(value, list) else [value]
    return [one if isinstance(one, dict) else {"value": str(one)} for one in given if one != {}]


def _identity(one: Json) -> str:
    return str(one.get("value") if isinstance(one, dict) else one)


def _unquoted(token: str) -> str:
    if len(token) >= 2 and token[0] == token[-1] and token[0] in "\"'":
        return re.sub(r"\\(.)", r"\1", token[1:-1])
    return token


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value).casefold()
