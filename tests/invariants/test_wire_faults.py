"""Under throttling, lost responses, old reads and lagging counters an apply ends where a clean one does, and nothing shows.

Waits take no time: they move the workspace's clock on.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from lampkeeper.deploy.direct import apply_plan
from lampkeeper.deploy.planner import plan_destroy
from lampkeeper.model.desired import Desired
from lampkeeper.model.errors import RemoteError, UnsafePlanError
from lampkeeper.remote.catalog import read_snapshot
from lampkeeper.remote.failures import Timeouts
from lampkeeper.remote.quotas import read_policy_quotas
from support.closing_lines import Record, note_table
from support.faulty_wire import FaultyWire
from support.governed_configs import CONFIGS, Config
from support.governed_laws import PROPAGATION_DELAY, SETTLE, clean_worlds, later, plan_of, seen, unprotected
from support.governed_places import Place, light_place, place_at
from support.light_sql import light_runner
from support.localspace_server import running_localspace
from support.nightly import NIGHTLY
from support.virtual_time import VirtualTime

pytestmark = pytest.mark.server

Note = Callable[[str, str, int], None]
FAULTS: dict[str, Mapping[str, Any]] = {
    "429 storms": {"storm": 0.05},
    "503 before the effect": {"before": 0.2},
    "503 after the effect": {"after": 0.2},
    "old reads": {"stale": True},
    "all at once": {"storm": 0.02, "before": 0.08, "after": 0.08, "stale": True},
}
_ALWAYS = dict(zip(FAULTS, itertools.cycle(("one_table", "two_catalogs", "workspace_layer"))))
"""The configuration that meets each fault in every run; all of them meet all faults nightly."""
_NIGHTLY = (pytest.mark.nightly, pytest.mark.sampled)
_CASES = [
    pytest.param(config, fault, id=f"{config.name}-{fault}", marks=() if config.name == _ALWAYS[fault] else _NIGHTLY)
    for config in CONFIGS for fault in FAULTS
]  # fmt: skip
_MOST_RUNS = 25


@dataclass
class Troubled:
    """A place whose wire has faults, with everything that showed after each effect."""

    place: Place
    wire: FaultyWire
    moments: list[dict[str, str]]
    runs: int = 0

    def bring(self, desired: Desired | None) -> None:
        """Plan and apply as often as a person would until it is done, a minute after each failure; None destroys."""
        for _ in range(_MOST_RUNS):
            self.runs += 1
            try:
                place = self.place
                plan = plan_destroy(place.workspace, place.states()) if desired is None else plan_of(place, desired)
                apply_plan(plan, place.workspace, place.states(), allow_widening=True, wait=SETTLE, check_privileges=False)
            except (RemoteError, UnsafePlanError):
                self.place.workspace.clock.now()
                self.place.workspace.clock.sleep(61)
                continue
            return
        raise AssertionError("it never comes to an end")


def troubled_place(folder: Path, config: Config, faults: Mapping[str, Any]) -> Iterator[Troubled]:
    folder.mkdir(parents=True, exist_ok=True)
    with running_localspace(folder / "data", light_runner) as space:
        clock = VirtualTime(space.workspace.repositories.clock.tick)
        place = place_at(space, folder, clock)
        place.workspace.timeouts = Timeouts()
        config.build(place)
        space.control("PUT", "lag", PROPAGATION_DELAY)
        wire = FaultyWire(place.workspace.wire, clock, **faults)
        found = Troubled(place, wire, [])
        place.wire.watch = lambda *_: found.moments.append(seen(place, config))
        place.workspace.wire = wire
        yield found


@pytest.mark.parametrize(("config", "fault"), _CASES)
def test_it_converges_and_nothing_shows_on_the_way(
    config: Config, fault: str, tmp_path: Path, tried: Note, record_property: Record
) -> None:
    worlds = clean_worlds(config)
    counts: Counter[str] = Counter()
    runs = moments = 0
    for seed in range(10 if NIGHTLY else 1):
        for trouble in troubled_place(tmp_path / str(seed), config, {**FAULTS[fault], "seed": seed}):
            for desired, world in zip((*config.stages, None), worlds, strict=True):
                start = seen(trouble.place, config)
                trouble.moments.clear()
                trouble.bring(desired)
                assert trouble.place.world() == world
                trouble.place.workspace.clock.now()
                later(trouble.place)
                end = seen(trouble.place, config)
                for number, now in enumerate(trouble.moments):
                    assert unprotected(now, start, end) == [], f"after effect {number + 1}"
                moments += len(trouble.moments)
            assert all(not state.objects and not state.intents for state in trouble.place.states().layers.values())
            counts += trouble.wire.counts
            runs += trouble.runs
    assert any(counts[met] for met in ("429", "503 before", "503 after", "old reads"))
    tried(fault, config.name, moments)
    told = ", ".join(f"{n} {what}" for what, n in sorted(counts.items()))
    note_table(
        record_property, f"faults: {config.name}, {fault}: {runs} runs for {len(worlds)} applies; {told}; {moments} moments"
    )


def test_counters_of_quotas_that_lag_refuse_without_exposing_and_do_not_last(tmp_path: Path, record_property: Record) -> None:
    """99 policies of others fill the catalog; they go, and for a minute the counters still count them."""
    config = next(c for c in CONFIGS if c.name == "one_table")
    world = clean_worlds(config)[0]
    others = [f"other_{n:02}" for n in range(99)]
    with light_place(tmp_path) as place:
        config.build(place)
        place.sql("CREATE SCHEMA dev.other", "CREATE FUNCTION dev.other.f(v STRING) RETURNS STRING RETURN v")
        tag, policies = "/api/2.1/tag-policies", "/api/2.1/unity-catalog/policies"
        place.workspace.write("test", "POST", tag, {"tag_key": "of_others"})
        for name in others:
            place.workspace.write("test", "POST", policies, _policy(name))
        start = seen(place, config)
        moments: list[dict[str, str]] = []
        place.wire.watch = lambda *_: moments.append(seen(place, config))
        runs = refused = 0

        def bring() -> str:
            nonlocal runs, refused
            runs += 1
            try:
                apply_plan(
                    plan_of(place, config.stages[0]), place.workspace, place.states(), allow_widening=True, wait=SETTLE,
                    check_privileges=False,
                )  # fmt: skip
            except RemoteError as error:
                refused += 1
                return error.code
            return ""

        assert bring() == "QUOTA_EXCEEDED"
        place.wire.watch = None
        place.space.control("PUT", "lag", {"quotas": 60})
        for name in others:
            place.workspace.write("test", "DELETE", f"{policies}/CATALOG/dev/{name}")
        place.workspace.write("test", "DELETE", f"{tag}/of_others")
        place.sql("DROP FUNCTION dev.other.f", "DROP SCHEMA dev.other")
        counted = read_policy_quotas(place.workspace, ["dev"]).catalogs["dev"].count
        assert counted >= len(others)
        place.wire.watch = lambda *_: moments.append(seen(place, config))
        while (code := bring()) == "QUOTA_EXCEEDED" and runs < _MOST_RUNS:
            place.workspace.clock.sleep(30)
        assert code == ""
        assert refused >= 2
        assert place.world() == world
        place.wire.watch = None
        later(place)
        end = seen(place, config)
        assert [unprotected(now, start, end) for now in moments if unprotected(now, start, end)] == []
        assert plan_of(place, config.stages[0]).empty
    note_table(record_property, f"faults: lagging quota counters: {runs} runs, {refused} refused; {len(moments)} moments")


def _policy(name: str) -> dict[str, Any]:
    return {
        "name": name,
        "on_securable_type": "CATALOG",
        "on_securable_fullname": "dev",
        "policy_type": "POLICY_TYPE_COLUMN_MASK",
        "for_securable_type": "TABLE",
        "to_principals": ["account users"],
        "match_columns": [{"alias": "c", "condition": "has_tag('of_others')"}],
        "column_mask": {"function_name": "dev.other.f", "on_column": "c"},
    }


def test_reads_that_are_a_minute_old_do_not_make_an_environment_forget_what_it_made(tmp_path: Path) -> None:
    """A destroy right after an apply: without the wait at the end of the apply it would find nothing to remove."""
    config = next(c for c in CONFIGS if c.name == "one_table")
    world = clean_worlds(config)[-1]
    for trouble in troubled_place(tmp_path, config, {"stale": True}):
        trouble.bring(config.stages[0])
        read_snapshot(trouble.place.workspace, ["dev.*"])
        trouble.bring(None)
        assert trouble.place.world() == world
        assert trouble.wire.counts["old reads"] > 0
