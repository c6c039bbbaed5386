"""The control API: what tests may ask of a local workspace that no real one would do."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

from localspace.core.errors import invalid, not_found
from localspace.core.faults import Kill
from localspace.core.lag import LagKind
from localspace.core.principals import Principal
from localspace.core.stored_documents import kinds
from localspace.http.request import Plane, Request, Route
from localspace.http.serialisation import Json
from localspace.sql.system_tables import seed_results

_TEN_YEARS = 315_360_000
_SEPARATOR = "\x1f"
_PASSING = frozenset(
    {"run", "task_run", "run_token", "token", "undo", "query", "statement", "workspace_object_id", "stub_response"}
)
"""Kinds that record what happened, or pass by themselves."""


def health(request: Request) -> Json:
    """Say that the server is up."""
    return {"status": "ok", "host": request.services.location.address}


def info(request: Request) -> Json:
    """Return the ids of the workspace, and the certificate that Spark Connect clients must trust."""
    ids = request.repositories.ids
    return {
        "host": request.services.location.address,
        "account_id": ids.account_id,
        "workspace_id": ids.workspace_id,
        "metastore_id": ids.metastore_id,
        "warehouse_id": ids.warehouse_id,
        "data": str(request.services.location.data_dir),
        "connect_roots": str(request.services.connect.roots()),
        "store_version": request.repositories.store.version,
    }


def reset(request: Request) -> Json:
    """Go back to a new account; ids and admin token stay."""
    request.services.account.reset()
    return {}


def faults(request: Request) -> Json:
    """List the faults that wait."""
    return {"faults": request.services.faults.listed()}


def add_fault(request: Request) -> Json:
    """Add one fault; see `localspace.core.faults.Fault` for the fields."""
    return {"id": request.services.faults.add(request.body).id}


def clear_faults(request: Request) -> Json:
    """Remove every fault and the kill."""
    request.services.faults.clear()
    return {}


def set_kill(request: Request) -> Json:
    """Die at the k-th write from now: `{"at_write": k, "when": "before"|"after", "mode": "exit"|"drop"}`."""
    body = request.body
    kill = Kill(at_write=int(body.get("at_write", 1)), when=body.get("when", "before"), mode=body.get("mode", "exit"))
    if kill.at_write < 1 or kill.when not in ("before", "after") or kill.mode not in ("exit", "drop"):
        raise invalid("A kill needs at_write >= 1, when before or after, mode exit or drop.")
    request.services.faults.kill = kill
    return {}


def revive(request: Request) -> Json:
    """Answer again after a kill of mode drop."""
    request.services.faults.dropped = False
    request.services.faults.kill = None
    return {}


def lag(request: Request) -> Json:
    """Return the lags in seconds of the virtual clock."""
    return {kind.value: request.repositories.lag.seconds(kind) for kind in LagKind}


def set_lag(request: Request) -> Json:
    """Set lags: any of `tags`, `memberships`, `quotas`, `tag_policies`, in seconds."""
    known = {kind.value: kind for kind in LagKind}
    for name, seconds in request.body.items():
        if name not in known or not isinstance(seconds, (int, float)) or seconds < 0:
            raise invalid(f"A lag is one of {', '.join(known)}, in seconds >= 0.")
    for name, seconds in request.body.items():
        request.repositories.lag.set(known[name], float(seconds))
    return lag(request)


def clock(request: Request) -> Json:
    """Return the virtual time."""
    return {"now_ms": request.repositories.clock.now_ms()}


def tick(request: Request) -> Json:
    """Move the virtual clock forward by `seconds`."""
    seconds = request.body.get("seconds")
    if not isinstance(seconds, (int, float)) or not 0 <= seconds <= _TEN_YEARS:
        raise invalid(f"tick needs seconds between 0 and {_TEN_YEARS}.")
    return {"now_ms": request.repositories.clock.tick(seconds)}


def requests(request: Request) -> Json:
    """Return the request log; `?mutating=true` shows the writes alone."""
    found = request.services.faults.requests()
    if request.flag("mutating"):
        found = [one for one in found if one["mutating"]]
    return {"requests": found, "writes": request.services.faults.writes}


def clear_requests(request: Request) -> Json:
    """Empty the request log and the write count; `?bodies=true` keeps what is sent and answered from now on."""
    request.services.faults.clear_log()
    if "bodies" in request.query:
        request.services.faults.keep_bodies = request.flag("bodies")
    return {}


def mint(request: Request) -> Json:
    """Mint a token for any principal, named by `principal_id` or `principal` (its name)."""
    body = request.body
    found = _principal(request, body)
    lifetime = body.get("lifetime_seconds")
    if not isinstance(lifetime, (int, type(None))):
        raise invalid("lifetime_seconds must be a whole number.")
    token, document = request.services.authenticator.mint(
        found.id, comment="minted by the control API", lifetime_seconds=lifetime, created_by=request.actor.id
    )
    return {"token": token, "principal_id": found.id, "principal": found.name, "token_id": document["id"]}


def inventory(request: Request) -> Json:
    """List what the workspace holds, as `kind/key` with a digest of its content; histories and tokens are left out."""
    # Listing the workspace must not look like a new object.
    request.services.tree.make_given_folders()
    found = {
        f"{kind}/{key.replace(_SEPARATOR, '.')}": _digest(body)
        for kind, key, body in request.repositories.store.bodies()
        if kind not in _PASSING and body.get("lifecycle_state") != "TRASHED" and not body.get("trashed")
    }
    return {"inventory": found}


def _digest(body: Json) -> str:
    lasting = {name: value for name, value in body.items() if not name.endswith(("_at", "_time", "_ms", "_by", "_on"))}
    if "access_control_list" in body:
        # The first write to a list also writes its owner down, who was there before.
        rows = [one for one in body["access_control_list"] if one.get("level") != "IS_OWNER"]
        lasting["access_control_list"] = sorted(rows, key=lambda one: sorted(map(str, one.values())))
    return hashlib.sha256(json.dumps(lasting, sort_keys=True).encode()).hexdigest()[:12]


def stub_responses(request: Request) -> Json:
    """List the stub responses of the serving endpoints."""
    return {"stub_responses": request.repositories.store.list(kinds.STUB_RESPONSE)}


def set_stub_response(request: Request) -> Json:
    """Register what a serving endpoint answers; see `localspace.api.serving.reply_of` for the forms."""
    name = request.params["name"]
    body = request.body | {"name": name}
    if body.get("kind") not in ("canned", "rules", "echo", "error"):
        raise invalid("A stub response has a kind: canned, rules, echo or error.")
    rules = body.get("rules") or []
    if not isinstance(rules, list) or not all(_is_rule(one) for one in rules):
        raise invalid("Each of rules is an object with a pattern, a regular expression, and a reply.")
    if not isinstance(body.get("replies") or [], list):
        raise invalid("replies must be a list.")
    stub_response = kinds.STUB_RESPONSE.document(body)
    request.repositories.store.put(kinds.STUB_RESPONSE, (name,), stub_response)
    request.services.stub_calls.pop(name, None)
    return {}


def set_classification(request: Request) -> Json:
    """Seed `system.data_classification.results` with `{"results": [rows]}`; nothing takes the table away."""
    if set(request.body) - {"results"}:
        raise invalid("classification takes the one field results.")
    return seed_results(request.repositories, request.body.get("results"))


def _is_rule(rule: Any) -> bool:
    if not isinstance(rule, dict) or not isinstance(rule.get("pattern"), str) or "reply" not in rule:
        return False
    try:
        re.compile(rule["pattern"])
    except re.error:
        return False
    return True


def _principal(request: Request, body: dict[str, Any]) -> Principal:
    identity = request.repositories.identity
    if body.get("principal_id"):
        found = identity.by_id(str(body["principal_id"]))
    else:
        found = identity.by_name(str(body.get("principal") or ""))
    if found is None:
        raise not_found("No such principal: give principal_id or principal.")
    return found


def _route(method: str, path: str, handler: Any, plane: Plane = Plane.CONTROL) -> Route:
    return Route(method=method, path="/_localspace/" + path, handler=handler, plane=plane)


ROUTES = (
    _route("GET", "health", health, Plane.OPEN),
    _route("GET", "ready", health, Plane.OPEN),
    _route("GET", "info", info),
    _route("POST", "reset", reset),
    _route("GET", "faults", faults),
    _route("POST", "faults", add_fault),
    _route("DELETE", "faults", clear_faults),
    _route("POST", "kill", set_kill),
    _route("POST", "revive", revive),
    _route("GET", "lag", lag),
    _route("PUT", "lag", set_lag),
    _route("GET", "clock", clock),
    _route("POST", "clock/tick", tick),
    _route("GET", "requests", requests),
    _route("DELETE", "requests", clear_requests),
    _route("POST", "tokens", mint),
    _route("GET", "inventory", inventory),
    _route("PUT", "classification", set_classification),
    _route("GET", "stub-responses", stub_responses),
    _route("PUT", "stub-responses/{name}", set_stub_response),
)
