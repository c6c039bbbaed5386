"""The tables in which jobs record applies, verifications, coverage, drift and lists of items.

A list in `items` is all rows of one kind, environment and moment: undecided columns, exemptions and waivers, proposed plans, the
access of principals to tables. Its first row has no subject; its state is the number of items.
"""

from __future__ import annotations

from collections.abc import Mapping

TABLES: Mapping[str, tuple[tuple[str, str], ...]] = {
    "applies": (
        ("outcome", "STRING"), ("actor", "STRING"), ("approver", "STRING"), ("plan_hash", "STRING"), ("writes", "BIGINT"),
        ("widened", "BIGINT"), ("first_access", "BIGINT"), ("narrowed", "BIGINT"), ("matrix_difference", "STRING"),
    ),
    "verifications": (
        ("actor", "STRING"), ("ok", "BOOLEAN"), ("cells", "BIGINT"), ("mismatches", "BIGINT"), ("wrong", "STRING"),
    ),
    "coverage": (
        ("tables", "BIGINT"), ("columns", "BIGINT"), ("protected", "BIGINT"), ("not_sensitive", "BIGINT"),
        ("undecided", "BIGINT"),
    ),
    "drift": (("columns", "BIGINT"), ("forward", "BIGINT"), ("reverse", "BIGINT"), ("entities", "STRING")),
    "items": (("kind", "STRING"), ("subject", "STRING"), ("detail", "STRING"), ("state", "STRING"), ("last_day", "STRING")),
}  # fmt: skip
"""Table name to its columns (name, SQL type) after `env`, `run_id` and `recorded_at`."""
