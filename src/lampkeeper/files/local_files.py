"""A local folder with the same five methods as a folder in a volume."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lampkeeper.files.text import write_texts
from lampkeeper.model.errors import UsageError


@dataclass(frozen=True, slots=True)
class LocalFiles:
    """Files below a folder, by name relative to it; every write is atomic."""

    folder: Path

    def read(self, name: str) -> bytes | None:
        """Return a file's bytes, None if it does not exist."""
        path = self.folder / name
        try:
            return path.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise UsageError(f"{path}: cannot be read: {error.strerror}") from None

    def write(self, name: str, content: bytes) -> None:
        """Create or replace a file, and missing folders."""
        write_texts({self.folder / name: content.decode("utf-8")})

    def create(self, name: str, content: bytes) -> bool:
        """Create a file; return False if it exists already."""
        path = self.folder / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        except FileExistsError:
            return False
        except OSError as error:
            raise UsageError(f"{path}: cannot be written: {error.strerror}") from None
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        return True

    def delete(self, name: str) -> None:
        """Delete a file; a missing file is not an error."""
        (self.folder / name).unlink(missing_ok=True)

    def names(self, folder: str = "") -> Iterator[str]:
        """Yield the names of the files below a folder, relative to this one."""
        for path in sorted((self.folder / folder).rglob("*")):
            if path.is_file():
                yield str(path.relative_to(self.folder))
