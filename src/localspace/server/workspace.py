"""One workspace of the running account: its view of the store and the services over it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from localspace.apps.processes import AppProcesses
from localspace.connect.certificates import Certificates
from localspace.connect.endpoint import ConnectEndpoint
from localspace.connect.resources import ConnectResources
from localspace.core.clock import Clock
from localspace.core.faults import Faults
from localspace.core.location import Location
from localspace.core.statement_runner import StatementRunner
from localspace.core.store import Store
from localspace.core.stored_documents import kinds
from localspace.governance import bootstrap
from localspace.governance.repositories import Repositories, WorkspaceIds, open_repositories
from localspace.http.account_control import AccountControl
from localspace.http.response_cache import ResponseCache
from localspace.http.services import Services
from localspace.identity.authenticator import Authenticator
from localspace.jobs.services import JobServices
from localspace.sql.statement_service import StatementService
from localspace.storage.volume_files import VolumeFiles
from localspace.storage.workspace_tree import WorkspaceTree

TREE, VOLUMES, FILES, APPS = "tree", "volumes", "files", "apps"
"""Folders of the data folder, of all workspaces: notebooks and files, files in volumes, rows of tables, sources of apps."""

BuildRunner = Callable[[Repositories, Path], StatementRunner]
"""Makes the statement runner of a workspace over the folder with the rows of all tables."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountParts:
    """What all workspaces of an account share."""

    faults: Faults
    certificates: Certificates
    control: AccountControl
    build_runner: BuildRunner


class Workspace:
    """A workspace: reopened when its metastore changes."""

    def __init__(self, store: Store, clock: Clock, workspace_id: str, data_dir: Path, parts: AccountParts) -> None:
        """Open the workspace with this id."""
        self._opened = store
        self._clock = clock
        self._parts = parts
        self.workspace_id = workspace_id
        self.location = Location(data_dir=data_dir)
        self._open()

    def start(self) -> None:
        """Resume what an earlier life left; call it once the address is known."""
        self.services.volumes.sweep()
        self.services.jobs.start()

    def reopen(self) -> None:
        """Open again over what the store holds now; statements and runs in progress end, sessions are forgotten."""
        self.end_work()
        connect = self.services.connect
        self._open()
        connect.close()

    def end_work(self) -> None:
        """End statements and runs, and forget sessions."""
        self.services.connect.reset()
        self.services.jobs.close()
        self.services.apps.close()
        self.services.statements.clear()
        self.repositories.history.close()

    def close(self) -> None:
        """Stop everything."""
        self.services.connect.close()
        self.services.jobs.close()
        self.services.apps.close()
        self.services.statements.close()
        self.repositories.history.close()

    def discard_files(self) -> None:
        """Remove the contents of notebooks and files and what runs have left, for a workspace that is deleted."""
        for one in self.store.list(kinds.WORKSPACE_OBJECT):
            if "blob" in one:
                (self.location.folder(TREE) / one["blob"]).unlink(missing_ok=True)
        for run in self.store.list(kinds.TASK_RUN):
            shutil.rmtree(self.services.jobs.executor.folder_of(run["run_id"]), ignore_errors=True)
        shutil.rmtree(self.services.apps.folder, ignore_errors=True)

    def _open(self) -> None:
        self.ids: WorkspaceIds = bootstrap.ids_of(self._opened, self.workspace_id)
        self.repositories = open_repositories(self._opened, self._clock, self.ids)
        self.store = self.repositories.store
        record = self.store.get(kinds.ACCOUNT_WORKSPACE, self.workspace_id)
        self.ready_ms: int = 0 if record is None else record.get("ready_ms", 0)
        """When the workspace is provisioned, in milliseconds since 1970; 0 for one that always was."""

        self.services = open_services(self.repositories, self.location, self._parts)


def open_services(repositories: Repositories, location: Location, parts: AccountParts) -> Services:
    """Open the services of a workspace; the SQL engine starts with the first statement that needs it."""
    store, clock = repositories.store, repositories.clock
    authenticator = Authenticator(store, clock, repositories.identity)
    statements = StatementService(
        clock,
        lambda: parts.build_runner(repositories, location.folder(FILES)),
        repositories.history,
        repositories.ids.workspace_id,
    )
    tree = WorkspaceTree(store, clock, repositories.identity, location.folder(TREE))
    volumes = VolumeFiles(store, repositories.privileges, location.folder(VOLUMES))
    return Services(
        location=location,
        repositories=repositories,
        authenticator=authenticator,
        statements=statements,
        tree=tree,
        volumes=volumes,
        jobs=JobServices(location, repositories, authenticator, tree, volumes),
        apps=AppProcesses(location.folder(APPS) / repositories.ids.workspace_id),
        connect=ConnectEndpoint(
            ConnectResources(
                certificates=parts.certificates,
                repositories=repositories,
                authenticator=authenticator,
                statements=statements,
                faults=parts.faults,
            )
        ),
        responses=ResponseCache(store, repositories.lag),
        faults=parts.faults,
        stub_calls={},
        account=parts.control,
    )
