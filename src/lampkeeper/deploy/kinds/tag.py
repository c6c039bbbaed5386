"""Tags on catalogs, schemas, tables and columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from lampkeeper.deploy.kinds.base import Kind, LiveObject, Session, key_of
from lampkeeper.deploy.kinds.description import Fields, Subject
from lampkeeper.deploy.live_state import LiveState
from lampkeeper.deploy.required_privileges import Need, need_on, to_reach
from lampkeeper.deploy.simulated_access import SimulatedAccess
from lampkeeper.deploy.stages import Action, Stage
from lampkeeper.model import codecs
from lampkeeper.model.desired import Desired
from lampkeeper.model.layers import Layer
from lampkeeper.model.names import TableName
from lampkeeper.model.tags import EntityType, TagAssignment
from lampkeeper.remote.clients import encode

_ASSIGNMENTS = "/api/2.1/unity-catalog/entity-tag-assignments"


class TagKind(Kind[TagAssignment]):
    """One tag on one entity."""

    name = "tag"
    layer = Layer.DATA_ACCESS
    codec = codecs.TAG
    stages: ClassVar[Mapping[Action, Stage]] = {
        Action.CREATE: Stage.PROTECT,
        Action.UPDATE: Stage.PROTECT,
        Action.DELETE: Stage.SWITCH,
    }
    compared: ClassVar[tuple[str, ...]] = ("tag_value",)
    propagating = True

    def desired(self, desired: Desired, env: str) -> dict[str, TagAssignment]:
        """Return the assignments by entity type, name without case, and tag key."""
        return {tag_key(t): t for t in desired.tag_assignments}

    def live(self, view: LiveState) -> dict[str, LiveObject[TagAssignment]]:
        """Return every tag in the schemas of the scope."""
        return {tag_key(t): LiveObject(spec=t) for t in view.governed.tags}

    def words(self, fields: Fields) -> tuple[str, Subject]:
        """Return `tag key = value`, and its entity."""
        noun = str(fields("entity_type")).removesuffix("s")
        subject = Subject(preposition="on", noun=noun, name=fields.name("entity_name"))
        value = f" = {fields('tag_value')}" if fields.changed("tag_value") or fields.value("tag_value") else ""
        return f"tag {fields('tag_key')}{value}", subject

    def simulate(self, access: SimulatedAccess, before: TagAssignment | None, after: TagAssignment | None) -> None:
        """Assign the tag, or remove it."""
        if after is not None:
            access.put_tag(after)
        elif before is not None:
            access.drop_tag(before)

    def touched(self, access: SimulatedAccess, spec: TagAssignment) -> set[TableName]:
        """Return the tables below the entity, or the column's table."""
        if spec.entity_type is EntityType.COLUMNS:
            name = spec.entity_name.casefold()
            return {t for t in access.tables if name.startswith(f"{t.plain.casefold()}.")}
        return access.inside(spec.entity_name)

    def needs(self, spec: TagAssignment) -> set[Need]:
        """Return APPLY TAG on the table or its schema or catalog, and USE privileges above it."""
        parts = spec.entity_name.split(".")[:3]
        level = ("catalog", "schema", "table")[len(parts) - 1]
        return {*to_reach(".".join(parts[:2])), need_on(level, ".".join(parts), "assign tags", "APPLY_TAG")}

    def lane(self, spec: TagAssignment) -> str:
        """Return the table of the entity: a tag on a schema or catalog is inherited by many."""
        parts = spec.entity_name.casefold().split(".")
        of_table = spec.entity_type in (EntityType.TABLES, EntityType.COLUMNS)
        return ".".join(parts[:3]) if of_table and len(parts) == (3 if spec.entity_type is EntityType.TABLES else 4) else ""

    def create(self, session: Session, spec: TagAssignment) -> str:
        """Assign the tag."""
        session.workspace.write("tag", "POST", _ASSIGNMENTS, self.codec.encode(spec))
        return ""

    def arrived(self, session: Session, spec: TagAssignment) -> str | None:
        """Read the assignment: it is the lost one if it has the value."""
        found = session.workspace.find("tag", self._path(spec))
        return "" if found is not None and str(found.get("tag_value") or "") == spec.value else None

    def update(self, session: Session, before: TagAssignment, after: TagAssignment, remote_id: str) -> None:
        """Change the tag's value."""
        session.workspace.write("tag", "PATCH", self._path(after), self.codec.encode(after), {"update_mask": "tag_value"})

    def delete(self, session: Session, spec: TagAssignment, remote_id: str) -> None:
        """Remove the tag."""
        session.workspace.write("tag", "DELETE", self._path(spec))

    @staticmethod
    def _path(spec: TagAssignment) -> str:
        return f"{_ASSIGNMENTS}/{encode(str(spec.entity_type), spec.entity_name)}/tags/{encode(spec.key)}"


def tag_key(tag: TagAssignment) -> str:
    """Return the key of an assignment: the platform compares names of entities without case."""
    return key_of(str(tag.entity_type), tag.entity_name.casefold(), tag.key)
