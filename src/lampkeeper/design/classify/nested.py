"""What a column of a nested type holds: the fields of a struct by their names, and open-ended types by what they may carry."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from lampkeeper.design.classify.context import TableContext
from lampkeeper.design.classify.naming import Candidate, judge_name
from lampkeeper.design.knowledge.kinds import kind_of
from lampkeeper.design.knowledge.lexicon import Lexicon
from lampkeeper.model.labels import LabelClass

_STRUCT = re.compile(r"\b(?:struct|row|record|object)\s*[<(]", re.IGNORECASE)
_FIELD = re.compile(r"[<(,]\s*[`\"]?(\w+)[`\"]?\s*(?::\s*|\s+)([a-z]\w*)", re.IGNORECASE)
_OPEN_ENDED = re.compile(r"(?:map|variant|jsonb?|hstore|super|object|bson)\b", re.IGNORECASE)
_MOST_FIELDS = 200
_SURE, _UNSURE = 0.6, 0.5


def judge_nested(lexicon: Lexicon, words: tuple[str, ...], type_text: str, context: TableContext) -> Iterator[Candidate]:
    """Yield what the fields of a struct say, and that a map, a variant or JSON of somebody's data waits for review."""
    text = type_text.strip()
    if _STRUCT.search(text):
        yield from _fields(lexicon, text, context)
    elif _OPEN_ENDED.match(text) and _may_hold_people(lexicon, words, context):
        reasons = (f"{text.split('<')[0].lower()} may hold anything",)
        yield Candidate(
            label=LabelClass.FREE_TEXT, sub="payload", score=_UNSURE, open=False, length=0, reasons=reasons
        )  # fmt: skip


def _fields(lexicon: Lexicon, text: str, context: TableContext) -> Iterator[Candidate]:
    found = _FIELD.findall(text[:20_000])[:_MOST_FIELDS]
    for name, kind in found:
        for candidate in judge_name(lexicon, lexicon.tokenize(name), kind_of(kind), context)[:1]:
            if candidate.score >= _SURE and not candidate.open:
                yield replace(candidate, reasons=(f"field {name}: {candidate.reasons[0]}", *candidate.reasons[1:]))


def _may_hold_people(lexicon: Lexicon, words: tuple[str, ...], context: TableContext) -> bool:
    if any(w in lexicon.words["about"] or w in lexicon.words["settled"] for w in words):
        return False
    return context.of_people or any(w in lexicon.words["holders"] for w in words)
