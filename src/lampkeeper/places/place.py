"""Places to run: something that comes up with an address, and goes down."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

from lampkeeper.model.auth import Auth
from lampkeeper.places.signals import uninterrupted


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where a workspace answers, and as whom. Empty fields are left to the client's own discovery."""

    host: str = ""
    token: str = field(default="", repr=False)
    account_id: str = ""
    workspace_id: str = ""
    metastore_id: str = ""
    warehouse_id: str = ""
    auth: Auth = field(default_factory=Auth)

    def signed(self) -> Auth:
        """Return what a client needs to sign in here."""
        if not self.token:
            return self.auth
        return Auth(
            workspace_host=self.host, account_host=self.host, account_id=self.account_id, workspace_id=self.workspace_id,
            token=self.token,
        )  # fmt: skip


class Place(Protocol):
    """A workspace that can be brought up and taken down."""

    @property
    def name(self) -> str:
        """Return what to call the place in messages."""
        ...

    def up(self) -> Address:
        """Bring it up and return its address; raise RemoteError when it does not come up in bounded time."""
        ...

    def down(self) -> None:
        """Take it down; harmless when it is not up."""
        ...


@contextmanager
def running(place: Place) -> Iterator[Address]:
    """Bring a place up for a block, and take it down after it, come what may."""
    try:
        yield place.up()
    finally:
        with uninterrupted():
            place.down()
