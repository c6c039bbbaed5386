"""Evaluations of Genie spaces: benchmark questions are answered, and both results compared (source: SDK 0.156, Genie eval runs).

Queries run with the rights of the principal who starts the evaluation. A text as an answer needs a review.
"""

from __future__ import annotations

import asyncio
import json
import uuid
from collections import Counter
from concurrent.futures import TimeoutError as FutureTimeoutError

from localspace.api import genie, statements
from localspace.api.genie_responder import ResponderError, propose
from localspace.core.errors import invalid, not_found
from localspace.core.statement_runner import StatementRequest, StatementResult
from localspace.core.stored_documents import kinds
from localspace.core.stored_documents.conversations import StoredEvalResult, StoredEvalRun
from localspace.core.stored_documents.workspace import StoredGenieSpace
from localspace.http.request import Request, Route
from localspace.http.serialisation import Json, page
from localspace.sql.statement_service import State, Statement

_SECONDS = 300
_running: set[asyncio.Task[None]] = set()
"""Tasks of evaluations; the loop itself keeps no reference to a task."""


async def create(request: Request) -> Json:
    """Start an evaluation of all benchmark questions, or of some; needs CAN EDIT on the space."""
    space = genie.space_for(request, "CAN_EDIT")
    questions = _benchmarks(space)
    wanted = request.body.get("benchmark_question_ids") or list(questions)
    unknown = [one for one in wanted if one not in questions]
    if unknown:
        raise invalid(f"Benchmark question {unknown[0]} does not exist in space {space['space_id']}.")
    if not wanted:
        raise invalid(f"Space {space['space_id']} has no benchmark questions.")
    now = request.repositories.clock.now_ms()
    run: StoredEvalRun = {
        "eval_run_id": uuid.uuid4().hex,
        "space_id": space["space_id"],
        "run_by": request.actor.id,
        "status": "RUNNING",
        "created_timestamp": now,
        "last_updated_timestamp": now,
        "results": [_pending(one, questions[one]) for one in wanted],
    }
    _put(request, run)
    task = asyncio.create_task(asyncio.to_thread(_evaluate, request, space, run["eval_run_id"]))
    _running.add(task)
    task.add_done_callback(_running.discard)
    return _info(run)


def get(request: Request) -> Json:
    """Return an evaluation with its counts."""
    return _info(_run(request))


def listed(request: Request) -> Json:
    """List the evaluations of a space, the newest first."""
    space = genie.space_for(request, "CAN_EDIT")
    found = request.repositories.store.list(kinds.EVAL_RUN, (space["space_id"],))
    found.sort(key=lambda one: (one["created_timestamp"], one["eval_run_id"]), reverse=True)
    return page([_info(one) for one in found], request.query, "eval_runs", size_name="page_size", most=100)


def list_results(request: Request) -> Json:
    """List the questions of an evaluation."""
    run = _run(request)
    hidden = {"actual_response", "expected_response", "assessment", "assessment_reasons"}
    found = [
        {name: value for name, value in one.items() if name not in hidden}
        | {"space_id": run["space_id"], "created_by_user": int(run["run_by"])}
        for one in run["results"]
    ]
    return page(found, request.query, "eval_results", size_name="page_size", most=100)


def get_result(request: Request) -> Json:
    """Return one question with both answers and the assessment; rows show to who has started the evaluation alone."""
    run = _run(request)
    for one in run["results"]:
        if one["result_id"] == request.params["result_id"]:
            hidden = {"question", "status", "benchmark_answer"}
            found: Json = {name: value for name, value in one.items() if name not in hidden}
            if run["run_by"] != request.actor.id:
                for name in ("actual_response", "expected_response"):
                    found[name] = [{**part, "sql_execution_result": None} for part in found.get(name) or ()]
            return found | {"space_id": run["space_id"], "eval_run_status": one["status"], "manual_assessment": False}
    raise not_found(f"Result {request.params['result_id']} does not exist.")


def _benchmarks(space: StoredGenieSpace) -> dict[str, Json]:
    payload = json.loads(space["serialized_space"])
    return {one["id"]: one for one in (payload.get("benchmarks") or {}).get("questions") or []}


def _pending(question_id: str, question: Json) -> StoredEvalResult:
    found: StoredEvalResult = {
        "result_id": uuid.uuid4().hex,
        "benchmark_question_id": question_id,
        "question": " ".join(question.get("question") or []),
        "status": "NOT_STARTED",
    }
    answer = next((one for one in question.get("answer") or () if one.get("format") == "SQL"), None)
    if answer is not None:
        found["benchmark_answer"] = "".join(answer.get("content") or [])
    return found


def _evaluate(request: Request, space: StoredGenieSpace, eval_run_id: str) -> None:
    store = request.repositories.store
    run = store.get(kinds.EVAL_RUN, space["space_id"], eval_run_id)
    if run is None:
        return
    for at, one in enumerate(run["results"]):
        run["results"][at] = _assessed(request, space, one)
        run["last_updated_timestamp"] = request.repositories.clock.now_ms()
        if at == len(run["results"]) - 1:
            run["status"] = "DONE"
        _put(request, run)


def _assessed(request: Request, space: StoredGenieSpace, pending: StoredEvalResult) -> StoredEvalResult:
    found = pending.copy()
    found["status"] = "DONE"
    try:
        proposal = propose(request.repositories, space, pending["question"])
    except ResponderError as error:
        found |= {"assessment": "BAD", "assessment_reasons": ["LLM_JUDGE_OTHER"]}
        found["actual_response"] = [{"response": str(error), "response_type": "TEXT"}]
        return found
    expected = pending.get("benchmark_answer")
    if not proposal.sql or expected is None:
        text = {"response": proposal.sql or proposal.text, "response_type": "SQL" if proposal.sql else "TEXT"}
        found |= {"actual_response": [text], "assessment": "NEEDS_REVIEW"}
        return found
    ours, theirs = (_ran(request, space, text) for text in (proposal.sql, expected))
    found["actual_response"] = [_shown(request, proposal.sql, ours)]
    found["expected_response"] = [_shown(request, expected, theirs)]
    if theirs is None or theirs.result is None or theirs.state is not State.SUCCEEDED:
        found["assessment"] = "NEEDS_REVIEW"
        return found
    reasons = ["LLM_JUDGE_SYNTAX_ERROR"]
    if ours is not None and ours.state is State.SUCCEEDED and ours.result is not None:
        reasons = differences(ours.result, theirs.result)
    found["assessment"] = "BAD" if reasons else "GOOD"
    if reasons:
        found["assessment_reasons"] = reasons
    return found


def differences(actual: StatementResult, expected: StatementResult) -> list[str]:
    """Return what tells two results apart, in the words of `ScoreReason`; the order of rows and names of columns do not count."""
    if not actual.rows and expected.rows:
        return ["EMPTY_RESULT"]
    if len(actual.columns) != len(expected.columns):
        return ["RESULT_EXTRA_COLUMNS" if len(actual.columns) > len(expected.columns) else "RESULT_MISSING_COLUMNS"]
    ours, theirs = (Counter(tuple(row) for row in one.rows) for one in (actual, expected))
    if ours == theirs:
        same = [one[2] for one in actual.columns] == [one[2] for one in expected.columns]
        return [] if same else ["COLUMN_TYPE_DIFFERENCE"]
    if len(actual.rows) == len(expected.rows) == 1 and len(expected.columns) == 1:
        return ["SINGLE_CELL_DIFFERENCE"]
    more, less = ours - theirs, theirs - ours
    return [name for name, part in (("RESULT_EXTRA_ROWS", more), ("RESULT_MISSING_ROWS", less)) if part]


def _ran(request: Request, space: StoredGenieSpace, query: str) -> Statement | None:
    asked = StatementRequest(statement=query, principal_id=request.actor.id, principal_name=request.actor.name)
    statement = request.services.statements.submit(asked, space["warehouse_id"], None)
    try:
        statement.done.result(_SECONDS)
    except FutureTimeoutError:
        request.services.statements.cancel(statement)
        return None
    return statement


def _shown(request: Request, query: str, statement: Statement | None) -> Json:
    found: Json = {"response": query, "response_type": "SQL"}
    return found | ({"sql_execution_result": statements.answer_of(request, statement)} if statement is not None else {})


def _run(request: Request) -> StoredEvalRun:
    space = genie.space_for(request, "CAN_EDIT")
    found = request.repositories.store.get(kinds.EVAL_RUN, space["space_id"], request.params["eval_run_id"])
    if found is None:
        raise not_found(f"Evaluation {request.params['eval_run_id']} does not exist.")
    return found


def _put(request: Request, run: StoredEvalRun) -> None:
    request.repositories.store.put(kinds.EVAL_RUN, (run["space_id"], run["eval_run_id"]), run, (run["space_id"],))


def _info(run: StoredEvalRun) -> Json:
    done = [one for one in run["results"] if one["status"] == "DONE"]
    counts = Counter(one.get("assessment") for one in done)
    return {
        "eval_run_id": run["eval_run_id"],
        "eval_run_status": run["status"],
        "created_timestamp": run["created_timestamp"],
        "last_updated_timestamp": run["last_updated_timestamp"],
        "num_questions": len(run["results"]),
        "num_done": len(done),
        "num_correct": counts["GOOD"],
        "num_needs_review": counts["NEEDS_REVIEW"],
        "run_by_user": int(run["run_by"]),
    }


_BASE = "/api/2.0/genie/spaces/{space_id}/eval-runs"
_ONE = _BASE + "/{eval_run_id}"
ROUTES = (
    Route(
        method="POST",
        path=_BASE,
        handler=create,
        sdk=("Genie.genie_create_eval_run",),
        partial="results are compared; no model judges a text",
    ),
    Route(method="GET", path=_BASE, handler=listed, sdk=("Genie.genie_list_eval_runs",)),
    Route(method="GET", path=_ONE, handler=get, sdk=("Genie.genie_get_eval_run",)),
    Route(method="GET", path=_ONE + "/results", handler=list_results, sdk=("Genie.genie_list_eval_results",)),
    Route(method="GET", path=_ONE + "/results/{result_id}", handler=get_result, sdk=("Genie.genie_get_eval_result_details",)),
)
