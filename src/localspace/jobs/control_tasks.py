"""Tasks without a process: conditions, runs of other jobs, and loops."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from localspace.core.stored_documents.jobs import StoredRun, StoredTaskRun
from localspace.core.stored_documents.kind import Document
from localspace.jobs.operators import compare
from localspace.jobs.references import JsonValue, ReferenceContext, UnresolvedError, resolve
from localspace.jobs.terminal_states import SUCCESS, TerminalState, failed

MAX_INPUTS = 5_000


def run_condition(body: Document) -> tuple[TerminalState, Document]:
    """Return the end of a condition task and its outcome, "true" or "false"."""
    try:
        held = compare(str(body["op"]), str(body["left"]), str(body["right"]))
    except UnresolvedError as error:
        return failed(str(error), "INVALID_RUN_CONFIGURATION"), {}
    return SUCCESS, {"outcome": "true" if held else "false"}


def read_inputs(text: object) -> list[JsonValue] | str:
    """Return the inputs of a loop, or in words what is wrong with them."""
    try:
        found = json.loads(text) if isinstance(text, str) else text
    except ValueError:
        return "for_each_task.inputs is not valid JSON."
    if not isinstance(found, list):
        return "for_each_task.inputs must be a JSON array."
    if len(found) > MAX_INPUTS:
        return f"for_each_task.inputs has {len(found)} entries; the limit is {MAX_INPUTS}."
    return found


def resolve_task(kind: str, body: Mapping[str, JsonValue], context: ReferenceContext) -> Document:
    """Return the body of a task with its references resolved; raises UnresolvedError.

    References in the nested task of a loop are left for its iterations, which have an `input` each.
    """
    kept = {"task": body["task"]} if kind == "for_each_task" else {}
    resolved = resolve({name: value for name, value in body.items() if name not in kept}, context)
    if not isinstance(resolved, dict):
        raise TypeError("the body of a task is an object")
    return {**resolved, **kept}


def end_of_child(child: StoredRun) -> TerminalState:
    """Return the end of a task that ran another job, from that run."""
    if child["result"] in ("SUCCESS", "SUCCESS_WITH_FAILURES"):
        return SUCCESS
    return failed(f"Run {child['run_id']} of job {child['job_id']} ended {child['result']}: {child['message']}")


def end_of_iterations(ended: Sequence[StoredTaskRun], total: int) -> TerminalState:
    """Return the end of a loop from its iterations."""
    bad = [one for one in ended if one.get("result") != "SUCCESS"]
    if bad:
        return failed(f"{len(bad)} of {total} iterations failed; the first: {bad[0].get('message')}")
    return SUCCESS
