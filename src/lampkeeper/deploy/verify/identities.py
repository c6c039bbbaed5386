"""The test principals: the combinations of groups that exist, and service principals that join them during a run."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from lampkeeper.deploy.verify.asking import TestPrincipal
from lampkeeper.deploy.verify.cells import rawness
from lampkeeper.model.access import Access, Principal
from lampkeeper.model.auth import Auth
from lampkeeper.model.effective import combinations, relevant_groups
from lampkeeper.model.errors import RemoteError
from lampkeeper.model.findings import Finding, Severity
from lampkeeper.remote.clients import ApiLevel, Workspace, connect, encode
from lampkeeper.remote.polling import PollPolicy, wait_until
from lampkeeper.remote.retry import Backoff
from lampkeeper.remote.warehouse import Parameter, run_sql, warehouse_id
from lampkeeper.text.sql_quoting import quote_string

PROBE_PREFIX = "lampkeeper-probe-"
"""Display names of the service principals that a run creates: the prefix, the start in seconds, a number."""

_PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
_LIFETIME = "3600s"
_MEMBERSHIPS = Backoff(first=0.2, longest=5.0)
_SCIM = "/api/2.0/preview/scim/v2"


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedIdentity:
    """A principal with a token for the verification; `groups` are its groups by the settings (empty: its live groups)."""

    name: str
    token: str = field(repr=False)
    groups: tuple[str, ...] = ()


class WorkspaceQueryRunner:
    """Runs the verification's queries in a workspace as the signed-in principal."""

    def __init__(self, workspace: Workspace) -> None:
        """Take the signed-in workspace."""
        self._workspace = workspace

    def ask(self, sql: str, parameters: Mapping[str, str]) -> Sequence[Sequence[str | None]]:
        """Return the rows of one statement."""
        typed = [Parameter(name=n, value=v) for n, v in sorted(parameters.items())]
        return run_sql(self._workspace, sql, typed, kind="verify").rows


def people_combinations(live: Access, relevant: Iterable[str]) -> tuple[frozenset[str], ...]:
    """Return the combinations to test: each relevant group alone, every combination of a principal, and no group."""
    named = frozenset(relevant)
    held = {c & named for c in combinations(live)}
    alone = {live.identities(Principal(name="", groups=(g,))) & named for g in named}
    return tuple(sorted(held | alone | {frozenset()}, key=lambda c: (len(c), sorted(c))))


def groups_in_question(known: Iterable[str], *accesses: Access) -> tuple[str, ...]:
    """Return the groups of the account that affect the access in these models."""
    # A grant may also name a person or a service principal, which has no members.
    groups = set(known)
    return tuple(g for g in relevant_groups(*accesses) if g in groups)


def direct_groups(combination: frozenset[str], live: Access, locked: Iterable[str]) -> tuple[str, ...] | None:
    """Return the groups to join for exactly this combination, without joining a locked one; None if impossible.

    It joins the innermost groups, so that nesting is tested too.
    """
    closed = set(locked)
    reach = {g: live.identities(Principal(name="", groups=(g,))) for g in combination}
    inner = sorted(g for g in combination if not any(g in reach[o] and o not in reach[g] for o in combination if o != g))
    usable = [g for g in inner if g not in closed] + sorted(combination - set(inner) - closed)
    joined: list[str] = []
    covered: set[str] = set()
    for group in usable:
        if group not in covered:
            joined.append(group)
            covered |= reach[group]
    return tuple(joined) if combination <= covered else None


def total_rawness(expected: Access, principal: Principal) -> int:
    """Return how much of all tables the principal should see raw."""
    return sum(rawness(expected.table(principal, t.name)) for t in expected.model.tables)


def membership_sql(groups: Sequence[str]) -> str:
    """Return the query for the caller's membership in all of these groups."""
    return "SELECT " + ", ".join(f"is_account_group_member({quote_string(g)})" for g in groups) if groups else "SELECT true"


class Probes:
    """Service principals for one run. Use as a context manager: it removes all of them at the end, also after an error."""

    def __init__(self, workspace: Workspace, groups: Sequence[str], *, timeouts: float) -> None:
        """Take the workspace (signed in as an admin), the relevant groups, and how long to wait for a membership."""
        self._workspace = workspace
        self._groups = tuple(sorted(groups))
        self._timeouts = timeouts
        self._started_at = int(time.time())
        self._made: dict[str, list[str]] = {}
        self.findings: list[Finding] = []
        path, api_level = workspace.scim("Groups")
        listed = workspace.scim_pages("group", path, {"attributes": "id,displayName,externalId"}, api_level)
        documents = [g for g in listed if g.get("displayName") in set(self._groups)]
        self._ids = {str(g["displayName"]): str(g["id"]) for g in documents}
        self.provided = frozenset(str(g["displayName"]) for g in documents if g.get("externalId"))

    def __enter__(self) -> Probes:
        """Begin; `make` creates the principals."""
        return self

    def __exit__(self, *_: object) -> None:
        """Remove every probe, memberships first."""
        for probe in list(self._made):
            self._remove(probe)

    def make(self, name: str, combination: frozenset[str], join: Sequence[str]) -> TestPrincipal | None:
        """Return a test principal with exactly this combination, or None with a finding if a membership never takes effect."""
        path = f"{_SCIM}/ServicePrincipals"
        body = {
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ServicePrincipal"],
            "displayName": f"{PROBE_PREFIX}{self._started_at}-{len(self._made)}",
            "active": True,
            "entitlements": [{"value": "databricks-sql-access"}, {"value": "workspace-access"}],
        }
        document = self._workspace.write("probe", "POST", path, body)
        probe, application = str(document["id"]), str(document["applicationId"])
        self._made[probe] = []
        for group in join:
            self._made[probe].append(self._ids[group])
            self._patch_group(self._ids[group], {"op": "add", "path": "members", "value": [{"value": probe}]})
        self._let_use_warehouse(application)
        signed_in = connect(
            Auth(workspace_host=self._workspace.host, client_id=application, client_secret=self._secret(probe)),
            warehouse_id=warehouse_id(self._workspace),
            timeouts=self._workspace.timeouts,
        )
        test_principal = TestPrincipal(
            name=name,
            principal=Principal(name=application, groups=tuple(sorted(combination))),
            query_runner=WorkspaceQueryRunner(signed_in),
            probe=True,
        )
        return test_principal if self._wait(test_principal, combination) else None

    def _wait(self, test_principal: TestPrincipal, combination: frozenset[str]) -> bool:
        """Wait until all memberships read as expected: an early denial would prove nothing."""

        def look() -> frozenset[str] | RemoteError:
            try:
                return held_groups(test_principal, self._groups)
            except RemoteError as error:
                # The warehouse may not accept a new principal immediately.
                if error.status not in (401, 403):
                    raise
                return error

        policy = PollPolicy(backoff=_MEMBERSHIPS, limit=self._timeouts)
        held = wait_until(look, lambda seen: seen == combination, policy, self._workspace.clock)
        if isinstance(held, RemoteError):
            raise held
        if held == combination:
            return True
        self.findings.append(
            untested(
                combination,
                f"its memberships took no effect within {self._timeouts:.0f} s: in the workspace it has {_names(held)}",
                "run verify again; memberships may take minutes to take effect",
            )
        )
        return False

    def _secret(self, probe: str) -> str:
        path = f"/api/2.0/accounts/servicePrincipals/{encode(probe)}/credentials/secrets"
        api_level = ApiLevel.WORKSPACE
        if self._workspace.has_account:
            account = encode(self._workspace.account_id)
            path, api_level = (
                f"/api/2.0/accounts/{account}/servicePrincipals/{encode(probe)}/credentials/secrets",
                ApiLevel.ACCOUNT,
            )
        return str(self._workspace.write("probe", "POST", path, {"lifetime": _LIFETIME}, api_level=api_level)["secret"])

    def _let_use_warehouse(self, application: str) -> None:
        path = f"/api/2.0/permissions/warehouses/{encode(warehouse_id(self._workspace))}"
        entry = {"service_principal_name": application, "permission_level": "CAN_USE"}
        self._workspace.write("probe", "PATCH", path, {"access_control_list": [entry]})

    def _patch_group(self, group_id: str, operation: Mapping[str, object]) -> None:
        path, api_level = self._workspace.scim("Groups")
        body = {"schemas": [_PATCH], "Operations": [operation]}
        self._workspace.write("probe", "PATCH", f"{path}/{encode(group_id)}", body, api_level=api_level)

    def _remove(self, probe: str) -> None:
        try:
            for group in self._made[probe]:
                self._patch_group(group, {"op": "remove", "path": f'members[value eq "{probe}"]'})
            path, api_level = self._workspace.scim("ServicePrincipals")
            self._workspace.write("probe", "DELETE", f"{path}/{encode(probe)}", api_level=api_level)
        except RemoteError as error:
            if error.status != 404:
                self.findings.append(
                    Finding(
                        code="verify/probe_left",
                        severity=Severity.ERROR,
                        location=f"service principal {probe}",
                        message=f"a probe could not be removed: {error.message}",
                        fix=f"delete the service principals whose name begins with {PROBE_PREFIX}",
                    )
                )
                return
        del self._made[probe]


def sweep_probes(workspace: Workspace, stale_after: float) -> int:
    """Delete probes of interrupted runs, older than `stale_after` seconds; return their number."""
    path, api_level = workspace.scim("ServicePrincipals")
    query = {"filter": f'displayName sw "{PROBE_PREFIX}"', "attributes": "id,displayName"}
    now, swept = time.time(), 0
    for found in list(workspace.scim_pages("probe", path, query, api_level)):
        name = str(found.get("displayName") or "")
        born = name.removeprefix(PROBE_PREFIX).split("-")[0]
        if name.startswith(PROBE_PREFIX) and (not born.isdigit() or now - int(born) >= stale_after):
            # Deleting a principal also deletes its memberships.
            workspace.write("probe", "DELETE", f"{path}/{encode(str(found['id']))}", api_level=api_level)
            swept += 1
    return swept


def held_groups(test_principal: TestPrincipal, groups: Sequence[str]) -> frozenset[str]:
    """Return the groups of which the test principal is a member, by a query as that principal."""
    row = test_principal.query_runner.ask(membership_sql(groups), {})[0]
    return frozenset(g for g, value in zip(groups, row, strict=False) if str(value).lower() == "true")


def named_test_principal(workspace: Workspace, identity: NamedIdentity) -> TestPrincipal:
    """Return a test principal with its own token, under its name on the platform."""
    signed_in = connect(
        Auth(workspace_host=workspace.host, token=identity.token),
        warehouse_id=warehouse_id(workspace),
        timeouts=workspace.timeouts,
    )
    query_runner = WorkspaceQueryRunner(signed_in)
    login = str(query_runner.ask("SELECT current_user()", {})[0][0])
    return TestPrincipal(name=identity.name, principal=Principal(name=login), query_runner=query_runner)


def untested(combination: Iterable[str], why: str, fix: str = "") -> Finding:
    """Return the finding for a combination of groups without a test principal."""
    return Finding(
        code="verify/untested_combination",
        severity=Severity.ERROR,
        location=_names(combination),
        message=f"this combination of groups was not tested: {why}",
        fix=fix,
    )


def show_combination(combination: Iterable[str]) -> str:
    """Return the name of a combination: its groups, or outsider."""
    return " + ".join(sorted(combination)) or "outsider"


def _names(groups: Iterable[str]) -> str:
    return ", ".join(sorted(groups)) or "no group"
