"""Tables from files instead of a workspace: `envs/<env>/ddl/*.sql` and `*.jsonl` that people put there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from lampkeeper.app.inputs import EnvInputs
from lampkeeper.files.schema_file import SchemaFile, read_schema_file
from lampkeeper.files.schema_sql import StatementCount
from lampkeeper.model.errors import UsageError
from lampkeeper.model.findings import Finding, Severity, sort_findings
from lampkeeper.model.names import TableName, pattern_takes
from lampkeeper.model.schema import Snapshot, Table

FETCHED = "_"
"""Prefix of the files that lampkeeper writes: `_fetched.sql` with every snapshot."""


def take_ddl(inputs: EnvInputs) -> tuple[Finding, ...]:
    """Make the snapshot from the files in ddl/ and write it; return what had to be guessed. Without files nothing happens.

    A table that several files define is an error; with table patterns in the settings, only what they name is taken.
    """
    folder = inputs.folder
    paths = [p for p in sorted((folder.path / "ddl").glob("*")) if p.suffix in (".sql", ".jsonl") and p.name[0] != FETCHED]
    if not paths:
        return ()
    tables: dict[TableName, Table] = {}
    findings: list[Finding] = []
    counts: list[StatementCount] = []
    patterns = inputs.settings.patterns
    for path in paths:
        read = read_schema_file(path)
        findings += read.findings if not patterns else [_outside(f, read, patterns) for f in read.findings]
        counts += [read.count] if path.suffix == ".sql" else []
        for table in read.tables:
            if tables.setdefault(table.name, table) != table:
                raise UsageError(f"{path}: table {table.name} is defined in another file too", fix="keep one definition")
    chosen = tuple(t for t in tables.values() if not patterns or any(pattern_takes(p, t.name) for p in patterns))
    if not chosen:
        raise UsageError(
            f"{folder.path / 'ddl'}: none of its {len(tables)} tables is in scope",
            fix="check uc_tables and the catalog and schema names in the files",
        )
    findings.append(
        Finding(
            code="LK022", severity=Severity.INFO, location=str(folder.path / "ddl"),
            message=f"{len(chosen)} tables from {len(paths)} files, not from a workspace{_reported(counts)}", fix="",
        )
    )  # fmt: skip
    inputs.write_snapshot(Snapshot(tables=chosen))
    return sort_findings(findings)


def _reported(counts: Sequence[StatementCount]) -> str:
    if not counts:
        return ""
    return f"; {StatementCount(read=sum(c.read for c in counts), named=sum(c.named for c in counts))}"


def _outside(finding: Finding, read: SchemaFile, patterns: Sequence[str]) -> Finding:
    """Return a finding about a table that the settings do not ask for as information: nothing in scope is lost."""
    table = read.about.get(finding)
    if table is None or any(pattern_takes(p, table) for p in patterns):
        return finding
    return replace(finding, severity=Severity.INFO)
