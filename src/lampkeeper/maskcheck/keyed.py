"""What a keyed mask must do that a plain one need not: hang on its key for every value, fail without it, keep joins."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace

from lampkeeper.design.knowledge.library import LibraryFunction
from lampkeeper.model.hash_key import HashKey

_LEAST_DIGITS = 32
_SHARE = 0.5


def with_a_key(function: LibraryFunction) -> LibraryFunction:
    """Return the function under a key made up for this check, which nobody keeps; one that needs none as it is."""
    if not function.function.keyed:
        return function
    key = HashKey.parse(secrets.token_hex(32), "a key for one check")
    return replace(function, function=replace(function.function, body=key.insert(function.function.body)))


def hangs_on_its_key(one: Sequence[str | None], other: Sequence[str | None], none: Sequence[str | None]) -> str:
    """Return what is wrong with answers under two keys and under none; empty when nothing is."""
    if any(a is not None and a == b for a, b in zip(one, other, strict=True)):
        return "some values come out the same under another key"
    if any(a is not None for a in none):
        return "without a key it gives a value"
    return ""


def joins_kept(outs: Mapping[str, str | None], *, text: bool) -> str:
    """Return why different values would meet in a join; empty when none do. Case and blanks around a text may not count."""
    seen: dict[str, str] = {}
    for value, answer in outs.items():
        if answer is None:
            continue
        plain = value.strip().casefold() if text else value
        if text and len(answer) < _LEAST_DIGITS:
            return f"{len(answer)} characters are too few: values would collide"
        if seen.setdefault(answer, plain) != plain:
            return "two values come out the same"
    return ""


def characters_shown(plain: str, changed: Sequence[str | None]) -> int:
    """Return at how many places the answer stays as it is when characters of the value change: what is no hash there."""
    same = [c for c in changed if c is not None and len(c) == len(plain)]
    if len(same) < len(changed) or not same:
        return len(plain)
    return sum(1 for i, char in enumerate(plain) if sum(c[i] == char for c in same) > _SHARE * len(same))
