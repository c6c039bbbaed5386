"""A small bank whose roles are apart: the jobs of target prod, and principals that hold what the table of privileges says."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any
from unittest import mock

from lampkeeper.cli.main import main
from lampkeeper.demo.local_jobs import SCOPE, make_home, seed_account_scope
from lampkeeper.deploy.history import TABLES, History
from lampkeeper.deploy.roles import BY_BUNDLE, On, RequiredPrivilege, Role, privileges_of
from lampkeeper.model.auth import Auth
from lampkeeper.remote.clients import Workspace, connect
from lampkeeper.remote.warehouse import run_sql
from localspace.server.workspace import BuildRunner
from support.bank_places import PEOPLE, ROWS, Answer
from support.bundle_jobs import BundleJobs, target_document
from support.env_folders import SETTINGS
from support.localspace_server import LocalWorkspace, running_localspace

UC = "/api/2.1/unity-catalog"
ENV = "prod"
OPS = "main.lampkeeper_ops"
APPROVER, OTHER, OUTSIDER = "ben@bank.example", "cleo@bank.example", "otto@bank.example"
ROLES: Mapping[str, Role] = {
    "proposer": Role.PROPOSE, "runner": Role.APPLY, "verifier": Role.VERIFY, "governor": Role.GOVERN,
}  # fmt: skip
"""Service principals by the variable of the bundle that names them; the governor stands for one principal of all roles."""
PLACES: Mapping[On, tuple[str, str]] = {
    On.CATALOG: ("catalog", "main"),
    On.SCHEMA: ("schema", OPS),
    On.ENVS: ("volume", f"{OPS}.lampkeeper"),
    On.APPROVALS: ("volume", f"{OPS}.approvals"),
    On.GOVERNED: ("catalog", "dev_fin"),
}
TELLERS = ("ana@bank.example", "olga@bank.example", "fay@bank.example", OUTSIDER)


@dataclass
class RolePlace:
    """The bank, the jobs, and the names of its principals."""

    space: LocalWorkspace
    jobs: BundleJobs
    names: dict[str, str] = field(default_factory=dict)

    @property
    def admin(self) -> Workspace:
        """Return the workspace as its administrator reaches it."""
        space = self.space
        auth = Auth(workspace_host=space.host, token=space.token, account_id=space.account_id, workspace_id=space.workspace_id)
        return connect(auth, warehouse_id=space.warehouse_id)

    def sql(self, statement: str) -> tuple[tuple[str | None, ...], ...]:
        """Run a statement as the administrator and return its rows."""
        return run_sql(self.admin, statement).rows

    def command(self, who: str, *words: str) -> Answer:
        """Run a command in this process, signed in as one of the principals, on the shared storage."""
        out, err = StringIO(), StringIO()
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("DATABRICKS_", "LAMPKEEPER_"))} | {
            "DATABRICKS_HOST": self.space.host, "DATABRICKS_TOKEN": self.space.mint(self.names.get(who, who)),
            "DATABRICKS_CONFIG_FILE": os.devnull,
        }  # fmt: skip
        shared = ("--envs", self.jobs.envs, "--env", ENV)
        with mock.patch.dict(os.environ, environment, clear=True), redirect_stdout(out), redirect_stderr(err):
            code = main([*words, *shared])
        return Answer(code, out.getvalue(), err.getvalue())

    def step(self, who: str, name: str, *words: str) -> Answer:
        """Run a command with the options that its job gives it."""
        live = ("--warehouse", self.space.warehouse_id, "--account-secret-scope", SCOPE) if name in _LIVE else ()
        reported = ("--history", OPS) if name in ("generate", "apply", "verify", "audit") else ()
        return self.command(who, name, *words, *live, *reported, *(("--run-id", "7") if name != "approve" else ()))

    def propose(self, who: str = "proposer") -> str:
        """Plan as a principal and return the plan's hash, whether it may be applied or not."""
        answer = self.step(who, "plan", "--propose")
        assert answer.code in (0, 3), answer.err
        return next(line.split()[-1] for line in answer.out.splitlines() if line.startswith("plan hash"))

    def verdict(self, run: Mapping[str, Any]) -> dict[str, Any]:
        """Return what a run came to, as its last task told it."""
        found: dict[str, Any] = json.loads(self.jobs.read(f"{self.jobs.envs}/runs/{ENV}/{run['run_id']}/verdict.json"))
        return found

    # Rights

    def hold(self, who: str, right: RequiredPrivilege, held: bool = True) -> None:
        """Give a principal a right of the table, or take it away."""
        name, call = self.names.get(who, who), self.jobs.call
        if right.on in PLACES:
            kind, full_name = PLACES[right.on]
            change = {"principal": name, "add" if held else "remove": [right.privilege.replace(" ", "_")]}
            call("PATCH", f"{UC}/permissions/{kind}/{full_name}", {"changes": [change]})
        elif right.on is On.SCOPE:
            body = {"scope": SCOPE, "principal": name} | ({"permission": "READ"} if held else {})
            call("POST", f"/api/2.0/secrets/acls/{'put' if held else 'delete'}", body)
        elif right.on is On.WAREHOUSE:
            self._warehouse(name, held)
        elif right.on in (On.WORKSPACE, On.ACCOUNT):
            self._administer(name, right.on, held)

    def _warehouse(self, name: str, held: bool) -> None:
        path = f"/api/2.0/permissions/warehouses/{self.space.warehouse_id}"
        rows = [
            {k: e[k] for k in ("user_name", "group_name", "service_principal_name") if e.get(k)}
            | {"permission_level": e["all_permissions"][0]["permission_level"]}
            for e in self.jobs.call("GET", path)["access_control_list"]
            if not e["all_permissions"][0].get("inherited") and name not in e.values()
        ]  # fmt: skip
        field_of = "user_name" if "@" in name else "service_principal_name"
        rows += [{field_of: name, "permission_level": "CAN_USE"}] if held else []
        self.jobs.call("PUT", path, {"access_control_list": rows})

    def _administer(self, name: str, on: On, held: bool) -> None:
        patch = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"]}
        account, workspace = f"/api/2.0/accounts/{self.space.account_id}/scim/v2", "/api/2.0/preview/scim/v2"
        listed = self.jobs.call("GET", f"{account}/ServicePrincipals")["Resources"]
        found = next(s["id"] for s in listed if name in (s["applicationId"], s["displayName"]))
        if on is On.ACCOUNT:
            roles = [{"value": "account_admin"}] if held else []
            change: dict[str, Any] = {"op": "replace", "path": "roles", "value": roles}
            self.jobs.call("PATCH", f"{account}/ServicePrincipals/{found}", patch | {"Operations": [change]})
            return
        group = next(g for g in self.jobs.call("GET", f"{workspace}/Groups")["Resources"] if g["displayName"] == "admins")
        change = {"op": "add", "path": "members", "value": [{"value": found}]}
        if not held:
            change = {"op": "remove", "path": f'members[value eq "{found}"]'}
        self.jobs.call("PATCH", f"{workspace}/Groups/{group['id']}", patch | {"Operations": [change]})


_LIVE = ("snapshot", "generate", "plan", "apply", "verify", "audit", "report")


@contextmanager
def role_place(
    wheel: Path | None,
    build_runner: BuildRunner | None = None,
    settings: str = SETTINGS,
    deploy: Callable[[RolePlace], object] | None = None,
) -> Iterator[RolePlace]:
    """Run a local workspace with the bank and the jobs of target prod; everybody holds what the table says, no more.

    Without a wheel the jobs cannot run: for tests that run the steps in their own process. `deploy` stands in place of the
    REST calls that make the jobs here.
    """
    with running_localspace(build_runner=build_runner) as space:
        names = {}
        for role in ROLES:
            names[role] = str(space.client().service_principals.create(display_name=role).application_id)
        variables = {r: names[r] for r in ("proposer", "runner", "verifier")} | {
            "approvers": "approvers",
            "create_test_principals": "no",
        }
        jobs = BundleJobs(space.host, space.token, wheel or Path(os.devnull), space.warehouse_id)
        jobs.document = target_document("prod", variables)
        place = RolePlace(space, jobs, names)
        _fill(place, settings)
        if deploy is None:
            jobs.deploy()
        else:
            deploy(place)
        for table in TABLES:
            History.named(place.admin, OPS, ENV).make(table)
        settings += (
            f'sql_warehouse_id = "{space.warehouse_id}"\noperators = {json.dumps(sorted(names.values()))}\n{_identities()}'
        )
        jobs.write(f"{jobs.envs}/{ENV}/env.auto.tfvars", settings)
        _give(place)
        yield place


def _identities() -> str:
    rows = "\n".join(f'  {{ name = "{who}", token_env = "{who.split("@")[0].upper()}" }},' for who in TELLERS)
    return f"verify_identities = [\n{rows}\n]\n"


def _fill(place: RolePlace, settings: str) -> None:
    """Make tables, people, the group of approvers, and the secret scope with the tokens of who verifies."""
    space = place.space
    for statement in ROWS:
        run_sql(place.admin, statement)
    ids = {}
    for name in (*PEOPLE, APPROVER, OTHER):
        ids[name] = str(space.account().users_v2.create(user_name=name).id)
    account = f"/api/2.0/accounts/{space.account_id}"
    members = [{"value": ids[APPROVER]}, {"value": ids[OTHER]}]
    group = place.jobs.call("POST", f"{account}/scim/v2/Groups", {"displayName": "approvers", "members": members})
    for seated in (group["id"], ids[OUTSIDER]):
        workspace_assignment = f"{account}/workspaces/{space.workspace_id}/permissionassignments/principals/{seated}"
        place.jobs.call("PUT", workspace_assignment, {"permissions": ["USER"]})
    seed_account_scope(place.admin)
    make_home(place.admin)
    place._warehouse(OUTSIDER, held=True)
    for who in TELLERS:
        body = {"scope": SCOPE, "key": who.split("@")[0].upper(), "string_value": space.mint(who)}
        place.jobs.call("POST", "/api/2.0/secrets/put", body)


def _give(place: RolePlace) -> None:
    """Take from everybody what all have by default, which would hide what somebody lacks, and give what the table says."""
    for kind, name in (("catalog", "main"), ("schema", "main.default")):
        held = place.jobs.call("GET", f"{UC}/permissions/{kind}/{name}").get("privilege_assignments", ())
        changes = [{"principal": one["principal"], "remove": one["privileges"]} for one in held]
        place.jobs.call("PATCH", f"{UC}/permissions/{kind}/{name}", {"changes": changes})
    for principal, role in {**ROLES, "approvers": Role.APPROVE}.items():
        for right in privileges_of(role):
            if principal == "governor" or right.on not in BY_BUNDLE:
                place.hold(principal, right)
