"""Terminal states of tasks and runs, and state as the API words it.

Source: SDK 0.156 (RunState, RunStatus, TerminationCodeCode). A run with a failed task reports the life cycle
INTERNAL_ERROR with the message of that task, as the platform does.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from localspace.core.stored_documents.jobs import StoredRun, StoredTaskRun, StoredTerminalState
from localspace.core.stored_documents.kind import Document
from localspace.jobs.dag import CANCELLED, NOT_RUN, SUCCEEDED, Result


class Life(StrEnum):
    """Where a run or task stands; the values are the platform's life cycle states."""

    QUEUED = "QUEUED"
    PENDING = "PENDING"
    BLOCKED = "BLOCKED"
    RUNNING = "RUNNING"
    TERMINATING = "TERMINATING"
    WAITING_FOR_RETRY = "WAITING_FOR_RETRY"
    TERMINATED = "TERMINATED"
    SKIPPED = "SKIPPED"
    INTERNAL_ERROR = "INTERNAL_ERROR"


OVER = frozenset({Life.TERMINATED, Life.SKIPPED, Life.INTERNAL_ERROR})
WORKLOAD_FAILED = "Workload failed, see run output for details"


@dataclass(frozen=True, slots=True, kw_only=True)
class TerminalState:
    """The end of a task or run: result, termination code and type, message for people."""

    result: Result
    code: str
    type: str = "CLIENT_ERROR"
    message: str = ""
    life: Life = Life.TERMINATED

    def fields(self) -> StoredTerminalState:
        """Return the fields of a stored run that say how it ended."""
        return {
            "life": self.life.value,
            "result": self.result.value,
            "code": self.code,
            "type": self.type,
            "message": self.message,
        }


SUCCESS = TerminalState(result=Result.SUCCESS, code="SUCCESS", type="SUCCESS")


def failed(message: str = WORKLOAD_FAILED, code: str = "RUN_EXECUTION_ERROR") -> TerminalState:
    """Return the end of a task whose workload failed."""
    return TerminalState(result=Result.FAILED, code=code, message=message)


def cancelled() -> TerminalState:
    """Return the end of what a user cancelled."""
    return TerminalState(result=Result.CANCELED, code="USER_CANCELED", message="Run cancelled.")


def timed_out(seconds: float) -> TerminalState:
    """Return the end of what ran longer than its limit."""
    return TerminalState(result=Result.TIMEDOUT, code="CANCELED", message=f"Run timed out after {seconds:g} seconds.")


def lost() -> TerminalState:
    """Return the end of what was active when the local workspace itself stopped."""
    return TerminalState(
        result=Result.FAILED,
        code="INTERNAL_ERROR",
        type="INTERNAL_ERROR",
        message="The local workspace was restarted while this run was active.",
        life=Life.INTERNAL_ERROR,
    )


def skipped(result: Result) -> TerminalState:
    """Return the end of a task that never ran."""
    said = {
        Result.EXCLUDED: "The condition to run this task was not met.",
        Result.UPSTREAM_FAILED: "An upstream task failed.",
        Result.UPSTREAM_CANCELED: "An upstream task was cancelled.",
        Result.DISABLED: "The task, or what it depends on, is disabled.",
    }
    return TerminalState(result=result, code="DISABLED" if result is Result.DISABLED else "SKIPPED", message=said[result])


def too_many() -> TerminalState:
    """Return the end of a run beyond max_concurrent_runs of a job without a queue."""
    return TerminalState(
        result=Result.MAXIMUM_CONCURRENT_RUNS_REACHED,
        code="MAX_CONCURRENT_RUNS_EXCEEDED",
        message="The job already runs as often as max_concurrent_runs allows.",
        life=Life.SKIPPED,
    )


def of_run(result: Result, tasks: list[StoredTaskRun]) -> TerminalState:
    """Return the end of a run from its overall result and its tasks."""
    if result in SUCCEEDED:
        code = "SUCCESS" if result is Result.SUCCESS else "SUCCESS_WITH_FAILURES"
        return TerminalState(result=result, code=code, type="SUCCESS")
    if result in CANCELLED:
        return cancelled()
    if result in NOT_RUN:
        return skipped(result)
    first = next((one for one in tasks if one["result"] in (Result.FAILED, Result.TIMEDOUT)), None)
    if first is None:
        return failed("A task failed.")
    message = f"Task {first['task_key']} failed with message: {str(first['message']).rstrip('.')}."
    if any(one["result"] == Result.UPSTREAM_FAILED for one in tasks):
        message += " This caused all downstream tasks to get skipped."
    return TerminalState(result=Result.FAILED, code=first["code"], type=first["type"], message=message, life=Life.INTERNAL_ERROR)


def serialised_state(body: StoredRun | StoredTaskRun) -> Document:
    """Return `state` and `status` of a stored run or task as the API words them."""
    life = Life(body["life"])
    state: Document = {
        "life_cycle_state": life.value,
        "state_message": body.get("message", ""),
        "user_cancelled_or_timedout": body.get("result") in (Result.CANCELED, Result.TIMEDOUT),
    }
    if life not in OVER:
        word = {Life.WAITING_FOR_RETRY: "WAITING"}.get(life, life.value)
        status: Document = {"state": word}
        if life is Life.QUEUED:
            reason = "The job already runs as often as max_concurrent_runs allows."
            state["queue_reason"] = reason
            status["queue_details"] = {"code": "MAX_CONCURRENT_RUNS_REACHED", "message": reason}
        return {"state": state, "status": status}
    state["result_state"] = body["result"]
    details = {"code": body["code"], "type": body["type"], "message": body.get("message", "")}
    return {"state": state, "status": {"state": "TERMINATED", "termination_details": details}}
