"""The checklist for masking functions, run on a SQL engine, one item per requirement.

This module creates the queries, which are deterministic; an engine runs them. A verdict may quote values, as all inputs are
invented.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import sqlglot
from sqlglot import expressions as exp
from sqlglot.errors import SqlglotError

from lampkeeper.design.knowledge.library import LibraryFunction, parse_library_file
from lampkeeper.design.knowledge.overlay import Identifier, Overlay
from lampkeeper.maskcheck.keyed import characters_shown, hangs_on_its_key, joins_kept, with_a_key
from lampkeeper.model.masks import FunctionRole
from lampkeeper.model.schema import TypeFamily, type_family
from lampkeeper.testdata.deterministic_random import DeterministicRandom
from lampkeeper.text.sql_quoting import quote_string, string_value

Ask = Callable[[LibraryFunction, Sequence[str]], list[str | None]]
"""Returns the function's result, as text, for each SQL literal; raises EngineRefusedError if the engine fails."""


class EngineRefusedError(Exception):
    """The engine raised an error; the message is its class."""


class Item(StrEnum):
    """Items of the checklist for one function; `NUMBERS` maps them to the numbers of the checklist."""

    EXAMPLES = "examples"
    IDENTITY = "no identity"
    BUDGET = "budget"
    DIRT = "dirt"
    LEFT = "left over"
    INVERSION = "no inversion"
    ORACLE = "no oracle"
    MESSAGES = "no echo"
    NULLS = "NULL"
    TYPES = "type"
    SAME = "same twice"
    JOINS = "joins"
    TOTAL = "total"
    PURE = "pure SQL"
    SPEED = "speed"
    BOUND = "bound"
    DATES = "dates"


NUMBERS = {
    Item.IDENTITY: 1, Item.BUDGET: 2, Item.DIRT: 3, Item.LEFT: 4, Item.INVERSION: 5, Item.ORACLE: 6, Item.MESSAGES: 8,
    Item.NULLS: 9, Item.TYPES: 10, Item.SAME: 11, Item.JOINS: 12, Item.TOTAL: 14, Item.PURE: 15, Item.SPEED: 16,
    Item.BOUND: 19, Item.DATES: 20,
}  # fmt: skip
"""The number of an item in the checklist; the other numbers are about sets of masks (`mask_sets`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The result of one item for one function: passed, failed, or not applicable (None); `seen` is the observation."""

    function: str
    item: Item
    good: bool | None
    seen: str = ""


DIRT = (
    *("", " ", "a", "ab", "abc", "A1", "12", "123", "1234", "12345", "123456789", "1" * 10, "1" * 64, "x" * 64),
    *("é", "日本語", "１２３４５６７８９", "🙂🙂🙂", "a@b", "a@b.c", "ab@c.de", "x@@y.com", "a b@c.com", "ana@bank.example\n"),
    *("'; DROP TABLE t; --", "\t123-45-6789", "123-45-6789\n", "4111", "4111-1111", "41111111111111112222", "411111111111111 "),
    *("::1", "fe80::1%eth0", "1.2.3", "999.1.1.1", "10.0.0.1\n", "007", "+1", "+++++++++", "(((((((((", "1980-13-45"),
    *("80-01-01", "NULL", "\\", "%", "_", "O'Brien", "-", "0000", "A" * 300, "9" * 300, "s1234567d", "  S1234567D  "),
)
"""Malformed and hostile strings."""

CONSTANTS = ("[REDACTED]", "***")
FEWEST_LEFT = 1000
"""How many values must remain possible for an observer who knows the person and sees the masked value."""

_BUDGETS = {
    "name": 1, "email": 1, "phone": 3, "payment_card": 4, "card_security_code": 0, "credentials": 0, "any": 0, "address": 3,
    "ip_device": 6, "dob": 4, "free_text": 0, "biometric": 0, "demographic": 0, "geo": 4,
}  # fmt: skip
_ID_BUDGET = 4
SHORTEST_NUMBER = 6
_BY_CHANCE = 9
_FILLS = 2000
_TWICE = 40
_DIGITS, _CAPITALS = "0123456789", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_HASHES = frozenset({"md5", "sha", "sha1", "sha2", "crc32", "hash", "xxhash64"})
_VOLATILE = frozenset({"rand", "randn", "random", "uuid", "now", "current_timestamp", "shuffle", "monotonically_increasing_id"})
_IDENTITY = frozenset({"current_user", "session_user", "user", "is_member", "is_account_group_member", "current_catalog"})
_ECHOES = frozenset({"raise_error", "assert_true"})
EXTREMES = {
    "BIGINT": ("-9223372036854775808", "9223372036854775807", "0", "-1", "49", "50", "-50", "100", "1200", "-1200", "123456"),
    "DECIMAL": ("0", "-0.5", "99.99", "100", "1200.00", "-1200.00", "123456.78", "9" * 20 + ".99"),
    "DOUBLE": ("1.7976931348623157E308D", "-1E308D", "CAST('NaN' AS DOUBLE)", "CAST('Infinity' AS DOUBLE)", "-0.0D", "1200D"),
    "DATE": ("DATE'0001-01-01'", "DATE'9999-12-31'", "DATE'1900-05-05'", "DATE'1980-06-15'"),
    "TIMESTAMP": ("TIMESTAMP'0100-06-01 00:00:00'", "TIMESTAMP'9999-12-31 23:59:59'", "TIMESTAMP'1980-06-15 10:11:12'"),
    "BOOLEAN": ("TRUE", "FALSE"),
    "BINARY": ("X''", "X'00FF'"),
}
_YEARS = (1890, 1901, 1925, 1936, 1937, 1960, 1999, 2020)
_DAYS = ("2001-02-03", "2026-12-31", "2050-06-01")
_TODAY = re.compile(r"\b(?:current_date|curdate)\b(?:\s*\(\s*\))?", re.IGNORECASE)
_AMOUNTS = tuple(str(a) for a in (0, 1, 49, 50, 99, 100, 101, 1200, 4711, 99_999, -1, -50, -100, -1290))


def check_masks(functions: Iterable[LibraryFunction], overlays: Iterable[Overlay], ask: Ask) -> tuple[Verdict, ...]:
    """Return the verdicts of every mask on every item, in the given order."""
    identifiers = [i for p in overlays for i in p.identifiers]
    found: list[Verdict] = []
    for function in functions:
        if function.function.role is FunctionRole.MASK:
            uses = [i for i in identifiers if any(f.function == function.name for f in i.functions)]
            found.extend(_Checker(with_a_key(function), function, uses, ask).run())
    return tuple(found)


class _Checker:
    """Checks one function; every query runs once."""

    def __init__(self, function: LibraryFunction, written: LibraryFunction, uses: Sequence[Identifier], ask: Ask) -> None:
        self._function, self._written, self._uses, self._ask = function, written, uses, ask
        self._keyed = written.function.keyed
        self._family = type_family(function.function.parameters[0].type)
        self._text = self._family is TypeFamily.STRING and function.function.returns.upper() == "STRING"
        self._known: dict[str, str | None] = {}

    def run(self) -> list[Verdict]:
        """Return the verdicts; an engine error fails TOTAL, and the items that need results then fail as unproven."""
        verdicts = [self._pure(), self._calls(Item.MESSAGES, _ECHOES)]
        verdicts += [] if self._keyed else [self._calls(Item.INVERSION, _HASHES)]
        try:
            verdicts += self._asked()
        except EngineRefusedError as error:
            verdicts.append(self._say(Item.TOTAL, False, f"throws {error}"))
        return sorted(verdicts, key=lambda v: list(Item).index(v.item))

    def _asked(self) -> list[Verdict]:
        literals = self._literals()
        self._values([*literals, "NULL", *(e.arguments[0] for e in self._function.function.examples), *self._changed()])
        answers = self._values(literals)[-_TWICE:]
        again = self._ask(self._function, literals[-_TWICE:])
        volatile = self._called() & _VOLATILE
        found = [
            self._say(Item.TOTAL, True),
            self._say(Item.SAME, answers == again and not volatile, f"calls {', '.join(sorted(volatile))}" if volatile else ""),
            self._examples(),
            self._nulls(),
            self._say(Item.TYPES, self._function.function.returns.upper() == self._function.function.parameters[0].type.upper()),
        ]
        if self._text:
            texts = self._texts()
            outs = dict(zip(texts, self._values([quote_string(t) for t in texts]), strict=True))
            found += [self._identity(outs, Item.IDENTITY, self._random()), self._identity(outs, Item.DIRT, DIRT), *self._shown()]
        found += [*self._under_keys(literals), self._bound(), self._dates()]
        return found

    def _under_keys(self, literals: Sequence[str]) -> list[Verdict]:
        if not self._keyed:
            return [self._say(Item.JOINS, None)]
        known = [*dict.fromkeys(literals)]
        ours = self._values(known)
        wrong = hangs_on_its_key(ours, self._ask(with_a_key(self._written), known), self._ask(self._written, known))
        named = self._texts() if self._text else known
        collide = joins_kept(dict(zip(named, ours, strict=True)), text=self._text)
        self._ask(self._function, ["NULL"])
        return [
            self._say(Item.INVERSION, not wrong, wrong or "no result without the key"),
            self._say(Item.JOINS, not collide, collide or f"{len(set(ours))} values stay distinct"),
        ]

    # Queries

    def _literals(self) -> list[str]:
        if self._text:
            return [quote_string(t) for t in self._texts()]
        return [f"try_cast({v} AS {self._function.function.parameters[0].type})" for v in EXTREMES.get(str(self._family), ())]

    def _values(self, literals: Sequence[str]) -> list[str | None]:
        missing = list(dict.fromkeys(x for x in literals if x not in self._known))
        if missing:
            self._known.update(zip(missing, self._ask(self._function, missing), strict=True))
        return [self._known[x] for x in literals]

    def _texts(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*DIRT, *self._random(), *self._shaped())))

    def _changed(self) -> list[str]:
        """Return all literals with changed single characters, so that one query covers them."""
        return [quote_string(t) for text in self._shaped() for _, t in _changes(text)] if self._text else []

    def _random(self) -> tuple[str, ...]:
        rng = DeterministicRandom("mask checks", self._function.name)
        alphabets = ("0123456789", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcxyz0189 -./@", "äé日本１２🙂")
        return tuple(rng.letters(length, a) for a in alphabets for length in (*range(1, 21), 32, 48, 64))

    def _shaped(self) -> tuple[str, ...]:
        """Return valid inputs of the function: its examples and the samples of its identifiers."""
        quoted = (e.arguments[0] for e in self._function.function.examples)
        examples = [string_value(q) for q in quoted if q.startswith("'") and q.endswith("'")]
        return tuple(dict.fromkeys([*examples, *(s for i in self._uses for s in i.samples)]))

    # Items

    def _examples(self) -> Verdict:
        examples = self._function.function.examples
        got = self._values([e.arguments[0] for e in examples])
        wanted = self._ask_plain([e.returns for e in examples])
        wrong = [f"{e.arguments[0]} -> {g}" for e, g, w in zip(examples, got, wanted, strict=True) if g != w]
        return self._say(Item.EXAMPLES, not wrong, "; ".join(wrong))

    def _nulls(self) -> Verdict:
        good = self._values(["NULL"]) == [None]
        return self._say(Item.NULLS, good, "" if good else "NULL becomes a value")

    def _ask_plain(self, literals: Sequence[str]) -> list[str | None]:
        """Return literals of the return type as text, as an identity function returns them."""
        return self._ask(identity_of(self._function.function.returns), literals)

    def _identity(self, outs: dict[str, str | None], item: Item, texts: Iterable[str]) -> Verdict:
        for text in texts:
            answer = outs[text]
            kept = _bare(text)
            if answer is None or answer in CONSTANTS or not kept:
                continue
            # A hash may contain a short text by chance.
            chance = self._keyed and len(kept) < _BY_CHANCE
            if answer == text or (kept in _bare(answer) and not chance):
                return self._say(item, False, f"a text of {len(text)} characters is returned unmasked")
        return self._say(item, True)

    def _shown(self) -> list[Verdict]:
        """Check which characters are visible, by changing each, and how many values remain possible for an observer."""
        worst, left, bad = 0, float("inf"), ""
        for text in self._shaped():
            if self._values([quote_string(text)])[0] in (None, *CONSTANTS):
                continue
            seen = self._visible(text)
            worst = max(worst, len(seen))
            if len(seen) > self._budget(text):
                bad = bad or f"{len(seen)} of {len(_bare(text))} characters are shown"
            for use in self._uses:
                # Shorter texts are codes from a list (ICD-10), not personal numbers.
                if use.format is not None and use.format.accepts(text) and len(_bare(text)) >= SHORTEST_NUMBER:
                    left = min(left, values_left(use, text, seen))
        budget = self._say(Item.BUDGET, not bad, bad or (f"{worst} shown" if worst else ""))
        if left == float("inf") or self._keyed:
            return [budget, self._say(Item.LEFT, None)]
        return [budget, self._say(Item.LEFT, left >= FEWEST_LEFT, f"{left:.0e} left")]

    def _visible(self, text: str) -> set[int]:
        if self._keyed:
            plain, *changed = self._values([quote_string(text), *(quote_string(t) for _, t in _changes(text))])
            return set(range(characters_shown(plain or "", changed)))

        def cached(_: LibraryFunction, literals: Sequence[str]) -> list[str | None]:
            return self._values(literals)

        return visible_positions(self._function, text, cached)

    def _budget(self, text: str) -> int:
        fixed = _BUDGETS.get(self._function.label)
        return min(_ID_BUDGET, len(_bare(text)) // 3) if fixed is None else fixed

    def _bound(self) -> Verdict:
        if self._function.label != "financial_amount":
            return self._say(Item.BOUND, None)
        kind = self._function.function.parameters[0].type
        answers = self._values([f"CAST({a} AS {kind})" for a in _AMOUNTS])
        for given, answer in zip(_AMOUNTS, answers, strict=True):
            if answer is None or abs(float(answer) - float(given)) > 50:
                return self._say(Item.BOUND, False, f"{given} is off by more than 50")
            if float(given) % 100 == 0 and float(answer) == float(given):
                return self._say(Item.BOUND, False, f"{given} is returned unmasked")
        return self._say(Item.BOUND, True, "within 50")

    def _dates(self) -> Verdict:
        """Check that only the year of a date is visible, and that the bucket for ages of 90 and more holds on any day."""
        kind = self._function.function.parameters[0].type
        if self._family not in (TypeFamily.DATE, TypeFamily.TIMESTAMP):
            return self._say(Item.DATES, None)
        days = [f"CAST(DATE'{y}-{m:02d}-{d:02d}' AS {kind})" for y in _YEARS for m, d in ((1, 1), (6, 15), (12, 31))]
        for today in _DAYS if _TODAY.search(self._function.function.body) else ("",):
            body = _TODAY.sub(f"DATE {quote_string(today)}", self._function.function.body)
            then = replace(self._function, function=replace(self._function.function, body=body))
            years = [None if a is None else a[:4] + a[4:].replace("-01-01", "", 1) for a in self._ask(then, days)]
            wrong = _more_than_a_year(years, today)
            if wrong:
                self._ask(self._function, ["NULL"])
                return self._say(Item.DATES, False, wrong)
        self._ask(self._function, ["NULL"])
        return self._say(Item.DATES, True, "changes with the day" if _TODAY.search(self._function.function.body) else "")

    def _pure(self) -> Verdict:
        try:
            tree = sqlglot.parse_one(f"SELECT {self._function.function.body}", read="databricks")
        except SqlglotError:
            return self._say(Item.PURE, False, "the body does not parse")
        if len(list(tree.find_all(exp.Select))) > 1 or tree.find(exp.Table):
            return self._say(Item.PURE, False, "contains a subquery")
        foreign = self._called() & _IDENTITY
        dotted = [d.sql() for d in tree.find_all(exp.Dot)]
        names = sorted({*foreign, *dotted})
        return self._say(Item.PURE, not names, f"calls {', '.join(names)}" if names else "")

    def _calls(self, item: Item, names: frozenset[str]) -> Verdict:
        found = self._called() & names
        return self._say(item, not found, f"calls {', '.join(sorted(found))}" if found else "")

    def _called(self) -> set[str]:
        """Return the lower-case names of the functions that the body calls; none for a body that does not parse."""
        try:
            tree = sqlglot.parse_one(f"SELECT {self._function.function.body}", read="databricks")
        except SqlglotError:
            return set()
        calls = tree.find_all(exp.Func)
        return {(str(c.this) if isinstance(c, exp.Anonymous) else n).lower() for c in calls for n in c.sql_names()}

    def _say(self, item: Item, good: bool | None, seen: str = "") -> Verdict:
        return Verdict(function=self._function.name, item=item, good=good, seen=seen)


def identity_of(type_text: str) -> LibraryFunction:
    """Return the identity function of a type, which shows how the engine prints its literals."""
    name = "plain_" + "".join(c if c.isalnum() else "_" for c in type_text.lower())
    text = f"-- {name}(value {type_text}) RETURNS {type_text}\n-- class: any\n-- reveals: all\n-- example: NULL -> NULL\nvalue"
    return parse_library_file(text, FunctionRole.MASK, location="plain")


def _more_than_a_year(shown: Sequence[str | None], today: str) -> str:
    """Return what a date mask reveals beyond the year (or beyond one common year for ages of 90 and more), or nothing."""
    by_year = dict(zip(_YEARS, (set(shown[i : i + 3]) for i in range(0, len(shown), 3)), strict=True))
    if any(len(answers) > 1 for answers in by_year.values()):
        return "days of one year have different results"
    if any(a is not None and not re.fullmatch(r"\d{4}( 00:00:00)?", a) for a in shown):
        return "month, day or time are visible"
    old = {a for year, answers in by_year.items() if today and int(today[:4]) - year >= 90 for a in answers}
    return "ages of 90 and more are distinguishable" if len(old) > 1 else ""


def _bare(text: str) -> str:
    return "".join(c for c in text if c.isalnum())


def visible_positions(function: LibraryFunction, text: str, ask: Ask) -> set[int]:
    """Return the positions, of those before an `@`, at which a change of the input changes the result."""
    changes = _changes(text)
    plain, *answers = ask(function, [quote_string(text), *(quote_string(t) for _, t in changes)])
    return {i for (i, _), a in zip(changes, answers, strict=True) if a not in (plain, None, *CONSTANTS)}


def _changes(text: str) -> list[tuple[int, str]]:
    """Return the text with each of its letters and digits replaced by every other, with the position."""
    found = []
    for index, char in enumerate(text.split("@")[0]):
        pool = _DIGITS if char.isdigit() else _CAPITALS if char.isupper() else _CAPITALS.lower()
        if char.isalnum():
            found += [(index, text[:index] + c + text[index + 1 :]) for c in pool if c != char]
    return found


def values_left(use: Identifier, text: str, seen: set[int]) -> float:
    """Return how many values fit the visible part and facts about the person, estimated from the share of valid random fills."""
    if use.format is None:
        return float("inf")
    order = [i for i, c in enumerate(text) if c.isalnum()]
    fixed = seen | {order[p] for p in use.known if p < len(order)}
    free = [i for i in order if i not in fixed]
    space = 1.0
    for index in free:
        space *= len(_DIGITS) if text[index].isdigit() else len(_CAPITALS)
    rng, good = DeterministicRandom("left", use.subtype, text), 0
    for _ in range(_FILLS):
        chars = list(text)
        for index in free:
            chars[index] = rng.choice(_DIGITS if text[index].isdigit() else _CAPITALS)
        good += use.format.accepts("".join(chars))
    return space * good / _FILLS
