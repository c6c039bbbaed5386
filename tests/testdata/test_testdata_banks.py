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
        "cross_border", "opened_date")  # fmt: skip


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
