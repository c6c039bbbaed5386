"""The files of a promotion: written all together, with a record of what was written and a mark while it is being written.

    envs/<env>/promoted.json     what the last promotion wrote: the settings, the decisions, and the digest of each file
    envs/<env>/.promoting        there while files are replaced; if it stays, the promotion was interrupted

With the record, the next promotion can tell what people changed at the destination since: that stays.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lampkeeper.files.decisions import Decision, decisions_path, read_decisions
from lampkeeper.files.folder import PROMOTING, EnvFolder
from lampkeeper.files.settings import Settings, read_settings
from lampkeeper.files.snapshots import read_json
from lampkeeper.files.text import read_text, write_text, write_texts
from lampkeeper.model.errors import UsageError
from lampkeeper.text.digest import digest_of

RECORD = "promoted.json"
_FORMAT = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class PromotionRecord:
    """What a promotion wrote: the text of the settings before people's own values, the decisions, and files by their digest."""

    settings: str
    decisions: tuple[Decision, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)

    def as_text(self) -> str:
        """Return the text of the file."""
        document = {
            "format": _FORMAT, "settings": self.settings, "decisions": [d.as_dict() for d in self.decisions],
            "files": dict(sorted(self.files.items())),
        }  # fmt: skip
        return json.dumps(document, indent=2, ensure_ascii=False) + "\n"

    def read_settings(self) -> Settings:
        """Return the settings."""
        return read_settings(self.settings, RECORD).settings


def read_records(folder: EnvFolder) -> tuple[PromotionRecord, ...]:
    """Return the record of the last promotion, none without one; of an interrupted one both the old and the new record.

    Raise UsageError for a damaged file.
    """
    mark = folder.path / PROMOTING
    if mark.is_file():
        data = read_json(read_text(mark), mark)
        texts = data.get("records", []) if isinstance(data, dict) else []
        return tuple(_record(text, mark) for text in texts)
    path = folder.path / RECORD
    return (_record(read_text(path), path),) if path.is_file() else ()


def own_settings(folder: EnvFolder) -> Settings | None:
    """Return the settings at the destination, None without a file; raise UsageError if it cannot be read."""
    path = folder.settings_path
    return read_settings(read_text(path), path).settings if path.is_file() else None


def own_decisions(folder: EnvFolder) -> tuple[Decision, ...]:
    """Return the decisions at the destination."""
    return read_decisions(decisions_path(folder.path))


def replace_files(
    folder: EnvFolder, texts: Mapping[Path, str], gone: Iterable[Path], record: PromotionRecord, source: str
) -> tuple[Path, ...]:
    """Write the files of a promotion and remove those that went; return the changed paths.

    All new texts are on disk before the first file is replaced. While files are replaced, the environment is marked, so that
    every command refuses it if the promotion is interrupted; the same promotion again completes it. Nothing is changed if the
    new texts cannot be written.
    """
    mark = folder.path / PROMOTING
    path = folder.path / RECORD
    gone = [p for p in gone if p.is_file()]
    texts = {**texts, path: record.as_text()}
    if not gone and not mark.exists() and all(_holds(p, t) for p, t in texts.items()):
        return ()
    before = [r.as_text() for r in read_records(folder)]
    new = not folder.path.exists()
    write_text(mark, json.dumps({"source": source, "records": [*before, record.as_text()]}) + "\n")
    different = [p for p, t in texts.items() if not _holds(p, t)]
    try:
        write_texts(texts)
    except UsageError:
        if not any(_holds(p, texts[p]) for p in different):
            mark.unlink()
            if new:
                _remove_empty(folder.path)
        raise
    for each in gone:
        each.unlink(missing_ok=True)
    mark.unlink()
    return (*different, *gone)


def file_digest(text: str) -> str:
    """Return the digest of a file for the record."""
    return digest_of(text, digits=16)


def _record(text: str, path: Path) -> PromotionRecord:
    data = read_json(text, path)
    try:
        if data["format"] != _FORMAT:
            raise KeyError("format")
        decisions = tuple(sorted(Decision.from_dict(d, f"{path}: decisions") for d in data["decisions"]))
        files = {str(k): str(v) for k, v in data["files"].items()}
        return PromotionRecord(settings=str(data["settings"]), decisions=decisions, files=files)
    except (KeyError, TypeError, AttributeError):
        fix = "remove the file; the next promotion then takes what is there for your own"
        raise UsageError(f"{path}: not a record of a promotion of format {_FORMAT}", fix=fix) from None


def _holds(path: Path, text: str) -> bool:
    return path.is_file() and path.read_bytes() == text.encode("utf-8")


def _remove_empty(folder: Path) -> None:
    """Remove the empty folders that a failed promotion left behind."""
    for each in sorted((p for p in folder.rglob("*") if p.is_dir()), key=lambda p: -len(p.parts)):
        if not any(each.iterdir()):
            each.rmdir()
    if not any(folder.iterdir()):
        folder.rmdir()
