"""The data folder of an account: whose it is, who holds it, in which format it is."""

from __future__ import annotations

import json
from pathlib import Path

from filelock import BaseFileLock, FileLock, Timeout

MARKER = "localspace.json"
"""The file that marks a data folder of localspace; no other folder is ever emptied."""

FORMAT = 3
"""The format of the documents in a data folder; a folder of another format is refused."""


class DataFolderError(Exception):
    """The data folder cannot be used; the message says why and what to do."""


def claim(data_dir: Path) -> BaseFileLock:
    """Return the lock of a data folder, created if it is missing; raises DataFolderError for a folder in use or of others."""
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        marker = data_dir / MARKER
        if not marker.exists():
            if any(one.name != "lock" for one in data_dir.iterdir()):
                raise DataFolderError(f"{data_dir} holds files of something else. Name an empty folder with --data.")
            marker.write_text(json.dumps({"format": FORMAT}) + "\n")
        lock = FileLock(data_dir / "lock", mode=0o600, thread_local=False)
        lock.acquire(blocking=False)
    except Timeout:
        raise DataFolderError(f"{data_dir} is in use by another localspace. Stop it or name another folder.") from None
    except OSError as error:
        raise DataFolderError(f"{data_dir} cannot be used: {error.strerror}.") from error
    return lock


def require_format(data_dir: Path) -> None:
    """Refuse a folder of another format; raises DataFolderError."""
    found = json.loads((data_dir / MARKER).read_text()).get("format")
    if found != FORMAT:
        raise DataFolderError(
            f"{data_dir} holds a workspace of format {found}; this localspace reads format {FORMAT}. "
            f"Delete it with `localspace reset --data {data_dir}`, or name another folder with --data."
        )
