"""Environment folders for tests of the command line: a small bank, snapshot taken, nothing generated yet."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from lampkeeper.files.folder import EnvFolder
from lampkeeper.model.names import TableName
from lampkeeper.model.schema import Column, Snapshot, Table

Run = Callable[..., tuple[int, str, str]]
"""A call of the command line: exit code, stdout, stderr."""

SETTINGS = """\
uc_tables = ["dev_fin.finance.*"]
groups = {
  data_analysts       = { description = "Read masked data", members = ["ana@bank.example"] }
  compliance_officers = { clearance = ["*"], members = ["olga@bank.example", "fraud_team"] }
  fraud_team          = { clearance = ["*"], members = ["fay@bank.example"] }
}
"""


def bank_folder(root: Path, env: str = "dev", catalog: str = "dev_fin", extra: tuple[Table, ...] = ()) -> EnvFolder:
    """Make envs/<env> under root with settings and a snapshot of two tables (and those given)."""
    folder = EnvFolder(root, env)
    folder.path.mkdir(parents=True)
    folder.settings_path.write_text(SETTINGS.replace("dev_fin", catalog))
    folder.write_snapshot(
        Snapshot(
            tables=(
                table(catalog, "customers", id="BIGINT", first_name="STRING", ssn="STRING", email="STRING", city="STRING"),
                table(catalog, "transactions", transaction_id="BIGINT", amount="DECIMAL(18,2)", aml_flag="BOOLEAN"),
                *extra,
            )
        )
    )
    return folder


def table(catalog: str, name: str, **columns: str) -> Table:
    return Table(name=TableName(catalog, "finance", name), columns=tuple(Column(name=n, type=t) for n, t in columns.items()))
