"""Every notebook as a task of the local workspace, with what it showed; the history comes from a runner without an engine."""

from __future__ import annotations

import html
from collections.abc import Iterator
from pathlib import Path

import pytest
from databricks.sdk.service import jobs

from localspace.core.statement_runner import CancelToken, SqlError, StatementRequest, StatementResult
from localspace.governance.repositories import Repositories
from support.fake_runner import FakeRunner
from support.jobs import Ended, Jobs
from support.localspace_server import LocalWorkspace, running_localspace
from support.page_worlds import HISTORY, NOTEBOOKS, SHOWN, PageWorld, make_page_world

pytestmark = pytest.mark.server
HIDDEN = "hidden.ops"


class HistoryRunner(FakeRunner):
    """Answers what the pages ask of the history."""

    def run(self, request: StatementRequest, cancel: CancelToken) -> StatementResult:
        given = {name: value or "" for name, _, value in request.parameters}
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


@pytest.fixture(scope="module")
def ran(space: LocalWorkspace, world: PageWorld) -> Ended:
    """Return one run of all notebooks, and of some with inputs that lead nowhere."""
    flow = Jobs(space.client())
    inputs = {page: world.inputs(page) for page in SHOWN} | {
        "drift_report-empty": {"envs": str(world.envs), "env": "prod"},
        "verify_report-hidden": {"envs": str(world.envs), "history": HIDDEN},
        "quickstart-missing": {"envs": str(world.envs), "env": "nope"},
    }
    paths = {page: flow.notebook(page, (NOTEBOOKS / f"{page}.py").read_text()) for page in SHOWN}
    tasks = [
        jobs.Task(
            task_key=key,
            notebook_task=jobs.NotebookTask(notebook_path=paths[key.split("-")[0]], base_parameters=given),
        )
        for key, given in inputs.items()
    ]
    return flow.wait(flow.start(flow.create(*tasks)), seconds=150)


def shown(ran: Ended, task: str) -> str:
    run_id = ran.task(task).run_id
    assert run_id is not None
    views = ran.client.jobs.export_run(run_id).views or []
    # The export escapes the page, and the page escapes its texts.
    return html.unescape(html.unescape(views[0].content or ""))


@pytest.mark.parametrize("page", sorted(SHOWN))
def test_a_notebook_shows_its_table_and_its_chart(ran: Ended, page: str) -> None:
    assert ran.results[page] == "SUCCESS", ran.output(page).error_trace
    for reported in SHOWN[page]:
        assert reported in shown(ran, page)


def test_a_history_without_rows_is_an_empty_page(ran: Ended) -> None:
    assert ran.results["drift_report-empty"] == "SUCCESS"
    assert "nothing recorded yet for prod" in shown(ran, "drift_report-empty")
    assert "nothing to draw" in shown(ran, "drift_report-empty")


@pytest.mark.parametrize(
    ("task", "words"),
    [
        ("verify_report-hidden", ["hidden.ops.verifications cannot be read", "ask for SELECT"]),
        ("quickstart-missing", ["no environment 'nope'", "lampkeeper setup --env nope"]),
    ],
)
def test_a_page_that_fails_says_what_to_do_in_few_lines(ran: Ended, task: str, words: list[str]) -> None:
    assert ran.results[task] == "FAILED"
    output = ran.output(task)
    for word in words:
        assert word in (output.error or "")
    assert (output.error_trace or "").count("\n") < 20, output.error_trace
