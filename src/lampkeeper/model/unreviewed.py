"""What happens to a table that nobody has reviewed: the tag that says it was, and the choice to keep the others closed."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from lampkeeper.model.conditions import HasTagValue, Not, negated_keys
from lampkeeper.model.policies import Policy

REVIEW_KEY = "lampkeeper_review"
"""The governed tag of tables (and, on request, columns) that a generation has looked at."""

REVIEWED = "reviewed"
IS_REVIEWED = HasTagValue(REVIEW_KEY, REVIEWED)
NOT_REVIEWED = Not(IS_REVIEWED)

UNREVIEWED_FAMILY = "unreviewed"
"""What an exemption names to be exempt from the fallback policies, beside the keys of governed tags."""


Reach = tuple[str, ...]
"""A catalog, or a schema with its catalog, that an environment covers whole: what is new in it is of this environment."""


def within(place: Reach, name: tuple[str, ...]) -> bool:
    """Return whether a schema or table, by its parts, stands in the place (or is it)."""
    return [p.casefold() for p in name[: len(place)]] == [p.casefold() for p in place]


def outermost(places: Iterable[Reach]) -> tuple[Reach, ...]:
    """Return the places that stand in no other of them, sorted."""
    found = set(places)
    return tuple(sorted(p for p in found if not any(q != p and len(q) < len(p) and within(q, p) for q in found)))


class Unreviewed(StrEnum):
    """Whether a table (or column) without the review tag is closed to everybody who is not exempt, or left as it is."""

    DENY = "deny"
    ALLOW = "allow"


def negated_tags(policy: Policy) -> frozenset[str]:
    """Return the tag keys by whose absence the policy applies: what carries one is left out of it."""
    found = negated_keys(policy.when)
    for entry in policy.match_columns:
        found |= negated_keys(entry.condition)
    return found


def is_fallback(policy: Policy) -> bool:
    """Return whether a policy is for what lacks a tag, as opposed to what has one."""
    return bool(negated_tags(policy))
