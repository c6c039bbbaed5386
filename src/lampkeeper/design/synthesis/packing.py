"""Policies from protections, packed losslessly into the platform's quotas."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from lampkeeper.design.knowledge.vocabulary import Protection
from lampkeeper.model.conditions import any_of
from lampkeeper.model.findings import Finding, Severity
from lampkeeper.model.groups import EVERYBODY
from lampkeeper.model.masks import FunctionRole
from lampkeeper.model.names import FunctionName
from lampkeeper.model.policies import Argument, MatchColumn, Policy, PolicyKind, SecurableType
from lampkeeper.text.digest import digest_of

MASK_ALIAS = "m"
FLAG_ALIAS = "flag"


@dataclass(frozen=True, slots=True, kw_only=True)
class RemainingQuota:
    """Quotas of the platform (source: platform docs, ABAC requirements page, 2026); configurable, because they change.

    `others` are policies of other owners per catalog, `elsewhere` all policies of other owners in the metastore.
    """

    policies_per_metastore: int = 10_000

    policies_per_catalog: int = 100
    policies_per_schema: int = 100
    policies_per_table: int = 50
    principals_per_policy: int = 20
    columns_per_policy: int = 3
    values_per_tag: int = 500
    space_tables: int = 25
    others: Mapping[str, int] = field(default_factory=dict)
    elsewhere: int = 0

    def remaining(self, catalog: str) -> int:
        """Return the remaining quota of a catalog for this environment."""
        return max(0, self.policies_per_catalog - self.others.get(catalog, 0))


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class PlannedPolicy:
    """The task of one policy: a protection in a catalog, for all principals except the exempt groups."""

    catalog: str
    protection: Protection
    exempt: tuple[str, ...]


def pack_policies(
    seeds: Iterable[PlannedPolicy], function_schema: str, limits: RemainingQuota, reserved: int = 0
) -> tuple[tuple[Policy, ...], tuple[Finding, ...]]:
    """Return the policies of every catalog, and an error for each catalog or policy that fits no quota.

    There is one policy per protection while they fit; otherwise protections with the same function and exemptions share one
    (their tags OR-ed), which masks the same columns for the same principals. No protection is dropped. `reserved`: the part of a
    catalog's quota that other policies of this state need.
    """
    by_catalog: dict[str, list[PlannedPolicy]] = defaultdict(list)
    for seed in sorted(set(seeds)):
        by_catalog[seed.catalog].append(seed)
    policies: list[Policy] = []
    findings: list[Finding] = []
    for catalog, own in sorted(by_catalog.items()):
        bundles: list[tuple[PlannedPolicy, ...]] = [(s,) for s in own]
        remaining = limits.remaining(catalog) - reserved
        if len(bundles) > remaining:
            bundles = _share(own)
        if len(bundles) > remaining:
            findings.append(_too_many(catalog, len(bundles) + reserved, limits))
        policies.extend(_policy(catalog, b, function_schema) for b in bundles)
    findings.extend(crowded(policies, limits))
    return tuple(policies), tuple(findings)


def _share(seeds: list[PlannedPolicy]) -> list[tuple[PlannedPolicy, ...]]:
    shared: dict[tuple[str, FunctionRole, tuple[str, ...]], list[PlannedPolicy]] = defaultdict(list)
    for seed in seeds:
        shared[(seed.protection.function, seed.protection.role, seed.exempt)].append(seed)
    return [tuple(s) for _, s in sorted(shared.items())]


def _policy(catalog: str, bundle: tuple[PlannedPolicy, ...], function_schema: str) -> Policy:
    first = bundle[0]
    protection = first.protection
    condition = any_of(tuple(s.protection.condition for s in bundle))
    shared = f"{protection.function}_" if len(bundle) > 1 else ""
    name = _plain(f"lk_{shared}{protection.key}_{protection.value}".rstrip("_"))
    is_filter = protection.role is FunctionRole.FILTER
    alias = FLAG_ALIAS if is_filter else MASK_ALIAS
    return Policy(
        name=name,
        kind=PolicyKind.ROW_FILTER if is_filter else PolicyKind.COLUMN_MASK,
        securable_type=SecurableType.CATALOG,
        securable=(catalog,),
        to_principals=(EVERYBODY,),
        except_principals=first.exempt,
        function=FunctionName(catalog, function_schema, protection.function),
        match_columns=(MatchColumn(alias=alias, condition=condition),),
        on_column=None if is_filter else alias,
        using=(Argument(alias=alias),) if is_filter else (),
        comment=f"managed by lampkeeper; {'rows' if is_filter else 'columns'} where {condition}",
    )


def _plain(name: str) -> str:
    """Return a name that needs no quotes, with a digest if characters were removed, so that names stay different."""
    plain = re.sub(r"\W", "_", name, flags=re.ASCII)
    return name if plain == name else f"{plain}_{digest_of(name, digits=6)}"


def _principals(policy: Policy) -> int:
    return len(policy.to_principals) + len(policy.except_principals)


def _too_many(catalog: str, count: int, limits: RemainingQuota) -> Finding:
    return Finding(
        code="LK020",
        severity=Severity.ERROR,
        location=catalog,
        message=f"{count} policies are needed, {_quota_of(catalog, limits)}; none was dropped",
        fix="split the catalog's tables into two environments, or give groups the same clearances so that they share policies",
    )


def _quota_of(catalog: str, limits: RemainingQuota) -> str:
    taken = limits.others.get(catalog, 0)
    return f"the quota of a catalog is {limits.policies_per_catalog}" + (f", {taken} of it used by others" if taken else "")


def crowded(policies: Iterable[Policy], limits: RemainingQuota) -> tuple[Finding, ...]:
    """Return an error for each policy that names more principals than the platform allows."""
    return tuple(_crowded(p, limits) for p in policies if _principals(p) > limits.principals_per_policy)


def _crowded(policy: Policy, limits: RemainingQuota) -> Finding:
    return Finding(
        code="LK021",
        severity=Severity.ERROR,
        location=".".join((*policy.securable, policy.name)),
        message=f"{_principals(policy)} principals, the quota of a policy is {limits.principals_per_policy}",
        fix="create one group of the cleared groups, or of the exempt principals, and name that group",
    )
