"""Target prod, by its files and by a workspace: who may run what, and what no run may say otherwise."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from typing import Any

import pytest

from localspace.core.stored_documents import kinds
from support.bundle_jobs import BundleJobs, bundle_document, target_document
from support.fake_runner import fake_runner
from support.job_flags import task_flags
from support.localspace_server import LocalWorkspace, running_localspace

ROLES = ("runner", "proposer", "verifier")
NAMES = {role: f"${{var.{role}}}" for role in ROLES} | {"approvers": "approvers"}
PROD = target_document("prod", NAMES)
JOBS: dict[str, Any] = PROD["resources"]["jobs"]
RUNS = {"CAN_RUN", "CAN_MANAGE_RUN", "CAN_MANAGE", "IS_OWNER"}
PLACES = ("--envs", "--input", "--approvals", "--history")
unit, server = pytest.mark.unit, pytest.mark.server


def may_run(job: dict[str, Any]) -> set[str]:
    """Return who may run a job, beside the one who deploys."""
    rows = [*job["access_control_list"], *job.get("permissions", ())]
    return {
        str(row.get("service_principal_name") or row.get("group_name"))
        for row in rows
        if (row.get("permission_level") or row.get("level")) in RUNS
    }


def steps(job: dict[str, Any]) -> list[tuple[str, dict[str, str | None]]]:
    tasks = [t for t in job["tasks"] if t.get("python_wheel_task", {}).get("entry_point") == "lampkeeper_task"]
    return [task_flags(t) for t in tasks]


@unit
def test_prod_has_no_job_that_applies_what_it_has_planned_itself() -> None:
    for name, job in JOBS.items():
        commands = [command for command, _ in steps(job)]
        assert not {"plan", "apply"} <= set(commands), name
    assert "governance" not in JOBS
    assert "governance" in bundle_document(target="dev")["resources"]["jobs"]


@unit
@pytest.mark.parametrize("name", sorted(JOBS))
def test_who_may_run_a_job_may_do_no_less_than_its_principal_anyway(name: str) -> None:
    own = JOBS[name]["run_as"]["service_principal_name"]
    assert may_run(JOBS[name]) <= {own, NAMES["runner"]}


@unit
@pytest.mark.parametrize("name", sorted(JOBS))
def test_a_job_that_calls_another_one_may_run_it(name: str) -> None:
    own = JOBS[name]["run_as"]["service_principal_name"]
    called = [t["run_job_task"]["job_id"].split(".")[2] for t in JOBS[name]["tasks"] if "run_job_task" in t]
    for other in called:
        assert own in may_run(JOBS[other]), other


@unit
@pytest.mark.parametrize("target", ["local", "dev", "prod"])
def test_a_run_chooses_an_environment_by_its_name_and_no_place(target: str) -> None:
    document = bundle_document(target=target)
    seen = set()
    for name, job in document["resources"]["jobs"].items():
        parameters = {p["name"] for p in job.get("parameters", ())}
        assert parameters & {flag.removeprefix("--") for flag in PLACES} == set(), name
        for _, given in steps(job):
            for flag in set(given) & set(PLACES):
                seen.add(flag)
                assert "{{" not in str(given[flag]), (name, flag)
    assert seen == set(PLACES)


@unit
def test_what_is_approved_stands_on_the_deployed_files() -> None:
    proposing = [(n, given) for n, job in JOBS.items() for command, given in steps(job) if command == "plan"]
    applying = [(n, given) for n, job in JOBS.items() for command, given in steps(job) if command == "apply"]
    assert {n for n, _ in proposing} == {"propose", "promote", "schema_drift"}
    assert {n for n, _ in applying} == {"apply_approved"}
    for name, given in (*proposing, *applying):
        assert given["--input"] == "${workspace.file_path}/envs", name
    for name, given in applying:
        assert {"--approved", "--plan-hash"} <= set(given), name


@unit
def test_state_plans_and_history_outlive_the_bundle_in_prod_alone() -> None:
    kept = {
        f"{kind}.{name}": bool(found.get("lifecycle", {}).get("prevent_destroy"))
        for kind in ("schemas", "volumes")
        for name, found in PROD["resources"][kind].items()
    }
    assert kept == dict.fromkeys(("schemas.ops", "volumes.lampkeeper", "volumes.approvals"), True)
    for target in ("local", "dev"):
        document = bundle_document(target=target)
        assert "prevent_destroy" not in json.dumps([document["resources"], document["targets"][target]])


# On a workspace

WORDS = ["apply", "--allow-widening", "--envs", "/Volumes/main/default/mine/envs"]
BODIES: dict[str, dict[str, Any]] = {
    "nothing": {},
    "job_parameters": {"job_parameters": {"env": "prod", "input": "/Workspace/Users/mine/envs"}},
    "python_params": {"python_params": WORDS},
    "python_named_params": {"python_named_params": {"input": "/Workspace/Users/mine/envs"}},
    "notebook_params": {"notebook_params": {"env": "prod"}},
    "jar_params": {"jar_params": WORDS},
    "sql_params": {"sql_params": {"env": "prod"}},
    "spark_submit_params": {"spark_submit_params": WORDS},
    "only": {"only": ["apply"]},
}


@pytest.fixture(scope="module")
def prod() -> Iterator[tuple[LocalWorkspace, BundleJobs, dict[str, str]]]:
    with running_localspace(build_runner=fake_runner) as space:
        client = space.client()
        names = {r: str(client.service_principals.create(display_name=r).application_id) for r in (*ROLES, "outsider")}
        space.account().groups.create(display_name="approvers")
        account = space.account()
        user = account.users_v2.create(user_name="ben@bank.example")
        group = next(g for g in account.groups_v2.list() if g.display_name == "approvers")
        with space.http() as http:
            base = f"/api/2.0/accounts/{space.account_id}"
            patch = {
                "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
                "Operations": [{"op": "add", "path": "members", "value": [{"value": user.id}]}],
            }
            http.patch(f"{base}/scim/v2/Groups/{group.id}", json=patch).raise_for_status()
            workspace_assignment = f"{base}/workspaces/{space.workspace_id}/permissionassignments/principals/{group.id}"
            http.put(workspace_assignment, json={"permissions": ["USER"]}).raise_for_status()
        jobs = BundleJobs(space.host, space.token, BundleJobs.no_wheel(), space.warehouse_id)
        jobs.document = target_document("prod", {r: names[r] for r in ROLES} | {"approvers": "approvers"})
        yield space, jobs.deploy(), names | {"approver": "ben@bank.example"}


@server
@pytest.mark.parametrize("who", ["proposer", "verifier", "approver", "outsider"])
def test_nobody_but_the_runner_and_who_deploys_starts_a_job_with_whatever_words(
    prod: tuple[LocalWorkspace, BundleJobs, dict[str, str]], who: str
) -> None:
    space, jobs, names = prod
    with space.http(space.mint(names[who])) as http:
        for (name, job_id), (kind, body) in itertools.product(jobs.jobs.items(), BODIES.items()):
            answer = http.post("/api/2.2/jobs/run-now", json={"job_id": job_id} | body)
            assert answer.status_code in (403, 404), f"{who}: {name} with {kind}: {answer.text}"
            settings = jobs.settings(name) | {"run_as": {"service_principal_name": names["runner"]}}
            for path, change in (
                ("update", {"job_id": job_id, "new_settings": {"tasks": settings["tasks"]}}),
                ("reset", {"job_id": job_id, "new_settings": settings}),
                ("create", settings),
            ):
                refused = http.post(f"/api/2.2/jobs/{path}", json=change)
                assert refused.status_code in (400, 403, 404), f"{who}: {path} {name}: {refused.text}"
    assert space.workspace.store.list(kinds.RUN) == []


@server
def test_the_runner_may_call_verify_and_the_permissions_are_those_of_the_files(
    prod: tuple[LocalWorkspace, BundleJobs, dict[str, str]],
) -> None:
    _, jobs, names = prod
    for name, job_id in jobs.jobs.items():
        rows = jobs.call("GET", f"/api/2.0/permissions/jobs/{job_id}")["access_control_list"]
        runs = {
            str(row.get("service_principal_name") or row.get("group_name") or row.get("user_name"))
            for row in rows
            if {p["permission_level"] for p in row["all_permissions"]} & RUNS
        }
        assert runs - {"admins", "admin@localspace.example"} == {names["runner"]}, name
