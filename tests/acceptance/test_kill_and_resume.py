"""The demo's life with accidents: `destroy` leaves the world as it was, `kill -9` in an apply changes nothing in the end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from lampkeeper.demo.run import ENV, bank_subject, seed_subject, write_env
from lampkeeper.files.folder import EnvFolder
from lampkeeper.places.local import LocalPlace
from lampkeeper.places.place import Address
from lampkeeper.remote.clients import connect
from support.worlds import difference, require_same, world_in

pytestmark = [pytest.mark.server, pytest.mark.spark, pytest.mark.heavy]

ALL_LAYERS = ("--layer", "account", "--layer", "data_access", "--layer", "workspace")
SLOWER = {"method": "P*", "path": "/api/2.*", "times": 100_000, "delay_ms": 10}


@dataclass
class Home:
    """The demo's folder, and its workspace as a process that can be killed."""

    root: Path
    place: LocalPlace
    address: Address

    @property
    def folder(self) -> EnvFolder:
        return EnvFolder(self.root, ENV)

    @property
    def world(self) -> dict[str, list[str]]:
        return world_in(self.place.data)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a command as a person would."""
        command = [sys.executable, "-c", "from lampkeeper.cli.main import run; run()", *arguments, "--json"]
        env = {**os.environ, "LAMPKEEPER_TIMEOUT": "5"}
        return subprocess.Popen(command, cwd=self.root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env)

    def run(self, *arguments: str) -> dict[str, object]:
        """Run a command to its end and return its document; it must succeed."""
        process = self.start(*arguments)
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
        document: dict[str, object] = json.loads(out)
        return document

    def journalled(self) -> int:
        """Return how many lines the journals of an apply hold."""
        return sum(p.read_bytes().count(b"\n") for p in (self.root / "envs").rglob("*.journal"))

    def control(self, method: str, path: str, body: object = None) -> None:
        headers = {"authorization": f"Bearer {self.address.token}"}
        httpx.request(method, f"{self.address.host}/_localspace/{path}", headers=headers, json=body).raise_for_status()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    root = tmp_path_factory.mktemp("home")
    place = LocalPlace(folder=root / "workspace")
    home = Home(root, place, place.up())
    try:
        seed_subject(connect(home.address.signed(), warehouse_id=home.address.warehouse_id), bank_subject())
        write_env(home.folder, bank_subject(), home.address)
        home.run("generate")
        yield home
    finally:
        place.down()


@dataclass(frozen=True)
class Cycle:
    """An apply and a destroy to which nothing happened: the world before, after the apply and after the destroy."""

    before: dict[str, list[str]]
    applied: dict[str, list[str]]
    destroyed: dict[str, list[str]]


@pytest.fixture(scope="module")
def cycle(home: Home) -> Cycle:
    before = home.world
    assert home.run("apply")["writes"] != 0
    applied = home.world
    home.run("destroy", "--yes", "--allow-widening", *ALL_LAYERS)
    return Cycle(before, applied, home.world)


def test_destroy_leaves_nothing_of_ours_and_touches_nothing_else(home: Home, cycle: Cycle) -> None:
    assert difference(cycle.before, cycle.applied) != []
    require_same(cycle.before, cycle.destroyed)
    assert home.run("plan")["changes"] != []


@pytest.mark.parametrize("lines", [20, pytest.param(150, marks=pytest.mark.nightly)])
def test_a_kill_9_of_the_workspace_in_an_apply_leaves_no_trace_in_the_end(home: Home, cycle: Cycle, lines: int) -> None:
    before, wanted = cycle.before, cycle.applied
    require_same(before, home.world)

    home.control("POST", "faults", SLOWER)
    process = home.start("apply")
    deadline = time.monotonic() + 60
    while home.journalled() < lines and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.002)
    home.place.kill()
    out, err = process.communicate(timeout=60)
    assert process.returncode == 4, (out, err)
    assert difference(wanted, home.world) != []

    home.address = home.place.up()
    home.folder.write_auth(home.address.signed())
    assert home.run("apply")["writes"] != 0
    require_same(wanted, home.world)
    assert home.run("apply")["writes"] == 0
    assert home.run("verify")["ok"] is True
    home.run("destroy", "--yes", "--allow-widening", *ALL_LAYERS)
    require_same(before, home.world)
