"""P800, P801 and P900: the test-connection hook and the list of connectors."""

from __future__ import annotations

from typing import Any

from partnercert.cases.assertions import deleted, refused
from partnercert.cases.case import Case, offers
from partnercert.config import PartnerConfig
from partnercert.contract import Operation, Route
from partnercert.exchange import Reply
from partnercert.session import Session
from partnercert.verdicts import Judge, NotApplicableError

_PAGES = 200


def run_p800(session: Session, judge: Judge) -> None:
    """Test a living connection."""
    connection_id = session.connected(session.identities.person(), session.identities.workspace())
    reply = session.test(connection_id)
    session.check(judge, Operation.TEST, reply, None, "test-connection")
    judge.require(reply.status == 200, "status", f"test-connection: {reply.describe()} instead of 200")
    judge.stop_if_failed()
    results = reply.fields()["test_results"]
    judge.expect(bool(results), "no-results", "test_results is empty")
    for result in results:
        _judge_result(session, judge, result)


def _judge_result(session: Session, judge: Judge, result: dict[str, Any]) -> None:
    name, status = result["test_name"], result.get("status")
    judge.expect(bool(name.strip()), "test-name", "a result has an empty test_name")
    if status not in ("PASS", "FAIL"):
        judge.fail("test-status", f"test {name!r} ends {status}, expected PASS or FAIL")
    real = session.workspace is not None or session.config.certification.real_workspace
    if status == "FAIL" and real:
        judge.fail("test-failed", f"test {name!r} fails on a real workspace: {result.get('message', '')}")
    elif status == "FAIL":
        judge.warn("test-failed", f"test {name!r} fails (the workspace of the payload is made up)")
    if not result.get("message"):
        judge.warn("test-message", f"test {name!r} has no message")


def run_p801(session: Session, judge: Judge) -> None:
    """Test a deleted connection, and one that never was."""
    person, workspace = session.identities.person(), session.identities.workspace()
    connection_id = session.connected(person, workspace)
    status = deleted(session, judge, connection_id, workspace)
    if status in ("deletion_acknowledged", "user_unauthorized"):
        raise NotApplicableError(f"the partner does not delete connections (resource_status {status})")
    replies: list[Reply] = [_test(session, connection_id)]

    def gone() -> bool:
        if not _says_no(replies[-1]):
            replies.append(_test(session, connection_id))
        return _says_no(replies[-1])

    if status == "resources_pending_deletion":
        judge.expect(session.ends(gone), "pending", "the deletion stays pending")
    _judge_dead(judge, replies[-1], "test of a deleted connection")
    _judge_never(judge, _test(session, f"never-{session.identities.word()}"))
    judge.stop_if_failed()
    _judge_dead(judge, _test(session, connection_id), "a second test of the deleted connection")


def _test(session: Session, connection_id: str) -> Reply:
    body = session.payloads.test(connection_id)
    return session.send(Operation.TEST, body, step="test-connection")


def _says_no(reply: Reply) -> bool:
    return reply.status == 404 or (reply.status == 200 and _all_fail(reply))


def _all_fail(reply: Reply) -> bool:
    results = reply.fields().get("test_results")
    return bool(results) and isinstance(results, list) and all(isinstance(r, dict) and r.get("status") == "FAIL" for r in results)


def _judge_dead(judge: Judge, reply: Reply, at: str) -> None:
    if reply.status == 200 and _all_fail(reply):
        judge.warn("test-result", f"{at}: 200 with failing results; 404 connection_not_found is the rule")
        return
    session_problem = f"{at}: {reply.describe()}, expected 404 connection_not_found"
    judge.expect(reply.status == 404, "status", session_problem)
    if reply.status == 404:
        refused_404(judge, reply, at)


def _judge_never(judge: Judge, reply: Reply) -> None:
    """Judge the test of an id that never was; ids have the partner's own form, so 400 for another form is a warning."""
    at = "test of a connection that never was"
    if (reply.status, reply.fields().get("error_reason")) == (400, "bad_request"):
        judge.warn("status", f"{at}: 400 bad_request; 404 connection_not_found is the rule")
    else:
        _judge_dead(judge, reply, at)


def refused_404(judge: Judge, reply: Reply, at: str) -> None:
    """Judge a 404 that must name the connection."""
    reason = reply.fields().get("error_reason")
    judge.expect(reply.media_type == "application/json", "content-type", f"{at}: the 404 is not JSON")
    judge.expect(reason == "connection_not_found", "error-reason", f"{at}: error_reason {reason}, expected connection_not_found")


def run_p900(session: Session, judge: Judge) -> None:
    """Read the whole list of connectors, page by page."""
    first = _page(session, judge, None, "first page")
    empty = _page(session, judge, "", "first page with an empty token")
    judge.expect(first == empty, "empty-token", "an omitted and an empty pagination_token differ")
    judge.stop_if_failed()
    connectors, token = list(first["connectors"]), first.get("pagination_token")
    seen: set[str] = set()
    while token:
        judge.require(token not in seen, "loop", f"pagination_token {token!r} comes again")
        judge.require(len(seen) < _PAGES, "loop", f"more than {_PAGES} pages")
        seen.add(token)
        page = _page(session, judge, token, f"page {len(seen) + 1}")
        connectors += page["connectors"]
        token = page.get("pagination_token")
    judge.expect(bool(connectors), "empty", "the list is empty")
    keys = [(c["identifier"], c["type"]) for c in connectors]
    twice = sorted({f"{i} ({t})" for i, t in keys if keys.count((i, t)) > 1})
    judge.expect(not twice, "duplicate", f"listed more than once: {', '.join(twice[:5])}")
    _known(session, judge, sorted({c["identifier"] for c in connectors}))
    _refusals(session, judge)


def _page(session: Session, judge: Judge, token: str | None, at: str) -> dict[str, Any]:
    reply = session.connectors(token)
    session.check(judge, Operation.CONNECTORS, reply, None, at)
    judge.require(reply.status == 200, "status", f"{at}: {reply.describe()} instead of 200")
    judge.stop_if_failed()
    return reply.fields()


def _known(session: Session, judge: Judge, identifiers: list[str]) -> None:
    name = session.config.certification.connector_list
    if name is None:
        judge.note("connector-list", "identifiers were not compared: certification.connector_list names no file")
        return
    lines = (session.config.folder / name).read_text(encoding="utf-8").splitlines()
    known = {line.strip() for line in lines if line.strip() and not line.startswith("#")}
    unknown = [i for i in identifiers if i not in known]
    judge.expect(not unknown, "identifier", f"not on the connector list: {', '.join(unknown[:10])}")


def _refusals(session: Session, judge: Judge) -> None:
    bad = f"no-such-token-{session.identities.word()}"
    refused(session, judge, session.connectors(bad), "unknown pagination_token", 400, ("bad_request",))
    route: Route = session.routes[Operation.CONNECTORS]
    for what, value in (("without credentials", None), ("with a wrong password", "Basic d3Jvbmc6d3Jvbmc=")):
        reply = session.client.call(f"{session.case} {what}", route, headers={"Authorization": value}, retry=False)
        refused(session, judge, reply, what, 401, ("unauthorized",))


def _gate_p900(config: PartnerConfig) -> str:
    if config.category != "INGEST":
        return f"category is {config.category}, not INGEST"
    return offers(Operation.CONNECTORS)(config)


HOOKS = (
    Case(
        id="P800",
        title="Test a connection",
        journey="Create; test-connection.",
        applies="Partners with the test-connection hook (test_connection_path).",
        looks_at=("200 with results, each named, each PASS or FAIL", "FAIL: WARN on a made-up workspace, FAIL on a real one"),
        gate=offers(Operation.TEST),
        run=run_p800,
    ),
    Case(
        id="P801",
        title="Test a deleted connection",
        journey="Create; delete-connection; test-connection. Also for an id that never was.",
        applies="Partners with test_connection_path and delete_connection_path.",
        looks_at=("404 connection_not_found (200 with failing results: WARN)",),
        gate=offers(Operation.TEST, Operation.DELETE_CONNECTION),
        run=run_p801,
    ),
    Case(
        id="P900",
        title="The list of connectors",
        journey="Read every page; an empty, an unknown token; no and wrong credentials.",
        applies="INGEST partners with get_connectors_path.",
        looks_at=("200, at least one connector, no duplicates, pages that end", "unknown token 400, no credentials 401"),
        gate=_gate_p900,
        run=run_p900,
    ),
)
