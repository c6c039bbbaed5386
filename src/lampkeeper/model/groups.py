"""Groups: their purpose, their members, and their clearances."""

from __future__ import annotations

from dataclasses import dataclass

EVERYBODY = "account users"
"""The platform's name for all principals of an account in policies and grants."""

ALL_FAMILIES = "*"
"""The clearance for every family, including future ones."""


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class Group:
    """An account group. `external`: another owner (an identity provider, an admin) manages it; lampkeeper never changes it."""

    name: str
    description: str = ""
    external: bool = False


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class Membership:
    """One member (user name, application id or group name) of one account group."""

    group: str
    member: str


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class PermissionAssignment:
    """A group's assignment to a workspace, with permissions as the API spells them (`USER`, `ADMIN`)."""

    group: str
    permissions: tuple[str, ...]


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class Entitlement:
    """One entitlement of a group in a workspace, such as `workspace-consume`."""

    group: str
    entitlement: str


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class GroupSpec:
    """A group as input of the synthesis: the group, its clearance, and its members (user names, application IDs, groups).

    `clearance`: tag families (keys of the vocabulary, such as `pii_level`) that members read raw; `*` is every family.
    """

    group: Group
    clearance: tuple[str, ...] = ()
    members: tuple[str, ...] = ()

    def cleared_for(self, family: str) -> bool:
        """Return whether members may read this family raw."""
        return ALL_FAMILIES in self.clearance or family in self.clearance
