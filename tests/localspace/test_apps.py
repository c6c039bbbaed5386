"""Databricks Apps through the unmodified SDK: made, deployed from a folder, run as a process, reached through the workspace."""

from __future__ import annotations

import base64
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from databricks.sdk.errors import DatabricksError, NotFound, OperationFailed, PermissionDenied
from databricks.sdk.errors.base import DatabricksError as AnyError
from databricks.sdk.service import apps, sql, workspace

from localspace.apps.source import read_source
from localspace.core.errors import ApiError
from support.callers import CALLERS, Callers, running_callers
from support.fake_runner import fake_runner

PROGRAM = textwrap.dedent(
    """
    import http.server, json, os

    class App(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            found = {"headers": {k.lower(): v for k, v in self.headers.items()}, "path": self.path}
            found["env"] = {k: v for k, v in os.environ.items() if k.isupper()}
            body = json.dumps(found).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self):
            sent = self.rfile.read(int(self.headers["content-length"]))
            print("got", sent.decode(), flush=True)
            self.send_response(201)
            self.end_headers()
            self.wfile.write(sent[::-1])

        def log_message(self, *args):
            pass

    print("the app starts", flush=True)
    http.server.HTTPServer(("127.0.0.1", int(os.environ["DATABRICKS_APP_PORT"])), App).serve_forever()
    """
)
MANIFEST = """
command: [python, app.py]
env:
  - name: GREETING
    value: hello
  - name: WAREHOUSE
    valueFrom: warehouse
"""


@pytest.fixture(scope="module")
def callers() -> Iterator[Callers]:
    with running_callers(build_runner=fake_runner) as running:
        yield running


def upload(callers: Callers, label: str, folder: str, files: dict[str, str]) -> str:
    w = callers.client(label)
    path = f"/Workspace/Users/{callers.names[label]}/{folder}"
    w.workspace.mkdirs(path)
    for name, text in files.items():
        content = base64.b64encode(text.encode()).decode()
        w.workspace.import_(f"{path}/{name}", content=content, format=workspace.ImportFormat.RAW, overwrite=True)
    return path


def reached(callers: Callers, label: str, url: str, method: str = "GET", **more: Any) -> httpx.Response:
    headers = {"authorization": f"Bearer {callers.tokens[label]}", **more.pop("headers", {})}
    return httpx.request(method, url, headers=headers, timeout=30, **more)


@pytest.mark.server
@pytest.mark.parametrize("label", CALLERS)
def test_an_app_runs_and_knows_who_calls(callers: Callers, label: str) -> None:
    w, eve = callers.client(label), callers.client("stranger")
    name = f"orders-{label.replace('_', '-')}"[:30]
    warehouse = apps.AppResource(
        name="warehouse",
        sql_warehouse=apps.AppResourceSqlWarehouse(
            id=callers.space.warehouse_id, permission=apps.AppResourceSqlWarehouseSqlWarehousePermission.CAN_USE
        ),
    )
    made = w.apps.create_and_wait(apps.App(name=name, description="d", resources=[warehouse], user_api_scopes=["sql"]))
    assert (made.creator, made.compute_status.state) == (callers.names[label], apps.ComputeState.ACTIVE)
    assert made.app_status.state is apps.ApplicationState.UNAVAILABLE
    assert {"active_deployment", "pending_deployment"} & made.as_dict().keys() == set()
    robot = made.service_principal_client_id
    assert robot in {one.application_id for one in w.service_principals_v2.list()}
    levels = {
        one.service_principal_name for one in w.permissions.get("warehouses", callers.space.warehouse_id).access_control_list
    }
    assert robot in levels

    path = upload(callers, label, "shop", {"app.py": PROGRAM, "app.yaml": MANIFEST})
    done = w.apps.deploy_and_wait(name, apps.AppDeployment(source_code_path=path))
    assert done.status.state is apps.AppDeploymentState.SUCCEEDED
    shown = w.apps.get(name)
    assert (shown.app_status.state, shown.active_deployment.deployment_id) == (apps.ApplicationState.RUNNING, done.deployment_id)
    assert [one.deployment_id for one in w.apps.list_deployments(name)] == [done.deployment_id]

    claims = {"x-forwarded-email": "boss@bank.example", "x-forwarded-access-token": "stolen"}
    seen = reached(callers, label, f"{shown.url}/a/b", params={"q": "1"}, headers=claims).json()
    assert seen["path"] == "/a/b?q=1"
    assert seen["headers"]["x-forwarded-email"] == callers.names[label]
    assert callers.tokens[label] not in str(seen["headers"])
    token = seen["headers"]["x-forwarded-access-token"]
    me = callers.space.client(token).current_user.me()
    assert callers.names[label] in (me.user_name, me.display_name, *(one.value for one in me.emails or ()))
    environment = seen["env"]
    assert (environment["GREETING"], environment["WAREHOUSE"]) == ("hello", callers.space.warehouse_id)
    own = httpx.post(
        f"{environment['DATABRICKS_HOST']}/oidc/v1/token",
        data={"grant_type": "client_credentials", "scope": "all-apis"},
        auth=(environment["DATABRICKS_CLIENT_ID"], environment["DATABRICKS_CLIENT_SECRET"]),
    ).json()["access_token"]
    signed = callers.space.client(own)
    statement = signed.statement_execution.execute_statement("SELECT 2 ROWS", callers.space.warehouse_id)
    assert statement.status.state is sql.StatementState.SUCCEEDED
    posted = reached(callers, label, f"{shown.url}/x", "POST", content=b"abc")
    assert (posted.status_code, posted.content) == (201, b"cba")
    logs = f"{callers.space.host}/api/2.0/localspace/apps/{name}/logs"
    assert "the app starts\ngot abc" in reached(callers, label, logs).text

    assert reached(callers, "stranger", str(shown.url)).status_code == 403
    assert httpx.get(str(shown.url)).status_code == 401
    for refused in (
        lambda: eve.apps.get(name),
        lambda: eve.apps.deploy(name, apps.AppDeployment(source_code_path=path)),
        lambda: eve.apps.delete(name),
    ):
        with pytest.raises(PermissionDenied):
            refused()
    use = apps.AppAccessControlRequest(user_name=callers.names["stranger"], permission_level=apps.AppPermissionLevel.CAN_USE)
    w.apps.set_permissions(name, access_control_list=[use])
    w.apps.update_permissions(name, access_control_list=[use])
    assert callers.names["stranger"] in {one.user_name for one in w.apps.get_permissions(name).access_control_list}
    assert len(w.apps.get_permission_levels(name).permission_levels) == 2
    assert reached(callers, "stranger", str(shown.url)).json()["headers"]["x-forwarded-email"] == callers.names["stranger"]
    assert reached(callers, "stranger", logs).status_code == 403
    with pytest.raises(PermissionDenied):
        eve.apps.stop(name)

    w.apps.update(name, apps.App(name=name, description="new", user_api_scopes=[]))
    assert w.apps.get(name).description == "new"
    assert w.apps.stop_and_wait(name).app_status.state is apps.ApplicationState.UNAVAILABLE
    assert reached(callers, label, str(shown.url)).status_code == 503
    with pytest.raises(DatabricksError, match="stopped"):
        w.apps.deploy(name, apps.AppDeployment(source_code_path=path))
    w.apps.start_and_wait(name)
    assert _until_running(w, name).app_status.state is apps.ApplicationState.RUNNING
    assert name in {one.name for one in w.apps.list()}
    w.apps.delete(name)
    with pytest.raises(NotFound):
        w.apps.get(name)
    assert robot not in {one.application_id for one in w.service_principals_v2.list()}
    with pytest.raises(AnyError):
        signed.current_user.me()


def _until_running(w: Any, name: str) -> apps.App:
    import time

    for _ in range(500):
        found = w.apps.get(name)
        if found.app_status.state is apps.ApplicationState.RUNNING:
            break
        time.sleep(0.05)
    return found


@pytest.mark.server
def test_an_app_that_cannot_run_fails_its_deployment(callers: Callers) -> None:
    w = callers.client("user")
    w.apps.create_and_wait(apps.App(name="broken"))
    for files, says in (
        ({"app.py": "raise SystemExit(3)"}, "exit code 3"),
        ({"app.yaml": "command: [no-such-program]"}, "exit code 127"),
        ({"app.yaml": "env: [{name: A, valueFrom: nothing}]", "app.py": PROGRAM}, "which app broken lacks"),
        ({"notes.txt": "x"}, "No command to run"),
    ):
        path = upload(callers, "user", f"broken{len(says)}", files)
        with pytest.raises(OperationFailed, match=says):
            w.apps.deploy_and_wait("broken", apps.AppDeployment(source_code_path=path))
    assert w.apps.get("broken").app_status.state is apps.ApplicationState.UNAVAILABLE
    for name in ("Upper", "-x", "x" * 31):
        with pytest.raises(DatabricksError, match="App name"):
            w.apps.create(apps.App(name=name))
    with pytest.raises(DatabricksError, match="already exists"):
        w.apps.create(apps.App(name="broken"))
    w.apps.delete("broken")


@pytest.mark.server
def test_no_app_outlives_its_workspace() -> None:
    with running_callers(build_runner=fake_runner) as callers:
        w = callers.client("user")
        w.apps.create_and_wait(apps.App(name="left"))
        w.apps.deploy_and_wait("left", apps.AppDeployment(source_code_path=upload(callers, "user", "left", {"app.py": PROGRAM})))
        process = callers.space.workspace.services.apps.of("left")
        assert process is not None
        port = process.port
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://127.0.0.1:{port}/")


@pytest.mark.unit
@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a: [", "not valid YAML"),
        ("- x", "must be a map"),
        ("command: 7", "list of strings"),
        ("env: x", "must be a list"),
        ("env: [{name: A}]", "either value or valueFrom"),
        ("env: [{name: A, value: 1, valueFrom: b}]", "either value or valueFrom"),
    ],
)
def test_a_manifest_that_is_wrong_is_refused(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "app.yaml").write_text(text)
    (tmp_path / "main.py").write_text("")
    with pytest.raises(ApiError, match=says):
        read_source(tmp_path)


@pytest.mark.unit
def test_without_a_command_the_first_python_file_runs(tmp_path: Path) -> None:
    for name in ("b.py", "a.py"):
        (tmp_path / name).write_text("")
    assert read_source(tmp_path).command == ("python", "a.py")
    (tmp_path / "app.yml").write_text("command: streamlit run 'my app.py'\nenv: [{name: N, value: 1}]")
    found = read_source(tmp_path)
    assert (found.command, found.values) == (("streamlit", "run", "my app.py"), {"N": "1"})
