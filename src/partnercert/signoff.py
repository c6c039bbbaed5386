"""What people saw: recorded with who, when and evidence; stale when the config changes, the time is over, a file is altered."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

ROLES = ("partner", "engineering", "solution_architect", "product")
_TEXTS = ("case", "config_sha256", "api_version", "environment", "role", "person", "time", "result", "expires", "notes")


class Result(StrEnum):
    """What the person said."""

    PASSED = "passed"
    FAILED = "failed"


class SignOffError(Exception):
    """The record of sign-offs cannot be read, or a sign-off is incomplete."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """A file that shows what was seen, by its digest."""

    path: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SignOff:
    """One person's word about one case."""

    case: str
    config_sha256: str
    api_version: str
    environment: str
    role: str
    person: str
    time: str
    result: Result
    expires: str
    answers: tuple[bool, ...]
    notes: str = ""
    evidence: tuple[Evidence, ...] = ()
    overrides: str = ""

    def stale(self, *, config_sha256: str, now: datetime, folder: Path, questions: int) -> str:
        """Say why this sign-off no longer counts, or nothing."""
        if self.config_sha256 != config_sha256:
            return "the config has changed since"
        if datetime.fromisoformat(self.expires) <= now:
            return f"it expired on {self.expires[:10]}"
        if datetime.fromisoformat(self.time) > now:
            return "it is dated in the future"
        if self.result is Result.PASSED and len(self.answers) < questions:
            return "it does not answer every point of the checklist"
        for item in self.evidence:
            path = folder / item.path
            if not path.is_file():
                return f"evidence {item.path} is missing"
            if digest(path) != item.sha256:
                return f"evidence {item.path} was altered"
        return ""

    @property
    def says_failed(self) -> bool:
        """Tell whether the person said that the case failed."""
        return self.result is Result.FAILED or not all(self.answers)

    def as_json(self) -> dict[str, Any]:
        """Return the record as a JSON object."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What the sign-offs say about a case: signed, said to fail, or neither (with the reason)."""

    signed: bool = False
    failed: bool = False
    text: str = ""


def standing(records: list[SignOff], case: str, *, config_sha256: str, now: datetime, folder: Path, questions: int) -> Standing:
    """Weigh the sign-offs of a case: the last word of each role counts, one `failed` outweighs all.

    Within a role a `failed` stands until a later record names it as the one it overrides.
    """
    latest: dict[str, SignOff] = {}
    for record in sorted((r for r in records if r.case == case), key=lambda r: r.time):
        before = latest.get(record.role)
        stands = before is not None and before.says_failed
        if before is not None and stands:
            stands = not before.stale(config_sha256=config_sha256, now=now, folder=folder, questions=questions)
        if before is None or not stands or record.says_failed or record.overrides == before.time:
            latest[record.role] = record
    stale, signed = [], []
    for record in latest.values():
        who = f"{record.person} ({record.role}), {record.time[:10]}"
        why = record.stale(config_sha256=config_sha256, now=now, folder=folder, questions=questions)
        if why:
            stale.append(f"sign-off by {who} does not count: {why}")
        elif record.says_failed:
            return Standing(failed=True, text=f"{who} says it failed{': ' + record.notes if record.notes else ''}")
        else:
            signed.append(who + (f", overriding a failed sign-off of {record.overrides[:10]}" if record.overrides else ""))
    if signed:
        return Standing(signed=True, text="; ".join(signed))
    return Standing(text="; ".join(stale))


def failed_before(records: list[SignOff], case: str, role: str, config_sha256: str) -> SignOff | None:
    """Return the failed sign-off of a case that a new one of the same role would have to override, if any."""
    standing_one: SignOff | None = None
    mine = [r for r in records if (r.case, r.role, r.config_sha256) == (case, role, config_sha256)]
    for record in sorted(mine, key=lambda r: r.time):
        if record.says_failed:
            standing_one = record
        elif standing_one is not None and record.overrides == standing_one.time:
            standing_one = None
    return standing_one


def read(path: Path) -> list[SignOff]:
    """Read the recorded sign-offs; a missing file holds none. Raises SignOffError with file and place."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError) as error:
        raise SignOffError(f"{path}: cannot be read: {error}") from error
    try:
        value = json.loads(text)
    except ValueError as error:
        raise SignOffError(f"{path}: is not JSON: {error}") from error
    if not isinstance(value, list):
        raise SignOffError(f"{path}: must be a list of sign-offs")
    return [_parse(item, f"{path}[{index}]") for index, item in enumerate(value)]


def append(path: Path, record: SignOff) -> None:
    """Add a sign-off to the file, whole or not at all. Raises SignOffError."""
    rows = [r.as_json() for r in [*read(path), record]]
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(json.dumps(rows, indent=2, ensure_ascii=False) + "\n")
    os.replace(name, path)


def digest(path: Path) -> str:
    """Return the SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _parse(item: object, place: str) -> SignOff:
    if not isinstance(item, dict):
        raise SignOffError(f"{place}: must be an object")
    for key in _TEXTS:
        if not isinstance(item.get(key), str):
            raise SignOffError(f"{place}.{key}: must be a string")
    if item["role"] not in ROLES or item["result"] not in list(Result):
        raise SignOffError(f"{place}: role is one of {', '.join(ROLES)}; result is passed or failed")
    for key in ("time", "expires"):
        try:
            moment = datetime.fromisoformat(item[key])
        except ValueError as error:
            raise SignOffError(f"{place}.{key}: is not a time: {item[key]!r}") from error
        if moment.tzinfo is None:
            item = {**item, key: moment.replace(tzinfo=UTC).isoformat()}
    answers, evidence = item.get("answers", []), item.get("evidence", [])
    if not isinstance(answers, list) or not all(isinstance(a, bool) for a in answers):
        raise SignOffError(f"{place}.answers: must be a list of true and false")
    try:
        files = tuple(Evidence(path=str(e["path"]), sha256=str(e["sha256"])) for e in evidence)
    except (TypeError, KeyError) as error:
        raise SignOffError(f"{place}.evidence: must be a list of objects with path and sha256") from error
    texts = {key: item[key] for key in _TEXTS}
    if not isinstance(item.get("overrides", ""), str):
        raise SignOffError(f"{place}.overrides: must be a string")
    texts["overrides"] = item.get("overrides", "")
    return SignOff(**{**texts, "result": Result(item["result"])}, answers=tuple(answers), evidence=files)
