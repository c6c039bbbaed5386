"""Judges a column by its name, type and table: the candidates with their scores and reasons."""

from __future__ import annotations

from dataclasses import dataclass, replace

from lampkeeper.design.classify.context import TableContext
from lampkeeper.design.knowledge.kinds import Kind
from lampkeeper.design.knowledge.lexicon import ENGLISH, Lexicon, Match, Term
from lampkeeper.design.knowledge.word_lists import word_list
from lampkeeper.model.labels import LabelClass

YES, PENDING = 0.6, 0.42
"""Scores from which a column is protected, and from which it is undecided (protected until reviewed)."""
_ANY_TABLE = frozenset({LabelClass.CREDENTIALS, LabelClass.PAYMENT_CARD, LabelClass.CARD_SECURITY_CODE, LabelClass.COMPLIANCE})
_CONTACTS = frozenset({LabelClass.ADDRESS, LabelClass.PHONE, LabelClass.GEO, LabelClass.NAME, LabelClass.EMAIL})
_ANY_HEAD = frozenset({LabelClass.IP_DEVICE, LabelClass.CREDENTIALS, LabelClass.GEO})
_STATES = frozenset({LabelClass.HEALTH, LabelClass.DEMOGRAPHIC, LabelClass.DOB, LabelClass.COMPLIANCE})
"""Classes for which a yes or no is sensitive: `is_deceased`, `has_disability`."""

_STRONG, _CONTEXT, _WEAK, _FAINT = 0.95, 0.82, 0.5, 0.25
_UNKNOWN, _SHORTEST_UNKNOWN = 0.43, 3
_UNSURE = 0.55
_ASKING = 0.5
"""The factor of a phrase before a word that does not change the content of the column: enough for a review."""
_ARGUED_DOWN = 0.4
_COMMON = frozenset({LabelClass.ADDRESS, LabelClass.DOB, LabelClass.FINANCIAL_AMOUNT})
"""Classes whose single words (`city`, `age`, `balance`) describe things as often as people, also in overlays."""
_PLACES = frozenset({LabelClass.GEO, LabelClass.ADDRESS})
_CLASS_PRIOR = {LabelClass.PERSON_REF: -0.3}


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidateLabel:
    """One possible label of a column: term, score (0 to 1), reason. `overlay`: named by an overlay; `seen`: shown by values."""

    label: LabelClass
    subtype: str
    score: float
    open: bool
    length: int
    reasons: tuple[str, ...]
    overlay: bool = False
    seen: bool = False

    @property
    def rank(self) -> tuple[float, int, bool, str, str]:
        """Return the order of candidates: by score, then by matched words, then those of overlays before built-in ones."""
        return (self.score + _CLASS_PRIOR.get(self.label, 0.0), self.length, self.overlay, self.label, self.subtype)


def judge_name(lexicon: Lexicon, words: tuple[str, ...], kind: Kind, context: TableContext) -> tuple[CandidateLabel, ...]:
    """Return the candidates for a column of these words, best first."""
    if not words:
        return ()
    matches = tuple(lexicon.find(words))
    asked = _asked(lexicon, words, kind)
    if asked and not any(m.start < asked < m.end for m in matches):
        return tuple(c for c in judge_name(lexicon, words[asked:], kind, context) if c.label in _STATES and c.score >= _CONTEXT)
    spoiled = {i for m in matches if m.term.label is LabelClass.NONE for i in range(m.start, m.end)}
    found = []
    for match in matches:
        spoils = spoiled - set(range(match.start, match.end)) if match.term.overlay else spoiled
        if match.term.label is not LabelClass.NONE and not spoils.issuperset(range(match.start, match.end)):
            if _is_overtaken(match, matches):
                continue
            if match.term.overlay and _means_another(match, matches):
                continue
            candidate = _judge_match(lexicon, words, match, kind, context)
            if candidate is None or candidate.score < _UNKNOWN:
                candidate = _asked_about(lexicon, words, match, kind, context) or candidate
            if candidate is not None:
                found.append(candidate)
    return tuple(sorted(found, key=lambda c: c.rank, reverse=True))


def _asked_about(
    lexicon: Lexicon, words: tuple[str, ...], match: Match, kind: Kind, context: TableContext
) -> CandidateLabel | None:
    """Return a candidate for review if the name is a specific phrase without modifiers, in tables of any topic.

    Specific are the phrases of the chosen overlays, and the words listed as such.
    """
    term = match.term
    telling = (term.overlay and (term.label not in _COMMON or len(term.words) > 1)) or term.words in lexicon.lists["telling"]
    if not telling or term.open or not _fits(term, kind) or context.serves(term.unless):
        return None
    rest = (*words[: match.start], *_said_of(lexicon, words[match.end :]))
    known = lexicon.tokenize.known - lexicon.words["neutral"] - term.tail - word_list("role_words")
    if any(len(w) > 1 and w in known for w in lexicon.without("person", rest)):
        return None
    reasons = (f"the name contains {term}", "which is personal data in tables about people")
    return CandidateLabel(
        label=term.label,
        subtype=term.subtype,
        score=_UNKNOWN,
        open=False,
        length=len(term.words),
        reasons=reasons,
        overlay=term.overlay,
    )


def _is_overtaken(match: Match, matches: tuple[Match, ...]) -> bool:
    """Return whether an English phrase ends in words that begin a longer harmless one: `primary phone` of `phone type`."""
    if match.term.label in _PLACES and match.term.strength == "strong":
        return False  # A place and its name are one: `home location` of `location name`.
    return match.term.language == ENGLISH and any(
        m.term.label is LabelClass.NONE and m.start < match.end < m.end and m.start > match.start for m in matches
    )


def _means_another(match: Match, matches: tuple[Match, ...]) -> bool:
    """Return whether an overlay's phrase is part of a longer one of another class: `pan` in `card pan`."""
    return any(
        m.term.label is not match.term.label
        and m.start <= match.start
        and match.end <= m.end
        and m.end - m.start > match.end - match.start
        for m in matches
    )


def judge_figure(lexicon: Lexicon, words: tuple[str, ...], kind: Kind, context: TableContext) -> tuple[CandidateLabel, ...]:
    """Return a candidate for a number in a table about a person's pay, with any name; none for rates, days and counts."""
    if kind is not Kind.NUM or "pay" not in context.topics or not context.of_people or context.reference:
        return ()
    if any(w in lexicon.words["about"] or w in word_list("identifier_words") or w in word_list("not_money") for w in words):
        return ()
    reasons = ("a number in a table about pay",)
    return (CandidateLabel(label=LabelClass.FINANCIAL_AMOUNT, subtype="pay", score=0.66, open=False, length=0, reasons=reasons),)


def judge_unknown(lexicon: Lexicon, words: tuple[str, ...], kind: Kind, context: TableContext) -> tuple[CandidateLabel, ...]:
    """Return a weak candidate for a text column with unknown words, in a table of people in another language."""
    if kind not in (Kind.TEXT, Kind.ANY) or not context.person or "foreign" not in context.topics:
        return ()
    if not words or any(w in lexicon.tokenize.known or len(w) < _SHORTEST_UNKNOWN for w in words):
        return ()
    reasons = ("an unknown word in a table of people in another language",)
    return (CandidateLabel(label=LabelClass.FREE_TEXT, subtype="unknown", score=_UNKNOWN, open=False, length=0, reasons=reasons),)


def _asked(lexicon: Lexicon, words: tuple[str, ...], kind: Kind) -> int:
    """Return how many words make the name a question or a count (is_…, has_…, num_of_…); 0 for none."""
    if len(words) < 2 or kind is Kind.DATE:
        return 0
    return max((len(p) for p in lexicon.lists["asks"] if words[: len(p)] == p and len(words) > len(p)), default=0)


def _judge_match(
    lexicon: Lexicon, words: tuple[str, ...], match: Match, kind: Kind, context: TableContext
) -> CandidateLabel | None:
    term = match.term
    if not _fits(term, kind) or (term.unless and context.serves(term.unless)):
        return None
    head, tail = words[: match.start], words[match.end :]
    factor, why = _tail_factor(lexicon, term, tail, context)
    if factor == 0.0 or (head and head[-1] in word_list("not_of_people") and term.label not in _ANY_HEAD):
        return None
    kinds_of_state = (
        term.label in _STATES and term.strength == "strong" and head[-1:] and head[-1] in word_list("words_for_kinds")
    )
    if head and term.language != ENGLISH and head[-1] in lexicon.words["about_first"] and not kinds_of_state:
        return None
    score, note = _base_score(lexicon, term, head, tail, context)
    about_machine = term.label is not LabelClass.CREDENTIALS and ("server" in head or "host" in head)
    if about_machine or (term.label is LabelClass.ADDRESS and word_list("virtual_addresses") & set(head)):
        return None
    reasons = [f"the name contains {term}" + (f" ({term.language})" if term.language != ENGLISH else ""), *note, *why]
    candidate = CandidateLabel(
        label=term.label,
        subtype=term.subtype,
        score=round(score * factor, 3),
        open=term.open,
        length=len(term.words),
        reasons=tuple(reasons),
        overlay=term.overlay,
    )
    return _place(lexicon, term, candidate, head, context)


def _fits(term: Term, kind: Kind) -> bool:
    """Return whether the type can hold the values of a term. Texts may be bytes: encrypted ones, and all in some systems."""
    return kind is Kind.ANY or kind in term.kinds or (kind is Kind.BINARY and Kind.TEXT in term.kinds)


def _tail_factor(lexicon: Lexicon, term: Term, tail: tuple[str, ...], context: TableContext) -> tuple[float, list[str]]:
    """Return the factor for the words after the phrase: zero if the phrase is only an attribute of them."""
    factor = 1.0
    # The key of a clinical row (`measurement_id`) only joins tables; the concept that it refers to is sensitive.
    key = term.label is LabelClass.HEALTH and not term.subtype and tail[-1:] == ("id",) and "concept" not in (*term.words, *tail)
    if key and not (context.person and term.strength == "strong"):
        return 0.0, []
    if term.label is LabelClass.FREE_TEXT and "number" in tail:
        return 0.0, []
    for word in _said_of(lexicon, tail):
        if len(word) == 1 or word.isdigit() or word in term.tail or word in lexicon.words["neutral"]:
            continue
        if word in lexicon.words["shapes"] or (word == "name" and term.label in _PLACES):
            continue
        if word in lexicon.words["about"] or word in word_list("identifier_words"):
            return 0.0, []
        # The last word of an English compound is its head, so a word after the phrase is the content; elsewhere it is a modifier.
        modifier = (term.language != ENGLISH or "foreign" in context.topics) and word not in lexicon.words["files"]
        if term.label is LabelClass.HEALTH and context.of_people and "health" in context.topics:
            modifier = True
        strange = word not in lexicon.tokenize.known
        model_options = strange or (term.strength == "strong" and word not in lexicon.words["heads"])
        factor *= 0.9 if modifier else _ASKING if model_options else _ARGUED_DOWN
    return factor, [f"followed by {' '.join(tail)!r}"] if factor < 1.0 else []


def _said_of(lexicon: Lexicon, tail: tuple[str, ...]) -> tuple[str, ...]:
    """Return the words that modify a phrase before them: `by kind` and the words after it only distinguish values."""
    turn = next((i for i, w in enumerate(tail) if w in lexicon.words["turns"]), len(tail))
    return lexicon.without("person", tail[:turn])


def _base_score(
    lexicon: Lexicon, term: Term, head: tuple[str, ...], tail: tuple[str, ...], context: TableContext
) -> tuple[float, list[str]]:
    neutral = lexicon.words["neutral"] - (word_list("thing_words") if term.label is LabelClass.NAME else frozenset())
    rest = [w for w in (*head, *tail) if len(w) > 1 and not w.isdigit() and w not in neutral and w not in term.tail]
    people = bool(rest) and all(w in word_list("role_words") for w in lexicon.without("person", tuple(rest)))
    if context.reference and (term.label is LabelClass.GEO or word_list("pictures") & set(term.words)):
        return _FAINT, ["the table is a list"]
    if context.reference and term.label not in _ANY_TABLE:
        enough = term.strength == "strong" and term.label is not LabelClass.HEALTH
        return (_WEAK if enough else _FAINT), ["the table is a list or a setting"]
    if term.label is LabelClass.FINANCIAL_AMOUNT and (
        word_list("bounds") & set(head) or (term.strength != "strong" and "books" in context.topics)
    ):
        return _FAINT, ["a bound or an entry of the firm's own books"]
    if term.unsure and (term.strength == "strong" or (context.serves(term.where) and not rest)):
        return _UNSURE, ["the name does not show the content"]
    if term.strength == "strong":
        return _strong_score(term, context)
    if term.label is LabelClass.NAME and not term.subtype and len(term.words) == 1:
        return _bare_name_score(lexicon, term, rest, head, tail, people, context)
    if _is_held(lexicon, term, head, tail, context):
        return _CONTEXT, ["a kind of balance of a person"]
    if term.label is LabelClass.FREE_TEXT and people and head and context.of_people and not term.unsure:
        return _CONTEXT, ["a note on a person"]
    if rest and not people and not (term.label is LabelClass.CREDENTIALS and context.serves(term.where) and not tail):
        if context.serves(term.where) and context.of_people and _nobody_knows(lexicon, rest):
            return _WEAK, ["with unknown words"]
        return _FAINT, ["part of a longer name"]
    if context.serves(term.where) or (people and "person" in term.where):
        return _CONTEXT, ["the table fits"]
    if context.linked and term.label is LabelClass.FINANCIAL_AMOUNT and term.subtype != "pay":
        return _CONTEXT, ["the rows belong to people"]
    return _FAINT, ["common word, nothing else points to a person"]


def _nobody_knows(lexicon: Lexicon, rest: list[str]) -> bool:
    """Return whether none of the words is known, except for people."""
    strange = [w for w in rest if w not in lexicon.tokenize.known]
    return bool(strange) and not lexicon.without("person", tuple(w for w in rest if w in lexicon.tokenize.known))


def _is_held(lexicon: Lexicon, term: Term, head: tuple[str, ...], tail: tuple[str, ...], context: TableContext) -> bool:
    """Return whether the words before `balance` only specify it (held, cleared); stock, leave and trial balances differ."""
    other = lexicon.words["about"] | lexicon.words["organisation"] | word_list("not_money")
    return term.words == ("balance",) and not tail and context.serves(term.where) and not other & set(head)


def _strong_score(term: Term, context: TableContext) -> tuple[float, list[str]]:
    if term.label is LabelClass.HEALTH and not (context.of_people or "health" in context.topics):
        return (0.62 if len(term.words) > 1 else 0.3), ["no patient in the table"]
    if term.words == ("race",) and "sport" in context.topics:
        return _FAINT, ["a contest, according to the table"]
    if term.label is LabelClass.BIOMETRIC and not context.of_people and word_list("pictures") & set(term.words):
        return _FAINT, ["a picture in a table without people"]
    return _STRONG, []


def _bare_name_score(
    lexicon: Lexicon,
    term: Term,
    rest: list[str],
    head: tuple[str, ...],
    tail: tuple[str, ...],
    people: bool,
    context: TableContext,
) -> tuple[float, list[str]]:
    # In `preferred editor` and `first responder` the word is not part of a person's name, it modifies the next word.
    if tail and term.words != ("name",) and term.language == ENGLISH and lexicon.is_in("person", tail[:1]):
        return _FAINT, [f"specifies {tail[0]!r}"]
        # The word before `name` decides: in `company director name` it is the director's name, not the company's.
    if people or (head and head[-1] in lexicon.words["person"]):
        return _STRONG, ["name of a person"]
    if rest and context.person and _nobody_knows(lexicon, rest):
        return _WEAK, [f"name of {' '.join(rest)!r}, perhaps a person"]
    if rest:
        return 0.1, [f"name of {' '.join(rest)!r}, not a person"]
    if context.person or "card" in context.topics:
        return 0.9, ["the table holds people"]
    return 0.1, ["name in a table without people"]


def _place(
    lexicon: Lexicon, term: Term, candidate: CandidateLabel, head: tuple[str, ...], context: TableContext
) -> CandidateLabel:
    """Return the candidate, as not sensitive if the address or number belongs to an organisation."""
    org_head = bool(head) and lexicon.is_in("organisation", head) and not lexicon.is_in("person", head)
    business = org_head or (context.organisation and not context.person and not head)
    if candidate.label is LabelClass.NAME:
        named = lexicon.is_in("person", term.words)
        business = org_head and head[-1] not in lexicon.words["person"] and "account" not in head and not named
    if candidate.label is LabelClass.EMAIL:
        business = head[-1:] != () and head[-1] in word_list("firms")
    if candidate.label in _CONTACTS and business and (candidate.overlay or not candidate.subtype):
        reasons = (*candidate.reasons, "an organisation's, not a person's")
        return replace(candidate, subtype="business", open=True, reasons=reasons)
    return candidate
