"""Word lists and type hints of the classifier: data with a reason and an example for each, read when first needed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from lampkeeper.design.knowledge.data_files import parse_data
from lampkeeper.model.errors import InternalError
from lampkeeper.model.labels import LabelClass

_WORDS_FILE, _TYPES_FILE = "name_words.yaml", "type_hints.yaml"
_STRENGTHS = ("hint", "sure")


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeHint:
    """The label from a column type alone. `sure`: such a column can hold nothing else."""

    label: LabelClass
    subtype: str
    sure: bool


@cache
def word_list(name: str) -> frozenset[str]:
    """Return the words of a list of name_words.yaml."""
    return _word_lists()[name]


@cache
def type_hints() -> Mapping[str, TypeHint]:
    """Return the hints of type_hints.yaml by type, in lower case."""
    return read_type_hints(parse_data(_TYPES_FILE))


@cache
def _word_lists() -> Mapping[str, frozenset[str]]:
    return read_word_lists(parse_data(_WORDS_FILE))


def read_word_lists(data: Any, location: str = _WORDS_FILE) -> dict[str, frozenset[str]]:
    """Return the words by list.

    Raises InternalError, with the location, for an entry without a reason, and for a word without an example or listed twice.
    """
    return {str(name): frozenset(_words(entries, f"{location}: {name}")) for name, entries in data.items()}


def _words(entries: Any, location: str) -> list[str]:
    found: list[str] = []
    for number, entry in enumerate(entries, start=1):
        at = f"{location}: entry {number}"
        _require_text(entry, "reason", at)
        words = entry.get("words")
        if not isinstance(words, dict) or not words or set(entry) != {"reason", "words"}:
            raise InternalError(f"{at}: expected a reason, and words with an example each")
        for word, example in words.items():
            if not isinstance(word, str) or not isinstance(example, str) or not example.strip():
                raise InternalError(f"{at}: {word!r} has no example of a name that it is for")
            if word in found:
                raise InternalError(f"{at}: {word!r} is listed twice")
            found.append(word)
    return found


def read_type_hints(data: Any, location: str = _TYPES_FILE) -> dict[str, TypeHint]:
    """Return the hints by type; raise InternalError, with the location, for an entry that lacks something."""
    found: dict[str, TypeHint] = {}
    for number, entry in enumerate(data, start=1):
        at = f"{location}: entry {number}"
        for field in ("type", "class", "strength", "reason", "example"):
            _require_text(entry, field, at)
        if entry["strength"] not in _STRENGTHS or entry["type"] in found:
            raise InternalError(f"{at}: strength is hint or sure, and each type is listed once")
        label = LabelClass(entry["class"])
        found[entry["type"]] = TypeHint(label=label, subtype=entry.get("subtype", ""), sure=entry["strength"] == "sure")
    return found


def _require_text(entry: Any, field: str, location: str) -> None:
    given = entry.get(field) if isinstance(entry, dict) else None
    if not isinstance(given, str) or not given.strip():
        raise InternalError(f"{location}: has no {field}")
