"""Unreviewed tables: the tag that marks reviewed ones, and the choice to hide the others."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from lampkeeper.model.conditions import HasTagValue, Not, negated_keys
from lampkeeper.model.policies import Policy

REVIEW_KEY = "lampkeeper_review"
"""The governed tag of reviewed tables and, on request, columns: those that a generation has labelled."""

REVIEWED = "reviewed"
IS_REVIEWED = HasTagValue(REVIEW_KEY, REVIEWED)
NOT_REVIEWED = Not(IS_REVIEWED)

UNREVIEWED_FAMILY = "unreviewed"
"""The value in `families` of an exemption for the fallback policies."""


Reach = tuple[str, ...]
"""A catalog, or a schema with its catalog, that an environment covers completely: new tables in it belong to the environment."""


def within(reach: Reach, name: tuple[str, ...]) -> bool:
    """Return whether a schema or table, by its parts, is in the catalog or schema, or is that schema."""
    return [p.casefold() for p in name[: len(reach)]] == [p.casefold() for p in reach]


def outermost(reaches: Iterable[Reach]) -> tuple[Reach, ...]:
    """Return the catalogs and schemas that are not within another one of them, sorted."""
    found = set(reaches)
    return tuple(sorted(p for p in found if not any(q != p and len(q) < len(p) and within(q, p) for q in found)))


class Unreviewed(StrEnum):
    """Whether a table or column without the review tag is hidden from all principals that are not exempt, or left as it is."""

    DENY = "deny"
    ALLOW = "allow"


def negated_tags(policy: Policy) -> frozenset[str]:
    """Return the tag keys whose presence excludes a table or column from the policy."""
    return frozenset(key for condition in policy.conditions for key in negated_keys(condition))


def is_fallback(policy: Policy) -> bool:
    """Return whether a policy applies to objects without a tag rather than to objects with one."""
    return bool(negated_tags(policy))
