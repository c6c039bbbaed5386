"""Additional columns of the overlay scenarios: national identifiers and terms of an industry on the bank's customers.

Their names are kept in a property of the table, so that removal drops only columns that were added here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import StrEnum

from lampkeeper.model.errors import UsageError
from lampkeeper.model.names import ColumnName, TableName
from lampkeeper.remote.catalog import read_tags
from lampkeeper.remote.clients import Json, Workspace, encode
from lampkeeper.remote.warehouse import run_sql
from lampkeeper.testdata import invented
from lampkeeper.testdata.banks import medicare
from lampkeeper.testdata.catalog_rows import CUSTOMER_IDS
from lampkeeper.testdata.catalogs import Variant
from lampkeeper.testdata.deterministic_random import DeterministicRandom
from lampkeeper.testdata.seeded_catalogs import MARK
from lampkeeper.text.sql_quoting import quote_identifier, quote_string

ADDED = f"{MARK}.columns"
"""The table property with the names of the added columns; it is written before the columns are."""
FILLED = f"{MARK}.filled"
"""The table property with the names of the added columns that have values."""
_MAPPING = "delta.columnMapping.mode"
"""Delta drops a column only if this is `name` (source: platform docs, Delta column mapping)."""

_VALUES: dict[str, tuple[str, Callable[[DeterministicRandom], str]]] = {
    "tax_file_number": ("Australian tax file number", invented.tax_file_number),
    "medicare_number": ("Australian Medicare card number", medicare),
    "bsb_number": ("Australian bank and branch", lambda d: f"06{d.digits(1)}-{d.digits(3)}"),
    "aadhaar_number": ("Indian Aadhaar number", invented.aadhaar),
    "pan_number": ("Indian permanent account number (tax)", invented.permanent_account_number),
    "nric": ("Singapore identity number", invented.nric),
    "mykad": ("Malaysian identity number", lambda d: f"{d.number(60, 99)}0{d.number(1, 9)}1{d.number(0, 9)}14{d.digits(4)}"),
    "patient_id": ("Patient number at the hospital", lambda d: f"P{d.digits(7)}"),
    "diagnosis_code": ("ICD-10 code of a diagnosis", lambda d: d.choice(invented.DIAGNOSES)[0]),
    "loyalty_number": ("Number in the loyalty programme", lambda d: f"LOY{d.digits(9)}"),
    "member_id": ("Member number at the insurer", lambda d: f"MBR{d.digits(8)}"),
}


class OverlayColumns(StrEnum):
    """The columns of a scenario: of the country overlays or of the industry overlays."""

    COUNTRY = "country"
    INDUSTRY = "industry"

    @property
    def columns(self) -> tuple[str, ...]:
        """Return the names of the columns."""
        if self is OverlayColumns.COUNTRY:
            return ("tax_file_number", "medicare_number", "bsb_number", "aadhaar_number", "pan_number", "nric", "mykad")
        return ("patient_id", "diagnosis_code", "loyalty_number", "member_id", "tax_file_number", "medicare_number")

    def names(self, variant: Variant) -> tuple[ColumnName, ...]:
        """Return the names of the columns with their table."""
        return tuple(ColumnName(customers(variant), c) for c in self.columns)


def customers(variant: Variant) -> TableName:
    """Return the table that gets the columns."""
    return TableName(f"{variant}_fin", "finance", "customers")


def _names(chosen: Iterable[OverlayColumns]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(c for one in chosen for c in one.columns))


def value(column: str, customer: int) -> str:
    """Return the value of an added column for a customer."""
    return _VALUES[column][1](DeterministicRandom("overlay", column, customer))


def adding_statements(
    chosen: Iterable[OverlayColumns], variant: Variant = Variant.DEV, there: Iterable[str] = ()
) -> tuple[str, ...]:
    """Return the statements that add the columns, without those `there`, and fill all of them; the marks come first and last."""
    table, names = customers(variant), _names(chosen)
    present = {c.casefold() for c in there}
    missing = [c for c in names if c not in present]
    columns = ", ".join(f"{quote_identifier(c)} STRING COMMENT {quote_string(_VALUES[c][0])}" for c in missing)
    filled = ",\n  ".join(f"{quote_identifier(c)} = {_case(c, CUSTOMER_IDS[variant is Variant.PROD])}" for c in names)
    listed = ",".join(dict.fromkeys([*(c for c in there if c in _VALUES), *names]))
    statements = [_mark(table, {ADDED: listed, _MAPPING: "name"})]
    statements += [f"ALTER TABLE {table.sql} ADD COLUMNS ({columns})"] if missing else []
    statements += [f"UPDATE {table.sql} SET\n  {filled}", _mark(table, {FILLED: listed})]
    return tuple(statements)


def _case(column: str, customer_ids: Iterable[int]) -> str:
    whens = " ".join(f"WHEN {i} THEN {quote_string(value(column, i))}" for i in customer_ids)
    return f"CASE customer_id {whens} END"


def _mark(table: TableName, properties: dict[str, str]) -> str:
    shown = ", ".join(f"{quote_string(k)} = {quote_string(v)}" for k, v in sorted(properties.items()))
    return f"ALTER TABLE {table.sql} SET TBLPROPERTIES ({shown})"


def add_overlay_columns(workspace: Workspace, chosen: Iterable[OverlayColumns], variant: Variant = Variant.DEV) -> int:
    """Add and fill the missing columns; return the number of statements, 0 if all columns are there and filled.

    Raise UsageError if the table was not seeded, or has a column of that name that was not added here.
    """
    wanted = _names(chosen)
    found = _seeded(workspace, customers(variant))
    ours = _listed(found, ADDED)
    present = [str(c["name"]) for c in found.get("columns") or ()]
    foreign = sorted({c.casefold() for c in present} & set(wanted) - set(ours))
    if foreign:
        raise UsageError(
            f"{customers(variant)} has a column {foreign[0]} that was not added for the scenarios",
            fix="rename or drop that column",
        )
    if set(wanted) <= set(_listed(found, FILLED)) & {c.casefold() for c in present}:
        return 0
    statements = adding_statements(chosen, variant, [c for c in present if c in ours])
    for statement in statements:
        run_sql(workspace, statement, kind="seed", writes=True)
    return len(statements)


def remove_overlay_columns(workspace: Workspace, variant: Variant = Variant.DEV) -> int:
    """Drop the columns that were added, with the tags and masks on them; return how many there were."""
    table = customers(variant)
    found = workspace.find("table", f"/api/2.1/unity-catalog/tables/{encode(table.plain)}")
    if found is None or not _listed(found, ADDED):
        return 0
    ours = set(_listed(found, ADDED))
    there = [c for c in found.get("columns") or () if str(c["name"]).casefold() in ours]
    for column in there:
        name = quote_identifier(str(column["name"]))
        if column.get("mask"):
            run_sql(workspace, f"ALTER TABLE {table.sql} ALTER COLUMN {name} DROP MASK", kind="seed", writes=True)
    for statement in _unset_tags(workspace, table, ours):
        run_sql(workspace, statement, kind="seed", writes=True)
    if there:
        run_sql(workspace, removing_statement(variant, [str(c["name"]) for c in there]), kind="seed", writes=True)
    run_sql(
        workspace,
        f"ALTER TABLE {table.sql} UNSET TBLPROPERTIES IF EXISTS ({quote_string(ADDED)}, {quote_string(FILLED)})",
        kind="seed",
        writes=True,
    )
    return len(there)


def removing_statement(variant: Variant = Variant.DEV, names: Iterable[str] = _VALUES) -> str:
    """Return the statement that drops these columns; without names, all that can have been added."""
    listed = ", ".join(quote_identifier(name) for name in names)
    return f"ALTER TABLE {customers(variant).sql} DROP COLUMNS ({listed})"


def _unset_tags(workspace: Workspace, table: TableName, ours: set[str]) -> list[str]:
    prefix = f"{table.plain}.".casefold()
    tagged: dict[str, list[str]] = {}
    for tag in read_tags(workspace, table.catalog, [table.schema]):
        column = tag.entity_name.casefold().removeprefix(prefix)
        if tag.entity_name.casefold().startswith(prefix) and column in ours:
            tagged.setdefault(column, []).append(tag.key)
    statements = []
    for column, keys in sorted(tagged.items()):
        listed = ", ".join(quote_string(k) for k in sorted(keys))
        statements.append(f"ALTER TABLE {table.sql} ALTER COLUMN {quote_identifier(column)} UNSET TAGS ({listed})")
    return statements


def _seeded(workspace: Workspace, table: TableName) -> Json:
    found = workspace.find("table", f"/api/2.1/unity-catalog/tables/{encode(table.plain)}")
    if found is None:
        raise UsageError(f"{table} does not exist", fix="create the test data first: lampkeeper testdata")
    if MARK not in (found.get("properties") or {}):
        raise UsageError(f"{table} was not created by seeding and is not changed", fix="choose another workspace")
    return found


def _listed(table: Json, name: str) -> tuple[str, ...]:
    return tuple(filter(None, str((table.get("properties") or {}).get(name, "")).split(",")))
