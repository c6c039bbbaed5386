"""The governed tags that a delta may use: the first of four places that has any, and the check of what a delta assigns."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from lampkeeper.design.knowledge.vocabulary import Vocabulary
from lampkeeper.model.desired import Desired
from lampkeeper.model.findings import Finding, Severity
from lampkeeper.model.tags import EntityType, TagAssignment, TagPolicy


class TagSource(StrEnum):
    """Where the governed tags were found, the first place first."""

    ACCOUNT = "the account layer"
    DATA_ACCESS = "the assignments of the data access layer"
    DRAFT = "the draft"
    BUILT_IN = "the built-in vocabulary"


@dataclass(frozen=True, slots=True, kw_only=True)
class GovernedTags:
    """The values by key, and where they were found."""

    values: Mapping[str, frozenset[str]]
    source: TagSource

    def findings(self) -> tuple[Finding, ...]:
        """Return a warning if no file defines a governed tag."""
        if self.source is not TagSource.BUILT_IN:
            return ()
        message = f"no file defines a governed tag: the keys are those of {self.source}"
        fix = "run `generate`, or write tag_policies"
        return (
            Finding(code="delta/no_governed_tags", severity=Severity.WARNING, location="tag_policies", message=message, fix=fix),
        )


def governed_tags(account: Desired, data_access: Desired, draft: Desired | None, vocabulary: Vocabulary) -> GovernedTags:
    """Return the governed tags of the first place that has any.

    The places are the tag policies of the account layer, the assignments of the data access layer, the tag policies of the draft,
    and the vocabulary.
    """
    assigned: dict[str, set[str]] = defaultdict(set)
    for tag in data_access.tag_assignments:
        assigned[tag.key].add(tag.value)
    words: dict[str, set[str]] = defaultdict(set)
    for protection in vocabulary.protections():
        words[protection.key].add(protection.value)
    places: tuple[tuple[TagSource, Mapping[str, Iterable[str]]], ...] = (
        (TagSource.ACCOUNT, {p.key: p.values for p in account.tag_policies}),
        (TagSource.DATA_ACCESS, assigned),
        (TagSource.DRAFT, {p.key: p.values for p in draft.tag_policies} if draft is not None else {}),
        (TagSource.BUILT_IN, words),
    )
    source, values = next((place for place in places if place[1]), places[-1])
    return GovernedTags(values={k: frozenset(v) for k, v in sorted(values.items())}, source=source)


def refused_assignments(
    added: Iterable[TagAssignment], defined: Iterable[TagPolicy], governed: GovernedTags, drifted: Iterable[str]
) -> tuple[Finding, ...]:
    """Return an error for each new assignment that a delta must not make.

    That is one to an object outside the drift, one of a key or value that no tag policy of the new state defines, and one of a
    value that another owner's tag (`external`) does not have yet. `drifted` are the names of the objects that drifted.
    """
    names = {n.casefold() for n in drifted}
    policies = {p.key: p for p in defined}
    found = []
    for tag in added:
        policy = policies.get(tag.key)
        problem = ""
        if tag.entity_type not in (EntityType.COLUMNS, EntityType.TABLES):
            problem = f"a delta assigns no tag to {tag.entity_type}"
        elif tag.entity_name.casefold() not in names:
            problem = "the object has not drifted"
        elif policy is None:
            problem = f"{tag.key!r} is not a governed tag (known from {governed.source}: {', '.join(governed.values) or 'none'})"
        elif tag.value and tag.value not in policy.values:
            problem = f"{tag.value!r} is not a value of governed tag {tag.key}"
        elif policy.external and tag.value and tag.value not in governed.values.get(tag.key, frozenset()):
            problem = f"governed tag {tag.key} belongs to another owner and has no value {tag.value!r}"
        if problem:
            fix = "have the tag's owner add the value, or map the label to another one in taxonomy.yaml"
            found.append(
                Finding(code="delta/refused", severity=Severity.ERROR, location=tag.entity_name, message=problem, fix=fix)
            )
    return tuple(found)


def new_values(before: Iterable[TagPolicy], after: Iterable[TagPolicy]) -> tuple[Finding, ...]:
    """Return a note for each governed tag that is new or gets new values: the account layer is applied too."""
    old = {p.key: frozenset(p.values) for p in before}
    found = []
    for policy in after:
        values = sorted(set(policy.values) - old.get(policy.key, frozenset()))
        if policy.key not in old or values:
            message = f"the delta adds {', '.join(values) or 'the key'} to it"
            fix = "apply the account layer too, as `apply` does by itself"
            found.append(
                Finding(code="delta/new_value", severity=Severity.INFO, location=f"tag {policy.key}", message=message, fix=fix)
            )
    return tuple(found)
