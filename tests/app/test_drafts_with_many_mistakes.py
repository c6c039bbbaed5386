"""A draft with several mistakes: all of them are named, the rest is fixed; sentences around an answer without fences go."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lampkeeper.app.fixing import fix_file
from lampkeeper.app.generating import generate
from lampkeeper.app.inputs import EnvInputs
from lampkeeper.design.drafts.draft_answer import SECTION_KEYS, split_answer
from lampkeeper.design.drafts.draft_prose import LineKind, line_kinds
from lampkeeper.files.folder import ABAC_FILE, SQL_FILE
from lampkeeper.files.masks_sql import read_masks_sql
from lampkeeper.files.tfvars import read_layer
from lampkeeper.model.desired import Desired
from lampkeeper.model.findings import Severity
from lampkeeper.model.schema import Snapshot
from support.env_folders import bank_folder

pytestmark = pytest.mark.unit

BEFORE = "Sure! Here's the draft you asked for, with [masks] for {email}:\n\n- groups first\n* then **tags**\n\n"
AFTER = "\nLet me know if you need anything else\nHope this helps!\n"


@pytest.fixture(scope="module")
def draft(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str, Snapshot]:
    folder = bank_folder(tmp_path_factory.mktemp("good"))
    generate(EnvInputs(folder))
    path = folder.generated_path
    return (path / ABAC_FILE).read_text(), (path / SQL_FILE).read_text(), folder.snapshot()


def state(text: str, sql: str) -> Desired:
    return read_layer(text, ABAC_FILE, functions=read_masks_sql(sql, Path(SQL_FILE))).desired


def bodyless(sql: str, count: int) -> tuple[str, list[str]]:
    """Return the SQL with the bodies of the first functions taken away, and their names."""
    statements = re.findall(r"CREATE OR REPLACE FUNCTION (\w+)\(.*?\n;?$.*?;\n", sql, re.DOTALL | re.MULTILINE)
    names = statements[:count]
    for name in names:
        sql = re.sub(
            rf"(FUNCTION {name}\([^\n]*\n(?:(?!RETURN )[^\n]*\n)*?)RETURN .*?;\n(?=\n|\Z)",
            r"\1;\n",
            sql,
            count=1,
            flags=re.DOTALL,
        )
    return sql, names


def test_every_function_without_a_body_is_named_and_the_rest_is_fixed(draft: tuple[str, str, Snapshot], tmp_path: Path) -> None:
    text, sql, snapshot = draft
    broken, names = bodyless(sql, 2)
    assert broken != sql
    misspelt = text.replace('tag_value   = "masked_email"', 'tag_value   = "masked_emial"').replace("},\n", "}\n", 1)
    assert misspelt != text
    path = tmp_path / ABAC_FILE
    path.write_text(misspelt)
    (tmp_path / SQL_FILE).write_text(broken)
    made = fix_file(path, snapshot)
    reported = [f for f in made.findings if f.code == "LK707"]
    assert [any(n in f.message for f in reported) for n in names] == [True, True]
    assert len({f.location for f in reported}) == 2
    made.write()
    after = [f for f in fix_file(path, snapshot).findings if f.severity is Severity.ERROR]
    assert {f.code for f in after} == {"LK707"}
    assert (tmp_path / SQL_FILE).read_text() == broken, "what cannot be read stays as its author wrote it"
    assert state(path.read_text(), sql) == state(text, sql)


def test_every_entry_that_cannot_be_read_is_named(draft: tuple[str, str, Snapshot], tmp_path: Path) -> None:
    text, sql, snapshot = draft
    broken = re.sub(r"^(\s*)tag_key ", r"\1tag_kee ", text, count=3, flags=re.MULTILINE)
    assert broken.count("tag_kee ") == 3
    path = tmp_path / ABAC_FILE
    path.write_text(broken)
    (tmp_path / SQL_FILE).write_text(bodyless(sql, 1)[0])
    made = fix_file(path, snapshot)
    reported = [f for f in made.findings if f.code == "LK707"]
    assert len({f.location for f in reported}) == len(reported) == 4
    assert made.texts == {}


@pytest.mark.parametrize("with_sql", [False, True])
def test_sentences_around_an_answer_without_fences_are_left_out(
    draft: tuple[str, str, Snapshot], tmp_path: Path, with_sql: bool
) -> None:
    text, sql, snapshot = draft
    functions = f"These are the functions:\n\n{sql}\nAnd this is how they are used.\n\n" if with_sql else ""
    answer = tmp_path / "answer.txt"
    answer.write_text(f"{BEFORE}{functions}{text}{AFTER}")
    if not with_sql:
        answer = answer.rename(tmp_path / ABAC_FILE)
        (tmp_path / SQL_FILE).write_text(f"Here are the masks.\n\n{sql}\n\nUse them well!\n")
    made = fix_file(answer, snapshot)
    assert any("lines of prose left out" in c.what for c in made.changes)
    made.write()
    assert state((tmp_path / ABAC_FILE).read_text(), (tmp_path / SQL_FILE).read_text()) == state(text, sql)
    again = fix_file(tmp_path / ABAC_FILE, snapshot)
    assert (again.changes, again.texts) == ((), {})


def test_a_draft_has_no_line_that_is_taken_for_a_sentence(draft: tuple[str, str, Snapshot]) -> None:
    text, sql, _ = draft
    assert LineKind.PROSE not in line_kinds(text, SECTION_KEYS)
    assert LineKind.PROSE not in line_kinds(sql, SECTION_KEYS, sql_only=True)
    hcl = (
        "groups = {\n  a = {}\n}\n# A note. It stays!\n/* So does\n this one. */\nnotes = <<-EOT\n  A text is here.\n  EOT\n...\n"
    )
    assert split_answer(hcl).changes == ()


@pytest.mark.parametrize(
    "text", ["DROP TABLE people;", "GRANT SELECT ON t TO `a b`;", "CREATE TABLE x (a INT);", "SELECT a b\nFROM c;"]
)
def test_a_statement_that_does_not_belong_into_the_file_is_no_sentence(
    text: str, draft: tuple[str, str, Snapshot], tmp_path: Path
) -> None:
    path = tmp_path / ABAC_FILE
    path.write_text(draft[0])
    (tmp_path / SQL_FILE).write_text(f"{draft[1]}\n{text}\n")
    made = fix_file(path, draft[2])
    assert [f.code for f in made.findings if f.severity is Severity.ERROR] == ["LK707"]
    assert made.texts == {}
