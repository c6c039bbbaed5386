"""uvicorn on loopback ports."""

from __future__ import annotations

import asyncio
import functools
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn

from localspace.server.account import Account
from localspace.server.app import App
from localspace.server.connection_proxy import ConnectionProxy
from localspace.server.hosts import Hosts
from localspace.server.workspace import Workspace


class LocalServer(uvicorn.Server):
    """uvicorn on the bound loopback sockets of an account, which says when it is ready and stops on SIGTERM with exit code 0."""

    def __init__(
        self, account: Account, port: int = 0, ready: Callable[[], None] | None = None, *, account_port: int = 0
    ) -> None:
        """Bind the hosts on 127.0.0.1, see `Hosts.bind_all`. Raises OSError when a port is taken."""
        self._hosts = Hosts(account)
        self._sockets = self._hosts.bind_all(port, account_port)
        self._account = account
        self._ready = ready
        account.on_opened = self._open_host
        account.on_closed = self._close_host
        config = uvicorn.Config(
            App(account, self._hosts),
            # h11 below it: the C parser loses the body of an h2c upgrade, which Java clients ask for.
            http=ConnectionProxy,
            ws="none",
            lifespan="off",
            log_level="warning",
            access_log=False,
            server_header=False,
            date_header=False,
            proxy_headers=False,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=2,
        )
        super().__init__(config)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start listening, then tell who waits."""
        await super().startup(sockets)
        if self.started:
            self._account.start()
        if self.started and self._ready is not None:
            self._ready()

    def _open_host(self, workspace: Workspace) -> None:
        """Bind and listen on the host of a new workspace; connections wait in the socket until the loop takes them."""
        bound = self._hosts.bind(workspace)
        bound.listen(self.config.backlog)
        workspace.start()
        self._opening = asyncio.get_running_loop().create_task(self._listen(bound))

    def _close_host(self, workspace: Workspace) -> None:
        """Refuse connections to the host of a workspace that was deleted."""
        port = self._hosts.forget(workspace)
        for server in self.servers:
            if any(one.getsockname()[1] == port for one in server.sockets):
                server.close()

    async def _listen(self, bound: socket.socket) -> None:
        protocol = functools.partial(
            ConnectionProxy, config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )
        server = await asyncio.get_running_loop().create_server(protocol, sock=bound, backlog=self.config.backlog)
        self.servers.append(server)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Turn SIGTERM and SIGINT into a clean end; uvicorn would raise them again."""
        import signal

        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {one: signal.signal(one, self.handle_exit) for one in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for one, handler in before.items():
                signal.signal(one, handler)

    def serve_here(self) -> None:
        """Serve in this thread until told to stop."""
        self.run(sockets=self._sockets)
        sys.stdout.flush()
