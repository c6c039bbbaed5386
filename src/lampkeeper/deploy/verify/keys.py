"""Finds masked principals that could learn the key of the keyed masks, or look values up with it.

A principal that may execute or manage a function can read its body, and the key in it, or call it to compute a dictionary of
guesses. So can a principal that writes guesses into a table with such a mask, or may assign its tag to a table of its own,
and reads them masked; and one that may see statements of others on the warehouse, where the function was created.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from lampkeeper.deploy.live_state import RULE_SETS, acl_path, rule_set_name
from lampkeeper.model.access import Principal
from lampkeeper.model.conditions import tag_references
from lampkeeper.model.desired import Desired
from lampkeeper.model.errors import RemoteError
from lampkeeper.model.findings import Finding, Severity
from lampkeeper.model.groups import EVERYBODY
from lampkeeper.model.hash_key import REACHING, WRITING
from lampkeeper.model.masks import Function
from lampkeeper.model.names import TableName
from lampkeeper.model.policies import Policy
from lampkeeper.remote.clients import Json, Workspace, encode
from lampkeeper.remote.live import Governed
from lampkeeper.remote.securables import read_owners
from lampkeeper.remote.warehouse import warehouse_id

_UC = "/api/2.1/unity-catalog"
_ASSIGNER = "roles/tagPolicy.assigner"
_WATCHING = frozenset({"CAN_MONITOR", "CAN_MANAGE", "IS_OWNER"})
_ALL_USERS = "users"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPermissions:
    """Checks the live privileges of a workspace.

    `me`, which runs the verification, is ignored: a principal that applies has the key anyway. For `operators`, a finding is a
    warning.
    """

    desired: Desired
    live: Governed
    workspace: Workspace
    me: str
    operators: Collection[str] = ()

    def findings(self) -> list[Finding]:
        """Return a finding for every masked principal that could learn the key, with the privilege that allows it."""
        found: list[Finding] = []
        there = {f.name for f in self.live.functions}
        for function in self.desired.functions:
            if function.keyed and function.name in there:
                policies = [p for p in self.desired.policies if p.function == function.name]
                found += self._function(function, policies)
                found += self._tables(policies)
                found += self._tags(policies)
        if found or any(f.keyed for f in self.desired.functions):
            found += self._warehouse()
        return found

    def _masked_by(self, principal: str, policies: Iterable[Policy]) -> str:
        """Return the first of these policies that masks this principal or a member of it, or nothing."""
        names = self.live.access.identities(Principal(name=principal))
        for policy in policies:
            addressed = names & set(policy.to_principals) or principal == EVERYBODY
            if addressed and not names & set(policy.except_principals):
                return policy.name
        return ""

    def _function(self, function: Function, policies: list[Policy]) -> Iterator[Finding]:
        name = function.name.plain
        path = f"{_UC}/effective-permissions/{encode('function', name)}"
        for entry in self.workspace.pages("grant", path, "privilege_assignments"):
            for held in entry.get("privileges") or ():
                privilege = str(held.get("privilege")).replace(" ", "_").upper()
                if privilege in REACHING:
                    yield from self._reported(
                        str(entry["principal"]), policies, f"{privilege}{_origin(held)}", f"function {name}"
                    )
        document = self.workspace.find("function", f"{_UC}/functions/{encode(name)}") or {}
        yield from self._reported(str(document.get("owner") or ""), policies, "ownership", f"function {name}")
        owners = read_owners(self.workspace, [(function.name.catalog, function.name.schema)])
        for (kind, name), owner in sorted(owners.items()):
            yield from self._reported(owner, policies, "ownership", f"{kind.lower()} {name}", Severity.WARNING)

    def _tables(self, policies: list[Policy]) -> Iterator[Finding]:
        """Yield the principals that may write into a table with one of these masks."""
        access = self.live.access
        kept = {
            t.name for t in access.model.tables
            if any(u.function == p.function for p in policies
                   for us in access.table(Principal(name=EVERYBODY), t.name).masks.values() for u in us)
        }  # fmt: skip
        for grant in self.live.grants:
            reached = [t for t in kept if _holds(grant.securable, t)]
            for privilege in sorted({p.replace(" ", "_").upper() for p in grant.privileges} & WRITING) if reached else ():
                location = f"{str(grant.securable_type).lower()} {'.'.join(grant.securable)}"
                yield from self._reported(
                    grant.principal, policies, privilege, location, why="write guesses and read them masked"
                )

    def _tags(self, policies: list[Policy]) -> Iterator[Finding]:
        """Yield the principals that may assign the tag values of these policies."""
        keys = {key for p in policies for m in p.match_columns for key, _ in tag_references(m.condition)}
        listed = self.workspace.pages("tag_policy", "/api/2.1/tag-policies", "tag_policies", {"page_size": 1000})
        for tag in listed:
            if str(tag["tag_key"]) not in keys:
                continue
            query = {"name": rule_set_name(self.workspace, str(tag["id"])), "etag": ""}
            try:
                rules = self.workspace.get("tag_permission", RULE_SETS, query).get("grant_rules") or ()
            except RemoteError as error:
                if error.status not in (403, 404):
                    raise
                yield _finding(f"tag {tag['tag_key']}", f"its permissions could not be read ({error.code})", Severity.WARNING)
                continue
            for rule in rules:
                for raw in rule.get("principals") or () if rule.get("role") == _ASSIGNER else ():
                    name = str(raw).partition("/")[2] or str(raw)
                    why = "put it on a table of its own and read guesses masked"
                    yield from self._reported(name, policies, "ASSIGN", f"tag {tag['tag_key']}", why=why)

    def _warehouse(self) -> Iterator[Finding]:
        keyed = {f.name for f in self.desired.functions if f.keyed}
        policies = [p for p in self.desired.policies if p.function in keyed]
        for entry in self._warehouse_acl():
            name = str(entry.get("group_name") or entry.get("user_name") or entry.get("service_principal_name") or "")
            name = EVERYBODY if name == _ALL_USERS else name
            levels = {str(p.get("permission_level")) for p in entry.get("all_permissions") or ()} & _WATCHING
            # Admins of a workspace see every statement, independent of the access list.
            if levels and name != "admins":
                why = "see the statement that created the function, in the query history"
                yield from self._reported(name, policies, min(levels), f"warehouse {warehouse_id(self.workspace)}", why=why)

    def _warehouse_acl(self) -> list[Json]:
        try:
            found = self.workspace.get("warehouse_acl", acl_path("warehouse", warehouse_id(self.workspace)))
        except RemoteError as error:
            if error.status not in (403, 404):
                raise
            return []
        return list(found.get("access_control_list") or ())

    def _reported(
        self,
        principal: str,
        policies: list[Policy],
        privilege: str,
        location: str,
        severity: Severity = Severity.ERROR,
        why: str = "read the key in the function, or compute a dictionary with it",
    ) -> Iterator[Finding]:
        policy = "" if principal in ("", self.me) else self._masked_by(principal, policies)
        severity = Severity.WARNING if principal in self.operators else severity
        if policy:
            yield _finding(
                location, f"{principal!r} is masked by {policy} and holds {privilege} on {location}: it could {why}", severity,
                f"revoke {privilege} from {principal!r}, or exempt it from {policy}",
            )  # fmt: skip


def _finding(location: str, message: str, severity: Severity, fix: str = "let an account admin run the verification") -> Finding:
    return Finding(code="verify/key_reachable", severity=severity, location=location, message=message, fix=fix)


def _origin(held: Json) -> str:
    above = held.get("inherited_from_name")
    return f" (granted on {str(held.get('inherited_from_type') or '').lower()} {above})" if above else ""


def _holds(securable: tuple[str, ...], table: TableName) -> bool:
    return tuple(p.casefold() for p in table.parts)[: len(securable)] == tuple(p.casefold() for p in securable)
