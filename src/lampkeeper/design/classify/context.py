"""What a table is about, told by its name and by its columns: people, organisations, reference data, health, pay, money."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lampkeeper.design.knowledge.lexicon import Lexicon
from lampkeeper.model.labels import LabelClass

_PERSONAL = frozenset(
    {LabelClass.EMAIL, LabelClass.PHONE, LabelClass.DOB, LabelClass.NATIONAL_ID, LabelClass.NAME, LabelClass.DEMOGRAPHIC}
)
_ABOUT_PEOPLE = frozenset(
    {"address", "contact", "detail", "details", "info", "information", "profile", "data", "master", "identifier",
     "personal", "account", "record", "registration",
     "application", "login", "demographics", "history", "document", "background", "bio", "mst", "dim", "tbl", "tb", "table",
     "raw", "stg", "staging", "base", "core", "temp", "tmp", "backup", "bak", "entity", "view", "vw", "v", "extract", "snapshot",
     "hist", "archive", "dump", "dataset", "csv", "register", "directory", "roster", "enrolment", "enrollment", "admission",
     "onboarding", "biodata", "churn", "hdr", "header"}
)  # fmt: skip
_MAIL = frozenset({"email", "mail", "mailing", "message", "newsletter", "inbox", "outbox", "envelope", "correspondence", "sms"})
_CARD = frozenset({"card", "cards", "kartu", "karte", "tarjeta"})
_AML = frozenset({"aml", "kyc", "fraud", "sanctions", "compliance"})
_TALK = frozenset(
    {"note", "message", "sms", "comment", "chat", "feedback", "review", "conversation", "ticket", "complaint", "call"}
)
_INDIA = frozenset({"gst", "gstin", "aadhaar", "aadhar", "ifsc", "tds", "india", "uan", "hsn", "upi", "pincode", "esic", "pan"})
_READINGS = frozenset({"lab", "laboratory", "measurement", "observation", "vital", "vitals", "test", "result", "reading"})
_BOOKS = frozenset({"product", "gl", "journal", "trial", "office", "budget", "asset", "inventory", "template"})
_AUTH = frozenset({"oauth", "token", "auth", "authentication", "session", "credential", "login", "password", "sso", "secret"})
_CALLS = frozenset({"cdr", "call", "calls", "dialer", "telephony", "voicemail"})
_TOPICS_OF_TABLES = {
    "card": _CARD, "readings": _READINGS, "books": _BOOKS, "talk": _TALK, "mail": _MAIL, "auth": _AUTH, "cdr": _CALLS,
}  # fmt: skip
"""Topics that a word of the table's name is enough for."""
_ONE_PERSON = frozenset({LabelClass.DOB, LabelClass.NATIONAL_ID, LabelClass.DEMOGRAPHIC})
_RACE = frozenset({"race"})
_SPORT = frozenset(
    {
        "deck",
        "mana",
        "rarity",
        "spell",
        "monster",
        "quest",
        "loot",
        "weapon",
        "attack",
        "flavor",
        "lap",
        "circuit",
        "horse",
        "jockey",
        "racer",
        "podium",
        "finish",
        "grid",
        "stadium",
        "tournament",
    }
)
"""Runners, horses and the people of games have races too, so the word alone describes nobody."""
_MACHINES = frozenset(
    {"oauth", "oauth2", "oidc", "saml", "http", "api", "ftp", "ssh", "ldap", "smtp", "dns", "dhcp", "email", "mqtt"}
)
"""A client or an agent of these is a program."""
_FOREIGN = frozenset({"id", "my", "vi", "th", "eu", "pt", "tr", "zh", "ja", "ko", "ru", "ar", "af"})
_ENOUGH_FOREIGN = 2
_ENOUGH_HEALTH = 2
_ANSWERS = frozenset({"attribute", "answer", "response", "submission", "questionnaire", "survey", "meta", "metadata", "eav"})
_THINGS_WITH_ATTRIBUTES = frozenset(
    {"product", "item", "sku", "catalog", "catalogue", "asset", "device", "post", "page", "term", "option", "config", "setting"}
)
_FEWEST_PREFIXED, _MOST_PREFIXED = 3, 0.7
_KEYS = frozenset({"id", "number", "key", "uuid", "code", "ref"})


@dataclass(frozen=True, slots=True, kw_only=True)
class TableContext:
    """What surrounds a column. `person`: rows are people; `linked`: rows belong to people (a key of a person is there)."""

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
        """Return whether any context that a term asks for is here."""
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
    if {"diagnosis", "icd", "encounter", "patient", "mrn"} & every and not reference:
        topics.add("health")
    linked = lexicon.is_in("person", words) or _has_person_key(lexicon, columns) or "payslip" in words
    if not reference and _speaks_of_health(lexicon, columns, _ENOUGH_HEALTH if person or linked else _ENOUGH_HEALTH + 1):
        topics.add("health")
    if {"payslip", "salary", "payroll"} & every and not reference:
        topics.add("pay")
    return TableContext(
        person=person, linked=linked and not reference, organisation=organisation, reference=reference, topics=frozenset(topics)
    )


def _topics(lexicon: Lexicon, words: tuple[str, ...], columns: Sequence[tuple[str, ...]], schema: str) -> set[str]:
    """Return what the words of the table, of its schema and of its columns speak of, people apart."""
    table, every, place = set(words), {w for c in columns for w in c}, lexicon.tokenize(schema)
    topics = {t for t in ("health", "pay", "money") if lexicon.is_in(t, words)}
    topics.update(topic for topic, evidence in _TOPICS_OF_TABLES.items() if evidence & table)
    reported = {
        "card": bool({"cvv", "cvc"} & every),
        "india": bool(_INDIA & (table | (every - {"pan"}) | set(place))),
        "sport": bool(_RACE & table or _SPORT & every),
        "mail": _looks_like_mail(columns),
        "bank_account": {"bank", "account"} <= table,
        "answers": _holds_answers(words),
        "aml": bool(_AML & (table | every)),
        "health_schema": lexicon.is_in("health", place),
        "foreign": _is_foreign(lexicon, columns),
    }
    return topics | {topic for topic, is_reported in reported.items() if is_reported}


def _looks_like_mail(columns: Iterable[tuple[str, ...]]) -> bool:
    """Return whether the table has a sender, a recipient and what goes with a letter."""
    single = {c[0] for c in columns if len(c) == 1}
    return {"from", "to"} <= single and bool(single & {"subject", "body", "cc", "bcc"})


def _speaks_of_health(lexicon: Lexicon, columns: Iterable[tuple[str, ...]], enough: int) -> bool:
    """Return whether enough columns are called after findings, complaints, drugs."""
    found: set[tuple[str, ...]] = set()
    for words in columns:
        for match in lexicon.find(words):
            term = match.term
            if term.label is LabelClass.HEALTH and term.strength == "strong" and len(words) <= len(term.words) + 1:
                found.add(term.words)
    return len(found) >= enough


def _holds_answers(words: tuple[str, ...]) -> bool:
    """Return whether the table keeps one value a row, whatever was asked: answers of forms, attributes of entities."""
    return bool(_ANSWERS & set(words)) and not _THINGS_WITH_ATTRIBUTES & set(words)


def personal_evidence(lexicon: Lexicon, columns: Iterable[tuple[str, ...]]) -> bool:
    """Return whether the columns describe people: a birth date or national id, or two kinds of other personal columns."""
    found: set[LabelClass] = set()
    described = False
    for words in columns:
        for match in lexicon.find(words):
            term = match.term
            if _RACE & set(term.words):
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
    """Return whether two columns or more, and at least as many as speak English, are called something in another language."""
    languages = [{m.term.language in _FOREIGN for m in lexicon.find(c)} for c in columns]
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
    """Return whether a street or a postal code is among the columns, or the table is called after addresses."""
    for words in (table, *columns):
        for match in lexicon.find(words):
            term = match.term
            place = term.label is LabelClass.ADDRESS and term.strength == "strong" and term.subtype in ("", "postal")
            if place and len(words) <= len(term.words) + 1:
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
    if tail[-1:] in (("client",), ("agent",)) and _MACHINES & set(tail):
        return False
    while tail:
        if any(tail[-n:] in lexicon.lists["person"] for n in (1, 2, 3)) and tail[-1:] != ("contact",):
            return True
        if tail[-1] not in _ABOUT_PEOPLE or len(tail) == 1:
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
        if len(words) in (2, 3) and words[-1] in _KEYS and lexicon.is_in("person", words[-2:-1]):
            return True
        if len(words) == 1 and words[0] in {"employee", "patient", "customer", "client", "student"}:
            return True
    return False
