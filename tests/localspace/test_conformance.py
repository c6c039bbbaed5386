"""The ledger is complete, and every probe passes against the local workspace."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections import Counter
from collections.abc import Iterator
from types import ModuleType

import pytest

import localspace
from localspace.core.ledger import RULE_USES, load_ledger
from localspace.probes import PROBES, access, bindings, indirect, locations, masks, roles, run_probes, unsupported, untagged
from support.closing_lines import Record, note_table
from support.sql_workspace import SqlWorkspace

GROUPS = (access, bindings, indirect, masks, locations, unsupported, roles, untagged)


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqlWorkspace]:
    made = SqlWorkspace(tmp_path_factory.mktemp("conformance"))
    made.external_location("landing", "s3://landing")
    yield made
    made.close()


def _import_everything() -> None:
    for module in pkgutil.walk_packages(localspace.__path__, "localspace."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)


@pytest.mark.unit
def test_every_rule_in_code_has_a_row_and_every_row_its_code() -> None:
    _import_everything()
    rows = {row.id: set(row.code) for row in load_ledger()}
    uses = {one: set(functions) for one, functions in RULE_USES.items()}
    assert uses == rows


@pytest.mark.unit
def test_every_row_has_a_probe_and_every_probe_a_row(record_property: Record) -> None:
    standing = Counter(str(row.standing) for row in load_ledger())
    note_table(record_property, f"ledger rows by standing: {dict(sorted(standing.items()))}; probes {len(PROBES)}")
    assert {row.probe for row in load_ledger()} == {probe.name for probe in PROBES}


@pytest.mark.unit
def test_every_probe_function_is_in_the_tuple() -> None:
    written = {
        name
        for module in GROUPS
        for name, value in inspect.getmembers(module, inspect.isfunction)
        if value.__module__ == module.__name__ and not name.startswith("_")
    }
    assert written == {probe.check.__name__ for probe in PROBES} == {probe.name for probe in PROBES}


@pytest.mark.unit
def test_rows_are_numbered_once() -> None:
    counts = Counter(row.id for row in load_ledger())
    assert [one for one, count in counts.items() if count > 1] == []


@pytest.mark.spark
@pytest.mark.parametrize("group", GROUPS, ids=lambda group: group.__name__.rpartition(".")[2])
def test_every_probe_passes_against_the_local_workspace(workspace: SqlWorkspace, group: ModuleType) -> None:
    probes = [probe for probe in PROBES if probe.check.__module__ == group.__name__]
    outcomes = run_probes(workspace, "main", probes=probes)
    assert {outcome.name: outcome.seen for outcome in outcomes if not outcome.passed} == {}
    assert [outcome.name for outcome in outcomes] == [probe.name for probe in probes]
    assert workspace.rows("SHOW SCHEMAS IN main LIKE 'lampkeeper*'") == []
