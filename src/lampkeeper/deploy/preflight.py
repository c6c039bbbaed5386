"""What the runner may do, asked before the first write, so that all missing privileges are named at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from lampkeeper.deploy.change import Action, Change
from lampkeeper.deploy.live_state import RULE_SETS, acl_path
from lampkeeper.deploy.plan import Plan
from lampkeeper.deploy.required_privileges import ADMINS, Holder, Need
from lampkeeper.deploy.roles import PRIVILEGES, On
from lampkeeper.model.errors import RemoteError
from lampkeeper.model.findings import Finding, Severity, sort_findings
from lampkeeper.model.layers import Layer
from lampkeeper.remote.clients import Workspace
from lampkeeper.remote.directory import find_principal
from lampkeeper.remote.quotas import read_policy_quotas
from lampkeeper.remote.warehouse import list_warehouses


def preflight(plan: Plan, workspace: Workspace) -> tuple[Finding, ...]:
    """Return everything that the runner lacks for this plan, and members that do not exist; a few reads, no write."""
    if not plan.writes:
        return ()
    holder = Holder(workspace)
    findings = [f for need in _needs(plan.changes) if (f := holder.missing(need)) is not None]
    findings += _administration(plan, workspace, holder)
    account = _account(plan, workspace)
    findings += account or _people(plan.changes, workspace)
    if any(c.kind in ("function", "table_control") for c in plan.changes) and not list_warehouses(workspace):
        message, fix = (
            "there is no SQL warehouse to make functions, masks of tables and row filters with",
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
    """Return the privileges that the changes need (source: platform docs, pages on ABAC, tags and privileges)."""
    needs: set[Need] = set()
    made = {_full_name(c.after) for c in changes if c.kind == "schema" and c.action is Action.CREATE and c.after}
    for change in changes:
        body = change.after if change.after is not None else change.before
        if body is None or not change.action.writes:
            continue
        if change.kind == "schema":
            needs |= _inside(body["catalog"])
            needs.add(_need("catalog", body["catalog"], "make the schema of the functions", "CREATE_SCHEMA"))
        elif change.kind == "function" and _full_name(body) not in made:
            needs |= _inside(_full_name(body))
            needs.add(_need("schema", _full_name(body), "make functions", "CREATE_FUNCTION", "MANAGE"))
        elif change.kind == "policy":
            needs.add(_need(body["on_securable_type"], body["on_securable_fullname"], "make policies", "MANAGE"))
        elif change.kind == "grant":
            needs.add(_need(body["securable_type"], ".".join(body["securable"]), "grant", "MANAGE"))
        elif change.kind == "table_control":
            table = f"{body['catalog']}.{body['schema']}.{body['table']}"
            needs |= _inside(f"{body['catalog']}.{body['schema']}")
            needs.add(_need("table", table, "set and drop its column masks and row filter", "MANAGE"))
        elif change.kind == "tag":
            parts = str(body["entity_name"]).split(".")[:3]
            level = ("catalog", "schema", "table")[len(parts) - 1]
            needs |= _inside(".".join(parts[:2]))
            needs.add(_need(level, ".".join(parts), "assign tags", "APPLY_TAG"))
    return sorted(needs)


def _inside(full_name: str) -> set[Need]:
    """Return what it takes to reach what a schema or a catalog holds."""
    catalog, _, schema = full_name.partition(".")
    needs = {_need("catalog", catalog, "reach what is in it", "USE_CATALOG")}
    return needs | ({_need("schema", full_name, "reach what is in it", "USE_SCHEMA")} if schema else set())


def _full_name(body: Mapping[str, str]) -> str:
    return f"{body['catalog']}.{body['schema']}"


def _need(securable_type: str, full_name: str, purpose: str, *privileges: str) -> Need:
    return Need(securable_type=securable_type.lower(), full_name=full_name, privileges=privileges, purpose=purpose)


def _administration(plan: Plan, workspace: Workspace, holder: Holder) -> list[Finding]:
    """What takes an administrator of the workspace, or a level or role that stands for it on the one object."""
    if holder.is_workspace_admin:
        return []
    kinds = {c.kind for c in plan.changes if c.action.writes}
    lacking = sorted(kinds & {"entitlement", "warehouse"})
    if any(c.kind == "tag_policy" and c.action is Action.CREATE for c in plan.changes) and not _makes_tags(workspace, holder):
        lacking.append("tag_policy")
    shared = {str(c.after["warehouse"]) for c in plan.changes if c.kind == "warehouse_acl" and c.action.writes and c.after}
    ids = {str(w[key]): str(w["id"]) for w in list_warehouses(workspace) for key in ("name", "id")} if shared else {}
    if any(not _manages_warehouse(workspace, holder, ids.get(each, "")) for each in shared):
        lacking.append("warehouse_acl")
    if not lacking:
        return []
    right = next(r for r in PRIVILEGES if r.on is On.WORKSPACE)
    message = f"{holder.name} is no administrator: it may not {right.why} ({', '.join(lacking)} of this plan)"
    fix = f"add {holder.name} to the group {ADMINS} of the workspace"
    return [Finding(code="RIGHT_MISSING", severity=Severity.ERROR, place="workspace", message=message, fix=fix)]


def _manages_warehouse(workspace: Workspace, holder: Holder, warehouse: str) -> bool:
    """Return whether the runner may share a warehouse; of one that is to be made yet it is the owner."""
    if not warehouse:
        return True
    try:
        found = workspace.find("privileges", acl_path("warehouse", warehouse)) or {}
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
    """Return whether the runner has the account's role for new governed tags, as far as its rules may be read."""
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
    kinds = sorted({c.kind for c in plan.changes if c.action.writes and c.kind in ("group", "member", "workspace_assignment")})
    if not kinds:
        return []
    fix = "set databricks_account_id and sign in as an account admin, or mark the groups external = true"
    if not workspace.has_account:
        message = f"no account to write {', '.join(kinds)} in"
        return [Finding(code="NO_ACCOUNT", severity=Severity.ERROR, place="account", message=message, fix=fix)]
    if plan.of_layer(Layer.ACCOUNT):
        path, api_level = workspace.scim("Users")
        try:
            workspace.get("preflight", path, {"count": 1}, api_level)
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
