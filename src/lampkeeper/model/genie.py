"""Genie spaces, warehouses and workspace assignments: what the workspace layer holds."""

from __future__ import annotations

import re
from dataclasses import dataclass

from lampkeeper.model.names import TableName


def space_key(name: str) -> str:
    """Return the key of a space: lower case, runs of anything but letters and digits become one underscore."""
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class Benchmark:
    """A question with the SQL that answers it."""

    question: str
    sql: str


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class Snippet:
    """A filter, expression or measure: SQL with the names a person calls it by. Filters have no alias."""

    sql: str
    display_name: str
    alias: str = ""
    comment: str = ""
    instruction: str = ""
    synonyms: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class QueryParameter:
    """A named parameter (`:name` in the SQL): its type word (STRING, DATE, NUMBER, …), what it is, and its usual value."""

    name: str
    type: str = "STRING"
    description: str = ""
    default: str = ""


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class ExampleQuery:
    """A question with the SQL that Genie may follow, and when to."""

    question: str
    sql: str
    guidance: str = ""
    parameters: tuple[QueryParameter, ...] = ()


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class ColumnConfig:
    """What a space says of a column. `dictionary`: the platform keeps its values for matching words of a question to them,
    so it must be off for a sensitive column; `samples`: it shows the model what values look like; `hidden`: not in the space."""

    table: str
    column: str
    description: str = ""
    synonyms: tuple[str, ...] = ()
    samples: bool = False
    dictionary: bool = False
    hidden: bool = False


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class Join:
    """How two tables of the space join; `relationship` is a FROM_RELATIONSHIP_TYPE_* word or empty."""

    left_table: str
    left_alias: str
    right_table: str
    right_alias: str
    sql: str
    comment: str = ""
    instruction: str = ""
    relationship: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class GenieSpace:
    """A space. `space_id` set: attached, someone else made it; empty: ours to create. Empty `acl_groups`: nobody yet.

    `warehouse_name` is what the warehouse is called, of a space that was read from a workspace.

    `functions` are identifiers of SQL functions. Empty `examples`, `functions` and `columns` say nothing: what an attached
    space has of them stays.
    """

    name: str
    tables: tuple[TableName, ...]
    title: str = ""
    description: str = ""
    instructions: str = ""
    sample_questions: tuple[str, ...] = ()
    benchmarks: tuple[Benchmark, ...] = ()
    filters: tuple[Snippet, ...] = ()
    expressions: tuple[Snippet, ...] = ()
    measures: tuple[Snippet, ...] = ()
    joins: tuple[Join, ...] = ()
    examples: tuple[ExampleQuery, ...] = ()
    functions: tuple[str, ...] = ()
    columns: tuple[ColumnConfig, ...] = ()
    acl_groups: tuple[str, ...] = ()
    space_id: str = ""
    warehouse_id: str = ""
    warehouse_name: str = ""

    @property
    def key(self) -> str:
        """Return the key that files and state use."""
        return space_key(self.name)


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class WorkspaceAssignment:
    """A group's place in the workspace: USER, with entitlements (`workspace-consume`, `databricks-sql-access`)."""

    group: str
    entitlements: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class Warehouse:
    """A warehouse by name, made when no id is given, and the groups that may use it (CAN_USE).

    `mark` is the environment that its tag names as the one that made it.
    """

    name: str
    id: str = ""
    size: str = "Small"
    users: tuple[str, ...] = ()
    mark: str = ""


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class WarehousePermission:
    """The permission level of a group on a warehouse, which is given by its id or by its name."""

    warehouse: str
    group: str
    level: str


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class SpacePermission:
    """The permission level of a group on a Genie space: its key, and its id where that is known."""

    space: str
    group: str
    level: str
    space_id: str = ""
