"""The Files API: files and directories in volumes (source: SDK 0.156, Files)."""

from __future__ import annotations

import asyncio
from email.utils import formatdate

from localspace.http.request import Request, Route
from localspace.http.serialisation import Json, Reply, page
from localspace.storage.volume_files import MOST_BYTES, Entry

_STREAM = "application/octet-stream"


async def upload(request: Request) -> Reply:
    """Write a file from the raw body; one that is there is overwritten unless `overwrite=false` (source: SDK, Files.upload)."""
    volumes, path = request.services.volumes, _path(request)
    await asyncio.to_thread(
        volumes.write, request.actor, path, request.raw, overwrite=request.query.get("overwrite", "true").lower() != "false"
    )
    return Reply(body=b"", status=204)


async def download(request: Request) -> Reply:
    """Return a file."""
    entry, content = await asyncio.to_thread(request.services.volumes.read, request.actor, _path(request))
    return Reply(body=content, headers=_headers(entry), media_type=_STREAM)


def metadata(request: Request) -> Reply:
    """Return size and age of a file in the headers."""
    entry = request.services.volumes.file_entry(request.actor, _path(request))
    return Reply(body=b"", headers=_headers(entry) | {"content-length": str(entry.size)}, media_type=_STREAM)


def delete(request: Request) -> Reply:
    """Delete a file."""
    request.services.volumes.delete(request.actor, _path(request))
    return Reply(body=b"", status=204)


def make_directory(request: Request) -> Reply:
    """Create a directory and its parents."""
    request.services.volumes.make_directory(request.actor, _path(request))
    return Reply(body=b"", status=204)


def directory(request: Request) -> Reply:
    """Say that a directory is there."""
    request.services.volumes.directory_entry(request.actor, _path(request))
    return Reply(body=b"")


def list_directory(request: Request) -> Json:
    """List a directory."""
    entries = [_entry(one) for one in request.services.volumes.listed(request.actor, _path(request))]
    return page(entries, request.query, "contents", size_name="page_size", most=1000)


def delete_directory(request: Request) -> Reply:
    """Delete an empty directory."""
    request.services.volumes.delete_directory(request.actor, _path(request))
    return Reply(body=b"", status=204)


def _path(request: Request) -> str:
    return "/" + request.params["path"]


def _headers(entry: Entry) -> dict[str, str]:
    return {"last-modified": formatdate(entry.modified_ms / 1000, usegmt=True)}


def _entry(entry: Entry) -> Json:
    body: Json = {
        "path": entry.path,
        "name": entry.name,
        "is_directory": entry.is_directory,
        "last_modified": entry.modified_ms,
    }
    return body if entry.is_directory else body | {"file_size": entry.size}


_FILES = "/api/2.0/fs/files/{path*}"
_DIRECTORIES = "/api/2.0/fs/directories/{path*}"
ROUTES = (
    Route(method="PUT", path=_FILES, handler=upload, sdk=("Files.upload",), max_body=MOST_BYTES),
    Route(method="GET", path=_FILES, handler=download, sdk=("Files.download",)),
    Route(method="HEAD", path=_FILES, handler=metadata, sdk=("Files.get_metadata",), reads=True),
    Route(method="DELETE", path=_FILES, handler=delete, sdk=("Files.delete",)),
    Route(method="PUT", path=_DIRECTORIES, handler=make_directory, sdk=("Files.create_directory",)),
    Route(method="HEAD", path=_DIRECTORIES, handler=directory, sdk=("Files.get_directory_metadata",), reads=True),
    Route(method="GET", path=_DIRECTORIES, handler=list_directory, sdk=("Files.list_directory_contents",)),
    Route(method="DELETE", path=_DIRECTORIES, handler=delete_directory, sdk=("Files.delete_directory",)),
)
