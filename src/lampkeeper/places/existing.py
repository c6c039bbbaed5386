"""A workspace that the user already has: nothing to bring up, nothing to take down."""

from __future__ import annotations

from dataclasses import dataclass, field

from lampkeeper.model.auth import Auth
from lampkeeper.places.place import Address


@dataclass(frozen=True, slots=True, kw_only=True)
class ExistingPlace:
    """An existing workspace: by auth.auto.tfvars, by a profile, or by what the SDK's unified authentication finds."""

    auth: Auth = field(default_factory=Auth)
    warehouse_id: str = ""
    name: str = "existing"

    def up(self) -> Address:
        """Return its address. Whether it answers shows with the first call."""
        auth = self.auth
        return Address(
            host=auth.workspace_host, account_id=auth.account_id, workspace_id=auth.workspace_id,
            warehouse_id=self.warehouse_id, auth=auth,
        )  # fmt: skip

    def down(self) -> None:
        """Leave it as it is."""
