"""Duties apart as people do it: deployed to prod and run by the unmodified Databricks CLI, approved by `lampkeeper approve`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.missing_tools import report_missing
from support.product_cli import CLI, Product
from support.role_places import APPROVER, OPS, RolePlace, role_place

pytestmark = [pytest.mark.server, pytest.mark.clients, pytest.mark.spark, pytest.mark.heavy]
if CLI is None:
    report_missing("Databricks CLI", "put `databricks` on PATH or name it in LAMPKEEPER_DATABRICKS_CLI")
needs_cli = pytest.mark.skipif(CLI is None, reason="the Databricks CLI was not found")


class Prod:
    """The bank with target prod deployed by the CLI."""

    def __init__(self, folder: Path) -> None:
        """Deploy nothing yet."""
        self._folder = folder
        self._variables: dict[str, str] = {}
        self.product: Product | None = None

    def deploy(self, place: RolePlace) -> None:
        """Deploy as the administrator."""
        self.product = Product(place.space, self._folder)
        given = {role: place.names[role] for role in ("proposer", "runner", "verifier")}
        given |= {"approvers": "approvers", "create_test_principals": "no"}
        self._variables = {f"BUNDLE_VAR_{name}": value for name, value in given.items()}
        self.product.good("deploy", "-t", "prod", **self._variables)

    def run(self, job: str, *words: str) -> tuple[int, str]:
        """Run a job and return the exit code and all that was printed."""
        assert self.product is not None
        done = self.product("run", job, "-t", "prod", *words, **self._variables)
        return done.returncode, done.stdout + done.stderr

    def destroy(self) -> tuple[int, str]:
        """Ask the CLI to destroy what it has deployed."""
        assert self.product is not None
        done = self.product("destroy", "-t", "prod", "--auto-approve", **self._variables)
        return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="module")
def prod(tmp_path_factory: pytest.TempPathFactory) -> Prod:
    return Prod(tmp_path_factory.mktemp("bundle"))


@pytest.fixture(scope="module")
def place(prod: Prod) -> Iterator[RolePlace]:
    with role_place(None, deploy=prod.deploy) as running:
        yield running


@needs_cli
def test_what_one_proposes_another_approves_and_a_third_applies(prod: Prod, place: RolePlace) -> None:
    code, said = prod.run("propose")
    assert code == 0, said
    found = re.search(r"plan hash: ([0-9a-f]{64})", said)
    assert found is not None, said
    plan_hash = found.group(1)

    code, said = prod.run("apply_approved", "--params", f"plan_hash={plan_hash}")
    run_id = re.search(r"/runs/(\d+)", said)
    assert (code != 0, run_id is not None) == (True, True), said
    came_to = place.verdict({"run_id": run_id.group(1)})  # type: ignore[union-attr]
    assert (came_to["exit_code"], "has no approval by another principal" in came_to["message"]) == (3, True)

    approved = place.command(APPROVER, "approve", plan_hash, "--yes")
    assert (approved.code, f"approved by {APPROVER}" in approved.out) == (0, True), approved.err
    code, said = prod.run("apply_approved", "--params", f"plan_hash={plan_hash}")
    assert code == 0, said
    assert "TERMINATED SUCCESS" in said
    rows = place.sql(f"SELECT outcome, actor, approver FROM {OPS}.applies ORDER BY recorded_at")
    assert rows == tuple((outcome, place.names["runner"], APPROVER) for outcome in ("began", "done"))
    assert place.sql(f"SELECT actor, ok FROM {OPS}.verifications") == ((place.names["verifier"], "true"),)


@needs_cli
def test_the_drift_job_run_by_the_cli_ends_well_without_drift(prod: Prod, place: RolePlace) -> None:
    assert place.sql(f"SELECT outcome FROM {OPS}.applies ORDER BY recorded_at")[-1] == ("done",), "the chain has applied"
    code, said = prod.run("schema_drift")
    assert code == 0, said
    assert place.sql(f"SELECT forward, reverse FROM {OPS}.drift ORDER BY recorded_at")[-1] == ("0", "0")


@needs_cli
def test_a_bundle_destroy_does_not_take_the_state_with_it(prod: Prod, place: RolePlace) -> None:
    code, said = prod.destroy()
    assert (code != 0, "prevent_destroy" in said) == (True, True), said
    state = place.jobs.read(f"{place.jobs.envs}/prod/data_access/state.json")
    assert "customers" in state
    assert place.sql(f"SELECT count(*) > 0 FROM {OPS}.applies") == (("true",),)
