"""The banks of the overlay demos: labelled as their overlays say, rows that fit their formats."""

from __future__ import annotations

import pytest

from lampkeeper.demo.run import overlay_subject
from lampkeeper.design.classify.offline import classify
from lampkeeper.design.knowledge.knowledge import compose
from lampkeeper.design.knowledge.overlays import choose_overlays
from lampkeeper.design.knowledge.vocabulary import filter_protection, mask_protection
from lampkeeper.model.errors import UsageError
from lampkeeper.model.labels import Protect
from lampkeeper.model.schema import Snapshot
from lampkeeper.testdata.banks import BANKS, Bank, bank_tables

MUST = {
    "ANZ": {"tfn": "mask_tfn", "medicare_number": "mask_medicare", "bsb": "mask_bsb", "account_number": "mask_account_last4"},
    "IN": {"aadhaar": "mask_aadhaar", "pan_number": "mask_pan_india", "voter_id": "mask_voter_id", "uan": "mask_uan",
           "upi_id": "mask_upi", "gstin": "mask_gstin"},
    "SEA": {"nric": "mask_nric", "mykad": "mask_mykad", "thai_id": "mask_thai_id", "nik": "mask_nik", "philsys": "mask_philsys",
            "cccd": "mask_cccd"},
}  # fmt: skip
ALWAYS = {"first_name": "mask_name", "email": "mask_email", "phone": "mask_phone", "card_number": "mask_card_last4",
          "cvv": "mask_card_code", "balance": "mask_amount_decimal", "amount": "mask_amount_decimal",
          "date_of_birth": "mask_date_to_year", "address": "mask_redact_string"}  # fmt: skip
OPEN = ("customer_id", "account_id", "suburb", "city", "state", "country", "ifsc", "merchant", "category", "branch", "card_type",
        "cross_border", "opened_date", "currency", "source_country", "dest_country")  # fmt: skip
SHAPES = {
    "ANZ": {
        "customers": """customer_id first_name last_name email phone address suburb state postcode tfn medicare_number
            date_of_birth bsb account_number""",
        "accounts": "account_id customer_id bsb account_number account_type balance opened_date branch",
        "transactions": """transaction_id account_id transaction_date amount merchant category aml_risk_flag cross_border
            country""",
        "credit_cards": "card_id customer_id card_number cvv expiry_date credit_limit card_type status",
    },
    "IN": {
        "customers": """customer_id first_name last_name email phone address city state pincode aadhaar pan_number voter_id
            date_of_birth uan upi_id gstin""",
        "accounts": "account_id customer_id ifsc account_number account_type balance opened_date branch",
        "transactions": """transaction_id account_id transaction_date amount merchant category aml_risk_flag cross_border
            country""",
        "credit_cards": "card_id customer_id card_number cvv expiry_date credit_limit card_type status",
    },
    "SEA": {
        "customers": """customer_id first_name last_name email phone address city country postal_code nric mykad thai_id nik
            philsys cccd date_of_birth""",
        "accounts": "account_id customer_id account_number account_type currency balance opened_date branch",
        "transactions": """transaction_id account_id transaction_date amount currency merchant category aml_risk_flag
            cross_border source_country dest_country""",
        "credit_cards": "card_id customer_id card_number cvv expiry_date credit_limit currency card_type status",
    },
}
CATALOGS = {"ANZ": "bank", "IN": "lakshmi", "SEA": "asean_bank"}
TYPES = {
    **dict.fromkeys(("customer_id", "account_id", "transaction_id", "card_id"), "BIGINT"),
    **dict.fromkeys(("balance", "amount", "credit_limit"), "DECIMAL(18,2)"),
    **dict.fromkeys(("date_of_birth", "opened_date"), "DATE"),
    "transaction_date": "TIMESTAMP",
    "cross_border": "BOOLEAN",
}
ROWS = {"ANZ": (10, 10, 15, 10), "IN": (10, 10, 15, 10), "SEA": (12, 12, 15, 12)}
WORDS = {
    ("ANZ", "account_type"): {"SAVINGS", "EVERYDAY", "TERM_DEPOSIT", "HOME_LOAN"},
    ("ANZ", "category"): {"RETAIL", "TRANSFER", "ATM", "INTERNATIONAL"},
    ("ANZ", "card_type"): {"VISA", "MASTERCARD", "AMEX"},
    ("IN", "account_type"): {"SAVINGS", "CURRENT", "FD", "RD", "HOME_LOAN"},
    ("IN", "category"): {"UPI", "NEFT", "RTGS", "IMPS", "POS", "ATM"},
    ("IN", "card_type"): {"VISA", "MASTERCARD", "RUPAY"},
    ("SEA", "account_type"): {"SAVINGS", "CURRENT", "FIXED_DEPOSIT", "MORTGAGE"},
    ("SEA", "category"): {"RETAIL", "TRANSFER", "ATM", "REMITTANCE", "CROSS_BORDER"},
    ("SEA", "card_type"): {"VISA", "MASTERCARD", "UNIONPAY", "JCB"},
    ("SEA", "currency"): {"SGD", "MYR", "THB", "IDR", "PHP", "VND"},
    ("SEA", "country"): {"SG", "MY", "TH", "ID", "PH", "VN"},
} | {
    (key, column): words
    for key in CATALOGS
    for column, words in (
        ("aml_risk_flag", {"CLEAR", "REVIEW", "HIGH_RISK", "BLOCKED"}),
        ("status", {"ACTIVE", "BLOCKED", "EXPIRED"}),
    )
}


@pytest.mark.parametrize("bank", BANKS, ids=lambda b: b.key)
def test_tables_columns_types_rows_and_words_are_as_written_down(bank: Bank) -> None:
    found = bank_tables(bank)
    assert {t.table.name.plain for t in found} == {f"dev_{CATALOGS[bank.key]}.retail.{name}" for name in SHAPES[bank.key]}
    assert tuple(len(t.rows) for t in found) == ROWS[bank.key]
    for seed in found:
        assert [c.name for c in seed.table.columns] == SHAPES[bank.key][seed.table.name.table].split()
        assert {c.name: c.type for c in seed.table.columns} == {c.name: TYPES.get(c.name, "STRING") for c in seed.table.columns}
        for index, column in enumerate(seed.table.columns):
            words = WORDS.get((bank.key, column.name))
            cells = {row[index] for row in seed.rows}
            assert words is None or (cells <= words and None not in cells), (column.name, cells)
        assert set(bank.sensitive[seed.table.name.table]) <= {c.name for c in seed.table.columns}


def test_an_account_keeps_the_currency_of_its_customer_and_two_firms_have_a_gstin() -> None:
    people, accounts, bookings, cards = (t.rows for t in bank_tables(BANKS[2]))
    home = {row[0]: row[7] for row in people}
    assert sorted(home.values()) == sorted(["SG", "MY", "TH", "ID", "PH", "VN"] * 2)
    currency = dict(zip(["SG", "MY", "TH", "ID", "PH", "VN"], ["SGD", "MYR", "THB", "IDR", "PHP", "VND"], strict=True))
    assert all(row[4] == currency[home[row[1]]] for row in accounts)
    assert all(row[6] == currency[home[row[1]]] for row in cards)
    owner = {row[0]: row[1] for row in accounts}
    assert all(row[9] == home[owner[row[1]]] and row[8] == (row[9] != row[10]) for row in bookings)
    assert sum(row[-1] is not None for row in bank_tables(BANKS[1])[0].rows) == 2


def _snapshot(bank: Bank) -> Snapshot:
    return Snapshot(tables=tuple(t.table for t in bank_tables(bank)))


@pytest.mark.parametrize("bank", BANKS, ids=lambda b: b.key)
def test_every_sensitive_column_of_a_bank_gets_the_mask_of_its_identifier(bank: Bank) -> None:
    knowledge = compose(choose_overlays([bank.key], ["financial_services"]))
    snapshot = _snapshot(bank)
    columns = dict(snapshot.columns())
    wanted = MUST[bank.key] | ALWAYS
    seen = set()
    for label in classify(snapshot, knowledge=knowledge):
        name = label.column.column
        if name in wanted:
            protection = mask_protection(label, columns[label.column], knowledge.vocabulary)
            assert label.protect is Protect.YES, label
            assert protection is not None
            assert protection.function == wanted[name], label
            seen.add(name)
        elif name == "aml_risk_flag":
            row_filter = filter_protection(label, columns[label.column], knowledge.vocabulary)
            assert row_filter is not None
            assert row_filter.function == "filter_aml_level"
            seen.add(name)
        elif name in OPEN:
            assert label.protect is Protect.NO, label
    assert seen == {*wanted, "aml_risk_flag"}


@pytest.mark.parametrize("bank", BANKS, ids=lambda b: b.key)
def test_rows_fit_their_columns_and_identifiers_their_formats(bank: Bank) -> None:
    shapes = {i.subtype: i.format for p in choose_overlays([bank.key]) for i in p.identifiers if i.format is not None}
    by_column = {"medicare_number": "medicare"}
    for seed in bank_tables(bank):
        assert len(seed.rows) == (15 if seed.table.name.table == "transactions" else bank.size)
        for index, column in enumerate(seed.table.columns):
            cells = [row[index] for row in seed.rows]
            assert column.nullable or None not in cells
            shape = shapes.get(by_column.get(column.name, column.name))
            if shape is not None:
                values = [c for c in cells if isinstance(c, str)]
                assert values, column.name
                # A GSTIN of the tests holds a PAN of a kind of holder that is not in use.
                assert column.name == "gstin" or all(shape.accepts(v) for v in values), (column.name, values)


def test_production_has_the_same_tables_and_no_rows() -> None:
    for bank in BANKS:
        dev, prod = bank_tables(bank), bank_tables(bank, prod=True)
        assert [t.table.columns for t in dev] == [t.table.columns for t in prod]
        assert all(t.rows == () and t.table.name.catalog.startswith("prod_") for t in prod)


def test_each_customer_of_the_regional_bank_has_one_identity_number() -> None:
    customers = bank_tables(BANKS[2])[0]
    names = [c.name for c in customers.table.columns]
    ids = [names.index(n) for n in ("nric", "mykad", "thai_id", "nik", "philsys", "cccd")]
    assert all(sum(row[i] is not None for i in ids) == 1 for row in customers.rows)


def test_a_demo_of_overlays_shows_what_the_overlays_are_about() -> None:
    assert {t.table.name.catalog for t in overlay_subject(("ANZ", "IN"), ("financial_services",)).tables} == {
        "dev_bank",
        "dev_lakshmi",
    }
    assert {t.table.name.catalog for t in overlay_subject((), ("healthcare",)).tables} == {"dev_clinical"}
    assert {t.table.name.catalog for t in overlay_subject(("GB",), ()).tables} == {"dev_fin", "dev_clinical"}
    with pytest.raises(UsageError, match="no country overlay 'MARS'"):
        overlay_subject(("MARS",), ())
