"""Python wheel tasks: an entry point of a package that the environment brings."""

from __future__ import annotations

from localspace.core.stored_documents.kind import Document
from localspace.jobs.tasks.preparation import Preparation


def prepare(given: Preparation) -> Document:
    """Return the spec of a wheel's process; named parameters become `--key=value`, the job's among them."""
    body = given.task["python_wheel_task"]
    arguments = [str(one) for one in body.get("parameters") or ()]
    if body.get("named_parameters"):
        arguments = [f"--{key}={value}" for key, value in given.merged(body["named_parameters"]).items()]
    directory = given.folder / "files"
    directory.mkdir()
    return {
        "kind": "wheel",
        "package": str(body["package_name"]),
        "entry_point": str(body["entry_point"]),
        "arguments": arguments,
        "directory": str(directory),
        "paths": given.library_paths(),
    }
