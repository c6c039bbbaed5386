"""The certificate that all Spark Connect endpoints of a process share; made when the first of them is asked for it."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from localspace.connect.certificate import Certificate


class Certificates:
    """Makes one certificate in each run and writes it where clients find it."""

    def __init__(self, folder: Path) -> None:
        """Write `connect.pem` in `folder`."""
        self._path = folder / "connect.pem"
        self._lock = threading.Lock()
        self._made: Certificate | None = None

    def roots(self) -> Path:
        """Return the file with the certificate that clients must trust (GRPC_DEFAULT_SSL_ROOTS_FILE_PATH)."""
        self.certificate()
        return self._path

    def certificate(self) -> Certificate:
        """Return the certificate with its key."""
        with self._lock:
            if self._made is None:
                # Loaded late: the control plane starts without the library of certificates.
                from localspace.connect.certificate import make_certificate

                self._made = make_certificate()
                self._path.write_bytes(self._made.certificate)
            return self._made
