"""Applied generations: `envs/<env>/applied/<number>/` holds a copy of the files that an apply has put into effect.

    applied/0007/entry.json              number, when, the applied layers, digest
    applied/0007/layers/…                account.tfvars (the part of this environment), data_access/…, abac.auto.tfvars
    applied/0007/draft/…                 the draft of that time, if there was one

A rollback writes these files back and changes nothing in the workspace: the next plan and apply do. Settings (except the group of
a pilot), labels and stewards' decisions stay as they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from lampkeeper.files.draft_history import draft_texts, record_draft
from lampkeeper.files.folder import ABAC_FILE, SQL_FILE, EnvFolder, clean_desired
from lampkeeper.files.numbered_copies import ENTRY, NumberedCopies, digest_of_texts, texts_below
from lampkeeper.files.snapshots import read_json
from lampkeeper.files.text import read_text, write_texts
from lampkeeper.files.tfvars import read_layer
from lampkeeper.model.errors import UsageError
from lampkeeper.model.findings import Finding
from lampkeeper.model.layers import LAYERS, Layer
from lampkeeper.text.moments import utc_text

KEEP = 20
"""The number of generations that are kept, the newest ones."""

_FOLDER, _LAYERS, _DRAFT = "applied", "layers", "draft"
_ACCOUNT = "account.tfvars"


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class Generation:
    """An apply: its number, its time (ISO-8601, UTC), the applied layers, the digest of the layer files, the group of a pilot."""

    number: int
    applied_at: str
    layers: tuple[Layer, ...]
    digest: str
    pilot: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RolledBack:
    """A rollback: the restored generation, the changed files, and conflicts in the account layer."""

    source: Generation
    changed: tuple[Path, ...]
    findings: tuple[Finding, ...]


def generations(folder: EnvFolder) -> tuple[Generation, ...]:
    """Return the recorded generations, oldest first; raise UsageError for a damaged one."""
    return tuple(_read_entry(path) for path in _copies(folder).homes())


def layers_digest(folder: EnvFolder) -> str:
    """Return the digest of the environment's layer files: its part of the account layer, data access, workspace."""
    return digest_of_texts(_layer_texts(folder))


def record_generation(
    folder: EnvFolder, desired: str, layers: tuple[Layer, ...], now: datetime, *, pilot: str = "", keep: int = KEEP
) -> Generation | None:
    """Keep a copy of the files that an apply has put into effect.

    `desired` is the digest of the files that the plan was made of. None if the files have changed since, so that they are not
    what was applied, if the newest generation holds the same files for these layers, and for the folders of the account layer
    and of further workspaces, whose files come from the environment's.
    """
    if type(folder) is not EnvFolder:
        return None
    texts = _layer_texts(folder)
    digest = digest_of_texts(texts)
    if not texts or digest != desired:
        return None
    entries = generations(folder)
    if entries and entries[-1].digest == digest and set(layers) <= set(entries[-1].layers):
        return None
    number = entries[-1].number + 1 if entries else 1
    applied_at = utc_text(now)
    kept = {f"{_LAYERS}/{name}": text for name, text in texts.items()}
    kept |= {f"{_DRAFT}/{name}": text for name, text in draft_texts(folder).items()}
    entry = {"applied_at": applied_at, "layers": [str(la) for la in layers], "digest": digest, "pilot": pilot}
    _copies(folder).add(number, kept, entry, keep)
    return Generation(number=number, applied_at=applied_at, layers=layers, digest=digest, pilot=pilot)


def roll_back(folder: EnvFolder, now: datetime, to: int | None = None) -> RolledBack:
    """Write the files of an earlier apply back: generation `to`, or the newest one that differs from the last.

    The current draft is added to the history of drafts first. Raise UsageError if the generation is missing or damaged.
    """
    source = _chosen(folder, generations(folder), to)
    home = _copies(folder).home(source.number)
    layers, draft = texts_below(home / _LAYERS), texts_below(home / _DRAFT)
    if digest_of_texts(layers) != source.digest:
        raise UsageError(f"{home}: the files were changed later", fix="choose another generation")
    record_draft(folder, "as it was before a rollback", now)
    texts = {folder.generated_path / name: text for name, text in draft.items()}
    findings: tuple[Finding, ...] = ()
    for name, text in layers.items():
        if name != _ACCOUNT:
            texts[folder.path / name] = text
    account = clean_desired(read_layer(layers.get(_ACCOUNT, ""), home / _LAYERS / _ACCOUNT, Layer.ACCOUNT))
    if _ACCOUNT in layers or folder.contribution_path.is_file():
        merged, findings = folder.account_texts(account)
        texts |= merged
    changed = [path for path, text in texts.items() if not path.is_file() or read_text(path) != text]
    write_texts(texts)
    gone = [folder.generated_path / n for n in draft_texts(folder) if n not in draft]
    gone += [folder.path / n for n in _layer_texts(folder) if n not in layers and n != _ACCOUNT]
    for path in gone:
        path.unlink()
    record_draft(folder, f"rolled back to generation {source.number}", now)
    return RolledBack(source=source, changed=(*changed, *gone), findings=findings)


def _chosen(folder: EnvFolder, entries: tuple[Generation, ...], to: int | None) -> Generation:
    there = ", ".join(str(e.number) for e in entries) or "none"
    fix = f"lampkeeper rollback --env {folder.env} --list"
    if to is None:
        found = next((e for e in reversed(entries[:-1]) if e.digest != entries[-1].digest), None)
        if found is None:
            raise UsageError(f"{folder.env!r} has no earlier apply to go back to (recorded: {there})", fix=fix)
        return found
    found = next((e for e in entries if e.number == to), None)
    if found is None:
        raise UsageError(f"generation {to} of {folder.env!r} is not recorded (recorded: {there})", fix=fix)
    return found


def _layer_texts(folder: EnvFolder) -> dict[str, str]:
    data = folder.layer_path(Layer.DATA_ACCESS)
    paths = {
        _ACCOUNT: folder.contribution_path, f"data_access/{ABAC_FILE}": data / ABAC_FILE,
        f"data_access/{SQL_FILE}": data / SQL_FILE, ABAC_FILE: folder.path / ABAC_FILE,
    }  # fmt: skip
    return {name: read_text(path) for name, path in paths.items() if path.is_file()}


def _copies(folder: EnvFolder) -> NumberedCopies:
    return NumberedCopies(folder.path / _FOLDER)


def _read_entry(path: Path) -> Generation:
    data = read_json(read_text(path / ENTRY), path / ENTRY)
    try:
        layers = tuple(la for la in LAYERS if str(la) in data["layers"])
        return Generation(
            number=int(path.name), applied_at=str(data["applied_at"]), layers=layers, digest=str(data["digest"]),
            pilot=str(data.get("pilot", "")),
        )  # fmt: skip
    except (KeyError, TypeError):
        raise UsageError(f"{path / ENTRY}: not an entry of an applied generation", fix=f"remove {path}") from None
