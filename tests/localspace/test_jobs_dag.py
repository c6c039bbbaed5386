"""The task graph of a job: readings of run_if, results of a run, broken graphs."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import pytest

from localspace.core.errors import ApiError
from localspace.jobs.dag import BROKEN, NOT_RUN, SUCCEEDED, Done, Edge, Node, Result, RunIf, decide, overall, read_nodes, ready

pytestmark = pytest.mark.unit

S, F, X, C, D = Result.SUCCESS, Result.FAILED, Result.EXCLUDED, Result.CANCELED, Result.DISABLED
UF, UC = Result.UPSTREAM_FAILED, Result.UPSTREAM_CANCELED
_SHORT: dict[str, Result | None] = {"S": S, "F": F, "X": X, "C": C, "D": D, "UF": UF, "UC": UC, "-": None}
TRUTH = (
    # upstream, then ALL_SUCCESS, ALL_DONE, NONE_FAILED, AT_LEAST_ONE_SUCCESS, ALL_FAILED, AT_LEAST_ONE_FAILED; - runs
    ("S S", "- - - - X X"),
    ("S F", "UF - UF - X -"),
    ("F F", "UF - UF UF - -"),
    ("S X", "- - - - X X"),
    ("F X", "UF - UF UF - -"),
    ("X X", "X X X X X X"),
    ("S C", "UC - UC - X -"),
    ("S UF", "UF - UF - X -"),
    ("S D", "D - - - X X"),
    ("D D", "D - D D X X"),
)


def _decided(run_if: RunIf, seen: Iterable[Result]) -> Result | None:
    upstream = {f"t{number}": Done(result=one) for number, one in enumerate(seen)}
    node = Node(task_key="below", depends_on=tuple(Edge(task_key=key) for key in upstream), run_if=run_if)
    return decide(node, upstream)


@pytest.mark.parametrize(("upstream", "expected"), TRUTH)
def test_run_if_truth_table(upstream: str, expected: str) -> None:
    seen = [Result(_SHORT[one] or "") for one in upstream.split()]
    assert [_decided(run_if, seen) for run_if in RunIf] == [_SHORT[one] for one in expected.split()]


@pytest.mark.parametrize("run_if", RunIf)
def test_the_order_of_dependencies_never_matters(run_if: RunIf) -> None:
    for seen in itertools.combinations_with_replacement(Result, 3):
        assert len({_decided(run_if, order) for order in itertools.permutations(seen)}) == 1


@pytest.mark.parametrize("run_if", RunIf)
def test_a_skipped_task_never_reports_success(run_if: RunIf) -> None:
    for seen in itertools.product(Result, repeat=2):
        decided = _decided(run_if, seen)
        assert decided is None or (decided in NOT_RUN and decided not in SUCCEEDED)


def test_the_other_branch_of_a_condition_is_excluded() -> None:
    upstream = {"check": Done(result=S, outcome="false")}
    taken = Node(task_key="no", depends_on=(Edge(task_key="check", outcome="false"),))
    other = Node(task_key="yes", depends_on=(Edge(task_key="check", outcome="true"),))
    assert decide(taken, upstream) is None
    assert decide(other, upstream) is X


def test_a_report_task_runs_whatever_happened_above_it() -> None:
    upstream = {"plan": Done(result=S), "apply": Done(result=X), "verify": Done(result=X)}
    report = Node(task_key="report", depends_on=tuple(Edge(task_key=key) for key in upstream), run_if=RunIf.ALL_DONE)
    assert decide(report, upstream) is None


def test_leaf_tasks_decide_the_result_of_a_run() -> None:
    nodes = read_nodes(
        [
            {"task_key": "a"},
            {"task_key": "b", "depends_on": [{"task_key": "a"}], "run_if": "ALL_DONE"},
            {"task_key": "c", "depends_on": [{"task_key": "a"}]},
        ]
    )
    assert overall(nodes, {"a": S, "b": S, "c": S}) is S
    assert overall(nodes, {"a": S, "b": S, "c": X}) is S
    assert overall(nodes, {"a": F, "b": S, "c": UF}) is F
    assert overall(nodes[:2], {"a": F, "b": S}) is Result.SUCCESS_WITH_FAILURES
    assert overall(nodes, {"a": S, "b": S, "c": C}) is C
    assert overall(nodes, {"a": X, "b": X, "c": X}) not in SUCCEEDED


@pytest.mark.parametrize("broken", sorted(BROKEN))
def test_a_broken_leaf_is_never_a_success(broken: Result) -> None:
    assert overall(read_nodes([{"task_key": "only"}]), {"only": broken}) not in SUCCEEDED


def test_a_task_is_ready_once_all_above_it_are_done() -> None:
    both = [{"task_key": "a"}, {"task_key": "b"}]
    nodes = read_nodes([*both, {"task_key": "c", "depends_on": both}])
    assert [one.task_key for one in ready(nodes, {}, ())] == ["a", "b"]
    assert ready(nodes, {"a": Done(result=S)}, ("a", "b")) == ()
    assert [one.task_key for one in ready(nodes, {"a": Done(result=S), "b": Done(result=F)}, ("a", "b"))] == ["c"]


@pytest.mark.parametrize(
    ("tasks", "words"),
    [
        ([{"task_key": "a"}, {"task_key": "a"}], "used twice"),
        ([{"task_key": "a", "depends_on": [{"task_key": "ghost"}]}], "'ghost', which does not exist"),
        ([{"task_key": "a", "depends_on": [{"task_key": "a"}]}], "circle: a"),
        (
            [{"task_key": "a", "depends_on": [{"task_key": "b"}]}, {"task_key": "b", "depends_on": [{"task_key": "a"}]}],
            "circle: a, b",
        ),
        ([{"task_key": "a", "run_if": "SOMETIMES"}], "SOMETIMES"),
        ([{"task_key": "a"}, {"task_key": "b", "depends_on": [{"task_key": "a", "outcome": "true"}]}], "not a condition task"),
        ([{}], "task_key"),
    ],
)
def test_a_broken_graph_is_refused_with_the_location(tasks: list[dict[str, object]], words: str) -> None:
    with pytest.raises(ApiError, match=words):
        read_nodes(tasks)
