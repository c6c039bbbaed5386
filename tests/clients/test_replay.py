"""What the real clients once sent gets the same kind of answer today: recorded requests, replayed everywhere."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from localspace.server.account import Account
from support.closing_lines import Record, note_table
from support.localspace_server import running_localspace
from support.recorded import load, replay

pytestmark = pytest.mark.server
RECORDED = sorted((Path(__file__).parent / "recorded").glob("*.json"))


def test_there_are_recordings_of_both_clients() -> None:
    assert {"cli", "terraform"} <= {path.stem for path in RECORDED}


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_recorded_requests_are_answered_alike(path: Path) -> None:
    exchanges = load(path)
    assert len(exchanges) > 30
    apart = any("workspace" in one for one in exchanges)
    with running_localspace(prepare=Account.separate if apart else None) as space:
        space.external_location("bucket", "s3://bucket")
        assert replay(space, exchanges) == []


def test_recordings_hold_many_exchanges_of_users_and_of_service_principals(record_property: Record) -> None:
    callers = Counter("service principal" if one.get("as") else "user" for path in RECORDED for one in load(path))
    note_table(record_property, f"recorded exchanges replayed, by caller: {dict(sorted(callers.items()))}")
    assert callers.total() >= 400
    assert min(callers["user"], callers["service principal"]) >= 150


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_recordings_hold_no_token_and_no_bearer(path: Path) -> None:
    text = path.read_text().lower()
    assert "dapi" not in text
    assert "bearer" not in text
