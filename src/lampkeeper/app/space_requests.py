"""The spaces that a generation makes: those of the settings, with the tables of the snapshot that each shows."""

from __future__ import annotations

from lampkeeper.app.modes import Mode
from lampkeeper.design.genie.spaces import SpaceRequest
from lampkeeper.files.settings import Settings
from lampkeeper.model.errors import UsageError
from lampkeeper.model.findings import Finding, Severity
from lampkeeper.model.genie import space_key
from lampkeeper.model.known_names import unknown_name
from lampkeeper.model.names import pattern_takes
from lampkeeper.model.schema import Snapshot


def space_requests(
    settings: Settings, snapshot: Snapshot, mode: Mode, space: str
) -> tuple[tuple[SpaceRequest, ...], tuple[Finding, ...]]:
    """Return the spaces that a generation makes, and what is wrong with them; raise UsageError for a space that is not there."""
    if mode is Mode.GOVERNANCE:
        return (), ()
    nameless = next((s.space_id for s in settings.spaces if not s.name), "")
    if nameless:
        raise UsageError(
            f"the space {nameless} has no name yet: its title is read from the workspace",
            fix="run `snapshot` or `generate` with the workspace once, or give the entry a name",
        )
    chosen = [s for s in settings.spaces if not space or s.key == space_key(space)]
    if space and not chosen:
        raise unknown_name("space", space, (s.name for s in settings.spaces), where="in env.auto.tfvars")
    findings = []
    requests = []
    for each in chosen:
        tables = tuple(t.name for t in snapshot.tables if any(pattern_takes(p, t.name) for p in each.tables))
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
        # An attached space keeps its warehouse unless its own entry names another one.
        warehouse = each.warehouse_id or ("" if each.space_id else settings.sql_warehouse_id)
        requests.append(SpaceRequest(name=each.name, tables=tables, space_id=each.space_id, warehouse_id=warehouse))
    return tuple(requests), tuple(findings)
