"""The product's own bundle by the unmodified Databricks CLI: validated, deployed, changed, destroyed, demonstrated."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import httpx
import pytest

from lampkeeper.app.bundle_inputs import WRITTEN
from lampkeeper.files.decisions import FILE as DECISIONS
from support.bundle_jobs import ROOT
from support.fake_runner import fake_runner
from support.governed_runs import LAMPKEEPER
from support.localspace_server import LocalWorkspace, running_localspace
from support.missing_tools import report_missing
from support.product_cli import CLI, Product
from support.recorded import save, take

pytestmark = [pytest.mark.server, pytest.mark.clients]
if CLI is None:
    report_missing("Databricks CLI", "put `databricks` on PATH or name it in LAMPKEEPER_DATABRICKS_CLI")
needs_cli = pytest.mark.skipif(CLI is None, reason="the Databricks CLI was not found")
PROD = {
    "BUNDLE_VAR_runner": "00000000-0000-0000-0000-000000000001", "BUNDLE_VAR_approvers": "approvers",
    "BUNDLE_VAR_proposer": "00000000-0000-0000-0000-000000000002",
    "BUNDLE_VAR_verifier": "00000000-0000-0000-0000-000000000003",
}  # fmt: skip


def write_environment(project: Path, env: str) -> None:
    """Write one file of each kind that people write."""
    for pattern in (*WRITTEN, DECISIONS):
        path = project / "envs" / env / pattern.replace("*", "own")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")


@pytest.fixture(scope="module")
def space() -> Iterator[LocalWorkspace]:
    with running_localspace(build_runner=fake_runner) as running:
        yield running


@pytest.fixture
def product(space: LocalWorkspace, tmp_path: Path) -> Product:
    space.control("POST", "reset")
    return Product(space, tmp_path)


@needs_cli
@pytest.mark.parametrize(("target", "variables"), [("local", {}), ("dev", {}), ("prod", PROD)])
def test_validate_strict_has_no_warning(product: Product, target: str, variables: dict[str, str]) -> None:
    # The CLI warns of each kind of file that no environment has.
    write_environment(product.folder, "dev")
    said = product.good("validate", "--strict", "-t", target, **variables)
    assert "Validation OK!" in said
    assert "Warning" not in said


@needs_cli
@pytest.mark.parametrize(
    ("words", "variables", "reported"),
    [
        (("validate", "-t", "ghost"), {}, "ghost: no such target"),
        (("validate", "-t", "prod"), {}, "no value assigned to required variable"),
        (("validate", "-t", "local"), {"BUNDLE_VAR_warehouse_id": ""}, "warehouse"),
        (("run", "ghost", "-t", "local"), {}, "resource not found"),
    ],
)
def test_wrong_use_is_named(product: Product, words: tuple[str, ...], variables: dict[str, str], reported: str) -> None:
    if variables:
        yml = product.folder / "databricks.yml"
        yml.write_text(yml.read_text().replace("Serverless Starter Warehouse", "No Such Warehouse"))
        variables = {}
    done = product(*words, **variables)
    assert done.returncode != 0
    assert reported in done.stderr


@needs_cli
def test_a_deploy_resolves_the_extra_of_the_wheel(product: Product, space: LocalWorkspace) -> None:
    product.good("deploy", "-t", "local")
    with space.http() as http:
        listed = http.get("/api/2.2/jobs/list", params={"expand_tasks": "true"}).json()["jobs"]
        settings = [http.get("/api/2.2/jobs/get", params={"job_id": one["job_id"]}).json()["settings"] for one in listed]
    used = {
        one["name"].removeprefix("[dev admin] "): [
            path.rsplit("/", 1)[1] for e in one.get("environments", ()) for path in e["spec"]["dependencies"][1:]
        ]
        for one in settings
    }
    wheel = f"lampkeeper-{version('lampkeeper')}-py3-none-any.whl"
    asks = {"governance", "propose", "schema_drift"}
    assert {name: paths for name, paths in used.items() if paths} == {
        name: [f"{wheel}[model]" if name in asks else wheel]
        for name in asks | {"apply_approved", "promote", "value_profiles", "verify"}
    }


@needs_cli
def test_after_a_deploy_nothing_is_to_do_one_edit_is_one_update_and_destroy_leaves_nothing(
    product: Product, space: LocalWorkspace
) -> None:
    space.control("DELETE", "requests", bodies="true")
    with space.http() as http:
        http.post("/api/2.0/workspace/mkdirs", json={"path": "/Users/admin@localspace.example"})
    before = space.control("GET", "inventory")["inventory"]
    product.good("deploy", "-t", "local")
    assert set(product.actions()) == {"skip"}
    job = product.folder / "resources" / "governance.job.yml"
    job.write_text(job.read_text().replace("run_if: ALL_DONE", "run_if: AT_LEAST_ONE_SUCCESS", 1))
    planned = product.actions()
    assert (planned["update"], set(planned)) == (1, {"skip", "update"})
    product.good("deploy", "-t", "local")
    assert set(product.actions()) == {"skip"}
    product.good("destroy", "-t", "local", "--auto-approve")
    if os.environ.get("LAMPKEEPER_RECORD"):
        exchanges = take(space)
        for one in exchanges:
            if one["path"].endswith((".whl", "telemetry-ext")):
                one.pop("body", None)
        name = Path(__file__).parent / "recorded" / "product_bundle.json"
        save(name, exchanges, "Databricks CLI 1.14.0-dev: the product's bundle deployed, changed and destroyed")
    after = space.control("GET", "inventory")["inventory"]
    added = {name for name in set(after) - set(before) if not name.startswith("workspace_object/")}
    assert (added, set(before) - set(after)) == (set(), set())


@needs_cli
def test_without_the_package_index_the_wheels_build_says_what_it_needs(
    product: Product, space: LocalWorkspace, tmp_path: Path
) -> None:
    done = subprocess.run(
        [*LAMPKEEPER, "launch", "--place", "existing", "--target", "local", "--bundle", str(product.folder)],
        cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False,
        env=os.environ | {
            "DATABRICKS_HOST": space.host, "DATABRICKS_TOKEN": space.token, "DATABRICKS_CONFIG_FILE": os.devnull,
            "UV_OFFLINE": "1", "UV_CACHE_DIR": str(tmp_path / "empty"),
        },
    )  # fmt: skip
    assert done.returncode == 4, done.stderr
    assert "hatchling was not found in the cache" in done.stderr
    assert "fix: building the wheel needs the package index once" in done.stderr


@needs_cli
@pytest.mark.heavy
@pytest.mark.spark
def test_the_demo_runs_from_start_to_end_and_leaves_nothing_behind(tmp_path: Path) -> None:
    began = time.monotonic()
    done = subprocess.run(
        [*LAMPKEEPER, "demo-bundle", "--dir", str(tmp_path / "demo")],
        cwd=ROOT, capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]
    assert "verify: 0 mismatches" in done.stdout
    assert "left behind: 0" in done.stdout
    assert time.monotonic() - began < 120


@needs_cli
@pytest.mark.heavy
@pytest.mark.spark
def test_sigterm_cancels_the_run_and_takes_the_place_down(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [*LAMPKEEPER, "launch", "--dir", str(tmp_path)],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    assert process.stdout is not None
    host = ""
    for line in process.stdout:
        host = line.split()[-1] if line.startswith("place local:") else host
        if "snapshot" in line and "RUNNING" in line:
            break
    process.terminate()
    _, said = process.communicate(timeout=60)
    assert (process.returncode, "cancelled run" in said) == (130, True), said
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{host}/_localspace/health")
