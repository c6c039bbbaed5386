"""Rules about groups, members and grants."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from lampkeeper.design.rules.rule_context import RuleContext, Violation
from lampkeeper.model.groups import EVERYBODY
from lampkeeper.model.policies import SecurableType
from lampkeeper.model.unreviewed import is_fallback

_LEAST = frozenset({"USE_CATALOG", "USE_SCHEMA", "SELECT"})


def no_groups(context: RuleContext) -> Iterable[Violation]:
    """No group is defined, so no access would be given.

    Example: an empty `groups` map.
    """
    # With genie_only an environment manages no groups, so access to its spaces is given elsewhere.
    if not context.desired.groups and not context.desired.spaces_alone:
        yield Violation(location="groups", message="no group is defined", fix="add one, or use the minimal groups")


def duplicate_group(context: RuleContext) -> Iterable[Violation]:
    """Two groups have the same name, or names that differ in case only: the platform keeps one.

    Example: `Analysts` and `analysts`.
    """
    for name, count in Counter(g.name.casefold() for g in context.desired.groups).items():
        if count > 1:
            yield Violation(location=f"group {name}", message=f"defined {count} times", fix="keep one")
        if name == EVERYBODY:
            yield Violation(
                location=f"group {name}", message="the platform reserves this name for all principals", fix="rename it"
            )


def undefined_grantee(context: RuleContext) -> Iterable[Violation]:
    """A grant, workspace assignment, warehouse or member list names a group that is not defined.

    Example: SELECT for `analyst` while the group is `analysts`.
    """
    named = {(g.principal, f"grant on {'.'.join(g.securable)}") for g in context.desired.grants}
    named |= {(s.group, "workspace_assignment") for s in context.desired.workspace_assignments}
    named |= {(u, f"warehouse {w.name}") for w in context.desired.warehouses for u in w.users}
    named |= {(g, "members") for g in context.desired.members}
    for name, where in sorted(named):
        if name not in context.groups:
            yield Violation(location=where, message=f"group {name!r} is not defined", fix="add the group, or correct the name")


def members_of_external(context: RuleContext) -> Iterable[Violation]:
    """An external group has members in the draft; lampkeeper never writes external groups.

    Example: `members` of a group with `external = true`.
    """
    external = {g.name for g in context.desired.groups if g.external}
    for name in sorted(external & set(context.desired.members)):
        yield Violation(
            location=f"group {name}", message="external, so lampkeeper does not write its members", fix="remove the members"
        )


def membership_cycle(context: RuleContext) -> Iterable[Violation]:
    """A group is a member of itself through other groups.

    Example: `a` in `b`, `b` in `a`.
    """
    members = context.desired.members
    for name in sorted(members):
        if _reaches(members, name, name):
            yield Violation(location=f"group {name}", message="is a member of itself through nested groups", fix="cut the circle")


def _reaches(members: Mapping[str, tuple[str, ...]], start: str, goal: str) -> bool:
    seen: set[str] = set()
    queue = list(members.get(start, ()))
    while queue:
        name = queue.pop()
        if name == goal:
            return True
        if name not in seen:
            seen.add(name)
            queue.extend(members.get(name, ()))
    return False


def nobody_cleared(context: RuleContext) -> Iterable[Violation]:
    """No group is exempt from every policy: no test principal can compare masked values with raw ones, so proofs are partial.

    Example: groups `analysts` and `clerks`, none with clearance `*`.
    """
    exempt = [set(p.except_principals) for p in context.desired.policies if not is_fallback(p)]
    if exempt and not set.intersection(*exempt):
        yield Violation(
            location="groups",
            message="no group has a clearance for everything",
            fix="add one with clearance `*`; verification needs it",
        )


def everybody_cleared(context: RuleContext) -> Iterable[Violation]:
    """Every group is exempt from a policy: nothing is masked for the groups of this environment.

    Example: `analysts` is the only group and is cleared for `pii_level`.
    """
    names = {g.name for g in context.desired.groups}
    if len(names) < 2:
        return
    for policy in context.desired.policies:
        if names <= set(policy.except_principals):
            yield Violation(location=f"policy {policy.name}", message="every group is exempt from it", fix="remove a clearance")


def more_than_least(context: RuleContext) -> Iterable[Violation]:
    """A grant gives more than reading, gives SELECT on a schema or catalog, or is on a table that is not in scope.

    Example: ALL_PRIVILEGES on a schema.
    """
    tables = {t.parts for t in context.desired.tables}
    for grant in context.desired.grants:
        location = f"grant on {'.'.join(grant.securable)} to {grant.principal}"
        extra = sorted(set(grant.privileges) - _LEAST)
        if extra:
            yield Violation(
                location=location, message=f"gives {', '.join(extra)}", fix="USE_CATALOG, USE_SCHEMA and SELECT are enough"
            )
        if "SELECT" in grant.privileges and grant.securable_type is not SecurableType.TABLE:
            yield Violation(
                location=location,
                message="SELECT above the table also covers unreviewed tables",
                fix="grant it by table",
            )
        if grant.securable_type is SecurableType.TABLE and tables and grant.securable not in tables:
            yield Violation(
                location=location, message="the table is not in scope", fix="add it to uc_tables, so that it is classified"
            )
