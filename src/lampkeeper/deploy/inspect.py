"""Findings about the ground a plan stands on: what it refers to and is not there, and what it cannot see through."""

from __future__ import annotations

from collections.abc import Iterator

from lampkeeper.deploy.existing_controls import not_shown_findings
from lampkeeper.deploy.kinds import GRANT, GROUP, TAG_POLICY
from lampkeeper.deploy.live_reading import external_references
from lampkeeper.deploy.live_state import LiveState
from lampkeeper.deploy.state import States
from lampkeeper.model.desired import Desired
from lampkeeper.model.findings import Finding, Severity
from lampkeeper.model.tags import EntityType


def inspect(desired: Desired, view: LiveState, states: States) -> list[Finding]:
    """Return what is wrong with a desired state on this workspace; nothing is read."""
    return [
        *_missing_groups(desired, view),
        *_missing_tags(desired, view, states),
        *_missing_columns(desired, view),
        *_others_under_policy(desired, view),
        *_unread_policies(view),
        *not_shown_findings(view.governed),
        *_unread_functions(desired, view),
        *_foreign_access(desired, view, states),
    ]


def _missing_groups(desired: Desired, view: LiveState) -> Iterator[Finding]:
    for group in desired.groups:
        if group.external and group.name not in view.governed.directory.groups:
            yield Finding(
                code="EXTERNAL_GROUP_MISSING",
                severity=Severity.ERROR,
                location=f"group {group.name}",
                message="is marked external, and the account has no such group",
                fix="have the identity provider create it, or drop external = true",
            )


def _missing_tags(desired: Desired, view: LiveState, states: States) -> Iterator[Finding]:
    """A tag of others is never written: it has to be there, with every value that we rely on."""
    if not view.governed.tables:
        return
    for tag in (t for t in desired.tag_policies if t.external):
        location, raw = f"tag {tag.key}", view.tag_policies.get(tag.key)
        there = {str(v["name"]) for v in raw.get("values") or ()} if raw is not None else set()
        if raw is None and tag.of_platform:
            continue
        if raw is None:
            yield _tag_error(
                "EXTERNAL_TAG_MISSING", location, "is marked external, and the account has no such governed tag",
                "have its owner define it, or correct the key in taxonomy.yaml",
            )  # fmt: skip
        elif tag.key in states.owned(TAG_POLICY):
            yield _tag_error(
                "EXTERNAL_TAG_IS_OURS", location, "is marked external, and lampkeeper made it: letting go of it would delete it",
                "take it out of taxonomy.yaml, or destroy this environment first",
            )  # fmt: skip
        for value in sorted(set(tag.values) - there) if raw is not None else ():
            yield _tag_error(
                "EXTERNAL_TAG_VALUE_MISSING", location, f"does not allow the value {value!r}",
                "have its owner add the value, or map the label to one that there is in taxonomy.yaml",
            )  # fmt: skip


def _others_under_policy(desired: Desired, view: LiveState) -> Iterator[Finding]:
    """A policy sees a tag of others on every column that carries it, on tables that this environment does not know too."""
    scope = {t.plain.casefold() for t in desired.tables}
    for policy in desired.policies:
        wanted = external_references(desired, policy)
        home = policy.securable[0].casefold() if policy.securable else ""
        hit = sorted(
            t.entity_name
            for t in view.catalog_tags
            if t.entity_type is EntityType.COLUMNS
            and {(t.key, t.value), (t.key, None)} & wanted
            and t.entity_name.casefold().split(".")[0] == home
            and t.entity_name.casefold().rpartition(".")[0] not in scope
        )
        if hit:
            more = f" and {len(hit) - 5} more" if len(hit) > 5 else ""
            yield Finding(
                code="OTHERS_UNDER_POLICY", severity=Severity.WARNING,
                location=f"policy {'.'.join(policy.securable)}.{policy.name}",
                message=f"binds columns outside of this environment too: {', '.join(hit[:5])}{more}",
                fix="agree with their owners, or take the tables into uc_tables",
            )  # fmt: skip


def _tag_error(code: str, location: str, message: str, fix: str) -> Finding:
    return Finding(code=code, severity=Severity.ERROR, location=location, message=message, fix=fix)


def _missing_columns(desired: Desired, view: LiveState) -> Iterator[Finding]:
    """A tag for a column that is gone would fail half-way through an apply."""
    if not view.governed.tables:
        return
    tables = {t.name.plain.casefold() for t in view.governed.tables}
    columns = {c.plain.casefold() for t in view.governed.tables for c in t.column_names()}
    for tag in desired.tag_assignments:
        name = tag.entity_name.casefold()
        if tag.entity_type is EntityType.COLUMNS and name not in columns:
            where = "the column is gone" if any(name.startswith(f"{t}.") for t in tables) else "its table is not in scope"
            yield Finding(
                code="TAGGED_COLUMN_MISSING", severity=Severity.ERROR, location=tag.entity_name,
                message=f"tag {tag.key}: {where}",
                fix="run `lampkeeper audit` and take the delta, or name the table in uc_tables",
            )  # fmt: skip


def _unread_policies(view: LiveState) -> Iterator[Finding]:
    for policy in view.governed.unread:
        yield Finding(
            code="POLICY_NOT_UNDERSTOOD",
            severity=Severity.WARNING,
            location=" ".join(policy.key),
            message=f"we cannot tell what it does: {policy.problem}",
            fix="judge it by hand; the matrix leaves it out",
        )


def _unread_functions(desired: Desired, view: LiveState) -> Iterator[Finding]:
    ours = {f.name for f in desired.functions}
    for function in view.governed.functions:
        if function.name in ours and not function.body:
            yield Finding(
                code="FUNCTION_NOT_SHOWN",
                severity=Severity.WARNING,
                location=str(function.name),
                message="its body is not shown to the runner, so that it cannot be compared",
                fix="run as the function's owner, or as one who manages it",
            )


def _foreign_access(desired: Desired, view: LiveState, states: States) -> Iterator[Finding]:
    """Access that does not come from us is not ours to take away, but people should know of it."""
    ours = {(str(g.securable_type), g.securable, g.principal) for g in desired.grants}
    # What we granted and take back in this very plan is no surprise either.
    owned = (o.spec for o in states.owned(GRANT).values())
    ours |= {(str(g.securable_type), g.securable, g.principal) for g in owned}
    groups = {g.name for g in desired.groups} & set(states.owned(GROUP))
    for grant in view.governed.grants:
        opens = {"SELECT", "ALL_PRIVILEGES"} & set(grant.privileges)
        if opens and (str(grant.securable_type), grant.securable, grant.principal) not in ours and grant.principal not in groups:
            yield Finding(
                code="FOREIGN_ACCESS",
                severity=Severity.WARNING,
                location=".".join(grant.securable),
                message=f"{grant.principal!r} holds {', '.join(sorted(opens))} by a grant that is not ours",
                fix="revoke it, or add it to the desired grants",
            )
