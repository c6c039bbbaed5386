"""Stewards' decisions: envs/<env>/decisions.yaml, one entry per column and steward, with reason and time."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from lampkeeper.files.text import read_text, write_text
from lampkeeper.model.errors import UsageError
from lampkeeper.model.labels import Label, LabelClass, LabelSource, Protect
from lampkeeper.model.names import ColumnName, write_name

FILE = "decisions.yaml"
_HEAD = """\
# Stewards' decisions on columns, which override rules and models. Written by `lampkeeper labels set`.
# If stewards disagree on a column, the stricter decision counts until they agree.
"""
_FIELDS = ("column", "label", "subtype", "protect", "reason", "by", "at")
_TIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z")


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class Decision:
    """The decision of one steward on one column. `at` is an ISO-8601 UTC time."""

    column: ColumnName
    by: str
    label: LabelClass
    protect: Protect
    reason: str
    at: str
    subtype: str = ""

    def as_label(self) -> Label:
        """Return the decision as a label of the most trusted source."""
        evidence = (f"{self.by} decided on {self.at[:10]}: {self.reason}",)
        return Label(
            column=self.column, label=self.label, protect=self.protect, confidence=1.0, evidence=evidence,
            source=LabelSource.STEWARD, subtype=self.subtype,
        )  # fmt: skip

    @classmethod
    def from_dict(cls, entry: Any, location: str) -> Decision:
        """Read an entry of the file; raise UsageError with its location."""
        return _decision(entry, location)

    def as_dict(self) -> dict[str, str]:
        """Return the entry of the file."""
        column = write_name(*self.column.table.parts, self.column.column)
        values = (column, str(self.label), self.subtype, str(self.protect), self.reason, self.by, self.at)
        return {k: v for k, v in zip(_FIELDS, values, strict=True) if v or k != "subtype"}


def decisions_path(env_path: Path) -> Path:
    """Return the path of an environment's decisions."""
    return env_path / FILE


def read_decisions(path: Path) -> tuple[Decision, ...]:
    """Return the sorted decisions, none without a file; raise UsageError with the location of an error."""
    if not path.is_file():
        return ()
    try:
        document = yaml.safe_load(read_text(path))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        location = f"{path}:{mark.line + 1}:{mark.column + 1}" if mark is not None else str(path)
        raise UsageError(
            f"{location}: not YAML: {getattr(error, 'problem', None) or 'unreadable'}", fix="correct the file"
        ) from None
    except (RecursionError, ValueError):
        raise UsageError(f"{path}: cannot be read as YAML", fix="correct the file") from None
    entries = document.get("decisions") if isinstance(document, dict) else None
    if document is None:
        return ()
    if not isinstance(entries, list) or set(document) != {"decisions"}:
        raise UsageError(f"{path}: expected the one key `decisions` with a list", fix="correct the file")
    found = [_decision(entry, f"{path}: decision {number}") for number, entry in enumerate(entries, start=1)]
    seen: set[tuple[ColumnName, str]] = set()
    for number, each in enumerate(found, start=1):
        if (each.column, each.by) in seen:
            raise UsageError(f"{path}: decision {number}: {each.by} decided on {each.column} twice", fix="keep the valid one")
        seen.add((each.column, each.by))
    return tuple(sorted(found))


def write_decisions(path: Path, decisions: Iterable[Decision]) -> bool:
    """Write the decisions; return whether the file changed."""
    entries = [d.as_dict() for d in sorted(decisions)]
    body = yaml.safe_dump({"decisions": entries}, sort_keys=False, allow_unicode=True, width=120)
    return write_text(path, _HEAD + body)


def _decision(entry: Any, location: str) -> Decision:
    if not isinstance(entry, dict):
        raise UsageError(f"{location}: not a mapping", fix=f"give {', '.join(_FIELDS)}")
    # YAML reads an unquoted yes or no as a boolean, and an unquoted time as a timestamp.
    fields: dict[str, Any] = {str(k): ("yes" if v else "no") if isinstance(v, bool) else v for k, v in entry.items()}
    missing = [k for k in _FIELDS if k != "subtype" and not fields.get(k)]
    if missing or set(fields) - set(_FIELDS):
        odd = ", ".join(
            [*(f"{k} is missing" for k in missing), *(f"unknown {k!r}" for k in sorted(set(map(str, fields)) - set(_FIELDS)))]
        )
        raise UsageError(f"{location}: {odd}", fix=f"give {', '.join(_FIELDS)}")
    if any(not isinstance(v, str) for v in fields.values()):
        raise UsageError(f"{location}: every field must be a string", fix="put it in quotes, including times")
    return _checked(fields, location)


def _checked(fields: Mapping[str, str], location: str) -> Decision:
    try:
        column = ColumnName.parse(fields["column"])
        label, protect = LabelClass(fields["label"]), Protect(fields["protect"])
    except UsageError as error:
        raise UsageError(f"{location}: {error.message}", fix=error.fix) from None
    except ValueError as error:
        raise UsageError(f"{location}: {error}", fix="labels: " + ", ".join(LabelClass)) from None
    if not _TIME.fullmatch(fields["at"]):
        raise UsageError(f"{location}: at is {fields['at']!r}", fix="write a UTC time such as '2026-01-31T12:00:00Z'")
    return Decision(
        column=column, by=fields["by"], label=label, protect=protect, reason=fields["reason"], at=fields["at"],
        subtype=fields.get("subtype", ""),
    )  # fmt: skip
