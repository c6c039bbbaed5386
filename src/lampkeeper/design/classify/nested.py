"""Candidates for columns of nested types: fields of a struct by their names, and maps, variants and JSON for review."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from lampkeeper.design.classify.context import TableContext
from lampkeeper.design.classify.naming import CandidateLabel, judge_name
from lampkeeper.design.knowledge.kinds import kind_of
from lampkeeper.design.knowledge.lexicon import Lexicon
from lampkeeper.model.labels import LabelClass

_STRUCT = re.compile(r"\b(?:struct|row|record|object)\s*[<(]", re.IGNORECASE)
_FIELD = re.compile(r"[<(,]\s*[`\"]?(\w+)[`\"]?\s*(?::\s*|\s+)([a-z]\w*)", re.IGNORECASE)
_OPEN_ENDED = re.compile(
    r"(?<![\w.`\"])(map(?=\s*[<(])|(?:sql_)?variant|jsonb?|hstore|super|object|bson|xml(?:type)?)(?![\w:])"
    r"(?!\s+(?:string|varchar))",
    re.IGNORECASE,
)
_NAMED = re.compile(r"([<(,]\s*)[`\"]?\w+[`\"]?(?:\s*:\s*|\s+)(?=[a-z])", re.IGNORECASE)
_MOST_FIELDS = 200
_SURE, _UNSURE = 0.6, 0.5


def judge_nested(lexicon: Lexicon, type_text: str, context: TableContext) -> Iterator[CandidateLabel]:
    """Yield the candidates of a struct's fields, and one for review for a map, a variant or JSON at any depth."""
    text = type_text.strip()
    if _STRUCT.search(text):
        yield from _fields(lexicon, text, context)
    inside = next((m.group(1) for m in _OPEN_ENDED.finditer(_without_names(text))), "")
    if inside:
        reasons = (f"{inside.lower()} may hold anything",)
        # Like values, it overrides a name that is not sensitive (`settings`, `billing_city`).
        yield CandidateLabel(
            label=LabelClass.FREE_TEXT, subtype="payload", score=_UNSURE, open=False, length=0, reasons=reasons, seen=True
        )


def _without_names(text: str) -> str:
    """Return a type without the names of a struct's fields: one called `map` or `json` is not of that type."""
    return _NAMED.sub(lambda m: m.group(1), text[:20_000]) if _STRUCT.search(text) else text[:20_000]


def struct_fields(type_text: str) -> list[tuple[str, str]]:
    """Return name and type of the fields of a struct, those inside others too; none of other types."""
    return _FIELD.findall(type_text[:20_000])[:_MOST_FIELDS] if _STRUCT.search(type_text) else []


def _fields(lexicon: Lexicon, text: str, context: TableContext) -> Iterator[CandidateLabel]:
    for name, kind in struct_fields(text):
        for candidate in judge_name(lexicon, lexicon.tokenize(name), kind_of(kind), context)[:1]:
            if candidate.score >= _SURE and not candidate.open:
                yield replace(candidate, reasons=(f"field {name}: {candidate.reasons[0]}", *candidate.reasons[1:]))
