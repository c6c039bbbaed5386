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
from localspace.http.request import Call, Plane, Route
from localspace.http.serialisation import Json
from localspace.sql.system_tables import seed_results

_TEN_YEARS = 315_360_000
_SEPARATOR = "\x1f"
_PASSING = frozenset({"run", "task_run", "run_token", "token", "undo", "query", "statement", "workspace_object_id", "responder"})
"""Kinds that record what happened, or pass by themselves."""


def health(call: Call) -> Json:
    """Say that the server is up."""
    return {"status": "ok", "host": call.services.location.address}


def info(call: Call) -> Json:
    """Return the ids of the workspace, and the certificate that Spark Connect clients must trust."""
    ids = call.books.ids
    return {
        "host": call.services.location.address,
        "account_id": ids.account_id,
        "workspace_id": ids.workspace_id,
        "metastore_id": ids.metastore_id,
        "warehouse_id": ids.warehouse_id,
        "data": str(call.services.location.data_dir),
        "connect_roots": str(call.services.connect.roots()),
        "store_version": call.books.store.version,
    }


def reset(call: Call) -> Json:
    """Go back to a fresh workspace; ids and admin token stay."""
    call.services.reset()
    return {}


def faults(call: Call) -> Json:
    """List the faults that wait."""
    return {"faults": call.services.faults.listed()}


def add_fault(call: Call) -> Json:
    """Add one fault; see `localspace.core.faults.Fault` for the fields."""
    return {"id": call.services.faults.add(call.body).id}


def clear_faults(call: Call) -> Json:
    """Remove every fault and the kill."""
    call.services.faults.clear()
    return {}


def set_kill(call: Call) -> Json:
    """Die at the k-th write from now: `{"at_write": k, "when": "before"|"after", "mode": "exit"|"drop"}`."""
    body = call.body
    kill = Kill(at_write=int(body.get("at_write", 1)), when=body.get("when", "before"), mode=body.get("mode", "exit"))
    if kill.at_write < 1 or kill.when not in ("before", "after") or kill.mode not in ("exit", "drop"):
        raise invalid("A kill needs at_write >= 1, when before or after, mode exit or drop.")
    call.services.faults.kill = kill
    return {}


def revive(call: Call) -> Json:
    """Answer again after a kill of mode drop."""
    call.services.faults.dropped = False
    call.services.faults.kill = None
    return {}


def lag(call: Call) -> Json:
    """Return the lags in seconds of the virtual clock."""
    return {kind.value: call.books.lag.seconds(kind) for kind in LagKind}


def set_lag(call: Call) -> Json:
    """Set lags: any of `tags`, `memberships`, `quotas`, `tag_policies`, in seconds."""
    known = {kind.value: kind for kind in LagKind}
    for name, seconds in call.body.items():
        if name not in known or not isinstance(seconds, (int, float)) or seconds < 0:
            raise invalid(f"A lag is one of {', '.join(known)}, in seconds >= 0.")
    for name, seconds in call.body.items():
        call.books.lag.set(known[name], float(seconds))
    return lag(call)


def clock(call: Call) -> Json:
    """Return the virtual time."""
    return {"now_ms": call.books.clock.now_ms()}


def tick(call: Call) -> Json:
    """Move the virtual clock forward by `seconds`."""
    seconds = call.body.get("seconds")
    if not isinstance(seconds, (int, float)) or not 0 <= seconds <= _TEN_YEARS:
        raise invalid(f"tick needs seconds between 0 and {_TEN_YEARS}.")
    return {"now_ms": call.books.clock.tick(seconds)}


def requests(call: Call) -> Json:
    """Return the request log; `?mutating=true` shows the writes alone."""
    found = call.services.faults.requests()
    if call.flag("mutating"):
        found = [one for one in found if one["mutating"]]
    return {"requests": found, "writes": call.services.faults.writes}


def clear_requests(call: Call) -> Json:
    """Empty the request log and the write count; `?bodies=true` keeps what is sent and answered from now on."""
    call.services.faults.clear_log()
    if "bodies" in call.query:
        call.services.faults.keep_bodies = call.flag("bodies")
    return {}


def mint(call: Call) -> Json:
    """Mint a token for any principal, named by `principal_id` or `principal` (its name)."""
    body = call.body
    found = _principal(call, body)
    lifetime = body.get("lifetime_seconds")
    if not isinstance(lifetime, (int, type(None))):
        raise invalid("lifetime_seconds must be a whole number.")
    token, document = call.services.authenticator.mint(
        found.id, comment="minted by the control API", lifetime_seconds=lifetime, created_by=call.actor.id
    )
    return {"token": token, "principal_id": found.id, "principal": found.name, "token_id": document["id"]}


def inventory(call: Call) -> Json:
    """List what the workspace holds, as `kind/key` with a digest of its content; histories and tokens are left out."""
    found = {
        f"{kind}/{key.replace(_SEPARATOR, '.')}": _digest(body)
        for kind, key, body in call.books.store.bodies()
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


def responders(call: Call) -> Json:
    """List the responders of the serving endpoints."""
    return {"responders": call.books.store.list("responder")}


def set_responder(call: Call) -> Json:
    """Register what a serving endpoint answers; see `localspace.api.serving.reply_of` for the forms."""
    name = call.params["name"]
    body = call.body | {"name": name}
    if body.get("kind") not in ("canned", "rules", "echo", "error"):
        raise invalid("A responder has a kind: canned, rules, echo or error.")
    rules = body.get("rules") or []
    if not isinstance(rules, list) or not all(_is_rule(one) for one in rules):
        raise invalid("Each of rules is an object with a pattern, a regular expression, and a reply.")
    if not isinstance(body.get("replies") or [], list):
        raise invalid("replies must be a list.")
    call.books.store.put("responder", (name,), body)
    call.services.stub_calls.pop(name, None)
    return {}


def set_classification(call: Call) -> Json:
    """Seed `system.data_classification.results` with `{"results": [rows]}`; null takes the table away."""
    if set(call.body) != {"results"}:
        raise invalid("classification takes the one field results.")
    return seed_results(call.books, call.body["results"])


def _is_rule(rule: Any) -> bool:
    if not isinstance(rule, dict) or not isinstance(rule.get("pattern"), str) or "reply" not in rule:
        return False
    try:
        re.compile(rule["pattern"])
    except re.error:
        return False
    return True


def _principal(call: Call, body: dict[str, Any]) -> Principal:
    identity = call.books.identity
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
    _route("GET", "responders", responders),
    _route("PUT", "responders/{name}", set_responder),
)
