"""Checks the privileges that a principal holds; a finding names each missing one with the statement that grants it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from lampkeeper.deploy.roles import PRIVILEGES, UC_TYPES, On, RequiredPrivilege
from lampkeeper.model.errors import RemoteError
from lampkeeper.model.findings import Finding, Severity, sort_findings
from lampkeeper.remote.clients import ApiLevel, Json, Workspace, encode
from lampkeeper.remote.table_grants import own_names
from lampkeeper.remote.volumes import ROOT
from lampkeeper.remote.warehouse import list_warehouses
from lampkeeper.text.sql_quoting import quote_identifier, quote_path

_UC = "/api/2.1/unity-catalog"
ADMINS = "admins"
"""The group of a workspace's administrators."""


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class Need:
    """A requirement on a securable of Unity Catalog: any one of the privileges, or ownership."""

    securable_type: str
    full_name: str
    privileges: tuple[str, ...]
    purpose: str = field(compare=False)


def need_on(securable_type: str, full_name: str, purpose: str, *privileges: str) -> Need:
    """Return the requirement of any one of these privileges on a securable."""
    return Need(securable_type=securable_type.lower(), full_name=full_name, privileges=privileges, purpose=purpose)


def to_reach(full_name: str) -> set[Need]:
    """Return the requirements for access to objects within a schema or a catalog."""
    catalog, _, schema = full_name.partition(".")
    needs = {need_on("catalog", catalog, "access the objects in it", "USE_CATALOG")}
    return needs | ({need_on("schema", full_name, "access the objects in it", "USE_SCHEMA")} if schema else set())


@dataclass(frozen=True, slots=True, kw_only=True)
class Securables:
    """The securables on which a step needs privileges: folders of volumes, `catalog.schema` of the history, names and ids."""

    envs: str = ""
    approvals: str = ""
    history: str = ""
    warehouse: str = ""
    scope: str = ""
    governed: tuple[str, ...] = ()
    spaces: tuple[str, ...] = ()

    def names(self, privilege: RequiredPrivilege) -> tuple[str, ...]:
        """Return the full names of the securables of a privilege."""
        volumes = [_volume(path) for path in (self.envs, self.approvals if privilege.steps & _APPROVALS else "") if path]
        schemas = [".".join(v.split(".")[:2]) for v in volumes]
        match privilege.on:
            case On.SCHEMA if privilege.privilege != "USE SCHEMA":
                found = [self.history]
            case On.SCHEMA:
                found = [*schemas, self.history]
            case On.CATALOG:
                found = [s.split(".")[0] for s in (*schemas, self.history)]
            case On.ENVS | On.APPROVALS:
                path = self.envs if privilege.on is On.ENVS else self.approvals
                found = [_volume(path)] if path else []
            case On.GOVERNED:
                found = list(self.governed)
            case On.SPACES:
                found = list(self.spaces)
            case On.WAREHOUSE:
                found = [self.warehouse]
            case On.SCOPE:
                found = [self.scope]
            case On.WORKSPACE | On.ACCOUNT:
                found = [str(privilege.on)]
        return tuple(dict.fromkeys(n for n in found if n))


_APPROVALS = frozenset({"plan", "approve", "apply"})


def _volume(path: str) -> str:
    return ".".join(path.removeprefix(ROOT).split("/")[:3])


class Holder:
    """The signed-in principal and its privileges; a securable that it cannot see counts as one without privileges."""

    def __init__(self, workspace: Workspace) -> None:
        """Read the name and groups of the signed-in principal."""
        self._workspace = workspace
        me = workspace.get("privileges", "/api/2.0/preview/scim/v2/Me")
        self.names = own_names(me)
        self.name = str(me.get("userName") or me.get("applicationId") or me.get("displayName") or "")
        self._owners: dict[str, str] = {}
        self._metastore: bool | None = None

    @property
    def is_workspace_admin(self) -> bool:
        """Return whether the principal is an administrator of the workspace."""
        return ADMINS in self.names

    def lacks(self, need: Need) -> bool:
        """Return whether the principal has none of the privileges and owns neither the securable nor its schema or catalog."""
        parts = need.full_name.split(".")
        inner = "volumes" if need.securable_type == "volume" else "tables"
        levels = [("catalogs", parts[0]), ("schemas", ".".join(parts[:2])), (inner, need.full_name)]
        # The owner of a schema or catalog may not tag objects that others created in it (source: platform docs, tags).
        owning = levels[len(parts) - 1 : len(parts)] if need.privileges == ("APPLY_TAG",) else levels[: len(parts)]
        for level, name in owning:
            if name not in self._owners:
                self._owners[name] = str(self._allowed(f"{_UC}/{level}/{encode(name)}").get("owner") or "")
            if self._owners[name] in self.names:
                return False
        found = self._allowed(f"{_UC}/effective-permissions/{encode(need.securable_type, need.full_name)}")
        held = {
            str(p.get("privilege")).replace(" ", "_").upper()
            for entry in found.get("privilege_assignments") or () if entry.get("principal") in self.names
            for p in entry.get("privileges") or ()
        }  # fmt: skip
        # ALL_PRIVILEGES does not include MANAGE and what MANAGE implies (source: platform docs, privileges page).
        if held & set(need.privileges) or ("MANAGE" not in need.privileges and "ALL_PRIVILEGES" in held):
            return False
        return not ("MANAGE" in need.privileges and self._is_metastore_admin())

    def missing(self, need: Need) -> Finding | None:
        """Return a finding with the missing privilege, if any."""
        if not self.lacks(need):
            return None
        privilege = need.privileges[0].replace("_", " ")
        kind, parts = need.securable_type, need.full_name.split(".")
        return Finding(
            code="PRIVILEGE_MISSING",
            severity=Severity.ERROR,
            location=f"{kind} {need.full_name}",
            message=f"{self.name} lacks {privilege} and is not the owner: it may not {need.purpose}",
            fix=f"GRANT {privilege} ON {kind.upper()} {quote_path(*parts)} TO {quote_identifier(self.name)}",
        )

    def misses(self, privilege: RequiredPrivilege, name: str) -> Finding | None:
        """Return a finding if the principal lacks a privilege of the table on a securable."""
        if privilege.on in UC_TYPES:
            privileges: tuple[str, ...] = (privilege.privilege.replace(" ", "_"),)
            if privilege.privilege == "BROWSE":
                privileges = ("BROWSE", "SELECT", "MANAGE")
            need = Need(securable_type=UC_TYPES[privilege.on], full_name=name, privileges=privileges, purpose=privilege.why)
            return self.missing(need)
        if self._held(privilege.on, name):
            return None
        who = f"{privilege.on} {name}" if privilege.on not in (On.WORKSPACE, On.ACCOUNT) else name
        fixes = {
            On.WAREHOUSE: f"give {self.name} CAN USE on warehouse {name}",
            On.SCOPE: f"databricks secrets put-acl {name} {self.name} READ",
            On.SPACES: f"give {self.name} CAN EDIT on Genie space {name}",
            On.WORKSPACE: f"add {self.name} to the group {ADMINS} of the workspace",
            On.ACCOUNT: "make the principal in the secret scope an account admin",
        }
        what = "is not an administrator" if privilege.privilege == "admin" else f"lacks {privilege.privilege}"
        name = "the principal in the secret scope" if privilege.on is On.ACCOUNT else self.name
        message = f"{name} {what}: it may not {privilege.why}"
        return Finding(code="PRIVILEGE_MISSING", severity=Severity.ERROR, location=who, message=message, fix=fixes[privilege.on])

    def _held(self, on: On, name: str) -> bool:
        if on is On.WORKSPACE or (self.is_workspace_admin and on is not On.ACCOUNT):
            return self.is_workspace_admin
        if on is On.WAREHOUSE:
            return name in {str(w["id"]) for w in list_warehouses(self._workspace)}
        if on is On.SPACES:
            return self._may(f"/api/2.0/genie/spaces/{encode(name)}", {"include_serialized_space": True})
        if on is On.SCOPE:
            return self._may("/api/2.0/secrets/list", {"scope": name})
        path, api_level = self._workspace.scim("Users")
        return self._may(path, {"count": 1}, api_level)

    def _may(self, path: str, query: Mapping[str, object], api_level: ApiLevel = ApiLevel.WORKSPACE) -> bool:
        try:
            return self._workspace.find("privileges", path, query, api_level) is not None
        except RemoteError as error:
            if error.status != 403:
                raise
            return False

    def _allowed(self, path: str) -> Json:
        try:
            return self._workspace.find("privileges", path) or {}
        except RemoteError as error:
            if error.status != 403:
                raise
            return {}

    def _is_metastore_admin(self) -> bool:
        if self._metastore is None:
            owner = str(self._allowed(f"{_UC}/metastore_summary").get("owner") or "")
            self._metastore = owner in self.names
        return self._metastore


def require_sight(workspace: Workspace, catalogs: Iterable[str]) -> None:
    """Raise RemoteError if the runner cannot see all grants and policies of a catalog: an empty list would prove nothing."""
    holder = Holder(workspace)
    purpose = "see the grants and policies of all principals there"
    needs = (Need(securable_type="catalog", full_name=c, privileges=("MANAGE",), purpose=purpose) for c in sorted(set(catalogs)))
    found = [f for need in needs if (f := holder.missing(need)) is not None]
    if found:
        raise refusal(found)


def refusal(found: Sequence[Finding], before: str = "") -> RemoteError:
    """Return the error that lists what is missing, after the message `before`."""
    lines = [f"{f.location}: {f.message}" for f in found]
    message = "\n  ".join([before, *lines] if before else lines)
    return RemoteError(message, code="PRIVILEGE_MISSING", status=403, fix="; ".join(dict.fromkeys(f.fix for f in found)))


def lacking(workspace: Workspace, step: str, securables: Securables) -> tuple[Finding, ...]:
    """Return a finding for each privilege of the table that a step needs on these securables and the principal lacks."""
    return sort_findings(_lacking(Holder(workspace), step, securables))


def _lacking(holder: Holder, step: str, securables: Securables) -> Iterator[Finding]:
    for privilege in PRIVILEGES:
        if step in privilege.steps:
            for name in securables.names(privilege):
                found = holder.misses(privilege, name)
                if found is not None:
                    yield found
