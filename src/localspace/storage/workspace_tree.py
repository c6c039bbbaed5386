"""The workspace's own file system: folders, notebooks and files, with object ids and who may do what.

`/Workspace/x` and `/x` are the same object. Names compare exactly. A document `workspace_object` is kept under its
path (hex-encoded, because the store folds case): `path, object_id, object_type, language, size, created_at,
modified_at, owner, blob`; `workspace_object_id` leads from the id to the path.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any

from localspace.core.clock import Clock
from localspace.core.errors import ApiError, already_exists, denied, invalid, not_found
from localspace.core.principals import Principal
from localspace.core.store import Store
from localspace.core.stored_documents import kinds
from localspace.core.stored_documents.workspace import StoredWorkspaceObject, StoredWorkspaceObjectId
from localspace.storage.access import Memberships
from localspace.storage.blobs import path_segments, write_atomically
from localspace.storage.notebook_source import Language, bare_name, notebook_language

MOST_BYTES = 524_288_000
"""Largest workspace file (source: platform docs, workspace files limits)."""

_READ, _EDIT, _MANAGE = "CAN_READ", "CAN_EDIT", "CAN_MANAGE"
_ORDER = ("CAN_READ", "CAN_RUN", "CAN_EDIT", "CAN_MANAGE")


class ObjectType(StrEnum):
    """Kinds of workspace objects."""

    DIRECTORY = "DIRECTORY"
    NOTEBOOK = "NOTEBOOK"
    FILE = "FILE"
    DASHBOARD = "DASHBOARD"


PERMISSION_TYPES = {
    ObjectType.DIRECTORY: "directories",
    ObjectType.NOTEBOOK: "notebooks",
    ObjectType.FILE: "files",
    ObjectType.DASHBOARD: "dashboards",
}
"""Object type to the name that the permissions API uses."""


class WorkspaceTree:
    """Reads and writes the tree; every method that takes an actor checks its permissions."""

    def __init__(self, store: Store, clock: Clock, identity: Memberships, folder: Path) -> None:
        """Keep contents in `folder` and everything else in `store`."""
        self._store = store
        self._clock = clock
        self._identity = identity
        self._folder = folder

    # Reading

    def status(self, actor: Principal, path: str) -> StoredWorkspaceObject:
        """Return the object at a path; raises RESOURCE_DOES_NOT_EXIST with the path as it was asked for."""
        found = self._find(normal(path))
        if found is None or not self._may(actor, found["path"], _READ):
            raise not_found(f"Path ({path}) doesn't exist.")
        return found

    def listed(self, actor: Principal, path: str) -> list[StoredWorkspaceObject]:
        """Return what a folder holds, or the object itself when it is none."""
        found = self.status(actor, path)
        if found["object_type"] != ObjectType.DIRECTORY:
            return [found]
        return [one for one in self._children(found["path"]) if self._may(actor, one["path"], _READ)]

    def content(self, actor: Principal, path: str) -> tuple[StoredWorkspaceObject, bytes]:
        """Return a notebook or file with its bytes."""
        found = self.status(actor, path)
        if found["object_type"] == ObjectType.DIRECTORY:
            raise invalid(f"Path ({found['path']}) is a folder; only notebooks and files can be exported this way.")
        return found, (self._folder / found["blob"]).read_bytes()

    def walk(self, actor: Principal, path: str) -> Iterator[StoredWorkspaceObject]:
        """Yield everything below a folder that the actor may read, parents before children."""
        for one in self.listed(actor, path):
            yield one
            if one["object_type"] == ObjectType.DIRECTORY:
                yield from self.walk(actor, one["path"])

    def folders_above(self, path: str) -> list[StoredWorkspaceObject]:
        """Return the folders that contain a path, nearest first, without a check of permissions."""
        path = normal(path)
        found = [self._find(one) for one in _upwards(path) if one != path]
        return [one for one in found if one is not None]

    def exists(self, path: str) -> bool:
        """Return whether a path exists, without a check of permissions."""
        return self._find(normal(path)) is not None

    # Writing

    def mkdirs(self, actor: Principal, path: str) -> StoredWorkspaceObject:
        """Create a folder and its parents; one that is there already is fine."""
        path = normal(path)
        with self._store.transaction():
            found = self._find(path)
            if found is not None and found["object_type"] == ObjectType.DIRECTORY:
                return found
            if found is not None:
                raise already_exists(f"Path ({path}) is a {found['object_type'].lower()}, not a folder.", status=400)
            self.mkdirs(actor, parent_of(path))
            self._require(actor, parent_of(path), _EDIT)
            return self._put(actor, path, ObjectType.DIRECTORY)

    def write(self, actor: Principal, path: str, content: bytes, *, overwrite: bool) -> StoredWorkspaceObject:
        """Import a file; a notebook in source form is stored as a notebook, without its extension."""
        path = normal(path)
        name = path.rsplit("/", 1)[-1]
        language = notebook_language(name, content)
        if language is None:
            return self._write(actor, path, content, ObjectType.FILE, overwrite=overwrite)
        target = path[: len(path) - len(name)] + bare_name(name)
        jupyter = name.lower().endswith(".ipynb")
        return self.write_notebook(actor, target, content, language, jupyter=jupyter, overwrite=overwrite)

    def write_file(self, actor: Principal, path: str, content: bytes, *, overwrite: bool) -> StoredWorkspaceObject:
        """Import a file as it is; its content is not looked at."""
        return self._write(actor, normal(path), content, ObjectType.FILE, overwrite=overwrite)

    def write_notebook(
        self, actor: Principal, path: str, content: bytes, language: Language, *, jupyter: bool, overwrite: bool
    ) -> StoredWorkspaceObject:
        """Import a notebook under exactly this path."""
        extra = {"language": language.value, "repos_export_format": "JUPYTER" if jupyter else "SOURCE"}
        return self._write(actor, normal(path), content, ObjectType.NOTEBOOK, overwrite=overwrite, extra=extra)

    def write_dashboard(self, actor: Principal, path: str, content: bytes, dashboard_id: str, *, overwrite: bool) -> None:
        """Put a dashboard's draft into the tree; only the Lakeview API writes it."""
        extra = {"resource_id": dashboard_id}
        self._write(actor, normal(path), content, ObjectType.DASHBOARD, overwrite=overwrite, extra=extra)

    def delete(self, actor: Principal, path: str, *, recursive: bool) -> list[StoredWorkspaceObject]:
        """Delete an object and return what is gone; a folder with content needs `recursive`."""
        found = self.status(actor, path)
        path = found["path"]
        if path == "/" or parent_of(path) == "/":
            raise invalid(f"Path ({path}) is a folder of the workspace itself and cannot be deleted.")
        self._require(actor, path, _MANAGE)
        doomed = [found]
        if found["object_type"] == ObjectType.DIRECTORY:
            if not recursive and self._children(path):
                raise ApiError(400, "DIRECTORY_NOT_EMPTY", f"Folder ({path}) is not empty")
            doomed = [*self._below(path), found]
        with self._store.transaction():
            for one in doomed:
                self._store.delete(kinds.WORKSPACE_OBJECT, _encoded(one["path"]))
                self._store.delete(kinds.WORKSPACE_OBJECT_ID, str(one["object_id"]))
                self._store.delete(kinds.PERMISSIONS, *permission_key(one))
        for one in doomed:
            if one.get("blob"):
                (self._folder / one["blob"]).unlink(missing_ok=True)
        return doomed

    def forget(self, path: str) -> None:
        """Remove the object of a dashboard that was moved or trashed; its permissions stay with the dashboard."""
        found = self._find(normal(path))
        if found is None:
            return
        with self._store.transaction():
            self._store.delete(kinds.WORKSPACE_OBJECT, _encoded(found["path"]))
            self._store.delete(kinds.WORKSPACE_OBJECT_ID, str(found["object_id"]))
        (self._folder / found["blob"]).unlink(missing_ok=True)

    # Permissions

    def level(self, actor: Principal, path: str) -> str | None:
        """Return the strongest level of the actor on a path: own home, shared folder, access lists here and above."""
        path = normal(path)
        if self._identity.is_workspace_admin(actor.id):
            return _MANAGE
        if path == f"/Users/{actor.name}" or path.startswith(f"/Users/{actor.name}/"):
            return _MANAGE
        if (path == "/Shared" or path.startswith("/Shared/")) and self._identity.in_workspace(actor.id):
            return _MANAGE
        best = 0 if path in ("/", "/Users", "/Repos") else -1
        names = self._identity.names_of(actor.id)
        for folder in _upwards(path):
            found = self._find(folder)
            if found is None:
                continue
            stored = self._store.get(kinds.PERMISSIONS, *permission_key(found))
            for entry in stored["access_control_list"] if stored is not None else ():
                reached = entry["principal"] in names or (
                    entry["kind"] == "group" and self._identity.is_member(actor.id, entry["principal"])
                )
                if reached and entry["level"] in _ORDER:
                    best = max(best, _ORDER.index(entry["level"]))
        return _ORDER[best] if best >= 0 else None

    def require(self, actor: Principal, path: str, level: str) -> None:
        """Demand a level on a path; raises PERMISSION_DENIED."""
        self._require(actor, normal(path), level)

    # Inside

    def _may(self, actor: Principal, path: str, level: str) -> bool:
        held = self.level(actor, path)
        return held is not None and _ORDER.index(held) >= _ORDER.index(level)

    def _require(self, actor: Principal, path: str, level: str) -> None:
        if not self._may(actor, path, level):
            raise denied(f"User {actor.name} does not have {level} permissions on {path}.")

    def _write(
        self,
        actor: Principal,
        path: str,
        content: bytes,
        object_type: ObjectType,
        *,
        overwrite: bool,
        extra: Mapping[str, Any] | None = None,
    ) -> StoredWorkspaceObject:
        if len(content) > MOST_BYTES:
            raise too_large(len(content))
        parent = self._find(parent_of(path))
        if parent is None:
            raise not_found(f"The parent folder ({parent_of(path)}) does not exist.")
        if parent["object_type"] != ObjectType.DIRECTORY:
            raise invalid(f"The parent of ({path}) is not a folder.")
        old = self._find(path)
        self._require(actor, path if old is not None else parent_of(path), _EDIT)
        if old is not None and not overwrite:
            raise already_exists(f"Path ({path}) already exists.")
        if old is not None and old["object_type"] != object_type:
            raise invalid(
                f"Cannot overwrite the asset at {path} due to type mismatch (asked: {object_type}, actual: {old['object_type']})."
            )
        blob = secrets.token_hex(16)
        write_atomically(self._folder / blob, content)
        with self._store.transaction():
            # Two deploys race for one lock file: only one of them may create it.
            if not overwrite and self._find(path) is not None:
                raise already_exists(f"Path ({path}) already exists.")
            new = self._put(actor, path, object_type, {**(extra or {}), "blob": blob, "size": len(content)})
        if old is not None:
            (self._folder / old["blob"]).unlink(missing_ok=True)
        return new

    def _put(
        self, actor: Principal, path: str, object_type: ObjectType, extra: Mapping[str, Any] | None = None
    ) -> StoredWorkspaceObject:
        now = self._clock.now_ms()
        old = self._find(path)
        body = kinds.WORKSPACE_OBJECT.document(
            {
                "path": path,
                "object_type": object_type.value,
                "object_id": old["object_id"] if old else self._store.next_number("workspace_object", 1_000_000_000_000_001),
                "created_at": old["created_at"] if old else now,
                "modified_at": now,
                "owner": old["owner"] if old else actor.name,
                **(extra or {}),
            }
        )
        self._store.put(kinds.WORKSPACE_OBJECT, (_encoded(path),), body, (_encoded(parent_of(path)),) if path != "/" else ())
        self._store.put(
            kinds.WORKSPACE_OBJECT_ID, (str(body["object_id"]),), StoredWorkspaceObjectId(path=path, owner=_home_of(path))
        )
        return body

    def _find(self, path: str) -> StoredWorkspaceObject | None:
        found = self._store.get(kinds.WORKSPACE_OBJECT, _encoded(path))
        if found is not None or not self._is_given(path):
            return found
        return self._make_given(path)

    def _is_given(self, path: str) -> bool:
        """Return whether a folder is there from the start: the root, Users, Shared, and the home of every principal."""
        if path in ("/", "/Users", "/Shared"):
            return True
        names = path.split("/")
        if len(names) != 3 or names[1] != "Users":
            return False
        found = self._identity.by_name(names[2])
        return found is not None and found.name == names[2] and self._identity.in_workspace(found.id)

    def _make_given(self, path: str) -> StoredWorkspaceObject:
        now = self._clock.now_ms()
        # The root has the id 0 (source: databricks/terraform-provider-databricks, databricks_permissions of directories).
        number = 0 if path == "/" else self._store.next_number("workspace_object", 1_000_000_000_000_001)
        body: StoredWorkspaceObject = {
            "path": path,
            "object_type": ObjectType.DIRECTORY.value,
            "object_id": number,
            "created_at": now,
            "modified_at": now,
            "owner": path.rsplit("/", 1)[-1] if path.startswith("/Users/") else "",
        }
        with self._store.transaction():
            self._store.put(kinds.WORKSPACE_OBJECT, (_encoded(path),), body, (_encoded(parent_of(path)),) if path != "/" else ())
            self._store.put(kinds.WORKSPACE_OBJECT_ID, (str(number),), StoredWorkspaceObjectId(path=path, owner=_home_of(path)))
        return body

    def make_given_folders(self) -> None:
        """Store the folders that exist from the start; otherwise they are stored when a call first lists or names them."""
        self._children("/")

    def _children(self, path: str) -> list[StoredWorkspaceObject]:
        if path == "/":
            for given in ("/Users", "/Shared"):
                self._find(given)
        return sorted(self._store.list(kinds.WORKSPACE_OBJECT, (_encoded(path),)), key=lambda one: str(one["path"]))

    def _below(self, path: str) -> list[StoredWorkspaceObject]:
        found: list[StoredWorkspaceObject] = []
        for one in self._children(path):
            if one["object_type"] == ObjectType.DIRECTORY:
                found.extend(self._below(one["path"]))
            found.append(one)
        return found


def normal(path: str) -> str:
    """Return a path as the tree stores it: absolute, without /Workspace and without a trailing slash."""
    if not path:
        raise invalid("Missing required field: path")
    names = path_segments(path)
    if names and names[0] == "Workspace":
        names = names[1:]
    return "/" + "/".join(names)


def permission_key(found: StoredWorkspaceObject) -> tuple[str, str]:
    """Return under which type and id the permissions API knows an object."""
    return PERMISSION_TYPES[ObjectType(found["object_type"])], found.get("resource_id") or str(found["object_id"])


def parent_of(path: str) -> str:
    """Return the folder of a normal path; the root is its own."""
    return path.rsplit("/", 1)[0] or "/"


def too_large(size: int) -> ApiError:
    """Return the refusal for a file above the limit."""
    return ApiError(
        400,
        "MAX_NOTEBOOK_SIZE_EXCEEDED",
        f"File size imported is ({size} bytes), exceeded max size ({MOST_BYTES} bytes)",
    )


def _home_of(path: str) -> str | None:
    names = path.split("/")
    return names[2] if len(names) > 2 and names[1] == "Users" else None


def _encoded(path: str) -> str:
    return path.encode().hex()


def _upwards(path: str) -> Iterator[str]:
    while True:
        yield path
        if path == "/":
            return
        path = parent_of(path)
