"""Labels in jobs: overlays and a served model by parameters of the run, values counted by Spark as by the warehouse."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lampkeeper.demo.local_jobs import make_home, put_settings, seed_account_scope
from lampkeeper.demo.run import Subject, overlay_subject, seed_subject
from lampkeeper.remote.clients import Workspace, connect
from support.bundle_jobs import BundleJobs, states
from support.localspace_server import running_localspace
from support.model_stub import entry

pytestmark = [pytest.mark.server, pytest.mark.spark, pytest.mark.heavy]
PROFILES = "dev/generated/sources/profiles.jsonl"


def subject() -> Subject:
    """Return the Indian bank, whose settings name no overlay."""
    return replace(overlay_subject(("IN",), ("financial_services",)), country=(), industry=())


@pytest.fixture(scope="module")
def place(product_wheel: Path) -> Iterator[tuple[BundleJobs, Workspace]]:
    with running_localspace() as space:
        address = space.address
        workspace = connect(address.signed(), warehouse_id=address.warehouse_id)
        seed_subject(workspace, subject())
        seed_account_scope(workspace)
        make_home(workspace)
        jobs = BundleJobs(address.host, address.token, product_wheel, address.warehouse_id).deploy()
        put_settings(workspace, jobs.envs, "dev", subject(), address)
        yield jobs, workspace


def serve(workspace: Workspace) -> None:
    """Serve a model that takes `state` for a part of an address, and everything else for nothing."""
    rules = [
        {
            "pattern": f'"table": "{seeded.table.name.table}"',
            "reply": json.dumps({
                "columns": [
                    entry(c.name, "address", "", "yes") if c.name == "state" else entry(c.name) for c in seeded.table.columns
                ]
            }),
        }
        for seeded in subject().tables
    ]  # fmt: skip
    workspace.write("endpoint", "POST", "/api/2.0/serving-endpoints", {"name": "labeller", "config": {}})
    workspace.write(
        "stub_response", "PUT", "/_localspace/stub-responses/labeller", {"kind": "rules", "rules": rules, "default": "?"}
    )


def asked(workspace: Workspace) -> int:
    found = workspace.get("log", "/_localspace/requests")["requests"]
    return sum(one["path"] == "/serving-endpoints/chat/completions" and one["status"] == 200 for one in found)


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_spark_counts_what_the_warehouse_counts_and_generate_reads_it(place: tuple[BundleJobs, Workspace]) -> None:
    jobs, workspace = place
    workspace.write("log", "DELETE", "/_localspace/requests")
    by_spark = jobs.run("value_profiles")
    assert set(states(by_spark).values()) == {"SUCCESS"}, jobs.output(by_spark, "profile")
    counted = jobs.read(f"{jobs.envs}/{PROFILES}")
    sent = [one["path"] for one in workspace.get("log", "/_localspace/requests")["requests"]]
    assert "/api/2.0/localspace/sql" in sent, "spark.sql was not used"

    by_warehouse = jobs.run("value_profiles", engine="warehouse")
    assert set(states(by_warehouse).values()) == {"SUCCESS"}
    assert jobs.read(f"{jobs.envs}/{PROFILES}") == counted

    found = {line["table"].rsplit(".", 1)[-1]: line["columns"] for line in lines(counted)}
    assert found["customers"]["aadhaar"]["passed"]["Aadhaar number"] == found["customers"]["aadhaar"]["distinct"] == 10
    values = {str(cell) for seeded in subject().tables for row in seeded.rows for cell in row if len(str(cell)) > 6}
    assert [value for value in values if value in counted] == []


def test_a_run_is_given_overlays_and_a_served_model(place: tuple[BundleJobs, Workspace]) -> None:
    jobs, workspace = place
    serve(workspace)
    workspace.write("log", "DELETE", "/_localspace/requests")
    reported = {"country": "IN", "industry": "financial_services", "model_endpoint": "labeller", "space_content": "offline"}
    run = jobs.run("governance", **reported)
    assert set(states(run).values()) == {"SUCCESS"}, [jobs.output(run, t) for t, s in states(run).items() if s == "FAILED"]
    assert asked(workspace) == len(subject().tables)

    labels = {line["column"]: line for line in lines(jobs.read(f"{jobs.envs}/dev/generated/labels.jsonl"))}
    by_name = {name.rsplit(".", 1)[-1]: label for name, label in labels.items()}
    assert (by_name["pan_number"]["subtype"], by_name["gstin"]["protect"]) == ("pan_india", "yes"), "the overlays were not used"
    assert (by_name["state"]["source"], by_name["state"]["protect"]) == ("model", "yes"), "the model was not used"
    assert by_name["aadhaar"]["protect"] == "yes", "a model opened what the rules protect"

    verdict = json.loads(jobs.read(f"{jobs.envs}/runs/dev/{run['run_id']}/verdict.json"))
    steps = {s["step"]: s["facts"] for s in verdict["steps"]}
    assert (verdict["exit_code"], steps["verify"]["mismatches"]) == (0, 0)


def test_an_endpoint_that_does_not_answer_fails_the_run_by_name(place: tuple[BundleJobs, Workspace]) -> None:
    jobs, workspace = place
    assert workspace.get("endpoint", "/api/2.0/serving-endpoints") is not None
    jobs.call("DELETE", f"/api/2.0/fs/files{jobs.envs}/dev/generated/sources/model.jsonl")
    run = jobs.run("governance", model_endpoint="nobody")
    found = states(run)
    assert (found["generate"], found["apply"], run["state"]["result_state"]) == ("FAILED", "UPSTREAM_FAILED", "FAILED")
    verdict = json.loads(jobs.read(f"{jobs.envs}/runs/dev/{run['run_id']}/verdict.json"))
    assert (verdict["exit_code"], verdict["step"]) == (4, "generate")
    assert "nobody" in jobs.output(run, "generate")["logs"]
