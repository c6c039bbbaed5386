"""Fixes a draft written by people or models: first its text, then its content; then lists the remaining errors."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from lampkeeper.app.inputs import EnvInputs
from lampkeeper.design.drafts.draft_answer import split_sql
from lampkeeper.design.drafts.draft_entries import without_entry
from lampkeeper.design.drafts.draft_fixes import DraftFix, fix_draft, fix_hcl_syntax, split_answer
from lampkeeper.design.rules.check import check
from lampkeeper.design.synthesis.packing import RemainingQuota
from lampkeeper.files.folder import ABAC_FILE, SQL_FILE
from lampkeeper.files.governance_sections import BAD_CONDITION
from lampkeeper.files.hcl import read_hcl
from lampkeeper.files.masks_sql import MasksRead, render_masks_sql, survey_masks_sql
from lampkeeper.files.text import read_text, write_texts
from lampkeeper.files.tfvars import read_layer, render_layer
from lampkeeper.model.errors import UsageError
from lampkeeper.model.findings import Finding, Severity, sort_findings
from lampkeeper.model.masks import Function
from lampkeeper.model.schema import Snapshot

_CUT = "LK701"
_MOST_MISTAKES = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Fixed:
    """What was changed in a draft, what is still wrong with it, and the files as they should be.

    `texts` is empty when nothing changed, or when the draft cannot be used as it is (cut off, of unreadable form).
    """

    changes: tuple[DraftFix, ...]
    findings: tuple[Finding, ...]
    texts: Mapping[Path, str]

    def write(self) -> tuple[Path, ...]:
        """Write the files, all or none; return those that changed."""
        return write_texts(self.texts)


def fix_env(inputs: EnvInputs) -> Fixed:
    """Fix the draft of an environment; its snapshot tells the columns' types."""
    path = inputs.folder.generated_path / ABAC_FILE
    if not path.is_file():
        raise UsageError(f"{path}: no draft", fix=f"lampkeeper generate --env {inputs.env}")
    return fix_file(path, inputs.snapshot, inputs.remaining_quota)


def fix_file(path: Path, snapshot: Snapshot | None = None, limits: RemainingQuota | None = None) -> Fixed:
    """Fix a `*.tfvars` draft with the `masking_functions.sql` beside it, or an answer that carries both.

    The parts of an answer go into files beside it; raise UsageError when these are there already.
    """
    text = read_text(path)
    answer = path.suffix != ".tfvars"
    abac, sql = (path.with_name(ABAC_FILE), path.with_name(SQL_FILE)) if answer else (path, path.with_name(SQL_FILE))
    if answer and (abac.exists() or sql.exists()):
        raise UsageError(f"{abac.parent}: holds a draft already", fix="put the answer into a folder of its own")
    return _fix(text, abac, read_text(sql) if sql.is_file() else "", sql, snapshot, limits)


def _fix(text: str, abac: Path, sql_file: str, sql: Path, snapshot: Snapshot | None, limits: RemainingQuota | None) -> Fixed:
    form = fix_hcl_syntax(text)
    kept, reported = split_answer(text).sql, split_sql(sql_file)
    # A file without a sentence in it stays byte for byte.
    own = reported.sql if reported.changes else sql_file
    sql_text = f"{own.rstrip()}\n\n{kept}" if own.strip() and kept and kept not in own else own or kept
    masks = survey_masks_sql(sql_text, sql)
    formed = (*form.changes, *reported.changes)
    unreadable = [*form.findings, *map(_unreadable, masks.errors)]
    try:
        read = read_layer(form.text, abac, functions=(*masks.functions, *masks.stand_ins))
        unreadable += [f for f in read.findings if f.code == BAD_CONDITION]
        # Without their policies or functions the rules would fix what is not wrong.
        apart = not masks.whole or any(f.code == BAD_CONDITION for f in read.findings)
    except UsageError:
        unreadable += _all_unreadable(form.text, abac, masks)
        apart = True
    if apart:
        if not _is_hcl(form.text, abac):
            return Fixed(changes=formed, findings=sort_findings(unreadable), texts={})
        texts = {abac: form.text, sql: sql_text}
        return Fixed(changes=formed, findings=sort_findings(unreadable), texts=_usable(texts, text, sql_file, unreadable))
    made = fix_draft(read.desired, snapshot, limits)
    # Duplicate list entries are read as one. If nothing else changed, the author's text is kept, including its comments.
    lossless = made.desired == read.desired
    texts = {
        abac: form.text if lossless else render_layer(made.desired),
        sql: _sql_after(sql_text, masks, made.desired.functions),
    }
    again = read_layer(texts[abac], abac, functions=made.desired.functions)
    standing = {str(f.name) for f in masks.stand_ins}
    checked = [f for f in check(made.desired, snapshot, limits) if f.location not in standing]
    findings = sort_findings([*unreadable, *made.findings, *again.findings, *checked])
    changes = (*formed, *made.changes)
    return Fixed(changes=changes, findings=findings, texts=_usable(texts, text, sql_file, findings) if changes else {})


def _is_hcl(text: str, path: Path) -> bool:
    """Return whether the form of a text is right; where it is not, its fixed form may be wrong too."""
    try:
        read_hcl(text, str(path))
    except UsageError:
        return False
    return True


def _sql_after(text: str, masks: MasksRead, functions: tuple[Function, ...]) -> str:
    """Return the SQL with the functions that a fix added; what could not be read stays as its author wrote it."""
    known = {*masks.functions, *masks.stand_ins}
    if known == set(functions):
        return text
    if not masks.errors:
        return render_masks_sql(functions)
    added = tuple(f for f in functions if f not in known)
    return f"{text.rstrip().removesuffix(';')};\n\n{render_masks_sql(added)}" if added else text


def _usable(texts: Mapping[Path, str], text: str, sql_file: str, findings: Iterable[Finding]) -> Mapping[Path, str]:
    """Return the files to write: none of a draft that was cut off or holds nothing but prose, else those that changed."""
    abac, sql = texts
    if any(f.code == _CUT for f in findings) or (not texts[abac].strip() and text.strip()):
        return {}
    changed = texts[abac] != text or texts[sql] != sql_file
    return {p: t for p, t in texts.items() if t} if changed else {}


def _all_unreadable(text: str, abac: Path, masks: MasksRead) -> list[Finding]:
    """Return every mistake that keeps a draft from being read: each entry with one is left aside and the rest read again."""
    found: list[Finding] = []
    for _ in range(_MOST_MISTAKES):
        try:
            read = read_layer(text, abac, functions=(*masks.functions, *masks.stand_ins))
        except UsageError as error:
            found.append(_unreadable(error))
            line = re.match(rf"{re.escape(str(abac))}:(\d+)", error.message)
            rest = without_entry(text, int(line[1])) if line else None
            if rest is None or rest == text:
                return found
            text = rest
        else:
            return [*found, *(f for f in read.findings if f.code == BAD_CONDITION)]
    return found


def _unreadable(error: UsageError) -> Finding:
    location, _, message = error.message.partition(": ")
    return Finding(code="LK707", severity=Severity.ERROR, location=location, message=message, fix=error.fix)
