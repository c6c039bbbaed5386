"""Settings of jobs and tasks as documents hold them (source: SDK 0.156, service.jobs: JobSettings, Task, SubmitTask, RunNow).

What a run here reads is typed down to its leaves; what is only kept (clusters, notifications, refused task kinds) is an object.
"""

from typing import Any, NotRequired, TypedDict


class StoredNotebookTask(TypedDict):
    """A notebook to run."""

    notebook_path: str
    base_parameters: NotRequired[dict[str, str]]
    source: NotRequired[str]
    warehouse_id: NotRequired[str]


class StoredSparkPythonTask(TypedDict):
    """A Python file to run."""

    python_file: str
    parameters: NotRequired[list[str]]
    source: NotRequired[str]


class StoredPythonWheelTask(TypedDict):
    """An entry point of a wheel to run."""

    package_name: str
    entry_point: str
    named_parameters: NotRequired[dict[str, str]]
    parameters: NotRequired[list[str]]


class StoredSqlFile(TypedDict):
    """A file with SQL statements."""

    path: NotRequired[str]
    source: NotRequired[str]


class StoredSqlTask(TypedDict):
    """SQL statements to run on a warehouse."""

    warehouse_id: str
    file: NotRequired[StoredSqlFile]
    parameters: NotRequired[dict[str, str]]
    alert: NotRequired[dict[str, Any]]
    dashboard: NotRequired[dict[str, Any]]
    query: NotRequired[dict[str, Any]]


class StoredConditionTask(TypedDict):
    """A comparison that decides which tasks run."""

    op: str
    left: str
    right: str


class StoredLegacyParameters(TypedDict):
    """Parameters by kind of task, as the versions before job parameters name them."""

    dbt_commands: NotRequired[list[str]]
    jar_params: NotRequired[list[str]]
    notebook_params: NotRequired[dict[str, str]]
    pipeline_params: NotRequired[dict[str, Any]]
    python_named_params: NotRequired[dict[str, str]]
    python_params: NotRequired[list[str]]
    spark_submit_params: NotRequired[list[str]]
    sql_params: NotRequired[dict[str, str]]


class StoredRunJobTask(StoredLegacyParameters):
    """Another job to run."""

    job_id: int
    job_parameters: NotRequired[dict[str, str]]


class StoredTaskDependency(TypedDict):
    """A task that must have ended before; `outcome` is the branch of a condition task."""

    task_key: str
    outcome: NotRequired[str]


class StoredLibrary(TypedDict):
    """A library of a task."""

    whl: NotRequired[str]
    jar: NotRequired[str]
    egg: NotRequired[str]
    requirements: NotRequired[str]
    pypi: NotRequired[dict[str, Any]]
    maven: NotRequired[dict[str, Any]]
    cran: NotRequired[dict[str, Any]]


class StoredTask(TypedDict):
    """A task of a job, or the task in a loop."""

    task_key: str
    description: NotRequired[str]
    notebook_task: NotRequired[StoredNotebookTask]
    spark_python_task: NotRequired[StoredSparkPythonTask]
    python_wheel_task: NotRequired[StoredPythonWheelTask]
    sql_task: NotRequired[StoredSqlTask]
    condition_task: NotRequired[StoredConditionTask]
    run_job_task: NotRequired[StoredRunJobTask]
    for_each_task: NotRequired["StoredForEachTask"]
    depends_on: NotRequired[list[StoredTaskDependency]]
    run_if: NotRequired[str]
    disabled: NotRequired[bool]
    disable_auto_optimization: NotRequired[bool]
    environment_key: NotRequired[str]
    environment_variables_key: NotRequired[str]
    existing_cluster_id: NotRequired[str]
    job_cluster_key: NotRequired[str]
    new_cluster: NotRequired[dict[str, Any]]
    compute: NotRequired[dict[str, Any]]
    libraries: NotRequired[list[StoredLibrary]]
    max_retries: NotRequired[int]
    min_retry_interval_millis: NotRequired[int]
    retry_on_timeout: NotRequired[bool]
    timeout_seconds: NotRequired[int]
    email_notifications: NotRequired[dict[str, Any]]
    notification_settings: NotRequired[dict[str, Any]]
    webhook_notifications: NotRequired[dict[str, Any]]
    health: NotRequired[dict[str, Any]]


class StoredForEachTask(TypedDict):
    """A task that runs once for each input."""

    inputs: str
    task: StoredTask
    concurrency: NotRequired[int]


class StoredEnvironmentSpec(TypedDict):
    """What a serverless environment holds."""

    base_environment: NotRequired[str]
    client: NotRequired[str]
    dependencies: NotRequired[list[str]]
    environment_version: NotRequired[str]
    java_dependencies: NotRequired[list[str]]


class StoredEnvironment(TypedDict):
    """A serverless environment that tasks name."""

    environment_key: str
    spec: NotRequired[StoredEnvironmentSpec]


class StoredQueue(TypedDict):
    """Whether runs wait for each other."""

    enabled: NotRequired[bool]


class StoredRunAs(TypedDict):
    """Whose rights a job has; one of the names."""

    user_name: NotRequired[str]
    service_principal_name: NotRequired[str]
    group_name: NotRequired[str]


class StoredJobParameter(TypedDict):
    """A parameter of a job with its default."""

    name: str
    default: NotRequired[str]


class StoredJobCluster(TypedDict):
    """A cluster that tasks name."""

    job_cluster_key: NotRequired[str]
    new_cluster: NotRequired[dict[str, Any]]


class StoredContinuous(TypedDict):
    """Runs of a job one after the other."""

    pause_status: NotRequired[str]
    task_retry_mode: NotRequired[str]
    maintenance_window: NotRequired[dict[str, Any]]


class StoredSchedule(TypedDict):
    """When a job runs."""

    pause_status: NotRequired[str]
    quartz_cron_expression: NotRequired[str]
    timezone_id: NotRequired[str]
    sql_condition: NotRequired[dict[str, Any]]


class StoredTrigger(TypedDict):
    """What starts a job."""

    pause_status: NotRequired[str]
    file_arrival: NotRequired[dict[str, Any]]
    model: NotRequired[dict[str, Any]]
    periodic: NotRequired[dict[str, Any]]
    table: NotRequired[dict[str, Any]]
    table_update: NotRequired[dict[str, Any]]
    sql_condition: NotRequired[dict[str, Any]]


class StoredJobSettings(TypedDict):
    """Settings of a job, or of a run that was submitted once (`run_name`, `idempotency_token`)."""

    name: str
    run_name: NotRequired[str]
    idempotency_token: NotRequired[str]
    tasks: NotRequired[list[StoredTask]]
    parameters: NotRequired[list[StoredJobParameter]]
    run_as: NotRequired[StoredRunAs]
    environments: NotRequired[list[StoredEnvironment]]
    queue: NotRequired[StoredQueue]
    schedule: NotRequired[StoredSchedule]
    trigger: NotRequired[StoredTrigger]
    continuous: NotRequired[StoredContinuous]
    max_concurrent_runs: NotRequired[int]
    timeout_seconds: NotRequired[int]
    description: NotRequired[str]
    tags: NotRequired[dict[str, str]]
    edit_mode: NotRequired[str]
    format: NotRequired[str]
    parent_path: NotRequired[str]
    budget_policy_id: NotRequired[str]
    usage_policy_id: NotRequired[str]
    duration_target: NotRequired[str]
    performance_target: NotRequired[str]
    deployment: NotRequired[dict[str, Any]]
    job_clusters: NotRequired[list[StoredJobCluster]]
    environment_variables: NotRequired[list[dict[str, Any]]]
    git_source: NotRequired[dict[str, Any]]
    email_notifications: NotRequired[dict[str, Any]]
    notification_settings: NotRequired[dict[str, Any]]
    webhook_notifications: NotRequired[dict[str, Any]]
    health: NotRequired[dict[str, Any]]
    triggers: NotRequired[list[dict[str, Any]]]
