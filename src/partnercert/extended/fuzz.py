"""Contract fuzzing: bodies made by schemathesis from our OpenAPI document, legal and illegal ones."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import schemathesis
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as bounds
from hypothesis.errors import Unsatisfiable
from schemathesis.generation.modes import GenerationMode

from partnercert import contract
from partnercert.contract import Operation
from partnercert.exchange import Reply
from partnercert.extended.check import Check
from partnercert.session import Session
from partnercert.verdicts import Judge

_HEALTH = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]


def run_fuzz(session: Session, judge: Judge, examples: int) -> None:
    """Send generated bodies to every endpoint: no server error, no illegal answer, illegal bodies refused."""
    session.create(session.identities.person(), session.identities.workspace())
    for name, operation in _operations(session):
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            if name is Operation.CONNECTORS and mode is GenerationMode.NEGATIVE:
                continue
            seen = _send_all(session, judge, name, operation, mode, examples)
            judge.note("fuzz", f"{name}: {seen} {mode.name.lower()} bodies")


def _operations(session: Session) -> Iterator[tuple[Operation, Any]]:
    document = contract.document_for(session.config)
    del document["security"]
    for item in document["paths"].values():
        for spec in item.values():
            # Headers and credentials have checks of their own; without them every illegal case has an illegal body.
            spec["parameters"] = [p for p in spec["parameters"] if p.get("in") == "query"]
    schema = schemathesis.openapi.from_dict(document)
    for found in schema.get_all_operations():
        operation = found.ok()
        yield Operation(operation.definition.raw["operationId"]), operation


def _send_all(session: Session, judge: Judge, name: Operation, operation: Any, mode: GenerationMode, examples: int) -> int:
    sent = 0
    route = session.routes[name]

    @bounds(
        max_examples=examples,
        database=None,
        derandomize=True,
        deadline=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=_HEALTH,
    )
    @given(operation.as_strategy(generation_mode=mode))
    def send(case: Any) -> None:
        nonlocal sent
        body = case.body if isinstance(case.body, dict) else None
        raw = case.body if isinstance(case.body, bytes) else None
        if name is not Operation.CONNECTORS and body is None:
            if mode is GenerationMode.POSITIVE or not isinstance(case.body, list | str | int | float | bytes):
                return
        elif body is not None and not _worth_sending(session, name, body, mode):
            return
        sent += 1
        query = {k: str(v) for k, v in (case.query or {}).items()} if name is Operation.CONNECTORS else None
        payload = None if raw is not None or name is Operation.CONNECTORS else (case.body if body is None else body)
        reply = session.client.call(f"FUZZ {name} {mode.name.lower()}", route, payload, query=query, raw=raw)
        _judge(session, judge, name, body, reply, mode)

    try:
        send()
    except Unsatisfiable:
        judge.note("fuzz", f"{name}: nothing to generate")
    return sent


def _worth_sending(session: Session, name: Operation, body: dict[str, Any], mode: GenerationMode) -> bool:
    """Keep the body within what no schema says: test domains only, ids that agree, an address, a known name of a cloud."""
    if mode is GenerationMode.POSITIVE:
        _make_plausible(session, name, body)
    user = body.get("user_info")
    if name is Operation.CONNECT and isinstance(user, dict):
        if isinstance(user.get("email"), str):
            user["email"] = f"fuzz-{session.identities.word()}@{session.identities.domain()}"
        if mode is GenerationMode.POSITIVE:
            body["workspace_id"] = user["databricks_organization_id"]
    if name is Operation.DELETE_ACCOUNT and isinstance(body.get("domain"), str):
        body["domain"] = session.identities.test_domain()
    if name is Operation.EXPIRE and isinstance(body.get("email"), str):
        body["email"] = f"fuzz@{session.identities.test_domain()}"
    if session.config.certification.apex_test_domain_only and name in (Operation.DELETE_ACCOUNT, Operation.EXPIRE):
        return False
    broken = {str(error.validator) for error in contract.validator(_SCHEMAS[name]).iter_errors(body)}
    if mode is GenerationMode.POSITIVE:
        return not broken
    # The public contract has no minimum and no minLength, so a partner need not refuse bodies that only violate these.
    return bool(broken) and not broken & {"minimum", "minLength"}


def _make_plausible(session: Session, name: Operation, body: dict[str, Any]) -> None:
    """Replace what a partner may look at more closely than the schema: addresses, compute, ids that are UUIDs, 1.0 for 1."""
    if "connection_id" in body or name is Operation.CONNECT:
        # In the partner's own form of ids, which the contract leaves to it.
        body["connection_id"] = session.made[-1][0] if session.made else f"never-{session.identities.word()}"
    if name is Operation.CONNECT:
        sound = session.payloads.connect(session.identities.person(), session.identities.workspace())
        keys = set(sound) - {"user_info", "workspace_id", "demo", "cloud_provider", "is_free_trial"}
        body.update({key: sound[key] for key in keys if key in body or key in ("hostname", "port", "workspace_url")})
    for holder in (body, body.get("user_info")):
        if isinstance(holder, dict):
            holder.update({k: int(v) for k, v in holder.items() if isinstance(v, float) and v.is_integer()})


def _judge(
    session: Session, judge: Judge, name: Operation, body: dict[str, Any] | None, reply: Reply, mode: GenerationMode
) -> None:
    kind = "a legal" if mode is GenerationMode.POSITIVE else "an illegal"
    at = f"{name}, {kind} body (exchange {reply.number})"
    if reply.status >= 500 and not (name is Operation.CONNECT and session.config.new_user_action == "error"):
        judge.fail("fuzz-server-error", f"{at}: {reply.describe()}")
        return
    if mode is GenerationMode.NEGATIVE:
        judge.expect(400 <= reply.status < 500, "fuzz-accepted", f"{at}: {reply.describe()} instead of 400")
        return
    judge.expect(reply.status != 400 or name is Operation.CONNECTORS, "fuzz-refused", f"{at}: {reply.describe()}")
    failures = [p for p in contract.check_reply(name, reply, body, session.config) if p.severity == "FAIL"]
    judge.add(failures, at=at)


_SCHEMAS = {
    Operation.CONNECT: "ConnectRequest",
    Operation.TEST: "ConnectionInfo",
    Operation.DELETE_CONNECTION: "DeleteConnectionRequest",
    Operation.DELETE_ACCOUNT: "AccountInfo",
    Operation.EXPIRE: "AccountUserInfo",
}


def _gate(session: Session, examples: int) -> str:
    return "" if examples else "fuzzing is off (--fuzz N turns it on; the default on loopback is 25)"


FUZZING = (Check(id="FUZZ", title="Generated bodies, legal and illegal", run=run_fuzz, gate=_gate),)
