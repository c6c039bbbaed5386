"""The task graph of a job: what is wrong with it, and what becomes of a task once its upstream tasks are done.

Source of the run_if readings: platform docs, "Configure task dependencies" and "Disabled tasks".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from localspace.core.errors import invalid


class Result(StrEnum):
    """How a task or a run ended; the values are the platform's result states."""

    SUCCESS = "SUCCESS"
    FAILED = "FAILED"
    TIMEDOUT = "TIMEDOUT"
    CANCELED = "CANCELED"
    EXCLUDED = "EXCLUDED"
    UPSTREAM_FAILED = "UPSTREAM_FAILED"
    UPSTREAM_CANCELED = "UPSTREAM_CANCELED"
    SUCCESS_WITH_FAILURES = "SUCCESS_WITH_FAILURES"
    MAXIMUM_CONCURRENT_RUNS_REACHED = "MAXIMUM_CONCURRENT_RUNS_REACHED"
    DISABLED = "DISABLED"


class RunIf(StrEnum):
    """When a task runs, seen from its upstream tasks."""

    ALL_SUCCESS = "ALL_SUCCESS"
    ALL_DONE = "ALL_DONE"
    NONE_FAILED = "NONE_FAILED"
    AT_LEAST_ONE_SUCCESS = "AT_LEAST_ONE_SUCCESS"
    ALL_FAILED = "ALL_FAILED"
    AT_LEAST_ONE_FAILED = "AT_LEAST_ONE_FAILED"


SUCCEEDED = frozenset({Result.SUCCESS, Result.SUCCESS_WITH_FAILURES})
CANCELLED = frozenset({Result.CANCELED, Result.UPSTREAM_CANCELED})
BROKEN = frozenset({Result.FAILED, Result.TIMEDOUT, Result.UPSTREAM_FAILED}) | CANCELLED
NOT_RUN = frozenset(
    {Result.EXCLUDED, Result.UPSTREAM_FAILED, Result.UPSTREAM_CANCELED, Result.DISABLED, Result.MAXIMUM_CONCURRENT_RUNS_REACHED}
)
"""Results of a task that was skipped: none of them is a success."""

_HANDLES_FAILURE = frozenset({RunIf.ALL_FAILED, RunIf.AT_LEAST_ONE_FAILED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """A dependency on another task; `outcome` is the branch of a condition task, or None."""

    task_key: str
    outcome: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """What the graph knows of a task."""

    task_key: str
    depends_on: tuple[Edge, ...] = ()
    run_if: RunIf = RunIf.ALL_SUCCESS
    is_condition: bool = False
    disabled: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """How an upstream task ended; `outcome` is the answer of a condition task."""

    result: Result
    outcome: str | None = None


def read_nodes(tasks: Sequence[Mapping[str, object]]) -> tuple[Node, ...]:
    """Read the graph out of the JSON of tasks; raises INVALID_PARAMETER_VALUE on a broken one."""
    nodes = tuple(_read_node(task) for task in tasks)
    _check(nodes)
    return nodes


def decide(node: Node, upstream: Mapping[str, Done]) -> Result | None:
    """Return None when the task is to run, else the result of the task that is skipped; every upstream task is done."""
    if node.disabled:
        return Result.DISABLED
    if not node.depends_on:
        return None
    seen = [_through(edge, upstream[edge.task_key]) for edge in node.depends_on]
    counted = [one for one in seen if one is not Result.EXCLUDED]
    if not counted:
        return Result.EXCLUDED
    if _holds(node.run_if, counted):
        return None
    if node.run_if in _HANDLES_FAILURE:
        return Result.EXCLUDED
    if any(one in CANCELLED for one in counted) and not any(one in BROKEN - CANCELLED for one in counted):
        return Result.UPSTREAM_CANCELED
    if not any(one in BROKEN for one in counted):
        # Only a disabled upstream task keeps the condition from being met.
        return Result.DISABLED
    return Result.UPSTREAM_FAILED


def overall(nodes: Iterable[Node], results: Mapping[str, Result]) -> Result:
    """Return the result of the whole run: its leaf tasks decide (platform docs, "job run status")."""
    nodes = tuple(nodes)
    inner = {edge.task_key for node in nodes for edge in node.depends_on}
    leaves = [results[node.task_key] for node in nodes if node.task_key not in inner]
    everything = list(results.values())
    if any(one in BROKEN - CANCELLED for one in leaves):
        return Result.FAILED
    if any(one in CANCELLED for one in leaves):
        return Result.CANCELED
    if any(one in BROKEN for one in everything):
        return Result.SUCCESS_WITH_FAILURES
    if everything and not any(one in SUCCEEDED for one in everything):
        return Result.DISABLED if Result.DISABLED in everything else Result.EXCLUDED
    return Result.SUCCESS


def ready(nodes: Iterable[Node], done: Mapping[str, Done], started: Iterable[str]) -> tuple[Node, ...]:
    """Return the tasks not yet started whose upstream tasks are all done, in their given order."""
    begun = set(started)
    return tuple(node for node in nodes if node.task_key not in begun and all(edge.task_key in done for edge in node.depends_on))


def downstream(nodes: Iterable[Node], of: Iterable[str]) -> frozenset[str]:
    """Return the keys of every task below the given ones, without these."""
    nodes = tuple(nodes)
    found: set[str] = set()
    waiting = set(of)
    while waiting:
        below = {node.task_key for node in nodes if any(edge.task_key in waiting for edge in node.depends_on)}
        waiting = below - found
        found |= below
    return frozenset(found)


def _holds(run_if: RunIf, seen: Sequence[Result]) -> bool:
    succeeded = sum(one in SUCCEEDED for one in seen)
    broken = sum(one in BROKEN for one in seen)
    return {
        RunIf.ALL_SUCCESS: succeeded == len(seen),
        RunIf.ALL_DONE: True,
        RunIf.NONE_FAILED: broken == 0 and succeeded > 0,
        RunIf.AT_LEAST_ONE_SUCCESS: succeeded > 0,
        RunIf.ALL_FAILED: broken == len(seen),
        RunIf.AT_LEAST_ONE_FAILED: broken > 0,
    }[run_if]


def _through(edge: Edge, done: Done) -> Result:
    if edge.outcome is not None and done.result is Result.SUCCESS and done.outcome != edge.outcome:
        return Result.EXCLUDED
    return done.result


def _read_node(task: Mapping[str, object]) -> Node:
    key = task.get("task_key")
    if not isinstance(key, str) or not key:
        raise invalid("Every task needs a task_key.")
    raw = task.get("depends_on") or []
    if not isinstance(raw, list):
        raise invalid(f"Task '{key}': depends_on must be a list.")
    try:
        run_if = RunIf(str(task.get("run_if") or RunIf.ALL_SUCCESS))
    except ValueError:
        known = ", ".join(RunIf)
        raise invalid(f"Task '{key}': run_if '{task.get('run_if')}' is not one of {known}.") from None
    edges = []
    for one in raw:
        if not isinstance(one, dict) or not isinstance(one.get("task_key"), str):
            raise invalid(f"Task '{key}': each entry of depends_on needs a task_key.")
        outcome = one.get("outcome")
        edges.append(Edge(task_key=one["task_key"], outcome=None if outcome is None else str(outcome).lower()))
    return Node(
        task_key=key,
        depends_on=tuple(edges),
        run_if=run_if,
        is_condition="condition_task" in task,
        disabled=bool(task.get("disabled")),
    )


def _check(nodes: Sequence[Node]) -> None:
    by_key: dict[str, Node] = {}
    for node in nodes:
        if node.task_key in by_key:
            raise invalid(f"Task key '{node.task_key}' is used twice.")
        by_key[node.task_key] = node
    for node in nodes:
        for edge in node.depends_on:
            above = by_key.get(edge.task_key)
            if above is None:
                raise invalid(f"Task '{node.task_key}' depends on the task '{edge.task_key}', which does not exist.")
            if edge.outcome is not None and not above.is_condition:
                raise invalid(
                    f"Task '{node.task_key}' depends on an outcome of '{edge.task_key}', which is not a condition task."
                )
            if edge.outcome not in (None, "true", "false"):
                raise invalid(f"Task '{node.task_key}': the outcome of '{edge.task_key}' must be \"true\" or \"false\".")
    waiting = dict(by_key)
    while waiting:
        free = [key for key, node in waiting.items() if not any(edge.task_key in waiting for edge in node.depends_on)]
        if not free:
            raise invalid(f"The tasks depend on each other in a circle: {', '.join(sorted(waiting))}.")
        for key in free:
            del waiting[key]
