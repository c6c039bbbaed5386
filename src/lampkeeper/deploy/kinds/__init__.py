"""The kinds of objects that the engine keeps, in the order in which they are made."""

from __future__ import annotations

from lampkeeper.deploy.kinds.base import Kind
from lampkeeper.deploy.kinds.entitlement import EntitlementKind
from lampkeeper.deploy.kinds.function import FunctionKind
from lampkeeper.deploy.kinds.genie_acl import GenieAclKind
from lampkeeper.deploy.kinds.genie_space import GenieSpaceKind
from lampkeeper.deploy.kinds.grant import GrantKind
from lampkeeper.deploy.kinds.group import GroupKind
from lampkeeper.deploy.kinds.member import MemberKind
from lampkeeper.deploy.kinds.policy import PolicyKind
from lampkeeper.deploy.kinds.schema import SchemaKind
from lampkeeper.deploy.kinds.table_control import TableControlKind
from lampkeeper.deploy.kinds.tag import TagKind
from lampkeeper.deploy.kinds.tag_permission import TagPermissionKind
from lampkeeper.deploy.kinds.tag_policy import TagPolicyKind
from lampkeeper.deploy.kinds.warehouse import WarehouseKind
from lampkeeper.deploy.kinds.warehouse_acl import WarehouseAclKind
from lampkeeper.deploy.kinds.workspace_assignment import WorkspaceAssignmentKind

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
