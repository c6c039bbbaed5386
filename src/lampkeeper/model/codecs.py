"""The JSON forms of the nouns that are deployed: what plan files, state files and owners' entries hold, and the wire takes.

There is one form for each noun. Where a REST call writes the whole object, the form is the document of that call.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from lampkeeper.model.conditions import ConditionError, parse_condition
from lampkeeper.model.controls import ControlSlot
from lampkeeper.model.errors import UsageError
from lampkeeper.model.genie import SpacePermission, Warehouse, WarehousePermission
from lampkeeper.model.groups import Entitlement, Group, Membership, PermissionAssignment
from lampkeeper.model.masks import Function, FunctionRole, Parameter
from lampkeeper.model.names import FunctionName, TableName, split_name
from lampkeeper.model.policies import Argument, Grant, MatchColumn, Policy, PolicyKind, SecurableType, UnreadPolicy
from lampkeeper.model.schema import Schema
from lampkeeper.model.tags import EntityType, TagAssignment, TagPermission, TagPolicy

T = TypeVar("T")
Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Codec(Generic[T]):
    """Writes a noun as a JSON object and reads it back.

    `decode` takes what `encode` gave; KeyError, TypeError, AttributeError or ValueError when it is something else.
    """

    encode: Callable[[T], dict[str, Any]]
    decode: Callable[[Document], T]

    def read(self, document: Document) -> T:
        """Read a document that may come from elsewhere; raise ValueError unless it holds exactly the fields of the noun.

        So what is printed of a file is all that an apply of it would write.
        """
        try:
            noun = self.decode(document)
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"{type(error).__name__}: {error}") from None
        written = self.encode(noun)
        if written != dict(document):
            other = sorted(k for k in {*written, *document} if written.get(k) != document.get(k) or k not in written)
            raise ValueError(f"not as lampkeeper writes it: {', '.join(other)}")
        return noun


def encode_policy(policy: Policy | UnreadPolicy) -> dict[str, Any]:
    """Return the document that creates a policy; empty lists and texts are written out, so that an update can clear them."""
    if isinstance(policy, UnreadPolicy):
        return dict(policy.document)
    body: dict[str, Any] = {
        "name": policy.name,
        "on_securable_type": str(policy.securable_type),
        "on_securable_fullname": ".".join(policy.securable),
        "policy_type": str(policy.kind),
        "for_securable_type": "TABLE",
        "to_principals": list(policy.to_principals),
        "except_principals": list(policy.except_principals),
        "when_condition": "" if policy.when is None else str(policy.when),
        "match_columns": [{"alias": m.alias, "condition": str(m.condition)} for m in policy.match_columns],
        "comment": policy.comment,
    }
    using = [{"alias": a.alias} if a.alias is not None else {"constant": a.constant or ""} for a in policy.using]
    use: dict[str, Any] = {"function_name": policy.function.plain, "using": using}
    if policy.kind is PolicyKind.COLUMN_MASK:
        body["column_mask"] = use | {"on_column": policy.on_column}
    else:
        body["row_filter"] = use
    return body


def read_policy(raw: Document) -> Policy | None:
    """Return our reading of a mask or filter policy, None for other kinds.

    Raises ConditionError, UsageError, KeyError or ValueError when there is something that we cannot read.
    """
    if raw.get("policy_type") not in set(PolicyKind):
        return None
    kind = PolicyKind(raw["policy_type"])
    use = raw["column_mask"] if kind is PolicyKind.COLUMN_MASK else raw["row_filter"]
    when = str(raw.get("when_condition") or "").strip()
    securable_type = SecurableType(str(raw["on_securable_type"]).upper())
    full_name = str(raw.get("on_securable_fullname") or "")
    return Policy(
        name=str(raw["name"]),
        kind=kind,
        securable_type=securable_type,
        securable=() if securable_type is SecurableType.METASTORE else _parts(full_name),
        to_principals=tuple(raw.get("to_principals") or ()),
        except_principals=tuple(raw.get("except_principals") or ()),
        function=FunctionName(*_parts(str(use["function_name"]))),
        when=parse_condition(when) if when and when.upper() != "TRUE" else None,
        match_columns=tuple(
            MatchColumn(alias=str(m["alias"]), condition=parse_condition(str(m["condition"])))
            for m in raw.get("match_columns") or ()
        ),
        on_column=use.get("on_column"),
        using=tuple(_argument(a) for a in use.get("using") or ()),
        comment=str(raw.get("comment") or ""),
    )


def _argument(raw: Document) -> Argument:
    if "alias" in raw:
        return Argument(alias=str(raw["alias"]))
    if "constant" in raw:
        return Argument(constant=str(raw["constant"]))
    raise UsageError(f"an argument of a kind we do not know: {', '.join(sorted(raw))}")


def _parts(full_name: str) -> tuple[str, ...]:
    """Split a REST full name: Unity Catalog names hold no dots, so the dots are separators."""
    return split_name(full_name) if "`" in full_name else tuple(full_name.split("."))


def _decode_policy(document: Document) -> Policy | UnreadPolicy:
    try:
        policy = read_policy(document)
    except (ConditionError, UsageError, KeyError, ValueError, TypeError, AttributeError):
        policy = None
    if policy is None or encode_policy(policy) != dict(document):
        SecurableType(document["on_securable_type"])
        return UnreadPolicy(document=dict(document))
    return policy


def _encode_function(function: Function) -> dict[str, Any]:
    """Of a keyed function the placeholders and the key's id."""
    body = {
        "catalog": function.name.catalog,
        "schema": function.name.schema,
        "name": function.name.function,
        "parameters": [[p.name, p.type] for p in function.parameters],
        "returns": function.returns,
        "body": function.body,
        "comment": function.comment,
    }
    return body | {"key_id": function.key_id} if function.keyed else body


def _decode_function(document: Document) -> Function:
    return Function(
        name=FunctionName(document["catalog"], document["schema"], document["name"]),
        role=FunctionRole.by_type(str(document["returns"])),
        parameters=tuple(Parameter(name=n, type=t) for n, t in document["parameters"]),
        returns=document["returns"],
        body=document["body"],
        comment=document["comment"],
        key_id=document.get("key_id", ""),
    )


def _encode_grant(grant: Grant) -> dict[str, Any]:
    return {
        "securable_type": str(grant.securable_type),
        "securable": list(grant.securable),
        "principal": grant.principal,
        "privileges": list(grant.privileges),
        "shared": grant.shared,
    }


def _decode_grant(document: Document) -> Grant:
    return Grant(
        securable_type=SecurableType(document["securable_type"]),
        securable=tuple(document["securable"]),
        principal=document["principal"],
        privileges=tuple(document["privileges"]),
        shared=document["shared"],
    )


def _encode_slot(slot: ControlSlot) -> dict[str, Any]:
    return {
        "catalog": slot.table.catalog,
        "schema": slot.table.schema,
        "table": slot.table.table,
        "column": slot.column,
        "function": [] if slot.function is None else list(slot.function.parts),
        "arguments": list(slot.arguments),
    }


def _decode_slot(document: Document) -> ControlSlot:
    return ControlSlot(
        table=TableName(document["catalog"], document["schema"], document["table"]),
        column=document["column"],
        function=FunctionName(*document["function"]) if document["function"] else None,
        arguments=tuple(document["arguments"]),
    )


def _encode_tag_policy(policy: TagPolicy) -> dict[str, Any]:
    values = [{"name": value} for value in policy.values]
    return {"tag_key": policy.key, "description": policy.description, "values": values}


def _decode_tag_policy(document: Document) -> TagPolicy:
    values = tuple(str(v["name"]) for v in document.get("values") or ())
    return TagPolicy(key=document["tag_key"], description=str(document.get("description") or ""), values=values)


POLICY: Codec[Policy | UnreadPolicy] = Codec(encode=encode_policy, decode=_decode_policy)
FUNCTION: Codec[Function] = Codec(encode=_encode_function, decode=_decode_function)
GRANT: Codec[Grant] = Codec(encode=_encode_grant, decode=_decode_grant)
CONTROL_SLOT: Codec[ControlSlot] = Codec(encode=_encode_slot, decode=_decode_slot)
TAG_POLICY: Codec[TagPolicy] = Codec(encode=_encode_tag_policy, decode=_decode_tag_policy)
TAG_PERMISSION: Codec[TagPermission] = Codec(
    encode=lambda p: {"tag_key": p.key, "role": p.role, "principals": list(p.principals)},
    decode=lambda d: TagPermission(key=d["tag_key"], role=d["role"], principals=tuple(d["principals"])),
)
TAG: Codec[TagAssignment] = Codec(
    encode=lambda t: {
        "entity_type": str(t.entity_type), "entity_name": t.entity_name, "tag_key": t.key, "tag_value": t.value,
    },
    decode=lambda d: TagAssignment(
        entity_type=EntityType(d["entity_type"]), entity_name=d["entity_name"], key=d["tag_key"], value=d["tag_value"]
    ),
)  # fmt: skip
SCHEMA: Codec[Schema] = Codec(
    encode=lambda s: {"catalog_name": s.catalog, "name": s.name, "comment": s.comment},
    decode=lambda d: Schema(catalog=d["catalog_name"], name=d["name"], comment=str(d.get("comment") or "")),
)
GROUP: Codec[Group] = Codec(encode=lambda g: {"name": g.name}, decode=lambda d: Group(name=d["name"]))
MEMBER: Codec[Membership] = Codec(
    encode=lambda m: {"group": m.group, "member": m.member},
    decode=lambda d: Membership(group=d["group"], member=d["member"]),
)
ASSIGNMENT: Codec[PermissionAssignment] = Codec(
    encode=lambda a: {"group": a.group, "permissions": list(a.permissions)},
    decode=lambda d: PermissionAssignment(group=d["group"], permissions=tuple(d["permissions"])),
)
ENTITLEMENT: Codec[Entitlement] = Codec(
    encode=lambda e: {"group": e.group, "entitlement": e.entitlement},
    decode=lambda d: Entitlement(group=d["group"], entitlement=d["entitlement"]),
)
WAREHOUSE: Codec[Warehouse] = Codec(
    encode=lambda w: {"name": w.name, "size": w.size, "mark": w.mark},
    decode=lambda d: Warehouse(name=d["name"], size=d["size"], mark=d["mark"]),
)
WAREHOUSE_PERMISSION: Codec[WarehousePermission] = Codec(
    encode=lambda p: {"warehouse": p.warehouse, "group": p.group, "level": p.level},
    decode=lambda d: WarehousePermission(warehouse=d["warehouse"], group=d["group"], level=d["level"]),
)
SPACE_PERMISSION: Codec[SpacePermission] = Codec(
    encode=lambda p: {"space": p.space, "space_id": p.space_id, "group": p.group, "level": p.level},
    decode=lambda d: SpacePermission(space=d["space"], space_id=d["space_id"], group=d["group"], level=d["level"]),
)
