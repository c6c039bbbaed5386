"""Notebook tasks: Python and SQL notebooks in source form, and ipynb."""

from __future__ import annotations

from localspace.core.errors import ApiError
from localspace.core.stored_documents.kind import Document
from localspace.jobs.tasks.preparation import Preparation, PreparationError
from localspace.storage.notebook_source import Language
from localspace.storage.workspace_tree import ObjectType, normal

_RUNNABLE = (Language.PYTHON, Language.SQL)


def prepare(given: Preparation) -> Document:
    """Return the spec of a notebook's process; its widgets are the task's and the job's parameters."""
    body = given.task["notebook_task"]
    path = str(body["notebook_path"])
    if not path.startswith("/"):
        raise PreparationError("INVALID_RUN_CONFIGURATION", f"The notebook path '{path}' must be absolute.")
    try:
        found, content = given.tree.content(given.actor, path)
    except ApiError as error:
        raise given.unreadable("notebook", path) from error
    if found["object_type"] != ObjectType.NOTEBOOK:
        raise PreparationError("INVALID_RUN_CONFIGURATION", f"'{path}' is a file, not a notebook.")
    language = Language(found["language"])
    if language not in _RUNNABLE:
        raise PreparationError("INVALID_RUN_CONFIGURATION", f"The local workspace runs no {language} notebooks ({path}).")
    if body.get("warehouse_id"):
        given.may_use_warehouse(str(body["warehouse_id"]))
        if language is not Language.SQL:
            raise PreparationError("INVALID_RUN_CONFIGURATION", f"Only SQL notebooks run on a warehouse, not {path}.")
    return {
        "kind": "notebook",
        "source": content.decode("utf-8", "replace"),
        "language": language.value,
        "notebook_path": normal(path),
        "directory": str(given.lay_out(normal(path))),
        "widgets": given.merged(body.get("base_parameters")),
        "paths": given.library_paths(),
    }
