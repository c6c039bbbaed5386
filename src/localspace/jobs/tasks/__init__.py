"""The task kinds that run in a process: each turns a resolved task into the spec of its process."""

from __future__ import annotations

from collections.abc import Callable

from localspace.core.stored_documents.kind import Document
from localspace.jobs.tasks import notebook, python_script, python_wheel, sql_file
from localspace.jobs.tasks.preparation import Preparation

PREPARERS: tuple[tuple[str, Callable[[Preparation], Document]], ...] = (
    ("notebook_task", notebook.prepare),
    ("spark_python_task", python_script.prepare),
    ("python_wheel_task", python_wheel.prepare),
    ("sql_task", sql_file.prepare),
)
