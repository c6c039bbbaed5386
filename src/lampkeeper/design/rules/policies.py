"""Rules about the form of policies, and the platform's quotas."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from lampkeeper.design.rules.rule_context import RuleContext, Violation, policy_location
from lampkeeper.model.findings import Severity
from lampkeeper.model.groups import EVERYBODY
from lampkeeper.model.policies import Policy, PolicyKind, SecurableType
from lampkeeper.text.sql_quoting import quote_identifier


def duplicate_name(context: RuleContext) -> Iterable[Violation]:
    """Two policies of one securable have the same name.

    Example: `mask_pii` twice on catalog `c`.
    """
    for key, count in Counter(p.key for p in context.desired.policies).items():
        if count > 1:
            yield Violation(location=f"policy {key[1]}.{key[2]}", message=f"defined {count} times", fix="rename one")


def bad_aliases(context: RuleContext) -> Iterable[Violation]:
    """An alias is used that MATCH COLUMNS does not define, or is defined twice; a mask needs one, a filter has none.

    Example: `ON COLUMN m` in a policy whose MATCH COLUMNS defines only `x`.
    """
    for policy in context.desired.policies:
        for problem in _alias_problems(policy):
            yield Violation(location=policy_location(policy), message=problem, fix="define each alias once in MATCH COLUMNS")


def _alias_problems(policy: Policy) -> Iterable[str]:
    defined = Counter(m.alias for m in policy.match_columns)
    for alias, count in defined.items():
        if count > 1:
            yield f"alias {alias!r} is defined {count} times"
    if policy.kind is PolicyKind.COLUMN_MASK and policy.on_column is None:
        yield "a column mask needs ON COLUMN"
    if policy.kind is PolicyKind.ROW_FILTER and policy.on_column is not None:
        yield "a row filter has no ON COLUMN"
    used = [policy.on_column, *(a.alias for a in policy.using)]
    for name in used:
        if name is not None and name not in defined:
            yield f"alias {name!r} is not defined"


def undefined_principal(context: RuleContext) -> Iterable[Violation]:
    """A policy names a group in TO or EXCEPT that is not defined: it has no members, or unknown ones.

    Example: `EXCEPT fraud_team`, and no such group.
    """
    for policy in context.desired.policies:
        for name in sorted({*policy.to_principals, *policy.except_principals} - context.groups):
            message = f"principal {name!r} is not a defined group"
            yield Violation(
                location=policy_location(policy), message=message, fix="add the group (external = true if it exists already)"
            )


def binds_nobody(context: RuleContext) -> Iterable[Violation]:
    """A policy applies to no principal: TO is empty, or EXCEPT excludes all.

    Example: `TO analysts EXCEPT analysts`, or `EXCEPT account users`.
    """
    for policy in context.desired.policies:
        exempt = set(policy.except_principals)
        if EVERYBODY in exempt or not set(policy.to_principals) - exempt:
            message = "applies to no principal: " + ("EXCEPT excludes all" if policy.to_principals else "TO is empty")
            yield Violation(
                location=policy_location(policy),
                message=message,
                fix=f"write TO {quote_identifier(EVERYBODY)} EXCEPT the cleared groups",
            )


_NEARLY = 0.8


def near_quota(context: RuleContext) -> Iterable[Violation]:
    """A catalog has used more than four fifths of its quota of policies, including policies of others.

    Example: 81 policies on catalog `c`, where 100 are allowed.
    """
    quota = context.limits.policies_per_catalog
    catalogs = (p.securable for p in context.desired.policies if p.securable_type is SecurableType.CATALOG)
    for parts, own in Counter(catalogs).items():
        count = own + context.limits.others.get(parts[0], 0)
        if _NEARLY * quota < count <= quota:
            message = f"{_counted(own, count)}, the quota of a catalog is {quota}"
            yield Violation(location=".".join(parts), message=message, fix="share policies between tags with the same mask")


def metastore_quota(context: RuleContext) -> Iterable[Violation]:
    """The metastore has used more than four fifths of its quota of policies, including policies of others; past it, an error.

    Example: 40 policies here and 8,000 of others, where 10,000 are allowed.
    """
    quota, own = context.limits.policies_per_metastore, len(context.desired.policies)
    count = own + context.limits.elsewhere
    if own and count > _NEARLY * quota:
        message = f"{_counted(own, count)}, the quota of a metastore is {quota}"
        fix = "remove unused policies, or request a larger quota from the platform"
        yield Violation(location="metastore", message=message, fix=fix, severity=Severity.ERROR if count > quota else None)


def _counted(own: int, count: int) -> str:
    return f"{count} policies" + (f" ({count - own} of others)" if count > own else "")


def over_quota(context: RuleContext) -> Iterable[Violation]:
    """More policies on a catalog (including those of others), schema or table than the platform allows.

    Example: 101 policies on catalog `c`.
    """
    quota = {
        SecurableType.CATALOG: context.limits.policies_per_catalog,
        SecurableType.SCHEMA: context.limits.policies_per_schema,
        SecurableType.TABLE: context.limits.policies_per_table,
    }
    for (kind, parts), own in Counter((p.securable_type, p.securable) for p in context.desired.policies).items():
        count = own + (context.limits.others.get(parts[0], 0) if kind is SecurableType.CATALOG else 0)
        if kind in quota and count > quota[kind]:
            message = f"{_counted(own, count)}, the quota of a {kind.lower()} is {quota[kind]}"
            yield Violation(location=".".join(parts), message=message, fix="share policies between tags with the same mask")


def too_many_principals(context: RuleContext) -> Iterable[Violation]:
    """A policy names more principals in TO and EXCEPT than the platform allows.

    Example: EXCEPT with 21 groups.
    """
    for policy in context.desired.policies:
        count = len(policy.to_principals) + len(policy.except_principals)
        if count > context.limits.principals_per_policy:
            message = f"{count} principals, the quota is {context.limits.principals_per_policy}"
            yield Violation(location=policy_location(policy), message=message, fix="put the groups into one group")


def too_many_matches(context: RuleContext) -> Iterable[Violation]:
    """A policy has more MATCH COLUMNS entries than the platform allows.

    Example: four aliases in one mask policy.
    """
    for policy in context.desired.policies:
        if len(policy.match_columns) > context.limits.columns_per_policy:
            message = f"{len(policy.match_columns)} MATCH COLUMNS entries, the quota is {context.limits.columns_per_policy}"
            yield Violation(location=policy_location(policy), message=message, fix="OR the conditions of one alias")
