"""ABAC policies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar

from lampkeeper.deploy.kinds.base import Kind, LiveObject, Session, Steps, key_of, mark_of, marked
from lampkeeper.deploy.kinds.description import Fields, Subject
from lampkeeper.deploy.kinds.policy_words import policy_clauses, policy_head, policy_text
from lampkeeper.deploy.live_state import LiveState
from lampkeeper.deploy.required_privileges import Need, need_on
from lampkeeper.deploy.simulated_access import SimulatedAccess
from lampkeeper.deploy.stages import Action, Stage
from lampkeeper.model import codecs
from lampkeeper.model.conditions import Condition, ConditionError, Or, any_of
from lampkeeper.model.desired import Desired
from lampkeeper.model.errors import UsageError
from lampkeeper.model.layers import Layer
from lampkeeper.model.names import TableName
from lampkeeper.model.policies import Policy, SecurableType, UnreadPolicy
from lampkeeper.remote.clients import encode

_POLICIES = "/api/2.1/unity-catalog/policies"

AnyPolicy = Policy | UnreadPolicy


class PolicyKind(Kind[AnyPolicy]):
    """An ABAC policy; unknown fields are not changed, because an update lists its fields."""

    name = "policy"
    layer = Layer.DATA_ACCESS
    codec = codecs.POLICY
    stages: ClassVar[Mapping[Action, Stage]] = {Action.CREATE: Stage.PROTECT, Action.DELETE: Stage.CLEAN}
    propagating = True
    marked = True
    shared = False

    def desired(self, desired: Desired, env: str) -> dict[str, AnyPolicy]:
        """Return the desired policies."""
        return {_key(p): replace(p, comment=marked(p.comment, env)) for p in desired.policies}

    def live(self, view: LiveState) -> dict[str, LiveObject[AnyPolicy]]:
        """Return the policies in scope; for other types, and for those that cannot be read, the document."""
        found: dict[str, LiveObject[AnyPolicy]] = {}
        for each in view.governed.policies:
            spec = UnreadPolicy(document=each.raw) if each.policy is None else each.policy
            found[_key(spec)] = LiveObject(spec=spec, remote_id=str(each.raw.get("id") or ""), mark=mark_of(spec.comment))
        return found

    def steps(self, action: Action, before: AnyPolicy | None, after: AnyPolicy | None) -> Steps[AnyPolicy]:
        """Narrow access early, widen it late; an update that does both has a policy in between that is as strict as either."""
        if action is not Action.UPDATE or before is None or after is None:
            return super().steps(action, before, after)
        if isinstance(before, UnreadPolicy) or isinstance(after, UnreadPolicy):
            return ((Stage.SWITCH, after),)
        careful = self._strictest(before, after)
        if careful is None:
            return ((Stage.SWITCH, after),)
        steps: list[tuple[Stage, AnyPolicy | None]] = []
        if _protection(careful) != _protection(before):
            steps.append((Stage.PROTECT, careful))
        if _protection(careful) != _protection(after) or not steps:
            steps.append((Stage.SWITCH, after))
        return tuple(steps)

    @staticmethod
    def _strictest(old: Policy, new: Policy) -> Policy | None:
        """Return a policy for the principals and columns of both policies; None if no single policy covers them."""
        same_shape = [m.alias for m in old.match_columns] == [m.alias for m in new.match_columns]
        if old.kind is not new.kind or not same_shape or len(new.match_columns) > 1 or old.on_column != new.on_column:
            return None
        return replace(
            new,
            to_principals=(*old.to_principals, *new.to_principals),
            except_principals=tuple({*old.except_principals} & {*new.except_principals}),
            when=None if old.when is None or new.when is None else _either(old.when, new.when),
            match_columns=tuple(
                replace(n, condition=_either(o.condition, n.condition))
                for o, n in zip(old.match_columns, new.match_columns, strict=True)
            ),
        )

    def words(self, fields: Fields) -> tuple[str, Subject]:
        """Return the policy."""
        return "", Subject(noun="policy", name=fields.name("name"))

    def attributes(self, fields: Fields) -> tuple[str, ...]:
        """Return the securable, then function, TO, EXCEPT, WHEN and MATCH; an update shows unchanged parts too."""
        return (policy_head(fields), *policy_clauses(fields))

    def text(self, fields: Fields) -> tuple[str, ...]:
        """Return the conditions that change."""
        return policy_text(fields)

    def simulate(self, access: SimulatedAccess, before: AnyPolicy | None, after: AnyPolicy | None) -> None:
        """Add the policy, or remove it; a policy that cannot be read has no known effect."""
        if isinstance(after, Policy):
            access.policies[after.key] = after
        elif after is None and before is not None:
            access.policies.pop(before.key, None)

    def touched(self, access: SimulatedAccess, spec: AnyPolicy) -> set[TableName]:
        """Return the tables below the securable."""
        kind, full_name, _ = spec.key
        return set(access.tables) if kind == SecurableType.METASTORE else access.inside(full_name)

    def needs(self, spec: AnyPolicy) -> set[Need]:
        """Return MANAGE on the securable."""
        kind, full_name, _ = spec.key
        return {need_on(kind, full_name, "make policies", "MANAGE")}

    def create(self, session: Session, spec: AnyPolicy) -> str:
        """Create the policy."""
        document = {k: v for k, v in self.codec.encode(spec).items() if v != ""}
        return str(session.workspace.write("policy", "POST", _POLICIES, document).get("id") or "")

    def arrived(self, session: Session, spec: AnyPolicy) -> str | None:
        """Read the policy: it is the lost one if nothing of it differs."""
        raw = session.workspace.find("policy", _path(spec))
        if raw is None:
            return None
        try:
            found = codecs.read_policy(raw)
        except (ConditionError, UsageError, KeyError, ValueError):
            return None
        return str(raw.get("id") or "") if found is not None and not self.differences(found, spec) else None

    def update(self, session: Session, before: AnyPolicy, after: AnyPolicy, remote_id: str) -> None:
        """Update the fields that differ; a field that is in the update mask but not in the document is cleared."""
        old, new = self.codec.encode(before), self.codec.encode(after)
        fields = [f for f in sorted(new) if new[f] != old.get(f) and f not in {"name", "on_securable_type"}]
        document = {k: v for k, v in new.items() if v not in ("", [])}
        session.workspace.write("policy", "PATCH", _path(after), document, {"update_mask": ",".join(fields)})

    def delete(self, session: Session, spec: AnyPolicy, remote_id: str) -> None:
        """Drop the policy."""
        session.workspace.write("policy", "DELETE", _path(spec))


def _protection(policy: Policy) -> dict[str, object]:
    """Return the parts of a policy as text, so that equal conditions compare equal."""
    return {k: v for k, v in codecs.encode_policy(policy).items() if k != "comment"}


def _either(old: Condition, new: Condition) -> Condition:
    """Return a condition that holds if either holds; the new one unchanged if it covers the old one already."""
    olds = old.parts if isinstance(old, Or) else (old,)
    news = new.parts if isinstance(new, Or) else (new,)
    if set(olds) <= set(news):
        return new
    if set(news) <= set(olds):
        return old
    return any_of((*news, *(p for p in olds if p not in news)))


def _key(policy: AnyPolicy) -> str:
    kind, full_name, name = policy.key
    return key_of(kind, full_name.casefold(), name)


def _path(policy: AnyPolicy) -> str:
    return f"{_POLICIES}/{encode(*policy.key)}"
