"""The running account as handlers see it: hosts of workspaces, and the consequences of a change of metastores."""

from __future__ import annotations

from typing import Protocol


class AccountControl(Protocol):
    """The account as a running process."""

    def reset(self) -> None:
        """Go back to a new account with the same ids and the same admin token."""
        ...

    def address_of(self, workspace_id: str) -> str:
        """Return the address (scheme, host, port) of a workspace's host."""
        ...

    def host_type(self, workspace_id: str) -> str | None:
        """Return `workspace` for a host of that plane alone, None for one that also answers the account's calls."""
        ...

    def opened(self, workspace_id: str) -> None:
        """Give a workspace that was made a host of its own."""
        ...

    def closed(self, workspace_id: str) -> None:
        """Stop what runs in a workspace that was deleted, and its host."""
        ...

    def reassigned(self, workspace_id: str) -> None:
        """Open a workspace again over the metastore that it has now; statements and runs in progress end."""
        ...
