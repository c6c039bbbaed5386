"""The contract as data (openapi.yaml), and rules beyond its schemas, checked on raw replies."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Any

import yaml
from jsonschema import Draft202012Validator

from partnercert.config import PartnerConfig
from partnercert.exchange import Reply
from partnercert.hosts import redirect_problem
from partnercert.verdicts import Problem, Severity

LARGE_REPLY = 1 << 20


class Operation(StrEnum):
    """The six operations, by operationId."""

    CONNECT = "connect"
    TEST = "testConnection"
    DELETE_CONNECTION = "deleteConnection"
    DELETE_ACCOUNT = "deleteAccount"
    EXPIRE = "expireAccount"
    CONNECTORS = "getConnectors"


REASONS: dict[int, frozenset[str]] = {
    400: frozenset({"bad_request"}),
    401: frozenset({"unauthorized"}),
    404: frozenset({"account_not_found", "connection_not_found"}),
    405: frozenset({"bad_request"}),
    413: frozenset({"bad_request"}),
    415: frozenset({"bad_request"}),
    500: frozenset({"general_error"}),
}
_NO_BODY = frozenset({Operation.DELETE_ACCOUNT, Operation.EXPIRE})

#: What may follow from (user_status, account_status) on a create: redirect_value -> configured_resources, or None for both.
SCENARIOS: dict[tuple[str, str], dict[str, bool | None]] = {
    ("new", "new"): {"create_trial": True},
    ("new", "expired"): {"purchase_product": False, "create_trial": True},
    ("existing", "expired"): {"purchase_product": False, "create_trial": True},
    ("new", "active"): {"sign_in": None, "contact_admin": None, "create_trial": None},
    ("existing", "active"): {"sign_in": None},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Where an operation lives at a partner: method and full URL."""

    method: str
    url: str


@cache
def document() -> dict[str, Any]:
    """Return the OpenAPI document as data; treat it as read-only."""
    loaded = yaml.safe_load(files("partnercert").joinpath("openapi.yaml").read_text(encoding="utf-8"))
    assert isinstance(loaded, dict)
    return loaded


def routes(config: PartnerConfig) -> dict[Operation, Route]:
    """Return the operations the partner declares."""
    ends = config.endpoints
    paths = {
        Operation.CONNECT: ("POST", ends.connect),
        Operation.TEST: ("POST", ends.test_connection),
        Operation.DELETE_CONNECTION: (config.certification.delete_connection_method, ends.delete_connection),
        Operation.DELETE_ACCOUNT: ("DELETE", ends.delete_account),
        Operation.EXPIRE: ("PUT", ends.expire_account),
        Operation.CONNECTORS: ("GET", ends.get_connectors),
    }
    return {op: Route(method=verb, url=config.base_url + path) for op, (verb, path) in paths.items() if path}


def document_for(config: PartnerConfig) -> dict[str, Any]:
    """Return the OpenAPI document with this partner's address and paths, without what it does not offer."""
    made = copy.deepcopy(document())
    by_id = {spec["operationId"]: spec for item in made["paths"].values() for spec in item.values()}
    made["servers"] = [{"url": config.base_url}]
    made["paths"] = {}
    for operation, route in routes(config).items():
        path = route.url.removeprefix(config.base_url)
        made["paths"].setdefault(path, {})[route.method.lower()] = by_id[operation]
    return made


@cache
def validator(schema: str) -> Draft202012Validator:
    """Return the validator of a named schema."""
    return Draft202012Validator({"$ref": f"#/components/schemas/{schema}", "components": document()["components"]})


def schema_problems(schema: str, value: object) -> list[str]:
    """Return the violations of a named schema, each with its JSON path."""
    errors = sorted(validator(schema).iter_errors(value), key=lambda e: (e.json_path, str(e.validator)))
    return [f"{e.json_path}: {_shortened(e.message)}" for e in errors]


_SUCCESS = {
    Operation.CONNECT: "Connection",
    Operation.TEST: "ConnectionTestResult",
    Operation.DELETE_CONNECTION: "DeleteConnectionResponse",
    Operation.CONNECTORS: "ConnectorResponse",
}


def check_reply(operation: Operation, reply: Reply, request: dict[str, Any] | None, config: PartnerConfig) -> list[Problem]:
    """Return all violations of the contract by a raw reply."""
    if reply.failure:
        return [_fail("no-answer", f"no usable answer: {reply.failure}")]
    problems = list(_size(reply))
    if 300 <= reply.status < 400:
        where = reply.headers.get("location", "nowhere")
        problems.append(_fail("endpoint-redirects", f"the endpoint redirects ({reply.status} to {where}); not followed"))
        return problems
    user = (request or {}).get("user_info")
    established = isinstance(user, dict) and user.get("is_connection_established") is True
    if reply.status >= 400:
        return problems + list(_error_rules(operation, reply, established))
    legal = (200, 201) if operation is Operation.CONNECT and not established else (200,)
    if reply.status not in legal:
        problems.append(_fail("status", f"HTTP {reply.status} is not a legal answer"))
        return problems
    if operation in _NO_BODY:
        if reply.body.strip():
            problems.append(_warn("body", "a body where the contract has none"))
        return problems
    value, found = _parsed(reply)
    problems += found
    if found:
        return problems
    schema = _SUCCESS[operation]
    problems += [_fail("schema", f"{schema} {p}") for p in schema_problems(schema, value)]
    if operation is Operation.CONNECT and not any(p.code == "schema" for p in problems):
        problems += _connection_rules(value, established, config)
    if operation is Operation.DELETE_CONNECTION and value.get("resource_status") == "user_unauthorized":
        problems.append(_warn("user-unauthorized", "resource_status user_unauthorized is in the prose only"))
    return problems


def check_error(reply: Reply, status: int, reasons: frozenset[str] | None = None) -> list[Problem]:
    """Return the violations by a reply that must be the JSON error of a status; `reasons` replaces the legal ones."""
    if reply.failure:
        return [_fail("no-answer", f"no usable answer: {reply.failure}")]
    if reply.status != status:
        return [_fail("status", f"HTTP {reply.status} instead of {status}")]
    return list(_error_body(reply, reasons))


def _error_rules(operation: Operation, reply: Reply, established: bool) -> Iterator[Problem]:
    if reply.status not in (400, 401, 404, 500):
        yield _fail("status", f"HTTP {reply.status} is not a legal answer")
    elif operation is Operation.CONNECT and reply.status == 404 and not established:
        yield _fail("status", "404 is legal only when the connection is established")
    yield from _error_body(reply)


def _error_body(reply: Reply, reasons: frozenset[str] | None = None) -> Iterator[Problem]:
    value, found = _parsed(reply)
    yield from found
    if found:
        return
    broken = schema_problems("ErrorResponse", value)
    yield from (_fail("schema", f"ErrorResponse {p}") for p in broken)
    if broken:
        return
    reason, legal = value["error_reason"], reasons or REASONS.get(reply.status)
    if legal is not None and reason not in legal:
        yield _fail("error-reason", f"error_reason {reason} with HTTP {reply.status}; legal: {', '.join(sorted(legal))}")
    odd = sorted(str(k) for k, v in value.items() if not isinstance(v, str))
    if odd:
        yield _warn("error-values", f"error fields that are not strings: {', '.join(odd)}")


def _connection_rules(value: dict[str, Any], established: bool, config: PartnerConfig) -> Iterator[Problem]:
    configured, has_id = value["configured_resources"], "connection_id" in value
    if established:
        if has_id:
            yield _fail("connection-id", "connection_id on reuse; it must be absent")
        if configured:
            yield _fail("configured", "configured_resources is true on reuse")
    else:
        if configured != has_id:
            state = "without a" if configured else "with a"
            yield _fail("connection-id", f"configured_resources {str(configured).lower()} {state} connection_id")
        yield from _scenario_rules(value)
    wrong = redirect_problem(value["redirect_uri"], config.hostnames)
    if wrong:
        yield _fail("redirect-host", f"redirect_uri {wrong}")
    u2m = "AUTH_OAUTH_U2M" in config.auth_options and not config.is_published_app
    if "oauth_redirect_uri" in value and not u2m:
        yield _warn("oauth-redirect", "oauth_redirect_uri without AUTH_OAUTH_U2M or with a published app")


def _scenario_rules(value: dict[str, Any]) -> Iterator[Problem]:
    pair, redirect = (value["user_status"], value["account_status"]), value["redirect_value"]
    legal = SCENARIOS.get(pair)
    if legal is None:
        yield _warn("scenario", f"user {pair[0]} with account {pair[1]} is not a documented situation of a create")
    elif pair == ("existing", "active") and redirect == "create_trial":
        yield _warn("scenario", "an existing user of an active account is sent to create_trial; sign_in is documented")
    elif redirect not in legal:
        yield _fail("scenario", f"user {pair[0]}, account {pair[1]} is sent to {redirect}; legal: {', '.join(legal)}")
    elif legal[redirect] is not None and legal[redirect] != value["configured_resources"]:
        wanted = str(legal[redirect]).lower()
        yield _fail("scenario", f"account {pair[1]} sent to {redirect} needs configured_resources {wanted}")


def _parsed(reply: Reply) -> tuple[Any, list[Problem]]:
    problems = []
    if reply.media_type != "application/json":
        shown = reply.headers.get("content-type", "none")
        problems.append(_fail("content-type", f"Content-Type is {shown}, not application/json (HTTP {reply.status})"))
    try:
        value = reply.json()
    except ValueError as error:
        problems.append(_fail("not-json", f"the body is not JSON: {_shortened(str(error))}"))
        return None, problems
    if not isinstance(value, dict):
        problems.append(_fail("not-json", "the body is not a JSON object"))
    return value, problems


def _size(reply: Reply) -> Iterator[Problem]:
    if len(reply.body) > LARGE_REPLY:
        yield _warn("large-reply", f"the reply has {len(reply.body)} bytes")


def _shortened(text: str) -> str:
    return text if len(text) <= 200 else text[:200] + "…"


def _fail(code: str, message: str) -> Problem:
    return Problem(code=code, severity=Severity.FAIL, message=message)


def _warn(code: str, message: str) -> Problem:
    return Problem(code=code, severity=Severity.WARN, message=message)
