"""The topic of a table from its name and columns: people, organisations, reference data, health, pay, money."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lampkeeper.design.knowledge.lexicon import Lexicon
from lampkeeper.design.knowledge.word_lists import word_list
from lampkeeper.model.labels import LabelClass

_PERSONAL = frozenset(
    {LabelClass.EMAIL, LabelClass.PHONE, LabelClass.DOB, LabelClass.NATIONAL_ID, LabelClass.NAME, LabelClass.DEMOGRAPHIC}
)
_TOPICS_OF_TABLES = {
    "card": "card_tables", "readings": "reading_tables", "books": "book_tables", "talk": "talk_tables", "mail": "mail_tables",
    "auth": "auth_tables", "cdr": "call_tables",
}  # fmt: skip
"""Topics that one word of the table's name decides, and the list of these words."""
_ONE_PERSON = frozenset({LabelClass.DOB, LabelClass.NATIONAL_ID, LabelClass.DEMOGRAPHIC})
_RACE = "race"
"""Runners and horses have races too: the word alone does not make a table one about people."""
_ENOUGH_FOREIGN = 2
_ENOUGH_HEALTH = 2
_FEWEST_PREFIXED, _MOST_PREFIXED = 3, 0.7


@dataclass(frozen=True, slots=True, kw_only=True)
class TableContext:
    """The context of a column. `person`: rows are people; `linked`: rows belong to people (the table has a key of a person)."""

    person: bool = False
    linked: bool = False
    organisation: bool = False
    reference: bool = False
    topics: frozenset[str] = frozenset()

    @property
    def of_people(self) -> bool:
        """Return whether rows are people or belong to people."""
        return self.person or self.linked

    def serves(self, where: frozenset[str]) -> bool:
        """Return whether one of the contexts of a term applies."""
        return bool(where & self.topics) or ("person" in where and self.person) or ("linked" in where and self.of_people)


def read_context(lexicon: Lexicon, table: str, columns: Sequence[tuple[str, ...]], schema: str = "") -> TableContext:
    """Return the context of a table from its name (dotted paths too) and the words of its column names."""
    words = lexicon.tokenize(table)
    reference = _is_reference(lexicon, words)
    personal = personal_evidence(lexicon, columns)
    organisation = lexicon.is_in("organisation", words[-1:]) or (
        lexicon.is_in("organisation", words) and not lexicon.is_in("person", words)
    )
    if organisation and _describes_one(lexicon, columns):
        organisation = False
    person = not reference and not organisation and (_names_people(lexicon, words) or personal)
    topics = _topics(lexicon, words, columns, schema)
    every = {w for c in columns for w in c}
    if not reference and _holds_addresses(lexicon, words, columns):
        topics.add("addresses")
    if word_list("health_columns") & every and not reference:
        topics.add("health")
    linked = lexicon.is_in("person", words) or _has_person_key(lexicon, columns) or "payslip" in words
    if not reference and _speaks_of_health(lexicon, columns, _ENOUGH_HEALTH if person or linked else _ENOUGH_HEALTH + 1):
        topics.add("health")
    if word_list("pay_columns") & every and not reference:
        topics.add("pay")
    return TableContext(
        person=person, linked=linked and not reference, organisation=organisation, reference=reference, topics=frozenset(topics)
    )


def _topics(lexicon: Lexicon, words: tuple[str, ...], columns: Sequence[tuple[str, ...]], schema: str) -> set[str]:
    """Return the topics in the words of the table, its schema and its columns, except people."""
    table, every, schema_words = set(words), {w for c in columns for w in c}, lexicon.tokenize(schema)
    topics = {t for t in ("health", "pay", "money") if lexicon.is_in(t, words)}
    topics.update(topic for topic, name in _TOPICS_OF_TABLES.items() if word_list(name) & table)
    reported = {
        "card": bool(word_list("card_columns") & every),
        "india": bool(word_list("indian_words") & (table | (every - {"pan"}) | set(schema_words))),
        "sport": _RACE in table,
        "mail": _looks_like_mail(columns),
        "bank_account": {"bank", "account"} <= table,
        "answers": bool(word_list("answer_tables") & table),
        "aml": bool(word_list("compliance") & (table | every)),
        "health_schema": lexicon.is_in("health", schema_words),
        "foreign": _is_foreign(lexicon, columns),
    }
    return topics | {topic for topic, is_reported in reported.items() if is_reported}


def _looks_like_mail(columns: Iterable[tuple[str, ...]]) -> bool:
    """Return whether the table has a sender, a recipient and other columns of a letter."""
    single = {c[0] for c in columns if len(c) == 1}
    return {"from", "to"} <= single and bool(single & {"subject", "body", "cc", "bcc"})


def _speaks_of_health(lexicon: Lexicon, columns: Iterable[tuple[str, ...]], enough: int) -> bool:
    """Return whether enough columns are named after findings, complaints, drugs."""
    found: set[tuple[str, ...]] = set()
    for words in columns:
        for match in lexicon.find(words):
            term = match.term
            if term.label is LabelClass.HEALTH and term.strength == "strong" and len(words) <= len(term.words) + 1:
                found.add(term.words)
    return len(found) >= enough


def personal_evidence(lexicon: Lexicon, columns: Iterable[tuple[str, ...]]) -> bool:
    """Return whether the columns describe people: a birth date or national id, or two kinds of other personal columns."""
    found: set[LabelClass] = set()
    described = False
    for words in columns:
        for match in lexicon.find(words):
            term = match.term
            if _RACE in term.words:
                continue
            if term.strength == "strong" and term.label in _PERSONAL and not term.open and len(words) <= len(term.words) + 1:
                found.add(term.label)
            if (term.words == ("password",) or term.subtype == "username") and len(words) <= 2:
                found.add(LabelClass.CREDENTIALS)
            if (term.words[0] == "avatar" or term.words == ("display", "name")) and len(words) <= len(term.words) + 1:
                found.add(LabelClass.BIOMETRIC if term.words[0] == "avatar" else LabelClass.NAME)
            if term.subtype == "gender" and len(words) <= len(term.words) + 1:
                described = True
    return len(found) + described >= 2 or bool(found & _ONE_PERSON)


def _is_foreign(lexicon: Lexicon, columns: Iterable[tuple[str, ...]]) -> bool:
    """Return whether at least two columns, and at least as many as have English names, have names in another language."""
    modifiers_last = word_list("foreign_languages")
    languages = [{m.term.language in modifiers_last for m in lexicon.find(c)} for c in columns]
    foreign = sum(1 for found in languages if found == {True})
    return foreign >= _ENOUGH_FOREIGN and foreign >= sum(1 for found in languages if False in found)


def without_prefix(
    table: tuple[str, ...], columns: Sequence[tuple[str, ...]], known: frozenset[str]
) -> tuple[tuple[str, ...], ...]:
    """Return the names without the word that most of a table's columns begin with (`emp_fname`, `emp_dob`) or, if it is no
    word, end with (`nom_adh`), and without the table's initials (`ten_hs` in `hoc_sinh`); the same if there are none.
    """
    initials = "".join(w[0] for w in table if w)
    columns = [tuple(w for w in c if w != initials) or c for c in columns] if len(initials) > 1 else columns
    if len(columns) < _FEWEST_PREFIXED:
        return tuple(columns)
    first, last = _shared(c[0] for c in columns if len(c) > 1), _shared(c[-1] for c in columns if len(c) > 1)
    if first[1] >= _MOST_PREFIXED * len(columns):
        return tuple(c[1:] if len(c) > 1 and c[0] == first[0] else c for c in columns)
    if last[1] >= _MOST_PREFIXED * len(columns) and last[0] not in known:
        return tuple(c[:-1] if len(c) > 1 and c[-1] == last[0] else c for c in columns)
    return tuple(columns)


def _shared(words: Iterable[str]) -> tuple[str, int]:
    """Return the commonest word and how often it occurs."""
    return next(iter(Counter(words).most_common(1)), ("", 0))


def _holds_addresses(lexicon: Lexicon, table: tuple[str, ...], columns: Iterable[tuple[str, ...]]) -> bool:
    """Return whether a column is a street or a postal code, or the table is named after addresses."""
    for words in (table, *columns):
        for match in lexicon.find(words):
            term = match.term
            is_address = term.label is LabelClass.ADDRESS and term.strength == "strong" and term.subtype in ("", "postal")
            if is_address and len(words) <= len(term.words) + 1:
                return True
    return False


def _describes_one(lexicon: Lexicon, columns: Iterable[tuple[str, ...]]) -> bool:
    """Return whether a column holds a birth date or a national id, which no organisation has."""
    strong = (m.term for words in columns for m in lexicon.find(words) if len(words) <= len(m.term.words) + 1)
    return any(t.strength == "strong" and t.label in _ONE_PERSON and not t.open for t in strong)


def _names_people(lexicon: Lexicon, words: tuple[str, ...]) -> bool:
    if not words:
        return False
    tail = tuple(w for w in words if not w.isdigit())
    if tail[-1:] in (("client",), ("agent",)) and word_list("machines") & set(tail):
        return False
    while tail:
        if any(tail[-n:] in lexicon.lists["person"] for n in (1, 2, 3)) and tail[-1:] != ("contact",):
            return True
        if tail[-1] not in word_list("table_endings") or len(tail) == 1:
            return tail[-1:] in lexicon.lists["person"]
        if tail[-2:] == ("emergency", "contact"):
            return True
        tail = tail[:-1]
    return False


def _is_reference(lexicon: Lexicon, words: tuple[str, ...]) -> bool:
    tail = [w for w in words if not w.isdigit()]
    if len(tail) > 1 and lexicon.is_in("organisation", tuple(tail[-1:])) and lexicon.is_in("organisation", tuple(tail[:-1])):
        return False  # A unit may be one of measure; that of an organisation is part of it.
    return bool(tail) and lexicon.is_in("reference", tuple(tail[-1:]))


def _has_person_key(lexicon: Lexicon, columns: Iterable[tuple[str, ...]]) -> bool:
    for words in columns:
        if len(words) in (2, 3) and words[-1] in word_list("person_keys") and lexicon.is_in("person", words[-2:-1]):
            return True
        if len(words) == 1 and words[0] in word_list("bare_person_keys"):
            return True
    return False
