"""Count the API calls of a first apply, of a second plan and of a destroy, by kind, for growing schemas.

Run: python benchmarks/apply_calls.py [--columns N] [--latency MS [--tables N]]. The workspace is local and without a JVM; the
calls are those that a real one would get. Reads should follow kinds, catalogs, schemas and tables (one list of grants for each),
never columns.

With --latency every call takes so many milliseconds more, as on a real workspace, and the first apply is timed with one write at
a time and with writes side by side: both on few tables, the second one also on --tables (default 500), with the time that its
writes would take one after another.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from lampkeeper.deploy.direct import apply_plan
from lampkeeper.deploy.lanes import THREADS
from lampkeeper.deploy.planner import make_plan, plan_destroy
from lampkeeper.deploy.wait import PropagationWait
from lampkeeper.remote.clients import Call, Wire
from support.governed_configs import ANA, OLA, Config, governed
from support.governed_places import Place, light_place

Calls = dict[str, dict[str, int]]


@dataclass
class _Slow:
    """A wire on which every call takes longer."""

    inner: Wire
    seconds: float

    def send(self, call: Call) -> Any:
        """Wait, then send the call."""
        time.sleep(self.seconds)
        return self.inner.send(call)


def _config(tables: int, columns: int, share: int = 2) -> Config:
    names = [f"dev.s.t{n:03}" for n in range(tables)]
    kinds = {f"c{n:03}": "STRING" for n in range(columns)}
    treated = {name: {c: ("masked_email" if n % share else "") for n, c in enumerate(kinds)} for name in names}
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


def _timed(tables: int, columns: int, latency: float, threads: int) -> tuple[int, float, float]:
    """Return the writes of a first apply, its seconds, and those of the plan before it; each call takes `latency` more."""
    with tempfile.TemporaryDirectory() as folder, light_place(Path(folder)) as place:
        # Four of five columns are tagged: 500 tables of 20 columns take some 8,000 writes.
        config = _config(tables, columns, share=5)
        config.build(place)
        place.workspace.wire = _Slow(place.workspace.wire, latency)
        start = time.perf_counter()
        plan = make_plan(config.stages[0], place.workspace, place.states())
        planned = time.perf_counter() - start
        start = time.perf_counter()
        report = apply_plan(
            plan, place.workspace, place.states(), wait=PropagationWait(seconds=0), saved=False, check_privileges=False,
            threads=threads,
        )  # fmt: skip
        seconds = time.perf_counter() - start
        assert make_plan(config.stages[0], place.workspace, place.states()).empty
        return report.writes, seconds, planned


def _latency(columns: int, latency: float, tables: int) -> None:
    few = 10
    print(f"every call takes {latency * 1000:.0f} ms more; {columns} columns per table")
    heads = (("tables", 7), ("side by side", 13), ("writes", 7), ("plan s", 8), ("apply s", 8), ("a write ms", 11))
    print(" ".join(f"{head:>{width}}" for head, width in (*heads, ("one by one s", 13), ("ratio", 6))))
    alone = 0.0
    for number, threads in ((few, 1), (few, THREADS), (tables, THREADS)):
        writes, seconds, planned = _timed(number, columns, latency, threads)
        alone = seconds / writes if threads == 1 else alone
        whole = alone * writes
        told = "measured" if number == few else "computed"
        print(
            f"{number:>7} {threads:>13} {writes:>7} {planned:>8.1f} {seconds:>8.1f} {seconds / writes * 1000:>11.1f}"
            f" {whole:>13.1f} {whole / seconds:>6.1f}   ({told})",
            flush=True,
        )
    print(f"peak memory of plan, apply and workspace: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


def main() -> None:
    """Print one table for each size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--columns", type=int, default=20)
    parser.add_argument("--latency", type=float, default=0.0, help="milliseconds")
    parser.add_argument("--tables", type=int, default=500)
    options = parser.parse_args()
    columns = options.columns
    if options.latency:
        _latency(columns, options.latency / 1000, options.tables)
        return
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
