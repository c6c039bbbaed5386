"""What saved queries and both kinds of alerts share: folder, display name, levels, masked changes, trash."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from localspace.core.errors import already_exists, invalid, not_found
from localspace.core.stored_documents.kind import Document, Kind
from localspace.core.timestamps import iso
from localspace.governance.object_permissions import may_see, require_any_level, require_level
from localspace.http.request import Request, field_of
from localspace.storage.workspace_tree import normal


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedKind:
    """A kind of saved object: its document, its object type in permissions, its noun and the state of the trash."""

    kind: Kind[Any]
    object_type: str
    noun: str
    trashed: str = "TRASHED"

    def one(self, request: Request, object_id: str, level: str | None = None) -> Document:
        """Return an object, in the trash too; raises 404, or 403 without `level` (None: any level)."""
        found: Document | None = request.repositories.store.get(self.kind, object_id)
        if found is None:
            raise not_found(f"{self.noun} {object_id} does not exist.")
        who = (request.repositories, request.actor, self.object_type, object_id)
        if level is None:
            require_any_level(*who, found["owner_user_name"])
        else:
            require_level(*who, level, owner=found["owner_user_name"])
        return found

    def listed(self, request: Request) -> list[Document]:
        """Return the objects outside the trash that show to the caller, the newest first."""
        found = [
            one
            for one in request.repositories.store.list(self.kind)
            if one["lifecycle_state"] == "ACTIVE"
            and may_see(request.repositories, request.actor, self.object_type, one["id"], one["owner_user_name"])
        ]
        return sorted(found, key=lambda one: (one["create_time"], one["id"]), reverse=True)

    def created(self, request: Request, body: Document, *, resolve: bool = False) -> Document:
        """Store a new object of the caller in a folder that is there."""
        folder = normal(body.get("parent_path") or f"/Users/{request.actor.name}")
        tree = request.services.tree
        if not tree.exists(folder):
            raise not_found(f"Tree node with path '{folder}' does not exist.")
        tree.require(request.actor, folder, "CAN_EDIT")
        now = iso(request.repositories.clock.now_ms())
        new = body | {
            "id": str(uuid.uuid4()),
            "owner_user_name": request.actor.name,
            "parent_path": f"/Workspace{folder}",
            "lifecycle_state": "ACTIVE",
            "create_time": now,
            "update_time": now,
        }
        with request.repositories.store.transaction():
            new["display_name"] = self._free_name(request, new, resolve=resolve)
            request.repositories.store.put(self.kind, (new["id"],), self.kind.document(new))
        return new

    def changed(self, request: Request, old: Document, new: Document, *, resolve: bool = False) -> Document:
        """Store a changed object; a display name that is taken is refused or resolved."""
        new["update_time"] = iso(request.repositories.clock.now_ms())
        if new["display_name"] != old["display_name"]:
            new["display_name"] = self._free_name(request, new, resolve=resolve)
        if new["owner_user_name"] != old["owner_user_name"]:
            who = (request.repositories, request.actor, self.object_type, old["id"])
            require_level(*who, "CAN_MANAGE", owner=old["owner_user_name"])
            new["owner_user_name"] = request.repositories.identity.require_name(new["owner_user_name"]).name
        request.repositories.store.put(self.kind, (new["id"],), self.kind.document(new))
        return new

    def trash(self, request: Request, old: Document) -> None:
        """Move an object to the trash, where it can be read for a while."""
        request.repositories.store.put(self.kind, (old["id"],), self.kind.document(old | {"lifecycle_state": self.trashed}))

    def _free_name(self, request: Request, new: Document, *, resolve: bool) -> str:
        name, number = field_of(new, "display_name"), 0
        taken = {
            one["display_name"]
            for one in request.repositories.store.list(self.kind)
            if one["parent_path"] == new["parent_path"] and one["lifecycle_state"] == "ACTIVE" and one["id"] != new["id"]
        }
        if name in taken and not resolve:
            raise already_exists(f"Node with name {name} already exists", status=400)
        while name in taken:
            number += 1
            name = f"{new['display_name']} ({number})"
        return name


def masked(old: Document, given: Mapping[str, Any], mask: str, fields: frozenset[str]) -> Document:
    """Return a document with the masked fields of `fields` as given, a masked one that is absent removed."""
    names = [one.strip() for one in mask.split(",") if one.strip()]
    if not names:
        raise invalid("Missing required field: update_mask")
    names = sorted(given) if names == ["*"] else names
    new = dict(old)
    for name in {one.split(".")[0] for one in names}:
        if name not in fields:
            raise invalid(f"update_mask names '{name}', which cannot be changed.")
        new.pop(name, None)
        if name in given:
            new[name] = given[name]
    return new


def one_of(value: Any, name: str, known: tuple[str, ...]) -> None:
    """Refuse a value that is given and not known."""
    if value is not None and value not in known:
        raise invalid(f"{name} '{value}' is not one of {', '.join(known)}.")
