"""Synthetic rows for any table, by label, name and type: the same rows every time, without data of real people."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from decimal import ROUND_DOWN, Decimal
from functools import cache

from lampkeeper.model.labels import Label, LabelClass
from lampkeeper.model.names import ColumnName
from lampkeeper.model.schema import Column, Table, TypeFamily
from lampkeeper.testdata import invented
from lampkeeper.testdata.complex_cells import complex_cell
from lampkeeper.testdata.deterministic_random import DeterministicRandom
from lampkeeper.testdata.invented import Person

Cell = str | int | float | Decimal | bool | date | datetime | bytes | None
"""A value of a row; a complex type's value is its JSON text."""

ROWS = 16
NULL_PERCENT = 12

_WORD = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+")
_DECIMAL = re.compile(r"decimal\s*\(\s*(\d+)\s*(?:,\s*(\d+))?", re.IGNORECASE)
_INTEGER_LIMITS = {"tinyint": 127, "byte": 127, "smallint": 32_767, "short": 32_767, "int": 2**31 - 1, "integer": 2**31 - 1}
_KEYS = (LabelClass.NONE, LabelClass.PERSON_REF, LabelClass.UNDECIDED)
_FIRST, _LAST = date(2021, 1, 1), date(2026, 6, 30)

Maker = Callable[[DeterministicRandom, Person, frozenset[str]], str]


def synthesise(table: Table, labels: Mapping[ColumnName, Label] | None = None, count: int = ROWS) -> tuple[tuple[Cell, ...], ...]:
    """Return `count` rows for a table, cells in column order.

    About one in eight cells of a nullable column is NULL, but none in the first row. Integer keys count from 1, so that the
    rows of a table differ.
    """
    found = labels or {}
    rows = []
    names = table.column_names()
    for index in range(count):
        who = invented.person(*table.name.parts[1:], index)
        rows.append(
            tuple(
                _cell(column, found.get(name), DeterministicRandom(*name.table.parts[1:], column.name, index), who, index)
                for name, column in zip(names, table.columns, strict=True)
            )
        )
    return tuple(rows)


@cache
def name_words(name: str) -> frozenset[str]:
    """Return the words of a column's name in lower case: which are the same for `firstName`, `FIRST_NAME` and `first name`."""
    return frozenset(word.lower() for word in _WORD.findall(name))


def _cell(column: Column, label: Label | None, rng: DeterministicRandom, who: Person, index: int) -> Cell:
    if column.nullable and index > 0 and rng.number(1, 100) <= NULL_PERCENT:
        return None
    words = name_words(column.name)
    kind = label.label if label is not None else LabelClass.NONE
    match column.family:
        case TypeFamily.STRING:
            text = _text(kind, label.subtype if label is not None else "", rng, who, words, index)
            return text[: _length(column.type)]
        case TypeFamily.INTEGER:
            return _integer(column.type, kind, rng, who, words, index)
        case TypeFamily.DECIMAL:
            return _decimal(column.type, kind, rng, words)
        case TypeFamily.DOUBLE:
            return float(_coordinate(rng, words) if kind is LabelClass.GEO else rng.amount(1, 5_000))
        case TypeFamily.BOOLEAN:
            return rng.number(1, 100) <= 30
        case TypeFamily.DATE:
            return who.born if kind is LabelClass.DOB else rng.day(_FIRST, _LAST)
        case TypeFamily.TIMESTAMP:
            return rng.moment(date(who.born.year, 1, 1), who.born) if kind is LabelClass.DOB else rng.moment(_FIRST, _LAST)
        case TypeFamily.BINARY:
            return bytes.fromhex(rng.hexadecimal(16))
        case TypeFamily.COMPLEX:
            return complex_cell(column.type, rng, who)


def _integer(type_text: str, kind: LabelClass, rng: DeterministicRandom, who: Person, words: frozenset[str], index: int) -> int:
    limit = _INTEGER_LIMITS.get(type_text.split("(")[0].strip().lower(), 2**63 - 1)
    if kind is LabelClass.DOB:
        value = who.born.year if "year" in words else who.born.month if "month" in words else 2026 - who.born.year
    elif kind in _KEYS and words & {"id", "key", "number", "no"}:
        value = index + 1
    elif kind is LabelClass.PHONE:
        value = int("".join(c for c in who.phone if c.isdigit()))
    elif kind is LabelClass.PAYMENT_CARD and not words & {"month", "year", "expiry"}:
        value = int(invented.card_number(rng))
    elif "year" in words:
        value = rng.number(2015, 2026)
    elif "month" in words:
        value = rng.number(1, 12)
    elif kind in (LabelClass.NONE, LabelClass.DEMOGRAPHIC, LabelClass.UNDECIDED):
        value = rng.number(1, 100)
    else:
        value = rng.number(1_000, 99_999)
    return value if value <= limit else value % limit


def _decimal(type_text: str, kind: LabelClass, rng: DeterministicRandom, words: frozenset[str]) -> Decimal:
    found = _DECIMAL.match(type_text)
    precision, scale = (int(found.group(1)), int(found.group(2) or 0)) if found else (10, 0)
    limit = Decimal(10) ** max(0, precision - scale)
    value = _coordinate(rng, words) if kind is LabelClass.GEO else rng.amount(0, 9_999, min(scale, 2))
    # A value that exceeds the type loses its leading digits; a type without integer digits keeps its decimal places.
    return (value % limit).quantize(Decimal(1).scaleb(-scale), rounding=ROUND_DOWN)


def _coordinate(rng: DeterministicRandom, words: frozenset[str]) -> Decimal:
    bound = 80 if words & {"lat", "latitude"} else 170
    return rng.amount(-bound, bound, 5)


def _text(kind: LabelClass, subtype: str, rng: DeterministicRandom, who: Person, words: frozenset[str], index: int) -> str:
    maker = _MAKERS.get(kind)
    if maker is not None:
        return maker(rng, who, words | {subtype})
    if words & {"id", "key", "uuid", "guid"}:
        return f"{rng.hexadecimal(8)}-{rng.hexadecimal(4)}-4{rng.hexadecimal(3)}-a{rng.hexadecimal(3)}-{rng.hexadecimal(12)}"
    for wanted, choices in _PLAIN:
        if words & wanted:
            return rng.choice(choices)
    if words & {"date", "day", "on"}:
        return rng.day(_FIRST, _LAST).isoformat()
    return f"{rng.choice(_THINGS)} {index + 1}"


def _name(rng: DeterministicRandom, who: Person, words: frozenset[str]) -> str:
    if words & {"first", "given", "fore", "forename", "middle"}:
        return who.first
    if words & {"last", "family", "sur", "surname", "maiden"}:
        return who.last
    return who.full


def _address(rng: DeterministicRandom, who: Person, words: frozenset[str]) -> str:
    for wanted, value in (
        ({"city", "town", "suburb", "district"}, who.city), ({"state", "province", "region", "county"}, who.state),
        ({"zip", "postal", "postcode", "pincode", "pin"}, who.postcode), ({"country"}, "US"),
    ):  # fmt: skip
        if words & wanted:
            return value
    return who.street if words & {"street", "line", "1", "2"} else f"{who.street}, {who.city}, {who.state} {who.postcode}"


def _dob(rng: DeterministicRandom, who: Person, words: frozenset[str]) -> str:
    return str(2026 - who.born.year) if "age" in words else who.born.isoformat()


def _by_word(
    makers: Sequence[tuple[set[str], Callable[[DeterministicRandom], str]]], default: Callable[[DeterministicRandom], str]
) -> Maker:
    def make(rng: DeterministicRandom, who: Person, words: frozenset[str]) -> str:
        return next((make for wanted, make in makers if words & wanted), default)(rng)

    return make


def _mac(rng: DeterministicRandom) -> str:
    return ":".join(["02", *(rng.hexadecimal(2) for _ in range(5))])


def _note(rng: DeterministicRandom, who: Person, words: frozenset[str]) -> str:
    what = rng.choice(("Called about the last statement", "Asked for a new appointment", "Reported a change of address"))
    return f"{what}; {who.full}, call back on {who.phone}."


def _health(rng: DeterministicRandom, who: Person, words: frozenset[str]) -> str:
    code, text = rng.choice(invented.DIAGNOSES)
    if words & {"mrn", "record", "provider", "id"}:
        return f"MRN{rng.digits(7)}"
    return code if words & {"code", "icd", "icd10", "value"} else text


_MAKERS: Mapping[LabelClass, Maker] = {
    LabelClass.NAME: _name,
    LabelClass.EMAIL: lambda rng, who, words: who.email,
    LabelClass.PHONE: lambda rng, who, words: who.phone,
    LabelClass.ADDRESS: _address,
    LabelClass.DOB: _dob,
    LabelClass.NATIONAL_ID: _by_word(
        (
            ({"aadhaar", "aadhar", "uid"}, invented.aadhaar), ({"nric", "fin"}, invented.nric), ({"nhs"}, invented.nhs_number),
            ({"pan"}, invented.permanent_account_number), ({"passport"}, lambda d: f"X{d.digits(8)}"),
            ({"vehicle", "licence", "license", "driver", "driving"}, lambda d: f"{d.letters(2)}{d.digits(7)}"),
        ),
        invented.social_security_number,
    ),
    LabelClass.TAX_ID: _by_word(
        (
            ({"gstin", "gst"}, invented.gstin), ({"pan"}, invented.permanent_account_number), ({"tfn"}, invented.tax_file_number),
            ({"ssn"}, invented.social_security_number),
        ),
        invented.tax_file_number,
    ),
    LabelClass.BANK_ACCOUNT: _by_word(
        (
            ({"iban"}, invented.iban), ({"routing", "aba", "bsb", "ifsc", "sort"}, invented.routing_number),
            ({"swift", "bic"}, lambda d: f"TEST{d.letters(2)}{d.letters(2)}"), ({"last4"}, lambda d: d.digits(4)),
        ),
        lambda d: d.digits(10),
    ),
    LabelClass.PAYMENT_CARD: _by_word(
        (
            ({"expiry", "exp", "valid"}, lambda d: f"{d.number(1, 12):02d}/{d.number(27, 32)}"),
            ({"last4", "4"}, lambda d: d.digits(4)),
            ({"token"}, lambda d: f"tok_{d.hexadecimal(24)}"), ({"cvv", "cvc"}, lambda d: d.digits(3)),
        ),
        invented.card_number,
    ),
    LabelClass.CARD_SECURITY_CODE: lambda rng, who, words: rng.digits(3),
    LabelClass.CREDENTIALS: _by_word(
        (
            ({"username", "user", "login"}, lambda d: f"{d.choice(invented.FIRST_NAMES).lower()}{d.number(1, 99)}"),
            ({"hash", "salt"}, lambda d: d.hexadecimal(64)),
        ),
        lambda d: f"not-a-secret-{d.hexadecimal(16)}",
    ),
    LabelClass.IP_DEVICE: _by_word(
        (
            ({"mac"}, _mac), ({"agent"}, lambda d: f"Mozilla/5.0 (X11; Linux x86_64) Sample/{d.number(1, 99)}.0"),
            ({"device", "imei", "serial"}, lambda d: d.hexadecimal(16)),
        ),
        lambda d: f"{d.choice(('192.0.2', '198.51.100', '203.0.113'))}.{d.number(1, 254)}",
    ),
    LabelClass.GEO: lambda rng, who, words: f"{_coordinate(rng, frozenset({'lat'}))},{_coordinate(rng, frozenset())}",
    LabelClass.HEALTH: _health,
    LabelClass.INSURANCE_ID: lambda rng, who, words: f"INS-{rng.letters(3)}-{rng.digits(8)}",
    LabelClass.BIOMETRIC: lambda rng, who, words: rng.hexadecimal(32),
    LabelClass.FINANCIAL_AMOUNT: lambda rng, who, words: str(rng.amount(10, 9_999)),
    LabelClass.FREE_TEXT: _note,
    LabelClass.DEMOGRAPHIC: _by_word(
        (
            ({"religion", "faith"}, lambda d: d.choice(("none stated", "other", "prefer not to say"))),
            ({"gender", "sex"}, lambda d: d.choice(("FEMALE", "MALE", "OTHER"))),
        ),
        lambda d: d.choice(("group A", "group B", "group C", "not stated")),
    ),
    LabelClass.PERSON_REF: lambda rng, who, words: f"P{rng.digits(7)}",
}  # fmt: skip
_PLAIN: tuple[tuple[set[str], Sequence[str]], ...] = (
    ({"status", "state"}, ("ACTIVE", "PENDING", "CLOSED")),
    ({"type", "kind", "category", "class", "group"}, ("STANDARD", "PREMIUM", "BASIC")),
    ({"currency"}, ("EUR", "USD", "INR", "AUD")),
    ({"country", "nationality"}, ("DE", "US", "IN", "AU")),
    ({"language", "locale", "lang"}, ("en", "de", "hi")),
    ({"code"}, ("A10", "B20", "C30", "D40")),
    ({"url", "link", "website"}, ("https://example.com/a", "https://example.org/b")),
    ({"flag", "enabled", "is"}, ("Y", "N")),
    ({"file", "path", "image", "attachment"}, ("/files/sample-1.txt", "/files/sample-2.txt")),
    ({"description", "comment", "remarks", "notes", "text", "message"}, ("Made for testing", "Second sample", "Third sample")),
)
_THINGS = ("Alder", "Birch", "Cedar", "Hazel", "Juniper", "Linden", "Maple", "Rowan")


def _length(type_text: str) -> int | None:
    found = re.match(r"(?:var)?char\s*\(\s*(\d+)", type_text, re.IGNORECASE)
    return int(found.group(1)) if found else None
