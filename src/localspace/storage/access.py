"""What storage asks about principals; the rooms above answer."""

from __future__ import annotations

from typing import Protocol

from localspace.core.principals import Principal


class Memberships(Protocol):
    """The names and memberships of principals."""

    def by_name(self, name: str) -> Principal | None:
        """Return the principal that grants call `name`, or None."""
        ...

    def names_of(self, principal_id: str) -> frozenset[str]:
        """Return every name by which a grant reaches the principal."""
        ...

    def is_member(self, principal_id: str, group_name: str) -> bool:
        """Return whether the principal is a member of a group of the workspace."""
        ...

    def in_workspace(self, principal_id: str) -> bool:
        """Return whether the principal may enter the workspace."""
        ...

    def is_workspace_admin(self, principal_id: str) -> bool:
        """Return whether the principal is an admin of the workspace."""
        ...


class VolumePrivileges(Protocol):
    """The privileges of principals on a securable."""

    def holds(self, actor: Principal, privilege: str, securable: str, full_name: str) -> bool:
        """Return whether the actor holds a privilege."""
        ...

    def require(self, actor: Principal, privilege: str, securable: str, full_name: str) -> None:
        """Demand a privilege; raises PERMISSION_DENIED."""
        ...
