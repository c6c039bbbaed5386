"""Promotion, rollback and pilot by the command line, on a local workspace: what people see live is what the files say."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.bank_places import PEOPLE, ROWS, Answer, Bank
from support.env_folders import SETTINGS
from support.light_sql import light_runner
from support.localspace_server import running_localspace
from support.promotions import texts

pytestmark = pytest.mark.server
CATALOGS = ("rb_fin", "pil_fin", "dev_fin", "prod_fin", "hash_fin")


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bank]:
    with running_localspace(build_runner=light_runner) as space:
        found = Bank(space, tmp_path_factory.mktemp("bank"))
        for catalog in CATALOGS:
            found.sql(*(line.replace("dev_fin", catalog) for line in ROWS if not line.startswith("INSERT")))
        for name in PEOPLE:
            found.account.users_v2.create(user_name=name)
        yield found


def env(bank: Bank, name: str, catalog: str, more: str = "") -> Path:
    folder = bank.root / "envs" / name
    folder.mkdir(parents=True)
    text = f'sql_warehouse_id = "{bank.space.warehouse_id}"\n{SETTINGS.replace("dev_fin", catalog)}{more}'
    (folder / "env.auto.tfvars").write_text(text)
    sign_in(bank, name)
    return folder


def sign_in(bank: Bank, name: str) -> None:
    bank.space.write_sign_in(bank.root / "envs" / name)


def good(bank: Bank, *words: str) -> Answer:
    answer = bank.run(*words)
    assert answer.code == 0, f"{words}: {answer.code} {answer.out[-1500:]} {answer.err}"
    return answer


def live(bank: Bank, name: str) -> Any:
    """Return the matrix of the workspace, as rows."""
    return good(bank, "matrix", "--live", "--json", "--env", name).document["cells"]


def test_law_after_rollback_and_apply_the_live_matrix_returns_exactly(bank: Bank) -> None:
    folder = env(bank, "rb", "rb_fin")
    assert bank.run("rollback", "--env", "rb").code == 2
    good(bank, "generate", "--env", "rb")
    good(bank, "apply", "--env", "rb")
    first, files = live(bank, "rb"), layer_texts(bank, "rb")
    refused = bank.run("rollback", "--env", "rb")
    assert (refused.code, "has no earlier apply" in refused.err) == (2, True)

    settings = folder / "env.auto.tfvars"
    settings.write_text(settings.read_text().replace('"Read masked data"', '"Read masked data", clearance = ["pii_level"]'))
    good(bank, "generate", "--env", "rb")
    assert bank.run("apply", "--env", "rb").code == 3
    good(bank, "apply", "--env", "rb", "--allow-widening")
    second = live(bank, "rb")
    assert second != first

    back = good(bank, "rollback", "--env", "rb", "--json").document
    assert back["generation"] == 1
    assert back["plan"]["narrowing"]
    assert not back["plan"]["widening"]
    assert layer_texts(bank, "rb") == files
    good(bank, "apply", "--env", "rb")
    assert live(bank, "rb") == first

    again = bank.run("rollback", "--env", "rb")
    assert "the files are those of generation 2" in again.out
    # Going back to wider access is wider access: an ordinary plan, with the ordinary refusal.
    assert bank.run("apply", "--env", "rb").code == 3
    assert live(bank, "rb") == first
    good(bank, "apply", "--env", "rb", "--allow-widening")
    assert live(bank, "rb") == second

    listed = good(bank, "rollback", "--list", "--env", "rb", "--json").document
    assert [e["generation"] for e in listed] == [1, 2, 3, 4]
    assert listed[0]["digest"] == listed[2]["digest"] != listed[1]["digest"] == listed[3]["digest"]
    good(bank, "rollback", "--env", "rb", "--to", "3")
    good(bank, "apply", "--env", "rb")
    assert live(bank, "rb") == first
    refused = bank.run("rollback", "--env", "rb", "--to", "9")
    assert (refused.code, "recorded: 1, 2, 3, 4, 5" in refused.err) == (2, True)


def layer_texts(bank: Bank, name: str) -> dict[str, str]:
    envs = bank.root / "envs"
    paths = (envs / name / "abac.auto.tfvars", *(envs / name / "data_access").glob("*.*"))
    return {str(p): p.read_text() for p in (*paths, envs / "account" / "abac.auto.tfvars") if p.name != "state.json"}


def test_an_apply_of_a_kept_plan_is_a_generation_unless_the_files_have_changed(bank: Bank) -> None:
    env(bank, "hash", "hash_fin")
    good(bank, "generate", "--env", "hash")
    planned = good(bank, "plan", "--propose", "--env", "hash", "--json").document["plan_hash"]
    good(bank, "apply", "--plan-hash", planned, "--env", "hash")
    assert len(good(bank, "rollback", "--list", "--env", "hash", "--json").document) == 1
    out = bank.root / "kept.json"
    settings = bank.root / "envs" / "hash" / "env.auto.tfvars"
    settings.write_text(settings.read_text().replace("Read masked data", "Read what is masked"))
    good(bank, "generate", "--env", "hash")
    good(bank, "plan", "--out", str(out), "--env", "hash")
    settings.write_text(settings.read_text().replace("Read what is masked", "Read on"))
    good(bank, "generate", "--env", "hash")
    good(bank, "promote", "--env", "hash")
    good(bank, "apply", "--plan", str(out), "--env", "hash")
    assert len(good(bank, "rollback", "--list", "--env", "hash", "--json").document) == 1


def test_a_pilot_protects_one_group_first_and_everybody_in_one_step(bank: Bank) -> None:
    folder = env(bank, "pil", "pil_fin", "# keep this comment\n")
    good(bank, "generate", "--env", "pil")
    whole = (folder / "generated" / "abac.auto.tfvars").read_text()
    assert bank.run("pilot", "compliance_officers", "--env", "pil").code == 2
    assert bank.run("pilot", "data_analyst", "--env", "pil").code == 2
    assert bank.run("pilot", "--env", "pil").code == 2
    assert bank.run("pilot", "--widen", "--env", "pil").code == 2
    started = good(bank, "pilot", "data_analysts", "--env", "pil")
    assert "policies now bind members of data_analysts only" in started.out
    assert "LK410" in started.out + started.err
    assert 'pilot = {\n  group = "data_analysts"\n}\n' in (folder / "env.auto.tfvars").read_text()
    assert "# keep this comment" in (folder / "env.auto.tfvars").read_text()
    piloted = (folder / "generated" / "abac.auto.tfvars").read_text()
    good(bank, "generate", "--env", "pil")
    assert (folder / "generated" / "abac.auto.tfvars").read_text() == piloted

    checked = good(bank, "validate", "--env", "pil", "--json").document["findings"]
    assert [(f["code"], f["severity"]) for f in checked] == [("LK410", "warning")]
    assert "everybody else with SELECT is unprotected" in checked[0]["message"]
    good(bank, "apply", "--env", "pil")
    cells = {(c["principal"], c["column"]): c["state"] for c in live(bank, "pil") if "customers" in c["table"]}
    assert cells["member of data_analysts", "ssn"] == "masked"
    assert cells["member of compliance_officers", "ssn"] == "raw"
    # A person who may read and is in no group of the pilot is not protected yet, and the matrix says so.
    bank.sql("GRANT USE CATALOG, USE SCHEMA, SELECT ON CATALOG pil_fin TO `otto@bank.example`")
    asked = good(bank, "why", "otto@bank.example", "pil_fin.finance.customers.ssn", "--live", "--env", "pil", "--json").document
    assert asked["state"] == "raw"
    shown = good(bank, "matrix", "--env", "pil")
    assert "LK410" in shown.out + shown.err

    good(bank, "pilot", "--widen", "--env", "pil")
    assert (folder / "generated" / "abac.auto.tfvars").read_text() == whole
    assert "pilot =" not in (folder / "env.auto.tfvars").read_text()
    assert good(bank, "validate", "--env", "pil", "--json").document["findings"] == []
    plan = good(bank, "plan", "--env", "pil", "--json").document
    assert plan["narrowing"]
    assert not plan["widening"]
    good(bank, "apply", "--env", "pil")
    asked = good(bank, "why", "otto@bank.example", "pil_fin.finance.customers.ssn", "--live", "--env", "pil", "--json").document
    assert asked["state"] == "masked"
    # A rollback to the pilot brings back its setting, so that its policies are no error; it widens access.
    good(bank, "rollback", "--env", "pil", "--to", "1")
    assert 'pilot = {\n  group = "data_analysts"\n}\n' in (folder / "env.auto.tfvars").read_text()
    assert bank.run("apply", "--env", "pil").code == 3
    good(bank, "rollback", "--env", "pil", "--to", "2")
    assert "pilot =" not in (folder / "env.auto.tfvars").read_text()
    assert good(bank, "plan", "--env", "pil", "--json").document["changes"] == []
    # Back to the pilot is wider: it needs the approval that any such plan needs.
    good(bank, "pilot", "data_analysts", "--env", "pil")
    assert bank.run("apply", "--env", "pil").code == 3


def test_a_promoted_environment_applies_to_the_same_matrix_and_leaves_the_source_alone(bank: Bank) -> None:
    env(bank, "dev", "dev_fin")
    good(bank, "generate", "--env", "dev")
    good(bank, "apply", "--env", "dev")
    source = texts(bank.root / "envs" / "dev")
    made = good(bank, "promote", "--env", "dev", "--to", "prod", "--catalog-map", "dev_fin=prod_fin")
    assert "dev to prod: dev_fin -> prod_fin" in made.out
    sign_in(bank, "prod")
    good(bank, "apply", "--env", "prod")
    assert texts(bank.root / "envs" / "dev") == source
    mapped = [{k: v.replace("dev_fin", "prod_fin") for k, v in c.items()} for c in live(bank, "dev")]
    assert sorted(map(json.dumps, live(bank, "prod"))) == sorted(map(json.dumps, mapped))
    assert good(bank, "plan", "--env", "prod", "--json").document["changes"] == []
    # Promoted again and applied again: nothing to do.
    good(bank, "promote", "--env", "prod", "--from", "dev", "--catalog-map", "dev_fin=prod_fin")
    assert good(bank, "plan", "--env", "prod", "--json").document["changes"] == []
