"""The kinds of objects that the engine keeps, in the order in which they are made."""

from __future__ import annotations

from lampkeeper.deploy.kinds.base import Kind
from lampkeeper.deploy.kinds.controls import TableControlKind
from lampkeeper.deploy.kinds.identity import EntitlementKind, GroupKind, MemberKind, WorkspaceAssignmentKind
from lampkeeper.deploy.kinds.protection import FunctionKind, GrantKind, PolicyKind, SchemaKind
from lampkeeper.deploy.kinds.tagging import TagKind, TagPermissionKind, TagPolicyKind
from lampkeeper.deploy.kinds.workspace import GenieAclKind, GenieSpaceKind, WarehouseAclKind, WarehouseKind

KINDS: tuple[Kind, ...] = (
    GroupKind(),
    TagPolicyKind(),
    TagPermissionKind(),
    SchemaKind(),
    FunctionKind(),
    PolicyKind(),
    TagKind(),
    TableControlKind(),
    WorkspaceAssignmentKind(),
    EntitlementKind(),
    WarehouseKind(),
    WarehouseAclKind(),
    GrantKind(),
    GenieSpaceKind(),
    GenieAclKind(),
    MemberKind(),
)

BY_NAME: dict[str, Kind] = {kind.name: kind for kind in KINDS}
