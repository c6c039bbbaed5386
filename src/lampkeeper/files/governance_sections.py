"""Sections of the account and data access layers: groups, members, governed tags, tables, assignments, policies, grants."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import TypeVar

from lampkeeper.files.hcl import Value
from lampkeeper.files.record import Record
from lampkeeper.model.conditions import Condition, ConditionError, HasTag, parse_condition
from lampkeeper.model.errors import UsageError
from lampkeeper.model.findings import Finding, Severity
from lampkeeper.model.groups import Group
from lampkeeper.model.names import FunctionName, TableName, split_name, write_name
from lampkeeper.model.policies import Argument, Grant, MatchColumn, Policy, PolicyKind, SecurableType
from lampkeeper.model.tags import EntityType, TagAssignment, TagPermission, TagPolicy

_E = TypeVar("_E", bound=StrEnum)

BAD_CONDITION = "FILE_BAD_CONDITION"
"""The code of the finding for a condition that does not parse; its policy is left out."""

_UNREAD = HasTag("")


def read_groups(record: Record) -> Iterator[Group]:
    """Yield the groups."""
    for name, item in record.named("groups"):
        yield Group(name=name, description=item.text("description", ""), external=item.flag("external"))


def group_values(groups: tuple[Group, ...]) -> Value:
    """Return `groups`: a map of name to its fields."""
    return {g.name: {"description": g.description} | ({"external": True} if g.external else {}) for g in groups}


def read_tag_policies(record: Record) -> Iterator[TagPolicy]:
    """Yield the governed tags."""
    for item in record.records("tag_policies"):
        yield TagPolicy(
            key=item.text("key"), description=item.text("description", ""), values=item.texts("values"),
            external=item.flag("external"),
        )  # fmt: skip


def tag_policy_values(policies: tuple[TagPolicy, ...]) -> Value:
    """Return `tag_policies`."""
    return [
        {"key": t.key, "description": t.description, "values": t.values} | ({"external": True} if t.external else {})
        for t in policies
    ]


def read_tag_permissions(record: Record) -> Iterator[TagPermission]:
    """Yield the permissions to assign or manage governed tags."""
    for item in record.records("tag_permissions"):
        yield TagPermission(key=item.text("key"), role=item.text("role"), principals=item.texts("principals"))


def tag_permission_values(permissions: tuple[TagPermission, ...]) -> Value:
    """Return `tag_permissions`."""
    return [{"key": p.key, "role": p.role, "principals": p.principals} for p in permissions]


def read_schemas(record: Record) -> Iterator[tuple[str, str]]:
    """Yield (catalog, schema) for the schemas of functions."""
    for item in record.records("schemas"):
        yield item.text("catalog"), item.text("name")


def schema_values(schemas: tuple[tuple[str, str], ...]) -> Value:
    """Return `schemas`."""
    return [{"catalog": catalog, "name": name} for catalog, name in schemas]


def read_tables(record: Record) -> Iterator[TableName]:
    """Yield the tables in scope."""
    yield from record.tables("tables")


def table_values(tables: tuple[TableName, ...]) -> Value:
    """Return `tables`."""
    return [write_name(*t.parts) for t in tables]


def read_tag_assignments(record: Record) -> Iterator[TagAssignment]:
    """Yield the tag assignments."""
    for item in record.records("tag_assignments"):
        yield TagAssignment(
            entity_type=_word(item, "entity_type", EntityType),
            entity_name=item.text("entity_name"), key=item.text("tag_key"), value=item.text("tag_value", ""),
        )  # fmt: skip


def tag_assignment_values(assignments: tuple[TagAssignment, ...]) -> Value:
    """Return `tag_assignments`."""
    return [
        {"entity_type": str(a.entity_type), "entity_name": a.entity_name, "tag_key": a.key, "tag_value": a.value}
        for a in assignments
    ]


def read_policies(record: Record) -> Iterator[Policy]:
    """Yield the policies. One with `match_condition` has a single MATCH COLUMNS entry, the target of its mask.

    A policy with a condition that does not parse is left out and becomes a problem of the record.
    """
    for item in record.records("fgac_policies"):
        before = len(record.problems)
        policy = _policy(item)
        if len(record.problems) == before:
            yield policy


def _policy(item: Record) -> Policy:
    kind = _word(item, "policy_type", PolicyKind)
    securable_type = _word(item, "securable_type", SecurableType, SecurableType.CATALOG)
    matches, on_column = _matches(item, kind)
    return Policy(
        name=item.text("name"), kind=kind, securable_type=securable_type,
        securable=_parts(item, "securable", item.text("securable")) if item.has("securable") else (item.text("catalog"),),
        to_principals=item.texts("to_principals"), except_principals=item.texts("except_principals"),
        function=FunctionName(item.text("function_catalog"), item.text("function_schema"), item.text("function_name")),
        when=_condition(item, "when_condition") if item.text("when_condition", "") else None,
        match_columns=matches, on_column=on_column,
        using=tuple(_argument(a) for a in item.records("using")), comment=item.text("comment", ""),
    )  # fmt: skip


def policy_values(policies: tuple[Policy, ...]) -> Value:
    """Return `fgac_policies`, in the short form for each policy that fits it."""
    return [_policy_value(p) for p in policies]


def read_grants(record: Record) -> Iterator[Grant]:
    """Yield the grants."""
    for item in record.records("grants"):
        yield Grant(
            securable_type=_word(item, "securable_type", SecurableType),
            securable=_parts(item, "securable", item.text("securable")),
            principal=item.text("principal"), privileges=item.texts("privileges"),
        )  # fmt: skip


def grant_values(grants: tuple[Grant, ...]) -> Value:
    """Return `grants`."""
    return [
        {
            "securable_type": str(g.securable_type), "securable": write_name(*g.securable),
            "principal": g.principal, "privileges": g.privileges,
        }
        for g in grants
    ]  # fmt: skip


def _policy_value(policy: Policy) -> dict[str, Value]:
    value: dict[str, Value] = {
        "name": policy.name, "policy_type": str(policy.kind),
        "to_principals": policy.to_principals, "except_principals": policy.except_principals,
        "function_catalog": policy.function.catalog, "function_schema": policy.function.schema,
        "function_name": policy.function.function, "comment": policy.comment,
    }  # fmt: skip
    if policy.securable_type is SecurableType.CATALOG and len(policy.securable) == 1:
        value["catalog"] = policy.securable[0]
    else:
        value |= {"securable_type": str(policy.securable_type), "securable": write_name(*policy.securable)}
    if policy.when is not None:
        value["when_condition"] = str(policy.when)
    matches = policy.match_columns
    if policy.kind is PolicyKind.COLUMN_MASK and len(matches) == 1 and policy.on_column == matches[0].alias:
        value |= {"match_condition": str(matches[0].condition), "match_alias": matches[0].alias}
    else:
        if matches:
            value["match_columns"] = [{"alias": m.alias, "condition": str(m.condition)} for m in matches]
        if policy.on_column is not None:
            value["on_column"] = policy.on_column
    if policy.using:
        value["using"] = [{"alias": a.alias} if a.alias is not None else {"constant": a.constant} for a in policy.using]
    return value


def _matches(item: Record, kind: PolicyKind) -> tuple[tuple[MatchColumn, ...], str | None]:
    entries = tuple(
        MatchColumn(alias=m.text("alias"), condition=_condition(m, "condition")) for m in item.records("match_columns")
    )
    on_column = item.text("on_column") if item.has("on_column") else None
    alias, condition = item.text("match_alias", ""), item.text("match_condition", "")
    if not condition:
        if alias:
            raise UsageError(
                f"{item.location_of('match_alias')}: match_alias without match_condition", fix="add match_condition = ..."
            )
        return entries, on_column
    if entries:
        raise UsageError(f"{item.location}: match_condition and match_columns in one policy", fix="use match_columns alone")
    entries = (MatchColumn(alias=item.text("match_alias"), condition=_condition(item, "match_condition")),)
    return entries, (on_column or alias) if kind is PolicyKind.COLUMN_MASK else on_column


def _argument(item: Record) -> Argument:
    if item.has("alias") == item.has("constant"):
        raise UsageError(f"{item.location}: an entry of using takes either alias or constant")
    return Argument(alias=item.text("alias")) if item.has("alias") else Argument(constant=item.text("constant"))


def _condition(item: Record, name: str) -> Condition:
    try:
        return parse_condition(item.text(name))
    except ConditionError as error:
        item.problems.append(
            Finding(
                code=BAD_CONDITION, severity=Severity.ERROR, location=item.location_of(name), message=error.message, fix=error.fix
            )
        )  # fmt: skip
        return _UNREAD


def _parts(item: Record, name: str, text: str) -> tuple[str, ...]:
    try:
        return split_name(text)
    except UsageError as error:
        raise UsageError(f"{item.location_of(name)}: {error.message}", fix=error.fix) from None


def _word(item: Record, name: str, words: type[_E], default: _E | None = None) -> _E:
    text = item.text(name, None if default is None else str(default))
    try:
        return words(text)
    except ValueError:
        raise UsageError(
            f"{item.location_of(name)}: {name} is {text!r}", fix=f"use one of {', '.join(str(w) for w in words)}"
        ) from None
