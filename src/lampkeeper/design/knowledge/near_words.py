"""Finds the known word that a misspelt one means, if there is exactly one."""

from __future__ import annotations

import re
from collections.abc import Iterable

_SHORT, _LONG = 5, 8
"""Words shorter than the first number may differ in case and separators only: `pci` is not a misspelt `pii`."""


def near_word(word: str, known: Iterable[str]) -> str | None:
    """Return the nearest known word, by case, separators or typing errors; None for none or a tie.

    Digits must be the same: `last4` is not a misspelt `last6`.
    """
    candidates = sorted(set(known) - {word})
    same = [c for c in candidates if _plain(c) == _plain(word)]
    if same:
        return same[0] if len(same) == 1 else None
    allowed = 2 if len(word) >= _LONG else 1 if len(word) >= _SHORT else 0
    slips = {c: _distance(_plain(word), _plain(c), allowed) for c in candidates if _digits(c) == _digits(word)}
    least = min(slips.values(), default=allowed + 1)
    close = [c for c, count in slips.items() if count == least <= allowed and count]
    return close[0] if len(close) == 1 else None


def _plain(word: str) -> str:
    return re.sub(r"[\W_]+", "_", word.casefold()).strip("_")


def _digits(word: str) -> str:
    return re.sub(r"\D", "", word)


def _distance(a: str, b: str, most: int) -> int:
    """Return the number of typing errors (insert, delete, replace, swap of neighbours) between words; past `most` any larger."""
    if abs(len(a) - len(b)) > most:
        return most + 1
    rows = [list(range(len(b) + 1))]
    for i, left in enumerate(a, start=1):
        row = [i]
        for j, right in enumerate(b, start=1):
            cost = min(rows[-1][j] + 1, row[j - 1] + 1, rows[-1][j - 1] + (left != right))
            if i > 1 and j > 1 and left == b[j - 2] and a[i - 2] == right:
                cost = min(cost, rows[-2][j - 2] + 1)
            row.append(cost)
        rows.append(row)
    return rows[-1][-1]
