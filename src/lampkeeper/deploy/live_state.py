"""The live state for a plan, read once: the objects in scope of all three layers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from lampkeeper.model.controls import ControlSlot
from lampkeeper.model.tags import TagAssignment
from lampkeeper.remote.clients import Json, Workspace, encode
from lampkeeper.remote.live import Governed

TAG_POLICIES = "/api/2.1/tag-policies"
RULE_SETS = "/api/2.0/preview/accounts/access-control/rule-sets"


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveState:
    """Live objects. Maps are by name (tag key, schema full name, warehouse name, space key) with the raw documents."""

    governed: Governed = field(default_factory=Governed)
    tag_policies: Mapping[str, Json] = field(default_factory=dict)
    rule_sets: Mapping[str, Json] = field(default_factory=dict)
    schemas: Mapping[tuple[str, str], Json] = field(default_factory=dict)
    workspace_assignments: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    entitlements: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    warehouses: Mapping[str, Json] = field(default_factory=dict)
    warehouse_acls: Mapping[str, Json] = field(default_factory=dict)
    spaces: Mapping[str, Json] = field(default_factory=dict)
    space_acls: Mapping[str, Json] = field(default_factory=dict)
    catalog_tags: tuple[TagAssignment, ...] = ()
    """All tags of the catalogs whose policies match external tags, which other tables have too."""
    taken_controls: tuple[ControlSlot, ...] = ()
    """The adopted column masks and row filters of tables, from the state files."""


def rule_set_name(workspace: Workspace, tag_policy_id: str) -> str:
    """Return the name of a tag policy's rule set (source: Terraform provider 1.128, access_control_rule_set)."""
    return f"accounts/{workspace.account_id}/tagPolicies/{tag_policy_id}/ruleSets/default"


_ACL_PATHS = {"warehouse": "/api/2.0/permissions/warehouses", "genie": "/api/2.0/permissions/genie"}


def acl_path(object_type: str, object_id: str) -> str:
    """Return the permissions path of a warehouse or a Genie space (`genie`, source: the Databricks CLI's tests)."""
    return f"{_ACL_PATHS[object_type]}/{encode(object_id)}"
