"""overlays and masks on the command line, and generation with overlays, offline."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lampkeeper.app.own_masks import library_of, mark_checked
from lampkeeper.files.folder import EnvFolder
from lampkeeper.files.settings import Settings
from lampkeeper.model.errors import UsageError
from lampkeeper.model.schema import Snapshot
from lampkeeper.testdata.banks import AUSTRALIA, bank_tables
from support.env_folders import Run
from support.own_overlay import MASK, OVERLAY


@pytest.fixture
def env(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> EnvFolder:
    """Return an environment with the Australian bank's tables as its snapshot."""
    monkeypatch.chdir(tmp_path)
    folder = EnvFolder(tmp_path, "dev")
    folder.setup(Settings(uc_tables=("dev_bank.retail.*",), industry=("financial_services",)))
    folder.write_snapshot(Snapshot(tables=tuple(t.table for t in bank_tables(AUSTRALIA)), taken_at="2026-01-01T00:00:00Z"))
    return folder


def test_overlays_are_listed_and_one_is_shown(run: Run) -> None:
    code, out, _ = run("overlays", "list", "--json")
    assert code == 0
    assert {p["code"] for p in json.loads(out)} >= {"ANZ", "IN", "SEA", "EU", "GB", "US"}
    assert run("overlays", "list", "IN")[0] == 0
    code, _, err = run("overlays", "list", "MARS")
    assert code == 2
    assert "there are: ANZ" in err


def test_a_overlay_file_is_checked_with_its_lines(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(OVERLAY.replace("mask_own", "mask_name"))
    assert run("overlays", "check", str(path))[0] == 0
    path.write_text(OVERLAY)
    code, out, err = run("overlays", "check", str(path))
    assert code == 1
    assert "mine.yaml:11" in out + err
    path.write_text(OVERLAY.replace("mask_own", "mask_name").replace("code: XX", "code: IN"))
    assert run("overlays", "check", str(path))[0] == 1


def test_generation_takes_overlays_from_settings_and_from_the_command(run: Run, env: EnvFolder) -> None:
    assert run("generate", "--offline")[0] == 0
    plain = (env.generated_path / "masking_functions.sql").read_text()
    assert "mask_account_last4" in plain
    assert "mask_tfn" not in plain
    assert "fraud_team" in (env.generated_path / "abac.auto.tfvars").read_text()
    assert run("generate", "--offline", "--country", "anz")[0] == 0
    assert "mask_tfn" in (env.generated_path / "masking_functions.sql").read_text()
    assert run("generate", "--offline", "--groups", "analyst,guests")[0] == 0
    draft = (env.generated_path / "abac.auto.tfvars").read_text()
    assert "guests" in draft
    assert "fraud_team" not in draft


def test_an_unknown_overlay_is_refused_before_anything_is_read(run: Run, env: EnvFolder) -> None:
    code, _, err = run("generate", "--country", "ATLANTIS")
    assert code == 2
    assert "no country overlay 'ATLANTIS' (there are: ANZ, EU, GB, IN, SEA, US)" in err


def test_the_same_overlays_in_another_order_give_the_same_bytes(run: Run, env: EnvFolder) -> None:
    texts = []
    for codes in ("ANZ,IN,SEA", "SEA,ANZ,IN", "in,sea,anz,IN"):
        assert run("generate", "--offline", "--country", codes, "--industry", "retail,financial_services")[0] == 0
        texts.append(
            [(env.generated_path / n).read_bytes() for n in ("abac.auto.tfvars", "masking_functions.sql", "labels.jsonl")]
        )
    assert texts[0] == texts[1] == texts[2]


def test_a_mask_of_ones_own_is_used_only_as_it_was_when_it_passed(run: Run, env: EnvFolder) -> None:
    masks, overlays = env.path / "masks", env.path / "overlays"
    masks.mkdir()
    overlays.mkdir()
    (overlays / "mine.yaml").write_text(OVERLAY)
    path = masks / "mask_own.sql"
    path.write_text(MASK)
    code, _, err = run("generate", "--offline", "--country", "XX")
    assert code == 2
    assert "has not passed the checklist" in err
    mark_checked(path)
    assert run("generate", "--offline", "--country", "XX")[0] == 0
    assert "mask_own" in (env.generated_path / "masking_functions.sql").read_text()
    path.write_text(MASK.replace("'hidden' END", "value END"))
    with pytest.raises(UsageError, match="as it stands"):
        library_of(env)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("SELECT 1", "expected `-- name"),
        (MASK.replace("mask_own(", "mask_email("), "named after its function"),
        (MASK.replace("value STRING", "value STRING, other STRING"), "nothing else"),
    ],
)
def test_a_mask_file_with_a_wrong_header_is_wrong_use(env: EnvFolder, text: str, message: str) -> None:
    (env.path / "masks").mkdir()
    path = env.path / "masks" / "mask_own.sql"
    path.write_text(text)
    mark_checked(path)
    with pytest.raises(UsageError, match=message):
        library_of(env)


def test_a_broken_overlay_in_the_folder_stops_generation_with_its_line(run: Run, env: EnvFolder) -> None:
    (env.path / "overlays").mkdir()
    (env.path / "overlays" / "mine.yaml").write_text("code: [\n")
    code, _, err = run("generate", "--offline")
    assert code == 2
    assert "mine.yaml:2" in err


@pytest.mark.heavy
@pytest.mark.spark
@pytest.mark.server
def test_masks_check_runs_on_an_engine_of_its_own(run: Run, env: EnvFolder) -> None:
    (env.path / "masks").mkdir()
    good, leak = env.path / "masks" / "mask_own.sql", env.path / "masks" / "mask_leak.sql"
    good.write_text(MASK)
    leak.write_text(MASK.replace("mask_own", "mask_leak").replace("'hidden' END", "concat('x-', value) END"))
    code, out, _ = run("masks", "check", str(good), str(leak), "--json")
    found = {m["name"]: m["items"] for m in json.loads(out)["masks"]}
    assert code == 1
    assert found["mask_leak"]["no identity"] is False
    assert any(f["location"] == "mask_leak" and f["message"].startswith("no identity:") for f in json.loads(out)["findings"])
    assert found["mask_own"]["no oracle"] is found["mask_own"]["speed"] is True
    assert False not in found["mask_own"].values()
    assert set(json.loads((env.path / "masks" / "checked.json").read_text())) == {"mask_own.sql"}
