"""What comments say of columns: a short one is a second name, in any language; a long one counts for a name that says nothing."""

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
"""What is left of what a comment says: beside a name that says nothing, another thing, the same thing; of a long comment."""
_PERSON = 0.5


def weigh_comment(
    lexicon: Lexicon, comment: str, words: tuple[str, ...], kind: Kind, context: TableContext, named: Sequence[CandidateLabel]
) -> Iterator[CandidateLabel]:
    """Yield the candidates of the name and those of the comment.

    A comment takes a candidate away only where the name means two things (`post code`: of a place, of a job) and the comment
    says that it is the other.
    """
    said = _said(lexicon, comment)
    if said and words in lexicon.lists["ambiguous"] and _says_other(lexicon, said):
        named = [c for c in named if c.length < len(words)]
    yield from named
    best = max(named, key=lambda c: c.rank, default=None)
    if said and said != words and (best is None or best.score < YES):
        yield from _from_comment(lexicon, said, comment, words, kind, context, named)


def short_comment(lexicon: Lexicon, comment: str, words: tuple[str, ...]) -> Iterable[tuple[str, ...]]:
    """Yield what a short comment calls a column whose own name says nothing."""
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
            reasons = ("short comment says a person",)
            yield CandidateLabel(label=LabelClass.NAME, subtype="", score=_PERSON, open=False, length=0, reasons=reasons)
    elif not known and len(said) <= _OPAQUE_COMMENT:
        for found in judge_name(lexicon, said, kind, context):
            if found.length >= 2:
                yield _reported(found, _LONG, "comment")


def _agrees(comment: str, found: CandidateLabel, named: Sequence[CandidateLabel]) -> bool:
    """Return whether another language says what the name says too, however weakly: two signs of one thing."""
    return not comment.isascii() and any(c.label is found.label and not c.open for c in named)


def _is_person(lexicon: Lexicon, said: tuple[str, ...], comment: str) -> bool:
    """Return whether a comment in another language calls a column after people: its operator, the one responsible."""
    return not comment.isascii() and lexicon.is_in("person", said[-1:])


def _says_other(lexicon: Lexicon, said: tuple[str, ...]) -> bool:
    """Return whether a comment names a thing of no concern, and nothing else."""
    labels = {m.term.label for m in lexicon.find(said)}
    return labels == {LabelClass.NONE}


def _subject(words: tuple[str, ...]) -> tuple[str, ...]:
    """Return what a comment is about: `country of the home address` is about a country."""
    for index, word in enumerate(words):
        if index and word == "of" and words[index + 1 : index + 2] not in (("birth",), ("death",), ("kin",)):
            return words[:index]
        if index and word in word_list("relations"):
            return words[:index]
    return words


def _reported(found: CandidateLabel, factor: float, source: str) -> CandidateLabel:
    reasons = tuple(r.replace("name says", f"{source} says", 1) for r in found.reasons)
    return replace(found, score=round(found.score * factor, 3), reasons=reasons)
