"""One running local workspace: its store, books, tokens, statements and faults."""

from __future__ import annotations

import json
import os
import secrets
import shutil
from collections.abc import Callable
from pathlib import Path

from filelock import BaseFileLock, FileLock, Timeout

from localspace import fresh
from localspace.auth import Gatekeeper, digest
from localspace.clock import Clock
from localspace.connect.endpoint import ConnectEndpoint
from localspace.faults import Faults
from localspace.governance.books import Books, WorkspaceIds, open_books
from localspace.kept_answers import KeptAnswers
from localspace.statement_runner import StatementRunner
from localspace.statements import StatementDesk
from localspace.store import Store
from localspace.workbench import Workbench

MARKER = "localspace.json"
"""A data folder is ours when it holds this file; nothing else is ever emptied."""

_ENGINE_FOLDERS = frozenset({"engine", "empty", "scratch"})
"""What the running SQL engine holds on to in its folder; everything else there is rows, which a reset removes."""

BuildRunner = Callable[["Workspace"], StatementRunner]


class DataFolderError(Exception):
    """The data folder cannot be used; the message says why and what to do."""


class Workspace:
    """Everything behind the REST surface."""

    def __init__(self, data_dir: Path, build_runner: BuildRunner | None = None) -> None:
        """Open the workspace in `data_dir`, made if it is not there; raises DataFolderError."""
        self.data_dir = data_dir
        self.address = ""
        self._build_runner = build_runner or _sql_runner
        self._lock_file = _claim(data_dir)
        self.faults = Faults()
        self.store = Store(data_dir / "store.db")
        self.responders_calls: dict[str, int] = {}
        self.connect = ConnectEndpoint(self)
        self._open()

    def _open(self) -> None:
        self.clock = Clock(self.store)
        self.ids: WorkspaceIds = fresh.ensure(self.store, self.clock)
        self.books: Books = open_books(self.store, self.clock, self.ids)
        self.kept_answers = KeptAnswers(self.store, self.books.lag)
        self.gatekeeper = Gatekeeper(self.store, self.clock, self.books.identity)
        self.desk = StatementDesk(self.clock, lambda: self._build_runner(self))
        self.token = self._admin_token()
        self.bench = Workbench(self)

    @property
    def files(self) -> Path:
        """Return the folder that belongs to the SQL engine: tables' rows and its own files."""
        folder = self.data_dir / "files"
        folder.mkdir(exist_ok=True)
        return folder

    def reset(self) -> None:
        """Go back to a fresh workspace with the same ids and the same admin token; a running SQL engine stays up."""
        self.connect.reset()
        self.bench.reset()
        self.desk.clear()
        with self.store.transaction():
            kept = self.store.get("setting", "ids")
            self.store.clear()
            if kept is not None:
                self.store.put("setting", ("ids",), kept)
            fresh.ensure(self.store, self.clock)
        self.books.lag.forget()
        self.clock.tick(0)
        for folder in self.files.iterdir():
            if folder.name not in _ENGINE_FOLDERS:
                shutil.rmtree(folder)
                folder.mkdir()
        self.responders_calls.clear()
        self.faults.clear()
        self.faults.clear_log()
        self.token = self._admin_token()
        self.bench = Workbench(self)

    def close(self) -> None:
        """Stop what runs and let go of the data folder."""
        self.connect.close()
        self.bench.close()
        self.desk.close()
        self.store.close()
        self._lock_file.release()

    def _admin_token(self) -> str:
        path = self.data_dir / "admin.token"
        if path.exists():
            token = path.read_text().strip()
        else:
            token = "dapi" + secrets.token_hex(16)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w") as file:
                file.write(token + "\n")
                file.flush()
                os.fsync(file.fileno())
        if self.store.get("token", digest(token)) is None:
            self.gatekeeper.admit(token, self.ids.admin_id, "the token of localspace serve", None, "pat")
        return token


def _claim(data_dir: Path) -> BaseFileLock:
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        marker = data_dir / MARKER
        if not marker.exists():
            if any(one.name != "lock" for one in data_dir.iterdir()):
                raise DataFolderError(f"{data_dir} holds files of something else. Name an empty folder with --data.")
            marker.write_text(json.dumps({"format": 1}) + "\n")
        lock = FileLock(data_dir / "lock", mode=0o600, thread_local=False)
        lock.acquire(blocking=False)
    except Timeout:
        raise DataFolderError(f"{data_dir} is in use by another localspace. Stop it or name another folder.") from None
    except OSError as error:
        raise DataFolderError(f"{data_dir} cannot be used: {error.strerror}.") from error
    return lock


def _sql_runner(workspace: Workspace) -> StatementRunner:
    # The engine is imported with the first statement: the control plane starts without it.
    from localspace.sql.run import build_runner

    return build_runner(workspace.books, workspace.files)
