"""The server as a process: start, kill -9, restart on the same data, clean end."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner

from localspace.main import cli

pytestmark = pytest.mark.server
SCHEMAS = "/api/2.1/unity-catalog/schemas"


class Served:
    """A `localspace serve --json` process."""

    def __init__(self, data: Path, *options: str, env: dict[str, str] | None = None) -> None:
        command = [sys.executable, "-c", "from localspace.main import run; run()", "serve", "--json", "--data", str(data)]
        self.process = subprocess.Popen([*command, *options], stdout=subprocess.PIPE, text=True, env=env)
        assert self.process.stdout is not None
        self.facts: dict[str, str] = json.loads(self.process.stdout.readline())
        self.http = httpx.Client(
            base_url=self.facts["host"], headers={"authorization": f"Bearer {self.facts['token']}"}, timeout=10
        )

    def end(self, how: int) -> int:
        self.http.close()
        self.process.send_signal(how)
        code = self.process.wait(10)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code


def names(served: Served) -> set[str]:
    answer: dict[str, Any] = served.http.get(SCHEMAS, params={"catalog_name": "main"}).json()
    return {one["name"] for one in answer["schemas"]} - {"information_schema"}


def test_kill_9_loses_nothing_that_was_answered(tmp_path: Path) -> None:
    first = Served(tmp_path / "data")
    made = {f"s{number}" for number in range(20)}
    for name in sorted(made):
        assert first.http.post(SCHEMAS, json={"name": name, "catalog_name": "main"}).status_code == 200
    minted = first.http.post("/api/2.0/token/create", json={"comment": "kept"}).json()["token_value"]
    assert first.end(signal.SIGKILL) == -signal.SIGKILL
    second = Served(tmp_path / "data")
    try:
        assert {key: second.facts[key] for key in first.facts if key != "host"} == {
            key: first.facts[key] for key in first.facts if key != "host"
        }
        assert names(second) == made | {"default"}
        with_minted = httpx.get(
            second.facts["host"] + "/api/2.0/preview/scim/v2/Me", headers={"authorization": f"Bearer {minted}"}
        )
        assert with_minted.status_code == 200
    finally:
        assert second.end(signal.SIGTERM) == 0


@pytest.mark.parametrize(("when", "there"), [("before", False), ("after", True)])
def test_the_process_dies_at_the_kth_write_with_137(tmp_path: Path, when: str, there: bool) -> None:
    first = Served(tmp_path / "data")
    first.http.post("/_localspace/kill", json={"at_write": 2, "when": when})
    first.http.post(SCHEMAS, json={"name": "s1", "catalog_name": "main"})
    with pytest.raises(httpx.TransportError):
        first.http.post(SCHEMAS, json={"name": "s2", "catalog_name": "main"})
    assert first.process.wait(10) == 137
    second = Served(tmp_path / "data")
    try:
        assert names(second) == {"default", "s1"} | ({"s2"} if there else set())
    finally:
        second.end(signal.SIGTERM)


def test_serve_writes_a_private_profile(tmp_path: Path) -> None:
    config = tmp_path / "cfg"
    config.write_text("[other]\nhost = https://x.example\ntoken = kept\n")
    served = Served(tmp_path / "data", "--profile", "local", env={**os.environ, "DATABRICKS_CONFIG_FILE": str(config)})
    try:
        text = config.read_text()
        assert "[other]\nhost = https://x.example\ntoken = kept\n" in text
        assert f"[local]\nhost = {served.facts['host']}\ntoken = {served.facts['token']}\n" in text
        assert stat.S_IMODE(config.stat().st_mode) == 0o600
        assert stat.S_IMODE((tmp_path / "data" / "admin.token").stat().st_mode) == 0o600
    finally:
        served.end(signal.SIGTERM)


def test_a_second_server_on_the_same_data_is_refused_in_words(tmp_path: Path) -> None:
    served = Served(tmp_path / "data")
    try:
        again = _localspace("serve", "--data", str(tmp_path / "data"))
        assert (again.returncode, "is in use by another localspace" in again.stderr) == (1, True)
        reset = _localspace("reset", "--yes", "--data", str(tmp_path / "data"))
        assert (reset.returncode, "is in use" in reset.stderr) == (1, True)
    finally:
        served.end(signal.SIGTERM)
    assert _localspace("reset", "--yes", "--data", str(tmp_path / "data")).returncode == 0
    assert not (tmp_path / "data").exists()


def test_a_folder_of_something_else_is_never_touched(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    for command in ("serve", "reset"):
        done = _localspace(command, "--data", str(tmp_path), *(["--yes"] if command == "reset" else []))
        assert done.returncode == 1
    assert [one.name for one in tmp_path.iterdir()] == ["mine.txt"]


def test_a_taken_port_is_told_in_words(tmp_path: Path) -> None:
    served = Served(tmp_path / "data")
    try:
        port = served.facts["host"].rsplit(":", 1)[1]
        again = _localspace("serve", "--port", port, "--data", str(tmp_path / "other"))
        assert (again.returncode, "cannot be used" in again.stderr) == (1, True)
    finally:
        served.end(signal.SIGTERM)


def test_doctor_looks_at_everything_that_is_needed(tmp_path: Path) -> None:
    done = _localspace("doctor", "--json", "--data", str(tmp_path / "data"))
    checks = {one["check"]: one["ok"] for one in json.loads(done.stdout)}
    assert set(checks) >= {"python", "sqlite", "starlette", "uvicorn", "pyspark", "java", "data folder", "sqlite WAL"}
    assert (done.returncode == 0) is all(checks.values())


def _localspace(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from localspace.main import run; run()", *arguments],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_a_folder_of_another_format_is_refused_by_name_and_reset_removes_it(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "localspace.json").write_text('{"format": 1}')
    served = CliRunner().invoke(cli, ["serve", "--data", str(data)])
    assert served.exit_code == 1
    assert "format 1; this localspace reads format 3" in served.output.replace("\n", " ")
    assert "localspace reset" in served.output.replace("\n", " ")
    assert CliRunner().invoke(cli, ["reset", "--yes", "--data", str(data)]).exit_code == 0
    assert not data.exists()
