"""Rules about governed tags and their assignments."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable

from lampkeeper.design.rules.rule_context import RuleContext, Violation, policy_location
from lampkeeper.model.conditions import tag_references
from lampkeeper.model.tags import EntityType

# Source: platform docs, governed tags page: characters a key or value may not hold, and its length.
_FORBIDDEN = re.compile(r"[*./<>%&?\\=\x00-\x1f\x7f]")
_MAX_LENGTH = 256


def undefined_key(context: RuleContext) -> Iterable[Violation]:
    """A tag is assigned whose key no tag policy defines.

    Example: an assignment of `pii_levle=masked_email` while only `pii_level` is defined.
    """
    for tag in context.desired.tag_assignments:
        if tag.key not in context.allowed_values:
            yield Violation(
                location=tag.entity_name, message=f"tag key {tag.key!r} is not defined", fix="add a tag policy with this key"
            )


def unknown_value(context: RuleContext) -> Iterable[Violation]:
    """A tag is assigned with a value that its tag policy does not allow.

    Example: `pii_level=masked_mail` while the policy allows only `masked_email`.
    """
    for tag in context.desired.tag_assignments:
        values = context.allowed_values.get(tag.key)
        if values is not None and tag.value not in values and (values or tag.value):
            message = f"value {tag.value!r} is not allowed for tag {tag.key!r}"
            yield Violation(location=tag.entity_name, message=message, fix="add the value to the tag policy, or correct it")


def two_values(context: RuleContext) -> Iterable[Violation]:
    """One entity has two values of the same key; the platform keeps only one of them.

    Example: `c.s.t.email` with `pii_level=masked_email` and `pii_level=masked_name`.
    """
    seen: dict[tuple[str, str, str], set[str]] = defaultdict(set)
    for tag in context.desired.tag_assignments:
        seen[(str(tag.entity_type), tag.entity_name.casefold(), tag.key)].add(tag.value)
    for (_, entity, key), values in seen.items():
        if len(values) > 1:
            yield Violation(
                location=entity, message=f"tag {key!r} has several values: {', '.join(sorted(values))}", fix="keep one"
            )


def duplicate_key(context: RuleContext) -> Iterable[Violation]:
    """Two tag policies define the same key.

    Example: `pii_level` twice, with different values.
    """
    for key, count in Counter(p.key for p in context.desired.tag_policies).items():
        if count > 1:
            yield Violation(location=f"tag {key}", message=f"defined {count} times", fix="merge the definitions")


def bad_spelling(context: RuleContext) -> Iterable[Violation]:
    """A key or value holds characters that the platform refuses, is too long, or there are too many values.

    Example: the value `masked.email`: a dot is reserved for tags of the platform.
    """
    for policy in (p for p in context.desired.tag_policies if not p.external):
        for kind, text in (("key", policy.key), *(("value", v) for v in policy.values)):
            if _FORBIDDEN.search(text) or text != text.strip() or not text or len(text) > _MAX_LENGTH:
                message = f"{kind} {text[:60]!r} cannot be a governed tag's {kind}"
                yield Violation(location=f"tag {policy.key[:60]}", message=message, fix="use letters, digits, - and _")
        if len(policy.values) > context.limits.values_per_tag:
            message = f"{len(policy.values)} values, the quota is {context.limits.values_per_tag}"
            yield Violation(location=f"tag {policy.key}", message=message, fix="split the tag")


def missing_entity(context: RuleContext) -> Iterable[Violation]:
    """A tag is assigned to a table or column that the catalog does not have.

    Example: a tag on `c.s.customers.e_mail` while the column is called `email`.
    """
    if context.snapshot is None:
        return
    known = {
        EntityType.TABLES: context.tables_by_name.keys(),
        EntityType.COLUMNS: context.columns_by_name.keys(),
    }
    for tag in context.desired.tag_assignments:
        names = known.get(tag.entity_type)
        if names is not None and tag.entity_name.casefold() not in names:
            message = f"tag {tag.key}={tag.value} is on {tag.entity_type} that do not exist (dropped, renamed or misspelt)"
            yield Violation(location=tag.entity_name, message=message, fix="remove the assignment, or add the table to the scope")


def undefined_reference(context: RuleContext) -> Iterable[Violation]:
    """A policy's condition names a tag key or value that no tag policy defines: the platform refuses such a policy.

    Example: `has_tag_value('pii_level', 'masked_emial')`.
    """
    for policy in context.desired.policies:
        for condition in policy.conditions:
            for key, value in tag_references(condition):
                if key not in context.allowed_values:
                    yield Violation(
                        location=policy_location(policy), message=f"tag key {key!r} is not defined", fix="define the tag"
                    )
                elif value is not None and value not in context.allowed_values[key]:
                    message = f"value {value!r} is not allowed for tag {key!r}"
                    yield Violation(
                        location=policy_location(policy), message=message, fix="add the value to the tag policy, or correct it"
                    )


def lookalikes(context: RuleContext) -> Iterable[Violation]:
    """Two keys, or two values of a key, differ only in case or separators: people confuse them, and a policy that names one
    does not apply to a column tagged with the other.

    Example: `masked_email` and `Masked-Email` as values of `pii_level`.
    """
    spelled: dict[tuple[str, str], set[str]] = defaultdict(set)
    for policy in context.desired.tag_policies:
        spelled[("", _folded(policy.key))].add(policy.key)
        for value in policy.values:
            spelled[(policy.key, _folded(value))].add(value)
    for (key, _), found in spelled.items():
        if len(found) > 1:
            names = ", ".join(repr(n) for n in sorted(found))
            what = f"values of tag {key!r}" if key else "tag keys"
            yield Violation(location=f"tag {key or min(found)}", message=f"{what} look alike: {names}", fix="keep one spelling")


def _folded(text: str) -> str:
    return re.sub(r"[\W_]+", "_", text.casefold())


_PARTS = {EntityType.CATALOGS: 1, EntityType.SCHEMAS: 2, EntityType.TABLES: 3, EntityType.COLUMNS: 4, EntityType.VOLUMES: 3}


def malformed_entity(context: RuleContext) -> Iterable[Violation]:
    """The name of a tagged entity has another number of parts than its type.

    Example: a tag on columns `c.s.customers`, which names a table.
    """
    for tag in context.desired.tag_assignments:
        if tag.entity_name.casefold() in context.columns_by_name or tag.entity_name.casefold() in context.tables_by_name:
            continue
        parts = tag.entity_name.split(".")
        wanted = _PARTS[tag.entity_type]
        if "`" not in tag.entity_name and (
            len(parts) < wanted or not all(parts) or (len(parts) > wanted and context.snapshot is None)
        ):
            message = f"{tag.entity_name!r} has {len(parts)} parts, {tag.entity_type} have {wanted}"
            yield Violation(location=tag.entity_name, message=message, fix="write the full name, or correct entity_type")
