"""Quotas of the platform: limits and usage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

LIMIT_NAMES = (
    "columns_per_policy", "policies_per_catalog", "policies_per_metastore", "policies_per_schema", "policies_per_table",
    "principals_per_policy", "space_tables", "values_per_tag",
)  # fmt: skip
"""The limits that an environment can set, sorted."""


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class Quota:
    """The number of existing objects and the limit; the platform's counter may be delayed."""

    count: int
    limit: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyQuotas:
    """The quotas of ABAC policies that the platform reports: in the whole metastore, and directly on catalogs."""

    metastore: Quota | None = None
    catalogs: Mapping[str, Quota] = field(default_factory=dict)
