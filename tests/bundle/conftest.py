"""A local workspace with demo data and the product's jobs, one for all tests of this folder that only need to look."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lampkeeper.demo.local_jobs import make_home, put_settings, seed_account_scope
from lampkeeper.demo.run import bank_subject, seed_subject
from lampkeeper.places.place import Address
from lampkeeper.remote.clients import Workspace, connect
from support.bundle_jobs import BundleJobs, build_wheel
from support.localspace_server import running_localspace


@pytest.fixture(scope="session")
def product_wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def bank_place() -> Iterator[Address]:
    with running_localspace() as space:
        yield space.address


@pytest.fixture(scope="module")
def bank_workspace(bank_place: Address) -> Workspace:
    workspace = connect(bank_place.signed(), warehouse_id=bank_place.warehouse_id)
    seed_subject(workspace, bank_subject())
    seed_account_scope(workspace)
    make_home(workspace)
    return workspace


@pytest.fixture(scope="module")
def product_jobs(bank_place: Address, bank_workspace: Workspace, product_wheel: Path) -> BundleJobs:
    jobs = BundleJobs(bank_place.host, bank_place.token, product_wheel, bank_place.warehouse_id).deploy()
    put_settings(bank_workspace, jobs.envs, "dev", bank_subject(), bank_place)
    return jobs
