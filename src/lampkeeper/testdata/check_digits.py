"""Check digits of the identifiers in test rows, each by its published algorithm."""

from __future__ import annotations

import string

_VERHOEFF_D = (
    "0123456789", "1234067895", "2340178956", "3401289567", "4012395678",
    "5987604321", "6598710432", "7659821043", "8765932104", "9876543210",
)  # fmt: skip
_VERHOEFF_P = (
    "0123456789", "1576283094", "5803796142", "8916043527", "9453126870", "4286573901", "2793806415", "7046913258",
)  # fmt: skip
_VERHOEFF_INVERSE = "0432156789"
_NRIC_LETTERS = "JZIHGFEDCBA"


def luhn(body: str) -> str:
    """Return the digit that completes a payment card number (ISO/IEC 7812)."""
    total = 0
    for index, char in enumerate(reversed(body)):
        digit = int(char) * (2 if index % 2 == 0 else 1)
        total += digit - 9 if digit > 9 else digit
    return str(-total % 10)


def verhoeff(body: str) -> str:
    """Return the digit that completes an Aadhaar number."""
    state = 0
    for index, char in enumerate(reversed(body), start=1):
        state = int(_VERHOEFF_D[state][int(_VERHOEFF_P[index % 8][int(char)])])
    return _VERHOEFF_INVERSE[state]


def iban(country: str, account: str) -> str:
    """Return the IBAN of a country's account number (ISO 13616)."""
    rest = "".join(str(int(c, 36)) for c in f"{account}{country}00")
    return f"{country}{98 - int(rest) % 97:02d}{account}"


def routing(body: str) -> str:
    """Return the digit that completes eight digits of a US routing number."""
    return str(-sum(int(c) * w for c, w in zip(body, (3, 7, 1) * 3, strict=False)) % 10)


def weighted(body: str, weights: tuple[int, ...], modulus: int) -> int:
    """Return the weighted sum of digits modulo a number."""
    return sum(int(c) * w for c, w in zip(body, weights, strict=True)) % modulus


def tfn(body: str) -> str | None:
    """Return the digit that completes eight digits of an Australian tax file number, or None if there is none."""
    weights = (1, 4, 3, 7, 5, 8, 6, 9, 10)
    return next((d for d in string.digits if weighted(body + d, weights, 11) == 0), None)


def nhs(body: str) -> str | None:
    """Return the digit that completes nine digits of an NHS number, or None if there is none."""
    digit = (11 - weighted(body, (10, 9, 8, 7, 6, 5, 4, 3, 2), 11)) % 11
    return None if digit == 10 else str(digit)


def nric(digits: str) -> str:
    """Return the letter that completes seven digits of a Singapore NRIC that starts with S."""
    return _NRIC_LETTERS[weighted(digits, (2, 7, 6, 5, 4, 3, 2), 11)]


def gstin(body: str) -> str:
    """Return the character that completes fourteen of an Indian GSTIN."""
    total = 0
    for index, char in enumerate(body):
        product = int(char, 36) * (1 + index % 2)
        total += product // 36 + product % 36
    return "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"[-total % 36]
