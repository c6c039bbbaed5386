"""Connections to a workspace and its account. Every call is counted, bounded in time and retried if that is safe.

The engine calls REST paths through the SDK's ApiClient: names are percent-encoded here (the SDK inserts them unencoded), empty
lists are sent, and unknown fields survive a read and a write. `Workspace.w` and `Workspace.account` are ordinary SDK clients
for other callers.
"""

from __future__ import annotations

import configparser
import logging
import os
import threading
import urllib.parse
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from lampkeeper.model.auth import Auth
from lampkeeper.model.errors import RemoteError, UsageError
from lampkeeper.model.known_names import unknown_name
from lampkeeper.remote.clock import Clock, RealClock, SingleTryClock
from lampkeeper.remote.failures import THROTTLED, CallClassifier, Timeouts, may_have_happened, translate
from lampkeeper.remote.pace import Pace
from lampkeeper.remote.retry import Failure, retry

if TYPE_CHECKING:
    # The SDK takes most of a second to load: import it when a client is created, not with the command line.
    from databricks.sdk import AccountClient, WorkspaceClient
    from databricks.sdk.core import Config

Json = dict[str, Any]

_BYTES = "application/octet-stream"
_QUIET = logging.NullHandler()  # adding it repeatedly adds it once; handlers of the root logger still receive every record


class ApiLevel(StrEnum):
    """The API that a call is sent to."""

    WORKSPACE = "workspace"
    ACCOUNT = "account"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One HTTP call: `kind` is a kind of resource, `path` is encoded and without the host.

    `writes` is true if the call changes something; SQL statements are POSTs, but most of them only read. `content` is a file's
    bytes, in place of a body; with `raw` the response is a stream of bytes under `contents`. `once` marks a call other than POST
    that must not be repeated. `piles_up` marks a POST that makes another object each time it is performed. `doing` names the
    call in errors, in place of method and path.
    """

    kind: str
    method: str
    path: str
    api_level: ApiLevel = ApiLevel.WORKSPACE
    query: Mapping[str, Any] | None = None
    body: Mapping[str, Any] | None = None
    writes: bool = False
    content: bytes | None = None
    raw: bool = False
    once: bool = False
    piles_up: bool = False
    doing: str = ""

    @property
    def repeatable(self) -> bool:
        """Return whether the call may be sent again although an earlier one was perhaps performed."""
        return self.method != "POST" and not self.once


class Wire(Protocol):
    """Sends a call once; passes on the SDK's exceptions."""

    def send(self, call: Call) -> Any:
        """Return the decoded body."""
        ...


class SdkWire:
    """The wire to a real server: the SDK's ApiClient with a single try; `Workspace.request` counts and repeats tries."""

    def __init__(self, workspace: Config, account: Config | None) -> None:
        """Create one client per API level."""
        from databricks.sdk.core import ApiClient

        self._clients = {ApiLevel.WORKSPACE: ApiClient(workspace)}
        self._headers = {"X-Databricks-Workspace-Id": workspace.workspace_id} if workspace.workspace_id else {}
        if account is not None:
            self._clients[ApiLevel.ACCOUNT] = ApiClient(account)

    def send(self, call: Call) -> Any:
        """Send the call through the client of its API level."""
        headers = {"Accept": _BYTES if call.raw else "application/json"}
        if call.api_level is ApiLevel.WORKSPACE:
            headers |= self._headers
        if call.content is not None:
            headers |= {"Content-Type": _BYTES}
        return self._clients[call.api_level].do(
            call.method,
            call.path,
            query=dict(call.query) if call.query else None,
            headers=headers,
            body=dict(call.body) if call.body is not None else None,
            data=call.content,
            raw=call.raw,
        )


def encode(*parts: str) -> str:
    """Return path segments percent-encoded and joined by slashes."""
    return "/".join(urllib.parse.quote(part, safe="") for part in parts)


class Workspace:
    """A workspace and its account."""

    def __init__(
        self,
        wire: Wire,
        *,
        w: WorkspaceClient | None = None,
        account: AccountClient | None = None,
        host: str = "",
        account_id: str = "",
        workspace_id: str = "",
        warehouse_id: str = "",
        timeouts: Timeouts | None = None,
        clock: Clock | None = None,
        secrets: tuple[str, ...] = (),
        has_account: bool = True,
    ) -> None:
        """Take the parts that `connect` creates; tests pass their own wire."""
        self.wire = wire
        self._w = w
        self.account = account
        self.host = host
        self.account_id = account_id
        self.workspace_id = workspace_id
        self.warehouse_id = warehouse_id
        self.timeouts = timeouts or Timeouts()
        self.clock: Clock = clock or RealClock()
        self.secrets = secrets
        self.has_account = has_account
        self.tally: Counter[tuple[str, bool]] = Counter()
        self.pace = Pace(self.clock)
        self._counting = threading.Lock()

    @property
    def w(self) -> WorkspaceClient:
        """Return the SDK's workspace client."""
        if self._w is None:
            raise UsageError("this workspace has no SDK client")
        return self._w

    @property
    def static_token(self) -> str:
        """Return the token that no one renews during a run: a personal access token or another given token, else nothing."""
        config = self._w.config if self._w is not None else None
        return (config.token or "") if config is not None and config.auth_type == "pat" else ""

    def request(self, call: Call) -> Any:
        """Send a call, repeating while that is safe and may help and the timeouts allow it; raise RemoteError."""

        classify = CallClassifier(
            doing=call.doing or f"{call.method} {urllib.parse.unquote(call.path)}", repeatable=call.repeatable,
            timeouts=self.timeouts, secrets=self.secrets, piles_up=call.piles_up,
        )  # fmt: skip
        lost = False

        def send() -> Any:
            with self.pace.sending(turn):
                with self._counting:
                    self.tally[(call.kind, call.writes)] += 1
                return self.wire.send(call)

        def judge(error: Exception) -> Failure | None:
            nonlocal lost
            failure = classify(error)
            if failure is not None:
                failure.problem.repeated = lost
                lost = lost or (call.writes and may_have_happened(failure.problem, error))
                if failure.problem.status in THROTTLED and failure.after <= self.timeouts.deadline:
                    self.pace.throttled(failure.after)
            return failure

        with self.pace.turn() as turn:
            answer = retry(send, judge, self.timeouts.backoff, self.clock)
        self.pace.succeeded()
        return answer

    def get(self, kind: str, path: str, query: Mapping[str, Any] | None = None, api_level: ApiLevel = ApiLevel.WORKSPACE) -> Json:
        """Read one document."""
        found = self.request(Call(kind=kind, method="GET", path=path, query=query, api_level=api_level))
        return found if isinstance(found, dict) else {"items": found}

    def find(
        self, kind: str, path: str, query: Mapping[str, Any] | None = None, api_level: ApiLevel = ApiLevel.WORKSPACE
    ) -> Json | None:
        """Read one document; None if it does not exist."""
        try:
            return self.get(kind, path, query, api_level)
        except RemoteError as error:
            if error.status == 404:
                return None
            raise

    def write(
        self,
        kind: str,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        query: Mapping[str, Any] | None = None,
        api_level: ApiLevel = ApiLevel.WORKSPACE,
        *,
        piles_up: bool = False,
    ) -> Json:
        """Send one write."""
        call = Call(
            kind=kind, method=method, path=path, query=query, body=body, api_level=api_level, writes=True, piles_up=piles_up
        )
        found = self.request(call)
        return found if isinstance(found, dict) else {}

    def pages(self, kind: str, path: str, items: str, query: Mapping[str, Any] | None = None) -> Iterator[Json]:
        """Read a list that is paged by tokens; an empty page may still have a successor."""
        token = ""
        while True:
            page = self.get(kind, path, dict(query or {}) | ({"page_token": token} if token else {}))
            yield from page.get(items) or ()
            token = page.get("next_page_token") or ""
            if not token:
                return

    def scim_pages(self, kind: str, path: str, query: Mapping[str, Any] | None, api_level: ApiLevel) -> Iterator[Json]:
        """Read a SCIM list, which is paged by start index."""
        start = 1
        while True:
            page = self.get(kind, path, dict(query or {}) | {"startIndex": start, "count": 500}, api_level)
            found = page.get("Resources") or []
            yield from found
            start += len(found)
            if not found or start > int(page.get("totalResults") or 0):
                return

    def scim(self, resource: str) -> tuple[str, ApiLevel]:
        """Return the SCIM path of account groups, users or service principals, and its API level."""
        if self.has_account:
            return f"/api/2.0/accounts/{encode(self.account_id)}/scim/v2/{resource}", ApiLevel.ACCOUNT
        return f"/api/2.0/preview/scim/v2/{resource}", ApiLevel.WORKSPACE

    def calls(self) -> dict[str, dict[str, int]]:
        """Return how many reads and writes were sent, by kind."""
        table: dict[str, dict[str, int]] = {}
        for (kind, writes), count in sorted(self.tally.items()):
            row = table.setdefault(kind, {"reads": 0, "writes": 0})
            row["writes" if writes else "reads"] += count
        return table


def connect(
    auth: Auth,
    *,
    warehouse_id: str = "",
    timeouts: Timeouts | None = None,
    clock: Clock | None = None,
    account: Auth | None = None,
) -> Workspace:
    """Return the workspace; the first call checks the token. Raise UsageError for an incomplete sign-in.

    `account` holds separate credentials for the account, as jobs use them.
    """
    from databricks.sdk import AccountClient, WorkspaceClient

    timeouts = timeouts or Timeouts()
    secrets = tuple(s for a in (auth, account or auth) for s in (a.token, a.client_secret) if s)
    signing = _signing(auth)
    timing = {"http_timeout_seconds": timeouts.http, "retry_timeout_seconds": 1, "clock": SingleTryClock()}
    addresses = {"host": auth.workspace_host, "profile": auth.profile, "workspace_id": auth.workspace_id}
    config = _config(signing | {k: v for k, v in addresses.items() if v} | timing, secrets)
    account_id = (account or auth).account_id or config.account_id or ""
    account_config = None
    if account is not None:
        address = {"host": account.account_host or account_console(config.host or ""), "account_id": account_id}
        account_config = _config(_signing(account) | address | timing, secrets)
    elif account_id:
        profile = {"profile": auth.profile} if auth.profile and not auth.workspace_host else {}
        address = {"host": auth.account_host or account_console(config.host or ""), "account_id": account_id}
        account_config = _config(signing | profile | address | timing, secrets)
    return Workspace(
        SdkWire(config, account_config),
        w=WorkspaceClient(config=config),
        account=AccountClient(config=account_config) if account_config is not None else None,
        host=config.host or "",
        account_id=account_id,
        workspace_id=auth.workspace_id or config.workspace_id or "",
        warehouse_id=warehouse_id or config.warehouse_id or "",
        timeouts=timeouts,
        clock=clock,
        secrets=secrets,
        has_account=account_config is not None,
    )


def _signing(auth: Auth) -> dict[str, Any]:
    """Return the credentials with an explicit auth type: other credentials in a task's environment would take precedence."""
    if auth.token:
        return {"token": auth.token, "auth_type": "pat"}
    if auth.client_secret:
        signing = {"client_id": auth.client_id, "client_secret": auth.client_secret, "auth_type": "oauth-m2m"}
        return {k: v for k, v in signing.items() if v}
    return {"client_id": auth.client_id} if auth.client_id else {}


_CONSOLES = (
    (".azuredatabricks.net", "https://accounts.azuredatabricks.net"),
    (".gcp.databricks.com", "https://accounts.gcp.databricks.com"),
    (".cloud.databricks.com", "https://accounts.cloud.databricks.com"),
)


def account_console(host: str) -> str:
    """Return the account console of a workspace's cloud; the host itself if one server serves both API levels."""
    bare = host.rstrip("/")
    return next((console for ending, console in _CONSOLES if bare.endswith(ending)), bare)


def profiles() -> tuple[str, ...]:
    """Return the names of the profiles in this machine's .databrickscfg, and nothing else from the file."""
    reader = configparser.ConfigParser(interpolation=None, strict=False)
    path = Path(os.environ.get("DATABRICKS_CONFIG_FILE") or "~/.databrickscfg").expanduser()
    try:
        reader.read(path, encoding="utf-8")
    except (configparser.Error, UnicodeDecodeError, OSError):
        return ()
    return tuple(reader.sections()) + (("DEFAULT",) if reader.defaults() else ())


def _config(settings: Mapping[str, Any], secrets: tuple[str, ...]) -> Config:
    from databricks.sdk.core import Config

    # The SDK logs a warning for a problem that lampkeeper raises as an error; without a handler it would be printed too.
    logging.getLogger("databricks.sdk").addHandler(_QUIET)
    try:
        return Config(product="lampkeeper", product_version=version("lampkeeper"), **settings)
    except ValueError as error:
        profile = str(settings.get("profile", ""))
        if profile and (there := profiles()) and profile not in there:
            raise unknown_name("profile", profile, there, where="in .databrickscfg", fix="databricks auth profiles") from None
        reason = translate(error, "sign-in", secrets).message
        raise UsageError(
            reason,
            fix="give host and token, client ID and secret, a profile, or the ID token that DATABRICKS_AUTH_TYPE names",
        ) from None
