"""The table of privileges, by removal: each step runs with exactly these, and names any one that is missing."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from io import StringIO
from typing import Any
from unittest import mock

import pytest
import yaml

from lampkeeper.demo.local_jobs import ACCOUNT_PRINCIPAL, SCOPE
from lampkeeper.deploy.roles import BY_BUNDLE, PRIVILEGES, STEPS, On, RequiredPrivilege, Role, privileges_of
from lampkeeper.text.sql_quoting import quote_identifier
from support.bank_places import Answer
from support.bundle_jobs import ROOT
from support.env_folders import SETTINGS
from support.light_sql import light_runner
from support.role_places import APPROVER, PLACES, ROLES, RolePlace, role_place

pytestmark = pytest.mark.server
Case = tuple[Role, RequiredPrivilege]
WHO = {role: principal for principal, role in ROLES.items()} | {Role.APPROVE: APPROVER}
ORDER: dict[Role, tuple[str, ...]] = {
    Role.PROPOSE: ("snapshot", "generate", "validate", "plan"),
    Role.APPROVE: ("approve",),
    Role.APPLY: ("apply",),
    Role.VERIFY: ("verify", "audit"),
    Role.GOVERN: ("snapshot", "generate", "validate", "plan", "apply", "verify", "audit", "report"),
}
WORDS = {"generate": ("--offline",), "plan": ("--propose",), "verify": ("--create-test-principals", "no")}


def cases(*roles: Role) -> list[Any]:
    # A Genie space is there only after an apply: a test of its own.
    return [
        pytest.param((role, right), id=f"{role}-{right.privilege}-{right.on}".replace(" ", "_"))
        for role in roles
        for right in privileges_of(role)
        if right.on is not On.SPACES
    ]


class Trial:
    """Goes through the steps of roles; before each, every right that it is the first to need is taken away once."""

    def __init__(self, place: RolePlace, *, take: bool = True) -> None:
        """Start with nothing tried; without `take` nothing is taken away."""
        self.place = place
        self._take = take
        self.without: dict[Case, Answer] = {}
        self.good: dict[tuple[Role, str], Answer] = {}
        self.hash = ""

    def go(self, role: Role) -> None:
        """Do what a role does."""
        for step in ORDER[role]:
            for right in privileges_of(role) if self._take else ():
                if step in right.steps and (role, right) not in self.without and right.on is not On.SPACES:
                    self._try(role, step, right)
            self.good[role, step] = answer = self._step(role, step)
            assert answer.code == 0, f"{role} {step}: {answer.err}"
            if step == "plan":
                self.hash = next(line.split()[-1] for line in answer.out.splitlines() if line.startswith("plan hash"))

    def _try(self, role: Role, step: str, right: RequiredPrivilege) -> None:
        holder = "approvers" if role is Role.APPROVE else WHO[role]
        self.place.hold(holder, right, held=False)
        self.without[role, right] = self._step(role, step)
        self.place.hold(holder, right)

    def _step(self, role: Role, step: str) -> Answer:
        approved = ("--approved",) if role is Role.APPLY else ()
        given = {"approve": (self.hash, "--yes"), "apply": ("--plan-hash", self.hash, *approved)}
        return self.place.step(WHO[role], step, *given.get(step, WORDS.get(step, ())))

    def require_named(self, case: Case) -> None:
        """Hold the answer against the facts: refused, and principal, privilege, place and fix are told."""
        role, right = case
        answer, name = self.without[case], self.place.names.get(WHO[role], WHO[role])
        assert answer.code in (2, 4), f"{answer.code} {answer.out}{answer.err}"
        assert "internal" not in answer.err
        if right.on in PLACES:
            reported = [f"GRANT {right.privilege} ON", f"TO {quote_identifier(name)}", f"{name} lacks {right.privilege}"]
            reported.append(quote_identifier(PLACES[right.on][1].split(".")[-1]))
        elif right.on is On.WORKSPACE:
            reported = [f"{name} is not an administrator", f"add {name} to the group admins"]
        elif right.on is On.SCOPE:
            reported = [f"{name} lacks READ", f"secrets put-acl {SCOPE} {name} READ"]
        else:
            reported = [f"{name} lacks CAN USE", f"warehouse {self.place.space.warehouse_id}"]
        for words in reported:
            assert words in answer.err, f"{words!r} is missing in: {answer.err}"


@pytest.fixture(scope="module")
def apart() -> Iterator[Trial]:
    with role_place(None, light_runner) as place:
        trial = Trial(place)
        for role in (Role.PROPOSE, Role.APPROVE, Role.APPLY):
            trial.go(role)
        yield trial


@pytest.mark.parametrize("case", cases(Role.PROPOSE, Role.APPROVE, Role.APPLY))
def test_a_revoked_privilege_is_named(apart: Trial, case: Case) -> None:
    apart.require_named(case)


def test_with_exactly_these_privileges_a_plan_is_proposed_approved_and_applied(apart: Trial) -> None:
    assert f"approved by {APPROVER}" in apart.good[Role.APPROVE, "approve"].out
    planned = re.search(r"^plan: (\d+ writes)$", apart.good[Role.PROPOSE, "plan"].out, re.MULTILINE)
    assert planned is not None
    assert f"apply: {planned.group(1)}" in apart.good[Role.APPLY, "apply"].out
    state = apart.place.jobs.read(f"{apart.place.jobs.envs}/prod/data_access/state.json")
    # Refused thirteen times before: had one of them written, the state would have moved on and the plan been refused.
    assert '"serial": 1' in state


def test_approve_shows_the_plan_and_asks_and_the_approval_keeps_what_was_shown(apart: Trial) -> None:
    place = apart.place
    given, plan = apart.good[Role.APPROVE, "approve"], apart.good[Role.PROPOSE, "plan"].out
    kept = json.loads(place.jobs.read(f"{place.jobs.approvals}/prod/{apart.hash}.approval.json"))
    assert kept["shown"] == given.out.splitlines()[: len(kept["shown"])]
    assert all(line in plan.splitlines() for line in kept["shown"])
    for words in ("+ grant SELECT to ", 'TO "account users"; EXCEPT ', "masked", "+ tag "):
        assert any(words in line for line in kept["shown"]), words
    with mock.patch("sys.stdin", StringIO("n\n")):
        asked = place.command(APPROVER, "approve", apart.hash)
    assert (asked.code, "approve as ben@bank.example: " in asked.err, "the answer was no" in asked.err) == (2, True, True), (
        asked.err
    )
    quiet = place.command(APPROVER, "approve", apart.hash, "--json")
    assert (quiet.code, "approve asks for confirmation" in quiet.err) == (2, True), quiet.err


def test_a_service_principal_that_is_not_listed_cannot_approve(apart: Trial) -> None:
    refused = apart.place.command("verifier", "approve", apart.hash, "--yes")
    reported = f"{apart.place.names['verifier']} is a service principal"
    assert (refused.code, reported in refused.err, "does not list as an approver" in refused.err) == (3, True, True), refused.err


def test_a_service_principal_that_the_settings_list_approves_and_the_runner_applies(apart: Trial) -> None:
    place, bot = apart.place, apart.place.names["verifier"]
    path = f"{place.jobs.envs}/prod/env.auto.tfvars"
    place.jobs.write(path, place.jobs.read(path) + f'approvers = ["{bot}"]\n')
    plan_hash, privileges = place.propose(), [r for r in PRIVILEGES if r.on is On.APPROVALS]
    for right in privileges:
        place.hold("verifier", right)
    approved = place.command("verifier", "approve", plan_hash, "--yes")
    for right in privileges:
        place.hold("verifier", right, held=False)
    assert (approved.code, f"approved by {bot}" in approved.out) == (0, True), approved.err
    applied = place.step("runner", "apply", "--approved", "--plan-hash", plan_hash)
    assert applied.code == 0, applied.err


def test_an_account_principal_that_is_no_admin_is_named(apart: Trial) -> None:
    place = apart.place
    right = next(r for r in PRIVILEGES if r.on is On.ACCOUNT)
    place.hold(ACCOUNT_PRINCIPAL, right, held=False)
    answer = place.step("proposer", "plan", "--propose")
    place.hold(ACCOUNT_PRINCIPAL, right)
    assert answer.code == 4
    assert "make the principal in the secret scope an account admin" in answer.err


def test_a_secret_scope_that_is_not_there_is_named(apart: Trial) -> None:
    answer = apart.place.command("proposer", "snapshot", "--account-secret-scope", "ghost")
    assert answer.code == 2
    assert "no secret scope 'ghost' that may be read" in answer.err


@pytest.mark.parametrize("missing", ["account_id", "client_secret"])
def test_a_scope_that_lacks_a_key_says_which(apart: Trial, missing: str) -> None:
    place, scope = apart.place, f"without_{missing}"
    secrets = place.space.client().secrets
    secrets.create_scope(scope)
    for key in {"account_id", "client_id", "client_secret"} - {missing}:
        secrets.put_secret(scope, key, string_value="x")
    body = {"scope": scope, "principal": place.names["proposer"], "permission": "READ"}
    place.jobs.call("POST", "/api/2.0/secrets/acls/put", body)
    answer = place.command("proposer", "snapshot", "--account-secret-scope", scope)
    assert (answer.code, missing in answer.err) == (2, True), answer.err


@pytest.fixture(scope="module")
def proven() -> Iterator[Trial]:
    with role_place(None) as place:
        trial = Trial(place)
        for role in (Role.GOVERN, Role.VERIFY):
            trial.go(role)
        yield trial


@pytest.mark.heavy
@pytest.mark.spark
@pytest.mark.parametrize("case", cases(Role.GOVERN, Role.VERIFY))
def test_a_missing_privilege_of_the_verifier_or_of_the_single_principal_is_named(proven: Trial, case: Case) -> None:
    proven.require_named(case)


@pytest.mark.heavy
@pytest.mark.spark
def test_with_exactly_these_privileges_the_verifier_queries_as_the_named_identities(proven: Trial) -> None:
    for role in (Role.GOVERN, Role.VERIFY):
        assert "verify: 0 mismatches" in proven.good[role, "verify"].out, proven.good[role, "verify"].out
        assert "audit: clean" in proven.good[role, "audit"].out


SPACE = 'genie_spaces = [{ name = "Bank", uc_tables = ["dev_fin.finance.*"] }]\n'


@pytest.mark.heavy
def test_a_genie_space_that_the_proposer_may_not_edit_is_named_until_it_may() -> None:
    with role_place(None, light_runner, SPACE + SETTINGS) as place:
        trial = Trial(place, take=False)
        for role in (Role.PROPOSE, Role.APPROVE, Role.APPLY):
            trial.go(role)
        space = place.jobs.call("GET", "/api/2.0/genie/spaces")["spaces"][0]["space_id"]
        refused = place.step("proposer", "plan", "--propose")
        name = place.names["proposer"]
        assert (refused.code, f"give {name} CAN EDIT on Genie space {space}" in refused.err) == (4, True), refused.err
        row = {"service_principal_name": name, "permission_level": "CAN_EDIT"}
        place.jobs.call("PATCH", f"/api/2.0/permissions/genie/{space}", {"access_control_list": [row]})
        assert place.step("proposer", "plan", "--propose").code == 0


@pytest.mark.unit
def test_every_right_is_somebodys_and_every_step_is_a_role() -> None:
    assert {r for role in Role for r in privileges_of(role)} == set(PRIVILEGES) - {
        r for r in PRIVILEGES if r.privilege == "BROWSE"
    }
    assert {step for r in PRIVILEGES for step in r.steps} == {step for steps in STEPS.values() for step in steps}


@pytest.mark.unit
def test_target_prod_grants_on_the_shared_storage_what_the_table_says_and_no_more() -> None:
    resources = yaml.safe_load((ROOT / "databricks.yml").read_text())["targets"]["prod"]["resources"]
    shared = {On.SCHEMA: "schemas/ops", On.ENVS: "volumes/lampkeeper", On.APPROVALS: "volumes/approvals"}
    assert set(shared) == BY_BUNDLE
    people = {role: ROLES[role] for role in ("proposer", "runner", "verifier")} | {"approvers": Role.APPROVE}
    for on, place in shared.items():
        kind, name = place.split("/")
        granted = {g["principal"]: {p.replace("_", " ") for p in g["privileges"]} for g in resources[kind][name]["grants"]}
        wanted = {
            f"${{var.{who}}}": held
            for who, role in people.items()
            if (held := {r.privilege for r in privileges_of(role) if r.on is on})
        }
        assert granted == wanted, on
