"""What the laws of an apply are stated in: plans, what everybody sees, what must not show on the way, clean worlds."""

from __future__ import annotations

import tempfile
from pathlib import Path

from lampkeeper.deploy.direct import apply_plan
from lampkeeper.deploy.plan import Plan
from lampkeeper.deploy.planner import make_plan, plan_destroy
from lampkeeper.deploy.wait import PropagationWait
from lampkeeper.model.desired import Desired
from support.governed_configs import Config
from support.governed_places import Place, light_place

PROPAGATION_DELAY = {"tags": 30, "memberships": 30, "tag_policies": 20}
SETTLE = PropagationWait(seconds=40)


def plan_of(place: Place, desired: Desired) -> Plan:
    return make_plan(desired, place.workspace, place.states(), adopt=True)


def bring(place: Place, plan: Plan) -> None:
    apply_plan(plan, place.workspace, place.states(), allow_widening=True, wait=SETTLE, check_privileges=False)


def later(place: Place) -> None:
    """Let everything that lags take effect."""
    place.workspace.clock.sleep(120)


def seen(place: Place, config: Config) -> dict[str, str]:
    """Return what everybody sees of everything."""
    return {f"{who} {cell}": what for who in config.people for cell, what in place.sight(who, config.columns).items()}


def unprotected(now: dict[str, str], *ends: dict[str, str]) -> list[str]:
    """Return the cells that show what they show at no end: another value, or rows that were and will be filtered.

    Who sees the raw value at an end learns nothing from a mask on the way.
    """
    return [c for c, what in now.items() if not closed(what) and not any(_covered(what, e[c]) for e in ends)]


def closed(what: str) -> bool:
    """Say whether nothing of a column shows: no row, or NULL in every row."""
    return what in ("hidden", "failing", "no rows") or "CAST(NULL AS" in what.rsplit(": ", 1)[-1]


def _covered(what: str, end: str) -> bool:
    if what == end or end in ("hidden", "failing", "no rows"):
        return what == end
    (rows, value), (end_rows, end_value) = what.rsplit(": ", 1), end.rsplit(": ", 1)
    return end_value in (value, "raw") and end_rows in (rows, "all rows")


_WORLDS: dict[str, list[dict[str, object]]] = {}


def clean_worlds(config: Config) -> list[dict[str, object]]:
    """Return the world after each stage and after the destroy, when nothing goes wrong."""
    if config.name in _WORLDS:
        return _WORLDS[config.name]
    with tempfile.TemporaryDirectory(prefix="clean-") as folder, light_place(Path(folder)) as place:
        config.build(place)
        worlds = []
        for desired in config.stages:
            bring(place, plan_of(place, desired))
            worlds.append(place.world())
        bring(place, plan_destroy(place.workspace, place.states()))
        _WORLDS[config.name] = [*worlds, place.world()]
    return _WORLDS[config.name]
