"""Columns with unknown names: they need a review unless there is evidence that they are harmless.

Such evidence is a known word in the name or comment, a type that cannot hold personal data, or the shape of the values.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from lampkeeper.design.classify.naming import CandidateLabel
from lampkeeper.design.classify.nested import struct_fields
from lampkeeper.design.knowledge.kinds import Kind, kind_of
from lampkeeper.design.knowledge.lexicon import Lexicon
from lampkeeper.design.knowledge.word_lists import word_list
from lampkeeper.model.labels import LabelClass

OPAQUE = "opaque"
_SCORE = 0.43
_SHORTEST_PART, _LONG_PART, _SHORTEST_LETTERED, _LONGEST_GLUED = 3, 4, 4, 40
_SMALL = re.compile(
    r"(?:tinyint|smallint|byte|short|interval|void|null|char|time)(?![\w(])"
    r"|(?:n?var)?char2?\s*\(\s*[1-3]\s*(?:char|byte)?\s*\)|(?:dec(?:imal)?|numeric|number)\s*\(\s*[1-5]\s*[,)]",
    re.IGNORECASE,
)
"""Types of a few characters or digits, and times of a day."""
_HOLDS_NONE = frozenset({Kind.BOOL, Kind.LINK})


def judge_opaque(
    lexicon: Lexicon, words: tuple[str, ...], bare: tuple[str, ...], comment: str, type_text: str
) -> tuple[CandidateLabel, ...]:
    """Return a candidate for review if neither name nor comment nor type shows that a column is harmless.

    `bare` is the name without the common first word of the table's columns.
    """
    if cannot_hold(type_text) or is_explained(lexicon, comment):
        return ()
    fields = struct_fields(type_text)
    if fields:
        hidden = [name for name, kind in fields if not cannot_hold(kind) and not is_understood(lexicon, lexicon.tokenize(name))]
        words = lexicon.tokenize(hidden[0]) if hidden else ()
        if not hidden:
            return ()
    elif is_understood(lexicon, words) or (bare != words and is_understood(lexicon, bare)):
        return ()
    reasons = (f"unknown name {' '.join(words) or 'it'!r}",)
    return (CandidateLabel(label=LabelClass.FREE_TEXT, subtype=OPAQUE, score=_SCORE, open=False, length=0, reasons=reasons),)


def cannot_hold(type_text: str) -> bool:
    """Return whether values of the type cannot distinguish persons: a yes or no, a key, a few characters or digits."""
    return kind_of(type_text) in _HOLDS_NONE or _SMALL.match(type_text.strip()) is not None


def is_understood(lexicon: Lexicon, words: tuple[str, ...]) -> bool:
    """Return whether any word defines the content of a column, or all of them are generic (`name`, `source value`).

    Next to an unknown word, a letter or a digit, generic words do not count (`zzq_value`, `attr_12`).
    """
    return any(_says_something(lexicon, w) for w in words) or (
        bool(words) and all(w in lexicon.words["carriers"] and len(w) > 1 for w in words)
    )


def is_explained(lexicon: Lexicon, comment: str) -> bool:
    """Return whether at least half of a comment's words are known, and one of them is not generic."""
    words = [w for w in lexicon.tokenize(comment[:200]) if len(w) > 2 and not w.isdigit()]
    known = [w for w in words if _is_word(lexicon, w)]
    return len(known) * 2 >= len(words) and any(_says_something(lexicon, w) for w in known)


def _says_something(lexicon: Lexicon, word: str) -> bool:
    if word.isdigit() or len(word) < 2 or word in lexicon.words["carriers"]:
        return False
    return _is_word(lexicon, word)


def _is_word(lexicon: Lexicon, word: str) -> bool:
    if _is_listed(lexicon, word):
        return True
    if len(word) > _SHORTEST_LETTERED and word[1:] not in lexicon.words["carriers"] and _is_listed(lexicon, word[1:]):
        return True
    cuts = range(_SHORTEST_PART, len(word) - _SHORTEST_PART + 1)
    return any(_is_listed(lexicon, word[:cut]) and _is_listed(lexicon, word[cut:]) for cut in cuts) or _is_glued(lexicon, word)


def _is_glued(lexicon: Lexicon, word: str) -> bool:
    """Return whether a name consists of several long words, the last of which may be a short one for a key or a number."""
    if len(word) > _LONGEST_GLUED:
        return False
    if _is_listed(lexicon, word) or word in word_list("short_words"):
        return True
    cuts = range(_LONG_PART, len(word) - 1)
    return any(_is_listed(lexicon, word[:cut]) and _is_glued(lexicon, word[cut:]) for cut in cuts)


def _is_listed(lexicon: Lexicon, word: str) -> bool:
    """Return whether a word or its parts are known. Words of two letters are ambiguous across languages, except for a few."""
    if word in lexicon.plain or (word in lexicon.tokenize.known and (len(word) > 2 or word in word_list("short_words"))):
        return True
    return any(stem in lexicon.plain or (len(stem) > 3 and stem in lexicon.tokenize.known) for stem in _stems(word))


def _stems(word: str) -> Iterator[str]:
    """Yield what a word may be a form of: `waived` of `waive`, `tagged` of `tag`, `entries` of `entry`."""
    for ending in word_list("word_endings"):
        stem = word.removesuffix(ending)
        if stem != word and len(stem) >= _SHORTEST_PART:
            yield stem
            yield f"{stem}e"
            if stem[-1] == stem[-2]:
                yield stem[:-1]
    if word.endswith(("ies", "ied")):
        yield f"{word[:-3]}y"
