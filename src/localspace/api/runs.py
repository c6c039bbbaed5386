"""Runs of jobs over REST, versions 2.1 and 2.2 (source: SDK 0.156, Jobs)."""

from __future__ import annotations

import asyncio

from localspace.api.jobs import refuse_active, versions
from localspace.api.run_infos import run_info
from localspace.core.errors import ApiError, invalid
from localspace.core.ledger import rule
from localspace.core.stored_documents import kinds
from localspace.core.stored_documents.jobs import StoredRepair, StoredRun, StoredTaskRun
from localspace.governance.object_permissions import require_level
from localspace.http.request import Request
from localspace.http.serialisation import Json, page, whole_number
from localspace.jobs.dag import SUCCEEDED, downstream, read_nodes
from localspace.jobs.notebook_page import notebook_page
from localspace.jobs.run_identity import principal_of, require_identity
from localspace.jobs.run_log import over, result_of
from localspace.jobs.task_output import first_part, read_log, read_report


def get(request: Request) -> Json:
    """Return a run, or one task of a run by its own id; tasks come by pages of 100."""
    run, task_run = _run(request, request.query.get("run_id"), "CAN_VIEW")
    return run_info(
        request,
        run,
        task_run,
        history=request.flag("include_history"),
        resolved=request.flag("include_resolved_values"),
        page_token=request.query.get("page_token"),
    )


def listed(request: Request) -> Json:
    """List runs, the newest first."""
    query = dict(request.query)
    job_id = whole_number(query.get("job_id"), "job_id", 0)
    if request.flag("active_only") and request.flag("completed_only"):
        raise invalid("active_only and completed_only exclude each other.")
    found = []
    for run in request.services.jobs.run_log.runs(job_id or None):
        if (request.flag("active_only") and over(run)) or (request.flag("completed_only") and not over(run)):
            continue
        if query.get("run_type") and run["kind"] != query["run_type"]:
            continue
        start = run["start_time"]
        if start < whole_number(query.get("start_time_from"), "start_time_from", 0):
            continue
        if query.get("start_time_to") and start > whole_number(query["start_time_to"], "start_time_to", 0):
            continue
        if _may_see(request, run):
            found.append(run)
    if not query.get("page_token"):
        found = found[whole_number(query.get("offset"), "offset", 0) :]
    answer = page(found, query | {"limit": query.get("limit") or "20"}, "runs", size_name="limit", most=25)
    answer["runs"] = [run_info(request, one, None, tasks=request.flag("expand_tasks")) for one in answer["runs"]]
    return answer | {"has_more": "next_page_token" in answer}


def output(request: Request) -> Json:
    """Return what a task left: logs, a notebook's exit value, its error."""
    run, task_run = _run(request, request.query.get("run_id"), "CAN_VIEW")
    if task_run is None:
        current = list(request.services.jobs.run_log.current(run["run_id"]).values())
        if len(current) != 1:
            raise invalid(
                "Retrieving the output of runs with multiple tasks is not supported. "
                "Please retrieve the output of each individual task run instead."
            )
        task_run = current[0]
    return _output(request, run, task_run)


def export(request: Request) -> Json:
    """Return the notebook of a run as a page with what each cell printed."""
    run, task_run = _run(request, request.query.get("run_id"), "CAN_VIEW")
    run_log = request.services.jobs.run_log
    tasks = [task_run] if task_run is not None else list(run_log.current(run["run_id"]).values())
    views = []
    for one in tasks:
        if "notebook_task" not in one["task"]:
            continue
        cells = read_report(request.services.jobs.executor.folder_of(one["run_id"])).cells
        views.append({"content": notebook_page(one, cells), "name": one["task_key"], "type": "NOTEBOOK"})
    if not views:
        raise invalid("Only runs of notebook tasks can be exported.")
    return {"views": views}


async def cancel(request: Request) -> Json:
    """Cancel a run, or one task of it; a run that is over stays as it is."""
    return await asyncio.to_thread(_cancel, request)


async def cancel_all(request: Request) -> Json:
    """Cancel every active run of a job, or with `all_queued_runs` the queued ones."""
    return await asyncio.to_thread(_cancel_all, request)


async def repair(request: Request) -> Json:
    """Run failed or named tasks of a finished run again."""
    return await asyncio.to_thread(_repair, request)


def delete(request: Request) -> Json:
    """Forget a run that is over."""
    run, _ = _run(request, request.body.get("run_id"), "CAN_MANAGE_RUN")
    refuse_active(run)
    request.services.jobs.forget_run(run)
    return {}


def _cancel(request: Request) -> Json:
    run, task_run = _run(request, request.body.get("run_id"), "CAN_MANAGE_RUN")
    if task_run is None:
        request.services.jobs.scheduler.cancel(run["run_id"])
    else:
        request.services.jobs.scheduler.cancel_task(task_run["run_id"])
    return {}


def _cancel_all(request: Request) -> Json:
    body = request.body
    jobs = request.services.jobs
    job_id = body.get("job_id")
    if job_id is None and not body.get("all_queued_runs"):
        raise invalid("Missing required field: job_id")
    for run in jobs.run_log.active(None if job_id is None else int(job_id)):
        if body.get("all_queued_runs") and run["life"] != "QUEUED":
            continue
        if _may_see(request, run, "CAN_MANAGE_RUN"):
            jobs.scheduler.cancel(run["run_id"])
    return {}


def _repair(request: Request) -> Json:
    body = request.body
    jobs = request.services.jobs
    run, _ = _run(request, body.get("run_id"), "CAN_MANAGE_RUN")
    _require_rerun(request, run)
    refuse_active(run)
    repairs = run.get("repairs") or []
    latest = repairs[-1]["id"] if repairs else None
    if latest is not None and body.get("latest_repair_id") != latest:
        raise invalid(f"latest_repair_id must be {latest}, the latest repair of run {run['run_id']}.")
    current = jobs.run_log.current(run["run_id"])
    if body.get("rerun_all_failed_tasks"):
        keys = {key for key, one in current.items() if result_of(one) not in SUCCEEDED and result_of(one) != "EXCLUDED"}
    else:
        keys = {str(one) for one in body.get("rerun_tasks") or ()}
    unknown = sorted(keys - set(current))
    if unknown or not keys:
        raise invalid(f"Run {run['run_id']} has no task '{unknown[0]}'." if unknown else "No task was named to run again.")
    if body.get("rerun_dependent_tasks") or body.get("rerun_all_failed_tasks"):
        below = downstream(read_nodes(run["settings"].get("tasks", ())), keys)
        keys |= below if body.get("rerun_dependent_tasks") else {key for key in below if result_of(current[key]) not in SUCCEEDED}
    parameters = {str(key): str(value) for key, value in (body.get("job_parameters") or {}).items()}
    if parameters:
        jobs.run_log.change_run(run["run_id"], parameters=run["parameters"] | parameters)
    item: StoredRepair = {"id": jobs.run_log.new_id(), "start_time": request.repositories.clock.now_ms()}
    jobs.scheduler.repair(run["run_id"], [key for key in current if key in keys], item)
    return {"repair_id": item["id"]}


def _output(request: Request, run: StoredRun, task_run: StoredTaskRun) -> Json:
    jobs = request.services.jobs
    task = task_run["task"]
    answer: Json = {"metadata": run_info(request, run, task_run)}
    for field in ("error", "error_trace"):
        if task_run.get(field):
            answer[field] = task_run[field]
    if over(task_run) and result_of(task_run) not in SUCCEEDED and "error" not in answer and task_run.get("message"):
        answer["error"] = task_run["message"]
    folder = jobs.executor.folder_of(task_run["run_id"])
    secrets = () if over(task_run) else tuple(jobs.executor.secrets_of(task_run["run_id"]))
    if "notebook_task" in task:
        value = read_report(folder).exit_value
        text, cut = first_part(value) if value is not None else ("", False)
        answer["notebook_output"] = {"result": text, "truncated": cut} if value is not None else {}
    elif "run_job_task" in task:
        answer["run_job_output"] = {"run_id": task_run.get("child_run_id")}
    elif "sql_task" in task:
        ids = task_run.get("statement_ids") or []
        warehouse = task["sql_task"]["warehouse_id"]
        statements = [{"lookup_key": one} for one in ids]
        answer["sql_output"] = {"query_output": {"warehouse_id": warehouse, "sql_statements": statements}}
    if "spark_python_task" in task or "python_wheel_task" in task:
        answer["logs"], answer["logs_truncated"] = read_log(folder, secrets)
    return answer


def _run(request: Request, run_id: object, level: str) -> tuple[StoredRun, StoredTaskRun | None]:
    run, task_run = request.services.jobs.run_log.any_run(run_id)
    if not _may_see(request, run, level):
        require_level(request.repositories, request.actor, "jobs", str(run["job_id"]), level, owner=_owner(request, run))
    return run, task_run


@rule("LS-111")
def _require_rerun(request: Request, run: StoredRun) -> None:
    """Demand the permissions that a new run would need; having started the first run is not enough.

    Tasks run again as the identity of the run. If the job would run as another identity by now, or if no saved job stands
    behind the run, the right to that identity itself is demanded.
    """
    job = request.repositories.store.get(kinds.JOB, str(run["job_id"]))
    if job is not None:
        require_level(
            request.repositories, request.actor, "jobs", str(run["job_id"]), "CAN_MANAGE_RUN", owner=_owner(request, run)
        )
        owner = request.repositories.identity.by_name(request.services.jobs.run_log.owner(job))
        current = principal_of(request.repositories, job["settings"].get("run_as")) or owner
        if current is not None and current.id == run["run_as_id"]:
            return
    identity = request.repositories.identity.by_id(run["run_as_id"])
    if identity is None:
        raise invalid(f"The identity of run {run['run_id']} does not exist any more.")
    require_identity(request.repositories, request.actor, identity)


def _may_see(request: Request, run: StoredRun, level: str = "CAN_VIEW") -> bool:
    # The creator of a run may follow and cancel it.
    if run["creator_id"] == request.actor.id:
        return True
    try:
        require_level(request.repositories, request.actor, "jobs", str(run["job_id"]), level, owner=_owner(request, run))
    except ApiError:
        return False
    return True


def _owner(request: Request, run: StoredRun) -> str:
    job = request.repositories.store.get(kinds.JOB, str(run["job_id"]))
    return str(run["creator"]) if job is None else request.services.jobs.run_log.owner(job)


ROUTES = (
    *versions("GET", "runs/get", get, "Jobs.get_run"),
    *versions("GET", "runs/list", listed, "Jobs.list_runs"),
    *versions("GET", "runs/get-output", output, "Jobs.get_run_output"),
    *versions("GET", "runs/export", export, "Jobs.export_run"),
    *versions("POST", "runs/cancel", cancel, "Jobs.cancel_run"),
    *versions("POST", "runs/cancel-all", cancel_all, "Jobs.cancel_all_runs"),
    *versions("POST", "runs/delete", delete, "Jobs.delete_run"),
    *versions("POST", "runs/repair", repair, "Jobs.repair_run"),
)
