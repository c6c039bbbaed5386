"""Starts runs, walks their task graphs, retries, cancels, queues; every step is in the store before the next begins.

One thread works on one active task. All changes of states are made under one lock, and the store is the only memory, so
that after a restart `recover` finds the runs that were lost.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from localspace.core.errors import ApiError
from localspace.core.statement_runner import CancelToken
from localspace.core.stored_documents import kinds
from localspace.core.stored_documents.job_settings import StoredTask
from localspace.core.stored_documents.jobs import StoredRepair, StoredRun, StoredTaskRun
from localspace.core.stored_documents.kind import Document
from localspace.jobs.control_tasks import end_of_child, end_of_iterations, read_inputs, resolve_task, run_condition
from localspace.jobs.dag import Done, Node, Result, decide, overall, read_nodes, ready
from localspace.jobs.process import kill_leftover
from localspace.jobs.references import UnresolvedError
from localspace.jobs.retries import RetryRule
from localspace.jobs.run_log import RunLog, over, result_of
from localspace.jobs.settings import body_of, kind_of
from localspace.jobs.task_values import context_of
from localspace.jobs.terminal_states import (
    Life,
    TerminalState,
    cancelled,
    failed,
    lost,
    of_run,
    skipped,
    timed_out,
    too_many,
)
from localspace.jobs.time_limit import TimeLimit

_log = logging.getLogger("localspace.jobs")

Execute = Callable[[StoredRun, StoredTaskRun, Document, CancelToken], tuple[TerminalState, Document]]
"""Runs a process task: (run, task run, resolved task, cancel) to its end and further fields of the task run."""

Start = Callable[[StoredRun, StoredTaskRun, Document], StoredRun]
"""Makes and submits the run of a run_job_task: (run, task run, resolved run_job_task) to the new run."""


@dataclass(slots=True)
class _Live:
    """The part of the state that is not stored: the tokens that cancel tasks, and the timers of runs."""

    tokens: dict[int, CancelToken] = field(default_factory=dict)
    timers: dict[int, threading.Timer] = field(default_factory=dict)


class Scheduler:
    """The state machine over the run log."""

    def __init__(self, run_log: RunLog, execute: Execute, start_job: Start, workspace: tuple[str, Callable[[], str]]) -> None:
        """Take what runs a process task and what starts another job; `workspace` is its id and its address."""
        self._run_log = run_log
        self._execute = execute
        self._start_job = start_job
        self._workspace = workspace
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._live = _Live()
        self._closed = False

    # Runs

    def submit(self, run: StoredRun) -> StoredRun:
        """Store a new run with its tasks and start it, queue it, or skip it; return it."""
        with self._lock, self._run_log.store.transaction():
            # Counting and storing are one step: otherwise two submissions could both take the last free place of the job.
            active = [one for one in self._run_log.active(run["job_id"]) if one["life"] != Life.QUEUED]
            settings = run["settings"]
            full = run["kind"] != "SUBMIT_RUN" and len(active) >= int(settings.get("max_concurrent_runs", 1))
            if full and not (settings.get("queue") or {}).get("enabled"):
                ended = kinds.RUN.document({**run, **too_many().fields(), "end_time": self._run_log.clock.now_ms()})
                self._run_log.put_run(ended)
                return ended
            run["life"] = (Life.QUEUED if full else Life.PENDING).value
            self._run_log.put_run(run)
            for task in settings.get("tasks", ()):
                self._new_task_run(run, task, attempt=0)
        if not full:
            self._begin(run["run_id"])
        return self._run_log.run(run["run_id"])

    def cancel(self, run_id: int, terminal_state: TerminalState | None = None) -> None:
        """Stop a run: kill its running tasks, cancel the waiting ones. A run that is over is not changed."""
        with self._lock:
            run = self._run_log.run(run_id)
            if over(run):
                return
            # `stop` is stored before any token is cancelled, so that a task that ends now is neither retried nor followed.
            self._run_log.change_run(run_id, life=Life.TERMINATING.value, stop=(terminal_state or cancelled()).fields())
            for one in self._run_log.task_runs(run_id):
                token = self._live.tokens.get(one["run_id"])
                if token is not None:
                    token.cancel()
            self._advance(run_id)

    def cancel_task(self, task_run_id: int) -> None:
        """Stop one task of a run; the tasks that depend on it follow their run_if."""
        with self._lock:
            token = self._live.tokens.get(task_run_id)
            found = self._run_log.store.get(kinds.TASK_RUN, str(task_run_id))
            if token is not None:
                token.cancel()
            elif found is not None and not over(found):
                self._end_task(found, cancelled(), {})
                self._advance(found["job_run_id"])

    def repair(self, run_id: int, keys: list[str], repair: StoredRepair) -> None:
        """Run tasks of a finished run again."""
        with self._lock:
            with self._run_log.store.transaction():
                current = self._run_log.current(run_id)
                run = self._run_log.run(run_id)
                tasks = {one["task_key"]: one for one in run["settings"].get("tasks", ())}
                ids = [self._new_task_run(run, tasks[key], attempt=current[key]["attempt"] + 1)["run_id"] for key in keys]
                self._run_log.change_run(
                    run_id,
                    life=Life.PENDING.value,
                    result=None,
                    message="",
                    stop=None,
                    end_time=None,
                    repairs=[*(run.get("repairs") or []), repair | {"task_run_ids": ids}],
                )
            self._begin(run_id)

    def wait(self, run_id: int, cancel: CancelToken) -> StoredRun:
        """Wait until a run is over; cancel it when asked."""
        cancel.on_cancel(lambda: self.cancel(run_id))
        with self._lock:
            while not over(run := self._run_log.run(run_id)) and not self._closed:
                self._changed.wait(1.0)
        return run

    def wake(self) -> None:
        """Start queued runs within the jobs' limits; called when settings of a job change and after a restart."""
        with self._lock:
            for job_id in {one["job_id"] for one in self._run_log.active() if one["life"] == Life.QUEUED}:
                self._pump(job_id)

    def recover(self) -> None:
        """End the runs that were active when the workspace stopped, then start queued ones."""
        with self._lock:
            for run in self._run_log.active():
                if run["life"] == Life.QUEUED:
                    continue
                now = self._run_log.clock.now_ms()
                for one in self._run_log.task_runs(run["run_id"]):
                    if not over(one):
                        # A task process survives the server; without this it would write beside the run that replaces it.
                        kill_leftover(one.get("process"))
                        terminal_state = skipped(Result.UPSTREAM_FAILED) if one["life"] == Life.BLOCKED else lost()
                        self._run_log.change_task_run(one["run_id"], **terminal_state.fields(), end_time=now)
                self._run_log.change_run(run["run_id"], **lost().fields(), end_time=now)
        self.wake()

    def close(self) -> None:
        """Stop everything; active runs stay as they are in the store and count as lost at the next start."""
        with self._lock:
            self._closed = True
            tokens, timers = tuple(self._live.tokens.values()), tuple(self._live.timers.values())
            self._changed.notify_all()
        # Outside of the lock, because cancelled tasks need it to end. They see `_closed` and store nothing.
        for timer in timers:
            timer.cancel()
        for token in tokens:
            token.cancel()
        for thread in threading.enumerate():
            if thread.name.startswith(f"task-{id(self)}-") and thread is not threading.current_thread():
                thread.join(5)

    # Steps

    def _begin(self, run_id: int) -> None:
        with self._lock:
            run = self._run_log.run(run_id)
            now = self._run_log.clock.now_ms()
            run = self._run_log.change_run(run_id, life=Life.RUNNING.value, begun=run.get("begun") or now)
            seconds = run["settings"].get("timeout_seconds") or 0
            if seconds:
                timer = threading.Timer(seconds, self.cancel, (run_id, timed_out(seconds)))
                timer.daemon = True
                self._live.timers[run_id] = timer
                timer.start()
            self._advance(run_id)

    def _advance(self, run_id: int) -> None:
        """Do every step of a run that is possible now."""
        with self._lock:
            if self._closed or over(run := self._run_log.run(run_id)):
                return
            nodes = _nodes(run)
            # A skipped task may make others ready in the same moment; started ones call this again when they end.
            moved = True
            while moved:
                moved = False
                current = self._run_log.current(run_id)
                blocked = {key for key, one in current.items() if one["life"] == Life.BLOCKED}
                done = {key: Done(result=result_of(one), outcome=one.get("outcome")) for key, one in current.items() if over(one)}
                if run.get("stop"):
                    for key in blocked:
                        self._end_task(current[key], cancelled(), {})
                    break
                for node in ready(nodes, done, set(current) - blocked):
                    result = decide(node, done)
                    if result is None:
                        self._start_task(run_id, current[node.task_key])
                    else:
                        self._end_task(current[node.task_key], skipped(result), {})
                        moved = True
            self._finish_if_done(run, nodes)

    def _finish_if_done(self, run: StoredRun, nodes: tuple[Node, ...]) -> None:
        current = self._run_log.current(run["run_id"])
        if not all(over(one) for one in current.values()):
            return
        stop = run.get("stop")
        if stop:
            fields: Mapping[str, Any] = stop
        else:
            tasks = [current[node.task_key] for node in nodes]
            fields = of_run(overall(nodes, {key: result_of(one) for key, one in current.items()}), tasks).fields()
        self._run_log.change_run(run["run_id"], **fields, end_time=self._run_log.clock.now_ms())
        timer = self._live.timers.pop(run["run_id"], None)
        if timer is not None:
            timer.cancel()
        self._changed.notify_all()
        # The end of a run is the only event that lets a queued run of its job start.
        self._pump(run["job_id"])

    def _pump(self, job_id: int) -> None:
        for run in self._run_log.active(job_id):
            if run["life"] != Life.QUEUED:
                continue
            job = self._run_log.store.get(kinds.JOB, str(job_id))
            most = int((job["settings"] if job else run["settings"]).get("max_concurrent_runs", 1))
            if sum(one["life"] != Life.QUEUED for one in self._run_log.active(job_id)) >= most:
                return
            self._run_log.change_run(run["run_id"], life=Life.PENDING.value)
            self._begin(run["run_id"])

    def _new_task_run(self, run: StoredRun, task: StoredTask, *, attempt: int, **extra: Any) -> StoredTaskRun:
        fields = {
            "run_id": self._run_log.new_id(),
            "job_run_id": run["run_id"],
            "task_key": task["task_key"],
            "task": task,
            "attempt": attempt,
            "life": Life.BLOCKED.value,
            "message": "",
            "created_time": self._run_log.clock.now_ms(),
            **extra,
        }
        body = kinds.TASK_RUN.document(fields)
        self._run_log.put_task_run(body)
        return body

    # One task

    def _start_task(self, run_id: int, task_run: StoredTaskRun) -> None:
        self._run_log.change_task_run(task_run["run_id"], life=Life.PENDING.value, start_time=self._run_log.clock.now_ms())
        self._live.tokens[task_run["run_id"]] = CancelToken()
        name = f"task-{id(self)}-{task_run['run_id']}"
        threading.Thread(target=self._work, args=(run_id, task_run["run_id"]), name=name, daemon=True).start()

    def _work(self, run_id: int, task_run_id: int) -> None:
        self._drive(run_id, task_run_id)
        self._advance(run_id)

    def _drive(self, run_id: int, task_run_id: int) -> StoredTaskRun:
        """Run the attempts of a task until one succeeds or none is left; return the last task run."""
        while True:
            token = self._live.tokens[task_run_id]
            found = self._run_log.task_run(task_run_id)
            try:
                terminal_state, fields = self._attempt(self._run_log.run(run_id), found, token)
            except Exception as error:
                # No caller is left to handle it, and without a terminal state the run would never end.
                _log.exception("task run %s failed inside the scheduler", task_run_id)
                terminal_state, fields = failed(f"{type(error).__name__}: {error}", "INTERNAL_ERROR"), {}
            with self._lock:
                del self._live.tokens[task_run_id]
                if self._closed:
                    return found
                found = self._run_log.store.get(kinds.TASK_RUN, str(task_run_id)) or found
                # One transaction: after a crash in between, the task would be over and its retry lost.
                with self._run_log.store.transaction():
                    self._end_task(found, terminal_state, fields)
                    again = self._next_attempt(run_id, found, terminal_state, token)
                if again is None:
                    return self._run_log.store.get(kinds.TASK_RUN, str(task_run_id)) or found
                task_run_id = again["run_id"]
                waiting = self._live.tokens[task_run_id] = CancelToken()
            RetryRule.of(again["task"]).pause(waiting)

    def _next_attempt(
        self, run_id: int, last: StoredTaskRun, terminal_state: TerminalState, token: CancelToken
    ) -> StoredTaskRun | None:
        run = self._run_log.run(run_id)
        tries = last.get("tries", 0) + 1
        if run.get("stop") or not RetryRule.of(last["task"]).allows(terminal_state, tries, cancelled=token.cancelled):
            return None
        kept = {name: last[name] for name in ("loop", "index", "input") if name in last}
        again = self._new_task_run(run, last["task"], attempt=last["attempt"] + 1, tries=tries, **kept)
        first = last.get("original") or last["run_id"]
        now = self._run_log.clock.now_ms()
        return self._run_log.change_task_run(again["run_id"], life=Life.WAITING_FOR_RETRY.value, original=first, start_time=now)

    def _attempt(self, run: StoredRun, task_run: StoredTaskRun, token: CancelToken) -> tuple[TerminalState, Document]:
        if token.cancelled:
            return cancelled(), {}
        task = task_run["task"]
        context = context_of(self._run_log, run, task_run, self._workspace[0], self._workspace[1]())
        kind = kind_of(task)
        try:
            resolved: Document = {**task, kind: resolve_task(kind, body_of(task), context)}
        except UnresolvedError as error:
            return failed(str(error), "INVALID_RUN_CONFIGURATION"), {}
        self._run_log.change_task_run(
            task_run["run_id"], life=Life.RUNNING.value, resolved=resolved[kind], begun=self._run_log.clock.now_ms()
        )
        limit = TimeLimit(task.get("timeout_seconds") or 0, token)
        try:
            terminal_state, fields = self._by_kind(kind, run, task_run, resolved, token)
        finally:
            limit.lift()
        # The limit cancels by the same token as a user does; only `reached` distinguishes a timeout from a cancellation.
        if limit.reached and terminal_state.result == "CANCELED":
            terminal_state = timed_out(limit.seconds)
        return terminal_state, fields

    def _by_kind(
        self, kind: str, run: StoredRun, task_run: StoredTaskRun, task: Document, token: CancelToken
    ) -> tuple[TerminalState, Document]:
        if kind == "condition_task":
            return run_condition(task[kind])
        if kind == "run_job_task":
            return self._run_job(run, task_run, task[kind], token)
        if kind == "for_each_task":
            return self._loop(run, task_run, task[kind], token)
        return self._execute(run, task_run, task, token)

    def _run_job(
        self, run: StoredRun, task_run: StoredTaskRun, body: Document, token: CancelToken
    ) -> tuple[TerminalState, Document]:
        try:
            child = self._start_job(run, task_run, body)
        except ApiError as error:
            return failed(error.message, "UNAUTHORIZED_ERROR" if error.status == 403 else "RESOURCE_NOT_FOUND"), {}
        self._run_log.change_task_run(task_run["run_id"], child_run_id=child["run_id"])
        child = self.wait(child["run_id"], token)
        return cancelled() if token.cancelled else end_of_child(child), {"child_run_id": child["run_id"]}

    def _loop(
        self, run: StoredRun, task_run: StoredTaskRun, body: Document, token: CancelToken
    ) -> tuple[TerminalState, Document]:
        inputs = read_inputs(body["inputs"])
        if isinstance(inputs, str):
            return failed(inputs, "INVALID_RUN_CONFIGURATION"), {}
        nested = body["task"]

        def iterate(index: int) -> StoredTaskRun | None:
            # The outer token is tested under the lock that `cancel` takes, so no iteration starts after a cancellation.
            with self._lock:
                if token.cancelled or self._closed:
                    return None
                one = self._new_task_run(run, nested, attempt=0, loop=task_run["run_id"], index=index, input=inputs[index])
                self._run_log.change_task_run(one["run_id"], life=Life.PENDING.value, start_time=self._run_log.clock.now_ms())
                inner = self._live.tokens[one["run_id"]] = CancelToken()
            token.on_cancel(inner.cancel)
            return self._drive(run["run_id"], one["run_id"])

        self._run_log.change_task_run(task_run["run_id"], total=len(inputs))
        with ThreadPoolExecutor(max(1, int(body.get("concurrency") or 1))) as pool:
            ended = [one for one in pool.map(iterate, range(len(inputs))) if one is not None]
        return cancelled() if token.cancelled else end_of_iterations(ended, len(inputs)), {}

    def _end_task(self, task_run: StoredTaskRun, terminal_state: TerminalState, fields: Document) -> None:
        now = self._run_log.clock.now_ms()
        started = task_run.get("start_time") or now
        self._run_log.change_task_run(task_run["run_id"], **terminal_state.fields(), **fields, start_time=started, end_time=now)
        self._changed.notify_all()


def _nodes(run: StoredRun) -> tuple[Node, ...]:
    return read_nodes(run["settings"].get("tasks", ()))
