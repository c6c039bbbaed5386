"""Reads that do not depend on each other, side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

A = TypeVar("A")
B = TypeVar("B")

THREADS = 8


def side_by_side(read: Callable[[A], B], items: Iterable[A]) -> list[B]:
    """Return the result for each item, in the order of the items; the first error is raised, in that order too."""
    waiting = list(items)
    if len(waiting) < 2:
        return [read(each) for each in waiting]
    with ThreadPoolExecutor(max_workers=min(THREADS, len(waiting)), thread_name_prefix="read") as pool:
        return list(pool.map(read, waiting))
