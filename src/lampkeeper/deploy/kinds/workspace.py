"""Warehouses, Genie spaces, and who may use them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from lampkeeper.deploy.change import Action, Body, Stage
from lampkeeper.deploy.kinds.base import LiveObject, Plain, Session, key_of, mark_of, marked
from lampkeeper.deploy.kinds.description import Fields, Place, diff_of, json_lines
from lampkeeper.deploy.live_state import LiveState, acl_path
from lampkeeper.files.space_json import read_space as parse_space
from lampkeeper.files.space_json import render_space, same_content
from lampkeeper.model.desired import Desired
from lampkeeper.model.errors import RemoteError
from lampkeeper.model.genie import GenieSpace
from lampkeeper.model.layers import Layer
from lampkeeper.remote.clients import Json, encode
from lampkeeper.remote.spaces import create_space, read_space, trash_space, update_space
from lampkeeper.remote.warehouse import list_warehouses, warehouse_id

_WAREHOUSES = "/api/2.0/sql/warehouses"


class WarehouseKind(Plain):
    """A serverless SQL warehouse that we make; one given by id is used as it is."""

    name = "warehouse"
    layer = Layer.WORKSPACE
    stages: ClassVar[Mapping[Action, Stage]] = {Action.CREATE: Stage.OPEN, Action.UPDATE: Stage.OPEN, Action.DELETE: Stage.CLEAN}

    def desired(self, desired: Desired, env: str) -> dict[str, Body]:
        """Return the warehouses without an id."""
        return {w.name: {"name": w.name, "size": w.size, "mark": env} for w in desired.warehouses if not w.id}

    def live(self, view: LiveState) -> dict[str, LiveObject]:
        """Return every warehouse of the workspace by name."""
        found = {}
        for name, raw in view.warehouses.items():
            tags = (raw.get("tags") or {}).get("custom_tags") or ()
            mark = next((str(t.get("value")) for t in tags if t.get("key") == "managed_by_lampkeeper"), "")
            body = {"name": name, "size": str(raw.get("cluster_size") or ""), "mark": mark}
            found[name] = LiveObject(body=body, remote_id=str(raw["id"]), mark=mark)
        return found

    shown: ClassVar[tuple[str, ...]] = ("size",)

    def together(self, target: Body, found: Body, elements: frozenset[str]) -> Body:
        """Return it with the size that it has: one environment does not change it for the others."""
        return {**target, "size": found["size"]}

    def words(self, fields: Fields) -> tuple[str, Place]:
        """Return the warehouse."""
        return "", Place(noun="warehouse", name=fields.name("name"))

    def attributes(self, fields: Fields) -> tuple[str, ...]:
        """Return size and mark."""
        return (f"size {fields('size')}", f"managed by lampkeeper: {fields('mark')}")

    def create(self, session: Session, body: Body) -> str:
        """Create the warehouse."""
        made = session.workspace.write("warehouse", "POST", _WAREHOUSES, self._document(body))
        session.warehouses[body["name"]] = str(made["id"])
        return str(made["id"])

    def update(self, session: Session, before: Body, after: Body, remote_id: str) -> None:
        """Change the warehouse's size."""
        session.workspace.write("warehouse", "POST", f"{_WAREHOUSES}/{encode(remote_id)}/edit", self._document(after))

    def delete(self, session: Session, body: Body, remote_id: str) -> None:
        """Remove the warehouse."""
        session.workspace.write("warehouse", "DELETE", f"{_WAREHOUSES}/{encode(remote_id)}")

    @staticmethod
    def _document(body: Body) -> Json:
        return {
            "name": body["name"],
            "cluster_size": body["size"],
            "warehouse_type": "PRO",
            "enable_serverless_compute": True,
            "min_num_clusters": 1,
            "max_num_clusters": 1,
            "auto_stop_mins": 15,
            "tags": {"custom_tags": [{"key": "managed_by_lampkeeper", "value": body["mark"]}]},
        }


class _AclKind(Plain):
    """One group's level on one object. Entries of others stay as they are."""

    layer = Layer.WORKSPACE
    stages: ClassVar[Mapping[Action, Stage]] = {Action.CREATE: Stage.OPEN, Action.UPDATE: Stage.OPEN, Action.DELETE: Stage.CLOSE}
    shown: ClassVar[tuple[str, ...]] = ("level",)
    objects: ClassVar[tuple[tuple[str, str], ...]] = ()
    """The fields that say which object, each with its noun."""
    name = ""
    object_type = ""

    def words(self, fields: Fields) -> tuple[str, Place]:
        """Return the level, the object that it is on, and who has it."""
        on = " ".join(f"{noun} {fields(field)}" for field, noun in self.objects if fields.value(field))
        return f"{fields('level')} on {on}", Place(preposition="for", noun="group", name=fields.name("group"))

    def create(self, session: Session, body: Body) -> str:
        """Give the level; the other entries are not touched."""
        entry = {"group_name": body["group"], "permission_level": body["level"]}
        self._send(session, body, "PATCH", [entry])
        return ""

    def update(self, session: Session, before: Body, after: Body, remote_id: str) -> None:
        """Give the level."""
        self.create(session, after)

    def delete(self, session: Session, body: Body, remote_id: str) -> None:
        """Put the list back without this group: the API has no call that removes one entry."""
        now = session.workspace.get(self.name, acl_path(self.object_type, self._object_id(session, body)))
        kept = [entry for entry in direct_entries(now) if entry.get("group_name") != body["group"]]
        try:
            self._send(session, body, "PUT", kept)
        except RemoteError as error:
            if error.status != 404:
                raise
            # The object answered a moment ago: it is somebody in the list who is gone, and our entry still stands.
            raise RemoteError(
                f"the access list could not be put back: {error.message}", code=error.code, status=409,
                fix="remove the entries of deleted principals, then run again",
            ) from None  # fmt: skip

    def _send(self, session: Session, body: Body, method: str, entries: list[Json]) -> None:
        path = acl_path(self.object_type, self._object_id(session, body))
        session.workspace.write(self.name, method, path, {"access_control_list": entries})

    def _object_id(self, session: Session, body: Body) -> str:
        raise NotImplementedError


def direct_entries(acl: Json) -> list[Json]:
    """Return the entries of a permissions document that are not inherited, as the API takes them back."""
    entries: list[Json] = []
    for entry in acl.get("access_control_list") or ():
        who = {k: entry[k] for k in ("group_name", "user_name", "service_principal_name") if entry.get(k)}
        entries += [
            who | {"permission_level": str(p["permission_level"])}
            for p in entry.get("all_permissions") or ()
            if not p.get("inherited")
        ]
    return entries


class WarehouseAclKind(_AclKind):
    """Which groups may use a warehouse."""

    name = "warehouse_acl"
    object_type = "warehouse"
    objects: ClassVar[tuple[tuple[str, str], ...]] = (("warehouse", "warehouse"),)

    def desired(self, desired: Desired, env: str) -> dict[str, Body]:
        """Return CAN_USE for each group of each warehouse."""
        return {
            key_of(w.id or w.name, g): {"warehouse": w.id or w.name, "group": g, "level": "CAN_USE"}
            for w in desired.warehouses
            for g in w.users
        }

    def live(self, view: LiveState) -> dict[str, LiveObject]:
        """Return the direct entries of groups on the warehouses in scope, by warehouse name and by id."""
        found = {}
        for name, acl in view.warehouse_acls.items():
            for alias in (name, str(view.warehouses[name]["id"])):
                for entry in direct_entries(acl):
                    group = entry.get("group_name")
                    if group:
                        body = {"warehouse": alias, "group": group, "level": entry["permission_level"]}
                        found[key_of(alias, group)] = LiveObject(body=body)
        return found

    def _object_id(self, session: Session, body: Body) -> str:
        name = body["warehouse"]
        if name not in session.warehouses:
            for each in list_warehouses(session.workspace):
                session.warehouses[str(each["name"])] = str(each["id"])
                session.warehouses[str(each["id"])] = str(each["id"])
        if name not in session.warehouses:
            raise RemoteError(f"warehouse {name!r} is not there", code="NOT_FOUND", status=404)
        return session.warehouses[name]


class GenieSpaceKind(Plain):
    """A Genie space: made by us, or attached by id, when only what we author of it is written."""

    name = "genie_space"
    layer = Layer.WORKSPACE
    stages: ClassVar[Mapping[Action, Stage]] = {Action.CREATE: Stage.OPEN, Action.UPDATE: Stage.OPEN, Action.DELETE: Stage.CLOSE}

    def desired(self, desired: Desired, env: str) -> dict[str, Body]:
        """Return the spaces; an attached one without content of ours is not written at all."""
        shared = next((w.id or w.name for w in desired.warehouses), "")
        bodies: dict[str, Body] = {}
        for space in desired.spaces:
            if space.space_id and not _authored(space):
                continue
            bodies[space.key] = {
                "key": space.key,
                "title": "" if space.space_id else space.title or space.name,
                "description": space.description if space.space_id else marked(space.description, f"{env}/{space.key}"),
                "warehouse": space.warehouse_id or ("" if space.space_id else shared),
                "content": render_space(space) if space.tables else "",
                "attached": space.space_id,
            }
        return bodies

    def live(self, view: LiveState) -> dict[str, LiveObject]:
        """Return the spaces in scope; their content is read as far as our model knows it."""
        ids = {str(w["id"]): n for n, w in view.warehouses.items()}
        found = {}
        for key, raw in view.spaces.items():
            text = str(raw.get("serialized_space") or "")
            description = str(raw.get("description") or "")
            warehouse = str(raw.get("warehouse_id") or "")
            body = {
                "key": key,
                "title": str(raw.get("title") or ""),
                "description": description,
                "warehouse": warehouse,
                "warehouse_name": ids.get(warehouse, ""),
                "content": render_space(parse_space(text, name=key)) if text else "",
                "attached": str(raw["space_id"]),
            }
            found[key] = LiveObject(body=body, remote_id=str(raw["space_id"]), mark=mark_of(description).split("/")[0])
        return found

    def differences(self, found: Body, target: Body) -> tuple[str, ...]:
        """Compare what we write; an empty wanted field leaves the space's own."""
        reasons = [f"{f} differs" for f in ("title", "description") if target[f] and found.get(f) != target[f]]
        if target["content"] and not same_content(target["content"], str(found.get("content") or "")):
            reasons.append("content differs")
        wanted = target["warehouse"]
        if wanted and wanted not in (found.get("warehouse"), found.get("warehouse_name")):
            reasons.append(f"warehouse: {found.get('warehouse_name') or found.get('warehouse')} -> {wanted}")
        return tuple(reasons)

    def words(self, fields: Fields) -> tuple[str, Place]:
        """Return the space."""
        return "", Place(noun="Genie space", name=fields.name("key"))

    def attributes(self, fields: Fields) -> tuple[str, ...]:
        """Return what is written of title, description and warehouse: an empty one leaves the space's own."""
        fields.skip("warehouse_name")
        before = fields.both[0] or {}
        same = {"warehouse"} if fields.value("warehouse") == before.get("warehouse_name") else set()
        written = [f for f in ("title", "description", "warehouse") if fields.value(f) and fields.changed(f) and f not in same]
        attached = fields.value("attached")
        words = [*(f"{f}: {fields(f)}" for f in written), *([f"id {fields('attached')}"] if attached else [])]
        content = str(fields.value("content") or "") if None in fields.both else ""
        return (*words, *([f"with {', '.join(_counts(json.loads(content)))}"] if content else []))

    def text(self, fields: Fields) -> tuple[str, ...]:
        """Return what becomes of the content; an empty one leaves the space's own."""
        before, after = fields.both
        fields.skip("content")
        if after is not None and not after.get("content"):
            return ()
        return diff_of(_lines(before), _lines(after))

    def create(self, session: Session, body: Body) -> str:
        """Create the space."""
        made = create_space(session.workspace, self._document(session, body, ""))
        session.spaces[body["key"]] = made
        return made

    def update(self, session: Session, before: Body, after: Body, remote_id: str) -> None:
        """Replace what we author; what we do not know of is kept, and an edit made meanwhile makes the platform refuse."""
        now = read_space(session.workspace, remote_id) or {}
        there, planned = str(now.get("serialized_space") or ""), str(before.get("content") or "")
        if there and planned and not (same_content(planned, there) or same_content(after["content"] or planned, there)):
            raise RemoteError(
                f"space {before['key']!r} was changed by somebody else since the plan was made",
                code="ABORTED", status=409, fix="plan again; to keep what was changed there, `generate` imports it",
            )  # fmt: skip
        document = self._document(session, after, str(now.get("serialized_space") or ""))
        if now.get("etag"):
            document["etag"] = now["etag"]
        update_space(session.workspace, remote_id, document)

    def delete(self, session: Session, body: Body, remote_id: str) -> None:
        """Move the space to the trash."""
        trash_space(session.workspace, remote_id)

    @staticmethod
    def _document(session: Session, body: Body, base: str) -> Json:
        document: dict[str, Any] = {f: body[f] for f in ("title", "description") if body[f]}
        if body["content"]:
            document["serialized_space"] = render_space(parse_space(body["content"], name=body["key"]), base)
        name = body["warehouse"]
        if name:
            document["warehouse_id"] = session.warehouses.get(name, name)
        elif not body["attached"]:
            document["warehouse_id"] = warehouse_id(session.workspace)
        return document


def _counts(content: Mapping[str, Any]) -> Iterator[str]:
    """Yield how many tables, questions and so on a space has, as its document calls them."""
    for name, value in sorted(content.items()):
        if isinstance(value, list):
            yield f"{len(value)} {name.replace('_', ' ')}"
        elif isinstance(value, Mapping):
            yield from _counts(value)


def _lines(body: Body | None) -> list[str]:
    content = str(body.get("content") or "") if body is not None else ""
    return json_lines(json.loads(content)) if content else []


def _authored(space: GenieSpace) -> bool:
    texts = (space.instructions, space.description, space.sample_questions, space.benchmarks, space.filters)
    return any((*texts, space.expressions, space.measures, space.joins))


class GenieAclKind(_AclKind):
    """Which groups may run a space."""

    name = "genie_acl"
    object_type = "genie"
    objects: ClassVar[tuple[tuple[str, str], ...]] = (("space", "Genie space"), ("space_id", "with id"))

    def desired(self, desired: Desired, env: str) -> dict[str, Body]:
        """Return CAN_RUN for each group of each space."""
        return {
            key_of(s.space_id or s.key, g): {"space": s.key, "space_id": s.space_id, "group": g, "level": "CAN_RUN"}
            for s in desired.spaces
            for g in s.acl_groups
        }

    def live(self, view: LiveState) -> dict[str, LiveObject]:
        """Return the direct entries of groups on the spaces in scope, by our name for the space and by its id."""
        return {
            key_of(alias, str(entry["group_name"])): LiveObject(
                body={
                    "space": key,
                    "space_id": str(view.spaces[key]["space_id"]),
                    "group": str(entry["group_name"]),
                    "level": entry["permission_level"],
                }
            )
            for key, acl in view.space_acls.items()
            for alias in (key, str(view.spaces[key]["space_id"]))
            for entry in direct_entries(acl)
            if entry.get("group_name")
        }

    def _object_id(self, session: Session, body: Body) -> str:
        return str(body["space_id"] or session.spaces.get(body["space"]) or "")
