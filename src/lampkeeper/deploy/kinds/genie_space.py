"""Genie spaces."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from lampkeeper.deploy.change import Action, Body, Stage
from lampkeeper.deploy.kinds.base import LiveObject, Plain, Session, mark_of, marked
from lampkeeper.deploy.kinds.description import Fields, Place, diff_of, json_lines
from lampkeeper.deploy.live_state import LiveState
from lampkeeper.files.space_json import read_space as parse_space
from lampkeeper.files.space_json import render_space, same_content
from lampkeeper.model.desired import Desired
from lampkeeper.model.errors import RemoteError
from lampkeeper.model.genie import GenieSpace
from lampkeeper.model.layers import Layer
from lampkeeper.remote.clients import Json
from lampkeeper.remote.spaces import create_space, read_space, trash_space, update_space
from lampkeeper.remote.warehouse import warehouse_id


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
