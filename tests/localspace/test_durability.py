"""The server as a process: start, kill -9, restart on the same data, clean end."""

from __future__ import annotations

import itertools
import json
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from localspace.core.store import Store
from localspace.core.stored_documents import kinds
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


class Writes:
    """Threads that write all kinds of things without a pause and note what was answered, until the server is gone."""

    def __init__(self, served: Served, life: int) -> None:
        self.schemas: set[str] = set()
        self.rows: dict[str, int] = {}
        self.answered = threading.Event()
        self._served, self._life = served, life
        self._threads = [threading.Thread(target=self._write, args=(n,)) for n in range(4)]
        for thread in self._threads:
            thread.start()

    def join(self) -> None:
        for thread in self._threads:
            thread.join()

    def _write(self, number: int) -> None:
        headers = {"authorization": f"Bearer {self._served.facts['token']}"}
        with httpx.Client(base_url=self._served.facts["host"], headers=headers, timeout=30) as http:
            try:
                self._write_on(http, number)
            except httpx.TransportError:
                return  # the server is gone

    def _write_on(self, http: httpx.Client, number: int) -> None:
        table = f"main.default.t{self._life}_{number}"
        if not self._run(http, f"CREATE TABLE {table} (n INT)"):
            return
        self.rows[table] = 0
        for at in itertools.count():
            name = f"s{self._life}_{number}_{at}"
            if http.post(SCHEMAS, json={"name": name, "catalog_name": "main"}).status_code == 200:
                self.schemas.add(name)
            if self._run(http, f"INSERT INTO {table} VALUES ({at})"):
                self.rows[table] += 1
                self.answered.set()

    def _run(self, http: httpx.Client, statement: str) -> bool:
        body = {"statement": statement, "warehouse_id": self._served.facts["warehouse_id"], "wait_timeout": "50s"}
        answer = http.post("/api/2.0/sql/statements", json=body)
        return bool(answer.json()["status"]["state"] == "SUCCEEDED")


@pytest.mark.nightly
def test_kill_9_ten_times_during_writes_loses_nothing_that_was_answered(tmp_path: Path) -> None:
    schemas: set[str] = set()
    rows: dict[str, int] = {}
    for life in range(10):
        served = Served(tmp_path / "data")
        writes = Writes(served, life)
        assert writes.answered.wait(60)
        time.sleep(0.05 + 0.07 * life)
        served.process.send_signal(signal.SIGKILL)
        writes.join()
        assert served.end(signal.SIGKILL) == -signal.SIGKILL
        schemas |= writes.schemas
        rows |= writes.rows
    last = Served(tmp_path / "data")
    try:
        assert schemas <= names(last)
        found = last.http.get("/api/2.1/unity-catalog/tables", params={"catalog_name": "main", "schema_name": "default"})
        assert set(rows) <= {one["full_name"] for one in found.json()["tables"]}
        # The rows themselves, from the files that the store names: at most the one insert that was under way is more.
        store = Store(tmp_path / "data" / "store.db")
        tables = {f"{one['catalog_name']}.{one['schema_name']}.{one['name']}": one for one in store.everywhere(kinds.TABLE)}
        for table, count in rows.items():
            folder = tables[table].get("storage")
            files = [] if folder is None else sorted((tmp_path / "data" / "files" / folder["path"]).glob("*.parquet"))
            there = sorted(value for file in files for value in pq.read_table(file).column(0).to_pylist())
            assert there in (list(range(count)), list(range(count + 1)))
        store.close()
        assert len(rows) == 40
        assert sum(rows.values()) >= 10
    finally:
        last.end(signal.SIGTERM)


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
