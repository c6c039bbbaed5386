"""Stored documents of jobs. Times are milliseconds since 1970; ids have a fixed width, so that keys sort by age."""

from typing import Any, NotRequired, TypedDict

from localspace.core.stored_documents.job_settings import StoredJobSettings, StoredLegacyParameters, StoredTask


class StoredJob(TypedDict):
    """A job."""

    job_id: int
    creator: str
    creator_id: str
    created_time: int
    settings: StoredJobSettings


class StoredTerminalState(TypedDict):
    """How a run or a task run has ended."""

    life: str
    result: str
    code: str
    type: str
    message: str


class StoredRepair(TypedDict):
    """A repair of a run: the task runs that it has started."""

    id: int
    start_time: int
    task_run_ids: NotRequired[list[int]]


class StoredRun(TypedDict):
    """A run of a job, or of settings that were sent once (`kind` SUBMIT_RUN)."""

    run_id: int
    job_id: int
    kind: str
    settings: StoredJobSettings
    parameters: dict[str, str]
    run_as: str
    run_as_id: str
    creator: str
    creator_id: str
    trigger: str
    trigger_word: str
    life: str
    message: str
    start_time: int
    overrides: NotRequired[dict[str, str]]
    legacy: NotRequired[StoredLegacyParameters]
    begun: NotRequired[int]
    end_time: NotRequired[int | None]
    result: NotRequired[str | None]
    code: NotRequired[str]
    type: NotRequired[str]
    stop: NotRequired[StoredTerminalState | None]
    repairs: NotRequired[list[StoredRepair]]


class StoredProcess(TypedDict):
    """The process of a task, so that a later start of the workspace can end it."""

    pid: int
    born: str


class StoredTaskRun(TypedDict):
    """One attempt of a task; an iteration of a loop has `loop` (task run of the loop), `index` and `input`."""

    run_id: int
    job_run_id: int
    task_key: str
    task: StoredTask
    attempt: int
    life: str
    message: str
    created_time: int
    loop: NotRequired[int]
    index: NotRequired[int]
    input: NotRequired[Any]
    total: NotRequired[int]
    tries: NotRequired[int]
    original: NotRequired[int]
    start_time: NotRequired[int]
    begun: NotRequired[int]
    end_time: NotRequired[int]
    resolved: NotRequired[dict[str, Any]]
    process: NotRequired[StoredProcess | None]
    result: NotRequired[str]
    code: NotRequired[str]
    type: NotRequired[str]
    outcome: NotRequired[str]
    child_run_id: NotRequired[int]
    has_output: NotRequired[bool]
    values: NotRequired[dict[str, Any]]
    statement_ids: NotRequired[list[str]]
    error: NotRequired[str]
    error_trace: NotRequired[str]


class StoredRunToken(TypedDict):
    """The run that an idempotency token has started."""

    run_id: int
