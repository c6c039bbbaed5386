"""Places come up in bounded time, keep their data, and leave nothing running."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from lampkeeper.cli.launched_run import after_cancel
from lampkeeper.model.auth import Auth
from lampkeeper.model.errors import RemoteError, UsageError
from lampkeeper.places.bundle import Bundle, require_recent, sign_in
from lampkeeper.places.existing import ExistingPlace
from lampkeeper.places.job_run import TaskState
from lampkeeper.places.local import LocalPlace
from lampkeeper.places.place import Address, running


def stub(code: str) -> tuple[str, ...]:
    return (sys.executable, "-c", code)


def alive(pid: int) -> bool:
    """Say whether a process runs; one that has ended and waits to be collected does not."""
    try:
        os.kill(pid, 0)
        state = Path(f"/proc/{pid}/stat")
        return not (state.exists() and state.read_text().rpartition(")")[2].split()[0] == "Z")
    except (ProcessLookupError, FileNotFoundError):
        return False


READY = (
    "import json, time; print(json.dumps(dict.fromkeys("
    '["host", "token", "account_id", "workspace_id", "metastore_id", "warehouse_id"], "x")), flush=True); time.sleep(600)'
)


def test_a_server_that_says_ready_has_an_address_and_is_gone_afterwards(tmp_path):
    place = LocalPlace(folder=tmp_path / "new" / "here", command=stub(READY))
    with running(place) as address:
        pid = place.pid
        assert (address.host, address.warehouse_id, "token" in repr(address)) == ("x", "x", False)
        with pytest.raises(UsageError, match="already running"):
            place.up()
    assert place.pid is None
    assert pid is not None
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    place.down()


def test_children_of_the_server_end_with_it(tmp_path):
    child = (
        "import subprocess, sys; child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']); "
        f"open({str(tmp_path / 'pid')!r}, 'w').write(str(child.pid)); "
    )
    place = LocalPlace(folder=tmp_path, command=stub(child + READY))
    with running(place):
        pid = int((tmp_path / "pid").read_text())
    for _ in range(100):
        if not alive(pid):
            return
        time.sleep(0.02)
    pytest.fail("the child outlived its server")


def test_a_server_that_ignores_the_signal_is_killed(tmp_path):
    code = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + READY
    place = LocalPlace(folder=tmp_path, command=stub(code), grace=0.3)
    place.up()
    start = time.monotonic()
    place.down()
    assert time.monotonic() - start < 5
    assert place.pid is None


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("import sys; sys.exit('no java here')", r"ended with 1; .*\n.*no java here"),
        ("print('hello', flush=True)", "the local workspace"),
        ("print('{}', flush=True)", "the local workspace"),
        ("import time; time.sleep(600)", "was not ready after 1 s"),
    ],
)
def test_a_server_that_does_not_come_up_is_an_error_in_bounded_time(tmp_path, code, why):
    place = LocalPlace(folder=tmp_path, command=stub(code), timeouts=1.0, grace=1.0)
    start = time.monotonic()
    with pytest.raises(RemoteError, match=why) as caught:
        place.up()
    assert time.monotonic() - start < 10
    assert (caught.value.exit_code, place.pid, bool(caught.value.fix)) == (4, None, True)


def test_an_own_workspace_is_left_alone():
    auth = Auth(workspace_host="https://own.example", profile="mine")
    place = ExistingPlace(auth=auth, warehouse_id="w")
    with running(place) as address:
        assert address.signed() == auth
        assert address.warehouse_id == "w"


def test_an_address_with_a_token_signs_in_with_it():
    address = Address(host="http://127.0.0.1:1", token="t", account_id="a", workspace_id="1")
    assert address.signed() == Auth(
        workspace_host="http://127.0.0.1:1", account_host="http://127.0.0.1:1", account_id="a", workspace_id="1", token="t"
    )


@pytest.mark.server
def test_the_same_folder_is_the_same_workspace_even_after_a_kill(tmp_path):
    place = LocalPlace(folder=tmp_path)
    first = place.up()
    place.kill()
    with running(place) as again:
        assert (again.account_id, again.token, again.warehouse_id) == (first.account_id, first.token, first.warehouse_id)
    other = LocalPlace(folder=tmp_path)
    with running(place), pytest.raises(RemoteError, match="the local workspace ended"):
        other.up()


def test_the_cli_signs_in_by_the_callers_federation_where_a_place_brings_no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABRICKS_AUTH_TYPE", "env-oidc")
    monkeypatch.setenv("DATABRICKS_HOST", "https://elsewhere.example")
    bare = Auth(workspace_host="https://here.example", client_id="robot")
    given = sign_in(ExistingPlace(auth=bare).up())
    assert given["DATABRICKS_AUTH_TYPE"] == "env-oidc"
    assert (given["DATABRICKS_HOST"], given["DATABRICKS_CLIENT_ID"]) == ("https://here.example", "robot")
    keyed = Auth(workspace_host="https://here.example", client_id="robot", client_secret="s")
    assert "DATABRICKS_AUTH_TYPE" not in sign_in(ExistingPlace(auth=keyed).up())


def test_the_cli_keeps_the_profiles_file_and_what_is_no_sign_in_where_a_profile_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    own = str(tmp_path / "own.cfg")
    for name, value in (
        ("DATABRICKS_CONFIG_FILE", own), ("DATABRICKS_HOST", "https://elsewhere.example"), ("DATABRICKS_TOKEN", "theirs"),
        ("DATABRICKS_AUTH_TYPE", "pat"), ("DATABRICKS_BUNDLE_TMP", "kept"), ("HTTPS_PROXY", "http://proxy.example"),
    ):  # fmt: skip
        monkeypatch.setenv(name, value)
    given = sign_in(ExistingPlace(auth=Auth(profile="mine")).up())
    assert (given["DATABRICKS_CONFIG_PROFILE"], given["DATABRICKS_CONFIG_FILE"]) == ("mine", own)
    assert (given["DATABRICKS_BUNDLE_TMP"], given["HTTPS_PROXY"]) == ("kept", "http://proxy.example")
    assert not {"DATABRICKS_HOST", "DATABRICKS_TOKEN", "DATABRICKS_AUTH_TYPE"} & set(given)
    # Without a sign-in of the place the caller's stays whole; a place with a token reads no profile.
    assert sign_in(ExistingPlace().up())["DATABRICKS_TOKEN"] == "theirs"
    local = sign_in(Address(host="http://127.0.0.1:1", token="t"), tmp_path)
    assert (local["DATABRICKS_TOKEN"], local["DATABRICKS_CONFIG_FILE"]) == ("t", os.devnull)
    assert (local["DATABRICKS_HOST"], local["DATABRICKS_BUNDLE_TMP"]) == ("http://127.0.0.1:1", str(tmp_path))


@pytest.mark.parametrize(
    ("said", "error"),
    [
        ("Databricks CLI v1.13.0", ""),
        ("Databricks CLI v2.0.1-dev", ""),
        ("Databricks CLI v1.9.2", r"1\.13 or newer, and .* is v1\.9\."),
        ("Version 0.18.0", r"1\.13 or newer"),
        ("not me", "is not the Databricks CLI: .* says: not me"),
        ("", "is not the Databricks CLI"),
    ],
)
def test_an_old_cli_and_another_program_are_wrong_use_before_anything_is_built(tmp_path: Path, said: str, error: str) -> None:
    program = tmp_path / "databricks"
    program.write_text(f"#!/bin/sh\necho {said}\n")
    program.chmod(0o755)
    if not error:
        require_recent(str(program))
        return
    with pytest.raises(UsageError, match=error) as caught:
        require_recent(str(program))
    assert "install the Databricks CLI 1.13 or newer" in caught.value.fix


def bundle_with(folder: Path, document: str = '{"resources": {"jobs": {"verify": {"parameters": [{"name": "env"}]}}}}') -> Bundle:
    """Return a bundle whose CLI writes its words to a file and says this, and which has uv in its .venv."""
    (folder / "databricks.yml").write_text("")
    cli = folder / "databricks"
    cli.write_text(f"#!/bin/sh\necho \"$@\" >> words\necho '{document}'\n")
    uv = folder / ".venv" / "bin" / "uv"
    uv.parent.mkdir(parents=True)
    for program in (cli, uv):
        program.touch()
        program.chmod(0o755)
    return Bundle(folder=folder, target="dev", environment={"PATH": "/usr/bin:/bin"}, cli=str(cli))


def test_job_and_parameters_are_checked_without_a_build(tmp_path: Path) -> None:
    bundle = bundle_with(tmp_path)
    bundle.check("verify", {"env": "prod"})
    with pytest.raises(UsageError, match=r"no job 'ghost' in the bundle's target dev \(there are: verify\)"):
        bundle.check("ghost", {})
    with pytest.raises(UsageError, match=r"no parameter 'environment' of the job"):
        bundle.check("verify", {"environment": "prod"})
    assert set((tmp_path / "words").read_text().splitlines()) == {"bundle validate -t dev -o json"}


def test_without_uv_nothing_is_asked_of_the_cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = bundle_with(tmp_path)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "elsewhere" / "python"))
    bundle.check("verify", {})
    (tmp_path / ".venv" / "bin" / "uv").unlink()
    (tmp_path / "words").unlink()
    with pytest.raises(UsageError, match="building the wheel needs uv"):
        bundle.check("verify", {})
    assert not (tmp_path / "words").exists()


@pytest.mark.parametrize(
    ("state", "started", "began"),
    [
        ("BLOCKED", False, False),
        ("RUNNING", True, True),
        ("CANCELED", True, True),
        ("CANCELED", False, False),
        ("SUCCESS", True, True),
    ],
)
def test_after_a_cancel_it_is_said_what_a_new_run_does(state: str, started: bool, began: bool) -> None:
    task = TaskState(key="apply", state=state, seconds=0.0, run_id=1, started=started)
    assert task.begun == began
    said = after_cancel(began=task.begun)
    assert ("60 s for the lease" in said, "begins with the first task" in said) == (began, not began)
