"""Candidates from comments: a short comment is a second name, in any language; a long one counts if the name is unknown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from lampkeeper.design.classify.context import TableContext
from lampkeeper.design.classify.naming import YES, CandidateLabel, judge_name
from lampkeeper.design.knowledge.kinds import Kind
from lampkeeper.design.knowledge.lexicon import Lexicon
from lampkeeper.design.knowledge.word_lists import word_list
from lampkeeper.model.labels import LabelClass

_SHORT_COMMENT = 6
_COMMENT_LETTERS = 80
_OPAQUE_COMMENT = 16
_SILENT, _OTHER, _AGREEING, _LONG = 0.85, 0.55, 0.9, 0.7
"""Factors on scores from comments: for an unknown name, a different name, an equal one; for a long comment."""
_PERSON = 0.5


def weigh_comment(
    lexicon: Lexicon, comment: str, words: tuple[str, ...], kind: Kind, context: TableContext, named: Sequence[CandidateLabel]
) -> Iterator[CandidateLabel]:
    """Yield the candidates of the name and those of the comment.

    A comment removes a candidate only if the name has two meanings (`post code`: of a place, of a job) and the comment has the
    other one.
    """
    said = _said(lexicon, comment)
    if said and words in lexicon.lists["ambiguous"] and _says_other(lexicon, said):
        named = [c for c in named if c.length < len(words)]
    yield from named
    best = max(named, key=lambda c: c.rank, default=None)
    if said and said != words and (best is None or best.score < YES):
        yield from _from_comment(lexicon, said, comment, words, kind, context, named)


def short_comment(lexicon: Lexicon, comment: str, words: tuple[str, ...]) -> Iterable[tuple[str, ...]]:
    """Yield candidates from a short comment for a column with an unknown name."""
    if not comment or len(comment) > _COMMENT_LETTERS or any(w in lexicon.tokenize.known for w in words):
        return
    said = _subject(lexicon.tokenize(comment))
    if 0 < len(said) <= _SHORT_COMMENT:
        yield said


def _said(lexicon: Lexicon, comment: str) -> tuple[str, ...]:
    """Return the words of the subject of the comment's first sentence."""
    if not comment.strip():
        return ()
    return _subject(lexicon.tokenize(comment.strip().split(". ")[0][:200]))


def _from_comment(
    lexicon: Lexicon,
    said: tuple[str, ...],
    comment: str,
    words: tuple[str, ...],
    kind: Kind,
    context: TableContext,
    named: Sequence[CandidateLabel],
) -> Iterator[CandidateLabel]:
    known = any(True for _ in lexicon.find(words)) or any(w in lexicon.words["about"] for w in words)
    if len(said) <= _SHORT_COMMENT:
        for found in judge_name(lexicon, said, kind, context):
            if found.label is not LabelClass.FINANCIAL_AMOUNT:
                factor = _SILENT if not known else _AGREEING if _agrees(comment, found, named) else _OTHER
                yield _reported(found, factor, "short comment")
        if _is_person(lexicon, said, comment) and kind in (Kind.TEXT, Kind.ANY):
            reasons = ("the short comment is about a person",)
            yield CandidateLabel(label=LabelClass.NAME, subtype="", score=_PERSON, open=False, length=0, reasons=reasons)
    elif not known and len(said) <= _OPAQUE_COMMENT:
        for found in judge_name(lexicon, said, kind, context):
            if found.length >= 2:
                yield _reported(found, _LONG, "comment")


def _agrees(comment: str, found: CandidateLabel, named: Sequence[CandidateLabel]) -> bool:
    """Return whether a comment in another language has the class of the name too: even two weak signs then count."""
    return not comment.isascii() and any(c.label is found.label and not c.open for c in named)


def _is_person(lexicon: Lexicon, said: tuple[str, ...], comment: str) -> bool:
    """Return whether a comment in another language names a person: an operator, a responsible person."""
    return not comment.isascii() and lexicon.is_in("person", said[-1:])


def _says_other(lexicon: Lexicon, said: tuple[str, ...]) -> bool:
    """Return whether a comment names only harmless things."""
    labels = {m.term.label for m in lexicon.find(said)}
    return labels == {LabelClass.NONE}


def _subject(words: tuple[str, ...]) -> tuple[str, ...]:
    """Return the subject of a comment: of `country of the home address`, a country."""
    for index, word in enumerate(words):
        if index and word == "of" and words[index + 1 : index + 2] not in (("birth",), ("death",), ("kin",)):
            return words[:index]
        if index and word in word_list("relations"):
            return words[:index]
    return words


def _reported(found: CandidateLabel, factor: float, source: str) -> CandidateLabel:
    reasons = tuple(r.replace("name says", f"{source} says", 1) for r in found.reasons)
    return replace(found, score=round(found.score * factor, 3), reasons=reasons)
