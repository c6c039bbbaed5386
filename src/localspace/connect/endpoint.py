"""Where Spark Connect listens: two loopback ports behind the workspace's own, opened by the first client."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from localspace.connect.resources import ConnectResources

if TYPE_CHECKING:
    from localspace.connect.service import Service

_WORKERS = 64
_LARGEST = 128 * 1024 * 1024


class ConnectEndpoint:
    """The gRPC server of one workspace; nothing of it is loaded before it is needed."""

    def __init__(self, resources: ConnectResources) -> None:
        """Open nothing yet."""
        self._resources = resources
        self._lock = threading.Lock()
        self._server: Any = None
        self._service: Service | None = None
        self._ports: dict[bool, int] = {}

    def roots(self) -> Path:
        """Return the file with the certificate that clients must trust (GRPC_DEFAULT_SSL_ROOTS_FILE_PATH); new in each run."""
        return self._resources.certificates.roots()

    def port(self, *, secure: bool) -> int:
        """Return the port for TLS, or the one without; starts the server with the first call."""
        with self._lock:
            if self._server is None:
                self._start()
            return self._ports[secure]

    def reset(self) -> None:
        """Forget every session."""
        if self._service is not None:
            self._service.sessions.clear()

    def close(self) -> None:
        """Stop serving at once."""
        with self._lock:
            server, self._server = self._server, None
        if server is not None:
            server.stop(None).wait()

    def _start(self) -> None:
        import grpc

        from localspace.connect.service import Service

        certificate = self._resources.certificates.certificate()
        self._service = Service(self._resources)
        options = [
            ("grpc.max_receive_message_length", _LARGEST),
            ("grpc.max_send_message_length", _LARGEST),
            ("grpc.so_reuseport", 0),
        ]
        server = grpc.server(ThreadPoolExecutor(_WORKERS, thread_name_prefix="connect"), options=options)
        server.add_generic_rpc_handlers((self._service.handler(),))
        credentials = grpc.ssl_server_credentials([(certificate.key, certificate.certificate)])
        self._ports = {
            True: server.add_secure_port("127.0.0.1:0", credentials),
            False: server.add_insecure_port("127.0.0.1:0"),
        }
        server.start()
        self._server = server
