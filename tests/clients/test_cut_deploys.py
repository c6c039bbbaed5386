"""A deploy of the product's bundle cut off at any write: run again it converges, or says what to bind and then converges."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator

import pytest

from localspace.core.stored_documents import kinds
from support.bundle_jobs import build_wheel
from support.fake_runner import fake_runner
from support.localspace_server import LocalWorkspace, running_localspace
from support.missing_tools import report_missing
from support.product_cli import CLI, Product

pytestmark = [pytest.mark.server, pytest.mark.clients, pytest.mark.heavy]
if CLI is None:
    report_missing("Databricks CLI", "put `databricks` on PATH or name it in LAMPKEEPER_DATABRICKS_CLI")
needs_cli = pytest.mark.skipif(CLI is None, reason="the Databricks CLI was not found")
# The parts of a deploy: uploads, of which every fourth is tried, then what is made, of which each is.
UPLOADS, RESOURCES = range(1, 19, 4), range(19, 35)


@pytest.fixture(scope="module")
def space() -> Iterator[LocalWorkspace]:
    with running_localspace(build_runner=fake_runner) as running:
        yield running


@pytest.fixture(scope="module")
def product(space: LocalWorkspace, tmp_path_factory: pytest.TempPathFactory) -> Product:
    """Give the project with its wheel built already: what is measured here is what comes after."""
    found = Product(space, tmp_path_factory.mktemp("cut"))
    build_wheel(found.folder / "dist")
    file = found.folder / "databricks.yml"
    file.write_text(re.sub(r"(?m)^    build: .*$", '    build: "true"', file.read_text()))
    return found


def start_again(product: Product) -> None:
    product.space.control("DELETE", "faults")
    product.space.control("POST", "reset")
    shutil.rmtree(product.folder / ".databricks", ignore_errors=True)


def bind_what_is_there(product: Product, said: str) -> list[str]:
    """Do what docs/bundle.md says about a resource that exists already; return what was bound."""
    store = product.space.workspace.store
    bound = []
    for kind, key in sorted(
        set(re.findall(r"cannot create resources\.(schemas|volumes|dashboards)\.(\w+): (?!dependency)", said))
    ):
        if kind == "dashboards":
            names = [d["dashboard_id"] for d in store.list(kinds.DASHBOARD) if d["lifecycle_state"] == "ACTIVE"]
        else:
            tail = "lampkeeper_ops" if kind == "schemas" else f"lampkeeper_ops.{key}"
            names = [
                one["full_name"] for one in store.list(kinds.named(kind.removesuffix("s"))) if one["full_name"].endswith(tail)
            ]
        assert len(names) == 1, (kind, names)
        product.good("deployment", "bind", key, names[0], "-t", "local", "--auto-approve")
        bound.append(kind)
    return bound


def cut(product: Product, write: int, when: str) -> list[str]:
    """Cut a first deploy at a write and bring it to its end; return the kinds that had to be bound."""
    start_again(product)
    product.space.control("POST", "kill", {"at_write": write, "when": when, "mode": "drop"})
    product("deploy", "-t", "local")
    product.space.control("POST", "revive")
    bound: list[str] = []
    # What is made after something else is met only when that is bound: one more time for each.
    for _ in range(5):
        again = product("deploy", "-t", "local")
        if again.returncode == 0:
            break
        assert "already exists" in again.stderr, again.stderr
        bound += bind_what_is_there(product, again.stderr)
    assert again.returncode == 0, again.stderr
    assert set(product.actions()) == {"skip"}
    return bound


@needs_cli
def test_the_writes_tried_are_those_of_a_whole_deploy(product: Product) -> None:
    start_again(product)
    product.space.control("DELETE", "requests")
    product.good("deploy", "-t", "local")
    paths = [one["path"] for one in product.space.writes() if one["path"] != "/telemetry-ext"]
    made = [n for n, path in enumerate(paths, start=1) if path.startswith(("/api/2.2/jobs", "/api/2.1/", "/api/2.0/lakeview"))]
    assert (made[0] >= RESOURCES.start, len(paths) < RESOURCES.stop) == (True, True), (made, len(paths))


@needs_cli
@pytest.mark.parametrize("write", [*UPLOADS, *RESOURCES])
def test_a_deploy_cut_off_converges(product: Product, write: int) -> None:
    store = product.space.workspace.store
    for when in ("before", "after"):
        bound = cut(product, write, when)
        assert not bound or write in RESOURCES, "an upload is written over"
        assert len(set(bound)) == len(bound), "bound twice"
        active = [d for d in store.list(kinds.DASHBOARD) if d["lifecycle_state"] == "ACTIVE"]
        assert [bool(d["published"]) for d in active] == [True]
        # Names of jobs are not unique: a job whose making was not answered stays beside the one in the state.
        names = [job["settings"]["name"] for job in store.list(kinds.JOB)]
        assert len(names) - len(set(names)) <= (when == "after") * 3, names


@needs_cli
@pytest.mark.parametrize(("path", "kind"), [("schemas", "schemas"), ("volumes", "volumes"), ("dashboards", "dashboards")])
def test_what_was_made_and_not_answered_is_refused_until_it_is_bound(product: Product, path: str, kind: str) -> None:
    start_again(product)
    route = {"schemas": "/api/2.1/unity-catalog/schemas", "volumes": "/api/2.1/unity-catalog/volumes"}
    fault = {"method": "POST", "path": route.get(path, "/api/2.0/lakeview/dashboards"), "status": 500, "when": "after"}
    product.space.control("POST", "faults", fault)
    assert product("deploy", "-t", "local").returncode == 1
    refused = product("deploy", "-t", "local")
    assert (refused.returncode, "already exists" in refused.stderr) == (1, True), refused.stderr
    assert bind_what_is_there(product, refused.stderr) == [kind]
    product.good("deploy", "-t", "local")
    assert set(product.actions()) == {"skip"}


@needs_cli
def test_a_dashboard_that_could_not_be_published_is_made_again(product: Product) -> None:
    start_again(product)
    fault = {"method": "POST", "path": "/api/2.0/lakeview/dashboards/*/published", "status": 500, "when": "before"}
    product.space.control("POST", "faults", fault)
    assert product("deploy", "-t", "local").returncode == 1
    product.good("deploy", "-t", "local")
    found = [(d["lifecycle_state"], bool(d["published"])) for d in product.space.workspace.store.list(kinds.DASHBOARD)]
    assert sorted(found) == [("ACTIVE", True), ("TRASHED", False)]
