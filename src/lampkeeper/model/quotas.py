"""Quotas of the platform: what it allows, and what is used of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

LIMIT_NAMES = (
    "columns_per_policy", "policies_per_catalog", "policies_per_metastore", "policies_per_schema", "policies_per_table",
    "principals_per_policy", "space_tables", "values_per_tag",
)  # fmt: skip
"""Limits that an environment can set, sorted."""


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class Quota:
    """How many are there, and how many may be; the platform's counter may lag."""

    count: int
    limit: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyQuotas:
    """The quotas of ABAC policies as the platform tells them: in the whole metastore, and directly on catalogs."""

    metastore: Quota | None = None
    catalogs: Mapping[str, Quota] = field(default_factory=dict)
