"""The five demo tables (finance and clinical) as a snapshot, and desired states made of them."""

from __future__ import annotations

from functools import cache

from lampkeeper.design.classify.offline import classify
from lampkeeper.design.genie.spaces import SpaceRequest
from lampkeeper.design.synthesis.groups import minimal_groups
from lampkeeper.design.synthesis.synthesize import SynthesisRequest, synthesize
from lampkeeper.model.desired import Desired
from lampkeeper.model.genie import Warehouse
from lampkeeper.model.names import TableName
from lampkeeper.model.schema import Column, Snapshot, Table, TableKind

CUSTOMERS = "dev_fin.finance.customers"
TRANSACTIONS = "dev_fin.finance.transactions"
CARDS = "dev_fin.finance.credit_cards"
PATIENTS = "dev_clinical.clinical.patients"
ENCOUNTERS = "dev_clinical.clinical.encounters"

_DEFINITIONS = {
    CUSTOMERS: (
        "customer_id BIGINT, first_name STRING, last_name STRING, ssn STRING, date_of_birth DATE, email STRING, phone "
        "STRING, address STRING, city STRING, state STRING, zip STRING, account_tier STRING, kyc_status STRING, "
        "created_at TIMESTAMP"
    ),
    TRANSACTIONS: (
        "transaction_id BIGINT, customer_id BIGINT, amount DECIMAL(18;2), currency STRING, transaction_type STRING, "
        "merchant_name STRING, merchant_category STRING, transaction_date DATE, status STRING, aml_flag BOOLEAN, "
        "risk_score INT, channel STRING, created_at TIMESTAMP"
    ),
    CARDS: (
        "card_id BIGINT, customer_id BIGINT, card_number STRING, card_type STRING, expiry_month INT, expiry_year INT, "
        "cvv STRING, credit_limit DECIMAL(12;2), current_balance DECIMAL(12;2), status STRING, issued_at TIMESTAMP, "
        "last_used_date DATE"
    ),
    PATIENTS: (
        "patient_id BIGINT, first_name STRING, last_name STRING, date_of_birth DATE, ssn STRING, gender STRING, email "
        "STRING, phone STRING, address STRING, city STRING, state STRING, zip STRING, insurance_id STRING, "
        "insurance_provider STRING, primary_physician STRING, risk_tier STRING, enrolled_at TIMESTAMP"
    ),
    ENCOUNTERS: (
        "encounter_id BIGINT, patient_id BIGINT, encounter_date DATE, encounter_type STRING, diagnosis_code STRING, "
        "diagnosis_desc STRING, treatment_notes STRING, attending_doc STRING, facility_id STRING, facility_name STRING, "
        "billed_amount DECIMAL(12;2), paid_amount DECIMAL(12;2), length_of_stay_days INT, discharge_status STRING, "
        "created_at TIMESTAMP"
    ),
}


def table(name: str, columns: str, kind: TableKind = TableKind.TABLE) -> Table:
    """Return a table from `name TYPE, name TYPE`; a comma inside a type is written `;`."""
    made = tuple(Column(name=part.split(" ", 1)[0], type=part.split(" ", 1)[1].replace(";", ",")) for part in columns.split(", "))
    return Table(name=TableName.parse(name), columns=made, kind=kind)


@cache
def demo_snapshot() -> Snapshot:
    """Return the five tables."""
    return Snapshot(tables=tuple(table(n, c) for n, c in _DEFINITIONS.items()))


@cache
def demo_request(snapshot: Snapshot | None = None) -> SynthesisRequest:
    """Return a request over the tables: minimal groups, one space a catalog, one warehouse."""
    taken = snapshot or demo_snapshot()
    spaces = tuple(
        SpaceRequest(name=name, tables=tuple(t.name for t in taken.tables if t.name.catalog == catalog))
        for name, catalog in (("Finance Analytics", "dev_fin"), ("Clinical Analytics", "dev_clinical"))
    )
    return SynthesisRequest(
        snapshot=taken, labels=classify(taken), groups=minimal_groups(), spaces=spaces, warehouse=Warehouse(name="main")
    )


@cache
def demo_desired() -> Desired:
    """Return the desired state of the five tables."""
    return synthesize(demo_request()).desired
