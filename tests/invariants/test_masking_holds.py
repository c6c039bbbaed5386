"""Masking holds: real queries of real people return what the matrix says, cell by cell, and no more rows than it says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lampkeeper.deploy.direct import apply_plan
from lampkeeper.deploy.planner import make_plan, plan_destroy
from lampkeeper.deploy.verify.asking import TestPrincipal
from lampkeeper.deploy.verify.cells import CellCheck
from lampkeeper.deploy.verify.identities import WorkspaceQueryRunner
from lampkeeper.deploy.verify.report import Status
from lampkeeper.deploy.wait import PropagationWait
from lampkeeper.model.access import Access, CellState, Principal
from lampkeeper.model.errors import RemoteError
from lampkeeper.remote.clock import RealClock
from lampkeeper.remote.live import read_governed
from lampkeeper.remote.warehouse import run_sql
from lampkeeper.text.sql_quoting import quote_identifier
from support.governed_configs import CONFIGS, Config, table_name
from support.governed_places import Place, place_at
from support.localspace_server import running_localspace

pytestmark = [pytest.mark.server, pytest.mark.spark]

_VALUES = {"BIGINT": "7", "STRING": "'ana@bank.example'", "DOUBLE": "1234.5", "BOOLEAN": "TRUE"}
_OTHERS = {"BIGINT": "8", "STRING": "'O''Hara'", "DOUBLE": "-0.5", "BOOLEAN": "FALSE"}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with running_localspace() as space:
        yield place_at(space, tmp_path_factory.mktemp("masking"), RealClock())


def _fill(place: Place, config: Config) -> dict[str, list[dict[str, str]]]:
    """Put three rows into each table; return their SQL literals."""
    rows = {}
    for name, columns in config.tables.items():
        nulls = dict.fromkeys(columns, "NULL")
        rows[name] = [{c: _VALUES[t] for c, t in columns.items()}, {c: _OTHERS[t] for c, t in columns.items()}, nulls]
        values = ", ".join(f"({', '.join(row.values())})" for row in rows[name])
        place.sql(f"INSERT INTO {table_name(name).sql} VALUES {values}")
    return rows


def _expected(
    place: Place, access: Access, who: str, name: str, rows: list[dict[str, str]]
) -> list[tuple[str | None, ...]] | None:
    """Return the rows that the matrix promises, values computed by the engine from literals; None when hidden."""
    seen = access.table(Principal(name=who), table_name(name))
    if not seen.readable:
        return None
    shown = []
    for row in rows:
        cells = []
        for column, cell in seen.cells.items():
            literal = row[column.column]
            masks = seen.masks.get(column, ())
            assert cell.state in (CellState.RAW, CellState.MASKED)
            cells.append(f"{masks[0].function.sql}({literal})" if cell.state is CellState.MASKED else literal)
        keep = [f"{f.function.sql}({', '.join(row[a.column] for a in f.arguments)})" for f in seen.filters]  # type: ignore[union-attr]
        where = f" WHERE {' AND '.join(keep)}" if keep else ""
        shown += run_sql(place.workspace, f"SELECT {', '.join(cells)}{where}").rows
    return sorted(shown, key=repr)


def _verified_alike(place: Place, access: Access, config: Config) -> None:
    """Compare a verification in batches with one that asks each table alone: same results, and no mismatch."""
    runners = {who: WorkspaceQueryRunner(place.enter(who)) for who in config.people}
    asked = [TestPrincipal(name=n, principal=Principal(name=n), query_runner=r) for n, r in runners.items()]
    together, alone = (CellCheck(access, asked, "salt", live=access, batched=batched).run() for batched in (True, False))
    assert (together.cells, together.rows) == (alone.cells, alone.rows)
    assert [c for c in together.cells if c.status is Status.MISMATCH] == []
    assert {c.status for c in together.cells} & {Status.OK}
    assert together.queries <= alone.queries


@pytest.mark.parametrize(
    "config", [c for c in CONFIGS if c.name in ("row_filter", "hostile_names", "nested_groups")], ids=lambda c: c.name
)
def test_people_get_what_the_matrix_says(config: Config, place: Place, tried: Callable[[str, str, int], None]) -> None:
    place.folder = Path(place.folder).parent / config.name
    config.build(place)
    rows = _fill(place, config)
    for desired in config.stages:
        plan = make_plan(desired, place.workspace, place.states())
        apply_plan(plan, place.workspace, place.states(), wait=PropagationWait(seconds=0), allow_widening=True)
    access = read_governed(place.workspace, [table_name(t) for t in config.tables]).access
    points = 0
    for who in config.people:
        client = place.enter(who)
        for name, columns in config.tables.items():
            expected = _expected(place, access, who, name, rows[name])
            listed = ", ".join(quote_identifier(c) for c in columns)
            query = f"SELECT {listed} FROM {table_name(name).sql}"
            if expected is None:
                with pytest.raises(RemoteError, match="INSUFFICIENT_PERMISSIONS"):
                    run_sql(client, query)
            else:
                assert sorted(run_sql(client, query).rows, key=repr) == expected, who
            points += len(columns)
    _verified_alike(place, access, config)
    tried("masking holds", config.name, points)
    apply_plan(plan_destroy(place.workspace, place.states()), place.workspace, place.states(), wait=PropagationWait(seconds=0))
    for name in config.tables:
        place.sql(f"DROP TABLE {table_name(name).sql}")
