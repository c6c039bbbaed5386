"""The history of runs in append-only tables that the dashboard reads: applies, verifications, coverage, drift, items."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass

from lampkeeper.deploy.history_tables import TABLES
from lampkeeper.deploy.plan import Plan
from lampkeeper.deploy.verify.report import Status, VerifyReport
from lampkeeper.model.errors import LampkeeperError, RemoteError, UsageError
from lampkeeper.model.findings import Finding, Severity
from lampkeeper.model.names import TableName, split_name
from lampkeeper.model.unreviewed import REVIEW_KEY, REVIEWED
from lampkeeper.remote.clients import Workspace
from lampkeeper.remote.unreviewed import read_unreviewed
from lampkeeper.remote.warehouse import Parameter, run_sql
from lampkeeper.text.sql_quoting import quote_identifier, quote_string

_MOST = 200
_MOST_TEXT = 60_000
BEGAN, DONE, FAILED = "began", "done", "failed"
"""Values of the column `outcome` of `applies`: a row `began` without a following row is an interrupted apply."""


_ITEMS = "ARRAY<STRUCT<subject: STRING, detail: STRING, state: STRING, last_day: STRING>>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A row of a list: a column, a plan, a principal; `last_day` is an ISO date, or empty."""

    subject: str
    detail: str
    state: str
    last_day: str = ""


@dataclass(slots=True)
class Writes:
    """The number of writes that an apply has sent."""

    count: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """The tables of one schema, for one environment and run."""

    workspace: Workspace
    catalog: str
    schema: str
    env: str
    run_id: str = ""

    @classmethod
    def named(cls, workspace: Workspace, name: str, env: str, run_id: str = "") -> History:
        """Read `catalog.schema`; raise UsageError for anything else."""
        parts = split_name(name)
        if len(parts) != 2:
            raise UsageError(f"--history {name!r} is not a schema", fix="write catalog.schema")
        return cls(workspace=workspace, catalog=parts[0], schema=parts[1], env=env, run_id=run_id)

    @contextmanager
    def applying(self, plan: Plan, *, plan_hash: str, actor: str, approver: str) -> Iterator[Writes]:
        """Append one row before the first write of an apply, and one with its outcome after it.

        If the first row cannot be appended, this raises before the block begins, so nothing is applied.
        """
        writes = Writes()
        changes = [*plan.widening, *plan.first_access, *plan.narrowing]
        difference = [str(c) for c in changes[:_MOST]] + ([f"and {len(changes) - _MOST} more"] if len(changes) > _MOST else [])

        def append(outcome: str) -> None:
            counts = (len(plan.widening), len(plan.first_access), len(plan.narrowing))
            self._append("applies", (outcome, actor, approver, plan_hash, writes.count, *counts, _text(difference)))

        append(BEGAN)
        try:
            yield writes
        except LampkeeperError as error:
            try:
                append(f"{FAILED}: {error.message}")
            except RemoteError as lost:
                error.message += f"\n  and the history could not be written: {lost.message}"
            raise
        append(DONE)

    def verified(self, report: VerifyReport, *, actor: str) -> None:
        """Append a verification."""
        wrong = [f"{c.principal}: {c.column}: {c.expected}, seen {c.seen}" for c in report.cells if c.status is Status.MISMATCH]
        self._append("verifications", (actor, report.ok, len(report.cells), report.mismatches, _text(wrong[:_MOST])))

    def covered(self, tables: int, counts: Mapping[str, int]) -> None:
        """Append the numbers of columns that are protected, not sensitive and undecided."""
        self._append("coverage", (tables, counts["columns"], counts["protected"], counts["not_sensitive"], counts["undecided"]))

    def drifted(self, columns: int, forward: int, reverse: int, entities: Sequence[str]) -> None:
        """Append an audit."""
        self._append("drift", (columns, forward, reverse, _text(list(entities[:_MOST]))))

    def listed(self, kind: str, items: Sequence[Item]) -> None:
        """Append a list: its number of items, then one row for each of the first 200."""
        rows = [Item(subject="", detail="", state=str(len(items))), *items[:_MOST]]
        text = json.dumps([asdict(one) for one in rows], ensure_ascii=False)
        name = TableName(self.catalog, self.schema, "items")
        columns = ", ".join(quote_identifier(c) for c, _ in TABLES["items"])
        insert = (
            f"INSERT INTO {name.sql} (`env`, `run_id`, `recorded_at`, {columns})"  # noqa: S608 (quoted, values are parameters)
            " SELECT :env, :run_id, current_timestamp(), :kind, item.subject, item.detail, item.state, item.last_day"
            f" FROM (SELECT explode(from_json(:rows, {quote_string(_ITEMS)})) AS item)"
        )
        given = (("rows", text), ("kind", kind), ("env", self.env), ("run_id", self.run_id))
        self._insert("items", insert, [Parameter(name=n, value=v) for n, v in given])

    def review(self) -> tuple[Finding, ...]:
        """Assign the review tag to these tables in a hidden catalog, so that they can be read; return a warning if refused.

        Rows can be appended without the tag, because a row filter applies to readers only.
        """
        for name in (t.name for t in read_unreviewed(self.workspace, [self.catalog])):
            if name.schema.casefold() != self.schema.casefold() or name.table not in TABLES:
                continue
            body = {"entity_type": "tables", "entity_name": name.plain, "tag_key": REVIEW_KEY, "tag_value": REVIEWED}
            try:
                self.workspace.write("tag", "POST", "/api/2.1/unity-catalog/entity-tag-assignments", body)
            except RemoteError as error:
                if error.status != 403:
                    raise
                return (_hidden(name, error.message),)
        return ()

    def _append(self, table: str, values: Sequence[str | int | bool]) -> None:
        name = TableName(self.catalog, self.schema, table)
        typed = TABLES[table]
        given = [
            Parameter(name=column, value=str(value).lower() if isinstance(value, bool) else str(value), type=kind)
            for (column, kind), value in zip(typed, values, strict=True)
        ]
        given += [Parameter(name="env", value=self.env), Parameter(name="run_id", value=self.run_id)]
        columns = ", ".join(quote_identifier(c) for c, _ in typed)
        markers = ", ".join(f":{c}" for c, _ in typed)
        insert = (
            f"INSERT INTO {name.sql} (`env`, `run_id`, `recorded_at`, {columns})"  # noqa: S608 (quoted, values are parameters)
            f" VALUES (:env, :run_id, current_timestamp(), {markers})"
        )
        self._insert(table, insert, given)

    def _insert(self, table: str, insert: str, given: Sequence[Parameter]) -> None:
        """Run an INSERT, and create the table if it does not exist yet."""
        try:
            run_sql(self.workspace, insert, given, kind="history", writes=True)
        except RemoteError as error:
            if error.code != "TABLE_OR_VIEW_NOT_FOUND":
                raise
            self._create_first(table)
            run_sql(self.workspace, insert, given, kind="history", writes=True)

    def _create_first(self, table: str) -> None:
        """Create a table on the first append, if allowed. Its creator owns it, so in production an administrator creates it."""
        try:
            self.make(table)
        except RemoteError as error:
            if not error.code.startswith("INSUFFICIENT_PERMISSIONS"):
                raise
            schema = f"{self.catalog}.{self.schema}"
            raise RemoteError(
                f"{schema}.{table} does not exist and this principal may not create it: {error.message}", code=error.code,
                status=403, fix=f"as a principal that runs no job, run once: lampkeeper make-history {schema}",
            ) from None  # fmt: skip

    def make(self, table: str) -> None:
        """Create a table of the history if it does not exist; it is append-only."""
        typed = (("env", "STRING"), ("run_id", "STRING"), *TABLES[table])
        columns = ", ".join(f"{quote_identifier(c)} {kind}" for c, kind in typed)
        run_sql(
            self.workspace,
            f"CREATE TABLE IF NOT EXISTS {TableName(self.catalog, self.schema, table).sql} (`recorded_at` TIMESTAMP, {columns})"
            " TBLPROPERTIES ('delta.appendOnly' = 'true')",
            kind="history",
            writes=True,
        )


def _text(lines: Sequence[str]) -> str:
    return json.dumps(lines, ensure_ascii=False)[:_MOST_TEXT]


def _hidden(name: TableName, why: str) -> Finding:
    return Finding(
        code="HISTORY_UNREVIEWED",
        severity=Severity.WARNING,
        location=str(name),
        message=f"the history shows no rows to principals without an exemption: {why}",
        fix=f"grant APPLY TAG on schema {name.catalog}.{name.schema} to the principal that applies",
    )
