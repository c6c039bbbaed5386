"""The offline classifier: labels from names, types, comments, neighbours and, where they may be read, values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from lampkeeper.design.classify.comments import short_comment, weigh_comment
from lampkeeper.design.classify.context import TableContext, read_context, without_prefix
from lampkeeper.design.classify.naming import PENDING, YES, CandidateLabel, judge_figure, judge_name, judge_unknown
from lampkeeper.design.classify.nested import judge_nested
from lampkeeper.design.classify.opaque import OPAQUE, judge_opaque
from lampkeeper.design.classify.profiles import Profile, profile_values
from lampkeeper.design.knowledge.kinds import kind_of
from lampkeeper.design.knowledge.knowledge import Knowledge, default_knowledge
from lampkeeper.design.knowledge.word_lists import type_hints
from lampkeeper.model.labels import Label, LabelClass, LabelSource, Protect
from lampkeeper.model.names import ColumnName
from lampkeeper.model.schema import Snapshot

_IDENTIFYING = frozenset(
    {LabelClass.NAME, LabelClass.EMAIL, LabelClass.PHONE, LabelClass.NATIONAL_ID, LabelClass.TAX_ID, LabelClass.BANK_ACCOUNT}
    | {LabelClass.PAYMENT_CARD, LabelClass.INSURANCE_ID, LabelClass.CREDENTIALS, LabelClass.DOB, LabelClass.ADDRESS}
)
_FAINT = 0.2
_HINT, _SURE = 0.7, 0.97
_ITSELF = frozenset({("value",), ("number",), ("identifier",)})
"""Columns with the content that their table is named after: `phone_number.value`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A column as the classifier sees it; `values` are sampled texts, empty when rows may not be read.

    `profile` is the value profile from the warehouse, if the values themselves are not read.
    """

    name: str
    type: str = ""
    comment: str = ""
    values: tuple[str, ...] = ()
    profile: Profile | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The classifier's answer for one field."""

    label: LabelClass
    subtype: str
    protect: Protect
    confidence: float
    evidence: tuple[str, ...]


def classify(
    snapshot: Snapshot,
    values: Mapping[ColumnName, Sequence[str]] | None = None,
    knowledge: Knowledge | None = None,
    profiles: Mapping[ColumnName, Profile] | None = None,
) -> tuple[Label, ...]:
    """Return one label per column, in the snapshot's order; `overlay` adds the identifiers of countries and industries.

    `values` are sampled texts; `profiles` are value profiles in their place.
    """
    given, counted = values or {}, profiles or {}
    labels: list[Label] = []
    for table in snapshot.tables:
        names = table.column_names()
        fields = [
            Field(name=c.name, type=c.type, comment=c.comment, values=tuple(given.get(n, ())), profile=counted.get(n))
            for n, c in zip(names, table.columns, strict=True)
        ]
        verdicts = classify_table(table.name.table, fields, schema=table.name.schema, knowledge=knowledge)
        labels.extend(as_label(n, v) for n, v in zip(names, verdicts, strict=True))
    return tuple(labels)


def as_label(column: ColumnName, verdict: Verdict) -> Label:
    """Return a verdict as a label of a column."""
    return Label(
        column=column,
        label=verdict.label,
        protect=verdict.protect,
        confidence=verdict.confidence,
        evidence=verdict.evidence,
        source=LabelSource.OFFLINE,
        subtype=verdict.subtype,
    )


def classify_table(
    table: str, fields: Sequence[Field], schema: str = "", knowledge: Knowledge | None = None
) -> tuple[Verdict, ...]:
    """Return a verdict for each field of one table, in order."""
    known = knowledge or default_knowledge()
    lexicon = known.lexicon
    words = [lexicon.tokenize(f.name) for f in fields]
    called = lexicon.tokenize(table)
    bare = without_prefix(called, words, lexicon.tokenize.known)
    said = [w for f, b in zip(fields, bare, strict=True) for w in short_comment(lexicon, f.comment, b)]
    context = read_context(lexicon, table, [*(words if bare == tuple(words) else [*words, *bare]), *said], schema)
    bare = tuple(called if w in _ITSELF and called else b for w, b in zip(words, bare, strict=True))
    return tuple(_decide(known, f, w, b, context) for f, w, b in zip(fields, words, bare, strict=True))


def _decide(known: Knowledge, field: Field, words: tuple[str, ...], bare: tuple[str, ...], context: TableContext) -> Verdict:
    lexicon, kind = known.lexicon, kind_of(field.type)
    candidates = [
        *judge_name(lexicon, words, kind, context),
        *(judge_name(lexicon, bare, kind, context) if bare != words else ()),
        *judge_figure(lexicon, words, kind, context),
        *judge_unknown(lexicon, words, kind, context),
        *_from_type(field.type),
        *judge_nested(lexicon, field.type, context),
        *judge_opaque(lexicon, words, bare, field.comment, field.type),
    ]
    candidates = [*weigh_comment(lexicon, field.comment, words, kind, context, candidates)]
    profile = field.profile or profile_values(field.values, kind, known.schemes)
    if profile is not None:
        candidates = [*_checked(candidates, profile), *_from_values(profile, candidates)]
    return _conclude(sorted(candidates, key=lambda c: c.rank, reverse=True), profile, context)


def _from_type(type_text: str) -> Iterable[CandidateLabel]:
    """Yield candidates from a type: a form builder's option (`Data:Email`), a network address, a point on the map."""
    text = type_text.strip().lower().removesuffix("[]")
    hint = type_hints().get(text)
    if hint is not None:
        score, reasons = _SURE if hint.sure else _HINT, (f"from type {text}",)
        yield CandidateLabel(label=hint.label, subtype=hint.subtype, score=score, open=False, length=1, reasons=reasons)


def _checked(candidates: Sequence[CandidateLabel], profile: Profile) -> Iterable[CandidateLabel]:
    """Yield the candidates, those that identify a person weakened where the values are a handful of codes.

    A candidate for an unknown name is dropped if the values are harmless.
    """
    for candidate in candidates:
        if candidate.subtype == OPAQUE and profile.harmless:
            yield replace(candidate, score=_FAINT, reasons=(*candidate.reasons, profile.harmless))
            continue
        if profile.codes and (candidate.label in _IDENTIFYING or candidate.subtype == "unknown"):
            reasons = (*candidate.reasons, f"only {profile.distinct} different values")
            yield replace(candidate, score=round(candidate.score * 0.5, 3), reasons=reasons)
        else:
            yield candidate


def _from_values(profile: Profile, candidates: Sequence[CandidateLabel]) -> Iterable[CandidateLabel]:
    for evidence in profile.evidence:
        named = any(c.label is evidence.label and c.score >= 0.1 for c in candidates)
        yield CandidateLabel(
            label=evidence.label,
            subtype=evidence.subtype,
            score=min(0.98, evidence.score + (0.2 if named else 0.0)),
            open=False,
            length=1,
            reasons=(evidence.reason,),
            overlay=evidence.overlay,
            seen=True,
        )


def _conclude(ranked: Sequence[CandidateLabel], profile: Profile | None, context: TableContext) -> Verdict:
    if not ranked:
        return _verdict(LabelClass.NONE, Protect.NO, 0.8, "nothing points to personal data")
    # Within one class, an overlay has the narrower subtype, and the requirements of the country or industry.
    best = next((c for c in ranked if c.overlay and c.label is ranked[0].label and c.score >= YES), ranked[0])
    if best.open or best.score < PENDING:
        # A name that is not sensitive, or too weak, does not override the column's values (a `city` full of email addresses
        # holds addresses), nor a phrase of a chosen overlay.
        other = (c for c in ranked if (c.seen or c.overlay) and not c.open and c.label is not best.label and c.score >= PENDING)
        best = next(other, best)
    if best.score < PENDING or (best.open and best.score < YES):
        return _verdict(LabelClass.NONE, Protect.NO, round(1 - best.score, 2), *best.reasons, "too weak to protect")
    if best.score < YES:
        return _verdict(LabelClass.UNDECIDED, Protect.UNDECIDED, best.score, f"perhaps {best.label}", *best.reasons)
    if best.label is LabelClass.FREE_TEXT and "health" in context.topics:
        best = replace(best, subtype="health", open=False, reasons=(*best.reasons, "in a health table"))
    if best.label is LabelClass.ADDRESS and best.subtype == "city" and "health" in context.topics:
        best = replace(best, open=False, reasons=(*best.reasons, "place of a patient"))
    if best.open:
        return _verdict(
            best.label, Protect.NO, best.score, *best.reasons, "not sensitive: it identifies no person", subtype=best.subtype
        )
    return _verdict(best.label, Protect.YES, best.score, *best.reasons, subtype=best.subtype)


def _verdict(label: LabelClass, protect: Protect, confidence: float, *evidence: str, subtype: str = "") -> Verdict:
    return Verdict(label=label, subtype=subtype, protect=protect, confidence=confidence, evidence=evidence)
