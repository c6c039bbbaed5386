"""Every rule has a pair of cases in rules/cases.yaml: a draft that fails it, and one that passes."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from lampkeeper.design.check import check
from lampkeeper.design.packing import Limits
from lampkeeper.design.rules import RULES
from lampkeeper.files.masks_sql import read_masks_sql
from lampkeeper.files.tfvars import read_layer
from lampkeeper.model.desired import Desired
from lampkeeper.model.names import TableName
from lampkeeper.model.schema import Column, Snapshot, Table, TableKind

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


def codes(changes: list[list[str]], limits: dict[str, int]) -> set[str]:
    return {f.code for f in check(state(changes), snapshot(), Limits(**limits))}


def test_the_base_has_no_finding() -> None:
    assert check(state([]), snapshot()) == ()


def test_every_rule_has_a_pair_and_every_pair_a_rule() -> None:
    assert set(pairs()["cases"]) == {r.code for r in RULES}


@pytest.mark.parametrize("code", sorted(r.code for r in RULES))
def test_the_rule_fails_one_and_passes_the_other(code: str) -> None:
    case = pairs()["cases"][code]
    limits = case.get("limits", {})
    assert code in codes(case["fail"], limits)
    assert code not in codes(case.get("pass", []), case.get("pass_limits", limits))


def test_an_environment_for_genie_alone_needs_no_groups() -> None:
    only_spaces = Desired(spaces=state([]).spaces)
    assert "LK501" not in {f.code for f in check(only_spaces, snapshot())}
