"""Schema drift as the guide walks it, phases A to D, and protection that follows lineage, on one local workspace."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lampkeeper.model.auth import Auth
from lampkeeper.remote.clients import connect
from lampkeeper.remote.warehouse import run_sql
from support.bank_places import Answer, Bank, governed_bank

pytestmark = [pytest.mark.server, pytest.mark.spark, pytest.mark.heavy]

CUSTOMERS = "dev_fin.finance.customers"
MART = "dev_fin.finance.mart"


def _with_space(bank: Bank) -> None:
    settings = bank.root / "envs" / "dev" / "env.auto.tfvars"
    text = settings.read_text()
    space = 'genie_spaces = [{ name = "Finance Analytics", uc_tables = ["dev_fin.finance.*"] }]'
    settings.write_text(text.replace('uc_tables = ["dev_fin.finance.*"]', space))


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bank]:
    with governed_bank(tmp_path_factory.mktemp("drift"), _with_space) as place:
        yield place


def draft(bank: Bank) -> str:
    return (bank.root / "envs" / "dev" / "generated" / "abac.auto.tfvars").read_text()


def tags(bank: Bank, table: str = "customers") -> dict[str, set[str]]:
    """Return the tags of the columns of a table, by column, as the workspace has them."""
    found: dict[str, set[str]] = {}
    rows = run_sql(
        bank.workspace(),
        f"SELECT column_name, tag_name, tag_value FROM dev_fin.information_schema.column_tags WHERE table_name = '{table}'",
    ).rows
    for column, key, value in rows:
        found.setdefault(str(column), set()).add(f"{key}={value}")
    return found


def unset(bank: Bank, column: str) -> None:
    """Take the governed tags from a column, as the platform wants before the column goes or gets another name."""
    for tag in sorted(tags(bank)[column]):
        bank.sql(f"ALTER TABLE {CUSTOMERS} ALTER COLUMN {column} UNSET TAGS ('{tag.partition('=')[0]}')")


def good(answer: Answer) -> Answer:
    assert answer.code == 0, answer.out + answer.err
    return answer


def read_as(bank: Bank, who: str, sql: str) -> list[tuple[str | None, ...]]:
    auth = Auth(workspace_host=bank.space.host, token=bank.space.mint(who), workspace_id=bank.space.workspace_id)
    return list(run_sql(connect(auth, warehouse_id=bank.space.warehouse_id), sql).rows)


def drifted(answer: Answer) -> dict[str, str]:
    return {d["entity"]: d["kind"] for d in answer.document["drift"]}


def test_the_guides_phases_close_as_the_guide_says(bank: Bank) -> None:
    # Phase A: the baseline says nothing of the column that comes later.
    baseline = good(bank.run("audit"))
    assert "emergency_ssn" not in baseline.out + baseline.err
    before = draft(bank)

    # Phase B: a new column is forward drift; the delta adds its tag, apply assigns it.
    bank.sql(f"ALTER TABLE {CUSTOMERS} ADD COLUMN emergency_ssn STRING")
    audited = bank.run("audit")
    assert (audited.code, "emergency_ssn" in audited.err) == (1, True)
    made = good(bank.run("generate-delta"))
    assert f"+ {CUSTOMERS}.emergency_ssn  pii_level=" in made.out
    assert "governed keys, from the account layer: " in made.out
    new = [line.strip() for line in draft(bank).splitlines() if line not in before.splitlines()]
    assert new == [f'entity_name = "{CUSTOMERS}.emergency_ssn"']
    waiting = good(bank.run("audit", "--json"))
    assert [d["entity"] for d in waiting.document["not_applied"]] == [f"{CUSTOMERS}.emergency_ssn"]
    assert bank.run("audit", "--not-applied", "fail").code == 1
    good(bank.run("apply"))
    assert tags(bank)["emergency_ssn"] == tags(bank)["ssn"]
    assert "not applied" not in good(bank.run("audit")).out

    # Phase C: a dropped column is reverse drift; the delta alone closes it, and nothing of the workspace is touched.
    unset(bank, "emergency_ssn")
    bank.sql(f"ALTER TABLE {CUSTOMERS} DROP COLUMN emergency_ssn")
    audited = bank.run("audit", "--json")
    assert (audited.code, drifted(audited)) == (1, {f"{CUSTOMERS}.emergency_ssn": "reverse"})
    held = len(bank.space.writes())
    made = good(bank.run("generate-delta"))
    assert f"- {CUSTOMERS}.emergency_ssn" in made.out
    assert "emergency_ssn" not in draft(bank)
    assert draft(bank) == before
    assert good(bank.run("audit", "--json")).document["clean"] is True
    assert not [w for w in bank.space.writes()[held:] if "/sql/statements" not in w["path"]]

    # Phase D: a renamed column is one of each; delta and apply close it.
    unset(bank, "email")
    bank.sql(f"ALTER TABLE {CUSTOMERS} RENAME COLUMN email TO contact_email")
    audited = bank.run("audit", "--json")
    assert audited.code == 1
    assert drifted(audited) == {f"{CUSTOMERS}.email": "reverse", f"{CUSTOMERS}.contact_email": "forward"}
    made = good(bank.run("generate-delta", "--json"))
    assert [t["entity"] for t in made.document["removed"]] == [f"{CUSTOMERS}.email"]
    assert [t["entity"] for t in made.document["added"]] == [f"{CUSTOMERS}.contact_email"]
    good(bank.run("apply"))
    assert "email" not in tags(bank)
    assert tags(bank)["contact_email"] == {"pii_level=masked_email"}
    assert "not applied" not in good(bank.run("audit")).out
    files = [p.read_bytes() for p in sorted(Path(bank.root / "envs").rglob("*")) if p.is_file()]
    assert "no drift: nothing to change" in good(bank.run("generate-delta")).out
    assert [p.read_bytes() for p in sorted(Path(bank.root / "envs").rglob("*")) if p.is_file()] == files
    good(bank.run("verify"))


def test_a_retyped_column_and_a_new_table_are_closed_too(bank: Bank) -> None:
    unset(bank, "contact_email")
    bank.sql(
        f"ALTER TABLE {CUSTOMERS} DROP COLUMN contact_email",
        f"ALTER TABLE {CUSTOMERS} ADD COLUMN contact_email BINARY",
        "CREATE TABLE dev_fin.finance.leads (id BIGINT, email STRING)",
    )
    audited = bank.run("audit", "--json")
    assert audited.code == 1
    assert drifted(audited) == {f"{CUSTOMERS}.contact_email": "retyped", "dev_fin.finance.leads": "forward"}
    good(bank.run("generate-delta"))
    good(bank.run("apply"))
    assert tags(bank)["contact_email"] != {"pii_level=masked_email"}
    assert tags(bank, "leads")["email"] == {"pii_level=masked_email"}
    assert "not applied" not in good(bank.run("audit")).out
    good(bank.run("verify"))


def test_what_was_taken_from_the_workspace_is_drift_that_an_apply_ends(bank: Bank) -> None:
    bank.w.entity_tag_assignments.delete("columns", f"{CUSTOMERS}.ssn", "pii_level")
    audited = bank.run("audit", "--json")
    assert (audited.code, drifted(audited)) == (1, {f"{CUSTOMERS}.ssn": "forward"})
    assert "was applied and is gone" in audited.document["drift"][0]["message"]
    assert "no drift: nothing to change" in good(bank.run("generate-delta")).out
    good(bank.run("apply"))
    good(bank.run("audit"))


def test_protection_follows_lineage(bank: Bank) -> None:
    bank.sql(
        f"CREATE TABLE {MART} AS SELECT ssn AS key_1, max(first_name) AS top, count(ssn) AS customer_count, city FROM {CUSTOMERS}"
        " GROUP BY ssn, city",
        "CREATE TABLE dev_fin.finance.mart_2 AS SELECT key_1 AS key_2, customer_count FROM dev_fin.finance.mart",
    )
    wanted = {f"{MART}.key_1", f"{MART}.top", "dev_fin.finance.mart_2.key_2"}
    for _ in range(50):
        rows = run_sql(bank.workspace(), "SELECT target_column_name FROM system.access.column_lineage").rows
        if ("key_2",) in rows:
            break
        time.sleep(0.1)
    made = good(bank.run("generate-delta", "--json"))
    added = {t["entity"]: f"{t['key']}={t['value']}" for t in made.document["added"] if t["key"] != "lampkeeper_review"}
    assert set(added) == wanted
    assert added[f"{MART}.key_1"] in tags(bank)["ssn"]
    assert "lineage/unread" not in made.err
    labels = (bank.root / "envs" / "dev" / "generated" / "labels.jsonl").read_text()
    assert f"derived from {CUSTOMERS}.ssn through {MART}.key_1" in labels
    good(bank.run("apply"))
    assert read_as(bank, "olga@bank.example", "SELECT 1") == [("1",)]
    good(bank.run("verify"))
    # A whole generation inherits the same, and a steward's release ends it for the column and what comes from it.
    good(bank.run("generate"))
    assert f'entity_name = "{MART}.key_1"' in draft(bank)
    words = ("labels", "set", f"{MART}.key_1", "none", "--protect", "no", "--reason", "a random token", "--by", "jo")
    good(bank.run(*words))
    good(bank.run("generate"))
    assert f'entity_name = "{MART}.key_1"\n    tag_key     = "pii_level"' not in draft(bank)
    assert "mart_2.key_2" not in draft(bank)
    assert f"{MART}.top" in draft(bank)
