"""What the runner may do, asked before the first write, so that all missing rights are named at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from lampkeeper.deploy.change import Action, Change
from lampkeeper.deploy.plan import Plan
from lampkeeper.model.errors import RemoteError
from lampkeeper.model.findings import Finding, Severity, sort_findings
from lampkeeper.model.layers import Layer
from lampkeeper.remote.clients import Json, Workspace, encode
from lampkeeper.remote.directory import find_principal
from lampkeeper.remote.quotas import read_policy_quotas
from lampkeeper.remote.table_grants import own_names
from lampkeeper.remote.warehouse import list_warehouses

_UC = "/api/2.1/unity-catalog"


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class Need:
    """A right on a securable: any one of the privileges will do, and so will owning it."""

    securable_type: str
    full_name: str
    privileges: tuple[str, ...]
    purpose: str = field(compare=False)


def preflight(plan: Plan, workspace: Workspace) -> tuple[Finding, ...]:
    """Return everything that the runner lacks for this plan, and members that do not exist; a few reads, no write."""
    if not plan.writes:
        return ()
    me = workspace.get("preflight", "/api/2.0/preview/scim/v2/Me")
    names = own_names(me)
    owners: dict[str, str] = {}
    findings = [f for need in _needs(plan.changes) if (f := _lacks(workspace, need, names, owners)) is not None]
    account = _account(plan, workspace)
    findings += account or _people(plan.changes, workspace)
    if any(c.kind == "function" for c in plan.changes) and not list_warehouses(workspace):
        message, fix = (
            "there is no SQL warehouse to make functions with",
            "create one, or set sql_warehouse_id in env.auto.tfvars",
        )
        findings.append(Finding(code="NO_WAREHOUSE", severity=Severity.ERROR, place="workspace", message=message, fix=fix))
    return sort_findings([*findings, *_full(plan.changes, workspace)])


def _full(changes: Iterable[Change], workspace: Workspace) -> list[Finding]:
    """Policies are made before others go: the new ones must find room, in their catalogs and in the metastore."""
    new = [c.after for c in changes if c.kind == "policy" and c.action is Action.CREATE and c.after]
    if not new:
        return []
    on = Counter(str(b["on_securable_fullname"]) for b in new if b["on_securable_type"] == "CATALOG")
    quotas = read_policy_quotas(workspace, on)
    asked = [(f"catalog {name}", on[name], quota) for name, quota in quotas.catalogs.items()]
    asked += [("metastore", len(new), quotas.metastore)] if quotas.metastore is not None else []
    return [
        Finding(
            code="QUOTA_EXCEEDED", severity=Severity.ERROR, place=place,
            message=f"{count} policies are to be made, and {quota.count} of {quota.limit} are there",
            fix="remove policies that nothing needs any more; the platform's counter may lag some minutes behind",
        )
        for place, count, quota in asked
        if quota.count + count > quota.limit
    ]  # fmt: skip


def _needs(changes: Iterable[Change]) -> list[Need]:
    """Return the rights that the changes need (source: platform docs, pages on ABAC, tags and privileges)."""
    needs: set[Need] = set()
    made = {_full_name(c.after) for c in changes if c.kind == "schema" and c.action is Action.CREATE and c.after}
    for change in changes:
        body = change.after if change.after is not None else change.before
        if body is None or not change.action.writes:
            continue
        if change.kind == "schema":
            needs.add(_need("catalog", body["catalog"], "make the schema of the functions", "CREATE_SCHEMA"))
        elif change.kind == "function" and _full_name(body) not in made:
            needs.add(_need("schema", _full_name(body), "make functions", "CREATE_FUNCTION", "MANAGE"))
        elif change.kind == "policy":
            needs.add(_need(body["on_securable_type"], body["on_securable_fullname"], "make policies", "MANAGE"))
        elif change.kind == "grant":
            needs.add(_need(body["securable_type"], ".".join(body["securable"]), "grant", "MANAGE"))
        elif change.kind == "tag":
            parts = str(body["entity_name"]).split(".")[:3]
            level = ("catalog", "schema", "table")[len(parts) - 1]
            need = Need(
                securable_type=level, full_name=".".join(parts), privileges=("APPLY_TAG", "MANAGE"), purpose="assign tags"
            )
            needs.add(need)
    return sorted(needs)


def _full_name(body: Mapping[str, str]) -> str:
    return f"{body['catalog']}.{body['schema']}"


def _need(securable_type: str, full_name: str, purpose: str, *privileges: str) -> Need:
    return Need(securable_type=securable_type.lower(), full_name=full_name, privileges=privileges, purpose=purpose)


def _lacks(workspace: Workspace, need: Need, names: frozenset[str], owners: dict[str, str]) -> Finding | None:
    """Return a finding unless the runner holds a right, owns the securable, or owns what it stands in."""
    parts = need.full_name.split(".")
    levels = [("catalogs", parts[0]), ("schemas", ".".join(parts[:2])), ("tables", need.full_name)]
    for level, name in levels[: len(parts)]:
        if name not in owners:
            owners[name] = str(_allowed(workspace, f"{_UC}/{level}/{encode(name)}").get("owner") or "")
        if owners[name] in names:
            return None
    path = f"{_UC}/effective-permissions/{encode(need.securable_type, need.full_name)}"
    found = _allowed(workspace, path)
    held = {
        str(p.get("privilege")).replace(" ", "_").upper()
        for entry in found.get("privilege_assignments") or () if entry.get("principal") in names
        for p in entry.get("privileges") or ()
    }  # fmt: skip
    # ALL_PRIVILEGES holds neither MANAGE nor what comes with it (source: platform docs, privileges page).
    if held & set(need.privileges) or ("MANAGE" not in need.privileges and "ALL_PRIVILEGES" in held):
        return None
    return Finding(
        code="RIGHT_MISSING",
        severity=Severity.ERROR,
        place=f"{need.securable_type} {need.full_name}",
        message=f"the runner may not {need.purpose}: it holds none of {', '.join(need.privileges)} and is not the owner",
        fix=f"grant {need.privileges[0].replace('_', ' ')} on {need.securable_type} {need.full_name} to the runner",
    )


def _allowed(workspace: Workspace, path: str) -> Json:
    """Read what may be read: something that we may not even see gives us no right."""
    try:
        return workspace.find("preflight", path) or {}
    except RemoteError as error:
        if error.status != 403:
            raise
        return {}


def _account(plan: Plan, workspace: Workspace) -> list[Finding]:
    """Groups, memberships and seats are the account's: without an account client nothing of that can be written."""
    kinds = sorted({c.kind for c in plan.changes if c.action.writes and c.kind in ("group", "member", "seat")})
    if not kinds:
        return []
    fix = "set databricks_account_id and sign in as an account admin, or mark the groups external = true"
    if not workspace.has_account:
        message = f"no account to write {', '.join(kinds)} in"
        return [Finding(code="NO_ACCOUNT", severity=Severity.ERROR, place="account", message=message, fix=fix)]
    if plan.of_layer(Layer.ACCOUNT):
        path, plane = workspace.scim("Users")
        try:
            workspace.get("preflight", path, {"count": 1}, plane)
        except RemoteError as error:
            if error.status != 403:
                raise
            message = f"the runner may not write {', '.join(kinds)}: it is no account admin"
            return [Finding(code="RIGHT_MISSING", severity=Severity.ERROR, place="account", message=message, fix=fix)]
    return []


def _people(changes: Iterable[Change], workspace: Workspace) -> list[Finding]:
    """Members are referred to, never made: a name that nobody has would fail half-way."""
    made = {c.key for c in changes if c.kind == "group" and c.action is Action.CREATE}
    wanted = {str(c.after["member"]) for c in changes if c.kind == "member" and c.action is Action.CREATE and c.after}
    missing = [name for name in sorted(wanted - made) if find_principal(workspace, name) is None]
    return [
        Finding(
            code="MEMBER_MISSING",
            severity=Severity.ERROR,
            place=f"member {name}",
            message="no user, service principal or group has this name",
            fix="check members in env.auto.tfvars; service principals are named by application id",
        )
        for name in missing
    ]
