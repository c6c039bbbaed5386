"""The objects of the workspace layer: Genie spaces, warehouses and workspace assignments."""

from __future__ import annotations

import re
from dataclasses import dataclass

from lampkeeper.model.names import TableName


def space_key(name: str) -> str:
    """Return the key of a space: lower case, with one underscore for each run of other characters than letters and digits."""
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class Benchmark:
    """A question with the SQL of its answer."""

    question: str
    sql: str


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class Snippet:
    """A filter, expression or measure: SQL with its names in questions. Filters have no alias."""

    sql: str
    display_name: str
    alias: str = ""
    comment: str = ""
    instruction: str = ""
    synonyms: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class QueryParameter:
    """A named parameter (`:name` in the SQL): its type (STRING, DATE, NUMBER, …), its description, and its default value."""

    name: str
    type: str = "STRING"
    description: str = ""
    default: str = ""


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class ExampleQuery:
    """A question with example SQL for Genie, and guidance on its use."""

    question: str
    sql: str
    guidance: str = ""
    parameters: tuple[QueryParameter, ...] = ()


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class ColumnConfig:
    """The settings of a column in a space. `dictionary`: the platform stores its values to match words of questions, so it must
    be off for a sensitive column; `samples`: the model sees sample values; `hidden`: the column is not in the space."""

    table: str
    column: str
    description: str = ""
    synonyms: tuple[str, ...] = ()
    samples: bool = False
    dictionary: bool = False
    hidden: bool = False


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class Join:
    """The join of two tables of the space; `relationship` is a FROM_RELATIONSHIP_TYPE_* value or empty."""

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
    """A space. With `space_id` it exists and is attached, else lampkeeper creates it. Without `acl_groups` no group may use it.

    `warehouse_name` is the name of the warehouse, for a space that was read from a workspace.

    `functions` are identifiers of SQL functions. If `examples`, `functions` or `columns` are empty, an attached space keeps
    its own.
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
        """Return the key in files and state."""
        return space_key(self.name)


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class WorkspaceAssignment:
    """A group's workspace assignment as USER, with entitlements (`workspace-consume`, `databricks-sql-access`)."""

    group: str
    entitlements: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class Warehouse:
    """A warehouse by name, created if it has no ID, and the groups that may use it (CAN_USE).

    `mark` is the environment that created it, as recorded in its tag.
    """

    name: str
    id: str = ""
    size: str = "Small"
    users: tuple[str, ...] = ()
    mark: str = ""


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class WarehousePermission:
    """The permission level of a group on a warehouse, given by ID or by name."""

    warehouse: str
    group: str
    level: str


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class SpacePermission:
    """The permission level of a group on a Genie space, given by key and, if known, by ID."""

    space: str
    group: str
    level: str
    space_id: str = ""
