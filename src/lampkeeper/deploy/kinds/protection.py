"""Schemas, functions, policies and grants: what decides who sees what."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from lampkeeper.deploy.change import Action, Body, Stage
from lampkeeper.deploy.kinds.base import LiveObject, Plain, Session, Shared, key_of, mark_of, marked
from lampkeeper.deploy.kinds.description import Fields, Place, diff_of, shown
from lampkeeper.deploy.kinds.policy_words import policy_clauses, policy_head, policy_text
from lampkeeper.deploy.live_state import LiveState
from lampkeeper.model.conditions import Condition, Or, any_of
from lampkeeper.model.desired import Desired
from lampkeeper.model.errors import InternalError, RemoteError
from lampkeeper.model.hash_key import redact
from lampkeeper.model.layers import Layer
from lampkeeper.model.masks import Function, FunctionRole, Parameter
from lampkeeper.model.names import FunctionName, quote_path
from lampkeeper.model.policies import Grant, Policy
from lampkeeper.remote.clients import Json, encode
from lampkeeper.remote.securables import policy_from_rest, policy_to_rest
from lampkeeper.remote.warehouse import run_sql

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


class PolicyKind(Plain):
    """An ABAC policy; fields that we do not know stay as they are, because updates name the fields they change."""

    name = "policy"
    layer = Layer.DATA_ACCESS
    stages: ClassVar[Mapping[Action, Stage]] = {Action.CREATE: Stage.PROTECT, Action.DELETE: Stage.CLEAN}

    def desired(self, desired: Desired, env: str) -> dict[str, Body]:
        """Return the policies wanted."""
        return {_policy_key(policy_to_rest(p)): policy_to_rest(p) | {"comment": marked(p.comment, env)} for p in desired.policies}

    def live(self, view: LiveState) -> dict[str, LiveObject]:
        """Return the mask and filter policies in scope, conditions in our spelling; others are not ours to judge."""
        found = {}
        for each in view.governed.policies:
            raw = each.raw if each.policy is None else policy_to_rest(each.policy)
            found[_policy_key(raw)] = LiveObject(
                body=dict(raw), remote_id=str(each.raw.get("id") or ""), mark=mark_of(str(raw.get("comment") or ""))
            )
        return found

    def steps(self, action: Action, before: Body | None, after: Body | None) -> tuple[tuple[Stage, Body | None], ...]:
        """Tighten early, widen access late; an update that does both goes through a body that protects as much as either."""
        if action is not Action.UPDATE or before is None or after is None:
            return super().steps(action, before, after)
        old, new = policy_from_rest(before), policy_from_rest(after)
        if old is None or new is None:
            return ((Stage.SWITCH, after),)
        middle = self._strictest(old, new)
        if middle is None:
            return ((Stage.SWITCH, after),)
        careful = policy_to_rest(middle) | {"comment": after["comment"]}
        steps: list[tuple[Stage, Body | None]] = []
        if self._protection(careful) != self._protection(before):
            steps.append((Stage.PROTECT, careful))
        if self._protection(careful) != self._protection(after) or not steps:
            steps.append((Stage.SWITCH, after))
        return tuple(steps)

    @staticmethod
    def _protection(body: Body) -> Json:
        return {k: v for k, v in body.items() if k != "comment"}

    @staticmethod
    def _strictest(old: Policy, new: Policy) -> Policy | None:
        """Return a policy that covers whoever and whatever either covers; None when there is no such single policy."""
        same_shape = [m.alias for m in old.match_columns] == [m.alias for m in new.match_columns]
        if old.kind is not new.kind or not same_shape or len(new.match_columns) > 1 or old.on_column != new.on_column:
            return None
        match = tuple(
            type(n)(alias=n.alias, condition=_either(o.condition, n.condition))
            for o, n in zip(old.match_columns, new.match_columns, strict=True)
        )
        return Policy(
            name=new.name,
            kind=new.kind,
            securable_type=new.securable_type,
            securable=new.securable,
            to_principals=tuple({*old.to_principals, *new.to_principals}),
            except_principals=tuple({*old.except_principals} & {*new.except_principals}),
            function=new.function,
            when=None if old.when is None or new.when is None else _either(old.when, new.when),
            match_columns=match,
            on_column=new.on_column,
            using=new.using,
            comment=new.comment,
        )

    def words(self, fields: Fields) -> tuple[str, Place]:
        """Return the policy."""
        return "", Place(noun="policy", name=fields.name("name"))

    def attributes(self, fields: Fields) -> tuple[str, ...]:
        """Return where it is attached, then function, TO, EXCEPT, WHEN and MATCH; an update shows what stays too."""
        return (policy_head(fields), *policy_clauses(fields))

    def text(self, fields: Fields) -> tuple[str, ...]:
        """Return the conditions that change."""
        return policy_text(fields)

    def create(self, session: Session, body: Body) -> str:
        """Create the policy."""
        made = session.workspace.write("policy", "POST", f"{_UC}/policies", {k: v for k, v in body.items() if v != ""})
        return str(made.get("id") or "")

    def update(self, session: Session, before: Body, after: Body, remote_id: str) -> None:
        """Change the fields that differ; a field named in the mask and absent from the body is cleared."""
        fields = [f for f in sorted(after) if after[f] != before.get(f) and f not in {"name", "on_securable_type"}]
        document = {k: v for k, v in after.items() if v not in ("", [])}
        session.workspace.write("policy", "PATCH", _policy_path(after), document, {"update_mask": ",".join(fields)})

    def delete(self, session: Session, body: Body, remote_id: str) -> None:
        """Drop the policy."""
        session.workspace.write("policy", "DELETE", _policy_path(body))


def _either(old: Condition, new: Condition) -> Condition:
    """Return a condition that holds where either holds; the new one's spelling when it already covers the old."""
    olds = old.parts if isinstance(old, Or) else (old,)
    news = new.parts if isinstance(new, Or) else (new,)
    if set(olds) <= set(news):
        return new
    if set(news) <= set(olds):
        return old
    return any_of((*news, *(p for p in olds if p not in news)))


def _policy_key(body: Mapping[str, Any]) -> str:
    return key_of(str(body["on_securable_type"]), str(body["on_securable_fullname"]).casefold(), str(body["name"]))


def _policy_path(body: Body) -> str:
    return f"{_UC}/policies/{encode(body['on_securable_type'], body['on_securable_fullname'], body['name'])}"


class GrantKind(Shared):
    """The privileges of one principal on one securable.

    A group of ours has what we say and nothing else there. A group that others own may hold more: what they granted is
    theirs, and we add and take back only what was missing.
    """

    name = "grant"
    layer = Layer.DATA_ACCESS
    stages: ClassVar[Mapping[Action, Stage]] = {Action.CREATE: Stage.OPEN, Action.DELETE: Stage.CLOSE}
    shown: ClassVar[tuple[str, ...]] = ("privileges",)
    elements: ClassVar[str] = "privileges"

    def desired(self, desired: Desired, env: str) -> dict[str, Body]:
        """Return the grants wanted; `shared` says that the principal is not a group of ours."""
        ours = {g.name for g in desired.groups if not g.external}
        return {_grant_key(g): {**grant_body(g), "shared": g.principal not in ours} for g in desired.grants}

    def addition(self, wanted: Body, found: Body) -> Body | None:
        """Return the missing privileges of a principal that is not ours: they are added beside those of others."""
        return self.missing(wanted, found) if _shared(wanted) else None

    def target(self, wanted: Body, found: Body, recorded: Body | None) -> Body:
        """Return the wanted privileges, with those of others if the principal is not ours."""
        return super().target(wanted, found, recorded) if _shared(wanted) else wanted

    def claim(self, standing: Body, wanted: Body, recorded: Body | None) -> Body:
        """Return what is ours of the privileges that stand: all of them for a group of ours."""
        return super().claim(standing, wanted, recorded) if _shared(wanted or recorded or standing) else standing

    def remainder(self, found: Body, recorded: Body) -> Body | None:
        """Return the privileges that others granted, if there are any."""
        return super().remainder(found, recorded) if _shared(recorded) else None

    def live(self, view: LiveState) -> dict[str, LiveObject]:
        """Return every direct grant on the securables in scope."""
        return {_grant_key(g): LiveObject(body=grant_body(g)) for g in view.governed.grants}

    def words(self, fields: Fields) -> tuple[str, Place]:
        """Return `grant SELECT to analysts`, and what it is on."""
        beside = " (beside what others grant it)" if fields.value("shared") else ""
        noun = str(fields("securable_type")).lower()
        place = Place(preposition="on", noun=noun, name=fields.name("securable"))
        return f"grant {fields('privileges')} to {fields('principal')}{beside}", place

    def steps(self, action: Action, before: Body | None, after: Body | None) -> tuple[tuple[Stage, Body | None], ...]:
        """Revoke early, grant late."""
        if action is not Action.UPDATE or before is None or after is None:
            return super().steps(action, before, after)
        old, new = set(before["privileges"]), set(after["privileges"])
        steps: list[tuple[Stage, Body | None]] = []
        if old - new:
            steps.append((Stage.CLOSE, {**after, "privileges": sorted(old & new)}))
        if new - old:
            steps.append((Stage.OPEN, after))
        return tuple(steps)

    def create(self, session: Session, body: Body) -> str:
        """Grant the privileges."""
        self._send(session, body, set(body["privileges"]), set())
        return ""

    def update(self, session: Session, before: Body, after: Body, remote_id: str) -> None:
        """Grant and revoke what differs."""
        old, new = set(before["privileges"]), set(after["privileges"])
        # Taking ALL_PRIVILEGES away may take the privileges granted by name with it: what stays is granted again.
        add = new if "ALL_PRIVILEGES" in old - new else new - old
        self._send(session, after, add, old - new)

    def delete(self, session: Session, body: Body, remote_id: str) -> None:
        """Revoke the privileges."""
        self._send(session, body, set(), set(body["privileges"]))

    @staticmethod
    def _send(session: Session, body: Body, add: set[str], remove: set[str]) -> None:
        change: Json = {"principal": body["principal"]}
        if add:
            change["add"] = sorted(add)
        if remove:
            change["remove"] = sorted(remove)
        path = f"{_UC}/permissions/{encode(str(body['securable_type']).lower(), '.'.join(body['securable']))}"
        session.workspace.write("grant", "PATCH", path, {"changes": [change]})


def _shared(body: Body) -> bool:
    """Say whether the principal of a grant is not ours, so that others grant to it too."""
    return bool(body.get("shared"))


def grant_body(grant: Grant) -> Body:
    """Return a grant as JSON."""
    return {
        "securable_type": str(grant.securable_type),
        "securable": list(grant.securable),
        "principal": grant.principal,
        "privileges": list(grant.privileges),
    }


def _grant_key(grant: Grant) -> str:
    return key_of(str(grant.securable_type), ".".join(grant.securable).casefold(), grant.principal)
