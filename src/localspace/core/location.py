"""Where a workspace is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(slots=True, kw_only=True)
class Location:
    """The data folder of a workspace, and its address (scheme, host, port) once the server has bound its port."""

    data_dir: Path
    address: str = ""

    def folder(self, name: str) -> Path:
        """Return a folder within the data folder, created if it is missing."""
        found = self.data_dir / name
        found.mkdir(parents=True, exist_ok=True)
        return found
