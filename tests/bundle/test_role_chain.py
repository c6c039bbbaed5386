"""Duties apart, by the jobs of target prod: proposed by one, approved by another, applied and verified by two more."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lampkeeper.deploy.roles import On, RequiredPrivilege, privileges_of
from support.bank_places import Answer
from support.bundle_jobs import bundle_document, states
from support.role_places import APPROVER, ENV, OPS, OTHER, OUTSIDER, ROLES, RolePlace, role_place

pytestmark = [pytest.mark.server, pytest.mark.spark, pytest.mark.heavy]
SSN = "dev_fin.finance.customers.ssn"
ANALYST = "ana@bank.example"
GOVERNING = ("/tag-policies", "/entity-tag-assignments", "/policies", "/scim/", "/unity-catalog/permissions/", "/functions")


def governing_writes(place: RolePlace) -> list[str]:
    """Return the writes since the log was cleared to what governs."""
    return [f"{w['method']} {w['path']}" for w in place.space.writes() if any(part in w["path"] for part in GOVERNING)]


def applies(place: RolePlace, plan_hash: str) -> list[tuple[str | None, ...]]:
    """Return what the history tells of the applies of a plan."""
    reported = "outcome, actor, approver, widened > 0, matrix_difference"
    return list(place.sql(f"SELECT {reported} FROM {OPS}.applies WHERE plan_hash = '{plan_hash}' ORDER BY recorded_at"))


def approve(place: RolePlace, who: str, plan_hash: str) -> Answer:
    return place.command(who, "approve", plan_hash, "--yes")


@pytest.fixture(scope="module")
def place(product_wheel: Path) -> Iterator[RolePlace]:
    with role_place(product_wheel) as running:
        yield running


@pytest.fixture(scope="module")
def chain(place: RolePlace) -> dict[str, Any]:
    """Run propose, apply without approval, approve, and apply again; return the runs and the plan's hash."""
    proposed = place.jobs.run("propose", 300)
    steps = {s["step"]: s["facts"] for s in place.verdict(proposed)["steps"]}
    plan_hash = steps["plan"]["plan_hash"]
    place.space.control("DELETE", "requests")
    refused = place.jobs.run("apply_approved", 300, plan_hash=plan_hash)
    written = governing_writes(place)
    approved = approve(place, APPROVER, plan_hash)
    done = place.jobs.run("apply_approved", 300, plan_hash=plan_hash)
    return {
        "hash": plan_hash, "proposed": proposed, "refused": refused, "written": written, "approved": approved, "done": done,
    }  # fmt: skip


def test_a_plan_without_an_approval_is_refused_and_writes_nothing(place: RolePlace, chain: dict[str, Any]) -> None:
    assert set(states(chain["proposed"]).values()) == {"SUCCESS"}
    assert states(chain["refused"]) == {
        "apply": "FAILED", "verify": "UPSTREAM_FAILED", "report": "SUCCESS", "outcome": "FAILED",
    }  # fmt: skip
    came_to = place.verdict(chain["refused"])
    assert (came_to["exit_code"], came_to["step"]) == (3, "apply")
    assert f"has no approval by another principal than {place.names['proposer']}" in came_to["message"]
    assert chain["written"] == []


def test_with_anothers_approval_it_goes_on_and_each_step_is_reported_in_its_principals_name(
    place: RolePlace, chain: dict[str, Any]
) -> None:
    assert chain["approved"].code == 0, chain["approved"].err
    assert set(states(chain["done"]).values()) == {"SUCCESS"}, place.verdict(chain["done"])
    came_to = place.verdict(chain["done"])
    assert (came_to["exit_code"], [s["step"] for s in came_to["steps"]]) == (0, ["apply", "verify", "audit", "report"])
    assert next(s["facts"]["mismatches"] for s in came_to["steps"] if s["step"] == "verify") == 0
    rows = applies(place, chain["hash"])
    assert [r[:3] for r in rows] == [(o, place.names["runner"], APPROVER) for o in ("began", "done")]
    assert SSN in str(rows[-1][4])
    run = str(chain["done"]["run_id"])
    reported = f"SELECT actor, ok FROM {OPS}.verifications WHERE run_id = '{run}'"
    assert place.sql(reported) == ((place.names["verifier"], "true"),)
    assert place.sql(f"SELECT forward, reverse FROM {OPS}.drift WHERE run_id = '{run}'") == (("0", "0"),)
    proposed = str(chain["proposed"]["run_id"])
    assert place.sql(f"SELECT count(*) FROM {OPS}.coverage WHERE run_id = '{proposed}'") == (("1",),)


def test_an_approved_plan_is_applied_once(place: RolePlace, chain: dict[str, Any]) -> None:
    again = place.step("runner", "apply", "--approved", "--plan-hash", chain["hash"])
    assert (again.code, "the plan is for serial" in again.err) == (3, True), again.err
    assert [str(r[0]).split(":")[0] for r in applies(place, chain["hash"])] == ["began", "done", "began", "failed"]


def test_nobody_outside_the_approvers_writes_approvals(place: RolePlace, chain: dict[str, Any]) -> None:
    path = f"/api/2.0/fs/files{place.jobs.approvals}/{ENV}/{'0' * 64}.approval.json"
    assert chain["approved"].code == 0
    for who in (*ROLES, OUTSIDER, ANALYST):
        with place.space.http(place.space.mint(place.names.get(who, who))) as http:
            answer = http.put(path, content=b"{}")
        assert answer.status_code == 403, f"{who}: {answer.text}"


ADMIN = "admin@localspace.example"
APPEND_ONLY, DENIED = "DELTA_CANNOT_MODIFY_APPEND_ONLY", "INSUFFICIENT_PERMISSIONS"


def test_nobody_takes_back_what_the_history_tells(place: RolePlace, chain: dict[str, Any]) -> None:
    table, before = f"{OPS}.applies", applies(place, chain["hash"])
    attempts = [(who, f"DELETE FROM {table}", APPEND_ONLY) for who in (ADMIN, "runner", "governor")]
    attempts += [(who, f"UPDATE {table} SET approver = 'x'", APPEND_ONLY) for who in (ADMIN, "runner")]
    attempts += [(who, f"ALTER TABLE {table} UNSET TBLPROPERTIES ('delta.appendOnly')", DENIED) for who in ROLES]
    attempts += [(who, f"DROP TABLE {table}", DENIED) for who in ROLES]
    for who, statement, reported in attempts:
        with place.space.http(place.space.mint(place.names.get(who, who))) as http:
            body = {"statement": statement, "warehouse_id": place.space.warehouse_id, "wait_timeout": "30s"}
            status = http.post("/api/2.0/sql/statements", json=body).json()["status"]
        assert (status["state"], reported in str(status)) == ("FAILED", True), f"{who}: {statement}: {status}"
    assert applies(place, chain["hash"]) == before


@pytest.fixture(scope="module")
def widening(place: RolePlace, chain: dict[str, Any]) -> str:
    """Return the hash of a proposed plan by which an analyst gains customers.ssn."""
    assert place.verdict(chain["done"])["exit_code"] == 0
    decision = ("labels", "set", SSN, "none", "--protect", "no", "--reason", "a test", "--by", "steward")
    decided = place.command(ADMIN, *decision)
    assert decided.code == 0, decided.err
    for step, words in (("generate", ("--offline",)), ("validate", ())):
        assert place.step("proposer", step, *words).code == 0
    answer = place.step("proposer", "plan", "--propose")
    assert (answer.code, f"{ANALYST}: {SSN}" in answer.out) == (3, True), answer.out + answer.err
    return next(line.split()[-1] for line in answer.out.splitlines() if line.startswith("plan hash"))


def test_no_word_that_a_run_may_bring_widens(place: RolePlace, widening: str) -> None:
    place.space.control("DELETE", "requests")
    run = place.jobs.run("apply_approved", 300, plan_hash=f"{widening} --allow-widening")
    assert (states(run)["apply"], place.verdict(run)["exit_code"]) == ("FAILED", 2)
    for given, code in ((widening, 3), ("--allow-widening", 2), ("", 2)):
        assert place.step("runner", "apply", "--approved", "--plan-hash", given).code == code, given
    for words in (("--allow-widening",), ("--adopt",)):
        assert place.step("runner", "apply", "--plan-hash", widening, *words).code == 2
    assert governing_writes(place) == []


def test_the_proposers_own_approval_does_not_count(place: RolePlace, widening: str) -> None:
    own = approve(place, "proposer", widening)
    assert (own.code, "cannot approve it too" in own.err) == (3, True), own.err
    forged = {"plan_hash": widening, "env": ENV, "by": place.names["proposer"].upper(), "at": "t"}
    place.jobs.write(f"{place.jobs.approvals}/{ENV}/{widening}.approval.json", json.dumps(forged))
    refused = place.step("runner", "apply", "--approved", "--plan-hash", widening)
    assert (refused.code, "no approval by another principal" in refused.err) == (3, True), refused.err


def test_a_hash_that_was_edited_or_is_another_plans_is_refused(place: RolePlace, chain: dict[str, Any], widening: str) -> None:
    edited = widening[:-1] + ("0" if widening[-1] != "0" else "1")
    for given, code, reported in (
        (edited, 2, "no plan"), (widening[:12], 2, "is not the hash of a plan"), (chain["hash"], 3, "the plan is for serial"),
    ):  # fmt: skip
        answer = place.step("runner", "apply", "--approved", "--plan-hash", given)
        assert (answer.code, reported in answer.err) == (code, True), answer.err
    path = f"{place.jobs.envs}/{ENV}/plans/{widening}.json"
    before = place.jobs.read(path)
    place.jobs.write(path, before.replace("customers", "customer5"))
    answer = place.step("runner", "apply", "--approved", "--plan-hash", widening)
    place.jobs.write(path, before)
    assert (answer.code, "was changed after it was proposed" in answer.err) == (3, True), answer.err


def test_with_anothers_approval_an_analyst_gains_the_column_and_the_history_says_who_let_it(
    place: RolePlace, widening: str
) -> None:
    with place.space.http(place.space.mint(ANALYST)) as http:
        body = {"statement": "SELECT ssn FROM dev_fin.finance.customers WHERE customer_id = 1", "warehouse_id": ""}
        body |= {"warehouse_id": place.space.warehouse_id, "wait_timeout": "30s"}
        before = http.post("/api/2.0/sql/statements", json=body).json()["result"]["data_array"]
        approved = approve(place, OTHER, widening)
        assert (approved.code, f"widens access: {ANALYST}: {SSN}" in approved.out) == (0, True), approved.out + approved.err
        done = place.step("runner", "apply", "--approved", "--plan-hash", widening)
        assert done.code == 0, done.err
        after = http.post("/api/2.0/sql/statements", json=body).json()["result"]["data_array"]
    assert (before != [["219-09-9999"]], after) == (True, [["219-09-9999"]])
    last = applies(place, widening)[-1]
    assert last[:4] == ("done", place.names["runner"], OTHER, "true")
    assert f"{ANALYST}: {SSN}" in str(last[4])


def right_of(role: str, on: On, privilege: str) -> RequiredPrivilege:
    return next(r for r in privileges_of(ROLES[role]) if (r.on, r.privilege) == (on, privilege))


@pytest.mark.parametrize(
    ("job", "role", "right", "step"),
    [
        ("propose", "proposer", (On.SCOPE, "READ"), "snapshot"),
        ("apply_approved", "runner", (On.SCHEMA, "MODIFY"), "apply"),
        ("verify", "verifier", (On.GOVERNED, "MANAGE"), "verify"),
        ("governance", "governor", (On.ENVS, "WRITE VOLUME"), "snapshot"),
    ],
)
def test_a_job_whose_principal_lacks_a_privilege_fails_and_names_it(
    place: RolePlace, widening: str, job: str, role: str, right: tuple[On, str], step: str
) -> None:
    place.jobs.document["resources"]["jobs"].setdefault(job, bundle_document()["resources"]["jobs"][job])
    settings = place.jobs.settings(job)
    job_id = place.jobs.make_job(settings | {"run_as": {"service_principal_name": place.names[role]}})
    given = {"plan_hash": widening} if job == "apply_approved" else {}
    place.hold(role, right_of(role, *right), held=False)
    run = place.jobs.run(job_id, 300, **given)
    place.hold(role, right_of(role, *right))
    assert (states(run)[step], run["state"]["result_state"]) == ("FAILED", "FAILED")
    said = str(place.jobs.output(run, step))
    assert f"{place.names[role]} lacks {right[1]}" in said, said
