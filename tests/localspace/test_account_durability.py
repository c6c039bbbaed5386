"""An account as a process: kill -9 loses nothing that was answered, and a restart brings all workspaces back to their ports."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from localspace.server.profile import configuration_file

pytestmark = pytest.mark.server
UC = "/api/2.1/unity-catalog"


class Served:
    """A `localspace serve --json` process, and a client of the admin for any of its hosts."""

    def __init__(self, data: Path, *options: str, env: dict[str, str] | None = None) -> None:
        command = [sys.executable, "-c", "from localspace.main import run; run()", "serve", "--json", "--data", str(data)]
        self.process = subprocess.Popen([*command, *options], stdout=subprocess.PIPE, text=True, env=env)
        assert self.process.stdout is not None
        self.facts: dict[str, Any] = json.loads(self.process.stdout.readline())

    def ask(self, host: str, method: str, path: str, body: Any = None) -> Any:
        headers = {"authorization": f"Bearer {self.facts['token']}"}
        answer = httpx.request(method, host + path, json=body, headers=headers, timeout=30)
        assert answer.is_success, f"{method} {path}: {answer.text}"
        return answer.json()

    def account(self, method: str, path: str, body: Any = None) -> Any:
        return self.ask(self.facts["account_host"], method, f"/api/2.0/accounts/{self.facts['account_id']}{path}", body)

    def end(self, how: int) -> int:
        self.process.send_signal(how)
        code = self.process.wait(15)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code


def shown(served: Served) -> dict[str, tuple[str, list[str]]]:
    """Return each workspace with its address and its catalogs."""
    found = {}
    for one in served.account("GET", "/workspaces"):
        catalogs = served.ask(one["workspace_url"], "GET", f"{UC}/catalogs")["catalogs"]
        found[one["workspace_name"]] = (one["workspace_url"], [catalog["name"] for catalog in catalogs])
    return found


def test_kill_9_loses_no_workspace_and_nothing_in_one(tmp_path: Path) -> None:
    data = tmp_path / "data"
    first = Served(data, "--workspaces", "2", "--metastores", "2")
    made = first.account("POST", "/workspaces", {"workspace_name": "third"})
    first.ask(first.facts["host"], "POST", "/_localspace/clock/tick", {"seconds": 60})
    metastore = first.account("POST", "/metastores", {"metastore_info": {"name": "own", "region": "x"}})["metastore_info"]
    first.account("POST", f"/workspaces/{made['workspace_id']}/metastores/{metastore['metastore_id']}", {})
    for number, (host, _) in enumerate(shown(first).values()):
        first.ask(host, "POST", f"{UC}/catalogs", {"name": f"catalog{number}"})
    before = shown(first)
    assert len({host for host, _ in before.values()}) == 3
    assert sorted(len(catalogs) for _, catalogs in before.values()) == [4, 4, 4]
    first.account("POST", "/workspaces", {"workspace_name": "last"})
    assert first.end(signal.SIGKILL) == -signal.SIGKILL
    second = Served(data)
    try:
        second.ask(second.facts["host"], "POST", "/_localspace/clock/tick", {"seconds": 60})
        assert second.facts["account_host"] == first.facts["account_host"]
        last = next(one for one in second.account("GET", "/workspaces") if one["workspace_name"] == "last")
        second.account("DELETE", f"/workspaces/{last['workspace_id']}")
        assert shown(second) == before
    finally:
        assert second.end(signal.SIGTERM) == 0
    third = Served(data)
    try:
        assert shown(third) == before
    finally:
        assert third.end(signal.SIGTERM) == 0


def test_a_port_that_was_taken_meanwhile_is_replaced(tmp_path: Path) -> None:
    first = Served(tmp_path / "data", "--account-host")
    port = int(first.facts["host"].rsplit(":", 1)[1])
    assert first.end(signal.SIGTERM) == 0
    with socket.socket() as other:
        other.bind(("127.0.0.1", port))
        other.listen()
        second = Served(tmp_path / "data")
        try:
            assert second.facts["host"] != first.facts["host"]
            assert second.facts["account_host"] == first.facts["account_host"]
            assert second.ask(second.facts["host"], "GET", "/api/2.0/preview/scim/v2/Me")["active"] is True
        finally:
            assert second.end(signal.SIGTERM) == 0


def test_a_reset_keeps_what_serve_made(tmp_path: Path) -> None:
    served = Served(tmp_path / "data", "--workspaces", "2", "--metastores", "2")
    try:
        before = shown(served)
        made = served.account("POST", "/workspaces", {"workspace_name": "third"})
        served.ask(served.facts["host"], "POST", f"{UC}/catalogs", {"name": "gone"})
        served.ask(served.facts["host"], "POST", "/_localspace/reset")
        assert shown(served) == before
        with pytest.raises(httpx.ConnectError):
            httpx.get(made["workspace_url"])
    finally:
        assert served.end(signal.SIGTERM) == 0


def test_each_host_has_a_profile(tmp_path: Path) -> None:
    env = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    served = Served(tmp_path / "data", "--workspaces", "2", "--profile", "DEV", env=env)
    try:
        text = configuration_file(env | {"DATABRICKS_CONFIG_FILE": str(tmp_path / ".databrickscfg")}).read_text()
        assert [line for line in text.splitlines() if line.startswith("[")] == ["[DEV]", "[DEV-2]", "[DEV-account]"]
        assert all(
            f"host = {host}" in text for host in (served.facts["account_host"], *(shown(served)[n][0] for n in shown(served)))
        )
    finally:
        assert served.end(signal.SIGTERM) == 0
