"""Resources of the provider as objects of lampkeeper: what the values of a resource in a plan or a state mean."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from lampkeeper.deploy.kinds import (
    ENTITLEMENT,
    GRANT,
    GROUP,
    MEMBER,
    POLICY,
    TAG,
    TAG_POLICY,
    WAREHOUSE,
    WAREHOUSE_ACL,
    WORKSPACE_ASSIGNMENT,
)
from lampkeeper.deploy.kinds.base import Kind
from lampkeeper.deploy.kinds.tag import tag_key
from lampkeeper.deploy.stages import key_of
from lampkeeper.model import codecs
from lampkeeper.model.errors import UsageError
from lampkeeper.model.genie import Warehouse, WarehousePermission
from lampkeeper.model.groups import Entitlement, Group, Membership, PermissionAssignment
from lampkeeper.model.policies import Grant, SecurableType
from lampkeeper.model.tags import EntityType, TagAssignment, TagPolicy

Values = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """One object of a resource: its kind, its key, its spec, and the platform's id if the kind records one."""

    kind: Kind[Any]
    key: str
    spec: Any
    remote_id: str = ""

    @property
    def object_key(self) -> tuple[str, str]:
        """Return the name of the kind and the key, which identify the object in plans and states."""
        return (self.kind.name, self.key)


IGNORED = frozenset({"terraform_data"})
"""Resources that write nothing to a workspace."""


def objects_of(resource_type: str, index: str, values: Values) -> tuple[Placed, ...]:
    """Return the objects that a resource stands for; `index` is its key in `for_each`.

    Raise UsageError for a type of resource that the modules of lampkeeper do not have, and for values of another form.
    """
    if resource_type in IGNORED:
        return ()
    reader = _READERS.get(resource_type)
    if reader is None:
        raise UsageError(
            f"resource {resource_type} is not one that lampkeeper's modules have",
            fix="apply resources of your own from a folder and a state of their own",
        )
    try:
        return tuple(reader(index, values))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UsageError(f"{resource_type}[{index!r}] has values of another form: {error}") from None


def _group(index: str, values: Values) -> Iterator[Placed]:
    name = str(values["display_name"])
    yield Placed(kind=GROUP, key=name, spec=Group(name=name), remote_id=str(values.get("id") or ""))


def _member(index: str, values: Values) -> Iterator[Placed]:
    group, member = parts_of(index)
    yield Placed(kind=MEMBER, key=index, spec=Membership(group=group, member=member))


def _tag_policy(index: str, values: Values) -> Iterator[Placed]:
    names = tuple(str(value["name"]) for value in values.get("values") or ())
    spec = TagPolicy(key=str(values["tag_key"]), description=str(values.get("description") or ""), values=names)
    yield Placed(kind=TAG_POLICY, key=spec.key, spec=spec, remote_id=str(values.get("id") or ""))


def _tag(index: str, values: Values) -> Iterator[Placed]:
    spec = TagAssignment(
        entity_type=EntityType(values["entity_type"]), entity_name=str(values["entity_name"]), key=str(values["tag_key"]),
        value=str(values.get("tag_value") or ""),
    )  # fmt: skip
    yield Placed(kind=TAG, key=tag_key(spec), spec=spec)


def _policy(index: str, values: Values) -> Iterator[Placed]:
    document: dict[str, Any] = {
        "name": values["name"],
        "on_securable_type": values["on_securable_type"],
        "on_securable_fullname": values["on_securable_fullname"],
        "policy_type": values["policy_type"],
        "for_securable_type": values["for_securable_type"],
        "to_principals": list(values["to_principals"]),
        "except_principals": list(values.get("except_principals") or ()),
        "when_condition": values.get("when_condition") or "",
        "match_columns": [{"alias": m["alias"], "condition": m["condition"]} for m in values.get("match_columns") or ()],
        "comment": values.get("comment") or "",
    }
    for use in ("column_mask", "row_filter"):
        found = values.get(use)
        if found:
            using = [{k: v for k, v in argument.items() if v is not None} for argument in found.get("using") or ()]
            column = {"on_column": found["on_column"]} if use == "column_mask" else {}
            document[use] = {"function_name": found["function_name"], "using": using} | column
    spec = codecs.POLICY.decode(document)
    kind, full_name, name = spec.key
    yield Placed(
        kind=POLICY, key=key_of(kind, full_name.casefold(), name), spec=spec, remote_id=str(values.get("id") or "")
    )  # fmt: skip


_SECURABLES = (SecurableType.CATALOG, SecurableType.SCHEMA, SecurableType.TABLE, SecurableType.FUNCTION, SecurableType.VOLUME)


def _grant(index: str, values: Values) -> Iterator[Placed]:
    kind = next(k for k in _SECURABLES if values.get(k.lower()))
    name = str(values[kind.lower()])
    spec = Grant(
        securable_type=kind, securable=tuple(name.split(".")), principal=str(values["principal"]),
        privileges=tuple(sorted(str(p) for p in values["privileges"])),
    )  # fmt: skip
    yield Placed(kind=GRANT, key=key_of(str(kind), name.casefold(), spec.principal), spec=spec)


def _assignment(index: str, values: Values) -> Iterator[Placed]:
    spec = PermissionAssignment(group=index, permissions=tuple(sorted(str(p) for p in values["permissions"])))
    yield Placed(kind=WORKSPACE_ASSIGNMENT, key=index, spec=spec)


ENTITLEMENTS = {
    "allow_cluster_create": "allow-cluster-create", "allow_instance_pool_create": "allow-instance-pool-create",
    "databricks_sql_access": "databricks-sql-access", "workspace_access": "workspace-access",
    "workspace_consume": "workspace-consume",
}  # fmt: skip
"""The arguments of databricks_entitlements, and the entitlements that they give."""


def _entitlements(index: str, values: Values) -> Iterator[Placed]:
    for argument, name in ENTITLEMENTS.items():
        if values.get(argument):
            yield Placed(kind=ENTITLEMENT, key=key_of(index, name), spec=Entitlement(group=index, entitlement=name))


def _warehouse(index: str, values: Values) -> Iterator[Placed]:
    tags = [tag for block in values.get("tags") or () for tag in block.get("custom_tags") or ()]
    mark = next((str(tag["value"]) for tag in tags if tag["key"] == "managed_by_lampkeeper"), "")
    spec = Warehouse(name=str(values["name"]), size=str(values["cluster_size"]), mark=mark)
    yield Placed(kind=WAREHOUSE, key=spec.name, spec=spec, remote_id=str(values.get("id") or ""))


def _permissions(index: str, values: Values) -> Iterator[Placed]:
    for entry in values.get("access_control") or ():
        group = str(entry.get("group_name") or "")
        if group:
            spec = WarehousePermission(warehouse=index, group=group, level=str(entry["permission_level"]))
            yield Placed(kind=WAREHOUSE_ACL, key=key_of(index, group), spec=spec)


_READERS: Mapping[str, Callable[[str, Values], Iterator[Placed]]] = {
    "databricks_group": _group,
    "databricks_group_member": _member,
    "databricks_tag_policy": _tag_policy,
    "databricks_entity_tag_assignment": _tag,
    "databricks_policy_info": _policy,
    "databricks_grant": _grant,
    "databricks_permission_assignment": _assignment,
    "databricks_entitlements": _entitlements,
    "databricks_sql_endpoint": _warehouse,
    "databricks_permissions": _permissions,
}

TYPES: tuple[str, ...] = tuple(_READERS)
"""The types of resources that the modules have."""

KINDS_OF_TERRAFORM: tuple[Kind[Any], ...] = (
    GROUP, TAG_POLICY, MEMBER, POLICY, TAG, WORKSPACE_ASSIGNMENT, ENTITLEMENT, WAREHOUSE, GRANT,
)  # fmt: skip
"""The kinds of which Terraform creates objects. Access lists of warehouses stay with the direct engine: the provider's resource
replaces the whole list, with the entries that others made. Roles on governed tags likewise."""


def parts_of(key: str) -> tuple[str, ...]:
    """Return the parts of a key: the inverse of `stages.key_of`."""
    parts, part, escaped = [], "", False
    for character in key:
        if escaped or character not in "\\|":
            part, escaped = part + character, False
        elif character == "\\":
            escaped = True
        else:
            parts.append(part)
            part = ""
    return (*parts, part)
