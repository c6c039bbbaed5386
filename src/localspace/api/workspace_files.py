"""Workspace files over REST (source: SDK 0.156, Workspace; import-file as clients of bundles call it)."""

from __future__ import annotations

import base64
import binascii
import re

from localspace.api.dashboards import put_in_trash
from localspace.core.errors import ApiError, invalid
from localspace.core.stored_documents import kinds
from localspace.core.stored_documents.workspace import StoredWorkspaceObject
from localspace.http.request import Plane, Request, Route, field_of
from localspace.http.serialisation import Json, Reply, whole_number
from localspace.storage.blobs import path_segments
from localspace.storage.notebook_source import Language, header, notebook_language
from localspace.storage.workspace_tree import MOST_BYTES, ObjectType, normal

_MOST_IMPORT = 10 * 1024 * 1024
"""Largest content of the import call (source: platform docs, workspace limits)."""

_EXTENSIONS = {"PYTHON": "py", "SQL": "sql", "SCALA": "scala", "R": "r"}


def import_file(request: Request) -> Json:
    """Write one file or notebook from the raw body; the parent folder must be there."""
    path = "/" + request.params["path"]
    request.services.tree.write(request.actor, path, request.raw, overwrite=request.flag("overwrite"))
    return {}


def import_object(request: Request) -> Json:
    """Write a file or notebook: JSON with base64 content, or a form with the raw content."""
    fields, content = _import_fields(request)
    path = normal(field_of(fields, "path"))
    overwrite = str(fields.get("overwrite", "")).lower() == "true"
    if len(content) > _MOST_IMPORT:
        raise ApiError(
            400,
            "MAX_NOTEBOOK_SIZE_EXCEEDED",
            f"File size imported is ({len(content)} bytes), exceeded max size ({_MOST_IMPORT} bytes)",
        )
    tree = request.services.tree
    form = str(fields.get("format") or "SOURCE")
    if form == "AUTO":
        made = tree.write(request.actor, path, content, overwrite=overwrite)
    elif form == "RAW":
        made = tree.write_file(request.actor, path, content, overwrite=overwrite)
    elif form == "SOURCE":
        language = _language(fields.get("language"))
        first = header(language).encode()
        if not content.startswith(first):
            content = first + b"\n" + content
        made = tree.write_notebook(request.actor, path, content, language, jupyter=False, overwrite=overwrite)
    elif form == "JUPYTER":
        if notebook_language("a.ipynb", content) is None:
            raise invalid("The content is not a valid Jupyter notebook.")
        made = tree.write_notebook(request.actor, path, content, Language.PYTHON, jupyter=True, overwrite=overwrite)
    else:
        raise ApiError(501, "NOT_IMPLEMENTED", f"The local workspace imports SOURCE, AUTO, RAW and JUPYTER, not {form}.")
    return {"object_id": made["object_id"]}


def export(request: Request) -> Reply | Json:
    """Return a notebook or file, as base64 in JSON or, with direct_download, as it is."""
    found, content = request.services.tree.content(request.actor, request.needed("path"))
    form = request.query.get("format") or "AUTO"
    jupyter = found.get("repos_export_format") == "JUPYTER"
    if form not in ("AUTO", "SOURCE", "RAW", "JUPYTER") or (form == "JUPYTER" and not jupyter):
        raise ApiError(501, "NOT_IMPLEMENTED", f"The local workspace does not export this object as {form}.")
    kind = "ipynb" if jupyter else _EXTENSIONS.get(found.get("language", ""), "")
    if request.flag("direct_download"):
        name = found["path"].rsplit("/", 1)[-1] + (f".{kind}" if kind else "")
        safe = re.sub(r'[^\x20-\x7e]|["\\]', "_", name)
        headers = {"content-disposition": f'attachment; filename="{safe}"'}
        return Reply(body=content, headers=headers, media_type="application/octet-stream")
    answer: Json = {"content": base64.b64encode(content).decode()}
    return answer | ({"file_type": kind} if kind else {})


def get_status(request: Request) -> Json:
    """Return what a path is, in the spelling that was asked for: with or without /Workspace."""
    path = request.needed("path")
    found = request.services.tree.status(request.actor, path)
    return _info(found, prefix=_prefix(path), export_info=request.flag("return_export_info"))


def listed(request: Request) -> Json:
    """List a folder."""
    path = request.needed("path")
    objects = [_info(one, prefix=_prefix(path)) for one in request.services.tree.listed(request.actor, path)]
    since = whole_number(request.query.get("notebooks_modified_after"), "notebooks_modified_after", 0)
    if since:
        objects = [one for one in objects if one["object_type"] != ObjectType.NOTEBOOK or one["modified_at"] > since]
    return {"objects": objects} if objects else {}


def mkdirs(request: Request) -> Json:
    """Create a folder and its parents."""
    request.services.tree.mkdirs(request.actor, field_of(request.body, "path"))
    return {}


def delete(request: Request) -> Json:
    """Delete an object, a full folder with `recursive`."""
    body = request.body
    gone = request.services.tree.delete(request.actor, field_of(body, "path"), recursive=bool(body.get("recursive")))
    for one in gone:
        dashboard = request.repositories.store.get(kinds.DASHBOARD, one.get("resource_id", ""))
        if dashboard is not None:
            put_in_trash(request, dashboard)
    return {}


def telemetry(request: Request) -> Json:
    """Keep nothing, but say that all has arrived: clients would send it again."""
    return {
        "errors": [],
        "numProtoSuccess": len(request.body.get("protoLogs") or ()),
        "numSuccess": len(request.body.get("items") or ()),
    }


def _prefix(path: str) -> str:
    return "/Workspace" if path_segments(path)[:1] == ("Workspace",) else ""


def _info(found: StoredWorkspaceObject, *, prefix: str, export_info: bool = False) -> Json:
    answer: Json = {
        "object_type": found["object_type"],
        "path": prefix + found["path"] if found["path"] != "/" else prefix or "/",
        "object_id": found["object_id"],
        "resource_id": found.get("resource_id") or str(found["object_id"]),
    }
    if found["object_type"] == ObjectType.DIRECTORY:
        return answer
    answer |= {"created_at": found["created_at"], "modified_at": found["modified_at"]}
    if found["object_type"] == ObjectType.NOTEBOOK:
        answer["language"] = found["language"]
        if export_info:
            answer["repos_export_format"] = found.get("repos_export_format", "SOURCE")
    elif found["object_type"] == ObjectType.FILE:
        answer["size"] = found["size"]
    return answer


def _language(name: object) -> Language:
    try:
        return Language(str(name))
    except ValueError:
        raise invalid("language must be PYTHON, SQL, SCALA or R for the format SOURCE.") from None


def _import_fields(request: Request) -> tuple[Json, bytes]:
    kind = request.headers.get("content-type", "")
    found = re.match(r"multipart/form-data\s*;.*boundary=\"?([^\";]+)", kind)
    if found is None:
        body = request.body
        try:
            return body, base64.b64decode(str(body.get("content") or ""), validate=True)
        except binascii.Error as error:
            raise invalid("content is not base64.") from error
    fields: Json = {}
    content = b""
    for part in request.raw.split(b"--" + found.group(1).encode())[1:-1]:
        head, _, value = part.partition(b"\r\n\r\n")
        named = re.search(rb'name="([^"]*)"', head)
        value = value.removesuffix(b"\r\n")
        if named is not None and named.group(1) == b"content":
            content = value
        elif named is not None:
            fields[named.group(1).decode()] = value.decode("utf-8", "replace")
    return fields, content


_BASE = "/api/2.0/workspace/"
ROUTES = (
    Route(method="POST", path="/api/2.0/workspace-files/import-file/{path*}", handler=import_file, max_body=MOST_BYTES),
    Route(
        method="POST",
        path=_BASE + "import",
        handler=import_object,
        sdk=("Workspace.import_",),
        partial="formats SOURCE, AUTO, RAW and JUPYTER",
    ),
    Route(
        method="GET",
        path=_BASE + "export",
        handler=export,
        sdk=("Workspace.export",),
        partial="a notebook comes in the form in which it was imported",
    ),
    Route(method="GET", path=_BASE + "get-status", handler=get_status, sdk=("Workspace.get_status",)),
    Route(method="GET", path=_BASE + "list", handler=listed, sdk=("Workspace.list",)),
    Route(method="POST", path=_BASE + "mkdirs", handler=mkdirs, sdk=("Workspace.mkdirs",)),
    Route(method="POST", path=_BASE + "delete", handler=delete, sdk=("Workspace.delete",)),
    Route(method="POST", path="/telemetry-ext", handler=telemetry, reads=True),
    Route(method="POST", path="/telemetry-unauth", handler=telemetry, reads=True, plane=Plane.OPEN),
)
