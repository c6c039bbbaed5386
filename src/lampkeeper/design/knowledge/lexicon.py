"""Names of columns by class and language: loads data/words.yaml and data/terms.yaml."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from lampkeeper.design.knowledge.abbreviations import shortened
from lampkeeper.design.knowledge.data_files import parse_data
from lampkeeper.design.knowledge.kinds import Kind
from lampkeeper.design.knowledge.overlay import Identifier
from lampkeeper.design.knowledge.tokens import Tokenizer, is_unspaced, pieces
from lampkeeper.design.knowledge.word_lists import word_list
from lampkeeper.model.labels import LabelClass

ENGLISH = "en"
"""Word order matters in English: a word after a noun makes it an attribute of that word."""


TERMS = ("terms.yaml", "terms_systems.yaml", "terms_languages.yaml", "terms_comments.yaml")
"""Files of phrases: general ones, those of systems and standards, those of more languages, those of comments."""

_NO_LISTS = frozenset({"short", "separable"})
_SHORTEST_JOINED = 6
"""Phrases written as one word are recognised from this many letters on (`diachi`, `nameoncard`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """One phrase of the lexicon with the rules of its entry.

    `unless`: contexts in which it does not count; `overlay`: of an overlay; `unsure`: its column may hold anything.
    """

    words: tuple[str, ...]
    language: str
    label: LabelClass
    subtype: str
    strength: str
    kinds: frozenset[Kind]
    where: frozenset[str]
    tail: frozenset[str]
    open: bool
    unless: frozenset[str] = frozenset()
    overlay: bool = False
    unsure: bool = False

    def __str__(self) -> str:
        """Return the phrase."""
        return " ".join(self.words)


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """A term found in a name: words [start, end)."""

    term: Term
    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Lexicon:
    """Terms by first word, word lists, and the tokenizer that goes with them.

    `phrases` are the terms by all their words; `sizes` are the lengths of the phrases that begin with a word, longest first.
    `plain` are further known words of names, besides those of phrases and lists.
    """

    tokenize: Tokenizer
    terms: Mapping[str, tuple[Term, ...]]
    lists: Mapping[str, frozenset[tuple[str, ...]]]
    words: Mapping[str, frozenset[str]]
    phrases: Mapping[tuple[str, ...], tuple[Term, ...]]
    sizes: Mapping[str, tuple[int, ...]]
    plain: frozenset[str] = frozenset()

    def find(self, words: tuple[str, ...]) -> Iterator[Match]:
        """Yield every term that occurs in the words."""
        for start, word in enumerate(words):
            for size in self.sizes.get(word, ()):
                end = start + size
                if end <= len(words):
                    for term in self.phrases.get(words[start:end], ()):
                        yield Match(term=term, start=start, end=end)

    def is_in(self, name: str, words: tuple[str, ...]) -> bool:
        """Return whether any phrase of the named list occurs in the words."""
        single = self.words[name]
        if any(w in single for w in words):
            return True
        phrases = self.lists[name]
        return any(words[i : i + n] in phrases for n in (2, 3) for i in range(len(words) + 1 - n))

    def without(self, name: str, words: tuple[str, ...]) -> tuple[str, ...]:
        """Return the words that belong to no phrase of the named list."""
        left: list[str] = []
        index = 0
        while index < len(words):
            size = next((n for n in (3, 2, 1) if index + n <= len(words) and words[index : index + n] in self.lists[name]), 0)
            left.extend(words[index : index + 1] if not size else ())
            index += size or 1
        return tuple(left)


def _tokenizer(words: Mapping[str, Any], entries: list[dict[str, Any]]) -> Tokenizer:
    direct = {str(k): tuple(pieces(str(v))) for k, v in words["short"].items()}
    short = {k: tuple(w for part in v for w in direct.get(part, (part,))) for k, v in direct.items()}
    english: set[str] = set()
    foreign: set[str] = set()
    for name, phrases in words.items():
        if name not in _NO_LISTS:
            english.update(p for phrase in phrases for p in pieces(str(phrase)))
    for entry in entries:
        for language, phrases in entry["terms"].items():
            # Short words of an overlay (`ein`, `fin`) count only as whole words: names are not cut into them.
            into = english if language == ENGLISH and not entry.get("overlay") else foreign
            into.update(p for phrase in phrases for p in pieces(str(phrase)))
    known = english | foreign | {w for value in short.values() for w in value}
    joinable = (
        {w for w in english if len(w) >= 3 and w not in word_list("stop_words")}
        | {w for w in foreign if len(w) >= 4}
        | {w for w in short if len(w) >= 3}
    )
    plain = Tokenizer(short=short, known=frozenset(known), joinable=frozenset(joinable))
    joined: dict[str, tuple[str, ...]] = {}
    for phrase in sorted(str(p) for e in entries for v in e["terms"].values() for p in v if " " in str(p)):
        together = "".join(pieces(phrase))
        if len(together) >= _SHORTEST_JOINED and together not in known:
            joined.setdefault(together, plain(phrase))
    return replace(
        plain,
        joined=joined,
        shortened=shortened(english | {w for value in short.values() for w in value}, frozenset(known)),
        unspaced=frozenset(w for w in known if is_unspaced(w)),
        separable=tuple(sorted((str(w) for w in words["separable"]), key=lambda w: (-len(w), w))),
    )


@cache
def _data() -> tuple[dict[str, Any], list[dict[str, Any]]]:
    return parse_data("words.yaml"), [entry for name in TERMS for entry in parse_data(name)]


@cache
def _plain_words() -> frozenset[str]:
    return frozenset(str(w) for words in parse_data("plain_words.yaml").values() for w in words)


@cache
def load_lexicon() -> Lexicon:
    """Return the lexicon without any overlay; built once."""
    return build_lexicon(())


def build_lexicon(identifiers: Iterable[Identifier]) -> Lexicon:
    """Return the lexicon with the phrases of an overlay's identifiers added; their order does not matter."""
    words, entries = _data()
    entries = [*entries, *(_entry(i) for i in identifiers if i.phrases)]
    tokenize = _tokenizer(words, entries)
    terms: dict[str, dict[tuple[Any, ...], Term]] = defaultdict(dict)
    for entry in entries:
        rules = _rules(entry, tokenize)
        for language, phrases in entry["terms"].items():
            for phrase in phrases:
                term = Term(words=tokenize(str(phrase)), language=language, **rules)
                key = (term.words, term.label, term.subtype, term.strength, term.overlay)
                before = terms[term.words[0]].get(key)
                terms[term.words[0]][key] = term if before is None else _wider(before, term)
    phrases_of = {n: frozenset(tokenize(str(p)) for p in v) for n, v in words.items() if n not in _NO_LISTS}
    single = {n: frozenset(p[0] for p in v if len(p) == 1) for n, v in phrases_of.items()}
    ordered = {w: tuple(sorted(t.values(), key=_order)) for w, t in terms.items()}
    by_words: dict[tuple[str, ...], list[Term]] = defaultdict(list)
    for term in (t for same in ordered.values() for t in same):
        by_words[term.words].append(term)
    return Lexicon(
        tokenize=tokenize,
        terms=ordered,
        lists=phrases_of,
        words=single,
        phrases={w: tuple(t) for w, t in by_words.items()},
        sizes={w: tuple(sorted({len(t.words) for t in same}, reverse=True)) for w, same in ordered.items()},
        plain=_plain_words(),
    )


def _rules(entry: Mapping[str, Any], tokenize: Tokenizer) -> dict[str, Any]:
    """Return the common fields of the terms of an entry's phrases, as fields of Term."""
    return {
        "label": LabelClass(entry["class"]),
        "subtype": entry.get("subtype", ""),
        "strength": entry["strength"],
        "kinds": frozenset(Kind(k) for k in entry["kinds"]),
        "where": frozenset(entry.get("where", ())),
        "tail": frozenset(w for t in entry.get("tail", ()) for w in tokenize(str(t))),
        "open": bool(entry.get("open", False)),
        "unless": frozenset(entry.get("unless", ())),
        "overlay": bool(entry.get("overlay", False)),
        "unsure": bool(entry.get("unsure", False)),
    }


def _order(term: Term) -> tuple[Any, ...]:
    return (-len(term.words), term.words, term.label, term.subtype, term.overlay, term.strength)


def _wider(one: Term, other: Term) -> Term:
    """Return the union of two entries for the same phrase and class: it counts in each context in which one of them does."""
    return replace(
        one,
        language=min(one.language, other.language),
        kinds=one.kinds | other.kinds,
        where=one.where | other.where,
        unless=one.unless & other.unless,
        open=one.open and other.open,
    )


def _entry(identifier: Identifier) -> dict[str, Any]:
    terms: dict[str, list[str]] = defaultdict(list)
    for phrase in identifier.phrases:
        terms[phrase.language].append(phrase.text)
    return {
        "class": str(identifier.label), "subtype": identifier.subtype, "strength": identifier.strength, "kinds": identifier.kinds,
        "where": identifier.where, "unless": identifier.unless, "open": identifier.open, "terms": terms, "overlay": True,
        "tail": ("id", "no"),
    }  # fmt: skip
