"""Who-sees-what that can be changed step by step: the live model with changes of a plan laid over it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from lampkeeper.deploy.change import Body, Change
from lampkeeper.deploy.kinds.function import function_of
from lampkeeper.deploy.kinds.table_control import control_key, control_of
from lampkeeper.model.access import AccessModel
from lampkeeper.model.controls import TableControl
from lampkeeper.model.masks import Function
from lampkeeper.model.names import TableName
from lampkeeper.model.policies import Grant, Policy, SecurableType
from lampkeeper.model.schema import Table
from lampkeeper.model.tags import EntityType, TagAssignment
from lampkeeper.remote.securables import policy_from_rest

GOVERNING = frozenset({"tag", "policy", "grant", "function", "member", "group", "table_control"})
"""Kinds whose changes can alter what a principal sees."""


class SimulatedAccess:
    """The parts of an AccessModel by key. Tags are kept by entity, so that the model of a few tables is cheap to make."""

    def __init__(self, model: AccessModel) -> None:
        """Take a model apart."""
        self.tables: dict[TableName, Table] = {t.name: t for t in model.tables}
        self.owners = dict(model.owners)
        self.tags: dict[tuple[str, str], dict[str, TagAssignment]] = {}
        for tag in model.tags:
            self._put_tag(tag)
        self.policies: dict[tuple[str, str, str], Policy] = {p.key: p for p in model.policies}
        self.grants: dict[tuple[str, str, str], Grant] = {_grant_key(g): g for g in model.grants}
        self.functions: dict[str, Function] = {f.name.plain.casefold(): f for f in model.functions}
        self.members: dict[str, set[str]] = {g: set(m) for g, m in model.members.items()}
        self.controls: dict[str, TableControl] = {control_key(c.table, c.column): c for c in model.controls}

    def copy(self) -> SimulatedAccess:
        """Return a simulated access that can be changed apart."""
        other = SimulatedAccess(AccessModel(tables=()))
        other.tables, other.owners = dict(self.tables), dict(self.owners)
        other.tags = {k: dict(v) for k, v in self.tags.items()}
        other.policies, other.grants, other.functions = dict(self.policies), dict(self.grants), dict(self.functions)
        other.members = {g: set(m) for g, m in self.members.items()}
        other.controls = dict(self.controls)
        return other

    def _put_tag(self, tag: TagAssignment) -> None:
        self.tags.setdefault((str(tag.entity_type), tag.entity_name.casefold()), {})[tag.key] = tag

    def model(self, tables: Iterable[TableName] | None = None) -> AccessModel:
        """Return the model of these tables (of all, when not given)."""
        chosen = list(self.tables.values()) if tables is None else [self.tables[t] for t in sorted(set(tables))]
        tags = [tag for place in self._places(chosen) for tag in self.tags.get(place, {}).values()]
        return AccessModel(
            tables=tuple(sorted(chosen, key=lambda t: t.name)),
            tags=tuple(tags),
            policies=tuple(self.policies.values()),
            grants=tuple(self.grants.values()),
            functions=tuple(self.functions.values()),
            members={g: tuple(sorted(m)) for g, m in self.members.items()},
            owners=self.owners,
            controls=tuple(self.controls.values()),
        )

    @staticmethod
    def _places(tables: Iterable[Table]) -> list[tuple[str, str]]:
        places: dict[tuple[str, str], None] = {}
        for table in tables:
            name = table.name
            places[(str(EntityType.CATALOGS), name.catalog.casefold())] = None
            places[(str(EntityType.SCHEMAS), f"{name.catalog}.{name.schema}".casefold())] = None
            places[(str(EntityType.TABLES), name.plain.casefold())] = None
            for column in table.column_names():
                places[(str(EntityType.COLUMNS), column.plain.casefold())] = None
        return list(places)

    def apply(self, change: Change) -> None:
        """Lay one change over the simulated access; kinds that govern nothing leave it as it is."""
        if change.action.writes:
            self.put(change.kind, change.before, change.after)

    def put(self, kind: str, before: Body | None, after: Body | None) -> None:
        """Replace an object by another; None is nothing."""
        body: Mapping[str, Any] | None = after if after is not None else before
        if body is None or kind not in GOVERNING:
            return
        {
            "tag": self._tag,
            "policy": self._policy,
            "grant": self._grant,
            "function": self._function,
            "member": self._member,
            "group": self._group,
            "table_control": self._table_control,
        }[kind](body, after is not None)

    def _tag(self, body: Body, there: bool) -> None:
        tag = TagAssignment(
            entity_type=EntityType(body["entity_type"]), entity_name=body["entity_name"], key=body["tag_key"], value=body["value"]
        )
        if there:
            self._put_tag(tag)
        else:
            self.tags.get((str(tag.entity_type), tag.entity_name.casefold()), {}).pop(tag.key, None)

    def _policy(self, body: Body, there: bool) -> None:
        policy = policy_from_rest(body)
        if policy is None:
            return
        if there:
            self.policies[policy.key] = policy
        else:
            self.policies.pop(policy.key, None)

    def _grant(self, body: Body, there: bool) -> None:
        grant = Grant(
            securable_type=SecurableType(body["securable_type"]),
            securable=tuple(body["securable"]),
            principal=body["principal"],
            privileges=tuple(body["privileges"]),
        )
        if there and grant.privileges:
            self.grants[_grant_key(grant)] = grant
        else:
            self.grants.pop(_grant_key(grant), None)

    def _function(self, body: Body, there: bool) -> None:
        function = function_of(body)
        if there:
            self.functions[function.name.plain.casefold()] = function
        else:
            self.functions.pop(function.name.plain.casefold(), None)

    def _member(self, body: Body, there: bool) -> None:
        members = self.members.setdefault(body["group"], set())
        if there:
            members.add(body["member"])
        else:
            members.discard(body["member"])

    def _group(self, body: Body, there: bool) -> None:
        if there:
            self.members.setdefault(body["name"], set())
        else:
            self.members.pop(body["name"], None)

    def _table_control(self, body: Body, there: bool) -> None:
        control = control_of(body)
        key = control_key(TableName(str(body["catalog"]), str(body["schema"]), str(body["table"])), str(body["column"]))
        if there and control is not None:
            self.controls[key] = control
        else:
            self.controls.pop(key, None)

    def touched(self, change: Change) -> set[TableName]:
        """Return the tables whose cells a change may alter."""
        body = change.after if change.after is not None else change.before
        if body is None or change.kind not in GOVERNING:
            return set()
        if change.kind in {"member", "function", "group"}:
            return set(self.tables)
        if change.kind == "table_control":
            prefix = f"{body['catalog']}.{body['schema']}.{body['table']}".casefold()
        elif change.kind == "tag":
            prefix = str(body["entity_name"]).casefold()
            if body["entity_type"] == str(EntityType.COLUMNS):
                return {t for t in self.tables if prefix.startswith(f"{t.plain.casefold()}.")}
        elif change.kind == "policy":
            if body["on_securable_type"] == str(SecurableType.METASTORE):
                return set(self.tables)
            prefix = str(body["on_securable_fullname"]).casefold()
        else:
            prefix = ".".join(body["securable"]).casefold()
        return {t for t in self.tables if f"{t.plain.casefold()}.".startswith(f"{prefix}.")}


def _grant_key(grant: Grant) -> tuple[str, str, str]:
    return (str(grant.securable_type), ".".join(grant.securable).casefold(), grant.principal)
