"""The notebooks on an environment in a volume: a decision is written under the lease, an unknown environment is answered."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lampkeeper.notebooks.program import main
from lampkeeper.remote.clients import Workspace, connect
from lampkeeper.remote.volumes import VolumeFolder
from support.fake_runner import fake_runner
from support.localspace_server import running_localspace
from support.page_worlds import NOTEBOOKS, make_page_world

pytestmark = pytest.mark.server
ENVS = "/Volumes/main/ops/lk/envs"
DECISION = ("column=dev_fin.finance.customers.city", "label=address", "protect=yes", "reason=small towns", "by=olga")


@pytest.fixture(scope="module")
def workspace() -> Iterator[Workspace]:
    with running_localspace(build_runner=fake_runner) as space:
        yield connect(space.address.signed(), warehouse_id=space.address.warehouse_id)


@pytest.fixture
def volume(workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> VolumeFolder:
    """Copy an environment into a volume, and sign in as its owner."""
    volume = {"catalog_name": "main", "schema_name": "ops", "name": "lk", "volume_type": "MANAGED"}
    workspace.write("schema", "POST", "/api/2.1/unity-catalog/schemas", {"catalog_name": "main", "name": "ops"})
    workspace.write("volume", "POST", "/api/2.1/unity-catalog/volumes", volume)
    folder, envs = VolumeFolder(workspace, ENVS), make_page_world(tmp_path / "world").envs
    for path in sorted(envs.rglob("*")):
        if path.is_file():
            folder.write(str(path.relative_to(envs)), path.read_bytes())
    monkeypatch.setenv("DATABRICKS_HOST", workspace.host)
    monkeypatch.setenv("DATABRICKS_TOKEN", workspace.static_token)
    return folder


def test_a_decision_reaches_the_volume_and_the_lease_is_given_back(
    volume: VolumeFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    notebook = str(NOTEBOOKS / "decide.ipynb")
    assert main([notebook, f"envs={ENVS}", "env=dev", *DECISION, "write=no"]) == 0
    assert volume.read("dev/decisions.yaml") is None
    capsys.readouterr()
    assert main([notebook, f"envs={ENVS}", "env=dev", *DECISION, "write=yes"]) == 0
    assert "the new draft changes 2 cells" in capsys.readouterr().out
    assert b"small towns" in (volume.read("dev/decisions.yaml") or b"")
    assert [name for name in volume.names() if "lease" in name] == []
    assert main([notebook, f"envs={ENVS}", "env=nope"]) == 1
    assert f"no environment 'nope' in {ENVS} (there are: dev)" in capsys.readouterr().err
