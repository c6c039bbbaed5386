"""Formats and check digits as SQL predicates, equivalent to the schemes of `identifiers` with the same names.

In a predicate `v` is the trimmed text, `u` it in upper case, `x` it without blanks, dots, hyphens and slashes, `g` it in
upper case without blanks, `y` it without blanks and hyphens.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lampkeeper.design.knowledge.identifiers import NIK_PROVINCES
from lampkeeper.design.knowledge.value_shapes import SHAPES
from lampkeeper.text.sql_quoting import quote_string

_VERHOEFF_D = "0123456789123406789523401789563401289567401239567859876043216598710432765982104387659321049876543210"
_VERHOEFF_P = "01234567891576283094580379614289160435279453126870428657390127938064157046913258"
_NRIC, _FIN, _FIN_M = "JZIHGFEDCBA", "XWUTRQPNMLK", "XWUTRQPNJLK"
_NHI = "ABCDEFGHJKLMNPQRSTUVWXYZ"


def like(value: str, pattern: str) -> str:
    """Return the test that the whole value matches; the pattern must have one meaning in Java and Python."""
    return f"{value} RLIKE {quote_string(f'^(?:{pattern})$')}"


def holds(value: str, pattern: str) -> str:
    """Return the test that the pattern is found in the value."""
    return f"{value} RLIKE {quote_string(pattern)}"


def digit(value: str, position: str | int) -> str:
    """Return the digit at a position, from 1; any number where there is none."""
    return f"(ascii(substr({value}, {position}, 1)) - 48)"


def pair(value: str, position: int) -> str:
    """Return the number of two digits at a position."""
    return f"({digit(value, position)} * 10 + {digit(value, position + 1)})"


def weighted(value: str, weights: Sequence[int], start: int = 1) -> str:
    """Return the sum of digits times weights, from a position on."""
    terms = (f"{digit(value, start + n)} * {w}" for n, w in enumerate(weights))
    return "(" + " + ".join(terms) + ")"


def luhn(value: str) -> str:
    """Return the test of the Luhn check digit."""
    one = digit(f"reverse({value})", "i")
    double = f"CASE WHEN {one} > 4 THEN {one} * 2 - 9 ELSE {one} * 2 END"
    step = f"a + CASE WHEN i % 2 = 0 THEN {double} ELSE {one} END"
    return f"aggregate(sequence(1, length({value})), 0, (a, i) -> {step}) % 10 = 0"


def verhoeff(value: str, length: int) -> str:
    """Return the test of the Verhoeff check digit."""
    moved = f"(i - 1) % 8 * 10 + {digit(value, f'{length + 1} - i')} + 1"
    step = digit(quote_string(_VERHOEFF_D), f"a * 10 + {digit(quote_string(_VERHOEFF_P), moved)} + 1")
    return f"aggregate(sequence(1, {length}), 0, (a, i) -> {step}) = 0"


def iban(value: str) -> str:
    """Return the test of an IBAN's check digits: mod 97, letters as two digits."""
    turned = f"concat(substr({value}, 5), substr({value}, 1, 4))"
    char = f"ascii(substr({turned}, i, 1))"
    step = f"CASE WHEN {char} >= 65 THEN (a * 100 + {char} - 55) % 97 ELSE (a * 10 + {char} - 48) % 97 END"
    return f"aggregate(sequence(1, length({value})), 0, (a, i) -> {step}) = 1"


def when(shape: str, check: str) -> str:
    """Return the check if the shape holds; CASE, because the engine may evaluate AND in any order."""
    return f"CASE WHEN {shape} THEN {check} ELSE FALSE END"


def _card() -> str:
    shape = like("y", "[2-6](?:[0-9]{12,15}|[0-9]{18})")
    kinds = "transform(sequence(1, length(y)), i -> substr(y, i, 1))"
    ranges = (
        "(length(y) <> 14 OR substr(y, 1, 2) IN ('30', '36', '38', '39'))"
        " AND (length(y) <> 15 OR substr(y, 1, 2) IN ('34', '37'))"
    )
    return when(shape, f"size(array_distinct({kinds})) >= 4 AND {ranges} AND {luhn('y')}")


def _nric() -> str:
    total = weighted("u", (2, 7, 6, 5, 4, 3, 2), 2)
    offset = "CASE substr(u, 1, 1) WHEN 'T' THEN 4 WHEN 'G' THEN 4 WHEN 'M' THEN 3 ELSE 0 END"
    rest = f"(({total} + {offset}) % 11)"
    letter = (
        f"CASE WHEN substr(u, 1, 1) IN ('S', 'T') THEN substr({quote_string(_NRIC)}, {rest} + 1, 1)"
        f" WHEN substr(u, 1, 1) = 'M' THEN substr({quote_string(_FIN_M)}, 11 - {rest}, 1)"
        f" ELSE substr({quote_string(_FIN)}, {rest} + 1, 1) END"
    )
    return when(like("u", "[STFGM][0-9]{7}[A-Z]"), f"{letter} = substr(u, 9, 1)")


def _thai() -> str:
    check = f"(11 - {weighted('x', range(13, 1, -1))} % 11) % 10 = {digit('x', 13)}"
    return when(like("x", "[1-8][0-9]{12}"), check)


def _nik() -> str:
    day = f"CASE WHEN {pair('x', 7)} > 40 THEN {pair('x', 7)} - 40 ELSE {pair('x', 7)} END"
    provinces = ", ".join(str(p) for p in sorted(NIK_PROVINCES))
    check = f"{pair('x', 1)} IN ({provinces}) AND ({day}) BETWEEN 1 AND 31 AND {pair('x', 9)} BETWEEN 1 AND 12"
    return when(like("x", "[0-9]{12}(?!0000)[0-9]{4}"), check)


def _mykad() -> str:
    birthplace = f"({pair('x', 7)} BETWEEN 1 AND 93 OR {pair('x', 7)} IN (98, 99))"
    check = f"{pair('x', 5)} BETWEEN 1 AND 31 AND {pair('x', 3)} BETWEEN 1 AND 12 AND {birthplace}"
    return when(like("x", "[0-9]{12}"), check)


def _ird() -> str:
    base = "lpad(x, 9, '0')"
    rests = [f"((11 - {weighted(base, w)} % 11) % 11)" for w in ((3, 2, 7, 6, 5, 4, 3, 2), (7, 4, 3, 2, 5, 2, 7, 6))]
    last = digit(base, 9)
    check = (
        f"try_cast(x AS BIGINT) BETWEEN 10000000 AND 150000000 AND "
        f"CASE WHEN {rests[0]} <> 10 THEN {rests[0]} = {last} WHEN {rests[1]} <> 10 THEN {rests[1]} = {last} ELSE FALSE END"
    )
    return when(like("x", "[0-9]{8,9}"), check)


def _nhi() -> str:
    letters = " + ".join(f"instr({quote_string(_NHI)}, substr(u, {n}, 1)) * {8 - n}" for n in (1, 2, 3))
    total = f"({letters} + {weighted('u', (4, 3, 2), 4)})"
    old = when(like("u", "[A-HJ-NP-Z]{3}[0-9]{4}"), f"{total} % 11 <> 0 AND (11 - {total} % 11) % 10 = {digit('u', 7)}")
    return f"({like('u', '[A-HJ-NP-Z]{3}[0-9]{2}[A-HJ-NP-Z]{2}')} OR {old})"


_OCTET = r"(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_IPV4, _IPV6 = rf"({_OCTET}[.]){{3}}{_OCTET}", r"(?=.*:.*:)[0-9A-Fa-f:]{3,39}(%\w+)?"
# A number with three leading zeros is a padded counter.
_PHONE = (
    r"(?!000)(?:(\+|00)[0-9][0-9 ().-]{7,18}(x[0-9]{1,6})?"
    r"|\(?0[0-9]{1,4}\)?[ -]?[0-9][0-9 -]{5,12}"
    r"|\(?[0-9]{3}\)?[ .-][0-9]{3}[ .-][0-9]{4}(x[0-9]{1,6})?)"
)
_HASH = r"\$2[aby]\$[0-9][0-9]\$.{53}|\$argon2\w*\$.+|\$(5|6|1)\$.+|pbkdf2\S+"
_TOKEN = r"eyJ[\w-]+\.[\w-]+\.[\w-]*|(sk|pk|ghp|xox[bp])[_-]\w{16,}"  # noqa: S105 - a pattern
_LATLON = r"-?[0-9]{1,3}\.[0-9]{3,},\s*-?[0-9]{1,3}\.[0-9]{3,}"

PREDICATES: Mapping[str, str] = {
    "email address": like("v", r"[^@\s]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})+"),
    "phone number": like("v", _PHONE),
    "payment card number": _card(),
    "IBAN": when(like("g", "[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}"), iban("g")),
    "US social security number": like("v", r"(?!000|666)[0-9]{3}-(?!00)[0-9]{2}-(?!0000)[0-9]{4}"),
    "British national insurance number": like("g", r"(?!BG|GB|NK|KN|TN|NT|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z][0-9]{6}[A-D]"),
    "Aadhaar number": when(like("x", "[2-9][0-9]{11}"), verhoeff("x", 12)),
    "Indian PAN": like("u", "[A-Z]{3}[ABCFGHJLPT][A-Z][0-9]{4}[A-Z]"),
    "NRIC or FIN": _nric(),
    "Thai citizen number": _thai(),
    "Indonesian NIK": _nik(),
    "Malaysian MyKad number": _mykad(),
    "Vietnamese citizen number": when(like("x", "0[0-9]{2}[0-3][0-9]{8}"), f"{pair('x', 2)} BETWEEN 1 AND 96"),
    "Indonesian NPWP": like("v", r"[0-9]{2}\.[0-9]{3}\.[0-9]{3}\.[0-9]-[0-9]{3}\.[0-9]{3}"),
    "Australian TFN": when(like("x", "[0-9]{9}"), f"{weighted('x', (1, 4, 3, 7, 5, 8, 6, 9, 10))} % 11 = 0"),
    "Australian Medicare number": when(
        like("x", "[2-6][0-9]{9,10}"), f"{weighted('x', (1, 3, 7, 9, 1, 3, 7, 9))} % 10 = {digit('x', 9)}"
    ),
    "New Zealand IRD number": _ird(),
    "New Zealand NHI number": _nhi(),
    "IP address": f"({like('v', _IPV4)} OR {like('v', _IPV6)})",
    "MAC address": like("v", "([0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}"),
    "IMEI": when(like("x", "(01|35|86|99|45|49)[0-9]{13}"), luhn("x")),
    "password hash or token": like("v", f"{_HASH}|{_TOKEN}"),
    "digest or random token": like("v", "[0-9a-f]{32,128}|[0-9A-F]{32,128}"),
    "pair of coordinates": like("v", _LATLON),
    "ICD-10 code": like("v", r"[A-TV-Z][0-9][0-9AB](\.[0-9A-TV-Z]{1,4})?"),
    "blood group": like("v", "(A|B|AB|O)[+-]"),
}
"""A test for each scheme that SQL can express."""

_WORDS = "size(split(v, '[ \\\\t]+'))"
_CONTACT = r"[^@\s]+@[\w-]+\.\w+|\+?[0-9][0-9 ().-]{8,}[0-9]"
_FIRM = (
    r"(?i)\b(ltd|pty|inc|llc|corp|corporation|gmbh|plc|co|company|bank|holdings|group|university|school|hospital|clinic|bhd|pte|pvt"
    r"|limited|street|st|road|rd|avenue|ave|service|department|office|tbk|pt|cv)\b"
)
_STREET = (
    r"(?i)^\W*(?:(?:no|h\.? ?no|apt|unit|level|flat|suite|jl|jalan|lot|blk|block|door)\b\.?\s*)?[0-9]+[\w/-]*[,\s]+\S.*\p{L}{2,}"
)
_PERSON = r"\p{L}[\p{L}'’.-]*(?:[ '’.-]+\p{L}[\p{L}'’.]*){1,4}\.?"

TEXT_PREDICATES: Mapping[str, str] = {
    "blank inside": "instr(v, ' ') > 0",
    "many words": f"{_WORDS} > 6",
    "sentence": f"{_WORDS} >= 5",
    "contact inside": f"{_WORDS} >= 3 AND {holds('v', _CONTACT)}",
    "street": f"{_WORDS} BETWEEN 2 AND 12 AND {holds('v', _STREET)}",
    "full name": f"{like('v', _PERSON)} AND NOT {holds('v', _FIRM)}",
    "ISO date": holds("v", "^[0-9]{4}-[0-9]{2}-[0-9]{2}"),
    **{name: like("v", pattern) for name, pattern in SHAPES.items()},
    "early date": holds("v", "^(191[5-9]|19[2-8][0-9]|1990)-[0-9]{2}-[0-9]{2}"),
}
"""Tests of texts that have no scheme."""
