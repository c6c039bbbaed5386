"""The desired state of one environment: the content of its three layers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from lampkeeper.model.genie import GenieSpace, Warehouse, WorkspaceAssignment
from lampkeeper.model.groups import Group
from lampkeeper.model.masks import Function
from lampkeeper.model.names import FunctionName, TableName
from lampkeeper.model.policies import Grant, Policy
from lampkeeper.model.tags import TagAssignment, TagPermission, TagPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class Desired:
    """All objects of one environment. Every tuple is sorted by the object's key, so that equal states are equal values.

    `members` maps a managed group to its members (user names, application IDs, group names); members of other groups are not
    managed. `schemas` are the (catalog, schema) pairs for functions, created if missing.
    `tables` are the tables in scope.
    """

    groups: tuple[Group, ...] = ()
    members: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    tag_policies: tuple[TagPolicy, ...] = ()
    tag_permissions: tuple[TagPermission, ...] = ()
    schemas: tuple[tuple[str, str], ...] = ()
    functions: tuple[Function, ...] = ()
    tag_assignments: tuple[TagAssignment, ...] = ()
    policies: tuple[Policy, ...] = ()
    grants: tuple[Grant, ...] = ()
    workspace_assignments: tuple[WorkspaceAssignment, ...] = ()
    warehouses: tuple[Warehouse, ...] = ()
    spaces: tuple[GenieSpace, ...] = ()
    tables: tuple[TableName, ...] = ()

    def __post_init__(self) -> None:
        """Sort everything by key."""
        order = {
            "groups": lambda g: g.name,
            "tag_policies": lambda t: t.key,
            "tag_permissions": lambda t: (t.key, t.role),
            "schemas": lambda s: s,
            "functions": lambda f: f.name,
            "tag_assignments": lambda t: t,
            "policies": lambda p: p.key,
            "grants": lambda g: g.key,
            "workspace_assignments": lambda s: s.group,
            "warehouses": lambda w: w.name,
            "spaces": lambda s: s.key,
            "tables": lambda t: t,
        }
        for name, key in order.items():
            object.__setattr__(self, name, tuple(sorted(getattr(self, name), key=key)))
        object.__setattr__(self, "members", {g: tuple(sorted(set(m))) for g, m in sorted(self.members.items())})

    @property
    def spaces_alone(self) -> bool:
        """Return whether there are spaces and no governance: who may read their tables is decided elsewhere."""
        return bool(self.spaces) and not (self.policies or self.grants or self.tag_assignments or self.functions)

    def function(self, name: FunctionName) -> Function | None:
        """Return the function of that name, or None."""
        return next((f for f in self.functions if f.name == name), None)
