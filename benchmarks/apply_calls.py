"""Count the API calls of a first apply, of a second plan and of a destroy, by kind, for growing schemas.

Run: python benchmarks/apply_calls.py [columns a table]. The workspace is local and without a JVM; the calls are those that
a real one would get. Reads should follow kinds, catalogs, schemas and tables (one list of grants for each), never columns.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from lampkeeper.deploy.direct import apply_plan
from lampkeeper.deploy.planner import make_plan, plan_destroy
from lampkeeper.deploy.wait import PropagationWait
from support.governed_configs import ANA, OLA, Config, governed
from support.governed_places import Place, light_place

Calls = dict[str, dict[str, int]]


def _config(tables: int, columns: int) -> Config:
    names = [f"dev.s.t{n:03}" for n in range(tables)]
    kinds = {f"c{n:03}": "STRING" for n in range(columns)}
    treated = {name: {c: ("masked_email" if n % 2 else "") for n, c in enumerate(kinds)} for name in names}
    desired = governed(treated, {"analysts": (ANA,), "officers": (OLA,)})
    return Config(name="bench", tables=dict.fromkeys(names, kinds), people=(ANA, OLA), stages=(desired,))


def _counted(place: Place) -> Calls:
    found = place.workspace.calls()
    place.workspace.tally.clear()
    return found


def _measure(tables: int, columns: int) -> list[tuple[str, float, Calls]]:
    with tempfile.TemporaryDirectory() as folder, light_place(Path(folder)) as place:
        config = _config(tables, columns)
        config.build(place)
        _counted(place)
        measured = []

        def step(name: str, start: float) -> None:
            measured.append((name, time.perf_counter() - start, _counted(place)))

        start = time.perf_counter()
        plan = make_plan(config.stages[0], place.workspace, place.states())
        step("plan", start)
        start = time.perf_counter()
        apply_plan(plan, place.workspace, place.states(), wait=PropagationWait(seconds=0), saved=False)
        step("apply", start)
        start = time.perf_counter()
        again = make_plan(config.stages[0], place.workspace, place.states())
        step("plan again", start)
        assert again.empty, again.lines()[:5]
        start = time.perf_counter()
        apply_plan(
            plan_destroy(place.workspace, place.states()), place.workspace, place.states(), wait=PropagationWait(seconds=0)
        )
        step("destroy", start)
        return measured


def main() -> None:
    """Print one table for each size."""
    columns = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    for tables, width in ((1, columns), (1, columns * 10), (10, columns), (40, columns)):
        print(f"\n{tables} tables of {width} columns ({tables * width} columns)")
        measured = _measure(tables, width)
        kinds = sorted({k for _, _, calls in measured for k in calls})
        print(f"{'':14}" + "".join(f"{name + ' (r/w)':>18}" for name, _, _ in measured))
        for kind in kinds:
            cells = [calls.get(kind, {"reads": 0, "writes": 0}) for _, _, calls in measured]
            print(f"{kind:14}" + "".join(f"{c['reads']:>12} /{c['writes']:>4}" for c in cells))
        totals = [(sum(c["reads"] for c in calls.values()), sum(c["writes"] for c in calls.values())) for _, _, calls in measured]
        print(f"{'total':14}" + "".join(f"{r:>12} /{w:>4}" for r, w in totals))
        print(f"{'seconds':14}" + "".join(f"{seconds:>18.2f}" for _, seconds, _ in measured))


if __name__ == "__main__":
    main()
