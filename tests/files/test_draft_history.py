"""The history of drafts: what is kept, what a restore writes, and what it refuses."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lampkeeper.files.draft_history import draft_entries, record_draft, restore_draft
from lampkeeper.files.folder import EnvFolder
from lampkeeper.model.errors import UsageError
from support.env_folders import bank_folder

pytestmark = pytest.mark.unit

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path: Path) -> EnvFolder:
    return bank_folder(tmp_path)


def write(folder: EnvFolder, text: str, spaces: tuple[str, ...] = ()) -> None:
    files = {"abac.auto.tfvars": text, "masking_functions.sql": f"-- {text}", "labels.jsonl": text}
    for name, content in (files | {f"spaces/{s}/abac.auto.tfvars": text for s in spaces}).items():
        path = folder.generated_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)


def draft(folder: EnvFolder) -> str:
    return (folder.generated_path / "abac.auto.tfvars").read_text()


def test_without_a_draft_there_is_nothing_to_keep(folder: EnvFolder) -> None:
    assert record_draft(folder, "generate", NOW) is None
    assert draft_entries(folder) == ()
    with pytest.raises(UsageError, match="no other draft to restore"):
        restore_draft(folder, NOW)


def test_every_draft_that_differs_is_kept_and_the_oldest_go(folder: EnvFolder) -> None:
    for number in range(5):
        write(folder, f"a = {number}\n")
        assert record_draft(folder, "generate", NOW + timedelta(hours=number), keep=3) is not None
        assert record_draft(folder, "generate", NOW, keep=3) is None
    entries = draft_entries(folder)
    assert [e.number for e in entries] == [3, 4, 5]
    assert entries[-1].made_at == "2026-01-01T04:00:00Z"


def test_a_restore_brings_back_every_byte_and_is_itself_recorded(folder: EnvFolder) -> None:
    write(folder, "a = 1\n", spaces=("sales",))
    record_draft(folder, "generate", NOW)
    write(folder, "a = 2\n", spaces=("sales", "other"))
    record_draft(folder, "generate", NOW)
    made = restore_draft(folder, NOW)
    assert made.source.number == 1
    assert draft(folder) == "a = 1\n"
    assert not (folder.generated_path / "spaces" / "other" / "abac.auto.tfvars").exists()
    assert [e.why for e in draft_entries(folder)][-1] == "restored from 1"
    restore_draft(folder, NOW)
    assert draft(folder) == "a = 2\n"
    assert (folder.generated_path / "spaces" / "other" / "abac.auto.tfvars").read_text() == "a = 2\n"


def test_edits_by_hand_are_not_lost_by_a_restore(folder: EnvFolder) -> None:
    write(folder, "a = 1\n")
    record_draft(folder, "generate", NOW)
    write(folder, "a = 2 # by hand\n")
    restore_draft(folder, NOW, to=1)
    restore_draft(folder, NOW, to=2)
    assert draft(folder) == "a = 2 # by hand\n"


def test_decisions_of_stewards_stay(folder: EnvFolder) -> None:
    write(folder, "a = 1\n")
    record_draft(folder, "generate", NOW)
    write(folder, "a = 2\n")
    restore_draft(folder, NOW)
    assert folder.labels_path.read_text() == "a = 2\n"


def test_an_unknown_number_and_damage_are_refused(folder: EnvFolder) -> None:
    write(folder, "a = 1\n")
    record_draft(folder, "generate", NOW)
    write(folder, "a = 2\n")
    with pytest.raises(UsageError, match="draft 9 is not in the history"):
        restore_draft(folder, NOW, to=9)
    kept = folder.generated_path / ".history" / "0001"
    (kept / "files" / "abac.auto.tfvars").write_text("a = 3\n")
    with pytest.raises(UsageError, match="were changed later"):
        restore_draft(folder, NOW, to=1)
    assert draft(folder) == "a = 2\n"
    (kept / "entry.json").write_text("{}")
    with pytest.raises(UsageError, match="not an entry"):
        draft_entries(folder)
