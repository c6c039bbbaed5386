"""Bad input, command by command: the exit code, a message with the location and a fix, and nothing half-written."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from filelock import FileLock

from lampkeeper.cli.main import main
from support.env_folders import bank_folder
from support.light_sql import light_runner
from support.localspace_server import LocalWorkspace, running_localspace

pytestmark = pytest.mark.server

Run = Callable[..., "Said"]
COLUMNS = {"customer_id": "LONG", "first_name": "STRING", "ssn": "STRING", "email": "STRING"}


@dataclass(frozen=True)
class Said:
    """What a command answered."""

    code: int
    out: str
    err: str


@pytest.fixture(scope="module")
def space() -> Iterator[LocalWorkspace]:
    with running_localspace(build_runner=light_runner) as running:
        w = running.client()
        w.catalogs.create("dev_fin")
        w.schemas.create("finance", "dev_fin")
        w.schemas.create("nothing", "dev_fin")
        make_table(running, "finance", "customers", COLUMNS)
        yield running


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> Said:
        capsys.readouterr()
        code = main(arguments)
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err
        return Said(code, out, err)

    return call


def make_table(space: LocalWorkspace, schema: str, name: str, columns: dict[str, str]) -> None:
    """Make a table through the API of the catalog: it needs no SQL engine."""
    listed = [
        {
            "name": column,
            "type_name": kind,
            "type_text": {"LONG": "bigint"}.get(kind, kind.lower()),
            "type_json": "{}",
            "position": at,
        }
        for at, (column, kind) in enumerate(columns.items())
    ]
    body = {
        "name": name, "catalog_name": "dev_fin", "schema_name": schema, "table_type": "EXTERNAL", "data_source_format": "DELTA",
        "storage_location": f"s3://bucket/{schema}/{name}", "columns": listed,
    }  # fmt: skip
    space.external_location("bucket", "s3://bucket")
    with space.http() as http:
        answer = http.post("/api/2.1/unity-catalog/tables", json=body)
    assert answer.status_code == 200, answer.text


def make_env(root: Path, space: LocalWorkspace, tables: str = "dev_fin.finance.*", **more: str) -> Path:
    """Write envs/dev for the workspace."""
    folder = root / "envs" / "dev"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "env.auto.tfvars").write_text(
        f'uc_tables = ["{tables}"]\nsql_warehouse_id = "{more.get("warehouse", space.warehouse_id)}"\n'
    )
    space.write_sign_in(folder, token=more.get("token", ""), host=more.get("host", ""))
    return folder


def files_of(root: Path) -> dict[str, bytes]:
    """Return every file under a folder with its bytes; the times of writing and locks do not count."""
    return {str(p.relative_to(root)): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file() and p.suffix != ".lock"}


# files that cannot be read: line and column, and what was there stays


@pytest.mark.parametrize(
    ("file", "text", "command", "location"),
    [
        ("env.auto.tfvars", 'uc_tables = ["a.b.c"]\ngroups = {\n  x = = 1\n}\n', "generate --offline", "env.auto.tfvars:3:7"),
        ("auth.auto.tfvars", 'databricks_token = "dapi-secret\n', "snapshot", "auth.auto.tfvars:1:"),
        ("generated/abac.auto.tfvars", "groups = {\n  a = {\n", "validate", "abac.auto.tfvars:2:7"),
        ("generated/abac.auto.tfvars", 'tag_policies = [{ key = "a" values = [] }]\n', "plan", "abac.auto.tfvars:1:"),
        ("generated/masking_functions.sql", "USE CATALOG dev_fin;\nCREATE FUNCTION (x\n", "validate", "masking_functions.sql:2:"),
        ("generated/labels.jsonl", '{"column": \n', "report --offline", "labels.jsonl:1:"),
        ("generated/snapshot.json", '{"tables": [\n', "generate --offline", "snapshot.json:2:"),
    ],
)
def test_a_malformed_file_is_named_with_line_and_column(
    tmp_path: Path, run: Run, space: LocalWorkspace, file: str, text: str, command: str, location: str
) -> None:
    folder = bank_folder(tmp_path)
    assert run("generate", "--offline").code == 0
    settings = folder.settings_path.read_text()
    make_env(tmp_path, space)
    folder.settings_path.write_text(settings)
    found = next(iter(p for p in (tmp_path / "envs/dev").rglob(Path(file).name)), None)
    assert found is not None, files_of(tmp_path).keys()
    found.write_text(text)
    before = files_of(tmp_path)
    said = run(*command.split())
    assert said.code == 2, said.err
    assert location in said.err
    assert "dapi-secret" not in said.err
    assert files_of(tmp_path) == before


@pytest.mark.parametrize(
    ("name", "text", "location"),
    [
        ("x.jsonl", '{"table": "t", "column": "a", "type": "INT"}\n{"table": "t", \n', "x.jsonl:2:"),
        ("x.sql", "CREATE TABLE t (a INT);\nCREATE TABLE u (a INT, b;\n", "x.sql:2:"),
        ("x.sql", "-- nothing\n", "x.sql"),
        ("x.csv", "a,b\n", "not a schema file"),
        ("gone.jsonl", None, "gone.jsonl"),
    ],
)
def test_a_malformed_schema_stops_the_demo_before_anything_starts(
    tmp_path: Path, run: Run, name: str, text: str | None, location: str
) -> None:
    if text is not None:
        (tmp_path / name).write_text(text)
    said = run("demo", "--schema", name)
    assert said.code == 2
    assert location in said.err
    assert not (tmp_path / ".demo").exists()


# what is not there


def test_an_unknown_environment_is_named_with_those_there_are(tmp_path: Path, run: Run, space: LocalWorkspace) -> None:
    make_env(tmp_path, space)
    for command in ("snapshot", "generate", "validate", "plan", "apply", "verify", "audit", "matrix", "report", "destroy"):
        said = run(command, "--env", "prod")
        assert said.code == 2
        assert "no environment 'prod'" in said.err
        assert "dev" in said.err
    assert not (tmp_path / "envs/prod").exists()


@pytest.mark.parametrize("missing", ["dev_fin.finance.gone", "dev_fin.no_schema.*", "no_catalog.finance.*", "dev_fin.nothing.*"])
def test_a_table_that_does_not_exist_and_an_empty_schema_are_named(
    tmp_path: Path, run: Run, space: LocalWorkspace, missing: str
) -> None:
    folder = make_env(tmp_path, space)
    settings = folder / "env.auto.tfvars"
    settings.write_text(settings.read_text().replace("[", f'["{missing}", ', 1))
    before = files_of(tmp_path)
    said = run("generate")
    assert said.code == 4
    assert missing in said.err
    assert "uc_tables" in said.err
    assert files_of(tmp_path) == before


def test_a_missing_warehouse_is_named_with_those_there_are(tmp_path: Path, run: Run, space: LocalWorkspace) -> None:
    make_env(tmp_path, space, warehouse="0123456789abcdef")
    said = run("snapshot")
    assert said.code == 2
    assert "0123456789abcdef" in said.err
    assert space.warehouse_id in said.err


# a platform that says no, or nothing


@pytest.mark.parametrize("command", ["snapshot", "plan", "apply", "verify", "audit"])
def test_an_expired_token_is_exit_4_and_is_not_shown(tmp_path: Path, run: Run, space: LocalWorkspace, command: str) -> None:
    make_env(tmp_path, space)
    assert run("generate").code == 0
    assert run("promote").code == 0
    me = space.client().current_user.me().user_name
    token = space.control("POST", "tokens", {"principal": me, "lifetime_seconds": 1})["token"]
    space.control("POST", "clock/tick", {"seconds": 5})
    make_env(tmp_path, space, token=token)
    before = files_of(tmp_path)
    said = run(command)
    assert said.code == 4, said.err
    assert "renew it in auth.auto.tfvars" in said.err
    assert token not in said.out + said.err
    assert files_of(tmp_path) == before


@pytest.fixture
def silent_server() -> Iterator[str]:
    """An address that takes every connection and never answers."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        held: list[socket.socket] = []

        def take() -> None:
            while True:
                try:
                    held.append(server.accept()[0])
                except OSError:
                    return

        threading.Thread(target=take, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)
        for each in held:
            each.close()


def test_a_server_that_does_not_answer_is_given_up(
    tmp_path: Path, run: Run, space: LocalWorkspace, silent_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_env(tmp_path, space, host=silent_server)
    monkeypatch.setenv("LAMPKEEPER_TIMEOUT", "0.3")
    before, began = files_of(tmp_path), time.monotonic()
    said = run("snapshot")
    assert said.code == 4
    assert "does not respond" in said.err
    assert "check the host" in said.err
    assert time.monotonic() - began < 20
    assert files_of(tmp_path) == before


def test_a_server_that_stops_answering_in_an_apply_is_given_up_and_the_next_run_ends_it(
    tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running_localspace(build_runner=light_runner) as space:
        w = space.client()
        w.catalogs.create("dev_fin")
        w.schemas.create("finance", "dev_fin")
        make_table(space, "finance", "customers", COLUMNS)
        make_env(tmp_path, space)
        assert run("generate").code == 0
        assert json.loads(run("plan", "--json").out)["findings"] == []
        monkeypatch.setenv("LAMPKEEPER_TIMEOUT", "0.5")
        space.control("POST", "kill", {"at_write": 5, "when": "after", "mode": "drop"})
        began = time.monotonic()
        said = run("apply", "--json")
        assert said.code == 4, said.err
        assert time.monotonic() - began < 30
        assert json.loads(said.out)["error"]["exit_code"] == 4
        with space.http() as http:
            assert http.post("/_localspace/revive").status_code == 200
        monkeypatch.delenv("LAMPKEEPER_TIMEOUT")
        assert run("apply").code == 0
        assert json.loads(run("apply", "--json").out)["writes"] == 0


@pytest.mark.parametrize("value", ["soon", "0", "-1", "1e9"])
def test_a_timeout_that_is_none_is_wrong_use(
    tmp_path: Path, run: Run, space: LocalWorkspace, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    make_env(tmp_path, space)
    monkeypatch.setenv("LAMPKEEPER_TIMEOUT", value)
    said = run("snapshot")
    assert said.code == 2
    assert "LAMPKEEPER_TIMEOUT" in said.err


# state that is not this environment's


@pytest.fixture
def applied(tmp_path: Path, run: Run) -> Iterator[Path]:
    with running_localspace(build_runner=light_runner) as space:
        w = space.client()
        w.catalogs.create("dev_fin")
        w.schemas.create("finance", "dev_fin")
        make_table(space, "finance", "customers", COLUMNS)
        folder = make_env(tmp_path, space)
        assert run("generate").code == 0
        assert run("plan", "--out", "saved.json").code == 0
        assert run("apply").code == 0
        yield folder


def test_a_plan_saved_over_a_state_of_another_lineage_is_refused(tmp_path: Path, run: Run, applied: Path) -> None:
    assert run("plan", "--out", "saved.json").code == 0
    state = applied / "data_access" / "state.json"
    held = json.loads(state.read_text())
    state.write_text(json.dumps(held | {"lineage": "another"}))
    before = files_of(tmp_path)
    said = run("apply", "--plan", "saved.json")
    assert said.code == 3, said.err
    assert "lineage" in said.err
    assert files_of(tmp_path) == before


def test_a_plan_older_than_the_state_is_refused(tmp_path: Path, run: Run, applied: Path) -> None:
    before = files_of(tmp_path)
    said = run("apply", "--plan", "saved.json")
    assert said.code == 3, said.err
    assert "run `plan` again" in said.err
    assert files_of(tmp_path) == before


@pytest.mark.parametrize(
    ("text", "reported"),
    [
        ("{", "state.json"),
        ('{"format": 2, "layer": "account"}', "not a valid state file"),
        ('{"format": 1}', "written by lampkeeper 0.1"),
        ('{"format": 99}', "not a valid state file"),
    ],
)
def test_a_state_file_that_is_none_of_ours_is_refused(tmp_path: Path, run: Run, applied: Path, text: str, reported: str) -> None:
    (applied / "data_access" / "state.json").write_text(text)
    before = files_of(tmp_path)
    for command in ("plan", "apply", "destroy"):
        said = run(command)
        assert said.code == 2
        assert reported in said.err
    assert files_of(tmp_path) == before


@pytest.mark.parametrize("text", ["{", "[]", '{"changes": 1}'])
def test_a_saved_plan_that_is_none_is_refused(tmp_path: Path, run: Run, applied: Path, text: str) -> None:
    (tmp_path / "saved.json").write_text(text)
    said = run("apply", "--plan", "saved.json")
    assert said.code == 2
    assert "saved.json" in said.err


def test_two_runs_at_once_do_not_mix(tmp_path: Path, run: Run, applied: Path) -> None:
    locks = sorted((tmp_path / "envs").rglob("*.lock"))
    assert locks, "an apply holds its layers by lock files"
    with FileLock(locks[0]):
        settings = applied / "env.auto.tfvars"
        settings.write_text(settings.read_text() + 'groups = { data_analysts = { description = "x" } }\n')
        assert run("generate", "--offline").code == 0
        said = run("apply")
    assert said.code == 3, said.err
    assert "another run is applying here" in said.err
    assert ".lock" in said.err


# a wide table


@pytest.mark.heavy
def test_a_table_of_ten_thousand_columns_is_governed_in_one_go(tmp_path: Path, run: Run) -> None:
    with running_localspace(build_runner=light_runner) as space:
        w = space.client()
        w.catalogs.create("dev_fin")
        w.schemas.create("finance", "dev_fin")
        sensitive = {"email": "STRING", "ssn": "STRING"}
        make_table(space, "finance", "wide", {f"reading_{n}": "DOUBLE" for n in range(9_998)} | sensitive)
        make_env(tmp_path, space)
        assert run("generate").code == 0
        said = run("apply", "--json")
        assert said.code == 0, said.err
        assert json.loads(said.out)["by_kind"]["tag"] >= 2
        assert json.loads(run("plan", "--json").out)["changes"] == []
        assert run("audit").code == 0
