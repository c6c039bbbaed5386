"""Deterministic choices that look random: a function of the words that name them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TypeVar

_T = TypeVar("_T")


class DeterministicRandom:
    """A stream of choices seeded by words, such as table, column and row: the same words give the same choices."""

    def __init__(self, *words: object) -> None:
        """Seed the stream with these words."""
        self._seed = "\x1f".join(str(w) for w in words).encode("utf-8", "surrogatepass")
        self._count = 0

    def number(self, low: int, high: int) -> int:
        """Return a whole number from low to high, both included."""
        self._count += 1
        digest = hashlib.blake2b(self._seed + self._count.to_bytes(4, "big"), digest_size=8).digest()
        return low + int.from_bytes(digest, "big") % (high - low + 1)

    def choice(self, items: Sequence[_T]) -> _T:
        """Return one of the items."""
        return items[self.number(0, len(items) - 1)]

    def digits(self, count: int) -> str:
        """Return this many digits, of which the first is not zero."""
        return str(self.number(10 ** (count - 1), 10**count - 1)) if count > 0 else ""

    def letters(self, count: int, alphabet: str = "ABCDEFGHJKLMNPQRSTUVWXYZ") -> str:
        """Return this many letters."""
        return "".join(self.choice(alphabet) for _ in range(count))

    def hexadecimal(self, count: int) -> str:
        """Return this many hexadecimal digits."""
        return self.letters(count, "0123456789abcdef")

    def amount(self, low: int, high: int, scale: int = 2) -> Decimal:
        """Return a decimal from low to high with `scale` decimal places."""
        return Decimal(self.number(low * 10**scale, high * 10**scale)).scaleb(-scale)

    def day(self, first: date, last: date) -> date:
        """Return a day from first to last."""
        return first + timedelta(days=self.number(0, (last - first).days))

    def moment(self, first: date, last: date) -> datetime:
        """Return a moment (UTC) on a day from first to last, whole seconds."""
        day = self.day(first, last)
        return datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(seconds=self.number(0, 86_399))
