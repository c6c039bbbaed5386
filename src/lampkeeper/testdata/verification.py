"""Verifies test data and its governance: rows, tags, masks and policies, per catalog and per sensitive column.

Every shortfall is an error. A column counts as masked whether a policy masks it or a mask is set on the table by hand.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lampkeeper.model.access import CellState, TableAccess
from lampkeeper.model.controls import SET_ON_TABLE
from lampkeeper.model.effective import OUTSIDER
from lampkeeper.model.errors import RemoteError
from lampkeeper.model.findings import Finding, Severity, sort_findings
from lampkeeper.model.names import ColumnName, TableName
from lampkeeper.remote.catalog import Pattern
from lampkeeper.remote.clients import Workspace
from lampkeeper.remote.live import Governed, read_governed
from lampkeeper.testdata.choice import DataChoice
from lampkeeper.testdata.row_counts import RowCounter
from lampkeeper.testdata.seeding import SeedTable

_NOT_THERE = {"CATALOG_NOT_FOUND", "TABLE_OR_VIEW_NOT_FOUND", "INFORMATION_SCHEMA_INCOMPLETE"}


def verify_testdata(
    workspace: Workspace, choice: DataChoice, governed: Iterable[str], *, local: bool = False
) -> tuple[Finding, ...]:
    """Return the errors of the chosen catalogs that `governed`, table patterns of environments, mention.

    Row counts are of whole catalogs, the other checks of the sensitive columns of tables that a pattern matches. `local`: the
    workspace runs on this machine, where memberships take effect at once.
    """
    patterns = [Pattern.parse(p) for p in governed]
    reached = {p.catalog.casefold() for p in patterns}
    chosen = [c for c in choice.catalogs if c.casefold() in reached]
    if not chosen:
        return (_error("TESTDATA_NOT_GOVERNED", ", ".join(choice.catalogs), "no environment governs any of these catalogs",
                       "name their tables in env.auto.tfvars, or give --auth-file of the environment that does"),)  # fmt: skip
    found: list[Finding] = []
    for catalog in chosen:
        tables = [t for t in choice.tables if t.table.name.catalog == catalog]
        try:
            live = read_governed(workspace, [t.table.name for t in tables])
        except RemoteError as error:
            if error.code not in _NOT_THERE:
                raise
            found.append(_error("TESTDATA_MISSING", catalog, error.message, "create the test data again"))
            continue
        found += _row_findings(workspace, live, tables, local=local)
        inside = [p for p in patterns if p.catalog.casefold() == catalog.casefold()]
        columns = [
            c for c in choice.sensitive
            if c.table.catalog == catalog and any(p.takes(c.table.schema, c.table.table) for p in inside)
        ]  # fmt: skip
        found += GovernanceCheck(catalog, live, columns).findings()
    return sort_findings(found)


def _row_findings(workspace: Workspace, live: Governed, tables: Sequence[SeedTable], *, local: bool) -> list[Finding]:
    counter = RowCounter(workspace, live, wait=60.0 if local else 300.0, stale_after=0.0 if local else 3600.0)
    counted = {c.table: c for c in counter.count([t.table.name for t in tables])}
    found = list(counter.findings)
    for each in tables:
        name, wanted = each.table.name, len(each.rows)
        rows = counted[name]
        if rows.found is None:
            found.append(_error("TESTDATA_ROWS", str(name), f"its rows cannot be counted: {rows.reason}",
                                "run as an account admin, who can create a test principal without a row filter"))  # fmt: skip
        elif rows.found != wanted:
            found.append(_error("TESTDATA_ROWS", str(name), f"{rows.found} rows, not {wanted}", "create the test data again"))
    return found


class GovernanceCheck:
    """Checks tags, masks and policies of one catalog for a principal outside all groups."""

    def __init__(self, catalog: str, live: Governed, columns: Sequence[ColumnName]) -> None:
        """Take the live state of the catalog, and the sensitive columns in scope."""
        self._catalog = catalog
        self._live = live
        self._columns = columns
        self._there = {c.plain.casefold() for t in live.tables for c in t.column_names()}
        self._access = {t.name: live.access.table(OUTSIDER, t.name) for t in live.tables}

    def findings(self) -> list[Finding]:
        """Return the errors of the catalog and of its sensitive columns."""
        found = [f for column in self._columns for f in self._column(column)]
        if self._columns:
            found += self._whole()
        return found

    def _column(self, column: ColumnName) -> list[Finding]:
        if column.plain.casefold() not in self._there:
            return [
                _error(
                    "TESTDATA_COLUMN_MISSING", str(column), "this sensitive column does not exist", "create the test data again"
                )
            ]
        access = self._access[column.table]
        masks = access.masks.get(column, ())
        if access.cells[column].state is CellState.FAILING or len({(use.function, use.arguments) for use in masks}) > 1:
            message = "every query of this sensitive column fails"
            return [_error("TESTDATA_COLUMN_MASK", str(column), message, "`lampkeeper audit` shows what conflicts")]
        if any(use.policy == SET_ON_TABLE for use in masks):
            return []
        found = []
        if not self._live.access.column_tags(column):
            found.append(_error("TESTDATA_COLUMN_TAG", str(column), "this sensitive column has no tag", "generate and apply"))
        if not masks and not _filtered_by(access, column):
            message = "neither a policy nor a mask on the table protects this sensitive column"
            found.append(_error("TESTDATA_COLUMN_MASK", str(column), message, "generate and apply"))
        return found

    def _whole(self) -> list[Finding]:
        uses = [(c, use) for access in self._access.values() for c, found in access.masks.items() for use in found]
        by_hand = {c for c, use in uses if use.policy == SET_ON_TABLE}
        found = []
        if not any(self._live.access.column_tags(c) for t in self._live.tables for c in t.column_names()):
            found.append(_error("TESTDATA_TAGS", self._catalog, "no column of this catalog has a tag", "generate and apply"))
        if not uses:
            found.append(_error("TESTDATA_MASKS", self._catalog, "no column of this catalog is masked", "generate and apply"))
        policies = any(use.policy != SET_ON_TABLE for _, use in uses) or any(
            use.policy != SET_ON_TABLE for access in self._access.values() for use in access.filters
        )
        if not policies and not set(self._columns) <= by_hand:
            found.append(
                _error("TESTDATA_POLICIES", self._catalog, "no policy binds anyone in this catalog", "generate and apply")
            )
        return found


def _filtered_by(access: TableAccess, column: ColumnName) -> bool:
    """Return whether a row filter reads the column: flags of compliance are protected by hiding the flagged rows."""
    return any(column in use.arguments for use in access.filters)


def _error(code: str, location: str | TableName, message: str, fix: str) -> Finding:
    return Finding(code=code, severity=Severity.ERROR, location=str(location), message=message, fix=fix)
