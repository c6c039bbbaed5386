"""Names cut into words: case changes, digits, separators, short forms, and words written together."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from lampkeeper.design.knowledge.word_lists import word_list

_PIECES = re.compile(
    r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|[0-9]+|(?:[^\W\d_A-Za-z]|[\u0900-\u0963\u0980-\u0dff\u0e31-\u0e4e])+"
)
"""The last alternative is words of other scripts; for `re`, Indic and Thai vowel signs are not letters."""
_UNSPACED = re.compile(r"[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff]")
"""Scripts that write words without blanks between them: Thai, kana, Han."""
_FOLD = str.maketrans({"đ": "d", "Đ": "D", "ß": "ss", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "æ": "ae", "œ": "oe", "ı": "i"})
_SHORT_ENDS = frozenset({"nm", "dt", "cd", "nr"})
"""Short forms at the end of a joined name (`custnm`); inside one they do not count."""
_INITIALS = {"f": "first", "m": "middle", "l": "last"}
_LONGEST_NAME = 200
_LEAST_REST = 3
_NO_PLURAL = ("ss", "us", "is")


def fold(text: str) -> str:
    """Return the text without accents."""
    if text.isascii():
        return text
    decomposed = unicodedata.normalize("NFKD", text.translate(_FOLD))
    return unicodedata.normalize("NFC", "".join(c for c in decomposed if not unicodedata.combining(c)))


def is_unspaced(text: str) -> bool:
    """Return whether the text is in a script without blanks between words."""
    return _UNSPACED.search(text) is not None


@lru_cache(maxsize=1 << 16)
def pieces(name: str) -> tuple[str, ...]:
    """Return the raw lower-case pieces of a name, before short forms are mapped."""
    return tuple(p.lower() for p in _PIECES.findall(fold(name[:_LONGEST_NAME])))


def _spelled_out(words: tuple[str, ...]) -> tuple[str, ...]:
    """Return the words with `f name`, `m name` and `l name` written out."""
    if "name" not in words[1:]:
        return words
    return tuple(_INITIALS.get(w, w) if words[i + 1 : i + 2] == ("name",) else w for i, w in enumerate(words))


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokenizer:
    """Cuts names with a list of short forms and a vocabulary of known words."""

    short: Mapping[str, tuple[str, ...]]
    known: frozenset[str]
    joinable: frozenset[str]
    joined: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    shortened: Mapping[str, str] = field(default_factory=dict)
    unspaced: frozenset[str] = frozenset()
    separable: tuple[str, ...] = ()
    _cache: dict[str, tuple[str, ...]] = field(default_factory=dict, repr=False, compare=False)

    def __call__(self, name: str) -> tuple[str, ...]:
        """Return the words of a name in order, lower case, short forms written out."""
        found = self._cache.get(name)
        if found is None:
            found = _spelled_out(tuple(word for piece in pieces(name) for word in self._words(piece)))
            if len(self._cache) < 200_000:
                self._cache[name] = found
        return found

    def _words(self, piece: str) -> Iterable[str]:
        if piece in self.short:
            return self.short[piece]
        single = self._singular(piece)
        if single is not None:
            return self.short.get(single, (single,))
        if piece in self.known or piece.isdigit():
            return (piece,)
        if piece in self.joined:
            return self.joined[piece]
        if is_unspaced(piece):
            return self._longest(piece)
        split = self._split(piece)
        if split is not None:
            return tuple(word for part in split for word in self._part(part))
        if piece in self.shortened:
            return self._part(self.shortened[piece])
        return self._separated(piece)

    def _separated(self, piece: str) -> tuple[str, ...]:
        """Return the piece without a word at its end or beginning, if only one word fits there."""
        for word in self.separable:
            if len(piece) < len(word) + _LEAST_REST:
                continue
            if piece.endswith(word):
                return (*self._words(piece[: -len(word)]), *self._words(word))
            if piece.startswith(word):
                return (*self._words(word), *self._words(piece[len(word) :]))
        return (piece,)

    def _part(self, part: str) -> tuple[str, ...]:
        single = self._singular(part) or part
        return self.short.get(part) or self.short.get(single, (single,))

    def _longest(self, piece: str) -> tuple[str, ...]:
        """Return the piece cut from the left into the longest known words; unknown letters between them stay together."""
        found: list[str] = []
        start = gap = 0
        while start < len(piece):
            end = next((e for e in range(min(len(piece), start + 12), start, -1) if piece[start:e] in self.unspaced), 0)
            if not end:
                start += 1
                continue
            found.extend(w for w in (piece[gap:start], piece[start:end]) if w)
            start = gap = end
        return (*found, piece[gap:]) if gap < len(piece) else tuple(found)

    def _singular(self, piece: str) -> str | None:
        if len(piece) < 4 or piece.endswith(_NO_PLURAL):
            return None
        for ending, instead in (("ies", "y"), ("sses", "ss"), ("uses", "us"), ("s", "")):
            if piece.endswith(ending):
                stem = piece[: -len(ending)] + instead
                if len(stem) >= 3 and (stem in self.known or stem in self.short):
                    return stem
        return None

    def _split(self, piece: str) -> list[str] | None:
        """Return the fewest joinable words that spell the piece, or None; all of it must be known."""
        if not 5 <= len(piece) <= 40:
            return None
        best: list[list[str] | None] = [[]] + [None] * len(piece)
        for end in range(1, len(piece) + 1):
            for start in range(max(0, end - 16), end):
                head, word = best[start], piece[start:end]
                if head is None or not self._joins(word, start, end == len(piece)):
                    continue
                current = best[end]
                if current is None or len(head) + 1 < len(current):
                    best[end] = [*head, word]
        return best[len(piece)]

    def _joins(self, word: str, start: int, last: bool) -> bool:
        """Return whether a word may be part of a joined name: at its start, inside it, or at its end."""
        if word in self.joinable:
            return True
        if start == 0:
            return False
        return (
            word in word_list("short_joinable_words") or (last and word in _SHORT_ENDS) or self._singular(word) in self.joinable
        )
