"""Snapshots: the tables in scope read from the workspace, with the quotas that hold for them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from lampkeeper.app.importing import functions_beside
from lampkeeper.app.inputs import EnvInputs
from lampkeeper.model.errors import UsageError
from lampkeeper.model.schema import Snapshot
from lampkeeper.remote.catalog import read_snapshot
from lampkeeper.remote.clients import Workspace
from lampkeeper.remote.quotas import read_policy_quotas
from lampkeeper.text.moments import utc_text


def take_snapshot(inputs: EnvInputs, workspace: Workspace, now: datetime | None = None) -> Snapshot:
    """Read the tables in scope, write snapshot.json and quotas.json, and return what was read."""
    settings, path = inputs.settings, inputs.folder.settings_path
    if not settings.patterns:
        raise UsageError(f"{path}: no tables in scope", fix='set uc_tables = ["catalog.schema.*"], or tables of a Genie space')
    taken_at = utc_text(now or datetime.now(UTC))
    snapshot = read_snapshot(workspace, settings.patterns, taken_at=taken_at)
    if not snapshot.tables:
        raise UsageError(f"{path}: the patterns match no table", fix="check uc_tables; an empty schema has nothing")
    if settings.spaces:
        snapshot = replace(snapshot, functions=functions_beside(snapshot, workspace, settings.function_schema))
    inputs.write_snapshot(snapshot)
    if not settings.genie_only:
        inputs.write_quotas(read_policy_quotas(workspace, {t.name.catalog for t in snapshot.tables}))
    return snapshot
