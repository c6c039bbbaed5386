"""One address for REST and Spark Connect: the first bytes of a connection say which of the two it is."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

_TLS = b"\x16"
_HTTP2 = b"PRI"
_log = logging.getLogger("localspace.connect")


class ConnectionProxy(H11Protocol):
    """Handles HTTP/1.1; forwards TLS and HTTP/2 to the port of Spark Connect, byte by byte."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Wait for the first bytes."""
        super().__init__(*args, **kwargs)
        self._decided = False
        self._start = b""
        self._opening: asyncio.Task[None] | None = None
        self._onward: asyncio.Transport | None = None

    def data_received(self, data: bytes) -> None:
        """Decide by the first bytes, then pass on."""
        if self._onward is not None:
            self._onward.write(data)
        elif self._opening is not None:
            self._start += data
        elif self._decided:
            super().data_received(data)
        else:
            self._decide(self._start + data)

    def connection_lost(self, exc: Exception | None) -> None:
        """Close the other side too."""
        if self._opening is not None:
            self._opening.cancel()
        if self._onward is not None:
            self._onward.close()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Read no more from the other side than the client takes."""
        super().pause_writing()
        if self._onward is not None:
            self._onward.pause_reading()

    def resume_writing(self) -> None:
        """Go on reading."""
        super().resume_writing()
        if self._onward is not None and not self._onward.is_closing():
            self._onward.resume_reading()

    def _decide(self, start: bytes) -> None:
        self._start = start
        if start[:1] == _TLS or start[:3] == _HTTP2:
            self._opening = self.loop.create_task(self._open(secure=start[:1] == _TLS))
        elif start != _HTTP2[: len(start)]:
            self._decided, self._start = True, b""
            super().data_received(start)

    async def _open(self, *, secure: bool) -> None:
        try:
            endpoint = self.config.loaded_app.connect_at(self.transport.get_extra_info("sockname")[1])
            port = await self.loop.run_in_executor(None, lambda: endpoint.port(secure=secure))
            onward, _ = await self.loop.create_connection(lambda: _Onward(self.transport), "127.0.0.1", port)
        except Exception:
            # Nobody waits for this task: the client sees the connection end, the reason is in the server's log.
            _log.exception("Spark Connect cannot be served")
            self.transport.close()
            return
        self._onward = onward
        onward.write(self._start)
        self._start = b""


class _Onward(asyncio.Protocol):
    """The connection to the port of Spark Connect."""

    def __init__(self, client: asyncio.Transport) -> None:
        self._client = client

    def data_received(self, data: bytes) -> None:
        self._client.write(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._client.close()

    def pause_writing(self) -> None:
        self._client.pause_reading()

    def resume_writing(self) -> None:
        if not self._client.is_closing():
            self._client.resume_reading()
