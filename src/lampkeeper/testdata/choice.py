"""What to create, verify or drop: the catalogs of development or of production, of the scenarios or of the banks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from lampkeeper.model.known_names import require_known
from lampkeeper.model.names import ColumnName, TableName
from lampkeeper.testdata.banks import BANKS, Bank, bank_tables
from lampkeeper.testdata.banks import SCHEMA as BANK_SCHEMA
from lampkeeper.testdata.catalogs import SCHEMA_COMMENTS, SENSITIVE, Variant, tables
from lampkeeper.testdata.overlay_columns import OverlayColumns
from lampkeeper.testdata.seeding import SeedTable

ALL_BANKS = "ALL"


@dataclass(frozen=True, slots=True, kw_only=True)
class DataChoice:
    """The chosen test data: without banks the two catalogs of each variant, with banks one catalog of each bank and variant.

    `columns` are the additional columns of the overlay scenarios, on the customers of development. `suffix` ends the name of each
    catalog, so that a run in a workspace of others has catalogs of its own.
    """

    variants: tuple[Variant, ...] = (Variant.DEV,)
    banks: tuple[Bank, ...] = field(default=())
    columns: tuple[OverlayColumns, ...] = ()
    suffix: str = ""

    @property
    def catalogs(self) -> tuple[str, ...]:
        """Return the names of the catalogs, sorted."""
        return tuple(sorted({t.table.name.catalog for t in self.tables}))

    @property
    def tables(self) -> tuple[SeedTable, ...]:
        """Return the tables with their rows."""
        if self.banks:
            found = tuple(t for b in self.banks for v in self.variants for t in bank_tables(b, prod=v is Variant.PROD))
        else:
            found = tuple(t for v in self.variants for t in tables(v))
        return tuple(self._renamed(t) for t in found) if self.suffix else found

    def _renamed(self, seeded: SeedTable) -> SeedTable:
        name = seeded.table.name
        return replace(seeded, table=replace(seeded.table, name=TableName(name.catalog + self.suffix, name.schema, name.table)))

    @property
    def schema_comments(self) -> Mapping[tuple[str, str], str]:
        """Return the comments of the schemas by catalog and schema."""
        if self.banks:
            return {
                (
                    b.catalog_of(prod=v is Variant.PROD) + self.suffix,
                    BANK_SCHEMA,
                ): f"{b.space}: customers, accounts, bookings, cards"
                for b in self.banks
                for v in self.variants
            }
        return {
            (f"{v}_{stem}{self.suffix}", schema): text for v in self.variants for (stem, schema), text in SCHEMA_COMMENTS.items()
        }

    @property
    def sensitive(self) -> tuple[ColumnName, ...]:
        """Return the columns that no one outside the cleared groups may read raw, sorted."""
        found = {
            ColumnName(t.table.name, column) for t in self.tables for column in self._columns_of(t.table.name) if t.table.columns
        }
        return tuple(sorted(found | {c for added in self.columns for c in added.names(Variant.DEV)}))

    def _columns_of(self, table: TableName) -> tuple[str, ...]:
        for bank in self.banks:
            if table.catalog.removesuffix(self.suffix) in (bank.catalog_of(), bank.catalog_of(prod=True)):
                return bank.sensitive[table.table]
        return SENSITIVE[(table.schema, table.table)]


def banks_named(codes: Iterable[str]) -> tuple[Bank, ...]:
    """Return the banks of these country overlays, or every bank for `all`; raise UsageError for a code without a bank."""
    wanted = [code.upper() for code in codes]
    if ALL_BANKS in wanted:
        return BANKS
    for code in wanted:
        require_known("bank", code, [b.key for b in BANKS], fix="choose ANZ, IN, SEA or all")
    return tuple(b for b in BANKS if b.key in wanted)
