"""Checks names that users give: an unknown name is an error that lists the nearest known ones."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from lampkeeper.model.errors import UsageError

_SHOWN, _NEAREST = 10, 5
_ALIKE = 0.65


def nearest_names(word: str, known: Iterable[str]) -> tuple[str, ...]:
    """Return the known names most similar to a word, the nearest first, compared as whole names or by their last part."""
    wanted = _folded(word)
    rated = sorted((-_likeness(wanted, _folded(name)), name) for name in set(known))
    return tuple(name for rating, name in rated if -rating >= _ALIKE)[:_NEAREST]


def unknown_name(what: str, word: str, known: Iterable[str], *, where: str = "", location: str = "", fix: str = "") -> UsageError:
    """Return the error for an unknown name, with the nearest known names, else the first ones.

    `where` describes the scope of the search, `location` is the file and line of the name.
    """
    names = sorted(set(known))
    near = nearest_names(word, names)
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    there = f"there are: {', '.join(names[:_SHOWN])}{more}" if names else "there are none yet"
    reported = f"nearest: {', '.join(near)}" if near else there
    message = f"{f'{location}: ' if location else ''}no {what} {word!r}{f' {where}' if where else ''} ({reported})"
    return UsageError(message, fix=fix or "use one of these names")


def require_known(what: str, word: str, known: Iterable[str], *, where: str = "", location: str = "", fix: str = "") -> None:
    """Raise UsageError, with the nearest names, for a name that is not known."""
    names = set(known)
    if word not in names:
        raise unknown_name(what, word, names, where=where, location=location, fix=fix)


def _folded(text: str) -> str:
    return text.casefold().replace("`", "").replace("-", "_").replace(" ", "_")


def _likeness(wanted: str, name: str) -> float:
    """Return the similarity of two names, 0 to 1; names that contain each other count as similar."""
    if wanted and (wanted in name or name in wanted) and min(len(wanted), len(name)) >= 3:
        return 0.9 + 0.1 * min(len(wanted), len(name)) / max(len(wanted), len(name))
    return max(_ratio(wanted, name), 0.95 * _ratio(wanted.rpartition(".")[2], name.rpartition(".")[2]))


def _ratio(one: str, other: str) -> float:
    matcher = difflib.SequenceMatcher(None, one, other, autojunk=False)
    if matcher.real_quick_ratio() < _ALIKE or matcher.quick_ratio() < _ALIKE:
        return 0.0
    return matcher.ratio()
