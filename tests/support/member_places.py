"""A bank whose commands are signed in as a principal with USER, the SQL entitlement, CAN USE, SELECT and nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from localspace.core.statement_runner import CancelToken
from localspace.governance.repositories import Repositories
from localspace.sql.engine import EngineRows
from localspace.sql.run import SqlRunner
from localspace.sql.storage import EngineObjects
from support.bank_places import Answer, Bank
from support.light_sql import LightRunner, NoEngine
from support.localspace_server import running_localspace


class EmptyTables(NoEngine):
    """An engine whose tables have no rows."""

    def query(self, sql: str, objects: EngineObjects, user: str, cancel: CancelToken, limit: int | None = None) -> EngineRows:
        """Return no row of one column."""
        return EngineRows((("c", "string", True),), [], False)


class EmptyRunner(LightRunner):
    """A statement runner whose queries are allowed or refused as ever, and return no row."""

    def __init__(self, repositories: Repositories, files: Path) -> None:
        """Answer from the repositories of a workspace."""
        super().__init__(repositories, files)
        self._runner = SqlRunner(repositories, files, EmptyTables(files / "empty"))


TABLES = (
    "CREATE CATALOG dev_fin",
    "CREATE SCHEMA dev_fin.finance",
    "CREATE TABLE dev_fin.finance.customers (customer_id BIGINT, first_name STRING, email STRING, city STRING)",
    "CREATE TABLE dev_fin.finance.transactions (transaction_id BIGINT, customer_id BIGINT, amount DECIMAL(18,2), day DATE)",
)
FORBIDDEN = re.compile(
    r"/accounts/|/scim/v2/(?!Me$)|/policies|/tag-policies|/entity-tag-assignments|/permissions/|/resource-quotas|/permissionassign"
)
"""Paths of the account, of SCIM except Me, of policies, tags, quotas and access lists."""


class MemberBank(Bank):
    """A bank whose commands are signed in as a principal with USER, the SQL entitlement, CAN USE, SELECT and nothing else."""

    name = ""

    def member(self, kind: str) -> None:
        """Make the principal, a user or a service principal, and give it what it may have."""
        if kind == "user":
            made = self.account.users_v2.create(user_name="team@bank.example")
            self.name = str(made.user_name)
        else:
            robot = self.account.service_principals_v2.create(display_name="team")
            made, self.name = robot, str(robot.application_id)
        workspace, space = self.workspace(), self.space
        account = f"/api/2.0/accounts/{space.account_id}/workspaces/{space.workspace_id}"
        self.account.api_client.do("PUT", f"{account}/permissionassignments/principals/{made.id}", body={"permissions": ["USER"]})
        field = "user_name" if kind == "user" else "service_principal_name"
        entry = {"access_control_list": [{field: self.name, "permission_level": "CAN_USE"}]}
        workspace.write("test", "PATCH", f"/api/2.0/permissions/warehouses/{space.warehouse_id}", entry)
        self.sql(
            f"GRANT USE CATALOG ON CATALOG dev_fin TO `{self.name}`",
            f"GRANT USE SCHEMA ON SCHEMA dev_fin.finance TO `{self.name}`",
            *(f"GRANT SELECT ON TABLE dev_fin.finance.{t} TO `{self.name}`" for t in ("customers", "transactions")),
        )

    def env(self, name: str, settings: str, *, as_admin: bool = False) -> Path:
        """Write an environment that is signed in as the member (or the admin), with the account's id, as people have it."""
        folder = self.root / "envs" / name
        folder.mkdir(parents=True)
        (folder / "env.auto.tfvars").write_text(settings)
        space = self.space
        space.write_sign_in(folder, token="" if as_admin else space.mint(self.name))
        return folder

    def good(self, *words: str) -> Answer:
        """Run a command that must succeed."""
        answer = self.run(*words)
        assert answer.code == 0, f"{words}\n{answer.out}\n{answer.err}"
        return answer


@contextmanager
def member_bank(root: Path, kind: str) -> Iterator[MemberBank]:
    """Run a local workspace without an engine, with the bank's tables and a member: a user or a service principal."""
    with running_localspace(root / "data", EmptyRunner) as space:
        found = MemberBank(space, root)
        found.sql(*TABLES)
        found.member(kind)
        yield found


def calls(bank: MemberBank) -> list[str]:
    """Return the logged calls as method, path and status, and forget them."""
    found = bank.space.control("GET", "requests")["requests"]
    bank.space.control("DELETE", "requests")
    return [f"{c['method']} {c['path']} {c['status']}" for c in found if not c["path"].startswith("/_localspace")]
