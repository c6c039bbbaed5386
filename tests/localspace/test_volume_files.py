"""Files in volumes through the SDK: contents, folders, privileges."""

from __future__ import annotations

import http.client
import io
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from databricks.sdk import WorkspaceClient
from databricks.sdk.errors import AlreadyExists, BadRequest, NotFound, PermissionDenied
from databricks.sdk.service.catalog import PermissionsChange, Privilege, VolumeType

from support.fake_runner import fake_runner
from support.localspace_server import LocalWorkspace, running_localspace

pytestmark = pytest.mark.server

ROOT = "/Volumes/main/default/files"


@pytest.fixture(scope="module")
def space() -> Iterator[LocalWorkspace]:
    with running_localspace(build_runner=fake_runner) as running:
        running.client().volumes.create("main", "default", "files", VolumeType.MANAGED)
        yield running


@pytest.fixture(scope="module")
def client(space: LocalWorkspace) -> WorkspaceClient:
    return space.client()


def _read(client: WorkspaceClient, path: str) -> bytes:
    found = client.files.download(path).contents
    assert found is not None
    return found.read()


def test_a_file_comes_back_with_size_and_age(client: WorkspaceClient) -> None:
    content = bytes(range(256)) * 300
    client.files.upload(f"{ROOT}/a/b/data ü.bin", io.BytesIO(content))
    assert _read(client, f"{ROOT}/a/b/data ü.bin") == content
    known = client.files.get_metadata(f"{ROOT}/a/b/data ü.bin")
    assert known.content_length == len(content)
    assert known.last_modified is not None


def test_overwriting_is_asked_for(client: WorkspaceClient) -> None:
    client.files.upload(f"{ROOT}/one", io.BytesIO(b"1"))
    with pytest.raises(AlreadyExists):
        client.files.upload(f"{ROOT}/one", io.BytesIO(b"2"), overwrite=False)
    client.files.upload(f"{ROOT}/one", io.BytesIO(b"3"), overwrite=True)
    assert _read(client, f"{ROOT}/one") == b"3"
    client.files.delete(f"{ROOT}/one")
    with pytest.raises(NotFound):
        client.files.get_metadata(f"{ROOT}/one")


def test_directories_are_made_listed_and_removed_when_empty(client: WorkspaceClient) -> None:
    client.files.create_directory(f"{ROOT}/dir/inner")
    client.files.create_directory(f"{ROOT}/dir/inner")
    client.files.upload(f"{ROOT}/dir/file", io.BytesIO(b"xyz"))
    found = [(one.name, one.is_directory, one.file_size) for one in client.files.list_directory_contents(f"{ROOT}/dir")]
    assert found == [("file", False, 3), ("inner", True, None)]
    client.files.get_directory_metadata(f"{ROOT}/dir")
    with pytest.raises(BadRequest, match="not empty"):
        client.files.delete_directory(f"{ROOT}/dir")
    client.files.delete(f"{ROOT}/dir/file")
    client.files.delete_directory(f"{ROOT}/dir/inner")
    client.files.delete_directory(f"{ROOT}/dir")
    with pytest.raises(NotFound):
        client.files.get_directory_metadata(f"{ROOT}/dir")


def test_long_directories_come_in_pages(client: WorkspaceClient) -> None:
    for number in range(7):
        client.files.upload(f"{ROOT}/many/{number}", io.BytesIO(b""))
    names = [one.name for one in client.files.list_directory_contents(f"{ROOT}/many", page_size=3)]
    assert names == [str(number) for number in range(7)]


@pytest.mark.parametrize("path", [ROOT, "/Volumes/main/default", "/dbfs/x"])
def test_a_path_that_names_no_file_of_a_volume_is_refused(client: WorkspaceClient, path: str) -> None:
    with pytest.raises(BadRequest):
        client.files.upload(path, io.BytesIO(b"x"))


@pytest.mark.parametrize("path", [f"{ROOT}/../../../../x", f"{ROOT}/%2e%2e/x", f"{ROOT}/a%2F..%2F..%2Fx"])
def test_a_path_that_leaves_the_volume_is_refused(space: LocalWorkspace, path: str) -> None:
    # A raw connection: polite clients resolve the dots themselves.
    address = urlsplit(space.host)
    connection = http.client.HTTPConnection(address.hostname or "", address.port)
    connection.request("PUT", f"/api/2.0/fs/files{path}", b"x", {"Authorization": f"Bearer {space.token}"})
    answer = connection.getresponse()
    assert (answer.status, b"may not contain '..'" in answer.read()) == (400, True)
    connection.close()


def test_a_volume_that_is_missing_is_named(client: WorkspaceClient) -> None:
    with pytest.raises(NotFound, match=r"main\.default\.ghost"):
        client.files.download("/Volumes/main/default/ghost/x")


def test_reading_and_writing_need_their_privileges(space: LocalWorkspace, client: WorkspaceClient) -> None:
    other = client.service_principals.create(display_name="volume user")
    assert other.application_id is not None
    theirs = space.client(space.mint(other.application_id))
    client.files.upload(f"{ROOT}/guarded", io.BytesIO(b"x"))
    name = other.application_id
    for securable, full_name, privilege in (
        ("catalog", "main", Privilege.USE_CATALOG),
        ("schema", "main.default", Privilege.USE_SCHEMA),
        ("volume", "main.default.files", Privilege.READ_VOLUME),
        ("volume", "main.default.files", Privilege.WRITE_VOLUME),
    ):
        with pytest.raises(PermissionDenied, match=privilege.value.replace("_", "[ _]")):
            (_write if privilege is Privilege.WRITE_VOLUME else _read)(theirs, f"{ROOT}/guarded")
        client.grants.update(securable, full_name, changes=[PermissionsChange(principal=name, add=[privilege])])
    assert _read(theirs, f"{ROOT}/guarded") == b"x"
    _write(theirs, f"{ROOT}/guarded")


def _write(client: WorkspaceClient, path: str) -> None:
    client.files.upload(path, io.BytesIO(b"x"), overwrite=True)
