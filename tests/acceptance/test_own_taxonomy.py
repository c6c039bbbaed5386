"""Another team's governed tags from end to end: generate, apply, verified by queries, destroyed without a trace of ours."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.bank_places import Bank, governed_bank

pytestmark = [pytest.mark.server, pytest.mark.spark, pytest.mark.heavy]

TAXONOMY = """\
tags:
  - {label: email, key: data_class, value: email}
  - {label: name, key: class.name}
  - {label: national_id, key: data_class, value: gov_id}
  - {label: dob, types: [DATE], key: data_class, value: birth}
  - {label: financial_amount, types: [DECIMAL], key: money}
  - {label: compliance/aml_flag, types: [BOOLEAN], key: watch, value: aml}
  - {label: none, key: data_class, value: public}
"""


def _another_team(bank: Bank) -> None:
    values = {"data_class": ("email", "person", "gov_id", "birth", "public"), "money": (), "watch": ("aml", "kyc")}
    for key, allowed in values.items():
        body = {"tag_key": key, "description": "theirs", "values": [{"name": v} for v in allowed]}
        bank.workspace().write("test", "POST", "/api/2.1/tag-policies", body)
    bank.sql("ALTER TABLE dev_fin.finance.customers ALTER COLUMN email SET TAGS ('data_class' = 'email')")
    (bank.root / "envs" / "dev" / "taxonomy.yaml").write_text(TAXONOMY)


def test_masks_hold_on_tags_of_another_team_and_their_tags_outlive_us(tmp_path: Path) -> None:
    with governed_bank(tmp_path, _another_team) as bank:
        (named,) = bank.w.entity_tag_assignments.list("columns", "dev_fin.finance.customers.first_name")
        assert (named.tag_key, named.tag_value or "") == ("class.name", "")
        report = bank.run("verify", "--json")
        assert (report.code, report.findings()) == (0, {})
        keys = {str(p.tag_key) for p in bank.w.tag_policies.list_tag_policies()}
        assert {"data_class", "money", "watch"} <= keys
        assert bank.run("plan", "--json").document["changes"] == []
        assert bank.run("destroy", "--yes").code == 0
        assert {"data_class", "money", "watch"} <= {str(p.tag_key) for p in bank.w.tag_policies.list_tag_policies()}
        kept = bank.w.entity_tag_assignments.list("columns", "dev_fin.finance.customers.email")
        assert [(t.tag_key, t.tag_value) for t in kept] == [("data_class", "email")]
        assert list(bank.w.entity_tag_assignments.list("columns", "dev_fin.finance.customers.ssn")) == []
        assert list(bank.w.entity_tag_assignments.list("columns", "dev_fin.finance.customers.first_name")) == []
