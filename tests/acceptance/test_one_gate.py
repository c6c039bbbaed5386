"""One gate: what `validate` refuses, `plan` and `apply` refuse; what is meant is waived, and said; the last line is true.

One workspace for the file; each test leaves the environment as it was.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path

import pytest
from databricks.sdk.service.iam import ComplexValue

from support.bank_places import Answer, Bank, governed_bank

SPACE = 'genie_spaces = [{ name = "Finance", uc_tables = ["dev_fin.finance.*"] }]\n'
SOON = (date.today() + timedelta(days=90)).isoformat()
OVER = (date.today() - timedelta(days=1)).isoformat()
DRAFT = "envs/dev/generated/abac.auto.tfvars"


def prepare(bank: Bank) -> None:
    """Give the environment a space and a group that somebody else owns, with a member; and a person in no group."""
    settings = bank.root / "envs/dev/env.auto.tfvars"
    text = settings.read_text().replace("fraud_team          = {", "hr_team = { external = true }\n  fraud_team          = {")
    settings.write_text(SPACE + text)
    user = bank.user_id("otto@bank.example")
    bank.account.users_v2.create(user_name="zoe@bank.example")
    bank.account.groups_v2.create(display_name="hr_team", members=[ComplexValue(value=user)])


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bank]:
    with governed_bank(tmp_path_factory.mktemp("gate"), prepare) as bank:
        yield bank


@contextmanager
def edited(bank: Bank, *changes: tuple[str, Callable[[str], str]]) -> Iterator[None]:
    """Change files of the environment for a block, and put back all that it has then, layers and states aside."""
    before = {bank.root / name: (bank.root / name).read_text() for name, _ in changes}
    for name, change in changes:
        path = bank.root / name
        assert change(path.read_text()) != path.read_text()
        path.write_text(change(path.read_text()))
    try:
        yield
    finally:
        for path, text in before.items():
            path.write_text(text)


def in_space(more: str) -> Callable[[str], str]:
    return lambda text: re.sub(r'(genie_space_configs = \{\s*"?Finance"? = \{)', lambda m: f"{m[1]}\n{more}\n", text)


def matching_on_email(text: str) -> str:
    without = re.sub(r"\n\s*column_configs\s*=\s*\[.*?\n\s*\]", "", text, flags=re.S)
    return in_space('    column_configs = [{ table = "dev_fin.finance.customers", column = "email", dictionary = true }]')(
        without
    )


def for_everybody(text: str) -> str:
    return re.sub(r"acl_groups( *)= \[", r'acl_groups\1= ["account users", ', text)


def waived(code: str, location: str, expires: str) -> tuple[str, Callable[[str], str]]:
    entry = f'{{ finding = "{code}", location = "{location}", reason = "it is for all", owner = "olga", expires = "{expires}" }}'
    return "envs/dev/env.auto.tfvars", lambda text: f"{text}\nwaivers = [{entry}]\n"


def layers(bank: Bank) -> dict[Path, bytes]:
    files = [*(bank.root / "envs").rglob("state.json"), *(bank.root / "envs").rglob("abac.auto.tfvars")]
    return {p: p.read_bytes() for p in files if "generated" not in p.parts}


def spaces(bank: Bank) -> str:
    return json.dumps([bank.w.genie.get_space(s.space_id, include_serialized_space=True).as_dict()
                       for s in bank.w.genie.list_spaces().spaces or ()])  # fmt: skip


PERSON = "SELECT count(*) FROM dev_fin.finance.customers WHERE first_name = 'Ana'"
REFUSED = {
    "matching on a masked column": (matching_on_email, "LK608"),
    "a person in an example": (
        in_space(f'    example_queries = [{{ question = "How many?", sql = "{PERSON}" }}]'), "LK610",
    ),
    "a space for everybody": (for_everybody, "LK609"),
    "SQL that does not bind": (lambda text: text.replace("SUM(`transactions`.`amount`)", "SUM(`transactions`.`amout`)"), "LK605"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_validate_refuses_plan_and_apply_refuse_before_any_write(bank: Bank, case: str) -> None:
    change, code = REFUSED[case]
    before, served = layers(bank), spaces(bank)
    with edited(bank, (DRAFT, change)):
        reported = {}
        for command in ("validate", "plan", "apply"):
            answer: Answer = bank.run(command, "--json")
            document = answer.document["plan"] if command == "apply" else answer.document
            reported[command] = {
                (f["code"], f["location"], f["message"]) for f in document["findings"] if f["severity"] == "error"
            }
            assert answer.code == 1, (command, answer.out)
            assert code in answer.err
        assert reported["validate"] == reported["plan"] == reported["apply"]
        assert code in {c for c, _, _ in reported["plan"]}
        assert bank.run("plan").out.splitlines()[-1].startswith("plan: REFUSED: ")
        assert bank.run("plan", "--out", "refused.json").code == 1
        assert bank.run("apply", "--plan", "refused.json").code == 1
    assert (layers(bank), spaces(bank)) == (before, served)


def test_what_is_meant_is_waived_by_reason_owner_and_end_and_still_reported(bank: Bank) -> None:
    with edited(bank, (DRAFT, for_everybody), waived("LK609", "space Finance", SOON)):
        for command in ("validate", "plan", "apply", "validate", "plan"):
            answer = bank.run(command)
            assert answer.code == 0, (command, answer.err)
            assert "info LK609 space Finance: waived until" in answer.err
            assert "it is for all (owner: olga): open to all account users" in answer.err
        assert "plan: nothing to do" in answer.out
    assert bank.run("apply", "--allow-widening").code == 0


def test_an_ended_waiver_is_an_error_and_a_plan_made_before_does_not_bring_it_back(bank: Bank) -> None:
    with edited(bank, (DRAFT, for_everybody), waived("LK609", "space Finance", SOON)):
        assert bank.run("plan", "--out", "before.json").code == 0
    with edited(bank, (DRAFT, for_everybody), waived("LK609", "space Finance", OVER)):
        for command in (("validate",), ("plan",), ("apply",), ("apply", "--plan", "before.json"), ("audit",)):
            answer = bank.run(*command)
            assert answer.code == 1, (command, answer.out)
            assert "WAIVER_EXPIRED" in answer.err
    assert bank.run("apply").code == 0


@pytest.mark.parametrize(
    ("entry", "reported"),
    [
        (("LK6099", "space Finance", SOON), "no finding to waive 'LK6099' (nearest: LK609"),
        (("LK609", "space Finance", "soon"), "'soon' is not a date"),
        (("LK609", " ", SOON), "location is empty"),
    ],
)
def test_a_waiver_that_cannot_be_is_wrong_use(bank: Bank, entry: tuple[str, str, str], reported: str) -> None:
    with edited(bank, waived(*entry)):
        for command in ("validate", "plan"):
            answer = bank.run(command)
            assert answer.code == 2
            assert reported in answer.err
            assert "env.auto.tfvars:" in answer.err


def test_diff_with_live_is_empty_after_an_apply_and_tells_memberships_of_others_apart(bank: Bank) -> None:
    for sides in (("dev", "live"), ("live", "dev"), ("live:dev", "dev")):
        document = bank.run("diff", *sides, "--json").document
        assert document["changes"] == []
        assert document["memberships"] == {"hr_team": ["otto@bank.example"]}
    assert (
        "membership of hr_team is not managed by the files, so it is not compared: otto@bank.example"
        in bank.run("diff", "dev", "live").out
    )
    tables = {
        "USE CATALOG": "CATALOG dev_fin",
        "USE SCHEMA": "SCHEMA dev_fin.finance",
        "SELECT": "TABLE dev_fin.finance.customers",
    }
    bank.sql(*(f"GRANT {what} ON {table} TO `zoe@bank.example`" for what, table in tables.items()))
    try:
        assert bank.run("diff", "dev", "live", "--json").document["wider"] > 0
    finally:
        bank.sql(*(f"REVOKE {what} ON {table} FROM `zoe@bank.example`" for what, table in tables.items()))


def test_why_of_the_workspace_knows_its_people_and_refuses_others(bank: Bank) -> None:
    column = "dev_fin.finance.customers.email"
    assert bank.run("why", "otto@bank.example", column, "--live").code == 0
    for name, near in (("oto@bank.example", "otto@bank.example"), ("hr_taem", "hr_team")):
        answer = bank.run("why", name, column, "--live")
        assert answer.code == 2
        assert re.search(rf"nearest: .*{near}", answer.err)
    answer = bank.run("why", "outsider", "dev_fin.finance.custmers.email", "--live")
    assert (answer.code, "nearest: dev_fin.finance.customers" in answer.err) == (2, True)


@pytest.mark.parametrize(
    ("words", "reported"),
    [
        (("--warehouse", "nosuch"), "no warehouse 'nosuch'"),
        (("--account-secret-scope", "nosuch"), "no secret scope 'nosuch'"),
    ],
)
def test_a_name_that_only_the_workspace_knows_is_refused_by_it(bank: Bank, words: tuple[str, str], reported: str) -> None:
    answer = bank.run("plan", *words)
    assert answer.code == 2
    assert reported in answer.err


def test_verify_ends_with_a_line_that_agrees_with_its_exit_code_and_marks_what_nobody_declared(bank: Bank) -> None:
    good = bank.run("verify")
    assert good.code == 0, good.err
    assert re.fullmatch(r"verify: 0 mismatches in \d+ cells", good.out.splitlines()[-1])
    bank.sql("ALTER TABLE dev_fin.finance.customers ADD COLUMN nickname STRING")
    try:
        bad = bank.run("verify")
        assert (bad.code, bad.out.splitlines()[-1]) == (1, "verify: FAILED: 1 error, 0 mismatches"), bad.err
        assert re.search(r"nickname\s+UNDECLARED", bad.out)
    finally:
        bank.sql("ALTER TABLE dev_fin.finance.customers DROP COLUMN nickname")
