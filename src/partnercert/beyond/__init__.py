"""Checks beyond the 21 cases."""

from partnercert.beyond.check import Check

CHECKS: tuple[Check, ...] = ()

__all__ = ["CHECKS", "Check"]
