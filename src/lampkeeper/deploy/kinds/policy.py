"""ABAC policies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from lampkeeper.deploy.change import Action, Body, Stage
from lampkeeper.deploy.kinds.base import LiveObject, Plain, Session, key_of, mark_of, marked
from lampkeeper.deploy.kinds.description import Fields, Place
from lampkeeper.deploy.kinds.policy_words import policy_clauses, policy_head, policy_text
from lampkeeper.deploy.live_state import LiveState
from lampkeeper.model.conditions import Condition, Or, any_of
from lampkeeper.model.desired import Desired
from lampkeeper.model.layers import Layer
from lampkeeper.model.policies import Policy
from lampkeeper.remote.clients import Json, encode
from lampkeeper.remote.securables import policy_from_rest, policy_to_rest

_UC = "/api/2.1/unity-catalog"


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
