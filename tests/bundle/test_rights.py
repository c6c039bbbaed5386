"""What the jobs' principal needs of the shared storage and of the secret scope: each right taken away in turn is named."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from lampkeeper.cli.main import main
from support.fake_runner import fake_runner
from support.localspace_server import LocalWorkspace, running_localspace

pytestmark = pytest.mark.server
ENVS = "/Volumes/main/ops/lampkeeper/envs"
RIGHTS = (
    ("catalog", "main", "USE_CATALOG"),
    ("schema", "main.ops", "USE_SCHEMA"),
    ("volume", "main.ops.lampkeeper", "READ_VOLUME"),
    ("volume", "main.ops.lampkeeper", "WRITE_VOLUME"),
)
UC = "/api/2.1/unity-catalog"


@pytest.fixture(scope="module")
def space() -> Iterator[LocalWorkspace]:
    with running_localspace(build_runner=fake_runner) as running:
        yield running


@pytest.fixture
def runner(space: LocalWorkspace, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return a service principal with every right, and sign in as it."""
    space.control("POST", "reset")
    runner = space.client().service_principals.create(display_name="runner").application_id
    assert runner is not None
    with space.http() as http:
        assert http.post(f"{UC}/schemas", json={"name": "ops", "catalog_name": "main"}).status_code == 200
        volume = {"catalog_name": "main", "schema_name": "ops", "name": "lampkeeper", "volume_type": "MANAGED"}
        assert http.post(f"{UC}/volumes", json=volume).status_code == 200
        # What everybody has by default would hide what the runner lacks.
        for kind, name in (("catalog", "main"), ("schema", "main.default")):
            held = http.get(f"{UC}/permissions/{kind}/{name}").json().get("privilege_assignments", ())
            changes = [{"principal": one["principal"], "remove": one["privileges"]} for one in held]
            http.patch(f"{UC}/permissions/{kind}/{name}", json={"changes": changes})
    for right in RIGHTS:
        change(space, runner, right, "add")
    monkeypatch.setenv("DATABRICKS_HOST", space.host)
    monkeypatch.setenv("DATABRICKS_TOKEN", space.mint(runner))
    monkeypatch.setenv("DATABRICKS_CONFIG_FILE", os.devnull)
    return runner


def change(space: LocalWorkspace, runner: str, right: tuple[str, str, str], verb: str) -> None:
    kind, name, privilege = right
    body = {"changes": [{"principal": runner, verb: [privilege]}]}
    with space.http() as http:
        assert http.patch(f"{UC}/permissions/{kind}/{name}", json=body).status_code == 200


def test_with_all_rights_a_step_runs_and_leaves_its_record(space: LocalWorkspace, runner: str) -> None:
    assert runner
    assert main(["setup", "--envs", ENVS, "--run-id", "1"]) == 0
    found = {entry.path for entry in space.client().files.list_directory_contents(f"{ENVS}/runs/dev/1")}
    assert found == {f"{ENVS}/runs/dev/1/setup.json"}


@pytest.mark.parametrize("right", RIGHTS, ids=lambda r: r[2])
def test_a_right_that_is_missing_is_named(
    space: LocalWorkspace, runner: str, right: tuple[str, str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    change(space, runner, right, "remove")
    code = main(["setup", "--envs", ENVS])
    said = capsys.readouterr().err
    assert (code, "internal" in said) == (4, False), said
    assert right[2].replace("_", " ") in said or right[2] in said, said


def test_a_secret_scope_that_is_not_there_is_named_with_those_that_are(runner: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert runner
    assert main(["setup", "--envs", ENVS]) == 0
    assert main(["snapshot", "--envs", ENVS, "--account-scope", "ghost"]) == 2
    assert "the secret scope 'ghost' does not exist, or may not be read" in capsys.readouterr().err


@pytest.mark.parametrize("missing", ["account_id", "client_secret"])
def test_a_scope_that_lacks_a_key_says_which(
    space: LocalWorkspace, runner: str, missing: str, capsys: pytest.CaptureFixture[str]
) -> None:
    client = space.client()
    client.secrets.create_scope("gov")
    for key in {"account_id", "client_id", "client_secret"} - {missing}:
        client.secrets.put_secret("gov", key, string_value="x")
    with space.http() as http:
        body = {"scope": "gov", "principal": runner, "permission": "READ"}
        assert http.post("/api/2.0/secrets/acls/put", json=body).status_code == 200
    assert main(["setup", "--envs", ENVS]) == 0
    assert main(["snapshot", "--envs", ENVS, "--account-scope", "gov"]) == 2
    assert missing in capsys.readouterr().err
