"""The kinds of managed objects, in the orders in which they are created and removed."""

from __future__ import annotations

from typing import Any

from lampkeeper.deploy.kinds.base import Kind
from lampkeeper.deploy.kinds.description import shown
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
from lampkeeper.model.errors import UsageError

GROUP = GroupKind()
TAG_POLICY = TagPolicyKind()
TAG_PERMISSION = TagPermissionKind()
SCHEMA = SchemaKind()
FUNCTION = FunctionKind()
POLICY = PolicyKind()
TAG = TagKind()
TABLE_CONTROL = TableControlKind()
WORKSPACE_ASSIGNMENT = WorkspaceAssignmentKind()
ENTITLEMENT = EntitlementKind()
WAREHOUSE = WarehouseKind()
WAREHOUSE_ACL = WarehouseAclKind()
GRANT = GrantKind()
GENIE_SPACE = GenieSpaceKind()
GENIE_ACL = GenieAclKind()
MEMBER = MemberKind()

KINDS: tuple[Kind[Any], ...] = (
    GROUP,
    TAG_POLICY,
    TAG_PERMISSION,
    SCHEMA,
    FUNCTION,
    POLICY,
    TAG,
    TABLE_CONTROL,
    WORKSPACE_ASSIGNMENT,
    ENTITLEMENT,
    WAREHOUSE,
    WAREHOUSE_ACL,
    GRANT,
    GENIE_SPACE,
    GENIE_ACL,
    MEMBER,
)
"""The order in which objects are created, within a stage."""

REMOVAL: tuple[Kind[Any], ...] = (
    GENIE_ACL,
    GENIE_SPACE,
    GRANT,
    WAREHOUSE_ACL,
    ENTITLEMENT,
    WORKSPACE_ASSIGNMENT,
    MEMBER,
    TAG,
    POLICY,
    TABLE_CONTROL,
    FUNCTION,
    SCHEMA,
    TAG_PERMISSION,
    TAG_POLICY,
    WAREHOUSE,
    GROUP,
)
"""The order in which objects are removed, within a stage: permissions before their object, and users of an object before it."""

_BY_NAME: dict[str, Kind[Any]] = {kind.name: kind for kind in KINDS}


def kind_named(name: str) -> Kind[Any]:
    """Return a kind by its name in files; raise UsageError if this version does not have it."""
    kind = _BY_NAME.get(name)
    if kind is None:
        raise UsageError(
            f"this version has no objects of kind {shown(name)}", fix="use the version of lampkeeper that wrote this"
        )
    return kind
