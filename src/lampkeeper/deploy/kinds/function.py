"""Masking and filter functions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from lampkeeper.deploy.change import Action, Body, Stage
from lampkeeper.deploy.kinds.base import LiveObject, Plain, Session, key_of, mark_of, marked
from lampkeeper.deploy.kinds.description import Fields, Place, diff_of, shown
from lampkeeper.deploy.live_state import LiveState
from lampkeeper.model.desired import Desired
from lampkeeper.model.errors import InternalError, RemoteError
from lampkeeper.model.hash_key import redact
from lampkeeper.model.layers import Layer
from lampkeeper.model.masks import Function, FunctionRole, Parameter
from lampkeeper.model.names import FunctionName
from lampkeeper.remote.warehouse import run_sql
from lampkeeper.text.sql_quoting import quote_path


class FunctionKind(Plain):
    """A mask or filter function: compared by signature and body, written by SQL."""

    name = "function"
    layer = Layer.DATA_ACCESS
    stages: ClassVar[Mapping[Action, Stage]] = {
        Action.CREATE: Stage.PREPARE,
        Action.UPDATE: Stage.PROTECT,
        Action.DELETE: Stage.CLEAN,
    }

    def desired(self, desired: Desired, env: str) -> dict[str, Body]:
        """Return the functions wanted."""
        return {_function_key(f): function_body(f, marked(f.comment, env)) for f in desired.functions}

    def live(self, view: LiveState) -> dict[str, LiveObject]:
        """Return the SQL functions of the schemas in scope."""
        return {
            _function_key(f): LiveObject(body=function_body(f, f.comment), mark=mark_of(f.comment))
            for f in view.governed.functions
        }

    def differences(self, found: Body, target: Body) -> tuple[str, ...]:
        """Compare what the function does, and with which key; its comment may differ. A body that is not shown may be it."""
        old, new = function_of(found), function_of(target)
        if not old.body:
            return ()
        if old.digest != new.digest:
            return (f"body or signature: {old.digest} -> {new.digest}",)
        return () if old.key_id == new.key_id else (f"key changed: {old.key_id or 'none'} -> {new.key_id or 'unknown'}",)

    def words(self, fields: Fields) -> tuple[str, Place]:
        """Return the function."""
        return "", Place(noun="function", name=fields.name("catalog", "schema", "name"))

    def attributes(self, fields: Fields) -> tuple[str, ...]:
        """Return the id of the key, where there is one: the key itself is nowhere to be seen."""
        keyed = fields.changed("key_id") or fields.value("key_id")
        return (f"written with key {fields('key_id')}",) if keyed else ()

    def text(self, fields: Fields) -> tuple[str, ...]:
        """Return signature and body."""
        fields.skip("parameters", "returns", "body")
        before, after = fields.both
        return diff_of(_sql_lines(before), _sql_lines(after))

    def create(self, session: Session, body: Body) -> str:
        """Create the function, or replace it; a keyed one gets its key here, on the way to the platform and nowhere else."""
        function = function_of(body)
        if not function.keyed:
            run_sql(session.workspace, function.create_sql(), kind="function", writes=True)
            return ""
        key = session.hash_key
        if key is None or key.id != function.key_id:
            raise InternalError(f"function {function.name} was to be made without its key")
        try:
            run_sql(session.workspace, key.insert(function.create_sql()), kind="function", writes=True)
        except RemoteError as error:
            # The platform may quote the statement in its answer.
            raise RemoteError(redact(error.message), code=error.code, status=error.status, fix=error.fix) from None
        return ""

    def update(self, session: Session, before: Body, after: Body, remote_id: str) -> None:
        """Replace the function in one statement."""
        self.create(session, after)

    def delete(self, session: Session, body: Body, remote_id: str) -> None:
        """Drop the function."""
        name = quote_path(body["catalog"], body["schema"], body["name"])
        run_sql(session.workspace, f"DROP FUNCTION IF EXISTS {name}", kind="function", writes=True)


def _sql_lines(body: Body | None) -> list[str]:
    if body is None:
        return []
    parameters = ", ".join(f"{shown(name)} {str(kind).upper()}" for name, kind in body.get("parameters") or ())
    text = str(body.get("body") or "")
    return [f"({parameters}) RETURNS {str(body.get('returns')).upper()}", *f"RETURN {text}".split("\n")]


def _function_key(function: Function) -> str:
    return key_of(*(p.casefold() for p in (function.name.catalog, function.name.schema, function.name.function)))


def function_body(function: Function, comment: str) -> Body:
    """Return a function as JSON: of a keyed one the placeholders and the key's id."""
    body = {
        "catalog": function.name.catalog,
        "schema": function.name.schema,
        "name": function.name.function,
        "parameters": [[p.name, p.type] for p in function.parameters],
        "returns": function.returns,
        "body": function.body,
        "comment": comment,
    }
    return body | {"key_id": function.key_id} if function.keyed else body


def function_of(body: Body) -> Function:
    """Read what `function_body` made."""
    return Function(
        name=FunctionName(body["catalog"], body["schema"], body["name"]),
        role=FunctionRole.FILTER if str(body["returns"]).upper() == "BOOLEAN" else FunctionRole.MASK,
        parameters=tuple(Parameter(name=n, type=t) for n, t in body["parameters"]),
        returns=body["returns"],
        body=body["body"],
        comment=body["comment"],
        key_id=body.get("key_id", ""),
    )
