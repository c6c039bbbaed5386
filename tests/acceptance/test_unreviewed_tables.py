"""What a pipeline does between two runs: nobody who is not exempt sees a raw value of it, and the next run reviews it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from lampkeeper.model.auth import Auth
from lampkeeper.remote.clients import ApiLevel, connect
from lampkeeper.remote.warehouse import run_sql
from support.bank_places import Bank, governed_bank

pytestmark = [pytest.mark.server, pytest.mark.spark, pytest.mark.heavy]

FINANCE = "dev_fin.finance"
NIGHTLY, READERS = "nightly load", "catalog_readers"
SECRETS = ("219-09-9999", "078-05-1120", "ana@x.example")
ANA, EVE = "ana@bank.example", "eve@else.example"


@dataclass
class RuleContext:
    """The bank, a pipeline that is exempt, and two people who read the catalog: ana, an analyst too, and eve, who is nobody."""

    bank: Bank
    pipeline: str

    def ask(self, who: str, sql: str) -> list[tuple[str | None, ...]]:
        space = self.bank.space
        auth = Auth(workspace_host=space.host, token=space.mint(who), workspace_id=space.workspace_id)
        return [tuple(row) for row in run_sql(connect(auth, warehouse_id=space.warehouse_id), sql).rows]

    def etl(self, *statements: str) -> None:
        for statement in statements:
            self.ask(self.pipeline, statement)

    def leaks(self) -> list[str]:
        """Return every secret that ana or eve finds in any table of the schema."""
        return [
            f"{who} {table}: {secret}"
            for who in (ANA, EVE)
            for table in self.tables()
            for rows in [str(self.ask(who, f"SELECT * FROM {FINANCE}.{table}"))]
            for secret in SECRETS
            if secret in rows
        ]

    def tables(self) -> list[str]:
        listed = self.bank.w.tables.list("dev_fin", "finance")
        return sorted(str(t.name) for t in listed)

    def govern(self, *flags: str) -> None:
        for command in (("generate", *flags), ("apply", "--propagation-wait", "0")):
            answer = self.bank.run(*command)
            assert answer.code == 0, answer.err


def _prepare(bank: Bank) -> None:
    made = bank.account.service_principals_v2.create(display_name=NIGHTLY, active=True)
    pipeline, space, workspace = str(made.application_id), bank.space, bank.workspace()
    eve = bank.account.users_v2.create(user_name=EVE)
    workspace_assignments = (
        f"/api/2.0/accounts/{space.account_id}/workspaces/{space.workspace_id}/permissionassignments/principals"
    )
    for number in (made.id, eve.id):
        workspace.write("test", "PUT", f"{workspace_assignments}/{number}", {"permissions": ["USER"]}, api_level=ApiLevel.ACCOUNT)
    readers = bank.account.groups_v2.create(display_name=READERS)
    people = [{"value": str(p.id)} for p in bank.account.users_v2.list() if p.user_name in (ANA, EVE)]
    patch = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"]}
    patch["Operations"] = [{"op": "add", "path": "members", "value": people}]
    groups = f"/api/2.0/accounts/{space.account_id}/scim/v2/Groups/{readers.id}"
    workspace.write("test", "PATCH", groups, patch, api_level=ApiLevel.ACCOUNT)
    for who in (READERS, pipeline):
        bank.sql(f"GRANT USE CATALOG, USE SCHEMA, SELECT ON CATALOG dev_fin TO `{who}`")
    for who, field in ((ANA, "user_name"), (EVE, "user_name"), (pipeline, "service_principal_name")):
        entry = {field: who, "permission_level": "CAN_USE"}
        path = f"/api/2.0/permissions/warehouses/{space.warehouse_id}"
        workspace.write("test", "PATCH", path, {"access_control_list": [entry]})
    bank.sql(f"GRANT CREATE TABLE, MODIFY, MANAGE ON SCHEMA {FINANCE} TO `{pipeline}`")
    # What the pipeline makes is its own: who governs it needs the right to tag it.
    me = str(workspace.get("test", "/api/2.0/preview/scim/v2/Me")["userName"])
    bank.sql(f"GRANT APPLY TAG ON CATALOG dev_fin TO `{me}`")
    settings = bank.root / "envs" / "dev" / "env.auto.tfvars"
    settings.write_text(
        settings.read_text().replace('"dev_fin.finance.*"', '"dev_fin.*"')
        + f'exemptions = [{{ principal = "{pipeline}", kind = "pipeline", reason = "loads the tables every night",'
        ' owner = "olga@bank.example", expires = "2999-12-31" }]\n'
    )


@pytest.fixture(scope="module")
def rule_context(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RuleContext]:
    with governed_bank(tmp_path_factory.mktemp("unreviewed"), _prepare) as bank:
        (pipeline,) = (p for p in bank.account.service_principals_v2.list() if p.display_name == NIGHTLY)
        yield RuleContext(bank, str(pipeline.application_id))


def test_between_two_runs_nobody_sees_what_nobody_has_reviewed(rule_context: RuleContext) -> None:
    assert rule_context.leaks() == []

    # A new table, and a copy of raw rows by who may read them: neither shows a row.
    rule_context.etl(
        f"CREATE TABLE {FINANCE}.leads (id BIGINT, email STRING)",
        f"INSERT INTO {FINANCE}.leads VALUES (1, 'ana@x.example')",
        f"CREATE TABLE {FINANCE}.copy AS SELECT * FROM {FINANCE}.customers",
    )
    assert ("219-09-9999",) in rule_context.ask(rule_context.pipeline, f"SELECT ssn FROM {FINANCE}.copy")
    for who in (ANA, EVE):
        assert rule_context.ask(who, f"SELECT count(*) FROM {FINANCE}.copy") == [("0",)]
        assert rule_context.ask(who, f"SELECT * FROM {FINANCE}.leads") == []
    why = rule_context.bank.run("why", ANA, f"{FINANCE}.copy.ssn", "--live")
    assert why.code == 0, why.err
    assert "gets: no rows (lk_unreviewed_rows)" in why.out

    # The audit names both, a verification asks for them, and a run reviews them.
    audited = rule_context.bank.run("audit", "--json")
    named = {d["entity"]: d["message"] for d in audited.document["drift"]}
    assert set(named) == {f"{FINANCE}.copy", f"{FINANCE}.leads"}
    assert all("is unreviewed" in message for message in named.values())
    rule_context.govern("--unreviewed-columns", "deny")
    assert rule_context.leaks() == []
    assert rule_context.ask(EVE, f"SELECT id, email FROM {FINANCE}.leads") == [("1", "a***@x.example")]
    assert len(rule_context.ask(EVE, f"SELECT * FROM {FINANCE}.copy")) == 3

    # With columns closed too, what comes into a table that was reviewed shows NULL.
    rule_context.etl(
        f"ALTER TABLE {FINANCE}.leads ADD COLUMN second_ssn STRING",
        f"UPDATE {FINANCE}.leads SET second_ssn = '219-09-9999'",
        f"CREATE OR REPLACE TABLE {FINANCE}.copy AS SELECT *, email AS contact_email FROM {FINANCE}.customers",
    )
    assert rule_context.ask(rule_context.pipeline, f"SELECT second_ssn FROM {FINANCE}.leads") == [("219-09-9999",)]
    assert rule_context.ask(ANA, f"SELECT second_ssn FROM {FINANCE}.leads") == [(None,)]
    assert rule_context.leaks() == []
    assert {row[0] for row in rule_context.ask(EVE, f"SELECT contact_email FROM {FINANCE}.copy")} == {None}

    # Dropped and made again it has no tag: it is a new table.
    rule_context.etl(f"DROP TABLE {FINANCE}.leads", f"CREATE TABLE {FINANCE}.leads AS SELECT ssn, email FROM {FINANCE}.customers")
    assert rule_context.ask(ANA, f"SELECT * FROM {FINANCE}.leads") == []
    assert rule_context.bank.run("audit").code == 1
    rule_context.govern("--unreviewed-columns", "deny")
    assert rule_context.leaks() == []
    assert len(rule_context.ask(ANA, f"SELECT * FROM {FINANCE}.leads")) == 3
    assert rule_context.bank.run("audit").code == 0

    # With columns open, a new column of a reviewed table shows until the next run: the documented price of the default.
    rule_context.govern()
    rule_context.etl(
        f"ALTER TABLE {FINANCE}.leads ADD COLUMN late_ssn STRING",
        f"UPDATE {FINANCE}.leads SET late_ssn = '219-09-9999'",
    )
    assert rule_context.leaks() == [f"{who} leads: 219-09-9999" for who in (ANA, EVE)]
    rule_context.govern()
    assert rule_context.leaks() == []


def test_the_plan_tells_who_loses_rows_and_the_report_who_is_exempt(rule_context: RuleContext) -> None:
    rule_context.bank.sql(
        "CREATE SCHEMA IF NOT EXISTS dev_fin.other", "CREATE TABLE IF NOT EXISTS dev_fin.other.notes (t STRING)"
    )
    rule_context.bank.sql("INSERT INTO dev_fin.other.notes VALUES ('something')")
    planned = rule_context.bank.run("plan", "--json")
    (reported,) = [f for f in planned.document["findings"] if f["code"] == "UNREVIEWED_TABLES"]
    said = reported["message"]
    assert said.startswith("1 tables of this catalog")
    assert [name in said for name in ("dev_fin.other.notes", READERS, rule_context.pipeline)] == [True, True, False]
    verified = rule_context.bank.run("verify", "--create-test-principals", "--json")
    # That the readers read at all is what the verification minds; of the pipeline it knows why.
    wrong = [place for places in verified.findings().values() for place in places]
    assert wrong
    assert all(place.startswith(READERS) for place in wrong)
    (line,) = verified.document["unreviewed"]
    assert line.startswith("unreviewed tables of dev_fin: 1, queried dev_fin.other.notes as")
    assert line.endswith("no rows each")
    (exempt,) = verified.document["exemptions"]
    assert exempt.startswith(f"{rule_context.pipeline} (pipeline) is exempt until 2999-12-31: loads")
    matrix = rule_context.bank.run("matrix", "--json").document
    assert set(matrix["unreviewed"]["dev_fin"].values()) == {"no rows", "all rows"}
    assert matrix["unreviewed"]["dev_fin"]["(outsider)"] == "no rows"
    assert matrix["exemptions"] == [exempt]


def test_another_type_and_another_hand_on_the_review_tag_are_found(rule_context: RuleContext) -> None:
    bank, other = rule_context.bank, "dev_fin.other"
    bank.sql(f"CREATE TABLE {FINANCE}.facts (id BIGINT, what STRUCT<colour: STRING>)", f"CREATE SCHEMA IF NOT EXISTS {other}")
    rule_context.govern()
    assert bank.run("audit").code == 0
    bank.sql(
        f"CREATE OR REPLACE TABLE {FINANCE}.facts AS SELECT 1L AS id, named_struct('colour', 'a', 'ssn', '219-09-9999') AS what",
        f"CREATE TABLE {other}.leads (ssn STRING)",
        f"INSERT INTO {other}.leads VALUES ('219-09-9999')",
        f"SET TAG ON TABLE {other}.leads lampkeeper_review = reviewed",
    )
    # Both show raw values now, by tags that stand as they should or that nobody here asked for.
    assert "219-09-9999" in str(rule_context.ask(EVE, f"SELECT what FROM {FINANCE}.facts"))
    assert ("219-09-9999",) in rule_context.ask(EVE, f"SELECT ssn FROM {other}.leads")
    audited = bank.run("audit", "--json")
    assert audited.code == 1
    assert {d["entity"] for d in audited.document["drift"]} == {f"{FINANCE}.facts.what", f"{other}.leads.ssn"}
    assert audited.findings()["audit/review_by_others"][0].startswith(f"{other}.leads: ")
    bank.sql(f"DROP TABLE {other}.leads", f"DROP TABLE {FINANCE}.facts")
    rule_context.govern()


def test_a_saved_plan_is_refused_when_an_exemption_has_ended_since(rule_context: RuleContext) -> None:
    settings = rule_context.bank.root / "envs" / "dev" / "env.auto.tfvars"
    kept = settings.read_text()
    assert rule_context.bank.run("plan", "--out", "saved.json", "--propose").code == 0
    settings.write_text(kept.replace("2999-12-31", "2020-12-31"))
    proposed = next((rule_context.bank.root / "envs" / "dev" / "plans").glob("*.proposal.json")).name.removesuffix(
        ".proposal.json"
    )
    try:
        for words in (("--plan", "saved.json"), ("--plan-hash", proposed)):
            refused = rule_context.bank.run("apply", *words, "--json")
            assert (refused.code, refused.document["applied"]) == (1, False)
            assert "EXEMPTION_EXPIRED" in refused.err
    finally:
        settings.write_text(kept)
    assert rule_context.bank.run("apply", "--plan", "saved.json", "--propagation-wait", "0").code == 0
