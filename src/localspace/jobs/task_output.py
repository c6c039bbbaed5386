"""What a task process leaves behind: its log, its result, the values it set; with read secrets blotted out."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from localspace.storage.blobs import write_atomically

OUTPUT_BYTES = 5 * 1024 * 1024
"""Of a log the last 5 MB are kept, of a notebook's exit value the first (source: SDK 0.156, RunOutput)."""

VALUES_BYTES = 48 * 1024
"""Largest task value (source: platform docs, taskValues)."""

REDACTED = "[REDACTED]"


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskReport:
    """What the process said of its end; None in `ok` when it said nothing."""

    ok: bool | None = None
    error: str = ""
    trace: str = ""
    exit_value: str | None = None
    cells: list[dict[str, Any]] = field(default_factory=list)
    statement_ids: tuple[str, ...] = ()


def read_report(folder: Path) -> TaskReport:
    """Read `result.json` of a task's folder."""
    try:
        found = json.loads((folder / "result.json").read_text("utf-8"))
    except (OSError, ValueError):
        return TaskReport()
    return TaskReport(
        ok=bool(found.get("ok")),
        error=str(found.get("error") or ""),
        trace=str(found.get("trace") or ""),
        exit_value=found.get("exit_value"),
        cells=found.get("cells") or [],
        statement_ids=tuple(found.get("statement_ids") or ()),
    )


def read_values(folder: Path) -> dict[str, Any]:
    """Read the task values that a process set, the last of each key."""
    values: dict[str, Any] = {}
    for line in _lines(folder / "values.jsonl"):
        values[line["key"]] = line["value"]
    return values


def read_secret_names(folder: Path) -> list[tuple[str, str]]:
    """Read which secrets a process has read, as (scope, key)."""
    return [(line["scope"], line["key"]) for line in _lines(folder / "secrets.jsonl")]


def read_log(folder: Path, secrets: Iterable[str] = ()) -> tuple[str, bool]:
    """Return the last part of a task's log and whether something before it is cut off."""
    try:
        with (folder / "output.log").open("rb") as file:
            size = file.seek(0, 2)
            margin = max((len(one.encode()) for one in secrets), default=0)
            file.seek(max(0, size - OUTPUT_BYTES - margin))
            raw = file.read()
    except OSError:
        return "", False
    text = blot(raw.decode("utf-8", "replace"), secrets)
    kept = text.encode()[-OUTPUT_BYTES:].decode("utf-8", "ignore")
    return kept, size > OUTPUT_BYTES or (folder / "cut").exists()


def first_part(text: str) -> tuple[str, bool]:
    """Return as much of a notebook's exit value as is given out, and whether it was cut."""
    raw = text.encode()
    return (text, False) if len(raw) <= OUTPUT_BYTES else (raw[:OUTPUT_BYTES].decode("utf-8", "ignore"), True)


def blot(text: str, secrets: Iterable[str]) -> str:
    """Return text with every secret replaced, the longest first."""
    for one in sorted((one for one in secrets if one), key=len, reverse=True):
        text = text.replace(one, REDACTED)
    return text


def settle(folder: Path, secrets: Iterable[str]) -> None:
    """Blot the secrets out of what a finished task left, and cut its log."""
    secrets = tuple(secrets)
    text, cut = read_log(folder, secrets)
    if cut:
        (folder / "cut").touch()
    if cut or secrets:
        write_atomically(folder / "output.log", text.encode())
    result = folder / "result.json"
    if secrets and result.exists():
        found = json.loads(result.read_text("utf-8"))
        write_atomically(result, json.dumps(_blot_value(found, secrets)).encode())


def _blot_value(value: Any, secrets: tuple[str, ...]) -> Any:
    if isinstance(value, str):
        return blot(value, secrets)
    if isinstance(value, list):
        return [_blot_value(one, secrets) for one in value]
    if isinstance(value, dict):
        return {key: _blot_value(one, secrets) for key, one in value.items()}
    return value


def _lines(path: Path) -> list[dict[str, Any]]:
    try:
        text = path.read_text("utf-8")
    except OSError:
        return []
    # A killed process may leave half a line at the end.
    return [json.loads(line) for line in text.split("\n")[:-1] if line]
