"""What `localspace serve` prints and writes when it is ready: addresses, ids, the admin's token."""

from __future__ import annotations

import json
import os
from typing import Any

import click

from localspace.server.account import Account
from localspace.server.profile import configuration_file, write_profile
from localspace.server.workspace import Workspace

_Section = dict[str, str]


def announce(account: Account, profile: str | None, *, as_json: bool) -> None:
    """Write the profiles and print them, or print one line of JSON."""
    first = account.first
    sections = {profile or "localspace": _section(account, first)}
    if account.host["separate"]:
        name = profile or "localspace"
        others = [one for one in account.workspaces.values() if one is not first]
        sections |= {f"{name}-{number}": _section(account, one) for number, one in enumerate(others, start=2)}
        facts = {"host": account.location.address, "token": account.token, "account_id": account.ids.account_id}
        sections[f"{name}-account"] = facts
    if profile:
        for name, section in sections.items():
            write_profile(configuration_file(os.environ), name, section)
    if as_json:
        click.echo(json.dumps(_facts(account)))
        return
    for name, section in sections.items():
        click.echo(f"[{name}]")
        for key, value in section.items():
            click.echo(f"{key} = {value}")
    roots = first.services.connect.roots()
    click.echo(f"# data: {account.data_dir}; warehouse: {first.ids.warehouse_id}; stop with Ctrl-C", err=True)
    click.echo(f"# databricks-connect: export GRPC_DEFAULT_SSL_ROOTS_FILE_PATH={roots}", err=True)


def _section(account: Account, workspace: Workspace) -> _Section:
    return {
        "host": workspace.location.address,
        "token": account.token,
        "account_id": account.ids.account_id,
        "workspace_id": workspace.workspace_id,
        # What databricks-connect runs on: clusters do not exist here.
        "serverless_compute_id": "auto",
    }


def _facts(account: Account) -> dict[str, Any]:
    first = account.first
    found: dict[str, Any] = {
        "host": first.location.address,
        "token": account.token,
        **_ids(first),
        "account_id": account.ids.account_id,
        "connect_roots": str(first.services.connect.roots()),
    }
    if account.host["separate"]:
        found["account_host"] = account.location.address
        found["workspaces"] = [{"host": one.location.address, **_ids(one)} for one in account.workspaces.values()]
    return found


def _ids(workspace: Workspace) -> dict[str, str]:
    ids = workspace.ids
    return {"workspace_id": ids.workspace_id, "metastore_id": ids.metastore_id, "warehouse_id": ids.warehouse_id}
