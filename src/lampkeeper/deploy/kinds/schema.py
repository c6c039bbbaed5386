"""Schemas for masking and filter functions."""

from __future__ import annotations

from lampkeeper.deploy.kinds.base import Kind, LiveObject, Session, key_of, mark_of, marked
from lampkeeper.deploy.kinds.description import Fields, Subject
from lampkeeper.deploy.live_state import LiveState
from lampkeeper.deploy.required_privileges import Need, need_on, to_reach
from lampkeeper.model import codecs
from lampkeeper.model.desired import Desired
from lampkeeper.model.layers import Layer
from lampkeeper.model.schema import Schema
from lampkeeper.remote.clients import encode

_SCHEMAS = "/api/2.1/unity-catalog/schemas"


class SchemaKind(Kind[Schema]):
    """A schema for functions."""

    name = "schema"
    layer = Layer.DATA_ACCESS
    codec = codecs.SCHEMA
    marked = True
    shared = False
    planned = True

    def desired(self, desired: Desired, env: str) -> dict[str, Schema]:
        """Return the desired schemas."""
        return {
            key_of(c.casefold(), s.casefold()): Schema(catalog=c, name=s, comment=marked("Masks and filters", env))
            for c, s in desired.schemas
        }

    def live(self, view: LiveState) -> dict[str, LiveObject[Schema]]:
        """Return the live schemas."""
        found = {}
        for (catalog, name), raw in view.schemas.items():
            spec = Schema(catalog=catalog, name=name, comment=str(raw.get("comment") or ""))
            found[key_of(catalog.casefold(), name.casefold())] = LiveObject(spec=spec, mark=mark_of(spec.comment))
        return found

    def differences(self, found: Schema, target: Schema) -> tuple[str, ...]:
        """Return nothing: any existing schema is as desired, also with another comment."""
        return ()

    def words(self, fields: Fields) -> tuple[str, Subject]:
        """Return the schema."""
        return "", Subject(noun="schema", name=fields.name("catalog_name", "name"))

    def needs(self, spec: Schema) -> set[Need]:
        """Return CREATE SCHEMA in the catalog."""
        need = need_on("catalog", spec.catalog, "create the schema of the functions", "CREATE_SCHEMA")
        return {*to_reach(spec.catalog), need}

    def create(self, session: Session, spec: Schema) -> str:
        """Create the schema."""
        session.workspace.write("schema", "POST", _SCHEMAS, self.codec.encode(spec))
        return ""

    def update(self, session: Session, before: Schema, after: Schema, remote_id: str) -> None:
        """Do nothing: see `differences`."""

    def delete(self, session: Session, spec: Schema, remote_id: str) -> None:
        """Remove the schema; the platform refuses if it is not empty."""
        session.workspace.write("schema", "DELETE", f"{_SCHEMAS}/{encode(spec.full_name)}")
