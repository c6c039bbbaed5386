"""Behind our back: verify fails and names it, plan shows it, apply repairs what is ours."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from databricks.sdk.service import catalog as uc
from databricks.sdk.service import iam

from lampkeeper.app.inputs import EnvInputs
from lampkeeper.app.verifying import verify_env
from lampkeeper.deploy.verify.verification import VerifyOptions
from lampkeeper.files.folder import EnvFolder
from lampkeeper.model.access import AccessModel
from lampkeeper.remote import live
from lampkeeper.remote.clients import connect
from support.bank_places import Bank, governed_bank
from support.counted_reads import counted_parses
from support.governed_places import VirtualClock
from support.nightly import sampled

pytestmark = [pytest.mark.server, pytest.mark.spark, pytest.mark.heavy]

EMAIL_POLICY = "lk_pii_level_masked_email"
EMAIL = "dev_fin.finance.customers.email"


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bank]:
    with governed_bank(tmp_path_factory.mktemp("bank")) as place:
        yield place


def drop_policy(bank: Bank) -> None:
    bank.w.policies.delete_policy("CATALOG", "dev_fin", EMAIL_POLICY)


def drop_filter(bank: Bank) -> None:
    bank.w.policies.delete_policy("CATALOG", "dev_fin", "lk_compliance_scope_aml_restricted")


def put_wrong_mask(bank: Bank) -> None:
    held = bank.w.policies.get_policy("CATALOG", "dev_fin", EMAIL_POLICY)
    assert held.column_mask is not None
    held.column_mask.function_name = "dev_fin.lampkeeper.mask_name"
    bank.w.policies.update_policy("CATALOG", "dev_fin", EMAIL_POLICY, held, update_mask="column_mask")


def swap_function(bank: Bank) -> None:
    bank.sql("CREATE OR REPLACE FUNCTION dev_fin.lampkeeper.mask_email(value STRING) RETURNS STRING RETURN upper(value)")


def open_function(bank: Bank) -> None:
    bank.sql("CREATE OR REPLACE FUNCTION dev_fin.lampkeeper.mask_email(value STRING) RETURNS STRING RETURN value")


def exempt_analysts(bank: Bank) -> None:
    held = bank.w.policies.get_policy("CATALOG", "dev_fin", EMAIL_POLICY)
    held.except_principals = [*(held.except_principals or []), "data_analysts"]
    bank.w.policies.update_policy("CATALOG", "dev_fin", EMAIL_POLICY, held, update_mask="except_principals")


def take_tag(bank: Bank) -> None:
    bank.w.entity_tag_assignments.delete("columns", EMAIL, "pii_level")


def take_grant(bank: Bank) -> None:
    change = uc.PermissionsChange(principal="data_analysts", remove=[uc.Privilege.SELECT])
    bank.w.grants.update("table", "dev_fin.finance.customers", changes=[change])


def widen_our_grant(bank: Bank) -> None:
    change = uc.PermissionsChange(principal="data_analysts", add=[uc.Privilege.ALL_PRIVILEGES])
    bank.w.grants.update("table", "dev_fin.finance.customers", changes=[change])


def join_exempt_group(bank: Bank) -> None:
    added = iam.Patch(op=iam.PatchOp.ADD, path="members", value=[{"value": bank.user_id("otto@bank.example")}])
    schema = iam.PatchSchema.URN_IETF_PARAMS_SCIM_API_MESSAGES_2_0_PATCH_OP
    bank.account.groups_v2.patch(bank.group_id("compliance_officers"), operations=[added], schemas=[schema])


RAW = ["data_analysts: dev_fin.finance.customers.email: expected masked by dev_fin.lampkeeper.mask_email, saw raw"]
OTHER = ["data_analysts: dev_fin.finance.customers.email: expected masked by dev_fin.lampkeeper.mask_email, saw other"]


TAMPERED: tuple[tuple[Callable[[Bank], None], list[str], dict[str, str], str], ...] = (
    (drop_policy, RAW, {"verify/missing_policy": EMAIL_POLICY}, "policy"),
    (put_wrong_mask, OTHER, {"verify/wrong_policy": "mask_name"}, "policy"),
    (open_function, RAW, {"verify/wrong_function": "mask_email"}, "function"),
    (swap_function, OTHER, {"verify/wrong_function": "mask_email"}, "function"),
    (take_tag, RAW, {"verify/missing_tag": EMAIL}, "tag"),
    (exempt_analysts, RAW, {"verify/wrong_policy": "EXCEPT"}, "policy"),
    (join_exempt_group, [], {"verify/extra_member": "otto@bank.example"}, "member"),
)


@pytest.mark.parametrize("case", sampled(TAMPERED, name=lambda c: c[0].__name__, every=2))
def test_a_unprotected_or_wrongly_masked_column_is_named_planned_and_repaired(
    bank: Bank, case: tuple[Callable[[Bank], None], list[str], dict[str, str], str]
) -> None:
    tamper, seen, structure, planned = case
    tamper(bank)
    verified = bank.run("verify", "--json")
    assert verified.code == 1
    found = verified.findings()
    assert found.get("verify/mismatch", []) == seen
    for code, words in structure.items():
        assert any(words in line for line in found[code])
    for value in ("ana@x.example", "ben@y.example", "219-09-9999"):
        assert value not in verified.out + verified.err
    plan = bank.run("plan", "--json")
    assert {c["kind"] for c in plan.document["changes"]} == {planned}
    applied = bank.run("apply", "--json")
    assert applied.code == 0, applied.err
    assert applied.document["writes"] >= 1
    assert bank.run("plan", "--json").document["changes"] == []


def test_a_lost_row_filter_is_named_and_repaired(bank: Bank) -> None:
    drop_filter(bank)
    found = bank.run("verify", "--json").findings()
    assert found["verify/rows"] == ["data_analysts: dev_fin.finance.transactions: expected 1 row(s), saw 3"]
    assert "verify/mismatch" not in found
    assert bank.run("apply").code == 0


def test_a_lost_grant_is_named_and_repaired(bank: Bank) -> None:
    take_grant(bank)
    found = bank.run("verify", "--json").findings()
    assert len(found["verify/mismatch"]) == 7
    assert all("saw hidden" in line for line in found["verify/mismatch"])
    assert any("data_analysts on dev_fin.finance.customers" in line for line in found["verify/missing_grant"])
    assert bank.run("apply").code == 0
    assert bank.run("verify").code == 0


def test_a_privilege_added_to_our_grant_is_named_and_taken_back(bank: Bank) -> None:
    widen_our_grant(bank)
    answer = bank.run("verify", "--json")
    assert answer.code == 1
    assert any("ALL_PRIVILEGES" in line for line in answer.findings()["verify/extra_grant"])
    assert {c["kind"] for c in bank.run("plan", "--json").document["changes"]} == {"grant"}
    assert bank.run("apply").code == 0
    assert bank.run("verify").code == 0


def test_a_grant_to_somebody_else_is_named_and_left_to_its_owner(bank: Bank) -> None:
    added = uc.PermissionsChange(principal="otto@bank.example", add=[uc.Privilege.SELECT])
    bank.w.grants.update("table", "dev_fin.finance.customers", changes=[added])
    answer = bank.run("verify", "--json")
    assert answer.code == 1
    assert any("otto@bank.example" in line and "SELECT" in line for line in answer.findings()["verify/extra_grant"])
    plan = bank.run("plan", "--json")
    assert any("otto@bank.example" in f["message"] + f["location"] for f in plan.document["findings"])
    removed = uc.PermissionsChange(principal="otto@bank.example", remove=[uc.Privilege.SELECT])
    bank.w.grants.update("table", "dev_fin.finance.customers", changes=[removed])
    assert bank.run("verify").code == 0


def test_a_policy_of_somebody_else_on_our_tables_is_named(bank: Bank) -> None:
    bank.w.policies.create_policy(
        uc.PolicyInfo(
            name="somebody_elses", policy_type=uc.PolicyType.POLICY_TYPE_COLUMN_MASK, to_principals=["account users"],
            on_securable_type=uc.SecurableType.TABLE, on_securable_fullname="dev_fin.finance.customers",
            for_securable_type=uc.SecurableType.TABLE,
            match_columns=[uc.MatchColumn(alias="m", condition="has_tag('pii_level')")],
            column_mask=uc.ColumnMaskOptions(function_name="dev_fin.lampkeeper.mask_name", on_column="m"),
        )
    )  # fmt: skip
    answer = bank.run("verify", "--json")
    found = answer.findings()
    assert any("somebody_elses" in line for line in found["verify/extra_policy"])
    assert any("saw failing" in line for line in found["verify/mismatch"])
    bank.w.policies.delete_policy("TABLE", "dev_fin.finance.customers", "somebody_elses")
    assert bank.run("verify").code == 0


def test_the_probes_are_gone_after_every_run_and_those_of_a_dead_run_are_swept(bank: Bank) -> None:
    assert bank.probes() == []
    left = bank.account.service_principals_v2.create(display_name="lampkeeper-probe-1-0", active=True)
    added = iam.Patch(op=iam.PatchOp.ADD, path="members", value=[{"value": left.id}])
    schema = iam.PatchSchema.URN_IETF_PARAMS_SCIM_API_MESSAGES_2_0_PATCH_OP
    bank.account.groups_v2.patch(bank.group_id("compliance_officers"), operations=[added], schemas=[schema])
    assert bank.run("verify").code == 0
    assert bank.probes() == []


def test_a_group_of_an_identity_provider_is_never_written_and_its_combinations_are_findings(bank: Bank) -> None:
    ident = bank.group_id("fraud_team")
    schema = iam.PatchSchema.URN_IETF_PARAMS_SCIM_API_MESSAGES_2_0_PATCH_OP

    def external(value: str) -> None:
        patch = iam.Patch(op=iam.PatchOp.REPLACE, path="externalId", value=value)
        bank.account.groups_v2.patch(ident, operations=[patch], schemas=[schema])

    external("from-entra")
    before = len(bank.space.writes())
    answer = bank.run("verify", "--json")
    touched = [w for w in bank.space.writes()[before:] if f"Groups/{ident}" in w["path"]]
    assert touched == []
    assert answer.code == 1
    assert any("fraud_team" in line for line in answer.findings()["verify/untested_combination"])
    external("")


def test_without_probes_or_identities_nothing_counts_as_proven(bank: Bank) -> None:
    answer = bank.run("verify", "--create-test-principals", "no", "--json")
    assert answer.code == 1
    assert len(answer.findings()["verify/untested_combination"]) == 4
    assert answer.document["counts"]["ok"] == 0


def test_a_named_identity_lends_its_token(bank: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = bank.root / "envs/dev/env.auto.tfvars"
    text = settings.read_text()
    settings.write_text(text + 'verify_identities = [{ name = "Ana", token_env = "ANA_TOKEN", groups = ["data_analysts"] }]\n')
    assert bank.run("verify").code == 2
    monkeypatch.setenv("ANA_TOKEN", bank.space.mint("ana@bank.example"))
    answer = bank.run("verify", "--json")
    settings.write_text(text)
    assert answer.code == 0, answer.err
    assert {p["name"]: p["probe"] for p in answer.document["principals"]}["Ana"] is False


def test_it_waits_until_a_membership_reads_true_before_it_trusts_a_denial(bank: Bank) -> None:
    bank.space.control("PUT", "lag", {"memberships": 20})
    try:
        folder, clock = EnvFolder(bank.root, "dev"), VirtualClock(bank.space)
        auth, place = folder.auth(), bank.space.warehouse_id
        began = clock.now()
        options = VerifyOptions(create_test_principals=True, stale_after=0.0)
        report = verify_env(EnvInputs(folder), connect(auth, warehouse_id=place, clock=clock), options)
        assert clock.now() - began >= 20
        assert report.ok, report.findings
        patient = replace(options, membership_wait=5.0)
        hasty = verify_env(EnvInputs(folder), connect(auth, warehouse_id=place, clock=clock), patient)
        assert {f.code for f in hasty.findings if f.severity == "error"} == {"verify/untested_combination"}
        assert hasty.mismatches == 0
    finally:
        bank.space.control("PUT", "lag", {"memberships": 0})


def test_verification_asks_once_per_identity_about_both_tables(bank: Bank) -> None:
    document = bank.run("verify", "--json").document
    assert document["queries"] == len(document["principals"])


def test_a_verification_parses_each_file_once_and_indexes_the_access_that_it_reads_once(
    bank: Bank, monkeypatch: pytest.MonkeyPatch
) -> None:
    indexed: list[AccessModel] = []
    original = live.Access
    monkeypatch.setattr(live, "Access", lambda model: indexed.append(model) or original(model))
    with counted_parses(bank.root / "envs") as seen:
        assert bank.run("verify").code == 0
    assert set(seen) >= {"dev/env.auto.tfvars", "dev/snapshot.json", "dev/data_access/abac.auto.tfvars", "dev/state.json"}
    assert set(seen.values()) == {1}, seen
    assert len(indexed) == 1


def test_a_saved_plan_is_refused_when_the_state_has_moved_on(bank: Bank) -> None:
    drop_policy(bank)
    assert bank.run("plan", "--out", "saved.json").code == 0
    assert bank.run("apply", "--plan", "saved.json", "--adopt").code == 2
    assert bank.run("apply", "--plan", "saved.json", "--json").document["writes"] == 1
    again = bank.run("apply", "--plan", "saved.json")
    assert again.code == 3
    assert "run `plan` again" in again.err
    (bank.root / "saved.json").write_text("{")
    assert bank.run("apply", "--plan", "saved.json").code == 2


def test_widening_is_refused_unless_it_is_meant(bank: Bank) -> None:
    settings = bank.root / "envs/dev/env.auto.tfvars"
    text = settings.read_text()
    settings.write_text(text.replace('"Read masked data",', '"Read masked data", clearance = ["pii_level"],'))
    before = len(bank.space.writes())
    assert bank.run("generate").code == 0
    refused = bank.run("apply")
    assert refused.code == 3
    assert "--allow-widening" in refused.err
    assert [w for w in bank.space.writes()[before:] if "/policies/" in w["path"]] == []
    settings.write_text(text)
    assert bank.run("generate").code == 0
    assert bank.run("apply", "--json").document["writes"] == 0


def test_an_added_sensitive_column_is_drift(bank: Bank) -> None:
    assert bank.run("audit").code == 0
    bank.sql("ALTER TABLE dev_fin.finance.customers ADD COLUMN passport_number STRING")
    answer = bank.run("audit", "--json")
    assert answer.code == 1
    assert [d["entity"] for d in answer.document["drift"]] == ["dev_fin.finance.customers.passport_number"]


def test_a_table_that_is_gone_is_a_failed_verification_and_drift(bank: Bank) -> None:
    bank.sql("DROP TABLE dev_fin.finance.transactions")
    answer = bank.run("verify", "--json")
    assert answer.code == 1
    assert any("dev_fin.finance.transactions" in line for line in answer.findings()["verify/missing_table"])
    drift = bank.run("audit", "--json").document["drift"]
    assert {d["entity"] for d in drift if d["kind"] == "reverse"} >= {"dev_fin.finance.transactions.amount"}


def test_destroy_asks_first_and_leaves_the_tables(bank: Bank) -> None:
    assert bank.run("destroy", "--json").code == 2
    destroyed = bank.run("destroy", "--yes", "--json")
    assert destroyed.code == 0, destroyed.err
    assert "UNMANAGED_GRANT" not in destroyed.err
    assert [p.name for p in bank.w.policies.list_policies("CATALOG", "dev_fin")] == []
    assert [t.name for t in bank.w.tables.list("dev_fin", "finance")] == ["customers"]
    assert "compliance_officers" in {g.display_name for g in bank.account.groups_v2.list()}
