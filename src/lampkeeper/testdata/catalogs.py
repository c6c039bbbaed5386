"""The test data of the demo and the scenarios: two catalogs with five tables; dev and prod have the same columns, other rows."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from lampkeeper.model.names import TableName
from lampkeeper.model.schema import Column, Table
from lampkeeper.testdata import catalog_rows as rows
from lampkeeper.testdata.seeding import SeedTable


class Variant(StrEnum):
    """The rows: of development or of production."""

    DEV = "dev"
    PROD = "prod"


def columns_of(text: str) -> tuple[Column, ...]:
    """Read `name | TYPE [NOT NULL] | comment` lines."""
    found = []
    for line in filter(str.strip, text.splitlines()):
        name, kind, comment = (part.strip() for part in line.split("|"))
        found.append(
            Column(name=name, type=kind.removesuffix(" NOT NULL"), comment=comment, nullable=not kind.endswith(" NOT NULL"))
        )
    return tuple(found)


CUSTOMERS = columns_of("""
    customer_id   | BIGINT NOT NULL | Customer number
    first_name    | STRING NOT NULL | Given name
    last_name     | STRING NOT NULL | Family name
    ssn           | STRING          | Social security number
    date_of_birth | DATE            | Date of birth
    email         | STRING          | Email address
    phone         | STRING          | Phone number
    address       | STRING          | Street and house number
    city          | STRING          | City
    state         | STRING          | State, two letters
    zip           | STRING          | Postal code
    account_tier  | STRING          | RETAIL, PRIVATE_BANKING or INSTITUTIONAL
    kyc_status    | STRING          | Know-your-customer check: VERIFIED, PENDING or FAILED
    created_at    | TIMESTAMP       | When the record was made
""")
TRANSACTIONS = columns_of("""
    transaction_id    | BIGINT NOT NULL | Transaction number
    customer_id       | BIGINT NOT NULL | Customer number
    amount            | DECIMAL(18,2)   | Amount in the currency given
    currency          | STRING          | ISO 4217 code
    transaction_type  | STRING          | DEBIT, CREDIT, WIRE, ACH or INTERNAL
    merchant_name     | STRING          | Name of the merchant
    merchant_category | STRING          | Kind of merchant
    transaction_date  | DATE NOT NULL   | Day of the booking
    status            | STRING          | COMPLETED, PENDING, DECLINED or REVERSED
    aml_flag          | BOOLEAN         | Flagged by anti-money-laundering monitoring
    risk_score        | INT             | Anti-money-laundering risk score, 0 to 100
    channel           | STRING          | ONLINE, BRANCH, ATM or MOBILE
    created_at        | TIMESTAMP       | When the record was made
""")
CREDIT_CARDS = columns_of("""
    card_id         | BIGINT NOT NULL | Card number in our books
    customer_id     | BIGINT NOT NULL | Customer number
    card_number     | STRING          | Full card number (PAN)
    card_type       | STRING          | VISA, MASTERCARD, AMEX or DISCOVER
    expiry_month    | INT             | Month of expiry, 1 to 12
    expiry_year     | INT             | Year of expiry
    cvv             | STRING          | Card verification value
    credit_limit    | DECIMAL(12,2)   | Credit limit
    current_balance | DECIMAL(12,2)   | Balance owed
    status          | STRING          | ACTIVE, SUSPENDED or CLOSED
    issued_at       | TIMESTAMP       | When the card was issued
    last_used_date  | DATE            | Day of last use
""")
PATIENTS = columns_of("""
    patient_id         | BIGINT NOT NULL | Patient number
    first_name         | STRING NOT NULL | Given name
    last_name          | STRING NOT NULL | Family name
    date_of_birth      | DATE            | Date of birth
    ssn                | STRING          | Social security number
    gender             | STRING          | MALE, FEMALE, OTHER or PREFER_NOT_TO_SAY
    email              | STRING          | Email address
    phone              | STRING          | Phone number
    address            | STRING          | Street and house number
    city               | STRING          | City
    state              | STRING          | State, two letters
    zip                | STRING          | Postal code
    insurance_id       | STRING          | Member number at the insurer
    insurance_provider | STRING          | Name of the insurer
    primary_physician  | STRING          | Name of the family doctor
    risk_tier          | STRING          | LOW, MEDIUM or HIGH
    enrolled_at        | TIMESTAMP       | When the patient was enrolled
""")
ENCOUNTERS = columns_of("""
    encounter_id        | BIGINT NOT NULL | Encounter number
    patient_id          | BIGINT NOT NULL | Patient number
    encounter_date      | DATE NOT NULL   | Day of the encounter
    encounter_type      | STRING          | INPATIENT, OUTPATIENT, EMERGENCY or TELEHEALTH
    diagnosis_code      | STRING          | ICD-10 code
    diagnosis_desc      | STRING          | Diagnosis in words
    treatment_notes     | STRING          | Notes of the clinician
    attending_doc       | STRING          | Name of the attending doctor
    facility_id         | STRING          | Facility number
    facility_name       | STRING          | Name of the facility
    billed_amount       | DECIMAL(12,2)   | Amount billed
    paid_amount         | DECIMAL(12,2)   | Amount paid
    length_of_stay_days | INT             | Days in hospital; empty for all but inpatients
    discharge_status    | STRING          | DISCHARGED, TRANSFERRED, AMA or EXPIRED
    created_at          | TIMESTAMP       | When the record was made
""")

SCHEMA_COMMENTS = {
    ("fin", "finance"): "Retail banking: customers, transactions, credit cards",
    ("clinical", "clinical"): "Clinical records: patients, encounters",
}

SENSITIVE: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("finance", "customers"): ("first_name", "last_name", "ssn", "date_of_birth", "email", "phone", "address"),
    ("finance", "transactions"): ("aml_flag", "risk_score"),
    ("finance", "credit_cards"): ("card_number", "cvv"),
    ("clinical", "patients"): (
        "first_name", "last_name", "date_of_birth", "ssn", "email", "phone", "address", "insurance_id",
    ),
    ("clinical", "encounters"): ("diagnosis_code", "diagnosis_desc", "treatment_notes"),
}  # fmt: skip
"""The columns, by schema and table, that no one outside the cleared groups may read raw."""


def catalogs(variant: Variant) -> tuple[str, str]:
    """Return the names of a variant's two catalogs."""
    return (f"{variant}_fin", f"{variant}_clinical")


def tables(variant: Variant = Variant.DEV) -> tuple[SeedTable, ...]:
    """Return the five tables of a variant with their rows."""
    finance, clinical = catalogs(variant)
    prod = variant is Variant.PROD
    found = (
        (finance, "finance", "customers", "People and companies that bank with us", CUSTOMERS, rows.customers(prod)),
        (finance, "finance", "transactions", "Bookings on customers' accounts", TRANSACTIONS, rows.transactions(prod)),
        (finance, "finance", "credit_cards", "Cards issued to customers", CREDIT_CARDS, rows.credit_cards(prod)),
        (clinical, "clinical", "patients", "Registered patients", PATIENTS, rows.patients(prod)),
        (clinical, "clinical", "encounters", "Visits, admissions and calls of patients", ENCOUNTERS, rows.encounters(prod)),
    )
    return tuple(
        SeedTable(table=Table(name=TableName(catalog, schema, name), comment=comment, columns=columns), rows=cells)
        for catalog, schema, name, comment, columns, cells in found
    )
