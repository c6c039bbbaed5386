"""Every rule has a pair of cases in rules/cases.yaml: a draft that fails it, and one that passes."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from lampkeeper.design.classify.offline import classify
from lampkeeper.design.knowledge.knowledge import compose
from lampkeeper.design.knowledge.overlays import built_in_overlays
from lampkeeper.design.rules import RULES
from lampkeeper.design.rules.check import check
from lampkeeper.design.synthesis.packing import RemainingQuota
from lampkeeper.design.synthesis.synthesize import synthesize
from lampkeeper.files.masks_sql import read_masks_sql
from lampkeeper.files.tfvars import read_layer
from lampkeeper.model.desired import Desired
from lampkeeper.model.labels import Label, LabelClass, Protect
from lampkeeper.model.names import ColumnName, TableName
from lampkeeper.model.schema import Column, Snapshot, Table, TableKind
from support.demo_tables import demo_request, demo_snapshot

pytestmark = pytest.mark.unit

FOLDER = Path(__file__).parent / "rules"


@cache
def pairs() -> Any:
    return yaml.safe_load((FOLDER / "cases.yaml").read_text())


def snapshot() -> Snapshot:
    kinds = dict.fromkeys(pairs()["views"], TableKind.VIEW)
    return Snapshot(
        tables=tuple(
            Table(
                name=TableName.parse(name),
                columns=tuple(Column(name=c, type=t) for c, t in columns.items()),
                kind=kinds.get(name, TableKind.TABLE),
            )
            for name, columns in pairs()["tables"].items()
        )
    )


def state(changes: list[list[str]]) -> Desired:
    texts = [(FOLDER / "base.tfvars").read_text(), (FOLDER / "base.sql").read_text()]
    for old, new in changes:
        assert sum(old in t for t in texts) == 1, f"{old!r} is in both files or in none"
        texts = [t.replace(old, new.replace("{25001}", "x" * 25_001)) for t in texts]
    return read_layer(texts[0], "base.tfvars", functions=read_masks_sql(texts[1], "base.sql")).desired


def labels(said: dict[str, str]) -> tuple[Label, ...]:
    return tuple(
        Label(column=ColumnName.parse(name), label=LabelClass(label), protect=Protect.YES, confidence=1)
        for name, label in said.items()
    )


def codes(case: Any, changes: list[list[str]], limits: dict[str, int], said: dict[str, str], pilot: str = "") -> set[str]:
    kinds = {TableName.parse(name): TableKind(kind) for name, kind in case.get("kinds", {}).items()}
    tables = tuple(replace(t, kind=kinds.get(t.name, t.kind)) for t in snapshot().tables)
    return {
        f.code for f in check(state(changes), Snapshot(tables=tables), RemainingQuota(**limits), labels=labels(said), pilot=pilot)
    }


def test_the_base_has_no_finding() -> None:
    assert check(state([]), snapshot()) == ()


def test_every_rule_has_a_pair_and_every_pair_a_rule() -> None:
    assert set(pairs()["cases"]) == {r.code for r in RULES}


@pytest.mark.parametrize("code", sorted(r.code for r in RULES))
def test_the_rule_fails_one_and_passes_the_other(code: str) -> None:
    case = pairs()["cases"][code]
    limits = case.get("limits", {})
    said = case.get("labels", {})
    assert code in codes(case, case["fail"], limits, said, case.get("pilot", ""))
    assert code not in codes(case, case.get("pass", []), case.get("pass_limits", limits), case.get("pass_labels", said))


def test_an_environment_for_genie_alone_needs_no_groups() -> None:
    only_spaces = Desired(spaces=state([]).spaces)
    assert "LK501" not in {f.code for f in check(only_spaces, snapshot())}


def test_what_a_foreign_table_holds_is_out_of_reach_tagged_or_not_and_a_materialized_view_is_a_table() -> None:
    grant = '{ securable_type = "TABLE", securable = "c.s.people_v", principal = "analysts", privileges = ["SELECT"] },'
    given = [["grants = [", f"grants = [{grant}"]]
    said = {"c.s.people_v.email": "email"}
    for kind, found in (("MATERIALIZED_VIEW", False), ("FOREIGN", True), ("VIEW", False), ("STREAMING_TABLE", False)):
        case = {"kinds": {"c.s.people_v": kind}}
        assert ("LK406" in codes(case, given, {}, said)) is found
        assert "LK406" not in codes(case, [], {}, said)
        assert "LK406" not in codes(case, given, {}, {})


def test_what_a_generation_makes_of_any_overlay_is_of_the_right_class() -> None:
    knowledge = compose(built_in_overlays())
    snap = demo_snapshot()
    found = classify(snap, knowledge=knowledge)
    request = replace(demo_request(), snapshot=snap, labels=found, knowledge=knowledge)
    made = synthesize(request).desired
    assert "LK210" not in {f.code for f in check(made, snap, labels=found, vocabulary=knowledge.vocabulary)}
    moved = tuple(replace(x, label=LabelClass.PHONE) if x.label is LabelClass.EMAIL else x for x in found)
    assert "LK210" in {f.code for f in check(made, snap, labels=moved, vocabulary=knowledge.vocabulary)}
