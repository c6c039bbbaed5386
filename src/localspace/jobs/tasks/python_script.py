"""Python script tasks: a file of the workspace or a volume."""

from __future__ import annotations

from localspace.core.errors import ApiError
from localspace.core.stored_documents.kind import Document
from localspace.jobs.tasks.preparation import Preparation
from localspace.storage.workspace_tree import normal


def prepare(given: Preparation) -> Document:
    """Return the spec of a script's process."""
    body = given.task["spark_python_task"]
    path = str(body["python_file"])
    try:
        content = given.read(path)
    except ApiError as error:
        raise given.unreadable("file", path) from error
    if path.startswith("/Volumes/"):
        directory = given.folder / "files"
        directory.mkdir()
    else:
        directory = given.lay_out(normal(path))
    script = directory / path.rsplit("/", 1)[-1]
    script.write_bytes(content)
    return {
        "kind": "script",
        "script": str(script),
        "directory": str(directory),
        "arguments": [str(one) for one in body.get("parameters") or ()],
        "paths": given.library_paths(),
    }
