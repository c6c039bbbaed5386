"""Jobs over REST, versions 2.1 and 2.2 (source: SDK 0.156, Jobs)."""

from __future__ import annotations

import asyncio

from localspace.core.errors import ApiError, invalid
from localspace.core.stored_documents import kinds
from localspace.core.stored_documents.job_settings import StoredJobSettings
from localspace.core.stored_documents.jobs import StoredJob, StoredRun, StoredRunToken
from localspace.core.stored_documents.kind import Document
from localspace.core.stored_documents.workspace import StoredPermissions
from localspace.governance.object_permissions import checked_entries, may_see, require_level
from localspace.http.request import Handler, Plane, Request, Route
from localspace.http.serialisation import Json, page, whole_number
from localspace.jobs.run_identity import check_run_as, principal_of, require_one_owner, require_same_identity
from localspace.jobs.run_log import over
from localspace.jobs.settings import checked, updated

_TASKS_IN_PAGE = 100
_NOT_SETTINGS = ("access_control_list", "run_as_role")


def create(request: Request) -> Json:
    """Create a job; the caller owns it."""
    body = request.body
    jobs = request.services.jobs
    settings = _settings(request, {key: value for key, value in body.items() if key not in _NOT_SETTINGS})
    job: StoredJob = {
        "job_id": jobs.run_log.new_id(),
        "creator": request.actor.name,
        "creator_id": request.actor.id,
        "created_time": request.repositories.clock.now_ms(),
        "settings": settings,
    }
    entries = checked_entries(request.repositories, "jobs", body.get("access_control_list") or [])
    if not any(one["level"] == "IS_OWNER" for one in entries):
        entries = [{"principal": request.actor.name, "kind": request.actor.kind.value, "level": "IS_OWNER"}, *entries]
    require_one_owner(request.repositories, request.actor, entries, request.actor.name)
    with request.repositories.store.transaction():
        jobs.run_log.put_job(job)
        request.repositories.store.put(
            kinds.PERMISSIONS, ("jobs", str(job["job_id"])), StoredPermissions(access_control_list=entries)
        )
    return {"job_id": job["job_id"]}


def get(request: Request) -> Json:
    """Return a job, its tasks by pages of 100."""
    job = _job(request, request.query.get("job_id"), "CAN_VIEW")
    return _info(request, job, request.query)


def listed(request: Request) -> Json:
    """List jobs, tasks only when asked for."""
    wanted = request.query.get("name")
    found = []
    for job in request.repositories.store.list(kinds.JOB)[::-1]:
        if wanted and job["settings"]["name"].casefold() != wanted.casefold():
            continue
        if may_see(request.repositories, request.actor, "jobs", str(job["job_id"]), request.services.jobs.run_log.owner(job)):
            found.append(job)
    query = dict(request.query)
    if not query.get("page_token") and whole_number(query.get("offset"), "offset", 0):
        found = found[int(query["offset"]) :]
    answer = page(found, query | {"limit": query.get("limit") or "20"}, "jobs", size_name="limit", most=100)
    infos = []
    for job in answer["jobs"]:
        info = _info(request, job, {})
        if not request.flag("expand_tasks"):
            info["settings"] = {key: value for key, value in info["settings"].items() if key not in ("tasks", "environments")}
        infos.append(info)
    answer["jobs"] = infos
    return answer | {"has_more": "next_page_token" in answer}


def reset(request: Request) -> Json:
    """Replace all settings of a job."""
    body = request.body
    job = _job(request, body.get("job_id"), "CAN_MANAGE")
    new = body.get("new_settings")
    if not isinstance(new, dict):
        raise invalid("Missing required field: new_settings")
    if "run_as" in job["settings"]:
        # A reset without run_as keeps the one of the job (source: databricks/cli, its account of jobs/reset).
        new = {"run_as": job["settings"]["run_as"]} | new
    _store(request, job, _settings(request, new))
    return {}


def update(request: Request) -> Json:
    """Change or remove top-level settings of a job."""
    body = request.body
    job = _job(request, body.get("job_id"), "CAN_MANAGE")
    new, removed = body.get("new_settings") or {}, body.get("fields_to_remove") or []
    if not isinstance(new, dict) or not isinstance(removed, list):
        raise invalid("new_settings must be an object and fields_to_remove a list.")
    _store(request, job, _settings(request, updated(job["settings"], new, [str(one) for one in removed])))
    return {}


def delete(request: Request) -> Json:
    """Delete a job; its runs that are active are cancelled, past ones stay readable."""
    jobs = request.services.jobs
    job = _job(request, request.body.get("job_id"), "CAN_MANAGE")
    for run in jobs.run_log.active(job["job_id"]):
        jobs.scheduler.cancel(run["run_id"])
    with request.repositories.store.transaction():
        request.repositories.store.delete(kinds.JOB, str(job["job_id"]))
        request.repositories.store.delete(kinds.PERMISSIONS, "jobs", str(job["job_id"]))
    return {}


async def run_now(request: Request) -> Json:
    """Start a run of a job; one idempotency token starts one run."""
    return await asyncio.to_thread(_run_now, request)


async def submit(request: Request) -> Json:
    """Start a run that needs no saved job."""
    return await asyncio.to_thread(_submit, request)


async def trigger(request: Request) -> Json:
    """Start a run as the schedule or trigger of a job would: a paused one starts nothing."""
    return await asyncio.to_thread(_trigger, request)


def _run_now(request: Request) -> Json:
    body = request.body
    job = _job(request, body.get("job_id"), "CAN_MANAGE_RUN")
    with request.services.jobs.start_lock:
        earlier = _earlier(request, body)
        if earlier is not None:
            return earlier
        run = request.services.jobs.submission.of_job(job, body, request.actor)
        _remember(request, body, run)
    return {"run_id": run["run_id"], "number_in_job": run["run_id"]}


def _submit(request: Request) -> Json:
    body = request.body
    entries = checked_entries(request.repositories, "jobs", body.get("access_control_list") or [])
    if any(one["level"] == "IS_OWNER" for one in entries):
        require_one_owner(request.repositories, request.actor, entries, request.actor.name)
    settings = _settings(request, {key: value for key, value in body.items() if key not in _NOT_SETTINGS})
    with request.services.jobs.start_lock:
        earlier = _earlier(request, body)
        if earlier is not None:
            return earlier
        run = request.services.jobs.submission.one_time(settings, request.actor)
        _remember(request, body, run)
    if entries:
        request.repositories.store.put(
            kinds.PERMISSIONS, ("jobs", str(run["job_id"])), StoredPermissions(access_control_list=entries)
        )
    return {"run_id": run["run_id"]}


def _trigger(request: Request) -> Json:
    jobs = request.services.jobs
    job = jobs.run_log.job(request.params["job_id"])
    settings = job["settings"]
    schedule, given = settings.get("schedule"), settings.get("trigger") or {}
    kinds = {"periodic": "PERIODIC", "file_arrival": "FILE_ARRIVAL", "table_update": "TABLE", "table": "TABLE"}
    kind = "PERIODIC" if schedule else next((kinds[one] for one in kinds if one in given), None)
    kind = "CONTINUOUS" if kind is None and settings.get("continuous") else kind
    if kind is None:
        raise invalid(f"Job {job['job_id']} has neither a schedule nor a trigger.")
    paused = (schedule or given or settings.get("continuous") or {}).get("pause_status") == "PAUSED"
    if paused:
        raise invalid(f"The schedule or trigger of job {job['job_id']} is paused.")
    owner = request.repositories.identity.by_name(jobs.run_log.owner(job)) or request.actor
    run = jobs.submission.of_job(job, {}, owner, trigger=kind)
    return {"run_id": run["run_id"]}


def _earlier(request: Request, body: Json) -> Json | None:
    token = body.get("idempotency_token")
    if not token:
        return None
    if len(str(token)) > 64:
        raise invalid("idempotency_token may have at most 64 characters.")
    found = request.repositories.store.get(kinds.RUN_TOKEN, str(token))
    return None if found is None else {"run_id": found["run_id"], "number_in_job": found["run_id"]}


def _remember(request: Request, body: Json, run: StoredRun) -> None:
    if body.get("idempotency_token"):
        request.repositories.store.put(kinds.RUN_TOKEN, (str(body["idempotency_token"]),), StoredRunToken(run_id=run["run_id"]))


def _settings(request: Request, given: Document) -> StoredJobSettings:
    settings = checked(given)
    check_run_as(request.repositories, request.actor, settings.get("run_as"))
    return settings


def _store(request: Request, job: StoredJob, settings: StoredJobSettings) -> None:
    owner = request.services.jobs.run_log.owner(job)
    require_same_identity(request.repositories, request.actor, owner, job["settings"], settings)
    request.services.jobs.run_log.put_job({**job, "settings": settings})
    request.services.jobs.scheduler.wake()


def _job(request: Request, job_id: object, level: str) -> StoredJob:
    run_log = request.services.jobs.run_log
    job = run_log.job(job_id)
    require_level(request.repositories, request.actor, "jobs", str(job["job_id"]), level, owner=run_log.owner(job))
    return job


def _info(request: Request, job: StoredJob, query: object) -> Json:
    run_log = request.services.jobs.run_log
    settings: Json = {**job["settings"]}
    found = principal_of(request.repositories, settings.get("run_as"))
    answer: Json = {
        "job_id": job["job_id"],
        "creator_user_name": job["creator"],
        "run_as_user_name": found.name if found is not None else run_log.owner(job),
        "run_as_owner": found is None,
        "created_time": job["created_time"],
        "settings": settings,
    }
    given = query if isinstance(query, dict) else {}
    if "tasks" not in settings:
        return answer
    tasks = page(settings["tasks"], given, "tasks", size_name="limit", most=_TASKS_IN_PAGE)
    settings["tasks"] = tasks["tasks"]
    if "next_page_token" in tasks:
        answer |= {"next_page_token": tasks["next_page_token"], "has_more": True}
    return answer


def refuse_active(run: StoredRun) -> None:
    """Refuse what needs a run that is over."""
    if not over(run):
        raise ApiError(400, "INVALID_STATE", f"Run {run['run_id']} is still active; cancel it or wait for its end.")


def versions(method: str, path: str, handler: Handler, sdk: str, *, partial: str = "") -> tuple[Route, ...]:
    """Return the routes of one operation of the jobs API under both of its versions."""
    return (
        Route(method=method, path=f"/api/2.2/jobs/{path}", handler=handler, sdk=(sdk,), partial=partial),
        Route(method=method, path=f"/api/2.1/jobs/{path}", handler=handler, partial=partial),
    )


_KINDS = (
    "tasks of notebooks (Python, SQL), Python files, wheels, SQL files, conditions, loops and other jobs; sources in the "
    "workspace only; nothing is installed from a network; `spark` serves SQL, tables and local rows, not the whole of Spark; "
    "/Workspace (to read) and /Volumes are there for Python's open and os, not for programs that a task starts"
)


ROUTES = (
    *versions("POST", "create", create, "Jobs.create", partial=_KINDS),
    *versions("GET", "get", get, "Jobs.get"),
    *versions("GET", "list", listed, "Jobs.list"),
    *versions("POST", "reset", reset, "Jobs.reset"),
    *versions("POST", "update", update, "Jobs.update"),
    *versions("POST", "delete", delete, "Jobs.delete"),
    *versions("POST", "run-now", run_now, "Jobs.run_now"),
    *versions("POST", "runs/submit", submit, "Jobs.submit", partial=_KINDS),
    Route(method="POST", path="/_localspace/jobs/{job_id}/trigger", handler=trigger, plane=Plane.CONTROL),
)
