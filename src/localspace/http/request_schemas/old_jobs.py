"""Fields of requests to version 2.0 of the jobs API: the task stands in the settings (source: platform docs, Jobs API 2.0)."""

from __future__ import annotations

from localspace.http.request_schemas import jobs
from localspace.http.request_schemas.directory import ACCESS_LIST
from localspace.http.request_schemas.types import FLAG, OBJECT, TEXT, TEXT_MAP, TEXTS, WHOLE, FieldType, ListOf, fields

TASK = fields(
    notebook_task=fields(notebook_path=TEXT, base_parameters=TEXT_MAP, revision_timestamp=WHOLE),
    spark_python_task=fields(python_file=TEXT, parameters=TEXTS),
    spark_jar_task=OBJECT,
    spark_submit_task=OBJECT,
    pipeline_task=OBJECT,
    existing_cluster_id=TEXT,
    new_cluster=OBJECT,
    libraries=ListOf(fields(whl=TEXT, jar=TEXT, egg=TEXT, requirements=TEXT, pypi=OBJECT, maven=OBJECT, cran=OBJECT)),
    max_retries=WHOLE,
    min_retry_interval_millis=WHOLE,
    retry_on_timeout=FLAG,
)
_SETTINGS = TASK.plus(
    name=TEXT,
    email_notifications=OBJECT,
    webhook_notifications=OBJECT,
    notification_settings=OBJECT,
    timeout_seconds=WHOLE,
    max_concurrent_runs=WHOLE,
    schedule=fields(quartz_cron_expression=TEXT, timezone_id=TEXT, pause_status=TEXT),
    tags=TEXT_MAP,
    format=TEXT,
    tasks=ListOf(OBJECT),
)
_RESET = fields(job_id=WHOLE, new_settings=_SETTINGS)
_BASE = "POST /api/2.0/jobs/"

SCHEMAS: dict[str, FieldType] = {
    _BASE + "create": _SETTINGS.plus(access_control_list=ACCESS_LIST),
    _BASE + "reset": _RESET,
    _BASE + "update": _RESET.plus(fields_to_remove=TEXTS),
    _BASE + "delete": jobs.ONE_JOB,
    _BASE + "run-now": jobs.RUN_NOW,
    _BASE + "runs/submit": TASK.plus(
        run_name=TEXT, timeout_seconds=WHOLE, idempotency_token=TEXT, access_control_list=ACCESS_LIST, tasks=ListOf(OBJECT)
    ),
    _BASE + "runs/cancel": jobs.ONE_RUN,
    _BASE + "runs/delete": jobs.ONE_RUN,
}
