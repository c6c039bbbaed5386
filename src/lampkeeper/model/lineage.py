"""Column lineage: which column of a table was written from which column of another."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from lampkeeper.model.names import ColumnName


class LineageOrigin(StrEnum):
    """Where a derivation was read: the platform's system table, or the manifest of a dbt project."""

    PLATFORM = "platform"
    DBT = "dbt"


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class Derivation:
    """One column that was written from another. `aggregated`: only as a count, a sum or another figure over many rows."""

    source: ColumnName
    target: ColumnName
    aggregated: bool = False
    origin: LineageOrigin = LineageOrigin.PLATFORM
