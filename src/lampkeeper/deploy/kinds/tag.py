"""Tags on catalogs, schemas, tables and columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from lampkeeper.deploy.change import Action, Body, Stage
from lampkeeper.deploy.kinds.base import LiveObject, Plain, Session, key_of
from lampkeeper.deploy.kinds.description import Fields, Place
from lampkeeper.deploy.live_state import LiveState
from lampkeeper.model.desired import Desired
from lampkeeper.model.layers import Layer
from lampkeeper.remote.clients import Json, encode

_ASSIGNMENTS = "/api/2.1/unity-catalog/entity-tag-assignments"


class TagKind(Plain):
    """One tag on one entity."""

    name = "tag"
    layer = Layer.DATA_ACCESS
    stages: ClassVar[Mapping[Action, Stage]] = {
        Action.CREATE: Stage.PROTECT,
        Action.UPDATE: Stage.PROTECT,
        Action.DELETE: Stage.SWITCH,
    }
    shown: ClassVar[tuple[str, ...]] = ("value",)

    def desired(self, desired: Desired, env: str) -> dict[str, Body]:
        """Return the assignments by entity type, name without case, and tag key."""
        return {
            key_of(str(t.entity_type), t.entity_name.casefold(), t.key): {
                "entity_type": str(t.entity_type),
                "entity_name": t.entity_name,
                "tag_key": t.key,
                "value": t.value,
            }
            for t in desired.tag_assignments
        }

    def live(self, view: LiveState) -> dict[str, LiveObject]:
        """Return every tag in the schemas of the scope."""
        return {
            key_of(str(t.entity_type), t.entity_name.casefold(), t.key): LiveObject(
                body={
                    "entity_type": str(t.entity_type),
                    "entity_name": t.entity_name,
                    "tag_key": t.key,
                    "value": t.value,
                }
            )
            for t in view.governed.tags
        }

    def words(self, fields: Fields) -> tuple[str, Place]:
        """Return `tag key = value`, and what it is on."""
        noun = str(fields("entity_type")).removesuffix("s")
        place = Place(preposition="on", noun=noun, name=fields.name("entity_name"))
        value = f" = {fields('value')}" if fields.changed("value") or fields.value("value") else ""
        return f"tag {fields('tag_key')}{value}", place

    def create(self, session: Session, body: Body) -> str:
        """Assign the tag."""
        session.workspace.write("tag", "POST", _ASSIGNMENTS, self._document(body))
        return ""

    def update(self, session: Session, before: Body, after: Body, remote_id: str) -> None:
        """Change the tag's value."""
        session.workspace.write("tag", "PATCH", self._path(after), self._document(after), {"update_mask": "tag_value"})

    def delete(self, session: Session, body: Body, remote_id: str) -> None:
        """Take the tag off."""
        session.workspace.write("tag", "DELETE", self._path(body))

    @staticmethod
    def _path(body: Body) -> str:
        return f"{_ASSIGNMENTS}/{encode(body['entity_type'], body['entity_name'])}/tags/{encode(body['tag_key'])}"

    @staticmethod
    def _document(body: Body) -> Json:
        return {
            "entity_type": body["entity_type"],
            "entity_name": body["entity_name"],
            "tag_key": body["tag_key"],
            "tag_value": body["value"],
        }
