"""Genie spaces."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, ClassVar

from lampkeeper.deploy.kinds.base import Kind, LiveObject, Session, mark_of, marked
from lampkeeper.deploy.kinds.description import Fields, Subject, diff_of, json_lines
from lampkeeper.deploy.live_state import LiveState
from lampkeeper.deploy.stages import GIVES_ACCESS, Action, Stage
from lampkeeper.files.space_json import read_space as parse_space
from lampkeeper.files.space_json import render_space, same_content
from lampkeeper.model.codecs import Codec
from lampkeeper.model.desired import Desired
from lampkeeper.model.errors import RemoteError, UsageError
from lampkeeper.model.genie import GenieSpace
from lampkeeper.model.layers import Layer
from lampkeeper.remote.clients import Json
from lampkeeper.remote.spaces import create_space, read_space, trash_space, update_space
from lampkeeper.remote.warehouse import warehouse_id


def content_of(space: GenieSpace) -> str:
    """Return the managed part of a space's content in the form of the API; nothing if none is managed."""
    authored = space.tables or _authored(replace(space, description=""))
    return render_space(space) if authored else ""


def _encode(space: GenieSpace) -> dict[str, Any]:
    return {
        "key": space.key,
        "title": space.title,
        "description": space.description,
        "warehouse": space.warehouse_id,
        "warehouse_name": space.warehouse_name,
        "content": content_of(space),
        "attached": space.space_id,
    }


def _decode(document: Mapping[str, Any]) -> GenieSpace:
    try:
        space = parse_space(
            document["content"], name=document["key"], title=document["title"], description=document["description"],
            space_id=document["attached"], warehouse_id=document["warehouse"],
        )  # fmt: skip
    except UsageError as error:
        raise ValueError(error.message) from None
    return replace(space, warehouse_name=document["warehouse_name"])


class GenieSpaceKind(Kind[GenieSpace]):
    """A Genie space: created by lampkeeper, or attached by id; only its managed content is written."""

    name = "genie_space"
    layer = Layer.WORKSPACE
    codec = Codec(encode=_encode, decode=_decode)
    stages: ClassVar[Mapping[Action, Stage]] = GIVES_ACCESS
    marked = True
    shared = False
    planned = True

    def desired(self, desired: Desired, env: str) -> dict[str, GenieSpace]:
        """Return the spaces; an attached one without managed content is not written at all."""
        used = next((w.id or w.name for w in desired.warehouses), "")
        specs: dict[str, GenieSpace] = {}
        for space in desired.spaces:
            attached = bool(space.space_id)
            bare = attached and not _authored(space)
            if bare and not space.warehouse_id:
                continue
            specs[space.key] = replace(
                space if space.tables and not bare else GenieSpace(name=space.key, tables=(), space_id=space.space_id),
                name=space.key,
                title="" if attached else space.title or space.name,
                description=space.description if attached else marked(space.description, f"{env}/{space.key}"),
                warehouse_id=space.warehouse_id or ("" if attached else used),
                acl_groups=(),
            )
        return specs

    def live(self, view: LiveState) -> dict[str, LiveObject[GenieSpace]]:
        """Return the spaces in scope, with the parts of their content that the model has."""
        names = {str(w["id"]): n for n, w in view.warehouses.items()}
        found = {}
        for key, raw in view.spaces.items():
            space_id, warehouse = str(raw["space_id"]), str(raw.get("warehouse_id") or "")
            space = parse_space(
                str(raw.get("serialized_space") or ""), name=key, title=str(raw.get("title") or ""),
                description=str(raw.get("description") or ""), space_id=space_id, warehouse_id=warehouse,
            )  # fmt: skip
            spec = replace(space, warehouse_name=names.get(warehouse, ""))
            found[key] = LiveObject(spec=spec, remote_id=space_id, mark=mark_of(space.description).split("/")[0])
        return found

    def managed(self, standing: GenieSpace, wanted: GenieSpace | None, recorded: GenieSpace | None) -> GenieSpace:
        """Return the space with its id only if it is attached: attached and created spaces differ by it in the state."""
        known = recorded or wanted
        return replace(standing, space_id=known.space_id if known is not None else "")

    def of_others(self, spec: GenieSpace) -> bool:
        """Return whether the space is attached: it is never created and never removed."""
        return bool(spec.space_id)

    def differences(self, found: GenieSpace, target: GenieSpace) -> tuple[str, ...]:
        """Compare the managed fields; an empty desired field keeps the live value."""
        pairs = (("title", found.title, target.title), ("description", found.description, target.description))
        reasons = [f"{name} differs" for name, old, new in pairs if new and old != new]
        content = content_of(target)
        if content and not same_content(content, content_of(found)):
            reasons.append("content differs")
        wanted = target.warehouse_id
        if wanted and wanted not in (found.warehouse_id, found.warehouse_name):
            reasons.append(f"warehouse: {found.warehouse_name or found.warehouse_id} -> {wanted}")
        return tuple(reasons)

    def words(self, fields: Fields) -> tuple[str, Subject]:
        """Return the space."""
        return "", Subject(noun="Genie space", name=fields.name("key"))

    def attributes(self, fields: Fields) -> tuple[str, ...]:
        """Return the written values of title, description and warehouse; an empty one keeps the live value."""
        fields.skip("warehouse_name")
        before = fields.both[0] or {}
        same = {"warehouse"} if fields.value("warehouse") == before.get("warehouse_name") else set()
        written = [f for f in ("title", "description", "warehouse") if fields.value(f) and fields.changed(f) and f not in same]
        attached = fields.value("attached")
        words = [*(f"{f}: {fields(f)}" for f in written), *([f"id {fields('attached')}"] if attached else [])]
        content = str(fields.value("content") or "") if None in fields.both else ""
        return (*words, *([f"with {', '.join(_counts(json.loads(content)))}"] if content else []))

    def text(self, fields: Fields) -> tuple[str, ...]:
        """Return the difference of the content; an empty one keeps the live content."""
        before, after = fields.both
        fields.skip("content")
        if after is not None and not after.get("content"):
            return ()
        return diff_of(_lines(before), _lines(after))

    def keys_at(self, key: str, found: LiveObject[GenieSpace], view: LiveState) -> tuple[str, ...]:
        """Return the space's id."""
        return (found.remote_id,)

    def remember(self, session: Session, key: str, remote_id: str) -> None:
        """Store the space's id for its permissions."""
        session.spaces[key] = remote_id

    def create(self, session: Session, spec: GenieSpace) -> str:
        """Create the space."""
        made = create_space(session.workspace, self._document(session, spec, ""))
        session.spaces[spec.key] = made
        return made

    def update(self, session: Session, before: GenieSpace, after: GenieSpace, remote_id: str) -> None:
        """Replace the managed content and keep the rest; the platform refuses if the space was edited meanwhile."""
        now = read_space(session.workspace, remote_id)
        if now is None:
            raise RemoteError(
                f"space {before.key!r} was deleted since the plan was created", code="ABORTED", status=409, fix="run `plan` again"
            )
        there, planned = str(now.get("serialized_space") or ""), content_of(before)
        if not there and after.space_id and content_of(after):
            raise RemoteError(
                f"space {before.key!r} shows no content, so nothing was written over it", code="NOT_READY", status=409,
                fix="wait some minutes after the space was made, then plan again",
            )  # fmt: skip
        if there and not (same_content(planned, there) or same_content(content_of(after) or planned, there)):
            raise RemoteError(
                f"space {before.key!r} was edited since the plan was created",
                code="ABORTED", status=409, fix="run `plan` again; to keep the edits, import the space with `generate`",
            )  # fmt: skip
        document = self._document(session, after, there)
        if now.get("etag"):
            document["etag"] = now["etag"]
        update_space(session.workspace, remote_id, document)

    def delete(self, session: Session, spec: GenieSpace, remote_id: str) -> None:
        """Move the space to the trash."""
        trash_space(session.workspace, remote_id)

    @staticmethod
    def _document(session: Session, spec: GenieSpace, base: str) -> Json:
        document: dict[str, Any] = {k: v for k, v in (("title", spec.title), ("description", spec.description)) if v}
        if content_of(spec):
            document["serialized_space"] = render_space(spec, base)
        if spec.warehouse_id:
            document["warehouse_id"] = session.warehouses.get(spec.warehouse_id, spec.warehouse_id)
        elif not spec.space_id:
            document["warehouse_id"] = warehouse_id(session.workspace)
        return document


def _counts(content: Mapping[str, Any]) -> Iterator[str]:
    """Yield the numbers of tables, questions and so on of a space, by the names in its document."""
    for name, value in sorted(content.items()):
        if isinstance(value, list):
            yield f"{len(value)} {name.replace('_', ' ')}"
        elif isinstance(value, Mapping):
            yield from _counts(value)


def _lines(fields: Mapping[str, Any] | None) -> list[str]:
    content = str(fields.get("content") or "") if fields is not None else ""
    return json_lines(json.loads(content)) if content else []


def _authored(space: GenieSpace) -> bool:
    texts = (space.instructions, space.description, space.sample_questions, space.benchmarks, space.filters)
    return any((*texts, space.expressions, space.measures, space.joins, space.examples, space.functions, space.columns))
