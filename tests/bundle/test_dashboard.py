"""The dashboard: each of its queries runs on the local workspace over tables that the product has filled, and its widgets fit."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lampkeeper.deploy.history import History, Item
from lampkeeper.deploy.plan import Plan
from lampkeeper.deploy.verify.report import VerifyReport
from lampkeeper.model.errors import RemoteError
from lampkeeper.remote.clients import Workspace, connect
from lampkeeper.remote.warehouse import run_sql
from support.bundle_jobs import ROOT
from support.localspace_server import running_localspace

DOCUMENT = json.loads((ROOT / "dashboards" / "governance.lvdash.json").read_text())
DATASETS = {d["name"]: "".join(d["queryLines"]) for d in DOCUMENT["datasets"]}
WIDGETS = [placed["widget"] for page in DOCUMENT["pages"] for placed in page["layout"]]
PLAN, WAITING = "a" * 64, "b" * 64


@pytest.fixture(scope="module")
def workspace() -> Iterator[Workspace]:
    with running_localspace() as space:
        yield connect(space.address.signed(), warehouse_id=space.address.warehouse_id)


@pytest.fixture(scope="module")
def filled(workspace: Workspace) -> Workspace:
    """Fill the history as the jobs do, for two environments."""
    run_sql(workspace, "CREATE SCHEMA main.ops", kind="test", writes=True)
    dev = History(workspace=workspace, catalog="main", schema="ops", env="dev", run_id="7")
    plan = Plan(env="dev", state_versions=(), changes=())
    with dev.applying(plan, plan_hash=PLAN, actor="ana", approver="olga") as writes:
        writes.count = 12
    with pytest.raises(RemoteError), dev.applying(plan, plan_hash=PLAN, actor="ana", approver="olga"):
        raise RemoteError("the warehouse is gone", code="GONE")
    dev.covered(2, {"columns": 9, "protected": 5, "not_sensitive": 3, "undecided": 1})
    dev.verified(VerifyReport(cells=(), rows=(), principals=(), findings=()), actor="ana")
    dev.drifted(9, 1, 0, ["main.shop.people.city"])
    dev.listed("undecided", [Item(subject="main.shop.people.old", detail="before", state="masked until decided")])
    dev.listed("undecided", [Item(subject="main.shop.people.note", detail="perhaps 'free_text'", state="masked until decided")])
    dev.listed("access", [Item(subject="ana", detail="main.shop.people", state="3 masked, 6 raw")])
    soon = (datetime.now(UTC).date() + timedelta(days=9)).isoformat()
    dev.listed("exception", [Item(subject="backup", detail="reads all", state="exemption", last_day=soon)])
    dev.listed("plan", [Item(subject=WAITING, detail="12 writes", state="ana")])
    other = replace(dev, env="prod", run_id="8")
    other.covered(1, {"columns": 4, "protected": 4, "not_sensitive": 0, "undecided": 0})
    other.listed("plan", [Item(subject=PLAN, detail="1 writes", state="ana")])
    with other.applying(plan, plan_hash=PLAN, actor="ana", approver="olga"):
        pass
    other.listed("undecided", [Item(subject="main.shop.people.gone", detail="", state="")])
    other.listed("undecided", [])
    return workspace


def rows(workspace: Workspace, dataset: str) -> list[dict[str, str | None]]:
    """Run a query of the dashboard in the schema that the bundle gives it."""
    statement = DATASETS[dataset]
    for table in ("applies", "verifications", "coverage", "drift", "items"):
        statement = statement.replace(f"FROM {table}", f"FROM main.ops.{table}")
    found = run_sql(workspace, statement, kind="test")
    return [dict(zip(found.columns, row, strict=True)) for row in found.rows]


EXPECTED: dict[str, tuple[int, dict[str, str]]] = {
    "coverage_now": (2, {"env": "dev", "protected": "5", "undecided": "1"}),
    "coverage": (2, {"env": "prod", "protected": "4"}),
    "access": (1, {"principal": "ana", "table_name": "main.shop.people", "sees": "3 masked, 6 raw"}),
    "undecided": (1, {"env": "dev", "column_name": "main.shop.people.note", "evidence": "perhaps 'free_text'"}),
    "waiting_plans": (1, {"env": "dev", "plan_hash": WAITING, "proposer": "ana"}),
    "drift": (1, {"unprotected": "1", "tags_without_column": "0"}),
    "drifted": (1, {"object": "main.shop.people.city"}),
    "verifications": (1, {"verdict": "FAILED", "cells": "0", "mismatches": "0"}),
    "applies": (3, {"env": "dev", "outcome": "done", "plan_hash": PLAN, "writes": "12"}),
    "failed_runs": (3, {"step": "apply", "reason": "failed: the warehouse is gone"}),
    "exceptions": (1, {"subject": "backup", "kind": "exemption", "days_left": "9"}),
}
"""Per query: the number of rows, and cells of one of them."""


@pytest.mark.server
@pytest.mark.spark
@pytest.mark.parametrize("dataset", sorted(DATASETS))
def test_a_query_of_the_dashboard_runs_and_finds_what_the_jobs_left(filled: Workspace, dataset: str) -> None:
    number, cells = EXPECTED[dataset]
    found = rows(filled, dataset)
    assert len(found) == number, found
    assert any(cells.items() <= row.items() for row in found), found


@pytest.mark.unit
def test_every_dataset_is_shown_and_every_widget_reads_columns_of_its_dataset() -> None:
    used: dict[str, set[str]] = {}
    for widget in WIDGETS:
        for asked in widget["queries"]:
            fields = {f["name"] for f in asked["query"]["fields"] if f["expression"] == f"`{f['name']}`"}
            used.setdefault(asked["query"]["datasetName"], set()).update(fields)
    assert set(used) == set(DATASETS) == set(EXPECTED)
    for dataset, fields in used.items():
        for field in fields:
            assert field in DATASETS[dataset], (dataset, field)


@pytest.mark.unit
def test_the_dashboard_has_filters_counters_and_the_lists_of_what_waits() -> None:
    kinds: dict[str, list[dict[str, Any]]] = {}
    for widget in WIDGETS:
        kinds.setdefault(widget["spec"]["widgetType"], []).append(widget)
    for kind in ("filter-multi-select", "filter-date-range-picker"):
        (one,) = kinds[kind]
        assert {asked["query"]["datasetName"] for asked in one["queries"]} == set(DATASETS), "a filter acts on every query"
    assert len(kinds["counter"]) == 6
    assert {w["queries"][0]["query"]["datasetName"] for w in kinds["table"]} == set(DATASETS) - {"coverage", "drift"}
    spots = [placed["position"] for placed in DOCUMENT["pages"][0]["layout"]]
    cells = [(x, y) for p in spots for x in range(p["x"], p["x"] + p["width"]) for y in range(p["y"], p["y"] + p["height"])]
    assert len(cells) == len(set(cells)), "no widget covers another"
    assert max(x for x, _ in cells) < 6
