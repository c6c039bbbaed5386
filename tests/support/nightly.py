"""Runs a fixed sample of a long table of cases in every run, and all of them in the nightly one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest


def sampled(cases: Iterable[Any], *, name: Callable[[Any], str] = str, every: int = 10) -> list[Any]:
    """Return one pytest parameter per case: each `every`-th case runs in `make test`, all of them in `make test-nightly`."""
    kept = (pytest.mark.sampled,)
    nightly = (pytest.mark.sampled, pytest.mark.nightly)
    return [pytest.param(case, id=name(case), marks=kept if index % every == 0 else nightly) for index, case in enumerate(cases)]
