"""Moments as text."""

from __future__ import annotations

from datetime import UTC, datetime


def utc_text(now: datetime) -> str:
    """Return a moment as files hold it: ISO-8601, UTC, whole seconds."""
    return now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
