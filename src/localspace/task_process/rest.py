"""REST calls of a task, with the token of its run-as principal; on the standard library, because a task starts often."""

from __future__ import annotations

import http.client
import json
import os
from typing import Any
from urllib.parse import quote, urlencode, urlsplit


class RestError(Exception):
    """The workspace said no: status, error code, message."""

    def __init__(self, status: int, error_code: str, message: str) -> None:
        """Make an error that reads as the platform's."""
        super().__init__(f"{error_code}: {message}")
        self.status = status
        self.error_code = error_code
        self.message = message


class Rest:
    """One workspace, one principal."""

    def __init__(self, host: str, token: str) -> None:
        """Talk to `host` with `token`."""
        self._parts = urlsplit(host)
        self._token = token

    @classmethod
    def from_environment(cls) -> Rest:
        """Take host and token from the variables of unified authentication."""
        return cls(os.environ["DATABRICKS_HOST"], os.environ["DATABRICKS_TOKEN"])

    def json(self, method: str, path: str, body: Any = None, query: dict[str, Any] | None = None) -> dict[str, Any]:
        """Call and return the JSON object of the answer."""
        raw = None if body is None else json.dumps(body).encode()
        answer = self.bytes(method, path, raw, query, "application/json")
        found: dict[str, Any] = json.loads(answer) if answer.strip() else {}
        return found

    def bytes(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        query: dict[str, Any] | None = None,
        content_type: str = "application/octet-stream",
    ) -> bytes:
        """Call and return the bytes of the answer; raises RestError."""
        target = quote(path) + ("?" + urlencode(query) if query else "")
        headers = {"Authorization": f"Bearer {self._token}", "User-Agent": "localspace-task"}
        if body is not None:
            headers["Content-Type"] = content_type
        connection = http.client.HTTPConnection(self._parts.hostname or "127.0.0.1", self._parts.port)
        try:
            connection.request(method, target, body, headers)
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        if answer.status >= 400:
            raise _error(answer.status, content)
        return content


def _error(status: int, content: bytes) -> RestError:
    try:
        found = json.loads(content)
    except ValueError:
        found = {}
    return RestError(
        status, str(found.get("error_code", status)), str(found.get("message", content[:500].decode("utf-8", "replace")))
    )
