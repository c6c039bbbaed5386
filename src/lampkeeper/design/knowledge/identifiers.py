"""Formats and check digits of identifiers, one predicate per scheme. A predicate never raises.

Check digits alone are weak (a random number passes Luhn one time in ten), so callers require most of many values to pass.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lampkeeper.model.labels import LabelClass

_SEPARATORS = re.compile(r"[ .\-/]")


def digits_of(text: str) -> str:
    """Return the text without blanks, dots, hyphens and slashes."""
    return _SEPARATORS.sub("", text.strip())


def _is_digits(text: str, *lengths: int) -> bool:
    return text.isascii() and text.isdigit() and len(text) in lengths


def _weighted(text: str, weights: Sequence[int]) -> int:
    return sum(int(c) * w for c, w in zip(text, weights, strict=True))


def luhn(text: str) -> bool:
    """Return whether the digits pass the Luhn check (ISO/IEC 7812-1)."""
    total = 0
    for index, char in enumerate(reversed(text)):
        digit = int(char) * (2 if index % 2 else 1)
        total += digit - 9 if digit > 9 else digit
    return total % 10 == 0


_VERHOEFF_D = (
    "0123456789", "1234067895", "2340178956", "3401289567", "4012395678",
    "5987604321", "6598710432", "7659821043", "8765932104", "9876543210",
)  # fmt: skip
_VERHOEFF_P = (
    "0123456789", "1576283094", "5803796142", "8916043527",
    "9453126870", "4286573901", "2793806415", "7046913258",
)  # fmt: skip


def verhoeff(text: str) -> bool:
    """Return whether the digits pass the Verhoeff check."""
    check = 0
    for index, char in enumerate(reversed(text)):
        check = int(_VERHOEFF_D[check][int(_VERHOEFF_P[index % 8][int(char)])])
    return check == 0


def payment_card(value: str) -> bool:
    """Issuer range, length and Luhn of a card number (ISO/IEC 7812)."""
    text = re.sub(r"[ -]", "", value.strip())
    if not _is_digits(text, 13, 14, 15, 16, 19) or text[0] not in "23456" or len(set(text)) < 4:
        return False
    return (
        luhn(text) and (len(text) != 14 or text[:2] in {"30", "36", "38", "39"}) and (len(text) != 15 or text[:2] in {"34", "37"})
    )


def iban(value: str) -> bool:
    """Check digits of an IBAN (ISO 13616, mod 97)."""
    text = re.sub(r"\s", "", value.upper())
    if not re.fullmatch(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}", text):
        return False
    return int("".join(str(int(c, 36)) for c in text[4:] + text[:4])) % 97 == 1


def tfn(value: str) -> bool:
    """Australian tax file number."""
    text = digits_of(value)
    return _is_digits(text, 9) and _weighted(text, (1, 4, 3, 7, 5, 8, 6, 9, 10)) % 11 == 0


def abn(value: str) -> bool:
    """Australian business number."""
    text = digits_of(value)
    if not _is_digits(text, 11):
        return False
    return _weighted(str(int(text[0]) - 1 if text[0] != "0" else 9) + text[1:], (10, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19)) % 89 == 0


def au_medicare(value: str) -> bool:
    """Australian Medicare card number, with or without the person's number."""
    text = digits_of(value)
    return _is_digits(text, 10, 11) and text[0] in "23456" and _weighted(text[:8], (1, 3, 7, 9, 1, 3, 7, 9)) % 10 == int(text[8])


def ird(value: str) -> bool:
    """New Zealand IRD number."""
    text = digits_of(value)
    if not _is_digits(text, 8, 9) or not 10_000_000 <= int(text) <= 150_000_000:
        return False
    base, check = text.zfill(9)[:8], int(text[-1])
    for weights in ((3, 2, 7, 6, 5, 4, 3, 2), (7, 4, 3, 2, 5, 2, 7, 6)):
        rest = -_weighted(base, weights) % 11
        if rest != 10:
            return rest == check
    return False


def nhi(value: str) -> bool:
    """New Zealand NHI number, old format by its check digit, new format by shape."""
    text = value.strip().upper()
    letters = "ABCDEFGHJKLMNPQRSTUVWXYZ"
    if re.fullmatch(r"[A-HJ-NP-Z]{3}[0-9]{2}[A-HJ-NP-Z]{2}", text):
        return True
    if not re.fullmatch(r"[A-HJ-NP-Z]{3}[0-9]{4}", text):
        return False
    total = sum((letters.index(c) + 1 if c.isalpha() else int(c)) * w for c, w in zip(text[:6], range(7, 1, -1), strict=True))
    return total % 11 != 0 and (11 - total % 11) % 10 == int(text[6])


def aadhaar(value: str) -> bool:
    """Indian Aadhaar number."""
    text = digits_of(value)
    return _is_digits(text, 12) and text[0] in "23456789" and verhoeff(text)


def pan_india(value: str) -> bool:
    """Indian permanent account number; the fourth letter is the kind of holder."""
    return re.fullmatch(r"[A-Z]{3}[ABCFGHJLPT][A-Z][0-9]{4}[A-Z]", value.strip().upper()) is not None


def gstin(value: str) -> bool:
    """Indian GSTIN by shape."""
    return re.fullmatch(r"[0-3][0-9][A-Z]{5}[0-9]{4}[A-Z][0-9A-Z]Z[0-9A-Z]", value.strip().upper()) is not None


def nric(value: str) -> bool:
    """Singapore NRIC or FIN."""
    text = value.strip().upper()
    if not re.fullmatch(r"[STFGM][0-9]{7}[A-Z]", text):
        return False
    offset = {"S": 0, "T": 4, "F": 0, "G": 4, "M": 3}[text[0]]
    rest = (_weighted(text[1:8], (2, 7, 6, 5, 4, 3, 2)) + offset) % 11
    table = {"S": "JZIHGFEDCBA", "T": "JZIHGFEDCBA", "F": "XWUTRQPNMLK", "G": "XWUTRQPNMLK", "M": "XWUTRQPNJLK"}[text[0]]
    return table[10 - rest if text[0] == "M" else rest] == text[8]


def _day_month(day: int, month: int) -> bool:
    return 1 <= day <= 31 and 1 <= month <= 12


def mykad(value: str) -> bool:
    """Malaysian MyKad: birth date and place of birth."""
    text = digits_of(value)
    if not _is_digits(text, 12) or not _day_month(int(text[4:6]), int(text[2:4])):
        return False
    place = int(text[6:8])
    return 1 <= place <= 59 or 60 <= place <= 93 or place in {98, 99}


NIK_PROVINCES = frozenset(
    {*range(11, 20), 21, *range(31, 37), *range(51, 54), *range(61, 66), *range(71, 77), 81, 82, *range(91, 98)}
)
"""Province codes of the Indonesian home ministry: `20…` is not a province but the year in many order numbers."""


def nik(value: str) -> bool:
    """Indonesian NIK: province, then birth date with 40 added to the day for women."""
    text = digits_of(value)
    if not _is_digits(text, 16) or int(text[:2]) not in NIK_PROVINCES:
        return False
    day = int(text[6:8])
    return _day_month(day - 40 if day > 40 else day, int(text[8:10])) and text[12:] != "0000"


def thai_id(value: str) -> bool:
    """Thai citizen number."""
    text = digits_of(value)
    return (
        _is_digits(text, 13)
        and text[0] in "12345678"
        and (11 - _weighted(text[:12], range(13, 1, -1)) % 11) % 10 == int(text[12])
    )


def cccd(value: str) -> bool:
    """Vietnamese citizen card: province code, then century and sex."""
    text = digits_of(value)
    return _is_digits(text, 12) and text[0] == "0" and 1 <= int(text[:3]) <= 96 and text[3] in "0123"


def npwp(value: str) -> bool:
    """Indonesian tax number as printed, with dots and hyphen."""
    return re.fullmatch(r"[0-9]{2}\.[0-9]{3}\.[0-9]{3}\.[0-9]-[0-9]{3}\.[0-9]{3}", value.strip()) is not None


def us_ssn(value: str) -> bool:
    """US social security number with hyphens."""
    match = re.fullmatch(r"([0-9]{3})-([0-9]{2})-([0-9]{4})", value.strip())
    return match is not None and match.group(1) not in {"000", "666"} and match.group(2) != "00" and match.group(3) != "0000"


def nino(value: str) -> bool:
    """British national insurance number."""
    text = value.strip().upper().replace(" ", "")
    return re.fullmatch(r"(?!BG|GB|NK|KN|TN|NT|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z][0-9]{6}[A-D]", text) is not None


def us_npi(value: str) -> bool:
    """US national provider identifier: Luhn with the prefix of US health cards in front (45 CFR 162.406)."""
    text = digits_of(value)
    return _is_digits(text, 10) and text[0] in "12" and luhn(f"80840{text}")


def imei(value: str) -> bool:
    """Device number of 15 digits with a Luhn check."""
    text = digits_of(value)
    return _is_digits(text, 15) and text[:2] in {"01", "35", "86", "99", "45", "49"} and luhn(text)


_EMAIL = re.compile(r"[^@\s]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})+")
_PHONE = re.compile(
    r"(\+|00)[0-9][0-9 ().-]{7,18}(x[0-9]{1,6})?"
    r"|\(?0[0-9]{1,4}\)?[ -]?[0-9][0-9 -]{5,12}"
    r"|\(?[0-9]{3}\)?[ .-][0-9]{3}[ .-][0-9]{4}(x[0-9]{1,6})?"
)
_IPV4 = re.compile(r"((25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)\.){3}(25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)")
_IPV6 = re.compile(r"(?=.*:.*:)[0-9A-Fa-f:]{3,39}(%\w+)?")
_MAC = re.compile(r"([0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}")
_SECRET = re.compile(
    r"\$2[aby]\$\d\d\$.{53}|\$argon2\w*\$.+|\$(5|6|1)\$.+|pbkdf2\S+|eyJ[\w-]+\.[\w-]+\.[\w-]*|(sk|pk|ghp|xox[bp])[_-]\w{16,}"
)
_LATLON = re.compile(r"-?\d{1,3}\.\d{3,},\s*-?\d{1,3}\.\d{3,}")
_DIGEST = re.compile(r"[0-9a-f]{32,128}|[0-9A-F]{32,128}")
_ICD10 = re.compile(r"[A-TV-Z]\d[0-9AB](\.[0-9A-TV-Z]{1,4})?")
_BLOOD = re.compile(r"(A|B|AB|O)[+-]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scheme:
    """A predicate with its class; `score` is its weight alone, `year` the birth year in a number.

    `sql` is the same predicate for the engine, for an overlay's scheme if SQL can express it.
    """

    name: str
    label: LabelClass
    subtype: str
    score: float
    accepts: Callable[[str], bool]
    overlay: bool = False
    sql: str = ""
    year: Callable[[str], str] | None = None


def _like(pattern: re.Pattern[str]) -> Callable[[str], bool]:
    return lambda value: pattern.fullmatch(value.strip()) is not None


def _scheme(
    name: str,
    label: LabelClass,
    score: float,
    accepts: Callable[[str], bool],
    subtype: str = "",
    year: Callable[[str], str] | None = None,
) -> Scheme:
    return Scheme(name=name, label=label, subtype=subtype, score=score, accepts=accepts, year=year)


def _phone(value: str) -> bool:
    text = value.strip()
    return _PHONE.fullmatch(text) is not None and not text.startswith("000")


# From 0.6 on, a scheme protects alone. Shapes that order numbers, timestamps or other coordinates also have stay below.
SCHEMES: tuple[Scheme, ...] = (
    _scheme("email address", LabelClass.EMAIL, 0.9, _like(_EMAIL)),
    _scheme("phone number", LabelClass.PHONE, 0.62, _phone),
    _scheme("payment card number", LabelClass.PAYMENT_CARD, 0.9, payment_card),
    _scheme("IBAN", LabelClass.BANK_ACCOUNT, 0.9, iban),
    _scheme("US social security number", LabelClass.NATIONAL_ID, 0.85, us_ssn, "ssn"),
    _scheme("British national insurance number", LabelClass.NATIONAL_ID, 0.85, nino),
    _scheme("Aadhaar number", LabelClass.NATIONAL_ID, 0.9, aadhaar, "aadhaar"),
    _scheme("Indian PAN", LabelClass.TAX_ID, 0.85, pan_india),
    _scheme("NRIC or FIN", LabelClass.NATIONAL_ID, 0.9, nric),
    _scheme("Thai citizen number", LabelClass.NATIONAL_ID, 0.85, thai_id),
    _scheme("Indonesian NIK", LabelClass.NATIONAL_ID, 0.8, nik, year=lambda v: digits_of(v)[10:12]),
    _scheme("Malaysian MyKad number", LabelClass.NATIONAL_ID, 0.75, mykad, year=lambda v: digits_of(v)[:2]),
    _scheme("Vietnamese citizen number", LabelClass.NATIONAL_ID, 0.62, cccd, year=lambda v: digits_of(v)[4:6]),
    _scheme("Indonesian NPWP", LabelClass.TAX_ID, 0.85, npwp),
    _scheme("Australian TFN", LabelClass.TAX_ID, 0.85, tfn),
    _scheme("Australian Medicare number", LabelClass.INSURANCE_ID, 0.85, au_medicare),
    _scheme("New Zealand IRD number", LabelClass.TAX_ID, 0.8, ird),
    _scheme("New Zealand NHI number", LabelClass.HEALTH, 0.85, nhi, "mrn"),
    _scheme("IP address", LabelClass.IP_DEVICE, 0.5, lambda v: _like(_IPV4)(v) or _like(_IPV6)(v), "ip"),
    _scheme("MAC address", LabelClass.IP_DEVICE, 0.75, _like(_MAC)),
    _scheme("IMEI", LabelClass.IP_DEVICE, 0.8, imei),
    _scheme("password hash or token", LabelClass.CREDENTIALS, 0.85, _like(_SECRET)),
    _scheme("digest or random token", LabelClass.CREDENTIALS, 0.35, _like(_DIGEST)),
    _scheme("pair of coordinates", LabelClass.GEO, 0.65, _like(_LATLON)),
    _scheme("ICD-10 code", LabelClass.HEALTH, 0.5, _like(_ICD10)),
    _scheme("blood group", LabelClass.HEALTH, 0.7, _like(_BLOOD)),
)
"""Every scheme looked for in values."""
