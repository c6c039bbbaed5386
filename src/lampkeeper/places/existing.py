"""A workspace that the user already has: there is nothing to start or stop."""

from __future__ import annotations

from dataclasses import dataclass, field

from lampkeeper.model.auth import Auth
from lampkeeper.places.place import Address


@dataclass(frozen=True, slots=True, kw_only=True)
class ExistingPlace:
    """An existing workspace, given by auth.auto.tfvars, a profile, or the SDK's unified authentication."""

    auth: Auth = field(default_factory=Auth)
    warehouse_id: str = ""
    name: str = "existing"

    def up(self) -> Address:
        """Return its address. The first call shows whether it is reachable."""
        auth = self.auth
        return Address(
            host=auth.workspace_host, account_id=auth.account_id, workspace_id=auth.workspace_id,
            warehouse_id=self.warehouse_id, auth=auth,
        )  # fmt: skip

    def down(self) -> None:
        """Do nothing."""
