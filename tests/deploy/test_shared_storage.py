"""Environments in a volume: whole writes, one writer at a time, a dead run's lease and journal taken over."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from lampkeeper.cli.main import main
from lampkeeper.deploy.change import Change
from lampkeeper.deploy.kinds import GROUP
from lampkeeper.deploy.lease import NAME, Lease
from lampkeeper.deploy.shared import shared_envs
from lampkeeper.deploy.stages import Action, Stage
from lampkeeper.deploy.state import States
from lampkeeper.model.auth import Auth
from lampkeeper.model.errors import InternalError, RemoteError, UnsafePlanError, UsageError
from lampkeeper.model.groups import Group
from lampkeeper.model.layers import Layer
from lampkeeper.remote.clients import connect
from lampkeeper.remote.volumes import VolumeFolder
from support.fake_runner import fake_runner
from support.localspace_server import LocalWorkspace, running_localspace

pytestmark = pytest.mark.server
ENVS = "/Volumes/main/default/shared/envs"


@pytest.fixture(scope="module")
def space() -> Iterator[LocalWorkspace]:
    with running_localspace(build_runner=fake_runner) as running:
        yield running


@pytest.fixture
def volume(space: LocalWorkspace) -> VolumeFolder:
    space.control("POST", "reset")
    with space.http() as http:
        body = {"catalog_name": "main", "schema_name": "default", "name": "shared", "volume_type": "MANAGED"}
        assert http.post("/api/2.1/unity-catalog/volumes", json=body).status_code == 200
    return VolumeFolder(connect(Auth(workspace_host=space.host, token=space.token)), ENVS)


def test_files_come_back_as_they_were_written(volume: VolumeFolder) -> None:
    assert volume.read("dev/a b.txt") is None
    volume.write("dev/a b.txt", b"one")
    volume.write("dev/deep/er/ü.txt", "two ü".encode())
    assert (volume.read("dev/a b.txt"), volume.read("dev/deep/er/ü.txt")) == (b"one", "two ü".encode())
    assert sorted(volume.names("dev")) == ["dev/a b.txt", "dev/deep/er/ü.txt"]
    assert (volume.create("dev/a b.txt", b"three"), volume.read("dev/a b.txt")) == (False, b"one")
    volume.delete("dev/a b.txt")
    volume.delete("dev/a b.txt")
    assert list(volume.names("nowhere")) == []


def test_a_file_that_is_too_large_to_be_ours_is_refused_by_name(volume: VolumeFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    volume.write("dev/huge.bin", bytes(101))
    monkeypatch.setattr("lampkeeper.remote.volumes.MOST_BYTES", 100)
    with pytest.raises(UsageError, match=r"dev/huge.bin: has more than 100 bytes"):
        volume.read("dev/huge.bin")


@pytest.mark.parametrize("path", ["/Volumes/main/default", "/Volumes/main/default/x/../../y", "/tmp/envs", "/Volumes//a/b/c"])
def test_a_path_that_leaves_the_volume_is_refused(volume: VolumeFolder, path: str) -> None:
    with pytest.raises(UsageError, match="not a folder in a volume"):
        VolumeFolder(volume.workspace, path)


def test_a_volume_that_is_not_there_is_named(volume: VolumeFolder) -> None:
    gone = VolumeFolder(volume.workspace, "/Volumes/main/default/gone/envs")
    for act in (lambda: gone.read("a"), lambda: list(gone.names()), lambda: gone.write("a", b"")):
        with pytest.raises(RemoteError, match=r"main\.default\.gone"):
            act()


def test_of_many_writers_only_one_writes_at_a_time(volume: VolumeFolder) -> None:
    inside, most, together = [0], [0], threading.Barrier(6)

    def work(number: int) -> None:
        together.wait()
        with Lease(folder=volume, holder=f"writer {number}", wait=30.0):
            inside[0] += 1
            most[0] = max(most[0], inside[0])
            volume.write("count", str(int(volume.read("count") or b"0") + 1).encode())
            inside[0] -= 1

    threads = [threading.Thread(target=work, args=(n,)) for n in range(6)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert (volume.read("count"), most[0], volume.read(NAME)) == (b"6", 1, None)


def test_a_living_holder_is_named_and_waited_for_no_longer_than_asked(volume: VolumeFolder) -> None:
    with (
        Lease(folder=volume, holder="ana, run 5"),
        pytest.raises(UnsafePlanError, match="ana, run 5 is writing here") as error,
        Lease(folder=volume, holder="bob", wait=0.0),
    ):
        pass
    assert error.value.exit_code == 3


def test_the_lease_of_a_dead_run_is_taken_over_by_one_of_many(volume: VolumeFolder) -> None:
    Lease(folder=volume, holder="dead, run 1", wall=lambda: 0.0).__enter__()._done.set()
    reported: list[str] = []
    order: list[str] = []

    def work(name: str) -> None:
        with Lease(folder=volume, holder=name, wait=30.0, report=reported.append):
            order.append(name)

    threads = [threading.Thread(target=work, args=(f"w{n}",)) for n in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert sorted(order) == ["w0", "w1", "w2", "w3"]
    assert [t for t in reported if "took over the expired lease of dead, run 1" in t] == [t for t in reported if "took over" in t]
    assert sum("took over" in t for t in reported) == 1


def test_a_damaged_lease_holds_nobody_up(volume: VolumeFolder) -> None:
    volume.write(NAME, b"{")
    with Lease(folder=volume, holder="me", wait=5.0) as lease:
        lease.require()
        assert volume.read(NAME) != b"{"


def test_who_lost_the_lease_writes_nothing_more(volume: VolumeFolder, tmp_path: Path) -> None:
    lease = Lease(folder=volume, holder="slow", seconds=0.3)
    with lease:
        volume.write(NAME, b'{"token": "other", "holder": "bob", "since": "now", "until": 9e12}')
        assert lease._renewer is not None
        lease._renewer.join(5)
        with pytest.raises(UnsafePlanError, match="taken over by bob"):
            lease.require()
    assert b"bob" in (volume.read(NAME) or b""), "the lease of the other one stays"


def test_an_environment_goes_out_and_back_without_its_credentials(volume: VolumeFolder) -> None:
    volume.write("dev/env.auto.tfvars", b"a = 1\n")
    volume.write("dev/old.txt", b"x")
    with shared_envs(volume, "dev", holder="me", writes=True, wait=0.0, report=lambda _: None) as shared:
        folder = shared.root / "envs" / "dev"
        assert (folder / "env.auto.tfvars").read_bytes() == b"a = 1\n"
        (folder / "old.txt").unlink()
        (folder / "new.txt").write_text("new")
        (folder / "auth.auto.tfvars").write_text("token")
    assert sorted(volume.names("dev")) == ["dev/env.auto.tfvars", "dev/new.txt"]
    with (
        pytest.raises(InternalError, match=r"dev/ignored\.txt without a lease"),
        shared_envs(volume, "dev", holder="me", writes=False, wait=0.0, report=lambda _: None) as shared,
    ):
        (shared.root / "envs" / "dev" / "ignored.txt").write_text("x")
    assert "dev/ignored.txt" not in list(volume.names("dev"))


def test_a_write_is_noted_on_shared_storage_before_it_is_sent(volume: VolumeFolder) -> None:
    change = Change(kind=GROUP, key="k", action=Action.CREATE, stage=Stage.PROTECT, after=Group(name="k"))
    with shared_envs(volume, "dev", holder="dies", writes=True, wait=0.0, report=lambda _: None) as shared:
        states = States.in_folder(shared.root, "dev")
        shared.mirror(states)
        states[Layer.ACCOUNT].begin()
        states[Layer.ACCOUNT].intend(change)
        copy = volume.read("account/state.json.journal")
    assert copy is not None
    assert b'"intent"' in copy
    with shared_envs(volume, "dev", holder="next", writes=True, wait=0.0, report=lambda _: None) as shared:
        found = States.in_folder(shared.root, "dev")
        assert found[Layer.ACCOUNT].intents == {("group", "k"): Action.CREATE}


def test_what_a_command_reports_is_called_by_its_path_in_the_volume(
    volume: VolumeFolder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABRICKS_HOST", volume.workspace.host)
    monkeypatch.setenv("DATABRICKS_TOKEN", volume.workspace.secrets[0])
    monkeypatch.setenv("DATABRICKS_CONFIG_FILE", os.devnull)
    assert main(["setup", "--envs", ENVS]) == 0
    assert f"created {ENVS}/dev/env.auto.tfvars" in capsys.readouterr().out
    assert main(["generate", "--offline", "--envs", ENVS]) == 2
    assert f"{ENVS}/dev/snapshot.json: no snapshot yet" in capsys.readouterr().err
    assert main(["validate", "--envs", ENVS, "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["checked"] == f"{ENVS}/dev"
    volume.write("dev/env.auto.tfvars", b"uc_tables = [\n")
    assert main(["validate", "--envs", ENVS, "--run-id", "7"]) == 2
    assert f"error: {ENVS}/dev/env.auto.tfvars:1:" in capsys.readouterr().err
    assert f"{ENVS}/dev/env.auto.tfvars:1:" in (volume.read("runs/dev/7/validate.json") or b"").decode()
