"""One command parses each file of its environment once, and indexes the access that a workspace gives once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lampkeeper.app.own_masks import mark_checked
from lampkeeper.cli.main import main
from lampkeeper.files.auth_file import render_auth
from lampkeeper.model.auth import Auth
from lampkeeper.remote import live
from support.counted_reads import counted_parses
from support.env_folders import bank_folder
from support.governed_places import Place, light_place
from support.own_overlay import MASK, OVERLAY

pytestmark = pytest.mark.server

OWN = {
    "overlays/mine.yaml": OVERLAY.replace("code: XX", "code: mine"),
    "masks/mask_own.sql": MASK,
    "taxonomy.yaml": "tags:\n  - {label: none, key: data_class, value: public}\n",
    "decisions.yaml": """decisions:
  - column: dev_fin.finance.customers.city
    label: none
    protect: 'no'
    reason: Printed on every branch
    by: ana
    at: '2026-01-31T12:00:00Z'
""",
}  # fmt: skip


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with light_place(tmp_path / "place") as running:
        running.sql(
            "CREATE CATALOG dev_fin",
            "CREATE SCHEMA dev_fin.finance",
            "CREATE TABLE dev_fin.finance.customers (id BIGINT, first_name STRING, ssn STRING, email STRING, city STRING)",
        )
        for name in ("ana@bank.example", "olga@bank.example", "fay@bank.example"):
            running.user(name)
        yield running


class Commands:
    """The command line over one environment; every call returns how often each file was parsed, by its path below envs."""

    def __init__(self, root: Path, place: Place) -> None:
        folder, space = bank_folder(root), place.space
        for name, text in OWN.items():
            (folder.path / name).parent.mkdir(exist_ok=True)
            (folder.path / name).write_text(text)
        mark_checked(folder.path / "masks/mask_own.sql")
        folder.settings_path.write_text(folder.settings_path.read_text() + 'country = "mine"\n')
        auth = Auth(workspace_host=space.host, token=space.token, account_id=space.account_id, workspace_id=space.workspace_id)
        folder.auth_path.write_text(render_auth(auth))
        self._envs = root / "envs"

    def __call__(self, *words: str) -> Counter[str]:
        with counted_parses(self._envs) as seen:
            assert main([*words, "--envs", str(self._envs)]) == 0, words
        return seen


ONCE_MORE = {("apply", "account/abac.auto.tfvars"), ("report", "account/abac.auto.tfvars")}
"""Files that a command writes between two reads. The account file holds what other environments ask for too: a plan merges the
draft into it, writes it, and is made of what it then says."""
READ = {
    "snapshot": {"dev/env.auto.tfvars"},
    "generate --offline": {
        "dev/env.auto.tfvars", "dev/snapshot.json", "dev/overlays/mine.yaml", "dev/masks/mask_own.sql", "dev/taxonomy.yaml",
        "dev/decisions.yaml", "dev/quotas.json",
    },
    "validate": {"dev/env.auto.tfvars", "dev/snapshot.json", "dev/generated/abac.auto.tfvars", "dev/generated/labels.jsonl"},
    "plan": {"dev/generated/abac.auto.tfvars", "dev/abac.auto.tfvars", "dev/data_access/abac.auto.tfvars", "dev/quotas.json"},
    "apply": {"dev/generated/abac.auto.tfvars", "dev/abac.auto.tfvars", "account/contributions/dev.tfvars"},
    "audit": {"dev/abac.auto.tfvars", "dev/overlays/mine.yaml", "dev/taxonomy.yaml", "dev/snapshot.json"},
    "report --offline": {"dev/generated/abac.auto.tfvars", "dev/snapshot.json", "dev/generated/labels.jsonl"},
    "report": {"dev/env.auto.tfvars", "dev/generated/abac.auto.tfvars", "dev/overlays/mine.yaml", "dev/state.json"},
}  # fmt: skip
"""Files that each command reads at least: where one is missing here, nothing was counted."""
INDEXED = {"plan": 1, "apply": 1, "audit": 1, "report": 2}
"""How often the access of the workspace is indexed: once per reading of it: a report reads it for the plan and for the drift."""


def test_each_file_is_parsed_once_in_a_command(place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    indexed: list[Any] = []
    original = live.Access
    monkeypatch.setattr(live, "Access", lambda model: indexed.append(model) or original(model))
    run = Commands(tmp_path, place)
    for command, read in READ.items():
        indexed.clear()
        seen = run(*command.split())
        assert read <= set(seen), command
        more = {path for path, times in seen.items() if times > 1}
        assert {(command, path) for path in more} <= ONCE_MORE, seen
        assert max(seen.values()) <= 2
        assert len(indexed) == INDEXED.get(command, 0), command
