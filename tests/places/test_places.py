"""Places come up in bounded time, keep their data, and leave nothing running."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from lampkeeper.model.auth import Auth
from lampkeeper.model.errors import RemoteError, UsageError
from lampkeeper.places.bundle import sign_in
from lampkeeper.places.existing import ExistingPlace
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
