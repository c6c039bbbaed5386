"""Environments to promote, and what a promotion must keep: the effective matrix under a map of catalogs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from lampkeeper.app.access import access_of
from lampkeeper.app.generating import generate
from lampkeeper.app.inputs import EnvInputs
from lampkeeper.app.promoting import Promoted, promote
from lampkeeper.design.promotion.catalog_map import CatalogMap
from lampkeeper.files.folder import EnvFolder
from lampkeeper.model.effective import Matrix, compute_matrix, standard_principals
from lampkeeper.model.names import write_name
from lampkeeper.model.schema import Snapshot, Table

Seen = Mapping[tuple[str, str, str], object]
"""By principal, table and column: the state and the digest of the mask; the row filter stands under the column `(rows)`."""


def made_folder(root: Path, env: str, tables: tuple[Table, ...], more: str = "") -> EnvFolder:
    """Make an environment that covers the catalogs of these tables, and generate its draft."""
    folder = EnvFolder(root, env)
    folder.path.mkdir(parents=True)
    catalogs = sorted({t.name.catalog for t in tables})
    patterns = ", ".join(quoted(f"{write_name(c)}.*") for c in catalogs)
    spaces = ", ".join(f'{{ name = "Space {n}", uc_tables = [{quoted(f"{write_name(c)}.*")}] }}' for n, c in enumerate(catalogs))
    groups = 'groups = {\n  readers = {}\n  officers = { clearance = ["*"] }\n}\n'
    folder.settings_path.write_text(f"uc_tables = [{patterns}]\ngenie_spaces = [{spaces}]\n{groups}{more}", encoding="utf-8")
    folder.write_snapshot(Snapshot(tables=tables))
    generate(EnvInputs(folder))
    return folder


def quoted(text: str) -> str:
    """Return an HCL string."""
    from lampkeeper.files.hcl import quote_hcl

    return quote_hcl(text)


def carried(folder: EnvFolder, env: str, names: Mapping[str, str]) -> tuple[EnvFolder, Promoted]:
    """Promote an environment with a map of catalogs."""
    there = EnvFolder(folder.root, env)
    pairs = CatalogMap({a.casefold(): b for a, b in names.items()})
    return there, promote(EnvInputs(folder), there, pairs)


def matrix_of(folder: EnvFolder) -> Matrix:
    """Return the matrix that an environment's files describe."""
    access = access_of(EnvInputs(folder))
    return compute_matrix(access, standard_principals(access))


def seen(matrix: Matrix, names: Mapping[str, str] | None = None) -> Seen:
    """Return what each principal sees, with catalogs renamed."""
    names = names or {}
    found: dict[tuple[str, str, str], object] = {}
    for (who, column), cell in matrix.cells.items():
        table = column.table
        plain = ".".join((names.get(table.catalog, table.catalog), table.schema, table.table))
        # Why a column is hidden names the missing privileges, and with them the catalog.
        found[(who, plain, column.column)] = (cell.state, cell.digest)
    for (who, table), digest in matrix.filter_digests.items():
        plain = ".".join((names.get(table.catalog, table.catalog), table.schema, table.table))
        found[(who, plain, "(rows)")] = digest
    return found


def texts(*folders: Path) -> dict[str, str]:
    """Return every file below the folders by its path."""
    return {str(p): p.read_text("utf-8") for folder in folders for p in sorted(folder.rglob("*")) if p.is_file()}
