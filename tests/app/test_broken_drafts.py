"""Badly broken drafts: fixed they say what the good one said, or nothing is written and an error says why."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from lampkeeper.app.fixing import fix_file
from lampkeeper.app.generating import generate
from lampkeeper.app.inputs import EnvInputs
from lampkeeper.files.folder import ABAC_FILE, SQL_FILE
from lampkeeper.files.masks_sql import read_masks_sql
from lampkeeper.files.tfvars import read_layer
from lampkeeper.model.desired import Desired
from lampkeeper.model.findings import Severity
from lampkeeper.model.schema import Snapshot
from support.env_folders import bank_folder

pytestmark = pytest.mark.unit

FENCE = "```"


@dataclass(frozen=True)
class Good:
    text: str
    sql: str
    snapshot: Snapshot

    def state(self, text: str, sql: str) -> Desired:
        return read_layer(text, ABAC_FILE, functions=read_masks_sql(sql, Path(SQL_FILE))).desired


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Good:
    folder = bank_folder(tmp_path_factory.mktemp("good"))
    generate(EnvInputs(folder))
    draft = folder.generated_path
    return Good((draft / ABAC_FILE).read_text(), (draft / SQL_FILE).read_text(), folder.snapshot())


def _as_maps(text: str) -> str:
    def mapped(found: re.Match[str]) -> str:
        values = [v.strip() for v in found[1].split(",") if v.strip()]
        return "values = [" + ", ".join(f"{{ name = {v} }}" for v in values) + "]"

    return re.sub(r"values\s+= \[([^\]]*)\]", mapped, text)


FIXED: dict[str, Callable[[str], str]] = {
    "fenced, with prose": lambda t: f"Sure! Here:\n\n{FENCE}hcl\n{t}\n{FENCE}\nHope this helps {{ }} }}\n",
    "a fence that is never closed": lambda t: f"{FENCE}terraform\n{t}",
    "no commas between objects": lambda t: t.replace("},\n", "}\n"),
    "commas after sections": lambda t: re.sub(r"^\]$", "],", t, flags=re.MULTILINE),
    "double commas": lambda t: t.replace("},\n", "},,\n"),
    "comments of SQL with a brace and a quote": lambda t: t.replace("grants = [", '-- SQL } [ "style\ngrants = ['),
    "single quotes": lambda t: t.replace('"masked_email"', "'masked_email'"),
    "curly quotes": lambda t: t.replace('"masked_email"', "“masked_email”"),
    "bare words": lambda t: t.replace('"POLICY_TYPE_ROW_FILTER"', "POLICY_TYPE_ROW_FILTER"),
    "a colon after a section": lambda t: t.replace("\ngrants = [", "\ngrants: ["),
    "a bracket too few": lambda t: t.replace("]\n\ngrants", "\n\ngrants", 1),
    "brackets too many": lambda t: t.replace("\ngrants = [", "]\n}\ngrants = ["),
    "dots in a list": lambda t: t.replace("grants = [", "grants = [\n  ...\n"),
    "tag values in maps": _as_maps,
}
LEFT: dict[str, Callable[[str], str]] = {
    "comments with braces": lambda t: t.replace("grants = [", "# } ] stray { [\ngrants = [ # ]\n/* } ] */"),
    "colons in maps": lambda t: re.sub(r"(tag_key|tag_value)\s+= ", r"\1: ", t),
    "a byte order mark, tabs and CRLF": lambda t: "\ufeff" + t.replace("  ", "\t").replace("\n", "\r\n"),
    "a heredoc with braces": lambda t: re.sub(
        r'comment\s+= "([^"]*)"', lambda m: f"comment = <<-EOT\n    {m[1]}\n    EOT", t, count=1
    ),
}
REFUSED: dict[str, Callable[[str], str]] = {
    "cut off inside a policy": lambda t: t[: t.index("lk_pii_level_masked_name") + 30],
    "cut off inside a text": lambda t: t[: t.index("tag_assignments") + 200].rstrip()[:-3],
    "the last bracket cut off": lambda t: t.rstrip()[:-1],
    "a section twice": lambda t: t + "\ntag_policies = []\n",
    "a text over two lines": lambda t: t.replace('comment = "managed', 'comment = "first\nmanaged', 1),
    "a condition that does not parse": lambda t: t.replace("has_tag_value('pii_level', 'masked_email')\"", 'hasTag(x)"'),
    "prose alone": lambda t: "I cannot help with that.",
    "nothing": lambda t: "",
}


def _broken(tmp_path: Path, good: Good, text: str) -> Path:
    path = tmp_path / ABAC_FILE
    path.write_text(text, newline="")
    (tmp_path / SQL_FILE).write_text(good.sql)
    return path


@pytest.mark.parametrize("name", FIXED)
def test_a_fixed_draft_says_what_the_good_one_said_and_stays_as_it_is(name: str, good: Good, tmp_path: Path) -> None:
    text = FIXED[name](good.text)
    assert text != good.text
    path = _broken(tmp_path, good, text)
    made = fix_file(path, good.snapshot)
    assert made.changes, "a change that is not told"
    made.write()
    assert good.state(path.read_text(), good.sql) == good.state(good.text, good.sql)
    again = fix_file(path, good.snapshot)
    assert (again.changes, again.texts) == ((), {})


@pytest.mark.parametrize("name", LEFT)
def test_what_only_looks_broken_is_left_alone(name: str, good: Good, tmp_path: Path) -> None:
    text = LEFT[name](good.text)
    assert text != good.text
    path = _broken(tmp_path, good, text)
    made = fix_file(path, good.snapshot)
    assert (made.changes, made.texts) == ((), {})
    assert not [f for f in made.findings if f.severity is Severity.ERROR]


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_fixed_is_an_error_and_nothing_is_written(name: str, good: Good, tmp_path: Path) -> None:
    text = REFUSED[name](good.text)
    assert text != good.text
    path = _broken(tmp_path, good, text)
    made = fix_file(path, good.snapshot)
    assert [f for f in made.findings if f.severity is Severity.ERROR]
    assert made.texts == {}


def test_an_answer_with_both_blocks_becomes_both_files(good: Good, tmp_path: Path) -> None:
    answer = tmp_path / "answer.md"
    answer.write_text(f"Text\n{FENCE}sql\n{good.sql}\n{FENCE}\n\nand\n{FENCE}hcl\n{good.text}\n{FENCE}\n")
    fix_file(answer, good.snapshot).write()
    made = good.state((tmp_path / ABAC_FILE).read_text(), (tmp_path / SQL_FILE).read_text())
    assert made == good.state(good.text, good.sql)
