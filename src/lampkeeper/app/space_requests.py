"""The spaces that a generation makes: those of the settings, with the tables of the snapshot that each shows."""

from __future__ import annotations

from lampkeeper.app.modes import Mode
from lampkeeper.design.genie.spaces import SpaceRequest
from lampkeeper.files.settings import Settings
from lampkeeper.model.findings import Finding, Severity
from lampkeeper.model.genie import space_key
from lampkeeper.model.known_names import unknown_name
from lampkeeper.model.names import TableName, split_name
from lampkeeper.model.schema import Snapshot


def space_requests(
    settings: Settings, snapshot: Snapshot, mode: Mode, space: str
) -> tuple[tuple[SpaceRequest, ...], tuple[Finding, ...]]:
    """Return the spaces that a generation makes, and what is wrong with them; raise UsageError for a space that is not there."""
    if mode is Mode.GOVERNANCE:
        return (), ()
    chosen = [s for s in settings.spaces if not space or s.key == space_key(space)]
    if space and not chosen:
        raise unknown_name("space", space, (s.name for s in settings.spaces), where="in env.auto.tfvars")
    findings = []
    requests = []
    for each in chosen:
        tables = tuple(t.name for t in snapshot.tables if any(_matches(p, t.name) for p in each.tables))
        if not tables and not each.space_id:
            message = "none of the space's tables is in the snapshot"
            findings.append(
                Finding(
                    code="LK027",
                    severity=Severity.ERROR,
                    location=f"space {each.name}",
                    message=message,
                    fix="run `snapshot` again",
                )
            )
        requests.append(
            SpaceRequest(
                name=each.name, tables=tables, space_id=each.space_id, warehouse_id=each.warehouse_id or settings.sql_warehouse_id
            )
        )
    return tuple(requests), tuple(findings)


def _matches(pattern: str, table: TableName) -> bool:
    star = pattern.endswith(".*")
    parts = split_name(pattern.removesuffix(".*")) if star else split_name(pattern)
    return [p.casefold() for p in parts] == [p.casefold() for p in table.parts[: len(parts)]]
