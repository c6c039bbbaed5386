"""Derived short forms that fit exactly one word: the word without vowels (`cntct`), or its beginning (`insur`)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache

_VOWELS = frozenset("aeiou")
_LEAST_SKELETON, _LEAST_BEGINNING = 3, 4
_LONGEST = 14


def skeletons(word: str) -> frozenset[str]:
    """Return the word without vowels after its first letter: with and without double letters, with and without `y`."""
    found = set()
    for dropped in (_VOWELS, _VOWELS | {"y"}):
        bones = word[:1] + "".join(c for c in word[1:] if c not in dropped)
        found |= {bones, _once(bones)}
    return frozenset(found - {word})


def _once(text: str) -> str:
    return "".join(c for i, c in enumerate(text) if i == 0 or c != text[i - 1])


def shortened(words: Iterable[str], known: frozenset[str]) -> Mapping[str, str]:
    """Return short form to word for every form that fits exactly one of the words and is not a word itself.

    A whole skeleton counts before the beginning of a skeleton, that before the beginning of the word.
    """
    found: dict[str, str] = {}
    for form, meant in _meanings(frozenset(words)):
        if form not in known:
            found.setdefault(form, meant)
    return found


@lru_cache(maxsize=2)
def _meanings(words: frozenset[str]) -> tuple[tuple[str, str], ...]:
    """Return short forms with their one meaning, those that count first in front; the words of all overlays are the same."""
    whole: dict[str, set[str]] = {}
    bones: dict[str, set[str]] = {}
    starts: dict[str, set[str]] = {}
    for word in sorted(words):
        if not (word.isascii() and word.isalpha() and _LEAST_BEGINNING <= len(word) <= _LONGEST):
            continue
        for form in skeletons(word):
            if len(form) >= _LEAST_SKELETON:
                whole.setdefault(form, set()).add(word)
            for end in range(_LEAST_BEGINNING, len(form)):
                bones.setdefault(form[:end], set()).add(word)
        for end in range(_LEAST_BEGINNING, len(word)):
            starts.setdefault(word[:end], set()).add(word)
    meanings = ((form, _one_meaning(fits)) for forms in (whole, bones, starts) for form, fits in forms.items())
    return tuple((form, meant) for form, meant in meanings if meant)


def _one_meaning(fits: set[str]) -> str:
    """Return the word that all the others are longer forms of (`diagnosis` has none beside `diagnostic`), or nothing."""
    least = min(fits, key=lambda w: (len(w), w))
    return least if all(w.startswith(least) for w in fits) else ""
