"""A local workspace in a thread of the test process, for tests that speak to it through real clients."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from lampkeeper.places.place import Address
from localspace.core.statement_runner import StatementRunner
from localspace.governance.repositories import Repositories
from localspace.server.account import Account
from localspace.server.local_server import LocalServer
from localspace.server.workspace import BuildRunner, Workspace
from support.driven_methods import count_calls
from support.stored import put_external_location, undeclared

if TYPE_CHECKING:
    from databricks.sdk import AccountClient, WorkspaceClient


class UndeclaredDocumentError(Exception):
    """The server has stored documents that are not as `localspace.core.stored_documents` declares them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalWorkspace:
    """A running local workspace: its address, ids, and ways to talk to it."""

    host: str
    token: str
    account_id: str
    workspace_id: str
    metastore_id: str
    warehouse_id: str
    server: Account

    @property
    def workspace(self) -> Workspace:
        """Return the first workspace as it is open now."""
        return self.server.first

    @property
    def address(self) -> Address:
        """Return the same as the address of a place."""
        return Address(
            host=self.host, token=self.token, account_id=self.account_id, workspace_id=self.workspace_id,
            metastore_id=self.metastore_id, warehouse_id=self.warehouse_id,
        )  # fmt: skip

    def write_sign_in(self, folder: Path, *, token: str = "", host: str = "") -> None:
        """Write the `auth.auto.tfvars` of an environment's folder, for the admin if no other token is given."""
        (folder / "auth.auto.tfvars").write_text(
            f'databricks_workspace_host = "{host or self.host}"\ndatabricks_token = "{token or self.token}"\n'
            f'databricks_account_id = "{self.account_id}"\ndatabricks_workspace_id = "{self.workspace_id}"\n'
        )

    def client(self, token: str | None = None, **options: Any) -> WorkspaceClient:
        """Return an unmodified WorkspaceClient; errors of the server are not retried for minutes."""
        from databricks.sdk import WorkspaceClient
        from databricks.sdk.core import Config

        options = {"retry_timeout_seconds": 2, "host": self.host, **options}
        config = Config(token=token or self.token, auth_type="pat", **options)
        client: WorkspaceClient = count_calls(WorkspaceClient(config=config))
        return client

    def account(self, token: str | None = None, **options: Any) -> AccountClient:
        """Return an unmodified AccountClient, at the account's own host if it has one."""
        from databricks.sdk import AccountClient
        from databricks.sdk.core import Config

        host = self.server.location.address or self.host
        options = {"retry_timeout_seconds": 2, "host": host, "account_id": self.account_id, **options}
        config = Config(token=token or self.token, auth_type="pat", **options)
        client: AccountClient = count_calls(AccountClient(config=config))
        return client

    def external_location(self, name: str, url: str) -> None:
        """Put an external location that the admin owns into the store, past the API and its log."""
        put_external_location(self.workspace.store, name, url)

    def http(self, token: str | None = None) -> httpx.Client:
        """Return a plain HTTP client with the token of a principal."""
        return httpx.Client(base_url=self.host, headers={"authorization": f"Bearer {token or self.token}"}, timeout=30)

    def control(self, method: str, path: str, body: Any = None, **query: str) -> Any:
        """Call the control API, such as `control("POST", "faults", {...})`, and return its JSON."""
        with self.http() as http:
            answer = http.request(method, f"/_localspace/{path}", json=body, params=query)
        answer.raise_for_status()
        return answer.json()

    def mint(self, principal: str, *, everywhere: bool = False) -> str:
        """Return a token for a user name, or the application id of a service principal; `everywhere`: from the account's host."""
        host = (everywhere and self.server.location.address) or self.host
        headers = {"authorization": f"Bearer {self.token}"}
        answer = httpx.post(f"{host}/_localspace/tokens", json={"principal": principal}, headers=headers, timeout=30)
        return str(answer.raise_for_status().json()["token"])

    def writes(self) -> list[dict[str, Any]]:
        """Return the logged calls that change something."""
        found: list[dict[str, Any]] = self.control("GET", "requests", mutating="true")["requests"]
        return found


def start(
    data_dir: Path, build_runner: BuildRunner | None = None, prepare: Callable[[Account], None] | None = None
) -> tuple[LocalWorkspace, Callable[[], None]]:
    """Start a server on a free port; return it and the function that stops it."""
    ready = threading.Event()
    account = Account(data_dir, build_runner or _shared_runner)
    if prepare is not None:
        prepare(account)
    server = LocalServer(account, 0, ready.set)
    thread = threading.Thread(target=server.serve_here, name="localspace", daemon=True)
    thread.start()
    if not ready.wait(10):
        raise TimeoutError("the local workspace did not start")

    def stop() -> None:
        server.force_exit = True
        server.should_exit = True
        thread.join(10)
        misfits = undeclared(account.first.store)
        account.close()
        if misfits:
            raise UndeclaredDocumentError("\n".join(misfits))

    workspace = account.first
    ids = workspace.ids
    running = LocalWorkspace(
        host=workspace.location.address,
        token=account.token,
        account_id=ids.account_id,
        workspace_id=ids.workspace_id,
        metastore_id=ids.metastore_id,
        warehouse_id=ids.warehouse_id,
        server=account,
    )
    return running, stop


def _shared_runner(repositories: Repositories, files: Path) -> StatementRunner:
    # Imported with the first statement, as the product does: most tests run none.
    from support.shared_engine import shared_runner

    return shared_runner(repositories, files)


@contextmanager
def running_localspace(
    data_dir: Path | None = None,
    build_runner: BuildRunner | None = None,
    prepare: Callable[[Account], None] | None = None,
) -> Iterator[LocalWorkspace]:
    """Run a fresh local workspace, or the one in `data_dir`; `build_runner` replaces the SQL engine that all of them share.

    `prepare` changes the account before it is served, such as `lambda account: account.launch(2, 1)`.
    """
    if data_dir is not None:
        space, stop = start(data_dir, build_runner, prepare)
        try:
            yield space
        finally:
            stop()
        return
    with tempfile.TemporaryDirectory(prefix="localspace-") as folder:
        space, stop = start(Path(folder), build_runner, prepare)
        try:
            yield space
        finally:
            stop()
