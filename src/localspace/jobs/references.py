"""Dynamic value references: `{{job.parameters.x}}`, `{{tasks.t.values.k}}`, … inside the strings of a task.

Source: platform docs, "Dynamic value references": names with other characters than letters, digits and underscores are
written in back-ticks. Names in brackets (`{{job.parameters.[input]}}`, `{{tasks["a b"].values["n"]}}`) mean the same, as
databricks/bundle-examples writes them. Braces without a reference stay as they are; a name that does not exist inside a
known namespace (`{{job.naem}}`) is an error.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from localspace.jobs.dag import Result

JsonValue = str | int | float | bool | None | list["JsonValue"] | dict[str, "JsonValue"]

_REFERENCE = re.compile(r"\{\{\s*((?:[^{}`]|`[^`]*`)+?)\s*\}\}")
_PART = re.compile(
    r"""`(?P<ticked>[^`]*)`|\[\s*(?:"(?P<double>[^"]*)"|'(?P<single>[^']*)'|(?P<bare>[^\[\]"'`]+?))\s*\]|(?P<plain>[^.`\s\[\]]+)"""
)
_NAMESPACES = frozenset({"job", "task", "tasks", "workspace", "input", "backfill"})
_LEGACY = {
    "job_id": "job.id",
    "run_id": "task.run_id",
    "parent_run_id": "job.run_id",
    "task_key": "task.name",
    "start_date": "job.start_time.iso_date",
    "start_time": "job.start_time.timestamp_ms",
    "task_retry_count": "task.execution_count",
}
_TIME_FORMATS = {
    "iso_date": "%Y-%m-%d",
    "iso_datetime": "%Y-%m-%dT%H:%M:%SZ",
    "year": "%Y",
    "month": "%m",
    "day": "%d",
    "hour": "%H",
    "minute": "%M",
    "second": "%S",
}


class UnresolvedError(Exception):
    """A reference that cannot be resolved; the message names it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskValues:
    """The values of a task that has ended, as references read them."""

    run_id: int
    result: Result
    error_code: str = ""
    execution_count: int = 1
    notebook_path: str = ""
    values: Mapping[str, JsonValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceContext:
    """Everything that references of one task can name; `start_ms` is the start of the job run."""

    job_id: int
    job_name: str
    job_run_id: int
    start_ms: int
    workspace_id: str
    workspace_url: str
    trigger_type: str = "manual"
    repair_count: int = 0
    parameters: Mapping[str, str] = field(default_factory=dict)
    task_key: str = ""
    task_run_id: int = 0
    execution_count: int = 1
    notebook_path: str = ""
    tasks: Mapping[str, TaskValues] = field(default_factory=dict)
    has_input: bool = False
    input: JsonValue = None


def resolve(value: JsonValue, context: ReferenceContext) -> JsonValue:
    """Return a JSON value with the references in all its strings replaced; raises UnresolvedError."""
    if isinstance(value, str):
        return resolve_text(value, context)
    if isinstance(value, list):
        return [resolve(one, context) for one in value]
    if isinstance(value, dict):
        return {key: resolve(one, context) for key, one in value.items()}
    return value


def resolve_text(text: str, context: ReferenceContext) -> str:
    """Return a string with its references replaced."""
    return _REFERENCE.sub(lambda found: _look_up(found.group(1), found.group(0), context), text)


def references(value: JsonValue) -> tuple[tuple[str, ...], ...]:
    """Return the references in a JSON value, each as its parts, known namespaces only."""
    found: list[tuple[str, ...]] = []
    if isinstance(value, str):
        for one in _REFERENCE.finditer(value):
            parts = _parts(one.group(1))
            if parts is not None and parts[0] in _NAMESPACES:
                found.append(parts)
    elif isinstance(value, list):
        for item in value:
            found.extend(references(item))
    elif isinstance(value, dict):
        for item in value.values():
            found.extend(references(item))
    return tuple(found)


def as_text(value: JsonValue) -> str:
    """Return a value as it stands in a string: text as it is, everything else as JSON (`true`, `3`, `["a"]`)."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _parts(text: str) -> tuple[str, ...] | None:
    text = _LEGACY.get(text, text)
    parts: list[str] = []
    at = 0
    while at < len(text):
        found = _PART.match(text, at)
        if found is None:
            return None
        parts.append(found.group(str(found.lastgroup)))
        at = found.end()
        if at < len(text) and text[at] != "[":
            if text[at] != "." or at + 1 == len(text):
                return None
            at += 1
    return tuple(parts) or None


def _look_up(inner: str, whole: str, context: ReferenceContext) -> str:
    parts = _parts(inner)
    if parts is None or parts[0] not in _NAMESPACES:
        return whole
    match parts:
        case ("job", *rest):
            return _job(tuple(rest), whole, context)
        case ("task", "name"):
            return context.task_key
        case ("task", "run_id"):
            return str(context.task_run_id)
        case ("task", "execution_count"):
            return str(context.execution_count)
        case ("task", "notebook_path"):
            return context.notebook_path
        case ("workspace", "id"):
            return context.workspace_id
        case ("workspace", "url"):
            return context.workspace_url
        case ("tasks", key, *rest):
            return _task(key, tuple(rest), whole, context)
        case ("input", *rest) if context.has_input:
            return as_text(_inside(context.input, tuple(rest), whole))
    raise UnresolvedError(f"{whole} is not a known reference.")


def _job(rest: tuple[str, ...], whole: str, context: ReferenceContext) -> str:
    match rest:
        case ("id",):
            return str(context.job_id)
        case ("name",):
            return context.job_name
        case ("run_id",):
            return str(context.job_run_id)
        case ("repair_count",):
            return str(context.repair_count)
        case ("start_time" | "trigger", *argument) if rest[0] == "start_time" or rest[1:2] == ("time",):
            form = argument if rest[0] == "start_time" else argument[1:]
            if len(form) == 1:
                return _time(form[0], whole, context.start_ms)
        case ("trigger", "type"):
            return context.trigger_type
        case ("parameters", name):
            if name not in context.parameters:
                raise UnresolvedError(f"{whole}: the job has no parameter '{name}'.")
            return context.parameters[name]
    raise UnresolvedError(f"{whole} is not a known reference.")


def _task(key: str, rest: tuple[str, ...], whole: str, context: ReferenceContext) -> str:
    facts = context.tasks.get(key)
    if facts is None:
        raise UnresolvedError(f"{whole}: the task '{key}' does not exist or has not ended before this one.")
    match rest:
        case ("run_id",):
            return str(facts.run_id)
        case ("result_state",):
            return facts.result.value.lower()
        case ("error_code",):
            return facts.error_code
        case ("execution_count",):
            return str(facts.execution_count)
        case ("notebook_path",):
            return facts.notebook_path
        case ("values", name, *inner):
            if name not in facts.values:
                raise UnresolvedError(f"{whole}: the task '{key}' has set no value '{name}'.")
            return as_text(_inside(facts.values[name], tuple(inner), whole))
    raise UnresolvedError(f"{whole} is not a known reference.")


def _inside(value: JsonValue, path: tuple[str, ...], whole: str) -> JsonValue:
    for name in path:
        if not isinstance(value, dict) or name not in value:
            raise UnresolvedError(f"{whole}: the value has no field '{name}'.")
        value = value[name]
    return value


def _time(form: str, whole: str, start_ms: int) -> str:
    if form == "timestamp_ms":
        return str(start_ms)
    moment = datetime.fromtimestamp(start_ms / 1000, tz=UTC)
    if form == "iso_weekday":
        return str(moment.isoweekday())
    if form == "is_weekday":
        return "true" if moment.isoweekday() <= 5 else "false"
    if form in _TIME_FORMATS:
        text = moment.strftime(_TIME_FORMATS[form])
        return text if form.startswith("iso") or form == "year" else str(int(text))
    raise UnresolvedError(f"{whole}: '{form}' is not a form of a time.")
