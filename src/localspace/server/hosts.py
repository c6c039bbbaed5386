"""The hosts of an account: a loopback port for each workspace and, if it has one of its own, for the account."""

from __future__ import annotations

import socket
from dataclasses import dataclass

from localspace.core.errors import ApiError
from localspace.http.request import Plane, Route
from localspace.http.services import Services
from localspace.server.account import Account
from localspace.server.workspace import Workspace

_ACCOUNT = frozenset({Plane.OPEN, Plane.CONTROL, Plane.ACCOUNT})
_WORKSPACE = frozenset({Plane.OPEN, Plane.CONTROL, Plane.WORKSPACE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """A host: which services answer there, and the calls of which planes."""

    account: Account
    workspace: Workspace | None
    planes: frozenset[Plane]

    @property
    def services(self) -> Services:
        """Return the services of the moment."""
        return self.account.services if self.workspace is None else self.workspace.services

    def require(self, route: Route, raw_path: str) -> None:
        """Refuse a call of the other plane, as the platform does on the wrong host, and work before the workspace is provisioned.

        Source of the message: databrickslabs/ucx issue 1762, an account's call on the host of a workspace.
        """
        if route.plane not in self.planes:
            path = raw_path.removeprefix("/api")
            raise ApiError(404, "ENDPOINT_NOT_FOUND", f"Endpoint not found for {path}")
        if (
            route.plane is Plane.WORKSPACE
            and self.workspace is not None
            and self.workspace.ready_ms > self.account.clock.now_ms()
        ):
            raise ApiError(503, "WORKSPACE_TEMPORARILY_UNAVAILABLE", "The workspace is being provisioned.")


class Hosts:
    """The bound hosts, by port."""

    def __init__(self, account: Account) -> None:
        """Bind none yet."""
        self._account = account
        self._by_port: dict[int, Host] = {}
        self._ports: dict[str, int] = {}

    def at(self, port: int) -> Host:
        """Return the host at a port; raises KeyError for one whose workspace was deleted."""
        return self._by_port[port]

    def bind_all(self, port: int, account_port: int) -> list[socket.socket]:
        """Bind the first workspace to `port`, the account to `account_port`, the others where they were; 0 is a free port.

        Raises OSError when a port that was named is taken.
        """
        bound = []
        separate = self._account.host["separate"]
        for workspace in self._account.workspaces.values():
            first = workspace is self._account.first
            planes = _WORKSPACE if separate or not first else _WORKSPACE | _ACCOUNT
            bound.append(self.bind(workspace, port if first else 0, planes))
        if separate:
            bound.append(self._bind(None, account_port, self._account.host["port"], _ACCOUNT))
        return bound

    def bind(self, workspace: Workspace, port: int = 0, planes: frozenset[Plane] = _WORKSPACE) -> socket.socket:
        """Bind the host of a workspace."""
        return self._bind(workspace, port, self._account.port_of(workspace), planes)

    def forget(self, workspace: Workspace) -> int:
        """Answer no more on the host of a workspace; return its port."""
        port = self._ports.pop(workspace.workspace_id)
        del self._by_port[port]
        return port

    def _bind(self, workspace: Workspace | None, asked: int, last: int, planes: frozenset[Plane]) -> socket.socket:
        try:
            bound = _bound(asked or last)
        except OSError:
            if asked:
                raise
            # Another program has taken the port of the last time: only a port that was asked for is insisted on.
            bound = _bound(0)
        port = bound.getsockname()[1]
        address = f"http://127.0.0.1:{port}"
        if workspace is None:
            self._account.location.address = address
        else:
            workspace.location.address = address
            self._ports[workspace.workspace_id] = port
        self._account.remember_port(workspace, port)
        self._by_port[port] = Host(account=self._account, workspace=workspace, planes=planes)
        return bound


def _bound(port: int) -> socket.socket:
    # asyncio switches Nagle off only for sockets that name TCP: without it each answer takes 40 ms.
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(("127.0.0.1", port))
    except OSError:
        made.close()
        raise
    return made
