"""Runs a fixed sample of a long table of cases, and of a law's examples, in every run, and all of them in the nightly one."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings

Case = TypeVar("Case")
NIGHTLY = os.environ.get("LAMPKEEPER_TESTS") == "nightly"
"""Whether `make test-nightly` runs: laws then try all their examples."""


def sampled(cases: Iterable[Any], *, name: Callable[[Any], str] = str, every: int = 10) -> list[Any]:
    """Return one pytest parameter per case: each `every`-th case runs in `make test`, all of them in `make test-nightly`."""
    kept = (pytest.mark.sampled,)
    nightly = (pytest.mark.sampled, pytest.mark.nightly)
    return [pytest.param(case, id=name(case), marks=kept if index % every == 0 else nightly) for index, case in enumerate(cases)]


def law(examples: int, *, every: int = 8) -> settings:
    """Try a law of hypothesis on `examples` examples nightly, on one `every`-th part of them (at least 8) in every run.

    There is no deadline per example: the machine is shared.
    """
    count = examples if NIGHTLY else max(8, examples // every)
    return settings(max_examples=count, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def part_of(cases: Iterable[Case], *, every: int) -> list[Case]:
    """Return all cases nightly, each `every`-th one in every run: for a table that one test goes through, marked `sampled`."""
    return list(cases)[:: 1 if NIGHTLY else every]


def use_profile() -> None:
    """Set how often a law without a number of its own is tried: 100 times nightly, 20 times in every run."""
    settings.register_profile("lampkeeper", max_examples=100 if NIGHTLY else 20, deadline=None)
    settings.load_profile("lampkeeper")
