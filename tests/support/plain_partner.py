"""A partner on nothing but the standard library's http.server: another framework, written from the contract alone."""

from __future__ import annotations

import base64
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

_KINDS = {int: lambda v: isinstance(v, int) and not isinstance(v, bool), str: lambda v: isinstance(v, str),
          bool: lambda v: isinstance(v, bool), dict: lambda v: isinstance(v, dict)}  # fmt: skip
_CONNECT = {"user_info": dict, "hostname": str, "port": int, "workspace_url": str, "workspace_id": int, "demo": bool,
            "cloud_provider": str, "is_free_trial": bool}  # fmt: skip
_USER = {"email": str, "first_name": str, "last_name": str, "databricks_user_id": int, "databricks_organization_id": int,
         "is_connection_established": bool}  # fmt: skip
_DELETE = {"connection_id": str, "cloud_provider": str, "databricks_organization_id": int}
_ACCOUNT = {"domain": str, "cloud_provider": str, "databricks_organization_id": int}
_EXPIRE = {"email": str, "databricks_user_id": int, "cloud_provider": str, "databricks_organization_id": int}
_TEST_DOMAIN = re.compile(r"([a-z0-9-]+\.)*databricks-(test|demo)\.com")


class RefusedError(Exception):
    """An error of the contract."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status, self.reason = status, reason


class Shop:
    """Accounts by domain and connections by number."""

    def __init__(self, address: str) -> None:
        self.address, self.lock, self.last = address, threading.Lock(), 0
        self.users: dict[str, set[str]] = {}
        self.over: set[str] = set()
        self.connections: dict[str, tuple[str, int, str]] = {}

    def connect(self, body: dict[str, Any], query: str) -> dict[str, Any]:
        _need(body, _CONNECT)
        user = body["user_info"]
        _need(user, _USER)
        email, cloud = user["email"].lower(), body["cloud_provider"].replace("gpc", "gcp")
        if not re.fullmatch(r"[^@\s]+@[a-z0-9-]+(\.[a-z0-9-]+)+", email) or cloud not in ("aws", "azure", "gcp"):
            raise RefusedError(400, "bad_request")
        if body["workspace_id"] != user["databricks_organization_id"] or not 0 <= body["workspace_id"] < 2**63:
            raise RefusedError(400, "bad_request")
        if "cloud_provider_region" in body and body["cloud_provider_region"] is None:
            raise RefusedError(400, "bad_request")
        domain = email.rpartition("@")[2]
        if user["is_connection_established"]:
            return self._reuse(body, email)
        known_account, known = domain in self.users, email in self.users.get(domain, set())
        self.users.setdefault(domain, set()).add(email)
        if domain in self.over and not body["demo"]:
            return self._answer("purchase_product", "existing" if known else "new", "expired")
        self.last += 1
        self.connections[f"c-{self.last}"] = (domain, body["workspace_id"], cloud)
        made = {"configured_resources": True, "connection_id": f"c-{self.last}"}
        if body["demo"] or not known_account:
            return self._answer("create_trial", "new", "new") | made
        return self._answer("sign_in", "existing" if known else "new", "active") | made

    def _reuse(self, body: dict[str, Any], email: str) -> dict[str, Any]:
        if not isinstance(body.get("connection_id"), str) or not body["connection_id"]:
            raise RefusedError(400, "bad_request")
        domain, workspace, _ = self.connections.get(body["connection_id"], ("", -1, ""))
        if workspace != body["workspace_id"]:
            raise RefusedError(404, "connection_not_found")
        known = email in self.users[domain]
        self.users[domain].add(email)
        over = domain in self.over
        return self._answer(
            "purchase_product" if over else "sign_in", "existing" if known else "new", "expired" if over else "active"
        )

    def _answer(self, redirect: str, user: str, account: str) -> dict[str, Any]:
        uri = f"{self.address}/welcome?why={redirect}"
        return {"redirect_uri": uri, "redirect_value": redirect, "user_status": user, "account_status": account,
                "configured_resources": False}  # fmt: skip

    def test(self, body: dict[str, Any], query: str) -> dict[str, Any]:
        _need(body, {"connection_id": str})
        if body["connection_id"] not in self.connections:
            raise RefusedError(404, "connection_not_found")
        return {"test_results": [{"test_name": "settings", "status": "PASS", "message": "complete"}]}

    def delete(self, body: dict[str, Any], query: str) -> dict[str, Any]:
        _need(body, _DELETE)
        held = self.connections.get(body["connection_id"])
        if held is None or held[1:] != (body["databricks_organization_id"], body["cloud_provider"].replace("gpc", "gcp")):
            raise RefusedError(404, "connection_not_found")
        del self.connections[body["connection_id"]]
        return {"resource_status": "resources_deleted"}

    def delete_account(self, body: dict[str, Any], query: str) -> None:
        _need(body, _ACCOUNT)
        domain = body["domain"].lower() if body["domain"].isascii() else ""
        if not _TEST_DOMAIN.fullmatch(domain):
            raise RefusedError(400, "bad_request")
        if self.users.pop(domain, None) is None:
            raise RefusedError(404, "account_not_found")
        self.over.discard(domain)
        self.connections = {key: value for key, value in self.connections.items() if value[0] != domain}

    def expire(self, body: dict[str, Any], query: str) -> None:
        _need(body, _EXPIRE)
        name, _, domain = body["email"].lower().rpartition("@")
        if not name or "@" in name or not _TEST_DOMAIN.fullmatch(domain):
            raise RefusedError(400, "bad_request")
        if body["email"].lower() not in self.users.get(domain, set()):
            raise RefusedError(404, "account_not_found")
        self.over.add(domain)

    def connectors(self, body: dict[str, Any], query: str) -> dict[str, Any]:
        if parse_qs(query).get("pagination_token", [""])[0]:
            raise RefusedError(400, "bad_request")
        return {"connectors": [{"identifier": "salesforce", "name": "Salesforce", "type": "source"}]}


def _need(body: Any, fields: dict[str, type]) -> None:
    fine = isinstance(body, dict) and all(key in body and _KINDS[kind](body[key]) for key, kind in fields.items())
    if not fine or any(body[key] == "" for key, kind in fields.items() if key == "connection_id"):
        raise RefusedError(400, "bad_request")


@contextmanager
def serving(user: str, password: str) -> Iterator[str]:
    """Serve the shop on loopback and give its address."""
    pair = "basic " + base64.b64encode(f"{user}:{password}".encode()).decode()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: Any) -> None: ...

        def _do(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            parts = urlsplit(self.path)
            if parts.path == "/welcome" and self.command == "GET":
                self._write(200, b"<!doctype html><title>Welcome</title>", "text/html")
                return
            try:
                found = self._call(parts.path, raw, parts.query)
                self._write(200, b"" if found is None else json.dumps(found).encode(), "application/json")
            except RefusedError as refusal:
                error = {"error_reason": refusal.reason, "display_message": "Ask your admin."}
                self._write(refusal.status, json.dumps(error).encode(), "application/json")

        def _call(self, path: str, raw: bytes, query: str) -> dict[str, Any] | None:
            shop = self.server.shop  # type: ignore[attr-defined]
            calls = {
                "/v1/connect": ("POST", shop.connect), "/v1/test-connection": ("POST", shop.test),
                "/v1/delete-connection": ("POST", shop.delete), "/v1/delete-account": ("DELETE", shop.delete_account),
                "/v1/expire-account": ("PUT", shop.expire), "/v1/connectors": ("GET", shop.connectors),
            }  # fmt: skip
            method, call = calls.get(path, ("", None))
            scheme, _, given = self.headers.get("Authorization", "").partition(" ")
            if f"{scheme.lower()} {given}" != pair:
                raise RefusedError(401, "unauthorized")
            if call is None or method != self.command:
                raise RefusedError(405 if call else 404, "bad_request")
            if self.headers.get("User-Agent") != "databricks":
                raise RefusedError(400, "bad_request")
            if method != "GET" and not self.headers.get("Content-Type", "").startswith("application/json"):
                raise RefusedError(415, "bad_request")
            try:
                body = json.loads(raw.decode()) if method != "GET" else {}
            except (ValueError, RecursionError) as error:
                raise RefusedError(400, "bad_request") from error
            with shop.lock:
                return call(body, query)  # type: ignore[no-any-return]

        def _write(self, status: int, body: bytes, kind: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = _do  # noqa: N815 - the names that http.server looks for

    class Server(ThreadingHTTPServer):
        daemon_threads = True

    server = Server(("127.0.0.1", 0), Handler)
    address = f"http://127.0.0.1:{server.server_port}"
    server.shop = Shop(address)  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield address
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
