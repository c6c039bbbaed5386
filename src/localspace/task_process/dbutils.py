"""`dbutils` in a task: widgets, notebook, jobs.taskValues, secrets, fs."""

from __future__ import annotations

import base64
import json
import os
import time
from pathlib import Path
from typing import Any, NamedTuple

from localspace.task_process.rest import Rest, RestError

# ruff: noqa: N802, N803, N815  (the names are the platform's)

Entries = list[dict[str, Any]]

VALUE_BYTES = 48 * 1024
"""Largest task value (source: platform docs, taskValues)."""


class NotebookExit(BaseException):
    """Ends a notebook with a value; no `except Exception` of a notebook may hold it up."""

    def __init__(self, value: str) -> None:
        """Carry the exit value."""
        super().__init__(value)
        self.value = value


class FileInfo(NamedTuple):
    """One entry of dbutils.fs.ls; `modificationTime` in milliseconds since 1970."""

    path: str
    name: str
    size: int
    modificationTime: int


class DbUtils:
    """The whole of dbutils that a task of the local workspace has."""

    def __init__(self, spec: dict[str, Any], rest: Rest) -> None:
        """Take widgets, task values and context from the spec of the task."""
        folder = Path(spec["run_folder"])
        self.widgets = Widgets(dict(spec.get("widgets") or {}))
        self.notebook = Notebook(rest, spec)
        self.jobs = Jobs(folder, spec["values"])
        self.secrets = Secrets(rest, folder)
        self.fs = FileSystem(rest)

    def __getattr__(self, name: str) -> Any:
        """Refuse what is not built, by name."""
        raise AttributeError(f"dbutils.{name} is not served by the local workspace's tasks.")


class Widgets:
    """Parameters of a notebook; what the job gave wins over a default."""

    def __init__(self, given: dict[str, str]) -> None:
        """Start with the values that the job gave."""
        self._given = given
        self._defaults: dict[str, str] = {}

    def text(self, name: str, defaultValue: str, label: str | None = None) -> None:
        """Declare a text widget."""
        del label
        self._defaults[name] = str(defaultValue)

    def dropdown(self, name: str, defaultValue: str, choices: list[str], label: str | None = None) -> None:
        """Declare a dropdown widget; the default must be one of the choices."""
        del label
        if defaultValue not in choices:
            raise ValueError(f"the default '{defaultValue}' of widget '{name}' is not one of its choices")
        self._defaults[name] = str(defaultValue)

    combobox = dropdown
    multiselect = dropdown

    def get(self, name: str) -> str:
        """Return the value of a widget; raises for one that nobody declared or gave."""
        if name in self._given:
            return self._given[name]
        if name in self._defaults:
            return self._defaults[name]
        raise KeyError(f"InputWidgetNotDefined: No input widget named {name} is defined")

    def getArgument(self, name: str, defaultValue: str | None = None) -> str:
        """Return the value of a widget, or the default."""
        try:
            return self.get(name)
        except KeyError:
            if defaultValue is None:
                raise
            return defaultValue

    def getAll(self) -> dict[str, str]:
        """Return every widget with its value."""
        return self._defaults | self._given

    def remove(self, name: str) -> None:
        """Remove a widget."""
        self._defaults.pop(name, None)
        self._given.pop(name, None)

    def removeAll(self) -> None:
        """Remove every widget."""
        self._defaults.clear()
        self._given.clear()


class Notebook:
    """Ends this notebook, and runs others as runs of their own."""

    def __init__(self, rest: Rest, spec: dict[str, Any]) -> None:
        """Resolve relative paths from the notebook of the spec."""
        self._rest = rest
        self._path = str(spec.get("notebook_path") or "/")

    @property
    def entry_point(self) -> _Context:
        """Return the start of the chain that ends in the path of the notebook."""
        return _Context(self._path)

    def exit(self, value: Any) -> None:
        """End the notebook with a value."""
        raise NotebookExit(str(value))

    def run(self, path: str, timeout_seconds: int = 0, arguments: dict[str, Any] | None = None) -> str:
        """Run another notebook to its end and return its exit value; raises when it fails."""
        target = resolved(path, self._path)
        task: dict[str, Any] = {
            "task_key": "notebook",
            "notebook_task": {"notebook_path": target, "base_parameters": {k: str(v) for k, v in (arguments or {}).items()}},
        }
        body = {"run_name": f"notebook.run {target}", "tasks": [task], "timeout_seconds": int(timeout_seconds)}
        run_id = self._rest.json("POST", "/api/2.2/jobs/runs/submit", body)["run_id"]
        while True:
            run = self._rest.json("GET", "/api/2.2/jobs/runs/get", query={"run_id": run_id})
            if run["state"]["life_cycle_state"] in ("TERMINATED", "INTERNAL_ERROR", "SKIPPED"):
                break
            time.sleep(0.05)
        output = self._rest.json("GET", "/api/2.2/jobs/runs/get-output", query={"run_id": run["tasks"][0]["run_id"]})
        if run["state"].get("result_state") != "SUCCESS":
            raise RuntimeError(f"Workflow failed: {target}: {output.get('error') or run['state']['state_message']}")
        return str((output.get("notebook_output") or {}).get("result") or "")


class _Context:
    """`entry_point.getDbutils().notebook().getContext().notebookPath().get()`, as notebooks ask for their own path."""

    def __init__(self, path: str) -> None:
        self._path = path

    def getDbutils(self) -> _Context:
        return self

    def notebook(self) -> _Context:
        return self

    def getContext(self) -> _Context:
        return self

    def notebookPath(self) -> _Context:
        return self

    def get(self) -> str:
        return self._path


class Jobs:
    """Values between the tasks of a job run."""

    def __init__(self, folder: Path, values: dict[str, dict[str, Any]]) -> None:
        """Write values of this task into `folder`; `values` are those of earlier tasks."""
        self.taskValues = TaskValues(folder / "values.jsonl", values)


class TaskValues:
    """Sets values of this task and reads those of earlier ones."""

    def __init__(self, file: Path, values: dict[str, dict[str, Any]]) -> None:
        """Append to `file`, one JSON line a value."""
        self._file = file
        self._values = values

    def set(self, key: str, value: Any) -> None:
        """Set a value that JSON can hold, at most 48 KiB."""
        text = json.dumps(value)
        if len(text.encode()) > VALUE_BYTES:
            raise ValueError(f"the task value '{key}' is larger than {VALUE_BYTES} bytes; write it to a volume or a table")
        with self._file.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"key": str(key), "value": value}) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def get(self, taskKey: str, key: str, default: Any = None, debugValue: Any = None) -> Any:
        """Return a value of an earlier task; raises ValueError if it was never set and no default is given."""
        del debugValue
        found = self._values.get(taskKey)
        if found is not None and key in found:
            return found[key]
        if default is not None:
            return default
        if found is None:
            raise ValueError(f"Task '{taskKey}' does not exist in this run; taskValues.get cannot find '{key}'.")
        raise ValueError(f"Task '{taskKey}' has set no task value '{key}'. Set it there, or give a default.")


class Secrets:
    """Secrets of the workspace; what has been read is blotted out of the task's output."""

    def __init__(self, rest: Rest, folder: Path) -> None:
        """Note in `folder` which secrets were read."""
        self._rest = rest
        self._file = folder / "secrets.jsonl"

    def get(self, scope: str, key: str) -> str:
        """Return a secret."""
        return self.getBytes(scope, key).decode()

    def getBytes(self, scope: str, key: str) -> bytes:
        """Return a secret as bytes."""
        with self._file.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"scope": scope, "key": key}) + "\n")
        try:
            answer = self._rest.json("GET", "/api/2.0/secrets/get", query={"scope": scope, "key": key})
        except RestError as error:
            if error.status == 404:
                raise ValueError(f"Secret does not exist with scope: {scope} and key: {key}") from error
            raise
        return base64.b64decode(answer["value"])

    def list(self, scope: str) -> Entries:
        """Return the keys of a scope."""
        found: Entries = self._rest.json("GET", "/api/2.0/secrets/list", query={"scope": scope}).get("secrets") or []
        return found

    def listScopes(self) -> Entries:
        """Return the scopes."""
        found: Entries = self._rest.json("GET", "/api/2.0/secrets/scopes/list").get("scopes") or []
        return found


class FileSystem:
    """Files in volumes, through the Files API."""

    def __init__(self, rest: Rest) -> None:
        """Call through `rest`."""
        self._rest = rest

    def ls(self, path: str) -> list[FileInfo]:
        """Return what a directory holds."""
        found: list[FileInfo] = []
        token: str | None = None
        while True:
            query = {"page_token": token} if token else None
            answer = self._rest.json("GET", "/api/2.0/fs/directories" + _volume(path), query=query)
            for one in answer.get("contents") or ():
                slash = "/" if one["is_directory"] else ""
                found.append(
                    FileInfo(
                        f"dbfs:{one['path']}{slash}",
                        one["name"] + slash,
                        one.get("file_size") or 0,
                        one.get("last_modified") or 0,
                    )
                )
            token = answer.get("next_page_token")
            if not token:
                return found

    def head(self, path: str, maxBytes: int = 65536) -> str:
        """Return the first bytes of a file as text."""
        return self._read(path)[:maxBytes].decode("utf-8", "replace")

    def put(self, path: str, contents: str, overwrite: bool = False) -> bool:
        """Write a file."""
        self._write(path, contents.encode(), overwrite=overwrite)
        return True

    def mkdirs(self, path: str) -> bool:
        """Create a directory and its parents."""
        self._rest.bytes("PUT", "/api/2.0/fs/directories" + _volume(path))
        return True

    def rm(self, path: str, recurse: bool = False) -> bool:
        """Delete a file, or a directory with `recurse`; say whether it was there."""
        try:
            self._rest.bytes("DELETE", "/api/2.0/fs/files" + _volume(path))
        except RestError as error:
            if error.status != 404:
                raise
        else:
            return True
        try:
            entries = self.ls(path)
        except RestError as error:
            if error.status != 404:
                raise
            return False
        for one in entries if recurse else ():
            self.rm(one.path, recurse=True)
        self._rest.bytes("DELETE", "/api/2.0/fs/directories" + _volume(path))
        return True

    def cp(self, from_: str, to: str, recurse: bool = False) -> bool:
        """Copy a file; a directory with `recurse`."""
        if recurse:
            for one in self.ls(from_):
                self.cp(one.path, to.rstrip("/") + "/" + one.name.rstrip("/"), recurse=one.name.endswith("/"))
        else:
            self._write(to, self._read(from_), overwrite=True)
        return True

    def mv(self, from_: str, to: str, recurse: bool = False) -> bool:
        """Move a file; a directory with `recurse`."""
        self.cp(from_, to, recurse)
        return self.rm(from_, recurse)

    def _read(self, path: str) -> bytes:
        return self._rest.bytes("GET", "/api/2.0/fs/files" + _volume(path))

    def _write(self, path: str, content: bytes, *, overwrite: bool) -> None:
        query = {"overwrite": "true" if overwrite else "false"}
        self._rest.bytes("PUT", "/api/2.0/fs/files" + _volume(path), content, query)


def resolved(path: str, base: str) -> str:
    """Return a notebook path relative to the folder of another notebook as an absolute one."""
    if path.startswith("/"):
        return path
    names = base.split("/")[:-1]
    for one in path.split("/"):
        if one == "..":
            names = names[:-1]
        elif one not in ("", "."):
            names.append(one)
    return "/" + "/".join(one for one in names if one)


def _volume(path: str) -> str:
    bare = path.removeprefix("dbfs:")
    if not bare.startswith("/Volumes/"):
        raise ValueError(f"'{path}': dbutils.fs serves /Volumes/<catalog>/<schema>/<volume>/… here")
    return bare.rstrip("/")
