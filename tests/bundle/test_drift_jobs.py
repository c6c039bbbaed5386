"""schema_drift as its schedule and a table's update start it: nothing to do, or a plan that ends the drift is proposed."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.bundle_jobs import states
from support.role_places import APPROVER, OPS, RolePlace, role_place

pytestmark = [pytest.mark.server, pytest.mark.spark, pytest.mark.heavy]
REPAIR = ("generate_delta", "validate", "is_valid", "plan")
ADDED, DROPPED = "dev_fin.finance.customers.phone_number", "dev_fin.finance.customers.email"


@pytest.fixture(scope="module")
def place(product_wheel: Path) -> Iterator[RolePlace]:
    """Return the bank, governed by the steps of propose and apply_approved."""
    with role_place(product_wheel) as running:
        for step, words in (("snapshot", ()), ("generate", ("--offline",)), ("validate", ())):
            assert running.step("proposer", step, *words).code == 0
        end_drift(running, running.propose())
        yield running


def end_drift(place: RolePlace, plan_hash: str) -> None:
    assert place.command(APPROVER, "approve", plan_hash, "--yes").code == 0
    applied = place.step("runner", "apply", "--approved", "--plan-hash", plan_hash)
    assert applied.code == 0, applied.err


def trigger(place: RolePlace, job: str, seconds: float = 200) -> dict[str, Any]:
    """Start a job as its schedule or trigger would, and return the run when it is over."""
    run_id = place.space.control("POST", f"jobs/{place.jobs.jobs[job]}/trigger")["run_id"]
    end = time.monotonic() + seconds
    while True:
        run = place.jobs.call("GET", f"/api/2.2/jobs/runs/get?run_id={run_id}")
        if run["state"]["life_cycle_state"] in ("TERMINATED", "INTERNAL_ERROR", "SKIPPED"):
            return run
        assert time.monotonic() < end, run
        time.sleep(0.2)


def reported(place: RolePlace, run: dict[str, Any]) -> list[tuple[str | None, ...]]:
    """Return the drift rows of a run."""
    statement = f"SELECT columns, forward, reverse, entities FROM {OPS}.drift WHERE run_id = '{run['run_id']}'"
    return list(place.sql(statement))


def test_without_drift_the_schedule_ends_well_and_repairs_nothing(place: RolePlace) -> None:
    run = trigger(place, "schema_drift")
    assert run["trigger"] == "PERIODIC"
    found = states(run)
    assert {task: found[task] for task in REPAIR} == dict.fromkeys(REPAIR, "EXCLUDED")
    assert (found["audit"], found["has_drift"], found["outcome"], run["state"]["result_state"]) == ("SUCCESS",) * 4
    assert place.verdict(run)["exit_code"] == 0
    assert reported(place, run) == [("10", "0", "0", "[]")]


def test_drift_found_on_a_tables_update_fails_the_run_and_proposes_the_plan_that_ends_it(place: RolePlace) -> None:
    place.sql("ALTER TABLE dev_fin.finance.customers ADD COLUMN phone_number STRING COMMENT 'phone number'")
    # The platform drops no column that has a governed tag.
    place.sql("ALTER TABLE dev_fin.finance.customers ALTER COLUMN email UNSET TAGS ('pii_level')")
    place.sql("ALTER TABLE dev_fin.finance.customers DROP COLUMN email")
    watching = place.jobs.jobs["schema_drift_on_update"]
    settings = place.jobs.call("GET", f"/api/2.2/jobs/get?job_id={watching}")["settings"]
    assert settings["trigger"]["table_update"]["table_names"] == [f"{OPS}.applies"]
    awake = {"trigger": settings["trigger"] | {"pause_status": "UNPAUSED"}}
    place.jobs.call("POST", "/api/2.2/jobs/update", {"job_id": watching, "new_settings": awake})

    outer = trigger(place, "schema_drift_on_update")
    assert (outer["trigger"], states(outer)) == ("TABLE", {"schema_drift": "FAILED"})
    inner_id = place.jobs.output(outer, "schema_drift")["run_job_output"]["run_id"]
    run = place.jobs.call("GET", f"/api/2.2/jobs/runs/get?run_id={inner_id}")
    found = states(run)
    assert {task: found[task] for task in ("audit", "has_drift", *REPAIR)} == dict.fromkeys(
        ("audit", "has_drift", *REPAIR), "SUCCESS"
    )
    assert (found["outcome"], run["state"]["result_state"]) == ("FAILED", "FAILED")
    came_to = place.verdict(run)
    assert (came_to["exit_code"], came_to["step"]) == (1, "audit")
    ((columns, forward, reverse, entities),) = reported(place, run)
    assert (columns, forward, reverse) == ("10", "1", "1")
    assert set(json.loads(str(entities))) == {ADDED, DROPPED}

    steps = {s["step"]: s for s in came_to["steps"]}
    assert (steps["generate-delta"]["facts"]["added"], steps["generate-delta"]["facts"]["removed"]) == (1, 1)
    # Nobody has applied it yet: the next run fails too, changes no file, and proposes the same plan.
    waiting = trigger(place, "schema_drift")
    waited = place.verdict(waiting)
    assert (waited["exit_code"], reported(place, waiting)) == (1, [("10", "0", "0", "[]")])
    later = {s["step"]: s["facts"] for s in waited["steps"]}
    assert (later["audit"]["not_applied"], later["generate-delta"]["changed"]) == (2, 0)
    assert later["plan"]["plan_hash"] == steps["plan"]["facts"]["plan_hash"]
    assert f"plan_hash {steps['plan']['facts']['plan_hash']}" in place.jobs.output(run, "outcome")["logs"]
    end_drift(place, steps["plan"]["facts"]["plan_hash"])
    audited = place.step("proposer", "audit")
    assert (audited.code, "audit: clean" in audited.out) == (0, True), audited.out + audited.err
