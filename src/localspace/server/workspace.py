"""One running local workspace: its data folder, its store and the services over both."""

from __future__ import annotations

import json
import os
import secrets
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from filelock import BaseFileLock, FileLock, Timeout

from localspace.connect.endpoint import ConnectEndpoint
from localspace.connect.resources import ConnectResources
from localspace.core.clock import Clock
from localspace.core.faults import Faults
from localspace.core.location import Location
from localspace.core.statement_runner import StatementRunner
from localspace.core.store import Store
from localspace.core.stored_documents import kinds
from localspace.governance import bootstrap
from localspace.governance.repositories import Repositories, open_repositories
from localspace.http.response_cache import ResponseCache
from localspace.http.services import Services
from localspace.identity.authenticator import Authenticator, digest
from localspace.jobs.services import RUNS, JobServices
from localspace.sql.statement_service import StatementService
from localspace.storage.volume_files import VolumeFiles
from localspace.storage.workspace_tree import WorkspaceTree

MARKER = "localspace.json"
"""The file that marks a data folder of localspace; no other folder is ever emptied."""

FORMAT = 2
"""The format of the documents in a data folder; a folder of another format is refused."""

_TREE, _VOLUMES = "tree", "volumes"
_ENGINE_FOLDERS = frozenset({"engine", "empty", "scratch"})
"""What the running SQL engine holds on to in its folder; everything else there is rows, which a reset removes."""

BuildRunner = Callable[[Repositories, Path], StatementRunner]
"""Makes the SQL engine over the repositories and a folder of its own."""


class DataFolderError(Exception):
    """The data folder cannot be used; the message says why and what to do."""


class Workspace:
    """Opens everything over one data folder; a server hands its services to the handlers."""

    def __init__(self, data_dir: Path, build_runner: BuildRunner | None = None) -> None:
        """Open the workspace in `data_dir`, made if it is not there; raises DataFolderError."""
        self._lock_file = claim(data_dir)
        try:
            _require_format(data_dir)
        except DataFolderError:
            self._lock_file.release()
            raise
        self.location = Location(data_dir=data_dir)
        self.store = Store(data_dir / "store.db")
        clock = Clock(self.store)
        self.repositories = open_repositories(self.store, clock, bootstrap.ensure(self.store, clock))
        self.ids = self.repositories.ids
        self.token = self._admin_token(Authenticator(self.store, clock, self.repositories.identity))
        self.services = open_services(self.repositories, self.location, self.reset, build_runner or _sql_runner)

    def start(self) -> None:
        """Resume what an earlier life left; call it once the address is known."""
        self.services.volumes.sweep()
        self.services.jobs.start()

    def reset(self) -> None:
        """Go back to a new workspace with the same ids and the same admin token; a running SQL engine stays up."""
        old, clock = self.services, self.repositories.clock
        old.connect.reset()
        old.jobs.close()
        for name in (_TREE, _VOLUMES, RUNS):
            shutil.rmtree(self.location.data_dir / name, ignore_errors=True)
        old.statements.clear()
        with self.store.transaction():
            kept = self.store.get(kinds.IDS, kinds.WHOLE)
            self.store.clear()
            if kept is not None:
                self.store.put(kinds.IDS, (kinds.WHOLE,), kept)
            bootstrap.ensure(self.store, clock)
        self.repositories.lag.forget()
        clock.tick(0)
        for folder in _files(self.location).iterdir():
            if folder.name not in _ENGINE_FOLDERS:
                shutil.rmtree(folder)
                folder.mkdir()
        old.stub_calls.clear()
        old.faults.clear()
        old.faults.clear_log()
        self._admin_token(old.authenticator)
        self.services = _with_new_contents(old)

    def close(self) -> None:
        """Stop what runs and let go of the data folder."""
        self.services.connect.close()
        self.services.jobs.close()
        self.services.statements.close()
        self.store.close()
        self._lock_file.release()

    def _admin_token(self, authenticator: Authenticator) -> str:
        path = self.location.data_dir / "admin.token"
        if path.exists():
            token = path.read_text().strip()
        else:
            token = "dapi" + secrets.token_hex(16)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w") as file:
                file.write(token + "\n")
                file.flush()
                os.fsync(file.fileno())
        if self.store.get(kinds.TOKEN, digest(token)) is None:
            authenticator.admit(token, self.ids.admin_id, "the token of localspace serve", None, "pat")
        return token


def open_services(
    repositories: Repositories, location: Location, reset: Callable[[], None], build_runner: BuildRunner
) -> Services:
    """Open the services of a workspace; the SQL engine starts with the first statement that needs it."""
    store, clock = repositories.store, repositories.clock
    authenticator = Authenticator(store, clock, repositories.identity)
    statements = StatementService(clock, lambda: build_runner(repositories, _files(location)))
    faults = Faults()
    tree, volumes, jobs = _open_contents(repositories, location, authenticator)
    return Services(
        location=location,
        repositories=repositories,
        authenticator=authenticator,
        statements=statements,
        tree=tree,
        volumes=volumes,
        jobs=jobs,
        connect=ConnectEndpoint(
            ConnectResources(
                location=location,
                repositories=repositories,
                authenticator=authenticator,
                statements=statements,
                faults=faults,
            )
        ),
        responses=ResponseCache(store, repositories.lag),
        faults=faults,
        stub_calls={},
        reset=reset,
    )


def _with_new_contents(old: Services) -> Services:
    """Return the services over emptied folders, with a new scheduler: a closed one starts nothing."""
    tree, volumes, jobs = _open_contents(old.repositories, old.location, old.authenticator)
    return replace(old, tree=tree, volumes=volumes, jobs=jobs)


def _open_contents(
    repositories: Repositories, location: Location, authenticator: Authenticator
) -> tuple[WorkspaceTree, VolumeFiles, JobServices]:
    """Return the services over those folders that a reset empties."""
    store, clock = repositories.store, repositories.clock
    tree = WorkspaceTree(store, clock, repositories.identity, location.folder(_TREE))
    volumes = VolumeFiles(store, repositories.privileges, location.folder(_VOLUMES))
    return tree, volumes, JobServices(location, repositories, authenticator, tree, volumes)


def _files(location: Location) -> Path:
    """Return the folder that belongs to the SQL engine: tables' rows and its own files."""
    return location.folder("files")


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


def _require_format(data_dir: Path) -> None:
    found = json.loads((data_dir / MARKER).read_text()).get("format")
    if found != FORMAT:
        raise DataFolderError(
            f"{data_dir} holds a workspace of format {found}; this localspace reads format {FORMAT}. "
            f"Delete it with `localspace reset --data {data_dir}`, or name another folder with --data."
        )


def _sql_runner(repositories: Repositories, files: Path) -> StatementRunner:
    # The engine is imported with the first statement: the control plane starts without it.
    from localspace.sql.run import build_runner

    return build_runner(repositories, files)
