"""Masking and filter functions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

from lampkeeper.deploy.kinds.base import Kind, LiveObject, Session, key_of, mark_of, marked
from lampkeeper.deploy.kinds.description import Fields, Subject, diff_of, shown
from lampkeeper.deploy.live_state import LiveState
from lampkeeper.deploy.required_privileges import Need, need_on, to_reach
from lampkeeper.deploy.simulated_access import SimulatedAccess
from lampkeeper.deploy.stages import Action, Stage
from lampkeeper.model import codecs
from lampkeeper.model.desired import Desired
from lampkeeper.model.errors import InternalError, RemoteError
from lampkeeper.model.hash_key import redact
from lampkeeper.model.layers import Layer
from lampkeeper.model.masks import Function, FunctionRole
from lampkeeper.model.names import TableName
from lampkeeper.remote.warehouse import run_sql

_BODY = "body or signature"


class FunctionKind(Kind[Function]):
    """A mask or filter function, compared by signature and body and written by SQL."""

    name = "function"
    layer = Layer.DATA_ACCESS
    codec = codecs.FUNCTION
    stages: ClassVar[Mapping[Action, Stage]] = {
        Action.CREATE: Stage.PREPARE,
        Action.UPDATE: Stage.PROTECT,
        Action.DELETE: Stage.CLEAN,
    }
    propagating = True
    marked = True
    shared = False
    runs_sql = True

    def desired(self, desired: Desired, env: str) -> dict[str, Function]:
        """Return the desired functions as the catalog shows them: with the role that follows from the type, without examples."""
        return {
            _key(f): replace(
                f,
                comment=marked(f.comment, env),
                role=FunctionRole.by_type(f.returns),
                examples=(),
            )
            for f in desired.functions
        }

    def live(self, view: LiveState) -> dict[str, LiveObject[Function]]:
        """Return the SQL functions of the schemas in scope."""
        return {_key(f): LiveObject(spec=f, mark=mark_of(f.comment)) for f in view.governed.functions}

    def differences(self, found: Function, target: Function) -> tuple[str, ...]:
        """Compare signature, body and key id; the comment may differ. A body that the runner cannot read counts as equal."""
        if not found.body:
            return ()
        if found.digest != target.digest:
            return (f"{_BODY}: {found.digest} -> {target.digest}",)
        # The key id is recorded for keyed functions only.
        old, new = (f.key_id if f.keyed else "" for f in (found, target))
        return () if old == new else (f"key changed: {old or 'none'} -> {new or 'unknown'}",)

    def shows(self, reason: str, spec: Function | None) -> bool:
        """Return whether signature and body show the reason already."""
        return reason.startswith(f"{_BODY}:") or super().shows(reason, spec)

    def words(self, fields: Fields) -> tuple[str, Subject]:
        """Return the function."""
        return "", Subject(noun="function", name=fields.name("catalog", "schema", "name"))

    def attributes(self, fields: Fields) -> tuple[str, ...]:
        """Return the id of the key, if there is one; the key itself is never shown."""
        keyed = fields.changed("key_id") or fields.value("key_id")
        return (f"written with key {fields('key_id')}",) if keyed else ()

    def text(self, fields: Fields) -> tuple[str, ...]:
        """Return signature and body."""
        fields.skip("parameters", "returns", "body")
        before, after = fields.both
        return diff_of(_sql_lines(before), _sql_lines(after))

    def notes(self, spec: Function) -> tuple[str, ...]:
        """Return `keyed` for a function with the environment's key."""
        return ("keyed",) if spec.keyed else ()

    def simulate(self, access: SimulatedAccess, before: Function | None, after: Function | None) -> None:
        """Add the function, or remove it."""
        if after is not None:
            access.functions[after.name.plain.casefold()] = after
        elif before is not None:
            access.functions.pop(before.name.plain.casefold(), None)

    def touched(self, access: SimulatedAccess, spec: Function) -> set[TableName]:
        """Return all tables, because policies of each may call the function."""
        return set(access.tables)

    def needs(self, spec: Function) -> set[Need]:
        """Return CREATE FUNCTION on the schema, and USE privileges above it."""
        home = f"{spec.name.catalog}.{spec.name.schema}"
        return {*to_reach(home), need_on("schema", home, "make functions", "CREATE_FUNCTION", "MANAGE")}

    def create(self, session: Session, spec: Function) -> str:
        """Create or replace the function; this is the only code that inserts the key into a keyed one."""
        if not spec.keyed:
            run_sql(session.workspace, spec.create_sql(), kind="function", writes=True)
            return ""
        key = session.hash_key
        if key is None or key.id != spec.key_id:
            raise InternalError(f"function {spec.name} needs its key, and there is none")
        try:
            run_sql(session.workspace, key.insert(spec.create_sql()), kind="function", writes=True)
        except RemoteError as error:
            # The platform may quote the statement, and with it the key, in its error message.
            raise RemoteError(redact(error.message), code=error.code, status=error.status, fix=error.fix) from None
        return ""

    def update(self, session: Session, before: Function, after: Function, remote_id: str) -> None:
        """Replace the function in one statement."""
        self.create(session, after)

    def delete(self, session: Session, spec: Function, remote_id: str) -> None:
        """Drop the function."""
        run_sql(session.workspace, f"DROP FUNCTION IF EXISTS {spec.name.sql}", kind="function", writes=True)


def _sql_lines(fields: Mapping[str, Any] | None) -> list[str]:
    if fields is None:
        return []
    parameters = ", ".join(f"{shown(name)} {str(kind).upper()}" for name, kind in fields["parameters"])
    return [f"({parameters}) RETURNS {str(fields['returns']).upper()}", *f"RETURN {fields['body']}".split("\n")]


def _key(function: Function) -> str:
    return key_of(*(part.casefold() for part in function.name.parts))
