"""Who sees what: by the files of an environment, in the workspace, and the one made comparable with the other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from lampkeeper.app.hash_keys import no_key, with_key
from lampkeeper.app.inputs import EnvInputs
from lampkeeper.model.access import Access, AccessModel
from lampkeeper.model.desired import Desired
from lampkeeper.model.names import ColumnName
from lampkeeper.model.schema import Table
from lampkeeper.remote.clients import Workspace
from lampkeeper.remote.live import read_governed


def tables_in_scope(inputs: EnvInputs, desired: Desired) -> tuple[Table, ...]:
    """Return the tables of the snapshot that the desired state governs."""
    scope = {t.plain.casefold() for t in desired.tables}
    return tuple(t for t in inputs.require_snapshot().tables if t.name.plain.casefold() in scope)


def access_of(inputs: EnvInputs) -> Access:
    """Return who would see what, from the files of the environment alone."""
    desired = inputs.desired
    return Access(AccessModel.of_desired(desired, tables_in_scope(inputs, desired)))


def live_access_of(inputs: EnvInputs, workspace: Workspace, outside: ColumnName | None = None) -> Access:
    """Return who sees what in the workspace now, over the environment's tables, and the one `outside` that is asked about."""
    desired = inputs.desired
    tables = (*desired.tables, outside.table) if outside is not None else desired.tables
    return read_governed(workspace, tables, groups=[g.name for g in desired.groups]).access


def access_beside(inputs: EnvInputs, live: Access) -> tuple[Access, Mapping[str, tuple[str, ...]]]:
    """Return the access of the files with the memberships that they do not manage as the workspace has them, and these.

    Who is in a group of an identity provider is not a difference between files and workspace. Keyed functions carry the id
    of the key last applied.
    """
    desired, _ = with_key(inputs.desired, inputs.states, no_key)
    model = AccessModel.of_desired(desired, tables_in_scope(inputs, desired))
    outside = {group: people for group, people in live.model.members.items() if group not in desired.members and people}
    return Access(replace(model, members={**outside, **model.members})), outside
