"""Rows of the test data: the same invented people every time, with plausible amounts and diagnoses."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from lampkeeper.testdata import invented
from lampkeeper.testdata.deterministic_random import DeterministicRandom
from lampkeeper.testdata.rows import Cell

Rows = tuple[tuple[Cell, ...], ...]

CUSTOMER_IDS = {False: range(1001, 1011), True: range(8001, 8011)}
TRANSACTION_IDS = {False: range(5001, 5016), True: range(6001, 6016)}
CARD_IDS = {False: range(9001, 9011), True: range(7001, 7011)}
PATIENT_IDS = {False: range(2001, 2011), True: range(9001, 9011)}
ENCOUNTER_IDS = {False: range(3001, 3013), True: range(4001, 4013)}
FLAGGED = {False: {5005: 87, 5009: 92}, True: {6008: 89, 6014: 94}}
"""Transactions flagged by anti-money-laundering monitoring, with their risk scores."""

_MERCHANTS = (
    ("Corner Grocery", "GROCERY"), ("Bluebird Air", "TRAVEL"), ("Northside Fuel", "FUEL"), ("Papertrail Books", "RETAIL"),
    ("Cloudform Hosting", "SOFTWARE"), ("Harbour Pharmacy", "HEALTH"), ("Oak & Iron Hardware", "HOME"),
    ("Lantern Cafe", "DINING"),
)  # fmt: skip
_SHELL_MERCHANTS = (("Meridian Holdings", "WIRE_TRANSFER"), ("Quartz Trading Partners", "WIRE_TRANSFER"))
_INSURERS = ("Evergreen Health", "Harbor Mutual", "Summit Care", "Union Life")
_FACILITIES = (("FAC-001", "Fairview General Hospital"), ("FAC-002", "Lakeside Clinic"), ("FAC-003", "Riverton Medical Center"))
_FIRST, _LAST = date(2024, 1, 1), date(2026, 6, 30)


def customers(prod: bool) -> Rows:
    """Return ten customers."""
    rows = []
    for index, number in enumerate(CUSTOMER_IDS[prod]):
        who, rng = invented.person("customer", number), DeterministicRandom("customer", number)
        tier = ("RETAIL", "RETAIL", "PRIVATE_BANKING", "RETAIL", "INSTITUTIONAL")[index % 5]
        kyc = ("VERIFIED", "VERIFIED", "VERIFIED", "PENDING", "VERIFIED", "VERIFIED", "FAILED")[index % 7]
        rows.append(
            (
                number, who.first, who.last, invented.social_security_number(rng), who.born, who.email, who.phone, who.street,
                who.city, who.state, who.postcode, tier, kyc, rng.moment(_FIRST, _LAST),
            )
        )  # fmt: skip
    return tuple(rows)


def transactions(prod: bool) -> Rows:
    """Return fifteen transactions, two of them flagged."""
    rows = []
    owners = CUSTOMER_IDS[prod]
    for index, number in enumerate(TRANSACTION_IDS[prod]):
        rng = DeterministicRandom("transaction", number)
        score = FLAGGED[prod].get(number)
        merchant, category = rng.choice(_MERCHANTS if score is None else _SHELL_MERCHANTS)
        kind = ("DEBIT", "CREDIT", "ACH", "INTERNAL", "DEBIT")[index % 5] if score is None else "WIRE"
        status = ("COMPLETED", "COMPLETED", "PENDING", "COMPLETED", "DECLINED", "COMPLETED", "REVERSED")[index % 7]
        amount = rng.amount(8, 2_400) if score is None else rng.amount(48_000, 96_000)
        booked = rng.moment(_FIRST, _LAST)
        rows.append(
            (
                number, owners[index % len(owners)], amount, ("USD", "USD", "EUR", "GBP")[index % 4], kind, merchant, category,
                booked.date(), "COMPLETED" if score is not None else status, score is not None,
                score if score is not None else rng.number(2, 45), ("ONLINE", "BRANCH", "ATM", "MOBILE")[index % 4], booked,
            )
        )  # fmt: skip
    return tuple(rows)


def credit_cards(prod: bool) -> Rows:
    """Return ten cards, one per customer."""
    rows = []
    for index, (number, owner) in enumerate(zip(CARD_IDS[prod], CUSTOMER_IDS[prod], strict=True)):
        rng = DeterministicRandom("card", number)
        brand = ("VISA", "MASTERCARD", "AMEX", "DISCOVER")[index % 4]
        limit = Decimal(rng.number(2, 40) * 525).quantize(Decimal("0.01"))
        rows.append(
            (
                number, owner, invented.card_number(rng, brand), brand, rng.number(1, 12), rng.number(2027, 2031),
                rng.digits(4 if brand == "AMEX" else 3), limit, rng.amount(0, int(limit) - 1),
                ("ACTIVE", "ACTIVE", "ACTIVE", "SUSPENDED", "CLOSED")[index % 5],
                rng.moment(date(2022, 1, 1), date(2024, 12, 31)),
                rng.day(date(2026, 1, 1), _LAST),
            )
        )  # fmt: skip
    return tuple(rows)


def patients(prod: bool) -> Rows:
    """Return ten patients."""
    rows = []
    for index, number in enumerate(PATIENT_IDS[prod]):
        who, rng = invented.person("patient", prod, number), DeterministicRandom("patient", prod, number)
        rows.append(
            (
                number, who.first, who.last, who.born, invented.social_security_number(rng),
                ("FEMALE", "MALE", "FEMALE", "OTHER", "MALE", "PREFER_NOT_TO_SAY")[index % 6], who.email, who.phone, who.street,
                who.city, who.state, who.postcode, f"INS-{rng.letters(3)}-{rng.digits(8)}", rng.choice(_INSURERS),
                f"Dr. {invented.person('doctor', index % 4).full}", ("LOW", "MEDIUM", "LOW", "HIGH")[index % 4],
                rng.moment(_FIRST, _LAST),
            )
        )  # fmt: skip
    return tuple(rows)


def encounters(prod: bool) -> Rows:
    """Return twelve encounters; only inpatients have a length of stay."""
    rows = []
    owners = PATIENT_IDS[prod]
    for index, number in enumerate(ENCOUNTER_IDS[prod]):
        rng = DeterministicRandom("encounter", number)
        kind = ("OUTPATIENT", "INPATIENT", "EMERGENCY", "TELEHEALTH")[index % 4]
        code, text = rng.choice(invented.DIAGNOSES)
        facility, facility_name = rng.choice(_FACILITIES)
        who = invented.person("patient", prod, owners[index % len(owners)])
        billed = rng.amount(90, 400) if kind != "INPATIENT" else rng.amount(4_000, 28_000)
        seen = rng.moment(_FIRST, _LAST)
        rows.append(
            (
                number, owners[index % len(owners)], seen.date(), kind, code, text,
                f"{who.full} presented with {text.lower()}; plan discussed, follow-up in {rng.number(2, 12)} weeks.",
                f"Dr. {invented.person('doctor', index % 4).full}", facility, facility_name, billed,
                (billed * rng.number(60, 100) / 100).quantize(Decimal("0.01")),
                rng.number(1, 9) if kind == "INPATIENT" else None,
                ("DISCHARGED", "DISCHARGED", "TRANSFERRED", "DISCHARGED", "AMA", "EXPIRED")[index % 6], seen,
            )
        )  # fmt: skip
    return tuple(rows)
