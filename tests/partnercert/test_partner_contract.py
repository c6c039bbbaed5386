"""The contract as data, the rules beside it, and what it leaves open: legal partners are not blamed."""

from __future__ import annotations

from typing import Any

import pytest

from partnercert import contract
from partnercert.contract import Operation, check_reply
from partnercert.exchange import Reply
from partnercert.payloads import MAX_ID, Identities, Payloads, Workspace
from partnercert.reference_partner import Fault
from partnercert.verdicts import Verdict
from support import partner
from support.nightly import sampled

_CREATE = {"user_info": {"is_connection_established": False}}
_REUSE = {"user_info": {"is_connection_established": True}}
_MADE = {
    "redirect_uri": "http://127.0.0.1/trial", "redirect_value": "create_trial", "connection_id": "a",
    "user_status": "new", "account_status": "new", "configured_resources": True,
}  # fmt: skip
_BACK = {
    "redirect_uri": "http://127.0.0.1/signin", "redirect_value": "sign_in",
    "user_status": "existing", "account_status": "active", "configured_resources": False,
}  # fmt: skip
_TEXT = {"content-type": "application/json"}


def _codes(fields: dict[str, Any], request: dict[str, Any], status: int = 200, **headers: str) -> list[str]:
    import json

    reply = Reply(status=status, headers={**_TEXT, **headers}, body=json.dumps(fields).encode())
    config = partner.config("auto_add")
    return [f"{p.severity} {p.code}" for p in check_reply(Operation.CONNECT, reply, request, config)]


def test_the_document_holds_the_six_operations_and_is_cut_to_the_partner() -> None:
    found = {spec["operationId"] for item in contract.document()["paths"].values() for spec in item.values()}
    assert found == {str(op) for op in Operation}
    small = contract.document_for(partner.config("connect_only"))
    assert list(small["paths"]) == ["/v1/connect"]


@pytest.mark.parametrize("name", ["auto_add", "bi_tool", "m2m"])
def test_what_we_send_keeps_the_contract_too(name: str) -> None:
    config = partner.config(name)
    people = Identities(1, config)
    for compat in (False, True):
        make = Payloads(config, partner.HELD, compat_gpc=compat)
        person = people.person()
        for workspace in (people.workspace("gcp"), Workspace(workspace_id=MAX_ID, cloud="azure")):
            for body in (make.connect(person, workspace), make.connect(person, workspace, "id", demo=True)):
                assert contract.schema_problems("ConnectRequest", body) == []
            assert make.connect(person, people.workspace("gcp"))["cloud_provider"] == ("gpc" if compat else "gcp")
            assert contract.schema_problems("DeleteConnectionRequest", make.delete_connection("x", workspace)) == []
            assert contract.schema_problems("AccountInfo", make.delete_account("d", workspace)) == []
            assert contract.schema_problems("AccountUserInfo", make.expire(person, workspace)) == []


def test_a_run_can_be_replayed_by_its_seed() -> None:
    config = partner.config("auto_add")
    one, two, other = Identities(5, config), Identities(5, config), Identities(6, config)
    assert [one.person(), one.workspace()] == [two.person(), two.workspace()]
    assert one.person() != other.person()


@pytest.mark.parametrize(
    ("fields", "request_body", "status", "codes"),
    [
        (_MADE, _CREATE, 200, []),
        (_MADE, _CREATE, 201, []),
        (_MADE, _CREATE, 202, ["FAIL status"]),
        ({**_MADE, "configured_resources": False}, _CREATE, 200, ["FAIL connection-id", "FAIL scenario"]),
        ({**_BACK, "redirect_value": "contact_admin", "user_status": "new"}, _CREATE, 200, []),
        ({**_BACK}, _CREATE, 200, []),
        ({**_BACK, "connection_id": "b", "configured_resources": True}, _CREATE, 200, []),
        ({**_BACK, "redirect_value": "create_trial"}, _CREATE, 200, ["WARN scenario"]),
        ({**_BACK, "redirect_value": "purchase_product", "account_status": "expired"}, _CREATE, 200, []),
        ({**_BACK, "account_status": "not_applicable"}, _CREATE, 200, ["WARN scenario"]),
        (_BACK, _REUSE, 200, []),
        (_BACK, _REUSE, 201, ["FAIL status"]),
        ({**_BACK, "connection_id": "a"}, _REUSE, 200, ["FAIL connection-id"]),
        ({**_BACK, "connection_id": None}, _REUSE, 200, ["FAIL schema"]),
        ({**_BACK, "configured_resources": True}, _REUSE, 200, ["FAIL configured"]),
        ({**_BACK, "redirect_uri": "https://127.0.0.1.evil.tld/"}, _REUSE, 200, ["FAIL redirect-host"]),
        ({**_BACK, "oauth_redirect_uri": "https://x"}, _REUSE, 200, ["WARN oauth-redirect"]),
        ({"error_reason": "connection_not_found"}, _REUSE, 404, []),
        ({"error_reason": "account_not_found"}, _CREATE, 404, ["FAIL status"]),
        ({"error_reason": "bad_request"}, _REUSE, 404, ["FAIL error-reason"]),
        ({"error_reason": "general_error"}, _REUSE, 500, []),
        ({"error_reason": "general_error"}, _REUSE, 503, ["FAIL status"]),
        ({"error_reason": "nope"}, _REUSE, 400, ["FAIL schema"]),
        ({"error_reason": "unauthorized", "code": 7}, _REUSE, 401, ["WARN error-values"]),
        ({}, _REUSE, 400, ["FAIL schema"]),
    ],
)  # fmt: skip
def test_the_rules_beside_the_schema(fields: dict[str, Any], request_body: dict[str, Any], status: int, codes: list[str]) -> None:
    assert _codes(fields, request_body, status) == codes


@pytest.mark.parametrize(
    ("value", "good"),
    [("application/json", True), ("application/json; charset=utf-8", True), ("Application/JSON", True),
     ("text/json", False), ("application/problem+json", False), ("", False)],
)  # fmt: skip
def test_content_types(value: str, good: bool) -> None:
    assert (_codes(_BACK, _REUSE, 200, **{"content-type": value}) == []) is good


_GONE = {"status": 200, "drop": "error_reason debugging_message display_message"}
#: Partners that do something else than ours, legally: what their verdicts are where they are not PASS.
LEGAL: dict[str, tuple[dict[str, Any], dict[str, str]]] = {
    "create answers 201": ({"when": "create", "status": 201}, {}),
    "replies have more fields": ({"when": "create", "put": {"more": {"a": None}, "debug": 1}}, {}),
    "a charset": ({"when": "create", "content_type": "application/json;charset=UTF-8"}, {}),
    "known users see the trial page": (
        {"when": "create known-user plain", "unless": "expired", "put": {"redirect_value": "create_trial"}},
        {"P101": "WARN", "P400": "WARN", "P401": "WARN", "P600": "WARN"},
    ),
    "a second user is sent to the admin": (
        {"when": "create new-user known-account plain", "unless": "expired", "put": {"redirect_value": "contact_admin"}}, {},
    ),
    "a second user is not connected": (
        {"when": "create new-user known-account plain", "unless": "expired", "drop": "connection_id",
         "put": {"redirect_value": "contact_admin", "configured_resources": False}}, {},
    ),
    "newcomers see the trial page": (
        {"when": "reuse new-user", "unless": "expired", "put": {"redirect_value": "create_trial"}}, {},
    ),
    "delete_only_acknowledged": ({}, {"P402": "NOT_APPLICABLE", "P801": "NOT_APPLICABLE"}),
    "deletion_takes_a_while": ({}, {}),
    "the prose's user_unauthorized": (
        {"when": "delete-connection alive", "put": {"resource_status": "user_unauthorized"}},
        {"P401": "WARN", "P402": "NOT_APPLICABLE", "P801": "NOT_APPLICABLE"},
    ),
    "delete_forgets_users": ({}, {"P401": "WARN"}),
    "deleting twice is fine": (
        {"when": "delete-connection dead", "put": {"resource_status": "resources_deleted"}, **_GONE}, {"P401": "WARN"},
    ),
    "no message for the user": ({"when": "reuse dead", "drop": "display_message"}, {"P402": "WARN", "P404": "WARN"}),
    "a dead connection fails its tests": (
        {"when": "test dead", "put": {"test_results": [{"test_name": "x", "status": "FAIL", "message": "y"}]}, **_GONE},
        {"P801": "WARN"},
    ),
    "tests fail on the made-up workspace": (
        {"when": "test alive", "put": {"test_results": [{"test_name": "x", "status": "FAIL", "message": "y"}]}}, {"P800": "WARN"},
    ),
    "hooks answer with a body": ({"when": "delete-account accepted", "raw": b"{}"}, {"P403": "WARN", "P404": "WARN"}),
    "create_replaces_previous": ({}, {}),
    "demo_replaces_previous": ({}, {}),
    "trials_repeat": ({}, {}),
    "ids_odd": ({}, {}),
    "ids_of_one_form": ({}, {"P801": "WARN"}),
    "any_workspace": ({}, {}),
    "a connection is its cloud's too": ({"when": "create", "headers": {"x-cloud": "aws", "set-cookie": "a=b"}}, {}),
    "a colleague sees the trial page": (
        {"when": "create new-user known-account plain", "unless": "expired", "put": {"redirect_value": "create_trial"}}, {},
    ),
    "a redirect_uri with query and fragment": (
        {"when": "create", "put": {"redirect_uri": "{address}/trial?next=%2Fa&x=1#top"}}, {},
    ),
    "redirects to a subdomain": (
        {"when": "create", "put": {"redirect_uri": "http://app.localhost/trial"}}, {},
    ),
    "errors with more strings": (
        {"when": "reuse dead", "put": {"trace_id": "a1", "display_message": "Löschen Sie die Verbindung 🪔"}}, {},
    ),
    "one page of connectors": ({"when": "connectors listed", "drop": "pagination_token", "put": {"connectors": [
        {"identifier": "a-(b)&c/d'e", "name": "A", "type": "source"},
        {"identifier": "a-(b)&c/d'e", "name": "A", "type": "target"},
    ]}}, {}),
    "several tests": ({"when": "test alive", "put": {"test_results": [
        {"test_name": "login", "status": "PASS", "message": "ok"}, {"test_name": "query", "status": "PASS", "message": "ok"},
    ]}}, {}),
    "deleting an unknown account is fine": (
        {"when": "delete-account unknown", "status": 200, "raw": b"", "content_type": "text/plain"}, {},
    ),
    "slow, not too slow": ({"when": "create", "delay": 0.02}, {}),
    "the sign-in page asks in a language": ({"when": "page signin", "headers": {"vary": "accept-language"}}, {}),
    "a page redirects": ({"when": "page trial", "status": 302, "headers": {"location": "/signin"}}, {}),
}  # fmt: skip


@pytest.mark.parametrize("name", sampled(LEGAL, every=4))
def test_what_the_contract_leaves_open_is_not_blamed(name: str) -> None:
    how, expected = LEGAL[name]
    config = partner.config("auto_add", certification={"pending_seconds": 2.0}, hostnames=["127.0.0.1", "localhost"])
    made = partner.session(config, Fault(name=name, about="legal", **how))
    with made.client:
        outcomes = partner.run(made)
        checks = partner.check(made, examples=6)
    odd = {c: str(o.verdict) for c, o in outcomes.items() if o.verdict not in (Verdict.PASS, Verdict.MANUAL_PENDING)}
    assert odd == expected, [o.reason for o in outcomes.values() if o.reason]
    blamed = {c.check: c.reason for c in checks.values() if c.verdict in (Verdict.FAIL, Verdict.BLOCKED)}
    assert blamed == {}


def test_thirty_deviations_are_tried() -> None:
    assert len(LEGAL) >= 30
