"""The history of drafts: `generated/.history/<number>/` holds a copy of each generated, restored or edited draft.

    .history/0007/entry.json              number, when, why, digest
    .history/0007/files/…                 the draft's files at that time, including labels

A restore writes the draft and does not change the workspace. It does not revert stewards' decisions in labels.jsonl: that file
is kept here for reading only.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from lampkeeper.files.folder import ABAC_FILE, LAYERS_FILE, SQL_FILE, EnvFolder
from lampkeeper.files.numbered_copies import ENTRY, NumberedCopies, digest_of_texts, texts_below
from lampkeeper.files.snapshots import read_json
from lampkeeper.files.text import read_text, write_texts
from lampkeeper.model.errors import UsageError
from lampkeeper.text.moments import utc_text

KEEP = 20
"""The number of entries that are kept, the newest ones."""

_FOLDER, _FILES = ".history", "files"
_LABELS = "labels.jsonl"


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class DraftEntry:
    """An earlier draft: its number, its creation time (ISO-8601, UTC), the reason, and the digest of its files."""

    number: int
    made_at: str
    why: str
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """The result of a restore: the restored entry, the new entry that records it, and the changed files."""

    source: DraftEntry
    entry: DraftEntry
    changed: tuple[Path, ...]


def draft_entries(folder: EnvFolder) -> tuple[DraftEntry, ...]:
    """Return the entries, oldest first; raise UsageError for a damaged one."""
    return tuple(_read_entry(path) for path in _copies(folder).homes())


def record_draft(folder: EnvFolder, why: str, now: datetime, keep: int = KEEP) -> DraftEntry | None:
    """Keep a copy of the current draft; None without a draft, or if it equals the newest entry."""
    texts = draft_texts(folder)
    if not texts:
        return None
    entries = draft_entries(folder)
    digest = digest_of_texts(texts)
    if entries and entries[-1].digest == digest:
        return None
    number = entries[-1].number + 1 if entries else 1
    made_at = utc_text(now)
    entry = DraftEntry(number=number, made_at=made_at, why=why, digest=digest)
    labels = {_LABELS: read_text(folder.labels_path)} if folder.labels_path.is_file() else {}
    kept = {f"{_FILES}/{name}": text for name, text in (texts | labels).items()}
    _copies(folder).add(number, kept, {"made_at": made_at, "why": why, "digest": digest}, keep)
    return entry


def restore_draft(folder: EnvFolder, now: datetime, to: int | None = None) -> Restored:
    """Restore an earlier draft: entry `to`, or the newest one that differs from the current draft.

    The current draft is added to the history first, then the restored one. Raise UsageError if the entry is missing or its
    files have changed.
    """
    record_draft(folder, "as it was before a restore", now)
    entries = draft_entries(folder)
    source = _chosen(folder, entries, to)
    texts = _kept_texts(_copies(folder).home(source.number) / _FILES)
    if digest_of_texts(texts) != source.digest:
        raise UsageError(f"{_copies(folder).home(source.number)}: the files were changed later", fix="choose another entry")
    root = folder.generated_path
    gone = [root / name for name in draft_texts(folder) if name not in texts]
    changed = write_texts({root / name: text for name, text in texts.items()})
    for path in gone:
        path.unlink()
    entry = record_draft(folder, f"restored from {source.number}", now) or source
    return Restored(source=source, entry=entry, changed=(*changed, *gone))


def _chosen(folder: EnvFolder, entries: tuple[DraftEntry, ...], to: int | None) -> DraftEntry:
    there = ", ".join(str(e.number) for e in entries) or "none"
    if to is None:
        current = digest_of_texts(draft_texts(folder))
        found = next((e for e in reversed(entries) if e.digest != current), None)
        if found is None:
            raise UsageError("the history holds no other draft to restore", fix=f"lampkeeper history --env {folder.env}")
        return found
    found = next((e for e in entries if e.number == to), None)
    if found is None:
        raise UsageError(f"draft {to} is not in the history (existing: {there})", fix=f"lampkeeper history --env {folder.env}")
    return found


def draft_texts(folder: EnvFolder) -> dict[str, str]:
    """Return the draft's files by their path inside `generated`; none without a draft."""
    root = folder.generated_path
    if not (root / ABAC_FILE).is_file():
        return {}
    own = (root / name for name in (ABAC_FILE, SQL_FILE, LAYERS_FILE))
    return texts_below(root, (*own, *(p for p in (root / "spaces").rglob("*") if p.is_file())))


def _kept_texts(home: Path) -> dict[str, str]:
    return {name: text for name, text in texts_below(home).items() if name != _LABELS}


def _copies(folder: EnvFolder) -> NumberedCopies:
    return NumberedCopies(folder.generated_path / _FOLDER)


def _read_entry(path: Path) -> DraftEntry:
    data = read_json(read_text(path / ENTRY), path / ENTRY)
    try:
        return DraftEntry(number=int(path.name), made_at=str(data["made_at"]), why=str(data["why"]), digest=str(data["digest"]))
    except (KeyError, TypeError):
        raise UsageError(f"{path / ENTRY}: not an entry of the history", fix=f"remove {path}") from None
