"""uvicorn on a loopback port."""

from __future__ import annotations

import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn

from localspace.server.app import App
from localspace.server.connection_proxy import ConnectionProxy
from localspace.server.workspace import Workspace


class LocalServer(uvicorn.Server):
    """uvicorn on one bound loopback socket, which says when it is ready and stops on SIGTERM with exit code 0."""

    def __init__(self, workspace: Workspace, port: int = 0, ready: Callable[[], None] | None = None) -> None:
        """Bind 127.0.0.1:`port`; 0 takes a free one. Raises OSError when the port is taken."""
        # asyncio switches Nagle off only for sockets that name TCP: without it each answer takes 40 ms.
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind(("127.0.0.1", port))
        workspace.location.address = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._workspace = workspace
        self._ready = ready
        config = uvicorn.Config(
            App(workspace),
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
            self._workspace.start()
        if self.started and self._ready is not None:
            self._ready()

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
        self.run(sockets=[self._socket])
        sys.stdout.flush()
