"""Mending a draft that people or models wrote: its text, then what it says, then what is still wrong with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lampkeeper.app.limits import limits_of
from lampkeeper.design.drafts.draft_fixes import Mend, fix_draft, fix_hcl_syntax, split_answer
from lampkeeper.design.rules.check import check
from lampkeeper.design.synthesis.packing import Limits
from lampkeeper.files.folder import ABAC_FILE, SQL_FILE, EnvFolder
from lampkeeper.files.governance_sections import BAD_CONDITION
from lampkeeper.files.masks_sql import read_masks_sql, render_masks_sql
from lampkeeper.files.text import read_text, write_texts
from lampkeeper.files.tfvars import read_layer, render_layer
from lampkeeper.model.errors import UsageError
from lampkeeper.model.findings import Finding, Severity, sort_findings
from lampkeeper.model.schema import Snapshot

_CUT = "LK701"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mended:
    """What was changed in a draft, what is still wrong with it, and the files as they should be.

    `texts` is empty when nothing changed, or when the draft cannot be used as it is (cut off, unreadable).
    """

    changes: tuple[Mend, ...]
    findings: tuple[Finding, ...]
    texts: Mapping[Path, str]

    def write(self) -> tuple[Path, ...]:
        """Write the files, all or none; return those that changed."""
        return write_texts(self.texts)


def mend_env(folder: EnvFolder) -> Mended:
    """Mend the draft of an environment; its snapshot tells the columns' types."""
    path = folder.generated_path / ABAC_FILE
    if not path.is_file():
        raise UsageError(f"{path}: no draft", fix=f"lampkeeper generate --env {folder.env}")
    return mend_file(path, folder.snapshot() if folder.snapshot_path.is_file() else None, limits_of(folder))


def mend_file(path: Path, snapshot: Snapshot | None = None, limits: Limits | None = None) -> Mended:
    """Mend a `*.tfvars` draft with the `masking_functions.sql` beside it, or an answer that carries both in fences.

    The parts of an answer go into files beside it; raise UsageError when these are there already.
    """
    text = read_text(path)
    answer = path.suffix != ".tfvars"
    abac, sql = (path.with_name(ABAC_FILE), path.with_name(SQL_FILE)) if answer else (path, path.with_name(SQL_FILE))
    if answer and (abac.exists() or sql.exists()):
        raise UsageError(f"{abac.parent}: holds a draft already", fix="put the answer into a folder of its own")
    sql_text = read_text(sql) if sql.is_file() else ""
    fenced = split_answer(text).sql if not sql_text else split_answer(sql_text).sql
    return _mend(text, abac, fenced or sql_text, sql, snapshot, limits)


def _mend(text: str, abac: Path, sql_text: str, sql: Path, snapshot: Snapshot | None, limits: Limits | None) -> Mended:
    form = fix_hcl_syntax(text)
    try:
        functions = read_masks_sql(sql_text, sql)
        read = read_layer(form.text, abac, functions=functions)
    except UsageError as error:
        place, _, message = error.message.partition(": ")
        unreadable = Finding(code="LK707", severity=Severity.ERROR, place=place, message=message, fix=error.fix)
        return Mended(changes=form.changes, findings=sort_findings([*form.findings, unreadable]), texts={})
    unread = tuple(f for f in read.findings if f.code == BAD_CONDITION)
    if unread:
        # Their policies are not in what was read: writing it would drop them.
        return Mended(changes=form.changes, findings=sort_findings([*form.findings, *unread]), texts={})
    made = fix_draft(read.desired, snapshot, limits)
    # What a list says twice is told as one entry; where nothing changed the author's own text stays, comments and all.
    lossless = made.desired == read.desired
    texts = {
        abac: form.text if lossless else render_layer(made.desired),
        sql: sql_text if made.desired.functions == functions else render_masks_sql(made.desired.functions),
    }
    again = read_layer(texts[abac], abac, functions=made.desired.functions)
    findings = sort_findings([*form.findings, *made.findings, *again.findings, *check(made.desired, snapshot, limits)])
    changes = (*form.changes, *made.changes)
    usable = bool(changes) and not any(f.code == _CUT for f in findings)
    return Mended(changes=changes, findings=findings, texts={p: t for p, t in texts.items() if t} if usable else {})
