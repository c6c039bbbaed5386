"""Findings about the workspace of a plan: missing objects that it refers to, and objects that the runner cannot read."""

from __future__ import annotations

from collections.abc import Iterator

from lampkeeper.deploy.existing_controls import not_shown_findings
from lampkeeper.deploy.kinds import GENIE_SPACE, GRANT, GROUP, TAG_POLICY
from lampkeeper.deploy.live_reading import external_references
from lampkeeper.deploy.live_state import LiveState
from lampkeeper.deploy.state import States
from lampkeeper.model.desired import Desired
from lampkeeper.model.findings import Finding, Severity
from lampkeeper.model.tags import EntityType


def inspect(desired: Desired, view: LiveState, states: States) -> list[Finding]:
    """Return the findings about a desired state on this workspace; read nothing."""
    return [
        *_missing_groups(desired, view),
        *_missing_tags(desired, view, states),
        *_missing_columns(desired, view),
        *_others_under_policy(desired, view),
        *_unread_policies(view),
        *not_shown_findings(view.governed),
        *_unread_functions(desired, view),
        *_foreign_access(desired, view, states),
        *_spaces(desired, view, states),
    ]


def _spaces(desired: Desired, view: LiveState, states: States) -> Iterator[Finding]:
    """A space is identified by its id: report one that was deleted, and an entry that now means another space."""
    for space in desired.spaces:
        record = states.owned(GENIE_SPACE).get(space.key)
        if record is None or not record.remote_id:
            continue
        location = f"space {space.name}"
        if space.space_id not in ("", record.remote_id) or (record.spec.space_id and not space.space_id):
            yield Finding(
                code="SPACE_REPLACED", severity=Severity.ERROR, location=location,
                message=f"its entry meant the space {record.remote_id} before, and now"
                f" {f'the space {space.space_id}' if space.space_id else 'a new one'}",
                fix="give the new space another name; to let go of the former one, remove its entry and apply first",
            )  # fmt: skip
        elif not space.space_id and space.key not in view.spaces:
            yield Finding(
                code="SPACE_DELETED", severity=Severity.WARNING, location=location,
                message=f"the space {record.remote_id} was deleted in the workspace, or the runner may not see it any more; the"
                " plan creates it again with another id, and its conversations are lost",
                fix="to keep it deleted, remove its entry from genie_spaces, generate and apply",
            )  # fmt: skip


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
    """An external tag is never written: it must exist with every value that the desired state uses."""
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
                "EXTERNAL_TAG_MANAGED", location, "is marked external, but lampkeeper created it and would now delete it",
                "remove it from taxonomy.yaml, or destroy this environment first",
            )  # fmt: skip
        for value in sorted(set(tag.values) - there) if raw is not None else ():
            yield _tag_error(
                "EXTERNAL_TAG_VALUE_MISSING", location, f"does not allow the value {value!r}",
                "have its owner add the value, or map the label to an existing value in taxonomy.yaml",
            )  # fmt: skip


def _others_under_policy(desired: Desired, view: LiveState) -> Iterator[Finding]:
    """A policy over an external tag applies to every column with the tag, also on tables outside of this environment."""
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
                message=f"applies to columns outside of this environment too: {', '.join(hit[:5])}{more}",
                fix="agree with their owners, or add the tables to uc_tables",
            )  # fmt: skip


def _tag_error(code: str, location: str, message: str, fix: str) -> Finding:
    return Finding(code=code, severity=Severity.ERROR, location=location, message=message, fix=fix)


def _missing_columns(desired: Desired, view: LiveState) -> Iterator[Finding]:
    """A tag for a column that no longer exists would fail in the middle of an apply."""
    if not view.governed.tables:
        return
    tables = {t.name.plain.casefold() for t in view.governed.tables}
    columns = {c.plain.casefold() for t in view.governed.tables for c in t.column_names()}
    for tag in desired.tag_assignments:
        name = tag.entity_name.casefold()
        if tag.entity_type is EntityType.COLUMNS and name not in columns:
            where = "the column does not exist" if any(name.startswith(f"{t}.") for t in tables) else "its table is not in scope"
            yield Finding(
                code="TAGGED_COLUMN_MISSING", severity=Severity.ERROR, location=tag.entity_name,
                message=f"tag {tag.key}: {where}",
                fix="run `lampkeeper audit` and apply the delta, or add the table to uc_tables",
            )  # fmt: skip


def _unread_policies(view: LiveState) -> Iterator[Finding]:
    for policy in view.governed.unread:
        yield Finding(
            code="POLICY_NOT_UNDERSTOOD",
            severity=Severity.WARNING,
            location=" ".join(policy.key),
            message=f"its effect is unknown: {policy.problem}",
            fix="review it; the matrix does not include it",
        )


def _unread_functions(desired: Desired, view: LiveState) -> Iterator[Finding]:
    ours = {f.name for f in desired.functions}
    for function in view.governed.functions:
        if function.name in ours and not function.body:
            yield Finding(
                code="FUNCTION_NOT_SHOWN",
                severity=Severity.WARNING,
                location=str(function.name),
                message="the runner cannot read its body, so it cannot be compared",
                fix="run as the function's owner, or as a principal with MANAGE on it",
            )


def _foreign_access(desired: Desired, view: LiveState, states: States) -> Iterator[Finding]:
    """Grants that lampkeeper does not manage are kept, but reported."""
    ours = {(str(g.securable_type), g.securable, g.principal) for g in desired.grants}
    # A grant that lampkeeper gave and this plan revokes is not reported either.
    owned = (o.spec for o in states.owned(GRANT).values())
    ours |= {(str(g.securable_type), g.securable, g.principal) for g in owned}
    groups = {g.name for g in desired.groups} & set(states.owned(GROUP))
    for grant in view.governed.grants:
        opens = {"SELECT", "ALL_PRIVILEGES"} & set(grant.privileges)
        if opens and (str(grant.securable_type), grant.securable, grant.principal) not in ours and grant.principal not in groups:
            yield Finding(
                code="UNMANAGED_GRANT",
                severity=Severity.WARNING,
                location=".".join(grant.securable),
                message=f"{grant.principal!r} holds {', '.join(sorted(opens))} by a grant that lampkeeper does not manage",
                fix="revoke it, or add it to the desired grants",
            )
