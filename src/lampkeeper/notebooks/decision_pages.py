"""Undecided columns: the evidence of each source, a steward's decision, the new draft, and what it changes."""

from __future__ import annotations

from datetime import UTC, datetime

from lampkeeper.app.access import access_of
from lampkeeper.app.generating import generate
from lampkeeper.app.labelling import read_sources
from lampkeeper.design.classify.review import ReviewItem, list_doubts
from lampkeeper.files.decisions import Decision, decisions_path, write_decisions
from lampkeeper.model.effective import compare, compute_matrix, standard_principals
from lampkeeper.model.errors import UsageError
from lampkeeper.model.known_names import unknown_name
from lampkeeper.model.labels import LabelClass, Protect
from lampkeeper.notebooks.opened import Opened
from lampkeeper.notebooks.shown import Row, Shown
from lampkeeper.text.counting import counted
from lampkeeper.text.moments import utc_text

CLASSES = tuple(str(x) for x in LabelClass if x is not LabelClass.UNDECIDED)
_NO = "no"


def undecided(found: Opened) -> Shown:
    """Return the columns that are undecided or disputed, one row per source with its evidence."""
    rows: list[Row] = []
    items = _doubts(found)
    for item in items:
        rows += [
            {
                "column": str(item.column), "doubt": str(item.doubt), "now": item.stands.kind, "source": str(said.source),
                "says": f"{said.kind}, protect {said.protect}", "confidence": f"{said.confidence:.2f}",
                "evidence": "; ".join(said.evidence),
            }
            for said in item.said or (item.stands,)
        ]  # fmt: skip
    return Shown(
        title=f"To decide in {found.env}", columns=("column", "doubt", "now", "source", "says", "confidence", "evidence"),
        rows=tuple(rows), summary=f"undecided or disputed in {found.env}: {counted(len(items), 'column')}",
    )  # fmt: skip


def to_decide(found: Opened) -> tuple[str, ...]:
    """Return the names of the columns that are undecided or disputed, then of all others."""
    first = [str(item.column) for item in _doubts(found)]
    others = [str(c) for c, _ in found.inputs.require_snapshot().columns()]
    return tuple(dict.fromkeys([*first, *others]))


def decisions(found: Opened) -> Shown:
    """Return the decisions so far."""
    rows = tuple(
        {"column": str(d.column), "label": str(d.label), "protect": str(d.protect), "by": d.by, "at": d.at, "reason": d.reason}
        for d in found.inputs.decisions
    )
    return Shown(
        title="Decisions", columns=("column", "label", "protect", "by", "at", "reason"), rows=rows,
        summary=f"{counted(len(rows), 'decision')} in {found.env}",
    )  # fmt: skip


def decide(found: Opened, column: str, label: str, protect: str, reason: str, by: str, write: str) -> Shown:
    """Record a decision, generate the draft again, and return what changes for whom. Without write = yes, nothing is written."""
    inputs = found.inputs
    decision = _decision(found, column, label, protect, reason, by)
    if write != "yes":
        return Shown(
            title="Not written", columns=("column", "label", "protect", "reason"), rows=(
                {"column": column, "label": label, "protect": protect, "reason": reason},
            ), summary="nothing is written: choose write = yes and run the cell again",
        )  # fmt: skip
    before = access_of(inputs)
    others = [d for d in inputs.decisions if d.column != decision.column or d.by != decision.by]
    write_decisions(decisions_path(inputs.folder.path), [*others, decision])
    inputs.changed("decisions")
    generate(inputs)
    after = access_of(inputs)
    who = standard_principals(before, after)
    rows = tuple(
        {
            "principal": c.principal, "table": str(c.table), "column": c.column if c.column is not None else "(rows)",
            "before": c.before, "after": c.after, "direction": str(c.direction),
        }
        for c in compare(compute_matrix(before, who), compute_matrix(after, who))
    )  # fmt: skip
    return Shown(
        title="Difference", columns=("principal", "table", "column", "before", "after", "direction"), rows=rows,
        summary=f"{column}: {label}, protect {protect}, decided by {decision.by};"
        f" the new draft changes {counted(len(rows), 'cell')}. The next plan shows them again.",
    )  # fmt: skip


def _decision(found: Opened, column: str, label: str, protect: str, reason: str, by: str) -> Decision:
    known = {str(c): c for c, _ in found.inputs.require_snapshot().columns()}
    if column not in known:
        raise unknown_name("column", column, known, where="in the snapshot", fix="choose one of them")
    if label not in CLASSES:
        raise unknown_name("class", label, CLASSES, where="of labels", fix="choose one of them")
    if not reason.strip() or not by.strip():
        raise UsageError("a decision needs a reason and a name", fix="fill in reason and decided by")
    if label == LabelClass.NONE and protect != _NO:
        raise UsageError("label none contradicts protect yes", fix="choose another class, or protect = no")
    return Decision(
        column=known[column], by=by.strip(), label=LabelClass(label), protect=Protect(protect), reason=reason.strip(),
        at=utc_text(datetime.now(UTC)),
    )  # fmt: skip


def _doubts(found: Opened) -> tuple[ReviewItem, ...]:
    inputs = found.inputs
    snapshot, knowledge = inputs.require_snapshot(), inputs.knowledge()
    sources = read_sources(inputs, snapshot, knowledge)
    return list_doubts(sources.merged(snapshot, knowledge), *sources.all)
