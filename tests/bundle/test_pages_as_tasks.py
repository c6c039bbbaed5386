"""Every notebook as a task of the local workspace, with the wheel that its first cell installs; the history has no engine."""

from __future__ import annotations

import html
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from databricks.sdk.service import jobs
from databricks.sdk.service.workspace import ImportFormat

from localspace.core.statement_runner import CancelToken, SqlError, StatementRequest, StatementResult
from localspace.governance.repositories import Repositories
from support.fake_runner import FakeRunner
from support.jobs import Ended, Jobs
from support.localspace_server import LocalWorkspace, running_localspace
from support.page_worlds import HISTORY, NOTEBOOKS, SHOWN, PageWorld, make_page_world

pytestmark = [pytest.mark.server, pytest.mark.heavy]
HIDDEN = "hidden.ops"


class HistoryRunner(FakeRunner):
    """Answers the queries of the history, and any other with its own text."""

    def run(self, request: StatementRequest, cancel: CancelToken) -> StatementResult:
        given = {name: value or "" for name, _, value in request.parameters}
        if "t" not in given:
            return StatementResult(columns=(("statement", "STRING", "STRING"),), rows=[[request.statement]])
        if given["t"].startswith(HIDDEN):
            raise SqlError("INSUFFICIENT_PERMISSIONS", "User does not have USE CATALOG on Catalog 'hidden'.", "42501")
        if given["t"] not in HISTORY:
            raise SqlError("TABLE_OR_VIEW_NOT_FOUND", f"The table {given['t']} cannot be found.", "42P01")
        rows = [row for row in HISTORY[given["t"]] if row["env"] == given["env"]]
        columns = tuple((name, "STRING", "STRING") for name in HISTORY[given["t"]][0])
        return StatementResult(columns=columns, rows=[list(row.values()) for row in rows])


def history_runner(repositories: Repositories, files: Path) -> HistoryRunner:
    return HistoryRunner()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> PageWorld:
    return make_page_world(tmp_path_factory.mktemp("pages"))


@pytest.fixture(scope="module")
def space(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalWorkspace]:
    with running_localspace(build_runner=history_runner) as running:
        yield running


CHANGED: dict[str, tuple[str, dict[str, str], str]] = {
    "explore-other": ("explore", {"principal_b": "(outsider)"}, "and (outsider) see 5 of 5 columns"),
    "decide-shown": ("decide", {"reason": "free text", "by": "olga"}, "nothing is written: choose write = yes"),
    "verify-prod": ("verify", {"env": "prod"}, "nothing recorded yet for prod"),
    "drift-nothing": ("drift", {"history": "main.nothing"}, "nothing recorded yet for dev"),
    "tour-second": ("tour", {"table": "dev_fin.finance.customers", "principal_1": "olga@bank.example"}, "LIMIT 5"),
}
"""Tasks with a widget in another position: notebook, the changed widgets, what it shows then."""

FAILING: dict[str, tuple[str, dict[str, str], tuple[str, ...]]] = {
    "verify-hidden": ("verify", {"history": HIDDEN}, ("hidden.ops.verifications cannot be read", "ask for SELECT")),
    "explore-missing": ("explore", {"env": "nope"}, ("no environment 'nope'", "lampkeeper setup --env nope")),
    "plan-unknown": ("plan", {"plan_hash": "0" * 64}, ("not one of",)),
}


@pytest.fixture(scope="module")
def ran(space: LocalWorkspace, world: PageWorld, product_wheel: Path) -> Ended:
    """Return one run of all notebooks, of some with changed widgets, and of some with inputs that lead nowhere."""
    flow = Jobs(space.client())
    root = f"/Workspace/Users/{flow.name}/.bundle/lampkeeper/dev"
    for folder in ("files/notebooks", "artifacts/.internal"):
        flow.client.workspace.mkdirs(f"{root}/{folder}")
    upload = flow.client.workspace.upload
    upload(f"{root}/artifacts/.internal/{product_wheel.name}", product_wheel.read_bytes(), format=ImportFormat.RAW)
    for name in SHOWN:
        upload(f"{root}/files/notebooks/{name}", (NOTEBOOKS / f"{name}.ipynb").read_bytes(), format=ImportFormat.JUPYTER)
    inputs = {name: (name, world.inputs(name)) for name in SHOWN}
    inputs |= {key: (name, world.inputs(name) | more) for key, (name, more, _) in [*CHANGED.items(), *FAILING.items()]}
    tasks = [
        jobs.Task(
            task_key=key,
            notebook_task=jobs.NotebookTask(notebook_path=f"{root}/files/notebooks/{name}", base_parameters=given),
        )
        for key, (name, given) in inputs.items()
    ]
    return flow.wait(flow.start(flow.create(*tasks)), seconds=200)


def shown(ran: Ended, task: str) -> str:
    run_id = ran.task(task).run_id
    assert run_id is not None
    views = ran.client.jobs.export_run(run_id).views or []
    # The export escapes the page, and the page escapes its texts.
    return html.unescape(html.unescape(views[0].content or ""))


def result(ran: Ended, task: str) -> dict[str, Any]:
    output = ran.output(task).notebook_output
    found: dict[str, Any] = json.loads((output and output.result) or "{}")
    return found


@pytest.mark.parametrize("name", sorted(SHOWN))
def test_a_notebook_installs_its_wheel_shows_its_tables_and_exits_with_json(ran: Ended, name: str) -> None:
    assert ran.results[name] == "SUCCESS", ran.output(name).error_trace
    page = shown(ran, name)
    assert "Successfully installed lampkeeper-" in page
    for reported in SHOWN[name]:
        if reported not in ("'ida@example.com'", "1 applied plan changed 2 cells"):
            assert reported in page, page[:4000]
    assert result(ran, name)["notebook"] == name
    for other in set(SHOWN) - {name}:
        assert f"/#workspace/Users/admin@localspace.example/.bundle/lampkeeper/dev/files/notebooks/{other}" in page


@pytest.mark.parametrize("task", sorted(CHANGED))
def test_a_changed_widget_changes_what_is_shown(ran: Ended, task: str) -> None:
    name, _, reported = CHANGED[task]
    assert ran.results[task] == "SUCCESS", ran.output(task).error_trace
    assert reported in shown(ran, task)
    assert shown(ran, task) != shown(ran, name)


@pytest.mark.parametrize("task", sorted(FAILING))
def test_a_notebook_that_fails_says_what_to_do_in_one_sentence(ran: Ended, task: str) -> None:
    assert ran.results[task] == "FAILED"
    output = ran.output(task)
    for word in FAILING[task][2]:
        assert word in (output.error or "")
    assert (output.error_trace or "").count("\n") < 24, output.error_trace
