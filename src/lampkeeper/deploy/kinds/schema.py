"""Schemas that hold our functions."""

from __future__ import annotations

from lampkeeper.deploy.change import Body
from lampkeeper.deploy.kinds.base import LiveObject, Plain, Session, key_of, mark_of, marked
from lampkeeper.deploy.kinds.description import Fields, Place
from lampkeeper.deploy.live_state import LiveState
from lampkeeper.model.desired import Desired
from lampkeeper.model.layers import Layer
from lampkeeper.remote.clients import encode

_UC = "/api/2.1/unity-catalog"


class SchemaKind(Plain):
    """A home of our functions."""

    name = "schema"
    layer = Layer.DATA_ACCESS

    def desired(self, desired: Desired, env: str) -> dict[str, Body]:
        """Return the schemas to be there."""
        return {
            key_of(c.casefold(), s.casefold()): {"catalog": c, "schema": s, "comment": marked("Masks and filters", env)}
            for c, s in desired.schemas
        }

    def live(self, view: LiveState) -> dict[str, LiveObject]:
        """Return those that are there."""
        return {
            key_of(c.casefold(), s.casefold()): LiveObject(
                body={"catalog": c, "schema": s, "comment": str(raw.get("comment") or "")},
                mark=mark_of(str(raw.get("comment") or "")),
            )
            for (c, s), raw in view.schemas.items()
        }

    def differences(self, found: Body, target: Body) -> tuple[str, ...]:
        """Return nothing: a schema that is there will do, whatever its comment."""
        return ()

    def words(self, fields: Fields) -> tuple[str, Place]:
        """Return the schema."""
        return "", Place(noun="schema", name=fields.name("catalog", "schema"))

    def create(self, session: Session, body: Body) -> str:
        """Make the schema."""
        document = {"catalog_name": body["catalog"], "name": body["schema"], "comment": body["comment"]}
        session.workspace.write("schema", "POST", f"{_UC}/schemas", document)
        return ""

    def update(self, session: Session, before: Body, after: Body, remote_id: str) -> None:
        """Do nothing: see `differences`."""

    def delete(self, session: Session, body: Body, remote_id: str) -> None:
        """Remove the schema; the platform refuses when it holds anything that is not ours."""
        full_name = f"{body['catalog']}.{body['schema']}"
        session.workspace.write("schema", "DELETE", f"{_UC}/schemas/{encode(full_name)}")
