"""Bodies at and beyond the edges of the contract: fields, ids, sizes."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

from partnercert import contract
from partnercert.cases.assertions import is_alive, refused
from partnercert.contract import Operation
from partnercert.exchange import Reply
from partnercert.extended.check import Check
from partnercert.payloads import MAX_ID, Workspace, renamed
from partnercert.session import Session
from partnercert.verdicts import Judge

_SCHEMAS = {
    Operation.CONNECT: "ConnectRequest",
    Operation.TEST: "ConnectionInfo",
    Operation.DELETE_CONNECTION: "DeleteConnectionRequest",
    Operation.DELETE_ACCOUNT: "AccountInfo",
    Operation.EXPIRE: "AccountUserInfo",
}
_NAMES = (
    ("a name of 10 kB", "n" * 10_000),
    ("a name in many scripts", "Ünï 名前 עברית 🪔 \u202e'\";--"),
    ("a name with NUL", "a\u0000b"),
)
#: A value of every JSON type that is not the wanted one; a whole number in quotes is the commonest mistake.
_WRONG: dict[str, dict[str, Any]] = {
    "string": {"a number": 7, "a boolean": True, "an array": ["a"], "an object": {"a": "b"}},
    "integer": {"text": "seven", "a fraction": 1.5, "a boolean": True, "an array": [1], "an object": {"a": 1}},
    "boolean": {"text": "true", "a number": 1, "an array": [True], "an object": {"a": True}},
    "object": {"text": "text", "a number": 7, "a boolean": True, "an array": [{}]},
}


def run_fields(session: Session, judge: Judge, examples: int) -> None:
    """Leave out, null and mistype each required field of each operation; break each written rule; add unknown fields."""
    for operation in session.routes:
        if operation not in _SCHEMAS:
            continue
        for what, body in _broken(session, operation):
            reply = session.send(operation, body, step=what)
            refused(session, judge, reply, f"{operation}, {what}", 400, ("bad_request",))
    for what, body in _tolerated(session):
        reply = session.send(Operation.CONNECT, body, step=what)
        judge.expect(reply.status in (200, 201), "refused", f"connect, {what}: {reply.describe()} instead of a connection")
    for what, raw in (("no JSON", b"{"), ("an array", b"[]"), ("no UTF-8", b'{"a":"\xff"}'), ("nothing", b"")):
        reply = session.client.call(f"FIELDS {what}", session.routes[Operation.CONNECT], raw=raw)
        refused(session, judge, reply, f"connect, {what}", 400, ("bad_request",))
    _letter_case(session, judge)


def _valid(session: Session, operation: Operation) -> dict[str, Any]:
    person, workspace = session.identities.person(session.identities.test_domain()), session.identities.workspace()
    make = session.payloads
    return {
        Operation.CONNECT: lambda: make.connect(person, workspace),
        Operation.TEST: lambda: make.test("some-connection"),
        Operation.DELETE_CONNECTION: lambda: make.delete_connection("some-connection", workspace),
        Operation.DELETE_ACCOUNT: lambda: make.delete_account(person.domain, workspace),
        Operation.EXPIRE: lambda: make.expire(person, workspace),
    }[operation]()


def _broken(session: Session, operation: Operation) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, rule in _required(_SCHEMAS[operation], ()):
        name = ".".join(path)
        yield f"{name} missing", _changed(_valid(session, operation), path, drop=True)
        yield f"{name} null", _changed(_valid(session, operation), path, value=None)
        for what, value in _WRONG[_type(rule)].items():
            yield f"{name} {what}", _changed(_valid(session, operation), path, value=value)
        if _type(rule) == "integer":
            yield from _quoted_numbers(_valid(session, operation), path, name)
    if operation in (Operation.TEST, Operation.DELETE_CONNECTION):
        yield "connection_id empty", {**_valid(session, operation), "connection_id": ""}
    if operation is not Operation.CONNECT:
        return
    body = _valid(session, operation)
    yield "workspace_id unlike the organization", {**body, "workspace_id": body["workspace_id"] - 1}
    yield "e-mail without @", _changed(_valid(session, operation), ("user_info", "email"), value="nobody")
    yield "cloud_provider unknown", {**_valid(session, operation), "cloud_provider": "elsewhere"}
    yield "cloud_provider_region null", {**_valid(session, operation), "cloud_provider_region": None}
    yield "workspace_id a fraction", {**_valid(session, operation), "workspace_id": 1.5}
    yield "workspace_id beyond 2^63-1", {**_valid(session, operation), "workspace_id": 2**63}
    reuse = _changed(_valid(session, operation), ("user_info", "is_connection_established"), value=True)
    yield "connection_id missing on reuse", reuse
    yield "connection_id empty on reuse", {**reuse, "connection_id": ""}


def _quoted_numbers(body: dict[str, Any], path: tuple[str, ...], name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Write the right number in quotes, its twin as well, so that nothing but the type is wrong."""
    number = body
    for key in path:
        number = number[key]
    twins = {("workspace_id",), ("user_info", "databricks_organization_id")}
    made = _changed(body, path, value=str(number))
    yield f"{name} in quotes", made
    if path in twins and "workspace_id" in body:
        other = next(iter(twins - {path}))
        yield f"{name} and its twin in quotes", _changed(made, other, value=str(number))


def _required(schema: str, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
    shape = _resolved({"$ref": f"#/components/schemas/{schema}"})
    for name in shape["required"]:
        rule = shape["properties"][name]
        yield (*path, name), _resolved(rule)
        if rule.get("$ref", "").endswith("/UserInfo"):
            yield from _required("UserInfo", (*path, name))


def _resolved(rule: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in rule:
        rule = contract.document()["components"]["schemas"][rule["$ref"].rpartition("/")[2]]
    return rule


def _type(rule: dict[str, Any]) -> str:
    return str(rule["type"])


def _changed(body: dict[str, Any], path: tuple[str, ...], *, drop: bool = False, value: Any = None) -> dict[str, Any]:
    made = copy.deepcopy(body)
    holder = made
    for name in path[:-1]:
        holder = holder[name]
    if drop:
        del holder[path[-1]]
    else:
        holder[path[-1]] = value
    return made


def _tolerated(session: Session) -> Iterator[tuple[str, dict[str, Any]]]:
    """Return bodies that a partner must take: unknown and reserved fields, nothing but what is required."""
    yield "an unknown field", {**_valid(session, Operation.CONNECT), "partnercert_unknown": {"a": [1]}}
    body = _valid(session, Operation.CONNECT)
    body["user_info"]["auth"] = {"personal_access_token": None, "oauth_token": "x", "oauth_scope": "y"}
    yield "a null token and reserved fields", {**body, "database_name": "d", "data_source_connector": "c"}
    body = _valid(session, Operation.CONNECT)
    del body["user_info"]["auth"]
    yield "no auth", body
    yield "names that are empty", _changed(_valid(session, Operation.CONNECT), ("user_info", "first_name"), value="")
    yield "the alias gpc", {**_valid(session, Operation.CONNECT), "cloud_provider": "gpc"}
    yield "connection_scope workspace", {**_valid(session, Operation.CONNECT), "connection_scope": "workspace"}


def _letter_case(session: Session, judge: Judge) -> None:
    person, workspace = session.identities.person(), session.identities.workspace()
    connection_id = session.connected(person, workspace)
    shouted = renamed(person, person.email.upper())
    reply = session.reuse(shouted, workspace, connection_id)
    pending = session.config.require_manual_signup and reply.status == 404
    if not pending and reply.fields().get("user_status") != "existing":
        judge.warn("letter-case", f"the same e-mail address in capitals is another user ({reply.describe()})")


def run_ids(session: Session, judge: Judge, examples: int) -> None:
    """Use ids up to 2^63-1, and tell 2^53 from 2^53+1."""
    for number in (0, 2**31, 2**53 + 1, MAX_ID):
        person, workspace = session.identities.person(), Workspace(workspace_id=number, cloud=session.config.supported_clouds[0])
        reply = session.create(person, workspace)
        if not judge.expect(reply.status in (200, 201), "id-refused", f"id {number}: {reply.describe()}"):
            continue
        connection_id = str(reply.fields().get("connection_id"))
        judge.expect(is_alive(session, person, workspace, connection_id), "id-lost", f"id {number}: cannot be reused")
    person, cloud = session.identities.person(), session.config.supported_clouds[0]
    even, odd = Workspace(workspace_id=2**53, cloud=cloud), Workspace(workspace_id=2**53 + 1, cloud=cloud)
    connection_id = session.connected(person, odd)
    near = is_alive(session, person, even, connection_id)
    far = is_alive(session, person, session.identities.workspace(), connection_id)
    if near and not far:
        judge.fail("precision", "ids beyond 2^53 are rounded: neighbouring workspaces are taken for one")
    elif near:
        judge.note("tenant", "workspaces are not compared on reuse, so rounding cannot be seen here (see TENANT)")


def run_limits(session: Session, judge: Judge, examples: int) -> None:
    """Send long, deep and foreign bodies: any answer but a server error, a broken connection or silence."""
    for what, name in _NAMES:
        body = _changed(_valid(session, Operation.CONNECT), ("user_info", "first_name"), value=name)
        reply = session.client.call(f"LIMITS {what}", session.routes[Operation.CONNECT], body)
        _survives(session, judge, reply, what)
    foreign = _changed(_valid(session, Operation.CONNECT), ("user_info", "last_name"), value="Žižková 山田")
    judge.expect(session.create_raw(foreign).status in (200, 201), "unicode", "a name in Unicode is refused")
    deep = b'{"user_info":' * 3000 + b"1" + b"}" * 3000
    large = json.dumps({**_valid(session, Operation.CONNECT), "hostname": "h" * 2_000_000}).encode()
    for what, raw in (("3000 nested objects", deep), ("a body of 2 MB", large)):
        reply = session.client.call(f"LIMITS {what}", session.routes[Operation.CONNECT], raw=raw)
        _survives(session, judge, reply, what)
    slowest = max(session.client.exchanges, key=lambda e: e.seconds)
    judge.note("slowest", f"the slowest answer took {slowest.seconds:.2f} s ({slowest.step})")
    if slowest.seconds > 10:
        judge.warn("slow", f"{slowest.step} took {slowest.seconds:.1f} s; a user waits for it")


def _survives(session: Session, judge: Judge, reply: Reply, what: str) -> None:
    if reply.failure and not reply.failure.startswith("no complete answer"):
        # A server may close the connection on a body it will not read; it has to be there for the next call.
        judge.warn("closed", f"{what}: {reply.failure}")
        again = session.create(session.identities.person(), session.identities.workspace())
        judge.expect(again.status in (200, 201), "gone", f"after {what}: {again.describe()}")
        return
    judge.expect(bool(reply.status) and reply.status < 500, "server-error", f"{what}: {reply.describe()}")


BODIES = (
    Check(id="FIELDS", title="Required fields, written rules, unknown fields", run=run_fields),
    Check(id="IDS", title="64-bit ids", run=run_ids),
    Check(id="LIMITS", title="Long, deep and foreign bodies; slow answers", run=run_limits),
)
