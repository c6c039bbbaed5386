"""/Volumes and /Workspace in tasks: plain Python files, behind the same privileges as the API."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pytest
from databricks.sdk.service import jobs
from databricks.sdk.service.catalog import PermissionsChange, Privilege, VolumeType
from databricks.sdk.service.workspace import ImportFormat, Language

from support.fake_runner import fake_runner
from support.jobs import Ended, Jobs
from support.localspace_server import LocalWorkspace, running_localspace

pytestmark = pytest.mark.server

ROOT = "/Volumes/main/default/state"
NOTEBOOK = "# Databricks notebook source\n"


@pytest.fixture(scope="module")
def space() -> Iterator[LocalWorkspace]:
    with running_localspace(build_runner=fake_runner) as running:
        running.client().volumes.create("main", "default", "state", VolumeType.MANAGED)
        yield running


@pytest.fixture(scope="module")
def flow(space: LocalWorkspace) -> Jobs:
    return Jobs(space.client())


def _run(flow: Jobs, source: str, principal: str | None = None) -> Ended:
    path = "/Shared/mounts"
    flow.client.workspace.upload(
        path, (NOTEBOOK + source).encode(), format=ImportFormat.SOURCE, language=Language.PYTHON, overwrite=True
    )
    run_as = None if principal is None else jobs.JobRunAs(service_principal_name=principal)
    return flow.run(jobs.Task(task_key="main", notebook_task=jobs.NotebookTask(notebook_path=path)), run_as=run_as)


def _exit(ended: Ended) -> str | None:
    assert ended.result == "SUCCESS", ended.output().error_trace
    output = ended.output().notebook_output
    return None if output is None else output.result


def test_a_volume_is_a_folder_to_python(flow: Jobs) -> None:
    flow.client.files.upload(f"{ROOT}/given/a.txt", io.BytesIO(b"given"))
    source = f"""
import os, shutil, tempfile
from pathlib import Path
root = Path({ROOT!r})
assert (root / "given" / "a.txt").read_text() == "given"
target = root / "out" / "deep"
target.mkdir(parents=True)
target.mkdir(parents=True, exist_ok=True)
with tempfile.NamedTemporaryFile("w", dir=target, delete=False) as file:
    file.write("new")
    file.flush()
    os.fsync(file.fileno())
os.replace(file.name, target / "state.json")
shutil.copy(target / "state.json", root / "out" / "copy.json")
assert sorted(one.name for one in root.rglob("*.json")) == ["copy.json", "state.json"]
assert [len(files) for _, _, files in os.walk(root / "out")] == [1, 1]
assert not (root / "ghost").exists()
shutil.rmtree(root / "given")
try:
    open(root / "ghost")
except FileNotFoundError as error:
    assert error.filename == str(root / "ghost"), error.filename
dbutils.notebook.exit(sorted(os.listdir(root)))
"""
    assert _exit(_run(flow, source)) == "['out']"
    found = flow.client.files.download(f"{ROOT}/out/deep/state.json").contents
    assert found is not None
    assert found.read() == b"new"


def test_files_of_the_workspace_can_be_read_and_not_written(flow: Jobs) -> None:
    flow.client.workspace.mkdirs(f"{flow.folder}/config/inner")
    flow.script("config/inner/env.txt", "dev")
    source = f"""
from pathlib import Path
folder = Path({flow.folder!r}) / "config"
assert [one.name for one in folder.iterdir()] == ["inner"]
assert (folder / "inner" / "env.txt").read_text() == "dev"
try:
    (folder / "x").write_text("no")
except OSError as error:
    dbutils.notebook.exit(error.strerror)
"""
    assert _exit(_run(flow, source)) == "workspace files can only be read by tasks of the local workspace"


def test_a_volume_opens_only_to_its_privileges(flow: Jobs) -> None:
    made = flow.client.service_principals.create(display_name="mounts")
    name = made.application_id
    assert name is not None
    source = f"open({ROOT!r} + '/mine', MODE).close()\n"
    for securable, full_name, privilege, mode in (
        ("catalog", "main", Privilege.USE_CATALOG, "r"),
        ("schema", "main.default", Privilege.USE_SCHEMA, "r"),
        ("volume", "main.default.state", Privilege.READ_VOLUME, "r"),
        ("volume", "main.default.state", Privilege.WRITE_VOLUME, "w"),
    ):
        error = _run(flow, source.replace("MODE", repr(mode)), name).output().error or ""
        assert "PermissionError" in error
        assert privilege.value.replace("_", " ") in error.replace("_", " ")
        flow.client.grants.update(securable, full_name, changes=[PermissionsChange(principal=name, add=[privilege])])
    assert _run(flow, source.replace("MODE", "'w'"), name).result == "SUCCESS"


def test_dots_do_not_lead_out_of_a_volume(flow: Jobs) -> None:
    outside = _run(flow, f"open({ROOT!r} + '/../../store.db')\n")
    assert "IsADirectoryError" in (outside.output().error or "")
    source = f"import os\npath = {ROOT!r} + '/../../../../etc/passwd'\n"
    source += "dbutils.notebook.exit([os.path.exists(path), os.listdir('/Volumes/main')])\n"
    assert _exit(_run(flow, source)) == "[False, []]"
