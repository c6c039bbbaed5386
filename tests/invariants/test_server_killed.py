"""The local workspace dies under an apply (SIGKILL), comes back on the same data, and the apply goes on to the same end."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from lampkeeper.deploy.direct import apply_plan
from lampkeeper.deploy.planner import make_plan
from lampkeeper.deploy.state import States
from lampkeeper.deploy.wait import PropagationWait
from lampkeeper.model.auth import Auth
from lampkeeper.model.errors import RemoteError
from lampkeeper.remote.clients import Call, connect
from lampkeeper.remote.failures import Timeouts
from lampkeeper.remote.warehouse import run_sql
from support.governed_configs import CONFIGS
from support.governed_places import Tripwire

pytestmark = [pytest.mark.server, pytest.mark.spark]

NOW = PropagationWait(seconds=0)


class Server:
    """One process of the local workspace on a data folder."""

    def __init__(self, data: Path) -> None:
        command = [sys.executable, "-c", "from localspace.main import run; run()", "serve", "--json", "--data", str(data)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert self.process.stdout is not None
        self.facts = json.loads(self.process.stdout.readline())

    def kill(self) -> None:
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(20)


def test_killed_and_restarted_under_an_apply_it_ends_in_the_same_state(
    tmp_path: Path, tried: Callable[[str, str, int], None]
) -> None:
    config = next(c for c in CONFIGS if c.name == "one_table")
    desired = config.stages[0]

    def reach(server: Server) -> tuple[object, Tripwire]:
        facts = server.facts
        auth = Auth(
            workspace_host=facts["host"],
            token=facts["token"],
            account_id=facts["account_id"],
            workspace_id=str(facts["workspace_id"]),
        )
        workspace = connect(auth, warehouse_id=facts["warehouse_id"], timeouts=Timeouts(http=60, deadline=2))
        wire = Tripwire(workspace.wire)
        workspace.wire = wire
        return workspace, wire

    server = Server(tmp_path / "data")
    try:
        workspace, wire = reach(server)
        for person in config.people:
            workspace.account.users_v2.create(user_name=person)
        columns = ", ".join(f"{c} {t}" for c, t in config.tables["dev.s.customers"].items())
        for statement in ("CREATE CATALOG dev", "CREATE SCHEMA dev.s", f"CREATE TABLE dev.s.customers ({columns})"):
            run_sql(workspace, statement)

        def watch(number: int, call: Call) -> None:
            if call.kind == "tag":
                server.kill()

        wire.watch = watch
        states = States.in_folder(tmp_path, "dev")
        with pytest.raises(RemoteError, match="cannot reach") as error:
            apply_plan(make_plan(desired, workspace, states), workspace, states, wait=NOW)
        assert error.value.exit_code == 4
        server = Server(tmp_path / "data")
        workspace, wire = reach(server)
        states = States.in_folder(tmp_path, "dev")
        rest = make_plan(desired, workspace, states)
        assert rest.widening == ()
        apply_plan(rest, workspace, states, wait=NOW)
        assert make_plan(desired, workspace, States.in_folder(tmp_path, "dev")).empty
        clean = _objects(States.in_folder(tmp_path, "dev"))
        assert clean == {
            "group": 2, "member": 2, "tag_policy": 1, "schema": 1, "function": 3, "policy": 3, "tag": 3, "grant": 6,
        }  # fmt: skip
        tried("crash anywhere", "server killed", 1)
    finally:
        server.stop() if server.process.poll() is None else None
        shutil.rmtree(tmp_path / "data", ignore_errors=True)


def _objects(states: States) -> dict[str, int]:
    counts: dict[str, int] = {}
    for state in states.layers.values():
        for kind, _ in state.objects:
            counts[kind] = counts.get(kind, 0) + 1
    return counts
