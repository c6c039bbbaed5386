"""SQL tasks: the statements of a workspace file, on a warehouse, as the run-as principal."""

from __future__ import annotations

from localspace.core.errors import ApiError
from localspace.core.stored_documents.kind import Document
from localspace.jobs.tasks.preparation import Preparation


def prepare(given: Preparation) -> Document:
    """Return the spec of a SQL file's process; parameters are named markers of its statements."""
    body = given.task["sql_task"]
    path = str(body["file"].get("path") or "")
    try:
        content = given.read(path)
    except ApiError as error:
        raise given.unreadable("file", path) from error
    directory = given.folder / "files"
    directory.mkdir()
    return {
        "kind": "sql",
        "source": content.decode("utf-8", "replace"),
        "warehouse_id": str(body["warehouse_id"]),
        "parameters": given.merged(body.get("parameters")),
        "directory": str(directory),
        "paths": [],
    }
