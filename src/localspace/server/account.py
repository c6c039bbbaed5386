"""The running account: its data folder, its store, its workspaces and their hosts."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from localspace.connect.certificates import Certificates
from localspace.core.clock import Clock
from localspace.core.errors import not_found
from localspace.core.faults import Faults
from localspace.core.location import Location
from localspace.core.statement_runner import StatementRunner
from localspace.core.store import Store
from localspace.core.stored_documents import kinds
from localspace.core.stored_documents.directory import StoredAccountHost
from localspace.core.stored_documents.workspace import StoredIds
from localspace.governance import bootstrap
from localspace.governance.repositories import Repositories, WorkspaceIds, open_repositories
from localspace.http.services import Services
from localspace.identity.authenticator import Authenticator, digest
from localspace.jobs.services import RUNS
from localspace.server.data_folder import DataFolderError, claim, require_format
from localspace.server.workspace import APPS, FILES, TREE, VOLUMES, AccountParts, BuildRunner, Workspace, open_services

if TYPE_CHECKING:
    from localspace.sql.runners import Runners

_ENGINE_FOLDERS = frozenset({"engine", "empty", "scratch"})
"""What the running SQL engine holds on to in its folder; everything else there is rows, which a reset removes."""


class Account:
    """Opens everything over one data folder; a server hands the services of a host to the handlers."""

    def __init__(self, data_dir: Path, build_runner: BuildRunner | None = None) -> None:
        """Open the account in `data_dir`, made if it is not there; raises DataFolderError."""
        self._lock_file = claim(data_dir)
        try:
            require_format(data_dir)
        except DataFolderError:
            self._lock_file.release()
            raise
        self.data_dir = data_dir
        self._store = Store(data_dir / "store.db")
        self.clock = Clock(self._store)
        self._runners: Runners | None = None
        self.faults = Faults()
        self._parts = AccountParts(
            faults=self.faults,
            certificates=Certificates(data_dir),
            control=self,
            build_runner=build_runner or self._sql_runner,
        )
        self.on_opened: Callable[[Workspace], None] = _no_host
        self.on_closed: Callable[[Workspace], None] = _no_host
        first = bootstrap.ensure(self._store, self.clock)
        self.ids = first
        self.workspaces: dict[str, Workspace] = {}
        for record in self._store.list(kinds.ACCOUNT_WORKSPACE):
            self._open_workspace(str(record["workspace_id"]))
        self.location = Location(data_dir=data_dir)
        self.services = self._account_services()
        self.token = self._admin_token()

    # Workspaces and hosts

    @property
    def first(self) -> Workspace:
        """Return the workspace that the account started with, or the oldest of the others when that was deleted."""
        found = self.workspaces.get(self.ids.workspace_id)
        return found or next(iter(self.workspaces.values()))

    @property
    def host(self) -> StoredAccountHost:
        """Return how the account is reached: by a host of its own, or with the first workspace by one host for both."""
        return self._store.get(kinds.ACCOUNT_HOST, kinds.WHOLE) or StoredAccountHost(separate=False, port=0)

    def separate(self) -> None:
        """Give the account a host of its own from now on."""
        self._store.put(kinds.ACCOUNT_HOST, (kinds.WHOLE,), StoredAccountHost(separate=True, port=self.host["port"]))

    def launch(self, workspaces: int, metastores: int) -> None:
        """Make workspaces and metastores until there are so many; the n-th workspace gets the n-th metastore, in rounds."""
        with self._store.transaction():
            found = self._store.list(kinds.METASTORE)
            for number in range(len(found) + 1, metastores + 1):
                name = f"localspace-{number}"
                found.append(bootstrap.add_metastore(self._store, self.clock, {"name": name}, bootstrap.ADMIN_NAME))
            made = []
            for number in range(len(self.workspaces) + 1, workspaces + 1):
                fields = {"workspace_name": f"localspace-{number}", "deployment_name": f"localspace-{number}"}
                ids = bootstrap.add_workspace(self._store, self.clock, fields, self.ids.admin_id)
                metastore = found[(number - 1) % len(found)]
                bootstrap.assign_metastore(self._store, ids.workspace_id, metastore["metastore_id"])
                self._keep(ids, metastore["metastore_id"], metastore["name"], fields["workspace_name"])
                made.append(ids.workspace_id)
        for workspace_id in made:
            self._open_workspace(workspace_id)

    def port_of(self, workspace: Workspace) -> int:
        """Return the port that a workspace's host had last, 0 for none."""
        found = self._store.get(kinds.ACCOUNT_WORKSPACE, workspace.workspace_id)
        return 0 if found is None else found.get("port", 0)

    def remember_port(self, workspace: Workspace | None, port: int) -> None:
        """Keep the port of a workspace's host, or of the account's."""
        if workspace is None:
            host = self.host
            self._store.put(kinds.ACCOUNT_HOST, (kinds.WHOLE,), StoredAccountHost(separate=host["separate"], port=port))
            return
        found = self._store.get(kinds.ACCOUNT_WORKSPACE, workspace.workspace_id)
        if found is not None and found.get("port") != port:
            found["port"] = port
            self._store.put(kinds.ACCOUNT_WORKSPACE, (workspace.workspace_id,), found)

    # Its life

    def start(self) -> None:
        """Resume what an earlier life left; call it once the addresses are known."""
        for workspace in self.workspaces.values():
            workspace.start()

    def close(self) -> None:
        """Stop what runs and let go of the data folder."""
        for workspace in self.workspaces.values():
            workspace.close()
        self.services.jobs.close()
        if self._runners is not None:
            self._runners.close()
        self._store.close()
        self._lock_file.release()

    # The control that handlers have (localspace.http.account_control)

    def reset(self) -> None:
        """Go back to the account as it was launched, with the same ids and the same admin token; the SQL engine stays up."""
        for workspace in self.workspaces.values():
            workspace.end_work()
        for name in (TREE, VOLUMES, APPS, RUNS):
            shutil.rmtree(self.data_dir / name, ignore_errors=True)
        ports = {one: self.port_of(workspace) for one, workspace in self.workspaces.items()}
        with self._store.transaction():
            host, first, others = self.host, self._store.get(kinds.IDS, kinds.WHOLE), self._launched()
            self._store.clear()
            self._store.put(kinds.ACCOUNT_HOST, (kinds.WHOLE,), host)
            if first is not None:
                self._store.put(kinds.IDS, (kinds.WHOLE,), first)
            bootstrap.ensure(self._store, self.clock)
            for one in others:
                bootstrap.restore_workspace(self._store, self.clock, one)
        self.clock.tick(0)
        for folder in self.location.folder(FILES).iterdir():
            if folder.name not in _ENGINE_FOLDERS:
                shutil.rmtree(folder)
                folder.mkdir()
        self.faults.clear()
        self.faults.clear_log()
        self._admin_token()
        for workspace_id, workspace in list(self.workspaces.items()):
            if self._store.get(kinds.ACCOUNT_WORKSPACE, workspace_id) is None:
                self.closed(workspace_id)
                continue
            workspace.reopen()
            self.remember_port(workspace, ports[workspace_id])
        for record in self._store.list(kinds.ACCOUNT_WORKSPACE):
            if str(record["workspace_id"]) not in self.workspaces:
                self.opened(str(record["workspace_id"]))

    def address_of(self, workspace_id: str) -> str:
        """Return the address of a workspace's host."""
        found = self.workspaces.get(workspace_id)
        if found is None:
            raise not_found(f"Workspace {workspace_id} does not exist.")
        return found.location.address

    def host_type(self, workspace_id: str) -> str | None:
        """Return `workspace`, or None for the first workspace's host while the account has none of its own."""
        return None if workspace_id == self.first.workspace_id and not self.host["separate"] else "workspace"

    def opened(self, workspace_id: str) -> None:
        """Give a workspace that was made a host of its own."""
        self.on_opened(self._open_workspace(workspace_id))

    def closed(self, workspace_id: str) -> None:
        """Stop what runs in a workspace that was deleted, and its host."""
        workspace = self.workspaces.pop(workspace_id)
        self.on_closed(workspace)
        workspace.close()
        workspace.discard_files()

    def reassigned(self, workspace_id: str) -> None:
        """Open a workspace again over the metastore that it has now."""
        found = self.workspaces.get(workspace_id)
        if found is not None:
            found.reopen()

    # Inside

    def _open_workspace(self, workspace_id: str) -> Workspace:
        made = Workspace(self._store, self.clock, workspace_id, self.data_dir, self._parts)
        self.workspaces[workspace_id] = made
        return made

    def _account_services(self) -> Services:
        ids = WorkspaceIds(
            account_id=self.ids.account_id, workspace_id="", metastore_id="", warehouse_id="", admin_id=self.ids.admin_id
        )
        return open_services(open_repositories(self._store, self.clock, ids), self.location, self._parts)

    def _keep(self, ids: WorkspaceIds, metastore_id: str, metastore_name: str, name: str) -> None:
        """Note a launched workspace, which a reset brings back."""
        kept = self._store.get(kinds.IDS, ids.workspace_id)
        if kept is not None:
            kept |= {"metastore_id": metastore_id, "metastore_name": metastore_name, "launched_as": name}
            self._store.put(kinds.IDS, (ids.workspace_id,), kept)

    def _launched(self) -> list[StoredIds]:
        return [one for one in self._store.list(kinds.IDS) if "launched_as" in one]

    def _admin_token(self) -> str:
        authenticator = Authenticator(self._store, self.clock, self.services.repositories.identity)
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
        if self._store.get(kinds.TOKEN, digest(token)) is None:
            authenticator.admit_everywhere(token, self.ids.admin_id, "the token of localspace serve", self.ids.workspace_id)
        return token

    def _sql_runner(self, repositories: Repositories, files: Path) -> StatementRunner:
        if self._runners is None:
            # The engine is imported with the first statement: the control plane starts without it.
            from localspace.sql.runners import Runners

            self._runners = Runners(self._store, files)
        return self._runners.runner(repositories)


def _no_host(_: Workspace) -> None:
    """Do nothing: the account is not served."""
