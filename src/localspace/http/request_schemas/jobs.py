"""Fields of requests about jobs and their runs (source: SDK 0.156, service.jobs).

What a run here reads is typed down to its leaves; what is only kept (clusters, notifications, task kinds that are refused)
is an object.
"""

from __future__ import annotations

from localspace.http.request_schemas.directory import ACCESS_LIST
from localspace.http.request_schemas.types import FLAG, OBJECT, TEXT, TEXT_MAP, TEXTS, WHOLE, Fields, ListOf, fields

_QUEUE = fields(enabled=FLAG)
_LIBRARY = fields(whl=TEXT, jar=TEXT, egg=TEXT, requirements=TEXT, pypi=OBJECT, maven=OBJECT, cran=OBJECT)
_ENVIRONMENT = fields(
    environment_key=TEXT,
    spec=fields(base_environment=TEXT, client=TEXT, dependencies=TEXTS, environment_version=TEXT, java_dependencies=TEXTS),
)
_OLD_PARAMETERS = fields(
    dbt_commands=TEXTS,
    jar_params=TEXTS,
    notebook_params=TEXT_MAP,
    pipeline_params=OBJECT,
    python_named_params=TEXT_MAP,
    python_params=TEXTS,
    spark_submit_params=TEXTS,
    sql_params=TEXT_MAP,
)
_KINDS = fields(
    notebook_task=fields(notebook_path=TEXT, base_parameters=TEXT_MAP, source=TEXT, warehouse_id=TEXT),
    spark_python_task=fields(python_file=TEXT, parameters=TEXTS, source=TEXT),
    python_wheel_task=fields(package_name=TEXT, entry_point=TEXT, named_parameters=TEXT_MAP, parameters=TEXTS),
    sql_task=fields(
        warehouse_id=TEXT,
        file=fields(path=TEXT, source=TEXT),
        parameters=TEXT_MAP,
        alert=OBJECT,
        dashboard=OBJECT,
        query=OBJECT,
    ),
    condition_task=fields(op=TEXT, left=TEXT, right=TEXT),
    run_job_task=_OLD_PARAMETERS.plus(job_id=WHOLE, job_parameters=TEXT_MAP),
    pipeline_task=OBJECT,
    dbt_task=OBJECT,
    spark_jar_task=OBJECT,
    spark_submit_task=OBJECT,
    dashboard_task=OBJECT,
    alert_task=OBJECT,
    power_bi_task=OBJECT,
    dbt_cloud_task=OBJECT,
    dbt_platform_task=OBJECT,
    clean_rooms_notebook_task=OBJECT,
    gen_ai_compute_task=OBJECT,
    ai_runtime_task=OBJECT,
    python_operator_task=OBJECT,
    ai_function_task=OBJECT,
)
_PLAIN_TASK = _KINDS.plus(
    task_key=TEXT,
    description=TEXT,
    depends_on=ListOf(fields(task_key=TEXT, outcome=TEXT)),
    run_if=TEXT,
    disabled=FLAG,
    disable_auto_optimization=FLAG,
    environment_key=TEXT,
    environment_variables_key=TEXT,
    existing_cluster_id=TEXT,
    job_cluster_key=TEXT,
    new_cluster=OBJECT,
    compute=OBJECT,
    libraries=ListOf(_LIBRARY),
    max_retries=WHOLE,
    min_retry_interval_millis=WHOLE,
    retry_on_timeout=FLAG,
    timeout_seconds=WHOLE,
    email_notifications=OBJECT,
    notification_settings=OBJECT,
    webhook_notifications=OBJECT,
    health=OBJECT,
)
# A loop in a loop is refused by name, so its inside needs no type.
_TASK = _PLAIN_TASK.plus(for_each_task=fields(inputs=TEXT, concurrency=WHOLE, task=_PLAIN_TASK.plus(for_each_task=OBJECT)))
_RUN_SETTINGS = fields(
    access_control_list=ACCESS_LIST,
    budget_policy_id=TEXT,
    duration_target=TEXT,
    email_notifications=OBJECT,
    environment_variables=ListOf(OBJECT),
    environments=ListOf(_ENVIRONMENT),
    git_source=OBJECT,
    health=OBJECT,
    notification_settings=OBJECT,
    performance_target=TEXT,
    queue=_QUEUE,
    run_as=fields(user_name=TEXT, service_principal_name=TEXT, group_name=TEXT),
    tasks=ListOf(_TASK),
    timeout_seconds=WHOLE,
    usage_policy_id=TEXT,
    webhook_notifications=OBJECT,
)
_PAUSE = fields(pause_status=TEXT)
CREATE = _RUN_SETTINGS.plus(
    name=TEXT,
    continuous=_PAUSE.plus(task_retry_mode=TEXT, maintenance_window=OBJECT),
    deployment=OBJECT,
    description=TEXT,
    edit_mode=TEXT,
    format=TEXT,
    job_clusters=ListOf(fields(job_cluster_key=TEXT, new_cluster=OBJECT)),
    max_concurrent_runs=WHOLE,
    parameters=ListOf(fields(name=TEXT, default=TEXT)),
    parent_path=TEXT,
    schedule=_PAUSE.plus(quartz_cron_expression=TEXT, timezone_id=TEXT, sql_condition=OBJECT),
    tags=TEXT_MAP,
    trigger=_PAUSE.plus(
        file_arrival=OBJECT, model=OBJECT, periodic=OBJECT, table=OBJECT, table_update=OBJECT, sql_condition=OBJECT
    ),
    triggers=ListOf(OBJECT),
)
_SETTINGS = Fields({name: kind for name, kind in CREATE.types.items() if name != "access_control_list"})
RESET = fields(job_id=WHOLE, new_settings=_SETTINGS)
UPDATE = RESET.plus(fields_to_remove=TEXTS)
ONE_JOB = fields(job_id=WHOLE)
ONE_RUN = fields(run_id=WHOLE)
_PARAMETERS = _OLD_PARAMETERS.plus(job_parameters=TEXT_MAP, performance_target=TEXT, duration_target=TEXT)
RUN_NOW = _PARAMETERS.plus(job_id=WHOLE, idempotency_token=TEXT, only=TEXTS, queue=_QUEUE)
SUBMIT = _RUN_SETTINGS.plus(run_name=TEXT, idempotency_token=TEXT)
CANCEL_ALL = ONE_JOB.plus(all_queued_runs=FLAG)
REPAIR = _PARAMETERS.plus(
    run_id=WHOLE,
    latest_repair_id=WHOLE,
    rerun_all_failed_tasks=FLAG,
    rerun_dependent_tasks=FLAG,
    rerun_tasks=TEXTS,
)
