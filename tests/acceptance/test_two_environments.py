"""Two environments on the defaults in one workspace, by the command line: neither notices when the other comes or goes."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support.bank_places import PEOPLE, ROWS, Bank
from support.env_folders import SETTINGS
from support.localspace_server import running_localspace
from support.nightly import sampled

pytestmark = [pytest.mark.server, pytest.mark.spark]

ALL = ("--layer", "workspace", "--layer", "data_access", "--layer", "account")
ROOT = Path(__file__).parents[2]


def write_env(bank: Bank, root: Path, env: str, catalog: str, more: str = "") -> Bank:
    """Write an environment's settings on the defaults: no warehouse is named, so that `lampkeeper` is made."""
    space, folder = bank.space, root / "envs" / env
    folder.mkdir(parents=True)
    (folder / "env.auto.tfvars").write_text(more + SETTINGS.replace("dev_fin", catalog))
    space.write_sign_in(folder)
    return Bank(space, root)


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bank]:
    with running_localspace() as space:
        found = Bank(space, tmp_path_factory.mktemp("bank"))
        for catalog in ("dev_fin", "test_fin"):
            found.sql(*(line.replace("dev_fin", catalog) for line in ROWS))
        for name in PEOPLE:
            found.account.users_v2.create(user_name=name)
        yield found


@pytest.fixture
def good() -> Callable[..., str]:
    def run(bank: Bank, *words: str) -> str:
        answer = bank.run(*words)
        assert answer.code == 0, f"{words}: {answer.out[-2000:]} {answer.err}"
        return answer.out

    return run


@pytest.mark.heavy
@pytest.mark.parametrize("clones", sampled([1, 2], every=2))
def test_destroying_one_environment_leaves_the_other_proven(
    bank: Bank, tmp_path: Path, good: Callable[..., str], clones: int
) -> None:
    one = write_env(bank, tmp_path / "one", "dev", "dev_fin")
    two = write_env(bank, tmp_path / ("one" if clones == 1 else "two"), "test", "test_fin")
    for place, env in ((one, "dev"), (two, "test")):
        good(place, "generate", "--env", env)
        good(place, "apply", "--env", env)
    good(one, "apply", "--env", "dev")
    report = json.loads(good(two, "verify", "--env", "test", "--json"))
    good(one, "destroy", "--env", "dev", "--yes", "--allow-widening", *ALL)
    after = json.loads(good(two, "verify", "--env", "test", "--json"))
    assert (after["ok"], after["cells"]) == (True, report["cells"])
    assert json.loads(good(two, "plan", "--env", "test", "--json"))["changes"] == []
    good(two, "destroy", "--env", "test", "--yes", "--allow-widening", *ALL)
    assert "lampkeeper" not in {w.name for w in bank.w.warehouses.list()}
    assert not {"data_analysts", "compliance_officers"} & {g.display_name for g in bank.account.groups_v2.list()}
    assert "lampkeeper" not in {str(o.path).rsplit("/", 1)[-1] for o in bank.w.workspace.list("/Shared")}


@pytest.fixture
def applied(bank: Bank, tmp_path: Path, good: Callable[..., str]) -> Iterator[Bank]:
    settings = (
        f'sql_warehouse_id = "{bank.w.warehouses.create(name="mine", cluster_size="Small", max_num_clusters=1).response.id}"\n'
    )
    place = write_env(bank, tmp_path / "home", "dev", "dev_fin", settings)
    good(place, "generate")
    good(place, "apply")
    yield place
    place.run("destroy", "--yes", "--allow-widening", *ALL)


def test_a_destroy_that_nobody_answers_does_nothing_and_says_so(applied: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    before = applied.run("status", "--json").out
    for answer, why in (("", "the input ended before an answer"), ("n\n", "the answer was no")):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(answer.encode())))
        said = applied.run("destroy")
        assert said.code == 2
        assert f"nothing was done: {why}" in said.err
        assert "--yes" in said.err
        assert "Traceback" not in said.err
    assert applied.run("status", "--json").out == before


@pytest.mark.heavy
def test_make_destroy_runs_unattended_and_a_deleted_warehouse_does_not_stop_it(applied: Bank, tmp_path: Path) -> None:
    settings = (tmp_path / "home" / "envs" / "dev" / "env.auto.tfvars").read_text()
    applied.w.warehouses.delete(re.findall(r'sql_warehouse_id = "(\w+)"', settings)[0])
    shutil.copy(ROOT / "Makefile", tmp_path / "home" / "Makefile")

    def make(*words: str) -> subprocess.CompletedProcess[str]:
        command = ["make", "-o", "environment", f"BIN={Path(sys.executable).parent}", "ENV=dev", *words]
        return subprocess.run(
            command, cwd=tmp_path / "home", stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=300,
            env=os.environ | {"PYTHONPATH": str(ROOT / "src")},
        )  # fmt: skip

    asked = make("destroy")
    assert asked.returncode == 2
    assert "nothing was done" in asked.stderr
    done = make("destroy", "YES=1", "ALLOW_WIDENING=1")
    assert done.returncode == 0, done.stderr
    assert "another warehouse is used" in done.stderr
    assert [p.name for p in applied.w.policies.list_policies("CATALOG", "dev_fin")] == []
    account = make("destroy-account", "YES=1", "ALLOW_WIDENING=1")
    assert account.returncode == 0, account.stderr
    assert "data_analysts" not in {g.display_name for g in applied.account.groups_v2.list()}
