"""Names cut into words: case changes, digits, separators, short forms, and words written together."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

_PIECES = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|[0-9]+|[^\W\d_A-Za-z]+")
_FOLD = str.maketrans({"đ": "d", "Đ": "D", "ß": "ss", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "æ": "ae", "œ": "oe", "ı": "i"})
_SHORT_WORDS = frozenset({"of", "id", "no", "to", "by", "ip", "is", "on"})
_INITIALS = {"f": "first", "m": "middle", "l": "last"}
_LONGEST_NAME = 200
_NO_PLURAL = ("ss", "us", "is")


def fold(text: str) -> str:
    """Return the text without accents."""
    decomposed = unicodedata.normalize("NFKD", text.translate(_FOLD))
    return "".join(c for c in decomposed if not unicodedata.combining(c))


def pieces(name: str) -> list[str]:
    """Return the raw lower-case pieces of a name, before short forms are mapped."""
    return [p.lower() for p in _PIECES.findall(fold(name[:_LONGEST_NAME]))]


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
        split = self._split(piece)
        if split is None:
            return (piece,)
        return tuple(word for part in split for word in self.short.get(part, (part,)))

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
                if head is None or not (word in self.joinable or (word in _SHORT_WORDS and start > 0)):
                    continue
                current = best[end]
                if current is None or len(head) + 1 < len(current):
                    best[end] = [*head, word]
        return best[len(piece)]
