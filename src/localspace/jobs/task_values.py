"""The values that references of one task may read, from the run log."""

from __future__ import annotations

from localspace.core.stored_documents.job_settings import StoredTask
from localspace.core.stored_documents.jobs import StoredRun, StoredTaskRun
from localspace.jobs.dag import Result
from localspace.jobs.references import ReferenceContext, TaskValues
from localspace.jobs.run_log import RunLog, over


def context_of(
    run_log: RunLog, run: StoredRun, task_run: StoredTaskRun, workspace_id: str, workspace_url: str
) -> ReferenceContext:
    """Return the context of a task about to start."""
    tasks = {
        key: TaskValues(
            run_id=one["run_id"],
            result=Result(one["result"]),
            error_code="" if one["code"] == "SUCCESS" else one["code"],
            execution_count=one["attempt"] + 1,
            notebook_path=notebook_of(one["task"]),
            values=one.get("values") or {},
        )
        for key, one in run_log.current(run["run_id"]).items()
        if over(one)
    }
    return ReferenceContext(
        job_id=run["job_id"],
        job_name=run["settings"].get("name", ""),
        job_run_id=run["run_id"],
        start_ms=run["start_time"],
        workspace_id=workspace_id,
        workspace_url=workspace_url,
        trigger_type=run.get("trigger_word", "onetime"),
        repair_count=len(run.get("repairs") or ()),
        parameters=run.get("parameters") or {},
        task_key=task_run["task_key"],
        task_run_id=task_run["run_id"],
        execution_count=task_run["attempt"] + 1,
        notebook_path=notebook_of(task_run["task"]),
        tasks=tasks,
        has_input="input" in task_run,
        input=task_run.get("input"),
    )


def notebook_of(task: StoredTask) -> str:
    """Return the notebook path of a task, "" for another kind."""
    return task["notebook_task"]["notebook_path"] if "notebook_task" in task else ""
