"""The tables in which jobs record applies, verifications, coverage and drift."""

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
}  # fmt: skip
"""Table name to its columns (name, SQL type) after `env`, `run_id` and `recorded_at`."""
