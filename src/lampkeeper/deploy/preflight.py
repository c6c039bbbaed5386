"""Checks the runner's privileges before the first write, so that all missing ones are reported at once."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, TypeVar

from lampkeeper.deploy.change import Change, changes_of, written
from lampkeeper.deploy.kinds import GROUP, MEMBER, POLICY, SCHEMA, TAG_POLICY, WAREHOUSE_ACL
from lampkeeper.deploy.kinds.base import Kind
from lampkeeper.deploy.live_state import RULE_SETS, acl_path
from lampkeeper.deploy.plan import Plan
from lampkeeper.deploy.required_privileges import ADMINS, Holder, Need
from lampkeeper.deploy.roles import PRIVILEGES, On
from lampkeeper.deploy.stages import Action
from lampkeeper.model.errors import RemoteError
from lampkeeper.model.findings import Finding, Severity, sort_findings
from lampkeeper.model.layers import Layer
from lampkeeper.model.policies import SecurableType
from lampkeeper.remote.clients import Workspace
from lampkeeper.remote.credentials import expiry_of
from lampkeeper.remote.directory import find_principal
from lampkeeper.remote.quotas import read_policy_quotas
from lampkeeper.remote.warehouse import list_warehouses

T = TypeVar("T")


_THREADS = 8
_SECONDS_PER_WRITE = 0.5
_SPARE_SECONDS = 60.0


def preflight(plan: Plan, workspace: Workspace) -> tuple[Finding, ...]:
    """Return all requirements of an apply of this plan that are not met: reads, no write.

    They are privileges of the runner, members that do not exist, quotas, a SQL warehouse, and a credential that lasts.
    """
    if not plan.writes:
        return ()
    holder = Holder(workspace)
    with ThreadPoolExecutor(_THREADS) as pool:
        findings = [f for f in pool.map(holder.missing, _needs(plan.changes)) if f is not None]
    findings += _administration(plan, workspace, holder)
    account = _account(plan, workspace)
    findings += account or _people(plan.changes, workspace)
    if any(c.kind.runs_sql for c in plan.changes) and not list_warehouses(workspace):
        message, fix = (
            "creating functions and setting masks and row filters of tables needs a SQL warehouse",
            "create one, or set sql_warehouse_id in env.auto.tfvars",
        )
        findings.append(Finding(code="NO_WAREHOUSE", severity=Severity.ERROR, location="workspace", message=message, fix=fix))
    return sort_findings([*findings, *_full(plan.changes, workspace), *_expiring(plan, workspace)])


def unmet(plan: Plan, workspace: Workspace) -> tuple[Finding, ...]:
    """Return the requirements of `preflight` as warnings, for a plan, which another principal may apply."""
    try:
        found = preflight(plan, workspace)
    except RemoteError as error:
        if error.status != 403:
            raise
        message = f"the requirements of an apply cannot be checked by this principal: {error.message}"
        return (Finding(code="REQUIREMENTS_UNKNOWN", severity=Severity.WARNING, location="workspace", message=message),)
    return tuple(replace(f, severity=Severity.WARNING) for f in found)


def _expiring(plan: Plan, workspace: Workspace) -> list[Finding]:
    """Require that the credential outlasts the apply; an estimate, because latencies differ."""
    ends = expiry_of(workspace)
    needed = _SPARE_SECONDS + _SECONDS_PER_WRITE * plan.writes
    if ends is None or ends >= time.time() + needed:
        return []
    when = datetime.fromtimestamp(ends, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    return [
        Finding(
            code="CREDENTIAL_EXPIRES", severity=Severity.ERROR, location="sign-in",
            message=f"the token expires at {when}, and an apply of {plan.writes} writes needs about {needed:.0f} s",
            fix="sign in again, or use a token with a longer lifetime",
        )
    ]  # fmt: skip


def _full(changes: Iterable[Change[Any]], workspace: Workspace) -> list[Finding]:
    """New policies are created before old ones are deleted, so the quotas of catalogs and metastore must hold both."""
    new = [p.key for p in _made(changes, POLICY)]
    if not new:
        return []
    on = Counter(name for kind, name, _ in new if kind == SecurableType.CATALOG)
    quotas = read_policy_quotas(workspace, on)
    asked = [(f"catalog {name}", on[name], quota) for name, quota in quotas.catalogs.items()]
    asked += [("metastore", len(new), quotas.metastore)] if quotas.metastore is not None else []
    return [
        Finding(
            code="QUOTA_EXCEEDED", severity=Severity.ERROR, location=location,
            message=f"the plan creates {count} policies, and {quota.count} of {quota.limit} exist",
            fix="remove unused policies; the platform's counter may be some minutes late",
        )
        for location, count, quota in asked
        if quota.count + count > quota.limit
    ]  # fmt: skip


def _made(changes: Iterable[Change[Any]], kind: Kind[T]) -> list[T]:
    """Return the objects of one kind that the changes create."""
    return [c.after for c in changes_of(changes, kind) if c.action is Action.CREATE and c.after is not None]


def _needs(changes: Sequence[Change[Any]]) -> list[Need]:
    """Return the privileges that the changes need (source: platform docs, pages on ABAC, tags and privileges).

    The creator of a schema owns it.
    """
    needs = {n for c in changes if c.action.writes and c.spec is not None for n in c.kind.needs(c.spec)}
    made = {schema.full_name for schema in _made(changes, SCHEMA)}
    return sorted(n for n in needs if n.securable_type != SCHEMA.name or n.full_name not in made)


def _administration(plan: Plan, workspace: Workspace, holder: Holder) -> list[Finding]:
    """Check the changes that need an administrator of the workspace, or an equivalent level or role on the object."""
    if holder.is_workspace_admin:
        return []
    lacking = sorted({c.kind.name for c in plan.changes if c.action.writes and c.kind.needs_admin})
    if _made(plan.changes, TAG_POLICY) and not _makes_tags(workspace, holder):
        lacking.append(TAG_POLICY.name)
    shared = {permission.warehouse for permission in written(plan.changes, WAREHOUSE_ACL)}
    ids = {str(w[key]): str(w["id"]) for w in list_warehouses(workspace) for key in ("name", "id")} if shared else {}
    if any(not _manages_warehouse(workspace, holder, ids.get(each, "")) for each in shared):
        lacking.append(WAREHOUSE_ACL.name)
    if not lacking:
        return []
    right = next(r for r in PRIVILEGES if r.on is On.WORKSPACE)
    message = f"{holder.name} is not an administrator: it may not {right.why} ({', '.join(lacking)} of this plan)"
    fix = f"add {holder.name} to the group {ADMINS} of the workspace"
    return [Finding(code="PRIVILEGE_MISSING", severity=Severity.ERROR, location="workspace", message=message, fix=fix)]


def _manages_warehouse(workspace: Workspace, holder: Holder, warehouse: str) -> bool:
    """Return whether the runner may share a warehouse; it will own one that the plan creates."""
    if not warehouse:
        return True
    try:
        found = workspace.find("privileges", acl_path(WAREHOUSE_ACL.object_type, warehouse)) or {}
    except RemoteError as error:
        if error.status != 403:
            raise
        return False
    mine = [
        e for e in found.get("access_control_list") or ()
        if {e.get("user_name"), e.get("group_name"), e.get("service_principal_name")} & holder.names
    ]  # fmt: skip
    return any(p["permission_level"] in ("CAN_MANAGE", "IS_OWNER") for e in mine for p in e.get("all_permissions") or ())


def _makes_tags(workspace: Workspace, holder: Holder) -> bool:
    """Return whether the runner has the account's role for new governed tags, if its rules can be read."""
    name = f"accounts/{workspace.account_id}/ruleSets/default"
    try:
        rules = (workspace.find("privileges", RULE_SETS, {"name": name, "etag": ""}) or {}).get("grant_rules") or ()
    except RemoteError as error:
        if error.status != 403:
            raise
        return False
    having = {str(p) for r in rules if r.get("role") == "roles/tagPolicy.creator" for p in r.get("principals") or ()}
    return bool({p.partition("/")[2] for p in having} & holder.names)


def _account(plan: Plan, workspace: Workspace) -> list[Finding]:
    """Require an account client for groups, memberships and workspace assignments, which belong to the account."""
    kinds = sorted({c.kind.name for c in plan.changes if c.action.writes and c.kind.of_account})
    if not kinds:
        return []
    fix = "set databricks_account_id and sign in as an account admin, or mark the groups external = true"
    if not workspace.has_account:
        message = f"no account is configured for {', '.join(kinds)}"
        return [Finding(code="NO_ACCOUNT", severity=Severity.ERROR, location="account", message=message, fix=fix)]
    if plan.of_layer(Layer.ACCOUNT):
        path, api_level = workspace.scim("Users")
        try:
            workspace.get("preflight", path, {"count": 1}, api_level)
        except RemoteError as error:
            if error.status != 403:
                raise
            message = f"the runner may not write {', '.join(kinds)}: it is not an account admin"
            return [Finding(code="PRIVILEGE_MISSING", severity=Severity.ERROR, location="account", message=message, fix=fix)]
    return []


def _people(changes: Iterable[Change[Any]], workspace: Workspace) -> list[Finding]:
    """Members are never created: an unknown name would fail in the middle of an apply."""
    made = {group.name for group in _made(changes, GROUP)}
    wanted = {membership.member for membership in _made(changes, MEMBER)}
    missing = [name for name in sorted(wanted - made) if find_principal(workspace, name) is None]
    return [
        Finding(
            code="MEMBER_MISSING",
            severity=Severity.ERROR,
            location=f"member {name}",
            message="no user, service principal or group has this name",
            fix="check members in env.auto.tfvars; service principals are named by application id",
        )
        for name in missing
    ]
