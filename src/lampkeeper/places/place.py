"""Places to run: workspaces that can be started and stopped."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

from lampkeeper.model.auth import Auth
from lampkeeper.remote.signals import uninterrupted


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """The address of a workspace, and the sign-in. The client discovers the value of empty fields by itself."""

    host: str = ""
    token: str = field(default="", repr=False)
    account_id: str = ""
    workspace_id: str = ""
    metastore_id: str = ""
    warehouse_id: str = ""
    auth: Auth = field(default_factory=Auth)

    def signed(self) -> Auth:
        """Return the sign-in of a client here."""
        if not self.token:
            return self.auth
        return Auth(
            workspace_host=self.host, account_host=self.host, account_id=self.account_id, workspace_id=self.workspace_id,
            token=self.token,
        )  # fmt: skip


class Place(Protocol):
    """A workspace that can be started and stopped."""

    @property
    def name(self) -> str:
        """Return the name of the place in messages."""
        ...

    def up(self) -> Address:
        """Start it and return its address; raise RemoteError if it does not start in bounded time."""
        ...

    def down(self) -> None:
        """Stop it; harmless if it is not running."""
        ...


@contextmanager
def running(place: Place) -> Iterator[Address]:
    """Start a place for a block, and stop it after the block, also after an error."""
    try:
        yield place.up()
    finally:
        with uninterrupted():
            place.down()
