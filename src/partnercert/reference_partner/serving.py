"""Serve the reference partner on loopback."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from urllib.parse import urlsplit, urlunsplit

import uvicorn

from partnercert.config import PartnerConfig
from partnercert.hosts import is_loopback
from partnercert.reference_partner.app import build
from partnercert.reference_partner.faults import Fault


class ServeError(Exception):
    """The service cannot be started; the text says why."""


def serve(
    config: PartnerConfig,
    user: str,
    password: str,
    *,
    port: int | None = None,
    faults: Sequence[Fault] = (),
    ready: Callable[[str], None] = lambda address: None,
) -> None:
    """Serve until interrupted; `ready` is called with the address once it listens. Raises ServeError."""
    parts = urlsplit(config.base_url)
    if not is_loopback(parts.hostname or ""):
        raise ServeError(f"base_url {config.base_url} is not on loopback; the reference partner serves nowhere else")
    listener = _listener(parts.port or 80 if port is None else port)
    name = parts.hostname or "127.0.0.1"
    address = urlunsplit(("http", f"{name}:{listener.getsockname()[1]}", parts.path, "", ""))
    app = build(config, user=user, password=password, address=address, faults=faults)
    asyncio.run(_serve(uvicorn.Server(settings(app)), listener, lambda: ready(address)))


@contextmanager
def serving(config: PartnerConfig, user: str, password: str) -> Iterator[PartnerConfig]:
    """Serve on a free port in a thread, and give the config with its address. Raises ServeError."""
    listener = _listener(0)
    address = f"http://127.0.0.1:{listener.getsockname()[1]}"
    made = replace(config, base_url=address)
    server = uvicorn.Server(settings(build(made, user=user, password=password)))
    thread = threading.Thread(target=lambda: asyncio.run(_serve(server, listener, lambda: None)), daemon=True)
    thread.start()
    try:
        while not server.started and thread.is_alive():
            time.sleep(0.01)
        yield made
    finally:
        server.should_exit = True
        thread.join(10)
        listener.close()


def settings(app: object) -> uvicorn.Config:
    """Return quiet server settings: no access log, since it would hold what clients send."""
    return uvicorn.Config(app, log_level="critical", access_log=False, lifespan="off", server_header=False)  # type: ignore[arg-type]


def _listener(port: int) -> socket.socket:
    # asyncio turns Nagle's delay off only on sockets that say they are TCP; without it each reply waits 40 ms.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
    except OSError as error:
        listener.close()
        raise ServeError(f"cannot listen on 127.0.0.1:{port}: {error.strerror}") from error
    return listener


async def _serve(server: uvicorn.Server, listener: socket.socket, ready: Callable[[], None]) -> None:
    task = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started and not task.done():
        await asyncio.sleep(0.01)
    ready()
    await task
