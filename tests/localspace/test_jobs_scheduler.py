"""Laws of the scheduler over random graphs, with tasks that only pretend to run."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localspace.core.clock import Clock
from localspace.core.statement_runner import CancelToken
from localspace.core.store import Store
from localspace.core.stored_documents.kind import Document
from localspace.jobs.dag import NOT_RUN, SUCCEEDED, Done, Result, RunIf, decide, overall, read_nodes
from localspace.jobs.run_log import RunLog, over, result_of
from localspace.jobs.scheduler import Scheduler
from localspace.jobs.terminal_states import SUCCESS, TerminalState, cancelled, failed, serialised_state
from support.nightly import law

pytestmark = pytest.mark.unit


class _Pretender:
    """Ends tasks as their names say: `…ok`, `…bad`, `…hang` until cancelled, `…twice` well at the second try."""

    def __init__(self) -> None:
        self.ran: list[tuple[str, int]] = []
        self.at_once = 0
        self.most_at_once = 0
        self._lock = threading.Lock()

    def __call__(self, run: Document, task_run: Document, task: Document, cancel: CancelToken) -> tuple[TerminalState, Document]:
        del run
        key = task["task_key"]
        with self._lock:
            self.ran.append((key, task_run["attempt"]))
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            if key.endswith("hang"):
                woken = threading.Event()
                cancel.on_cancel(woken.set)
                assert woken.wait(10)
                return cancelled(), {}
            if key.endswith("bad") or (key.endswith("twice") and task_run["attempt"] == 0):
                return failed(), {}
            return SUCCESS, {"values": {"key": key}}
        finally:
            with self._lock:
                self.at_once -= 1


class _Office:
    """A scheduler over a store in memory."""

    def __init__(self) -> None:
        store = Store(None)
        self.run_log = RunLog(store, Clock(store))
        self.tasks = _Pretender()
        self.scheduler = Scheduler(self.run_log, self.tasks, self._never, ("1", lambda: "http://127.0.0.1"))

    def submit(self, tasks: list[Document], **extra: Any) -> Document:
        run = {
            "run_id": self.run_log.new_id(), "job_id": extra.pop("job_id", 7), "kind": "JOB_RUN", "parameters": {},
            "settings": {"name": "law", "tasks": tasks, **extra}, "life": "PENDING", "message": "", "start_time": 1,
            "run_as": "a", "run_as_id": "1", "creator": "a", "creator_id": "1", "trigger": "ONE_TIME", "trigger_word": "onetime",
        }  # fmt: skip
        return self.scheduler.submit(run)

    def ended(self, run: Document) -> Document:
        return self.scheduler.wait(run["run_id"], CancelToken())

    @staticmethod
    def _never(run: Document, task_run: Document, body: Document) -> Document:
        raise AssertionError("no task of these tests runs a job")


def _task(key: str, after: list[str], run_if: RunIf = RunIf.ALL_SUCCESS, **fields: Any) -> Document:
    return {
        "task_key": key, "run_if": run_if.value, "depends_on": [{"task_key": one} for one in after],
        "notebook_task": {"notebook_path": "/x"}, **fields,
    }  # fmt: skip


@st.composite
def _graphs(draw: st.DrawFn) -> list[Document]:
    keys: list[str] = []
    tasks: list[Document] = []
    for number in range(draw(st.integers(1, 7))):
        after = draw(st.lists(st.sampled_from(keys), unique=True, max_size=3)) if keys else []
        key = f"t{number}-{draw(st.sampled_from(['ok', 'ok', 'bad', 'twice']))}"
        retries = draw(st.integers(0, 1)) if key.endswith("twice") else 0
        tasks.append(
            _task(key, after, draw(st.sampled_from(list(RunIf))), max_retries=retries, disabled=draw(st.integers(0, 9)) == 0)
        )
        keys.append(key)
    return draw(st.permutations(tasks))


@given(_graphs())
@law(60)
def test_every_run_ends_and_every_task_as_its_upstream_says(tasks: list[Document]) -> None:
    office = _Office()
    run = office.ended(office.submit(tasks))
    current = office.run_log.current(run["run_id"])
    assert over(run)
    assert all(over(one) for one in current.values())
    nodes = read_nodes(tasks)
    done = {key: Done(result=result_of(one)) for key, one in current.items()}
    ran = {key for key, _ in office.tasks.ran}
    for node in nodes:
        verdict = decide(node, done)
        assert (verdict is None) == (node.task_key in ran)
        if verdict is not None:
            assert result_of(current[node.task_key]) is verdict
            assert verdict in NOT_RUN
        else:
            good = node.task_key.endswith("ok") or (node.task_key.endswith("twice") and current[node.task_key]["attempt"] == 1)
            assert result_of(current[node.task_key]) is (Result.SUCCESS if good else Result.FAILED)
    results = {key: result_of(one) for key, one in current.items()}
    assert result_of(run) is overall(nodes, results)
    assert (result_of(run) in SUCCEEDED) == (serialised_state(run)["status"]["termination_details"]["type"] == "SUCCESS")


@given(_graphs())
@law(30)
def test_a_cancelled_run_ends_cancelled_and_starts_nothing_more(tasks: list[Document]) -> None:
    office = _Office()
    root = _task("root-hang", [])
    tasks = [root, *({**one, "depends_on": [*one["depends_on"], {"task_key": "root-hang"}]} for one in tasks)]
    run = office.submit(tasks)
    while not office.tasks.ran:
        pass
    office.scheduler.cancel(run["run_id"])
    run = office.ended(run)
    assert result_of(run) is Result.CANCELED
    assert [key for key, _ in office.tasks.ran] == ["root-hang"]
    assert {result_of(one) for one in office.run_log.current(run["run_id"]).values()} == {Result.CANCELED}


def test_of_a_job_only_so_many_runs_are_active_and_the_rest_follow_in_order() -> None:
    office = _Office()
    runs = [office.submit([_task("only-ok", [])], max_concurrent_runs=2, queue={"enabled": True}) for _ in range(8)]
    ended = [office.ended(run) for run in runs]
    assert all(result_of(one) is Result.SUCCESS for one in ended)
    assert office.tasks.most_at_once <= 2
    assert [one["begun"] for one in ended] == sorted(one["begun"] for one in ended)


def test_a_loop_never_runs_more_at_once_than_its_concurrency() -> None:
    office = _Office()
    nested = {"task_key": "each-ok", "notebook_task": {"notebook_path": "/x"}}
    loop = {"task_key": "loop", "for_each_task": {"inputs": "[1,2,3,4,5,6,7,8,9]", "concurrency": 3, "task": nested}}
    run = office.ended(office.submit([loop]))
    assert result_of(run) is Result.SUCCESS
    assert len(office.tasks.ran) == 9
    assert office.tasks.most_at_once <= 3


def test_what_was_lost_is_told_and_never_runs_for_ever() -> None:
    office = _Office()
    run = office.submit([_task("a-hang", []), _task("b-ok", ["a-hang"])])
    while not office.tasks.ran:
        pass
    office.scheduler.close()
    # The same store under a new scheduler is the workspace after a restart.
    again = Scheduler(office.run_log, office.tasks, office._never, ("1", lambda: ""))
    again.recover()
    ended = office.run_log.run(run["run_id"])
    assert (ended["life"], ended["result"], ended["code"]) == ("INTERNAL_ERROR", "FAILED", "INTERNAL_ERROR")
    tasks = {key: result_of(one) for key, one in office.run_log.current(run["run_id"]).items()}
    assert tasks == {"a-hang": Result.FAILED, "b-ok": Result.UPSTREAM_FAILED}
