"""The kind of storage on which a lease can be held: whole files by name, of which one of two writers can create each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from lampkeeper.remote.clients import Workspace


class LeasedFolder(Protocol):
    """Files by name in shared storage."""

    @property
    def workspace(self) -> Workspace:
        """Return the workspace that has the storage."""
        ...

    @property
    def path(self) -> str:
        """Return the name of the storage for messages."""
        ...

    def read(self, name: str) -> bytes | None:
        """Return a file's bytes, None if it does not exist."""
        ...

    def write(self, name: str, content: bytes) -> None:
        """Create or replace a file."""
        ...

    def create(self, name: str, content: bytes) -> bool:
        """Create a file; return False if it exists already."""
        ...

    def delete(self, name: str) -> None:
        """Delete a file; a missing file is not an error."""
        ...

    def names(self, folder: str = "") -> Iterator[str]:
        """Yield the names of the files below a folder."""
        ...
