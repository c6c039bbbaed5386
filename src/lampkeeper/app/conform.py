"""The conformance ledger put to a place: every probe runs there, and what it showed is kept with the date.

The ledger and the probes are the local workspace's; here is the thin client that any workspace is driven with.
"""

from __future__ import annotations

import json
import re
import urllib.parse
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from lampkeeper.files.text import read_text, write_text
from lampkeeper.model.auth import Auth
from lampkeeper.model.errors import RemoteError, UsageError
from lampkeeper.remote.clients import ApiLevel, Workspace, connect, encode
from lampkeeper.remote.warehouse import run_sql, warehouse_id
from lampkeeper.testdata.seeding import Progress
from lampkeeper.text.moments import utc_text
from lampkeeper.text.sql_quoting import quote_identifier
from localspace.core.ledger import LedgerRow, Standing, load_ledger
from localspace.probes import Answer, ProbeError, ProbeOutcome, run_probes

RECORD = "conformance-record.json"
LOCAL = "local"
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)?")
_SCIM = "/api/2.0/preview/scim/v2"
_LIFETIME = "7200s"


class RemoteProbePlace:
    """Any workspace as a place for probes: statements over the warehouse, people and groups over SCIM."""

    def __init__(self, workspace: Workspace, *, settle_seconds: float = 0.0) -> None:
        """Take the workspace, signed in as an administrator, and how long a change may take to have effect."""
        self._workspace = workspace
        self._settle = settle_seconds
        self._people: dict[str, Workspace] = {}
        self._ids: dict[str, tuple[str, str]] = {}

    def run(self, statement: str, persona: str | None = None) -> Answer:
        """Run a statement; what the warehouse refuses is an answer, a call that fails is raised."""
        asked = self._workspace if persona is None else self._people[persona]
        try:
            found = run_sql(asked, statement, kind="conform", writes=True)
        except RemoteError as error:
            # The statement API answers 200 with a failed statement; everything else means that nobody was asked.
            if error.status != 200:
                raise
            return Answer(error_class=error.code, error=error.message)
        return Answer(rows=found.rows, columns=found.columns)

    def run_spark(self, statement: str, persona: str | None, claimed: str) -> Answer:
        """Run a statement through Spark Connect on serverless compute; a call that nobody answered is raised."""
        try:
            from localspace.connect.client import ConnectClient, ConnectError
        except ImportError as error:
            raise UsageError(
                f"Spark Connect cannot be asked: {error}", fix="in the clone of lampkeeper: pip install '.[local]'"
            ) from None
        asked = self._workspace if persona is None else self._people[persona]
        client = ConnectClient(asked.host, asked.w.config.authenticate(), claimed)
        try:
            rows = client.sql(statement)
        except ConnectError as error:
            if not error.error_class:
                raise RemoteError(f"Spark Connect: {error.message}", code=error.code) from None
            return Answer(error_class=error.error_class, error=error.message)
        finally:
            client.close()
        return Answer(rows=tuple(tuple(None if cell is None else str(cell) for cell in row) for row in rows))

    @property
    def warehouse(self) -> str:
        """Return the id of the warehouse that runs the statements."""
        return warehouse_id(self._workspace)

    def ask(self, method: str, path: str, body: Mapping[str, Any] | None, persona: str | None) -> tuple[int, dict[str, Any]]:
        """Call the REST API; what it refuses is an answer with its status, a call that nobody answered is raised."""
        asked = self._workspace if persona is None else self._people[persona]
        path, _, query = path.partition("?")
        model_options = dict(urllib.parse.parse_qsl(query)) or None
        try:
            found = asked.get("conform", path, model_options) if method == "GET" else asked.write("conform", method, path, body)
        except RemoteError as error:
            if not error.status:
                raise
            return error.status, {"message": error.message}
        return 200, found

    def make_persona(self, label: str) -> str:
        """Make a service principal with a secret and the right to use the warehouse; return its application id."""
        body = {
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ServicePrincipal"],
            "displayName": label,
            "active": True,
            "entitlements": [{"value": "databricks-sql-access"}, {"value": "workspace-access"}],
        }
        made = self._workspace.write("conform", "POST", f"{_SCIM}/ServicePrincipals", body)
        number, application = str(made["id"]), str(made["applicationId"])
        self._ids[application] = ("ServicePrincipals", number)
        warehouse = warehouse_id(self._workspace)
        entry = {"service_principal_name": application, "permission_level": "CAN_USE"}
        path = f"/api/2.0/permissions/warehouses/{encode(warehouse)}"
        self._workspace.write("conform", "PATCH", path, {"access_control_list": [entry]})
        auth = Auth(workspace_host=self._workspace.host, client_id=application, client_secret=self._secret(number))
        self._people[application] = connect(auth, warehouse_id=warehouse, timeouts=self._workspace.timeouts)
        return application

    def _secret(self, number: str) -> str:
        path, api_level = f"/api/2.0/accounts/servicePrincipals/{encode(number)}/credentials/secrets", ApiLevel.WORKSPACE
        if self._workspace.has_account:
            account = encode(self._workspace.account_id)
            path = f"/api/2.0/accounts/{account}/servicePrincipals/{encode(number)}/credentials/secrets"
            api_level = ApiLevel.ACCOUNT
        return str(self._workspace.write("conform", "POST", path, {"lifetime": _LIFETIME}, api_level=api_level)["secret"])

    def make_group(self, name: str, members: Sequence[str]) -> None:
        """Make an account group of personas and groups that this run made."""
        path, api_level = self._workspace.scim("Groups")
        body = {
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"],
            "displayName": name,
            "members": [{"value": self._ids[m][1]} for m in members],
        }
        made = self._workspace.write("conform", "POST", path, body, api_level=api_level)
        self._ids[name] = ("Groups", str(made["id"]))

    def remove(self, names: Sequence[str]) -> None:
        """Remove personas and groups of this run; all are tried before a failure is raised."""
        left: list[str] = []
        for name in names:
            resource, number = self._ids[name]
            path, api_level = self._workspace.scim(resource)
            try:
                self._workspace.write("conform", "DELETE", f"{path}/{encode(number)}", api_level=api_level)
            except RemoteError as error:
                if error.status != 404:
                    left.append(f"{name} ({error.message})")
                    continue
            self._people.pop(name, None)
            del self._ids[name]
        if left:
            raise RemoteError(f"could not be removed: {'; '.join(left)}", code="PROBES_LEFT", fix="remove them by hand")

    def settle(self) -> None:
        """Wait until changes have effect."""
        if self._settle:
            self._workspace.clock.sleep(self._settle)


class Outcome(StrEnum):
    """What a probe showed of a rule at a place."""

    HOLDS = "holds"
    CONTRADICTED = "contradicted"


@dataclass(frozen=True, slots=True, kw_only=True)
class RowOutcome:
    """A row of the ledger, and what its probe showed."""

    row: LedgerRow
    outcome: Outcome
    seen: str = ""

    def as_dict(self) -> dict[str, str]:
        """Return the JSON form."""
        return {
            "id": self.row.id, "statement": self.row.statement, "standing": str(self.row.standing), "probe": self.row.probe,
            "outcome": str(self.outcome), "seen": self.seen,
        }  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Conformance:
    """A run of all probes at a place. `host` is empty for the local workspace: its port is new at every start."""

    place: str
    host: str
    date: str
    rows: tuple[RowOutcome, ...]
    probes: tuple[ProbeOutcome, ...] = field(default=())

    @property
    def passed(self) -> int:
        """Return how many probes passed."""
        return sum(p.passed for p in self.probes)

    @property
    def standings(self) -> Mapping[str, int]:
        """Return how many rows are observed, documented and assumed, in that order."""
        return count_standings(r.row for r in self.rows)

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form, as it is recorded."""
        return {
            "place": self.place,
            "host": self.host,
            "date": self.date,
            "standings": dict(self.standings),
            "probes": {"run": len(self.probes), "passed": self.passed},
            "rows": [r.as_dict() for r in self.rows],
        }


def count_standings(rows: Any) -> dict[str, int]:
    """Return how many of the rows are observed, documented and assumed, in that order."""
    counts = Counter(row.standing for row in rows)
    return {str(s): counts[s] for s in Standing}


def check_sandbox(sandbox: str) -> str:
    """Return the sandbox, CATALOG or CATALOG.SCHEMA; raise UsageError when the probes could not spell it."""
    if not _PLAIN.fullmatch(sandbox):
        raise UsageError(
            f"--sandbox {sandbox!r} is not CATALOG or CATALOG.SCHEMA in plain letters, digits and _",
            fix="name a catalog in which a schema may be made and dropped",
        )
    return sandbox


def conform(
    workspace: Workspace,
    sandbox: str,
    *,
    place: str,
    settle_seconds: float = 0.0,
    now: datetime | None = None,
    progress: Progress | None = None,
) -> Conformance:
    """Run every probe in a schema that it makes and drops; raise UsageError when that schema is there already.

    Raise RemoteError when the probes' own people, groups or tables cannot be made.
    """
    asked = RemoteProbePlace(workspace, settle_seconds=settle_seconds)
    catalog, _, schema = check_sandbox(sandbox).partition(".")
    _require_room(asked, catalog, schema)
    try:
        outcomes = run_probes(asked, sandbox, progress)
    except ProbeError as error:
        raise RemoteError(
            f"the probes could not be set up: {error}", code="CONFORM_SETUP",
            fix="sign in as a metastore and account admin, and name a sandbox catalog of your own",
        ) from None  # fmt: skip
    by_probe = {o.name: o for o in outcomes}
    return Conformance(
        place=place,
        host="" if place == LOCAL else workspace.host,
        date=utc_text(now or datetime.now(UTC)),
        rows=tuple(_row_outcome(row, by_probe[row.probe]) for row in load_ledger()),
        probes=tuple(outcomes),
    )


def _require_room(asked: RemoteProbePlace, catalog: str, schema: str) -> None:
    found = asked.run(f"SHOW SCHEMAS IN {quote_identifier(catalog)}")
    if found.error_class is not None:
        raise UsageError(f"--sandbox: catalog {catalog!r} cannot be used: {found.error}", fix="name a catalog that you may use")
    if schema and schema.casefold() in {str(row[0]).casefold() for row in found.rows}:
        raise UsageError(
            f"--sandbox: schema {catalog}.{schema} is there already", fix="name one that is not: the probes make it and drop it"
        )


def _row_outcome(row: LedgerRow, found: ProbeOutcome) -> RowOutcome:
    return RowOutcome(row=row, outcome=Outcome.HOLDS if found.passed else Outcome.CONTRADICTED, seen=found.seen)


def write_record(path: Path, run: Conformance) -> None:
    """Put a run into the record file, in the place of an older one of the same workspace; the others stay."""
    kept = [r for r in read_record(path) if (r["place"], r["host"]) != (run.place, run.host)]
    runs = sorted([*kept, run.as_dict()], key=lambda r: (r["place"], r["host"]))
    write_text(path, json.dumps({"format": 1, "runs": runs}, indent=2, ensure_ascii=False) + "\n")


def read_record(path: Path) -> list[dict[str, Any]]:
    """Return the runs recorded in a file, an empty list without a file; raise UsageError if the file is not a record."""
    if not path.is_file():
        return []
    try:
        runs = json.loads(read_text(path))["runs"]
        for run in runs:
            _ = run["place"], run["host"], run["date"], [(r["id"], r["outcome"]) for r in run["rows"]]
    except (ValueError, KeyError, TypeError):
        raise UsageError(f"{path} is not a record of conformance", fix="name another file with --record") from None
    return list(runs)


def never_observed(root: Path) -> str:
    """Return, in words, how many access rules of the local workspace were never observed on a Databricks workspace.

    A rule that held at a live workspace recorded in `root`/conformance-record.json counts as observed.
    """
    live = [r for run in read_record(root / RECORD) if run["place"] != LOCAL for r in run["rows"]]
    held = {r["id"] for r in live if r["outcome"] == Outcome.HOLDS} - {r["id"] for r in live if r["outcome"] != Outcome.HOLDS}
    rows = load_ledger()
    open_rows = [row for row in rows if row.standing is not Standing.OBSERVED and row.id not in held]
    counts = count_standings(open_rows)
    return (
        f"{len(open_rows)} of the local workspace's {len(rows)} access rules "
        f"({counts['documented']} documented, {counts['assumed']} assumed)"
    )
