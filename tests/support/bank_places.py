"""A governed bank on a local workspace with the real SQL engine, driven through the command line."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

from databricks.sdk import AccountClient, WorkspaceClient

from lampkeeper.cli.main import main
from lampkeeper.model.auth import Auth
from lampkeeper.remote.clients import Workspace, connect
from lampkeeper.remote.warehouse import run_sql
from support.env_folders import SETTINGS
from support.localspace_server import LocalWorkspace, running_localspace

ROWS = (
    "CREATE CATALOG dev_fin",
    "CREATE SCHEMA dev_fin.finance",
    "CREATE TABLE dev_fin.finance.customers (customer_id BIGINT, first_name STRING, ssn STRING, date_of_birth DATE, "
    "email STRING, city STRING, `odd na``me` VARCHAR(20))",
    "INSERT INTO dev_fin.finance.customers VALUES "
    "(1, 'Ana', '219-09-9999', DATE'1980-01-02', 'ana@x.example', 'Oslo', 'x'), "
    "(2, 'Ben', '078-05-1120', DATE'1991-07-09', 'ben@y.example', 'Rome', NULL), "
    "(3, 'Eve', NULL, NULL, NULL, 'Bern', 'z')",
    "CREATE TABLE dev_fin.finance.transactions (transaction_id BIGINT, amount DECIMAL(18,2), aml_flag BOOLEAN)",
    "INSERT INTO dev_fin.finance.transactions VALUES (1, 12345.67, false), (2, 99.10, true), (3, 5, NULL)",
)
PEOPLE = ("ana@bank.example", "olga@bank.example", "fay@bank.example", "otto@bank.example")


@dataclass
class Answer:
    """What a command did."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        return json.loads(self.out)

    def findings(self) -> dict[str, list[str]]:
        """Return findings of severity error as code -> `place: message`."""
        found: dict[str, list[str]] = {}
        for each in self.document["findings"]:
            if each["severity"] == "error":
                found.setdefault(each["code"], []).append(f"{each['location']}: {each['message']}")
        return found


@dataclass
class Bank:
    """A local workspace with people and tables, and an environment folder for it."""

    space: LocalWorkspace
    root: Path

    def run(self, *arguments: str) -> Answer:
        """Run a command as `main` would, in the folder of the bank."""
        out, err = StringIO(), StringIO()
        before = Path.cwd()
        os.chdir(self.root)
        try:
            with redirect_stdout(out), redirect_stderr(err):
                code = main(arguments)
        finally:
            os.chdir(before)
        return Answer(code, out.getvalue(), err.getvalue())

    @property
    def w(self) -> WorkspaceClient:
        return self.space.client()

    @property
    def account(self) -> AccountClient:
        return self.space.account()

    def workspace(self) -> Workspace:
        auth = Auth(
            workspace_host=self.space.host,
            token=self.space.token,
            account_id=self.space.account_id,
            workspace_id=self.space.workspace_id,
        )
        return connect(auth, warehouse_id=self.space.warehouse_id)

    def sql(self, *statements: str) -> None:
        """Run statements as the admin."""
        for statement in statements:
            run_sql(self.workspace(), statement)

    def group_id(self, name: str) -> str:
        return next(str(g.id) for g in self.account.groups_v2.list() if g.display_name == name)

    def user_id(self, name: str) -> str:
        return next(str(u.id) for u in self.account.users_v2.list() if u.user_name == name)

    def probes(self) -> list[str]:
        """Return the service principals that a verification has left."""
        listed = self.account.service_principals_v2.list()
        return [str(p.display_name) for p in listed if str(p.display_name).startswith("lampkeeper-probe-")]


@contextmanager
def governed_bank(root: Path, prepare: Callable[[Bank], None] | None = None) -> Iterator[Bank]:
    """Run a local workspace with the bank on it, snapshot, generate and apply; `prepare` does something before."""
    with running_localspace() as space:
        bank = Bank(space, root)
        bank.sql(*ROWS)
        for name in PEOPLE:
            bank.account.users_v2.create(user_name=name)
        folder = root / "envs" / "dev"
        folder.mkdir(parents=True)
        (folder / "env.auto.tfvars").write_text(f'sql_warehouse_id = "{space.warehouse_id}"\n{SETTINGS}')
        space.write_sign_in(folder)
        if prepare is not None:
            prepare(bank)
        for command in ("generate", "apply"):
            answer = bank.run(command)
            assert answer.code == 0, answer.err
        yield bank
