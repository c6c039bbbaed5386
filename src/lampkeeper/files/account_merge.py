"""Merges one environment's part into the account file, which all environments and people share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from lampkeeper.model.desired import Desired
from lampkeeper.model.findings import Finding, Severity, sort_findings
from lampkeeper.model.groups import Group
from lampkeeper.model.tags import TagPermission, TagPolicy


def merge_account(
    *, existing: Desired, previous: Desired, new: Desired, others: Sequence[Desired], location: str
) -> tuple[Desired, tuple[Finding, ...]]:
    """Return the new account layer, and a finding for every description on which two sides differ.

    Objects in `existing` that are neither in `previous` (this environment's last contribution) nor in `others` (those of other
    environments) were added by a person and stay. An existing description stays unless it came from this environment.
    """
    findings: list[Finding] = []
    rest = _less(existing, previous, others)
    sides = (rest, *others, new)
    groups: dict[str, Group] = {}
    policies: dict[str, TagPolicy] = {}
    permissions: dict[tuple[str, str], TagPermission] = {}
    members: dict[str, set[str]] = {}
    for side in sides:
        for group in side.groups:
            old = groups.get(group.name, group)
            findings += _conflict("group", group.name, old.description, group.description, location)
            # External is stricter: if any side marks a group as external, lampkeeper never writes it.
            groups[group.name] = replace(
                group, description=old.description or group.description, external=old.external or group.external
            )
        for policy in side.tag_policies:
            known = policies.get(policy.key, policy)
            findings += _conflict("governed tag", policy.key, known.description, policy.description, location)
            policies[policy.key] = replace(
                policy,
                description=known.description or policy.description,
                values=known.values + policy.values,
                external=known.external or policy.external,
            )
        for permission in side.tag_permissions:
            key = (permission.key, permission.role)
            before = permissions[key].principals if key in permissions else ()
            permissions[key] = replace(permission, principals=tuple(sorted({*before, *permission.principals})))
        for name, people in side.members.items():
            members.setdefault(name, set()).update(people)
    merged = Desired(
        groups=tuple(groups.values()), tag_policies=tuple(policies.values()), tag_permissions=tuple(permissions.values()),
        members={name: tuple(people) for name, people in members.items()},
    )  # fmt: skip
    return merged, sort_findings(findings)


def _less(existing: Desired, previous: Desired, others: Sequence[Desired]) -> Desired:
    """Return the part that people wrote by hand: objects that no environment contributed."""
    asked = (previous, *others)
    groups = {(g.name, g.description, g.external) for d in asked for g in d.groups}
    tags = {(p.key, p.description) for d in asked for p in d.tag_policies}
    values: dict[str, set[str]] = {}
    people: dict[str, set[str]] = {}
    holders: dict[tuple[str, str], set[str]] = {}
    for side in asked:
        for policy in side.tag_policies:
            values.setdefault(policy.key, set()).update(policy.values)
        for name, members in side.members.items():
            people.setdefault(name, set()).update(members)
        for permission in side.tag_permissions:
            holders.setdefault((permission.key, permission.role), set()).update(permission.principals)
    kept_policies = [
        replace(p, values=tuple(v for v in p.values if v not in values.get(p.key, ()))) for p in existing.tag_policies
    ]
    kept_members = {n: tuple(m for m in ms if m not in people.get(n, ())) for n, ms in existing.members.items()}
    kept_permissions = [
        replace(p, principals=tuple(x for x in p.principals if x not in holders.get((p.key, p.role), ())))
        for p in existing.tag_permissions
    ]
    return Desired(
        groups=tuple(g for g in existing.groups if (g.name, g.description, g.external) not in groups),
        tag_policies=tuple(p for p in kept_policies if p.values or (p.key, p.description) not in tags),
        members={n: m for n, m in kept_members.items() if m or n not in people},
        tag_permissions=tuple(p for p in kept_permissions if p.principals or (p.key, p.role) not in holders),
    )


def _conflict(what: str, name: str, old: str, new: str, location: str) -> list[Finding]:
    if not old or not new or old == new:
        return []
    return [
        Finding(
            code="ACCOUNT_DESCRIPTION_DIFFERS", severity=Severity.INFO, location=location,
            message=f"{what} {name!r} keeps the description {old!r} instead of {new!r}", fix=f"edit it in {location}",
        )
    ]  # fmt: skip
