"""`lampkeeper fix`: what it fixes, what it refuses, and that it writes nothing it should not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lampkeeper.files.folder import EnvFolder
from support.env_folders import Run, bank_folder

pytestmark = pytest.mark.unit


@pytest.fixture
def draft(tmp_path: Path, run: Run) -> Path:
    bank_folder(tmp_path)
    assert run("generate", "--offline")[0] == 0
    return EnvFolder(tmp_path, "dev").generated_path / "abac.auto.tfvars"


def test_a_good_draft_is_left_alone_byte_for_byte(run: Run, draft: Path) -> None:
    before = draft.read_bytes()
    assert run("fix", "--check")[0] == 0
    assert run("fix")[0] == 0
    assert draft.read_bytes() == before


def test_a_slip_is_fixed_and_reported_and_check_only_tells(run: Run, draft: Path) -> None:
    good = draft.read_text()
    draft.write_text(good.replace('tag_value   = "masked_email"', 'tag_value   = "masked_emial"'))
    assert draft.read_text() != good
    code, out, _ = run("fix", "--check")
    assert code == 1
    assert "masked_emial" in out
    assert draft.read_text() != good
    code, out, _ = run("fix")
    assert code == 0
    assert draft.read_text() == good
    assert run("fix", "--check")[0] == 0


def test_a_truncated_draft_is_an_error_and_stays(run: Run, draft: Path) -> None:
    draft.write_text(draft.read_text()[:-200])
    before = draft.read_bytes()
    code, _, err = run("fix")
    assert code == 1
    assert "LK701" in err
    assert draft.read_bytes() == before


def test_an_unreadable_draft_is_an_error_with_its_location(run: Run, draft: Path) -> None:
    draft.write_text('tag_policies = [{ key = "a, values = [] }]\ngroups = {}\n')
    code, out, _ = run("fix", "--json")
    assert code == 1
    findings = json.loads(out)["findings"]
    assert findings[0]["code"] == "LK707"
    assert ":1:" in findings[0]["location"]


def test_an_answer_of_a_model_becomes_two_files_beside_it(run: Run, draft: Path, tmp_path: Path) -> None:
    answer = tmp_path / "out" / "answer.md"
    answer.parent.mkdir()
    sql = draft.with_name("masking_functions.sql").read_text()
    answer.write_text(f"Here you are.\n\n```sql\n{sql}```\n\n```hcl\n{draft.read_text()}```\n")
    assert run("fix", str(answer))[0] == 0
    assert (answer.parent / "abac.auto.tfvars").read_text().strip() == draft.read_text().strip()
    assert (answer.parent / "masking_functions.sql").read_text().strip() == sql.strip()
    code, _, err = run("fix", str(answer))
    assert code == 2
    assert "a draft already" in err


def test_no_draft_and_no_file_are_wrong_use(run: Run, tmp_path: Path) -> None:
    bank_folder(tmp_path)
    assert run("fix")[0] == 2
    assert run("fix", "gone.tfvars")[0] == 2


def test_conditions_that_do_not_parse_are_all_reported_and_no_policy_is_lost(run: Run, draft: Path) -> None:
    bad = draft.read_text().replace("has_tag_value('pii_level', 'masked_email')\"", "has_tag_value('pii_level' 'masked_email')\"")
    bad = bad.replace("has_tag_value('pii_level', 'masked_name')\"", 'hasTag(pii_level)"')
    draft.write_text(bad)
    for command in (("fix",), ("validate",)):
        code, out, _ = run(*command, "--json")
        found = [f for f in json.loads(out)["findings"] if f["code"] == "FILE_BAD_CONDITION"]
        assert code == 1
        assert len(found) == 2
        assert all(f["location"].rpartition("/")[2].startswith("abac.auto.tfvars:") for f in found)
        assert draft.read_text() == bad
