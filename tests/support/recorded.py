"""Recorded requests of real clients: ids and tokens normalised, replayed against a fresh local workspace.

A value that the server made up is written as `{{n:/pointer}}`: the value at that place of the n-th answer. Ids of the
workspace itself are `{{account_id}}` and so on. Of an account whose hosts are apart, an exchange names the workspace whose
host was called, empty for the account's own; an exchange of another caller than the admin names it in `as`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

from localspace.governance.bootstrap import ADMIN_NAME
from support.localspace_server import LocalWorkspace

_MADE_UP = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{32}|[0-9a-f]{16}|[0-9A-F]{16}|\d{13,16}")
_PLACE = re.compile(r"\{\{(\d+):([^}]*)\}\}")
_SIGNING_IN = ("/oidc/", "/.well-known/", "/api/2.0/token/")
_OWN = ("account_id", "workspace_id", "metastore_id", "warehouse_id")


def take(space: LocalWorkspace) -> list[dict[str, Any]]:
    """Return what the clients sent since the log was cleared with bodies on, normalised."""
    own = {str(getattr(space, name)): f"{{{{{name}}}}}" for name in _OWN}
    apart = bool(space.server.host["separate"])
    places: dict[str, str] = {}
    found: list[dict[str, Any]] = []
    # What signs in carries secrets, which the log leaves out: a replay takes tokens of its own.
    sent = [one for one in space.control("GET", "requests")["requests"] if not one["path"].startswith(_SIGNING_IN)]
    for number, one in enumerate(sent):
        entry = {"method": one["method"], "path": one["path"], "query": one["query"], "body": one["body"]}
        if one["principal"] not in ("", ADMIN_NAME):
            entry["as"] = one["principal"]
        entry = {name: _normalised(text, own, places) for name, text in entry.items() if text}
        if apart:
            entry["workspace"] = _normalised(one["workspace"], own, places)
        assert space.token not in json.dumps(entry)
        # A client gets no body in answer to HEAD.
        answer = _parsed(one["answer"]) if one["method"] != "HEAD" else None
        found.append(entry | {"status": one["status"], "keys": sorted(answer) if isinstance(answer, dict) else None})
        for pointer, value in _leaves(answer, ""):
            if _MADE_UP.fullmatch(value) and value not in own:
                places.setdefault(value, f"{{{{{number}:{pointer}}}}}")
    return found


def replay(space: LocalWorkspace, exchanges: list[dict[str, Any]]) -> list[str]:
    """Send recorded requests again, in order; return what was answered differently."""
    answers: list[Any] = []
    wrong: list[str] = []
    with httpx.Client(timeout=30) as http:
        for number, one in enumerate(exchanges):
            path = _filled(one["path"], space, answers)
            query = _filled(one.get("query", ""), space, answers)
            body = _filled(one.get("body", ""), space, answers)
            url = _host(space, one, answers) + (f"{path}?{query}" if query else path)
            token = space.mint(_filled(one["as"], space, answers), everywhere=True) if "as" in one else space.token
            headers = {"authorization": f"Bearer {token}"} | _form(body)
            answer = http.request(one["method"], url, content=body.encode(), headers=headers)
            parsed = _parsed(answer.text)
            answers.append(parsed)
            keys = sorted(parsed) if isinstance(parsed, dict) else None
            if (answer.status_code, keys) != (one["status"], one["keys"]):
                wrong.append(f"{number}: {one['method']} {path}: {answer.status_code} {keys}, not {one['status']} {one['keys']}")
    return wrong


def _form(body: str) -> dict[str, str]:
    """Return the header of a form, whose first line is its boundary; the log keeps bodies, not headers."""
    boundary = body.partition("\r\n")[0]
    return {"content-type": f"multipart/form-data; boundary={boundary[2:]}"} if boundary.startswith("--") else {}


def _host(space: LocalWorkspace, one: dict[str, Any], answers: list[Any]) -> str:
    if "workspace" not in one:
        return space.host
    workspace = _filled(one["workspace"], space, answers)
    if not workspace:
        return space.server.location.address
    # What a workspace was made for does not wait for its provisioning.
    space.control("POST", "clock/tick", {"seconds": 10})
    return space.server.address_of(workspace)


def save(path: Path, exchanges: list[dict[str, Any]], source: str) -> None:
    """Write a recording, one exchange a line."""
    lines = ",\n".join(json.dumps(one, ensure_ascii=False, sort_keys=True) for one in exchanges)
    path.write_text(f'{{"source": {json.dumps(source)}, "exchanges": [\n{lines}\n]}}\n')


def load(path: Path) -> list[dict[str, Any]]:
    """Return the exchanges of a recording."""
    found: list[dict[str, Any]] = json.loads(path.read_text())["exchanges"]
    return found


def _normalised(text: str, own: dict[str, str], places: dict[str, str]) -> str:
    return _MADE_UP.sub(lambda match: own.get(match.group()) or places.get(match.group()) or match.group(), text)


def _filled(text: str, space: LocalWorkspace, answers: list[Any]) -> str:
    for name in _OWN:
        text = text.replace(f"{{{{{name}}}}}", str(getattr(space, name)))
    return _PLACE.sub(lambda match: str(_at(answers[int(match.group(1))], match.group(2))), text)


def _at(value: Any, pointer: str) -> Any:
    for part in pointer.split("/")[1:]:
        value = value[int(part)] if isinstance(value, list) else value[part.replace("~1", "/")]
    return value


def _leaves(value: Any, pointer: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for name, one in value.items():
            yield from _leaves(one, f"{pointer}/{name.replace('/', '~1')}")
    elif isinstance(value, list):
        for at, one in enumerate(value):
            yield from _leaves(one, f"{pointer}/{at}")
    elif isinstance(value, (str, int)) and not isinstance(value, bool):
        yield pointer, str(value)


def _parsed(text: str | None) -> Any:
    try:
        return json.loads(text or "null")
    except ValueError:
        return None
