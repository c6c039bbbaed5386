"""Places to apply desired states to: a local workspace, the engine's way to it, and what people really see there."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from lampkeeper.deploy.state import States
from lampkeeper.model.auth import Auth
from lampkeeper.remote.clients import ApiLevel, Call, Wire, Workspace, connect
from lampkeeper.remote.clock import Clock
from lampkeeper.remote.failures import Timeouts
from lampkeeper.remote.warehouse import run_sql
from localspace.core.statement_runner import SqlError
from localspace.core.stored_documents import kinds
from localspace.sql.reader import Reader
from support.light_sql import light_runner
from support.localspace_server import LocalWorkspace, running_localspace


class Killed(BaseException):
    """The process died here, as far as the engine is concerned."""


@dataclass
class Tripwire:
    """A wire that can die at a write, and tells a watcher of every write that took effect; refused writes do not count.

    Writes of several threads go one after another, in any order: the watcher sees the world after each of them.
    """

    inner: Wire
    die_at: int = 0
    after_effect: bool = False
    watch: Callable[[int, Call], None] | None = None
    writes: int = 0
    log: list[str] = field(default_factory=list)
    lock: threading.RLock = field(default_factory=threading.RLock)

    def send(self, call: Call) -> Any:
        """Send the call; a write may be the last thing that happens."""
        if not call.writes:
            return self.inner.send(call)
        with self.lock:
            return self._write(call)

    def _write(self, call: Call) -> Any:
        if self.die_at and self.writes >= self.die_at and threading.current_thread() is not threading.main_thread():
            # Another thread of the process has died at a write: this one is dead too.
            raise Killed
        if self.writes + 1 == self.die_at and not self.after_effect:
            raise Killed
        answer = self.inner.send(call)
        self.writes += 1
        self.log.append(f"{call.kind} {call.method} {call.path}")
        if self.watch is not None:
            self.watch(self.writes, call)
        if self.writes == self.die_at:
            raise Killed
        return answer


class VirtualClock:
    """Waiting moves the workspace's own clock, so that lag passes without anybody waiting for it."""

    def __init__(self, space: LocalWorkspace) -> None:
        """Tick this workspace."""
        self._space = space
        self._ahead = 0.0
        self._lock = threading.Lock()

    def now(self) -> float:
        """Return real time plus what was slept."""
        return time.monotonic() + self._ahead

    def sleep(self, seconds: float) -> None:
        """Tick the workspace's clock, and let its threads run for a moment."""
        self._move(seconds)
        time.sleep(min(seconds, 0.002))

    def _move(self, seconds: float) -> None:
        with self._lock:
            self._space.workspace.repositories.clock.tick(seconds)
            self._ahead += seconds


@dataclass
class Place:
    """One local workspace with the engine's client, and a folder for state files."""

    space: LocalWorkspace
    workspace: Workspace
    wire: Tripwire
    folder: Path
    env: str = "dev"

    def states(self) -> States:
        """Load the state files, as a new process would."""
        return States.in_folder(self.folder, self.env)

    def sql(self, *statements: str) -> None:
        """Run statements as the admin."""
        for statement in statements:
            run_sql(self.workspace, statement, writes=False)

    def user(self, name: str) -> str:
        """Make a user, or find the one of this name; return the id."""
        known = {str(u.user_name): str(u.id) for u in self.workspace.account.users_v2.list()}  # type: ignore[union-attr]
        return known.get(name) or str(self.workspace.account.users_v2.create(user_name=name).id)  # type: ignore[union-attr]

    def enter(self, name: str) -> Workspace:
        """Give a person a workspace assignment and the warehouse, and return the workspace as that person reaches it."""
        space = self.space
        workspace_assignments = f"/api/2.0/accounts/{space.account_id}/workspaces/{space.workspace_id}/permissionassignments"
        call = Call(
            kind="test", method="PUT", path=f"{workspace_assignments}/principals/{self.user(name)}", api_level=ApiLevel.ACCOUNT
        )
        self.wire.inner.send(replace(call, body={"permissions": ["USER"]}))
        entry = {"access_control_list": [{"user_name": name, "permission_level": "CAN_USE"}]}
        path = f"/api/2.0/permissions/warehouses/{space.warehouse_id}"
        self.wire.inner.send(Call(kind="test", method="PATCH", path=path, body=entry))
        auth = Auth(workspace_host=space.host, token=space.mint(name), workspace_id=space.workspace_id)
        return connect(auth, warehouse_id=space.warehouse_id)

    def group(self, name: str, *member_ids: str) -> str:
        """Make an account group and return the id."""
        path, api_level = self.workspace.scim("Groups")
        body = {"displayName": name, "members": [{"value": m} for m in member_ids]}
        made = self.wire.inner.send(Call(kind="test", method="POST", path=path, api_level=api_level, body=body))
        return str(made["id"])

    def world(self) -> dict[str, Any]:
        """Return all governance documents without ids and times: equal worlds are equal states."""
        store = self.space.workspace.store
        listed = ("group", "tag_policy", "tag", "policy", "grant", "function", "schema", "warehouse", "genie_space")
        listed += ("rule_set", "workspace_assignment", "permissions")
        found: dict[str, Any] = {}
        people = [d for k in ("group", "user", "service_principal") for d in store.list(kinds.named(k))]
        names = {d["id"]: d.get("displayName") or d.get("userName") or d.get("applicationId") for d in people}
        for kind in listed:
            texts = sorted(
                json.dumps(_plain(d, names), sort_keys=True) for d in store.list(kinds.named(kind)) if not d.get("trashed")
            )
            if texts:
                found[kind] = texts
        return found

    def sight(self, principal: str, tables: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
        """Return what one principal gets of each column, by the local workspace's own rules: no query, no JVM.

        `table.column` to `hidden`, `failing`, or `rows by f: raw` and the like; the function's body is part of what is seen.
        """
        repositories = self.space.workspace.repositories
        reader = Reader(repositories)
        who = repositories.identity.by_name(principal)
        assert who is not None
        seen: dict[str, str] = {}
        for full_name, columns in tables.items():
            path = tuple(full_name.split("."))
            table = reader.table(path)  # type: ignore[arg-type]
            if table is None:
                continue
            try:
                reader.require_privilege(who, "SELECT", "TABLE", path)
                protection = reader.resolver(table, who).protection()
            except SqlError as error:
                state = "hidden" if error.error_class == "INSUFFICIENT_PERMISSIONS" else "failing"
                seen |= {f"{full_name}.{c}": state for c in columns}
                continue
            rows = "all rows" if protection.row_filter is None else self._body(reader, protection.row_filter)
            if rows.endswith("()FALSE"):
                seen |= {f"{full_name}.{c}": "no rows" for c in columns}
                continue
            for column in columns:
                mask = protection.masks.get(column.lower())
                seen[f"{full_name}.{column}"] = f"{rows}: {'raw' if mask is None else self._body(reader, mask)}"
        return seen

    @staticmethod
    def _body(reader: Reader, application: Any) -> str:
        function = reader.function(tuple(application.function.split(".")))
        if function is None:
            return "failing"
        return f"{application.function}{application.inputs}{function['routine_definition']}"


_VOLATILE = {
    "id", "create_time", "update_time", "created_at", "updated_at", "created_by", "updated_by", "etag", "meta",
    "function_id", "schema_id", "space_id", "warehouse_id", "object_id", "metastore_id", "version", "policy_id", "number",
    "created_ms", "updated_ms", "create_time_ms", "jdbc_url", "odbc_params", "group_id", "principal_id",
}  # fmt: skip

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def _plain(value: Any, names: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {names.get(k, k): _plain(v, names) for k, v in value.items() if k not in _VOLATILE}
    if isinstance(value, list):
        return sorted((_plain(v, names) for v in value), key=lambda v: json.dumps(v, sort_keys=True))
    return names.get(value) or _UUID.sub("*", value) if isinstance(value, str) else value


def place_at(space: LocalWorkspace, folder: Path, clock: Clock | None = None) -> Place:
    """Return the engine's place on a running local workspace.

    Without a clock of its own waiting takes no time; where the real SQL engine answers, it needs a real one.
    """
    clock = clock or VirtualClock(space)
    auth = Auth(workspace_host=space.host, token=space.token, account_id=space.account_id, workspace_id=space.workspace_id)
    workspace = connect(auth, warehouse_id=space.warehouse_id, timeouts=Timeouts(http=60, deadline=5), clock=clock)
    wire = Tripwire(workspace.wire)
    workspace.wire = wire
    return Place(space=space, workspace=workspace, wire=wire, folder=folder)


@contextmanager
def light_place(folder: Path, data: Path | None = None) -> Iterator[Place]:
    """Run a local workspace without a JVM; `data` continues an older one."""
    folder.mkdir(parents=True, exist_ok=True)
    with running_localspace(data or folder / "data", light_runner) as space:
        yield place_at(space, folder)
