"""The test data are exactly what the scenarios count on."""

from __future__ import annotations

from datetime import date

import pytest

from lampkeeper.testdata.catalogs import Variant, catalogs, tables
from lampkeeper.testdata.check_digits import luhn

pytestmark = pytest.mark.unit

IDS = {
    Variant.DEV: {
        "customers": (1001, 1010),
        "transactions": (5001, 5015),
        "credit_cards": (9001, 9010),
        "patients": (2001, 2010),
        "encounters": (3001, 3012),
    },
    Variant.PROD: {
        "customers": (8001, 8010),
        "transactions": (6001, 6015),
        "credit_cards": (7001, 7010),
        "patients": (9001, 9010),
        "encounters": (4001, 4012),
    },
}
SHAPES = {
    "customers": """customer_id first_name last_name ssn date_of_birth email phone address city state zip account_tier
        kyc_status created_at""",
    "transactions": """transaction_id customer_id amount currency transaction_type merchant_name merchant_category
        transaction_date status aml_flag risk_score channel created_at""",
    "credit_cards": """card_id customer_id card_number card_type expiry_month expiry_year cvv credit_limit
        current_balance status issued_at last_used_date""",
    "patients": """patient_id first_name last_name date_of_birth ssn gender email phone address city state zip insurance_id
        insurance_provider primary_physician risk_tier enrolled_at""",
    "encounters": """encounter_id patient_id encounter_date encounter_type diagnosis_code diagnosis_desc treatment_notes
        attending_doc facility_id facility_name billed_amount paid_amount length_of_stay_days discharge_status created_at""",
}
WORDS = {
    ("customers", "account_tier"): {"RETAIL", "PRIVATE_BANKING", "INSTITUTIONAL"},
    ("customers", "kyc_status"): {"VERIFIED", "PENDING", "FAILED"},
    ("transactions", "transaction_type"): {"DEBIT", "CREDIT", "WIRE", "ACH", "INTERNAL"},
    ("transactions", "status"): {"COMPLETED", "PENDING", "DECLINED", "REVERSED"},
    ("transactions", "channel"): {"ONLINE", "BRANCH", "ATM", "MOBILE"},
    ("credit_cards", "card_type"): {"VISA", "MASTERCARD", "AMEX", "DISCOVER"},
    ("credit_cards", "status"): {"ACTIVE", "SUSPENDED", "CLOSED"},
    ("patients", "gender"): {"MALE", "FEMALE", "OTHER", "PREFER_NOT_TO_SAY"},
    ("patients", "risk_tier"): {"LOW", "MEDIUM", "HIGH"},
    ("encounters", "encounter_type"): {"INPATIENT", "OUTPATIENT", "EMERGENCY", "TELEHEALTH"},
    ("encounters", "discharge_status"): {"DISCHARGED", "TRANSFERRED", "AMA", "EXPIRED"},
}
NOT_NULL = {
    "customers": {"customer_id", "first_name", "last_name"},
    "transactions": {"transaction_id", "customer_id", "transaction_date"},
    "credit_cards": {"card_id", "customer_id"},
    "patients": {"patient_id", "first_name", "last_name"},
    "encounters": {"encounter_id", "patient_id", "encounter_date"},
}
FLAGGED = {Variant.DEV: {5005: 87, 5009: 92}, Variant.PROD: {6008: 89, 6014: 94}}


def cells(variant: Variant, name: str) -> list[dict[str, object]]:
    (seed,) = [t for t in tables(variant) if t.table.name.table == name]
    return [dict(zip([c.name for c in seed.table.columns], row, strict=True)) for row in seed.rows]


@pytest.mark.parametrize("variant", Variant)
def test_tables_columns_and_ids_are_as_written_down(variant):
    found = {t.table.name.table: t for t in tables(variant)}
    assert set(found) == set(SHAPES)
    for name, seed in found.items():
        finance = name in ("customers", "transactions", "credit_cards")
        assert seed.table.name.parts[:2] == ((f"{variant}_fin", "finance") if finance else (f"{variant}_clinical", "clinical"))
        assert [c.name for c in seed.table.columns] == SHAPES[name].split()
        assert {c.name for c in seed.table.columns if not c.nullable} == NOT_NULL[name]
        assert all(c.comment for c in seed.table.columns)
        first, last = IDS[variant][name]
        assert [row[0] for row in seed.rows] == list(range(first, last + 1))
    assert catalogs(variant) == (f"{variant}_fin", f"{variant}_clinical")


@pytest.mark.parametrize("variant", Variant)
def test_two_transactions_are_flagged_with_their_scores(variant):
    flagged = {r["transaction_id"]: r["risk_score"] for r in cells(variant, "transactions") if r["aml_flag"]}
    assert flagged == FLAGGED[variant]
    assert all(0 <= r["risk_score"] <= 100 for r in cells(variant, "transactions"))


@pytest.mark.parametrize("variant", Variant)
def test_values_keep_to_their_words_and_refer_to_rows_that_are_there(variant):
    for (table, column), words in WORDS.items():
        assert {r[column] for r in cells(variant, table)} <= words
    customers = {r["customer_id"] for r in cells(variant, "customers")}
    patients = {r["patient_id"] for r in cells(variant, "patients")}
    assert {r["customer_id"] for t in ("transactions", "credit_cards") for r in cells(variant, t)} <= customers
    assert {r["patient_id"] for r in cells(variant, "encounters")} <= patients
    for row in cells(variant, "encounters"):
        assert (row["length_of_stay_days"] is not None) == (row["encounter_type"] == "INPATIENT")
    for row in cells(variant, "credit_cards"):
        assert luhn(row["card_number"][:-1]) == row["card_number"][-1]
        assert 1 <= row["expiry_month"] <= 12
    assert all(isinstance(r["date_of_birth"], date) for r in cells(variant, "customers"))


def test_dev_and_prod_have_the_same_shape_and_other_rows():
    dev, prod = tables(Variant.DEV), tables(Variant.PROD)
    assert [t.table.columns for t in dev] == [t.table.columns for t in prod]
    assert not {r for t in dev for r in t.rows} & {r for t in prod for r in t.rows}
    assert [t.digest for t in dev] == [t.digest for t in tables(Variant.DEV)]
