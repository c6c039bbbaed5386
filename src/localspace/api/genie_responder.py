"""The answers to questions of Genie spaces: canned ones by default, or those of a responder that the user supplies.

The canned responder answers an example question of the space with its SQL, and any other question with the first rows of the
table whose name has the most words of the question. It uses no language model and does not know the benchmark answers.

`PUT /_localspace/genie-responder` supplies another one: `{"kind": "rules", "rules": [{"pattern", "sql" or "text"}]}`, or
`{"kind": "http", "url": "http://127.0.0.1:PORT/…"}`, which is sent `{"question", "space"}` and answers `{"sql"}` or `{"text"}`.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx

from localspace.api.serialized_space import tables_of
from localspace.core.errors import invalid
from localspace.core.statement_runner import SqlError
from localspace.core.stored_documents import kinds
from localspace.core.stored_documents.conversations import StoredResponder
from localspace.core.stored_documents.workspace import StoredGenieSpace
from localspace.governance.repositories import Repositories
from localspace.http.request import Plane, Request, Route
from localspace.http.serialisation import Json

_ROWS = 10
_SECONDS = 60.0
_WORD = re.compile(r"[a-z0-9]+")
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """What a responder says: a query, or a text."""

    sql: str = ""
    text: str = ""
    description: str = ""


class ResponderError(Exception):
    """A responder gave no usable answer: the platform's type of the error, and a text for people."""

    def __init__(self, kind: str, text: str) -> None:
        """Make an error of a type of `MessageErrorType`."""
        super().__init__(text)
        self.kind = kind


def propose(repositories: Repositories, space: StoredGenieSpace, question: str) -> Proposal:
    """Return the answer to a question, its SQL checked to be one query; raises ResponderError."""
    payload = json.loads(space["serialized_space"])
    supplied = repositories.store.get(kinds.RESPONDER, kinds.WHOLE)
    if supplied is None:
        found = _canned(payload, question)
    elif supplied["kind"] == "rules":
        found = _by_rules(supplied, question) or _canned(payload, question)
    else:
        found = _asked(supplied["url"], payload, question)
    if found.sql:
        _require_query(found.sql)
    return found


def _require_query(text: str) -> None:
    # The query runs with the rights of the principal who asks: nothing but a query may run so.
    from localspace.sql.parse import parse_query

    try:
        parse_query(text)
    except SqlError as error:
        raise ResponderError(
            "DESCRIBE_QUERY_INVALID_SQL_ERROR", f"The generated SQL is not one query: {error.message}"
        ) from error


def _canned(payload: Json, question: str) -> Proposal:
    examples = (payload.get("instructions") or {}).get("example_question_sqls") or []
    for one in examples:
        if _folded(" ".join(one.get("question") or [])) == _folded(question) and not one.get("parameters"):
            return Proposal(sql="".join(one.get("sql") or []), description=question)
    tables = tables_of(payload)
    if not tables:
        return Proposal(text="This space has no tables, so there is nothing to query.")
    words = set(_WORD.findall(question.casefold()))
    best = max(tables, key=lambda name: (len(words & _words(name)), -tables.index(name)))
    quoted = ".".join(f"`{part.replace('`', '``')}`" for part in best.split("."))
    return Proposal(sql=f"SELECT * FROM {quoted} LIMIT {_ROWS}", description=f"The first rows of {best}.")  # noqa: S608  (quoted)


def _words(table: str) -> set[str]:
    found = set(_WORD.findall(table.rsplit(".", 1)[-1].casefold()))
    return found | {one.removesuffix("s") for one in found} | {f"{one}s" for one in found}


def _folded(text: str) -> str:
    return " ".join(_WORD.findall(text.casefold()))


def _by_rules(supplied: StoredResponder, question: str) -> Proposal | None:
    for one in supplied["rules"]:
        if re.search(one["pattern"], question, re.IGNORECASE):
            return _proposal(dict(one))
    return None


def _asked(url: str, payload: Json, question: str) -> Proposal:
    known = {name: value for name, value in payload.items() if name != "benchmarks"}
    try:
        answer = httpx.post(url, json={"question": question, "space": known}, timeout=_SECONDS)
        answer.raise_for_status()
        found = answer.json()
    except (httpx.HTTPError, ValueError) as error:
        raise ResponderError("GENERIC_CHAT_COMPLETION_EXCEPTION", f"The responder failed: {type(error).__name__}.") from error
    if not isinstance(found, dict):
        raise ResponderError("INVALID_CHAT_COMPLETION_JSON_EXCEPTION", "The responder must answer with a JSON object.")
    return _proposal(found)


def _proposal(found: dict[str, Any]) -> Proposal:
    parts = {name: found.get(name) or "" for name in ("sql", "text", "description")}
    if not all(isinstance(one, str) for one in parts.values()) or not (parts["sql"] or parts["text"]):
        raise ResponderError("INVALID_CHAT_COMPLETION_JSON_EXCEPTION", "The responder must answer with sql or text.")
    return Proposal(**parts)


def set_responder(request: Request) -> Json:
    """Supply a responder; see the module's text."""
    body = request.body
    kind = body.get("kind")
    if kind == "rules":
        rules = body.get("rules")
        if not isinstance(rules, list) or not all(_is_rule(one) for one in rules):
            raise invalid("Each of rules is an object with a pattern, a regular expression, and sql or text.")
    elif kind == "http":
        parts = urlsplit(str(body.get("url") or ""))
        if parts.scheme != "http" or parts.hostname not in _LOOPBACK:
            raise invalid("url must be an http address of the loopback interface, such as http://127.0.0.1:8000/answer.")
    else:
        raise invalid("A responder has a kind: rules or http.")
    request.repositories.store.put(kinds.RESPONDER, (kinds.WHOLE,), kinds.RESPONDER.document(body))
    return {}


def clear_responder(request: Request) -> Json:
    """Go back to the canned responder."""
    request.repositories.store.delete(kinds.RESPONDER, kinds.WHOLE)
    return {}


def _is_rule(rule: Any) -> bool:
    if not isinstance(rule, dict) or set(rule) - {"pattern", "sql", "text", "description"}:
        return False
    if not all(isinstance(one, str) for one in rule.values()) or not (rule.get("sql") or rule.get("text")):
        return False
    try:
        re.compile(rule.get("pattern", "("))
    except re.error:
        return False
    return True


_PATH = "/_localspace/genie-responder"
ROUTES = (
    Route(method="PUT", path=_PATH, handler=set_responder, plane=Plane.CONTROL),
    Route(method="DELETE", path=_PATH, handler=clear_responder, plane=Plane.CONTROL),
)
