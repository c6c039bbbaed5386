"""What the test data holds, as the checks of scenarios expect it: rows, sensitive columns, and columns that flag rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lampkeeper.model.known_names import unknown_name
from lampkeeper.testdata.catalogs import Variant, tables

_SENSITIVE: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("finance", "customers"): ("first_name", "last_name", "ssn", "date_of_birth", "email", "phone", "address"),
    ("finance", "credit_cards"): ("card_number", "cvv"),
    ("clinical", "patients"): (
        "first_name", "last_name", "date_of_birth", "ssn", "email", "phone", "address", "insurance_id",
    ),
    ("clinical", "encounters"): ("diagnosis_code", "diagnosis_desc", "treatment_notes"),
}  # fmt: skip
_FLAGS: Mapping[tuple[str, str], tuple[str, ...]] = {("finance", "transactions"): ("aml_flag",)}


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedTable:
    """A table: its rows, the columns that are masked, and the columns that flag rows, whose other values are `unflagged`."""

    name: str
    rows: int
    masked: tuple[str, ...]
    flags: tuple[str, ...] = ()
    unflagged: tuple[str | None, ...] = ("false", "CLEAR", None)


def tables_in(catalog: str) -> tuple[ExpectedTable, ...]:
    """Return the tables of a catalog of the test data; raise UsageError for another catalog."""
    seeded = [t for variant in Variant for t in tables(variant)]
    found = [t for t in seeded if t.table.name.catalog == catalog]
    if not found:
        raise unknown_name("catalog of test data", catalog, {t.table.name.catalog for t in seeded})
    return tuple(
        ExpectedTable(
            name=str(t.table.name), rows=len(t.rows), masked=_SENSITIVE.get((t.table.name.schema, t.table.name.table), ()),
            flags=_FLAGS.get((t.table.name.schema, t.table.name.table), ()),
        )
        for t in found
    )  # fmt: skip
