"""Generated requests to every route, as users and as service principals: no 500, and every refusal is JSON with its words."""

from __future__ import annotations

import json
import random
import string
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from localspace.http.request import Route
from localspace.http.request_schemas import RAW, schema_of
from localspace.http.request_schemas.types import (
    FLAG,
    NUMBER,
    OBJECT,
    TEXT,
    WHOLE,
    ElementsOf,
    Fields,
    FieldType,
    ListOf,
    MapOf,
)
from localspace.server.routes import ROUTES
from support.closing_lines import Record, note_table
from support.nightly import NIGHTLY
from support.populated_workspace import HIDDEN, Populated, populated
from support.valid_bodies import VALID

pytestmark = [pytest.mark.server, pytest.mark.sampled]
REQUESTS = 20_000 if NIGHTLY else 300
SEED = 20261130
ROUND = 100
"""Requests between two restores of the workspace: a deleted caller would make all further answers a 401."""

CALLERS = ("admin", "alice", "wanda", "robot", "chief_robot")
HOSTILE: tuple[str, ...] = (
    *("", " ", ".", "..", "../../etc/passwd", "/", "//", "a" * 300, "\u0000", "\u001f", "\u202e", "ß", "İ", "\U0001f9ff"),
    *("'; DROP TABLE x --", "%00", "%ff", "{{job.id}}", "${jndi}", "\\", "\n", "=", "~", "`", '"', "*", "null", "true", "NaN"),
    *("-1", "0", "9" * 30, "1e400", "a.b.c", "a.b.c.d", "main", "main.default", "main.information_schema", "hive_metastore"),
    *("system.access", "/Users", "/Workspace", "/Volumes/main/default/v/x", "admin@localspace.example", "account users"),
)
WRONG: tuple[Any, ...] = (None, True, 0, -1, 2**63, 2**70, 1.5, 1e308, "", "x", [], {}, [[]], [None], {"a": None}, [{}], {"": ""})
FREE = tuple(one for one in WRONG if "None" not in repr(one))
"""Values for free objects, which come back as they were given."""

QUERY = (
    *("max_results", "page_token", "page_size", "limit", "offset", "filter", "startIndex", "count", "attributes"),
    *("sortBy", "sortOrder", "catalog_name", "schema_name", "update_mask", "force", "path", "overwrite", "run_id"),
    *("job_id", "name", "etag", "resource", "scope", "key", "principal", "policy_id", "expand_tasks"),
    *("include_history", "start_time_from", "start_time_to", "active_only", "run_type", "notebooks_modified_after"),
    *("format", "direct_download", "include_serialized_space", "chunk_index", "filter_by", "view_type"),
    *("include_inherited", "parent_full_name", "quota_name", "excludedAttributes", "views_to_export"),
    *("dataset_catalog", "include_metrics"),
)
BODIES = (
    b"",
    b"{",
    b"[]",
    b"null",
    b"1",
    b'"x"',
    b"\xff\xfe",
    b"{}" * 3,
    b"[" * 2_000,
    b'{"a":' * 500,
    b"a=b&c=%ff",
    b'{"name":NaN}',
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """One generated request."""

    caller: str
    method: str
    path: str
    query: str
    content: bytes

    def __str__(self) -> str:
        """Say what was sent, so that a failure can be repeated."""
        return f"{self.caller}: {self.method} {self.path}?{self.query} {self.content[:400]!r}"


@dataclass(slots=True, kw_only=True)
class Generator:
    """Makes requests from the table of routes; the same seed makes the same requests."""

    dice: random.Random
    known: tuple[str, ...]
    routes: tuple[Route, ...]
    made: int = field(default=0)

    def request(self) -> Sent:
        """Return the next request: each route in turn, so that none is left out."""
        route = self.routes[self.made % len(self.routes)]
        self.made += 1
        method = (
            route.method if self.dice.random() < 0.95 else self.dice.choice(("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
        )
        return Sent(
            caller=self.dice.choice(CALLERS),
            method=method,
            path="/".join(self.segment(one) for one in route.path.split("/")),
            query=self.query(),
            content=self.content(route),
        )

    def segment(self, pattern: str) -> str:
        """Return one part of the path."""
        if not pattern.startswith("{"):
            return pattern
        if pattern.endswith("*}"):
            return "/".join(quote(self.text(), safe="") for _ in range(self.dice.randint(1, 5)))
        return quote(self.text(), safe="") or "x"

    def text(self) -> str:
        """Return a name or id: one that exists, a hostile one, or a new one."""
        draw = self.dice.random()
        if draw < 0.6:
            return self.dice.choice(self.known)
        if draw < 0.85:
            return self.dice.choice(HOSTILE)
        return "".join(self.dice.choices(string.ascii_lowercase, k=6))

    def query(self) -> str:
        """Return a query of a few known parameters."""
        names = self.dice.sample(QUERY, self.dice.randint(0, 4))
        return "&".join(f"{one}={quote(self.text())}" for one in names)

    def content(self, route: Route) -> bytes:
        """Return a body: mostly the declared fields, some missing, some wrong; sometimes no JSON at all."""
        key = f"{route.method} {route.path}"
        if route.method == "GET" or self.dice.random() < 0.05 or key in RAW:
            return self.dice.choice(BODIES)
        if key in VALID and self.dice.random() < 0.5:
            return json.dumps(self.bent(VALID[key])).encode()
        body = self.value(schema_of(route.method, route.path), 0)
        if isinstance(body, dict) and self.dice.random() < 0.2:
            body[self.text()] = self.dice.choice(WRONG)
        return json.dumps(body).encode()

    def bent(self, valid: Any) -> Any:
        """Return a valid value with few places changed, at any depth."""
        draw = self.dice.random()
        if draw < 0.04:
            return self.dice.choice(WRONG)
        if draw < 0.1 and isinstance(valid, str):
            return self.text()
        if isinstance(valid, dict):
            return {name: self.bent(one) for name, one in valid.items() if self.dice.random() < 0.97}
        if isinstance(valid, list):
            return [self.bent(one) for one in valid] * self.dice.choice((1, 1, 1, 2))
        return valid

    def value(self, kind: FieldType, depth: int) -> Any:
        """Return a value of a type, at times of another one."""
        if depth and self.dice.random() < 0.08:
            return self.dice.choice(WRONG)
        if isinstance(kind, Fields):
            share = 0.75 if depth < 2 else 0.3
            return {name: self.value(one, depth + 1) for name, one in kind.types.items() if self.dice.random() < share}
        if isinstance(kind, (ListOf, ElementsOf)):
            return [self.value(kind.element, depth + 1) for _ in range(self.dice.randint(0, 2))]
        if isinstance(kind, MapOf):
            return {self.text(): self.value(kind.value, depth + 1) for _ in range(self.dice.randint(0, 2))}
        if kind is TEXT:
            return self.text()
        if kind is FLAG:
            return self.dice.random() < 0.5
        if kind in (WHOLE, NUMBER):
            return self.dice.choice((0, 1, 5, 60, 100, -1, 2**31, 2**62))
        return self.dice.choice(FREE) if kind is not OBJECT else {self.text(): self.dice.choice(FREE)}


def wrong_with(sent: Sent, answer: httpx.Response) -> str:
    """Return what is wrong with an answer, "" for nothing."""
    if answer.status_code >= 500 and answer.status_code != 501:
        return f"{answer.status_code} {answer.text[:200]}"
    if sent.method == "HEAD":
        return ""
    if answer.status_code < 400:
        return _no_json(answer) or _nulls(answer)
    try:
        body = answer.json()
    except ValueError:
        return f"{answer.status_code} without JSON: {answer.text[:200]!r}"
    words = ("error", "error_description") if "/oidc/" in sent.path else ("error_code", "message")
    scim = "/scim/v2/" in sent.path and isinstance(body, dict) and {"detail", "status"} <= body.keys()
    if scim or (isinstance(body, dict) and all(isinstance(body.get(one), str) and body[one] for one in words)):
        return ""
    if isinstance(body, dict) and isinstance(body.get("error_code"), str) and body.get("message"):
        return ""
    return f"{answer.status_code} without words: {answer.text[:200]}"


def _no_json(answer: httpx.Response) -> str:
    if not answer.headers.get("content-type", "").startswith("application/json") or not answer.content:
        return ""
    try:
        answer.json()
    except ValueError:
        return f"{answer.status_code} announces JSON: {answer.text[:200]!r}"
    return ""


NULLS = frozenset({"manifest", "result"})
"""Fields below which null is a value: cells of statements."""


def _nulls(answer: httpx.Response) -> str:
    """Return where an answer holds null: what is absent is not answered."""
    if not answer.headers.get("content-type", "").startswith("application/json") or not answer.content:
        return ""
    waiting: list[tuple[str, Any]] = [("", answer.json())]
    while waiting:
        place, value = waiting.pop()
        if value is None:
            return f"null at {place}"
        inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        waiting += [(f"{place}.{name}", one) for name, one in inside if name not in NULLS]
    return ""


@pytest.fixture(scope="module")
def world() -> Iterator[Populated]:
    with populated() as made:
        yield made


def test_no_generated_request_is_an_internal_error(world: Populated, record_property: Record) -> None:
    # The control API belongs to the administrator of this machine; its checks of callers have tests of their own.
    routes = tuple(one for one in ROUTES if not one.path.startswith("/_localspace/"))
    known = (*world.names.values(), *world.ids.values(), HIDDEN, f"{HIDDEN}.{HIDDEN}", f"{HIDDEN}.{HIDDEN}.{HIDDEN}_t", "main")
    known += tuple(f"{HIDDEN}_{one}" for one in ("cred", "loc", "t", "f", "v", "p", "e", "k"))
    known += (world.space.account_id, world.space.workspace_id, world.space.metastore_id, "catalog", "schema", "table", "columns")
    generator = Generator(dice=random.Random(SEED), known=known, routes=routes)
    everything = world.documents()
    wrong: dict[str, str] = {}
    statuses: Counter[int] = Counter()
    for number in range(REQUESTS):
        if number % ROUND == 0:
            world.restore(everything)
        sent = generator.request()
        request = world.clients[sent.caller].build_request(
            sent.method, f"{sent.path}?{sent.query}", content=sent.content, headers={"content-type": "application/json"}
        )
        answer = world.clients[sent.caller].send(request)
        statuses[answer.status_code] += 1
        found = wrong_with(sent, answer)
        if found:
            wrong.setdefault(found, str(sent))
    world.restore(everything)
    note_table(
        record_property, f"{REQUESTS} generated requests to {len(routes)} routes: statuses {dict(sorted(statuses.items()))}"
    )
    assert wrong == {}, "\n".join(f"{what}: {sent}" for what, sent in wrong.items())
    assert statuses[200] > REQUESTS / 20, "most requests are refused before they reach anything"
