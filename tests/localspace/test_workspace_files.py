"""Workspace files through the SDK and as bundles call them: notebooks, files, folders, rights, bad paths."""

from __future__ import annotations

import io
import resource
from collections.abc import Iterator

import httpx
import pytest
from databricks.sdk import WorkspaceClient
from databricks.sdk.errors import BadRequest, DatabricksError, NotFound, PermissionDenied, ResourceAlreadyExists
from databricks.sdk.service.workspace import (
    ExportFormat,
    ImportFormat,
    Language,
    ObjectType,
    WorkspaceObjectAccessControlRequest,
    WorkspaceObjectPermissionLevel,
)

from support.fake_runner import fake_runner
from support.localspace_server import LocalWorkspace, running_localspace

pytestmark = pytest.mark.server

NOTEBOOK = b"# Databricks notebook source\nprint(1)\n"
IMPORT = "/api/2.0/workspace-files/import-file/"


@pytest.fixture(scope="module")
def space() -> Iterator[LocalWorkspace]:
    with running_localspace(build_runner=fake_runner) as running:
        yield running


@pytest.fixture(scope="module")
def client(space: LocalWorkspace) -> WorkspaceClient:
    return space.client()


@pytest.fixture
def home(client: WorkspaceClient, request: pytest.FixtureRequest) -> str:
    folder = f"/Workspace/Users/{client.current_user.me().user_name}/{request.node.name[:40]}"
    client.workspace.mkdirs(folder)
    return folder


@pytest.fixture
def http(space: LocalWorkspace) -> Iterator[httpx.Client]:
    with space.http() as open_client:
        yield open_client


def test_what_was_written_is_read_back(client: WorkspaceClient, home: str) -> None:
    content = bytes(range(256)) * 10
    client.workspace.upload(f"{home}/a b ü%.bin", io.BytesIO(content), format=ImportFormat.RAW)
    assert client.workspace.download(f"{home}/a b ü%.bin").read() == content
    status = client.workspace.get_status(f"{home}/a b ü%.bin")
    assert (status.object_type, status.size) == (ObjectType.FILE, len(content))
    assert status.path == f"{home}/a b ü%.bin"


def test_a_source_with_the_header_becomes_a_notebook_without_extension(client: WorkspaceClient, home: str) -> None:
    client.workspace.upload(f"{home}/report.py", NOTEBOOK, format=ImportFormat.AUTO)
    client.workspace.upload(f"{home}/module.py", b"x = 1\n", format=ImportFormat.AUTO)
    client.workspace.upload(f"{home}/query.sql", b"-- Databricks notebook source\nSELECT 1\n", format=ImportFormat.AUTO)
    found = {one.path.rsplit("/", 1)[-1]: (one.object_type, one.language) for one in client.workspace.list(home) if one.path}
    assert found == {
        "report": (ObjectType.NOTEBOOK, Language.PYTHON),
        "module.py": (ObjectType.FILE, None),
        "query": (ObjectType.NOTEBOOK, Language.SQL),
    }
    assert client.workspace.download(f"{home}/report", format=ExportFormat.SOURCE).read() == NOTEBOOK


def test_a_notebook_imported_as_source_gets_the_header(client: WorkspaceClient, home: str) -> None:
    client.workspace.upload(f"{home}/plain", b"print(2)\n", format=ImportFormat.SOURCE, language=Language.PYTHON)
    assert client.workspace.download(f"{home}/plain").read() == b"# Databricks notebook source\nprint(2)\n"


def test_object_ids_stay_and_paths_with_and_without_workspace_are_one(client: WorkspaceClient, home: str) -> None:
    first = client.workspace.get_status(home).object_id
    client.workspace.mkdirs(home)
    assert first == client.workspace.get_status(home.removeprefix("/Workspace") + "/").object_id


def test_nothing_is_overwritten_unasked(client: WorkspaceClient, home: str) -> None:
    client.workspace.upload(f"{home}/one", b"first", format=ImportFormat.RAW)
    with pytest.raises(ResourceAlreadyExists):
        client.workspace.upload(f"{home}/one", b"second", format=ImportFormat.RAW)
    with pytest.raises(DatabricksError, match="type mismatch"):
        client.workspace.upload(f"{home}/one", NOTEBOOK, format=ImportFormat.SOURCE, language=Language.PYTHON, overwrite=True)
    client.workspace.upload(f"{home}/one", b"third", format=ImportFormat.RAW, overwrite=True)
    assert client.workspace.download(f"{home}/one").read() == b"third"


def test_a_full_folder_is_deleted_only_recursively(client: WorkspaceClient, home: str) -> None:
    client.workspace.mkdirs(f"{home}/deep/deeper")
    client.workspace.upload(f"{home}/deep/deeper/file", b"x", format=ImportFormat.RAW)
    with pytest.raises(BadRequest, match="is not empty"):
        client.workspace.delete(f"{home}/deep")
    client.workspace.delete(f"{home}/deep", recursive=True)
    with pytest.raises(NotFound, match="doesn't exist"):
        client.workspace.get_status(f"{home}/deep/deeper/file")
    assert list(client.workspace.list(home)) == []


def test_import_file_needs_the_parent_folder_and_takes_slashes_either_way(http: httpx.Client, home: str) -> None:
    missing = http.post(IMPORT + f"{home[1:]}/state/deploy.lock?overwrite=false", content=b"{}")
    assert missing.status_code == 404
    assert "The parent folder" in missing.json()["message"]
    http.post("/api/2.0/workspace/mkdirs", json={"path": f"{home}/state"}).raise_for_status()
    escaped = f"{home[1:]}/state/deploy.lock".replace("/", "%2F")
    http.post(IMPORT + escaped + "?overwrite=false", content=b'{"ID": 1}').raise_for_status()
    assert http.post(IMPORT + escaped + "?overwrite=false", content=b"{}").status_code == 409
    query = {"path": f"{home}/state/deploy.lock", "direct_download": "true"}
    assert http.get("/api/2.0/workspace/export", params=query).content == b'{"ID": 1}'


def test_get_status_tells_the_form_of_a_notebook(http: httpx.Client, home: str) -> None:
    http.post(IMPORT + f"{home[1:]}/n.py", content=NOTEBOOK).raise_for_status()
    found = http.get("/api/2.0/workspace/get-status", params={"path": f"{home}/n", "return_export_info": "true"}).json()
    assert found["repos_export_format"] == "SOURCE"


@pytest.mark.parametrize("path", ["/Users/../secrets", "relative", "/a/./b", "/a/\x00b", "/" + "x" * 300])
def test_a_crooked_path_is_refused(client: WorkspaceClient, path: str) -> None:
    for call in (client.workspace.get_status, client.workspace.mkdirs, client.workspace.delete):
        with pytest.raises(BadRequest):
            call(path)


def test_a_file_of_500_mb_is_refused_with_the_limit_and_never_held(space: LocalWorkspace, home: str) -> None:
    size = 126 * 4 * 1024 * 1024

    def body() -> Iterator[bytes]:
        block = bytes(4 * 1024 * 1024)
        for _ in range(126):
            yield block

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with space.http() as http:
        answer = http.post(IMPORT + f"{home[1:]}/huge.bin", content=body(), headers={"content-length": str(size)})
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - most) * 1024
    assert answer.status_code == 400
    assert answer.json()["error_code"] == "MAX_NOTEBOOK_SIZE_EXCEEDED"
    assert "exceeded max size (524288000 bytes)" in answer.json()["message"]
    assert grown < size / 4, "the body was kept in memory"


def test_another_principal_sees_only_what_it_was_given(space: LocalWorkspace, client: WorkspaceClient, home: str) -> None:
    other = client.service_principals.create(display_name="reader")
    assert other.application_id is not None
    theirs = space.client(space.mint(other.application_id))
    client.workspace.upload(f"{home}/kept", b"x", format=ImportFormat.RAW)
    with pytest.raises(NotFound):
        theirs.workspace.download(f"{home}/kept")
    grant = WorkspaceObjectAccessControlRequest(
        service_principal_name=other.application_id, permission_level=WorkspaceObjectPermissionLevel.CAN_READ
    )
    folder = str(client.workspace.get_status(home).object_id)
    answer = client.workspace.update_permissions("directories", folder, access_control_list=[grant])
    assert answer.object_type == "directory"
    assert theirs.workspace.download(f"{home}/kept").read() == b"x"
    with pytest.raises(PermissionDenied, match="CAN_EDIT"):
        theirs.workspace.upload(f"{home}/mine", b"x", format=ImportFormat.RAW)
    theirs.workspace.mkdirs(f"/Users/{other.application_id}/own")
    theirs.workspace.upload("/Shared/open", b"x", format=ImportFormat.RAW)
    assert client.workspace.download("/Shared/open").read() == b"x"
