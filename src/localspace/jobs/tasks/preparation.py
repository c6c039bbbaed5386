"""What a task kind works with before its process starts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from localspace.core.errors import ApiError
from localspace.core.principals import Principal
from localspace.core.stored_documents.jobs import StoredRun
from localspace.core.stored_documents.kind import Document
from localspace.jobs.libraries import LibraryError, provide
from localspace.storage.volume_files import VolumeFiles
from localspace.storage.workspace_tree import ObjectType, WorkspaceTree, normal, parent_of

MOST_COPIED = 64 * 1024 * 1024
"""Bytes of workspace files that are laid out beside a script or notebook."""


class PreparationError(Exception):
    """A task that cannot start: termination code and message."""

    def __init__(self, code: str, message: str) -> None:
        """Make an error that ends the task."""
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True, kw_only=True)
class Preparation:
    """One attempt of a task: who runs it, its resolved form, where its process works."""

    actor: Principal
    run: StoredRun
    task: Document
    folder: Path
    cache: Path
    tree: WorkspaceTree
    volumes: VolumeFiles
    may_use_warehouse: Callable[[str], None]
    """Demands CAN USE on a warehouse; raises ApiError."""

    parameters: dict[str, str] = field(default_factory=dict)

    def read(self, path: str) -> bytes:
        """Return the bytes of a workspace or volume file as the run-as principal; raises ApiError."""
        if path.startswith("/Volumes/"):
            return self.volumes.read(self.actor, path)[1]
        if not path.startswith("/"):
            raise ApiError(400, "INVALID_PARAMETER_VALUE", f"'{path}' is not an absolute path in the workspace or a volume.")
        return self.tree.content(self.actor, path)[1]

    def library_paths(self) -> list[str]:
        """Return the folders that the task's environment and libraries add to the path."""
        wanted: list[object] = []
        key = self.task.get("environment_key")
        for one in self.run["settings"].get("environments") or ():
            if one.get("environment_key") == key:
                wanted.extend((one.get("spec") or {}).get("dependencies") or ())
        wanted.extend(
            one.get("whl") or (one.get("pypi") or {}).get("package") or next(iter(one), "")
            for one in self.task.get("libraries") or ()
        )
        try:
            return list(provide(wanted, self.read, self.cache).paths)
        except LibraryError as error:
            raise PreparationError("LIBRARY_INSTALLATION_ERROR", f"Library installation failed: {error}") from error

    def lay_out(self, path: str) -> Path:
        """Copy the files beside a script or notebook into the task's folder and return the folder that holds it.

        Of a bundle that is everything it has uploaded; else the folder of the script.
        """
        target = self.folder / "files"
        top = _bundle_files(path) or parent_of(path)
        size = 0
        for one in self.tree.walk(self.actor, top) if self.tree.exists(top) else ():
            destination = target / one["path"][len(top) :].lstrip("/")
            if one["object_type"] == ObjectType.DIRECTORY:
                destination.mkdir(parents=True, exist_ok=True)
            elif one["object_type"] == ObjectType.FILE:
                size += int(one["size"])
                if size > MOST_COPIED:
                    raise PreparationError(
                        "INVALID_RUN_CONFIGURATION", f"The files under {top} are larger than {MOST_COPIED} bytes together."
                    )
                destination.parent.mkdir(parents=True, exist_ok=True)
                destination.write_bytes(self.tree.content(self.actor, one["path"])[1])
        holder = target / parent_of(path)[len(top) :].lstrip("/")
        holder.mkdir(parents=True, exist_ok=True)
        return holder

    def merged(self, given: dict[str, Any] | None) -> dict[str, str]:
        """Return key-value parameters of the task with the job's parameters over them (platform docs, parameters)."""
        return {**{key: str(value) for key, value in (given or {}).items()}, **self.parameters}

    def unreadable(self, noun: str, path: str) -> PreparationError:
        """Return the error for a notebook or file that is not there or not readable, as the platform words it."""
        return PreparationError(
            "RESOURCE_NOT_FOUND",
            f'Unable to access the {noun} "{path}". Either it does not exist, or the identity used to run this job, '
            f"{self.actor.name}, lacks the required permissions (CAN_READ).",
        )


def _bundle_files(path: str) -> str | None:
    names = normal(path).split("/")
    if ".bundle" in names:
        at = names.index(".bundle")
        if len(names) > at + 4 and names[at + 3] == "files":
            return "/".join(names[: at + 4])
    return None
