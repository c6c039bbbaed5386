"""The conformance ledger: every rule by which enforcement decides who sees what, with its source and standing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from importlib.resources import files
from typing import Any, TypeVar

import yaml

Thing = TypeVar("Thing", bound=Callable[..., Any])

RULE_USES: dict[str, list[str]] = {}
"""Rule id to the functions that implement it, filled by `rule` when their modules are imported."""


class Standing(StrEnum):
    """How a rule is known."""

    OBSERVED = "observed"
    DOCUMENTED = "documented"
    ASSUMED = "assumed"


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerRow:
    """One rule: what holds, who says so and when, where the code is, which probe shows it."""

    id: str
    statement: str
    source: str
    date: str
    standing: Standing
    code: tuple[str, ...]
    probe: str


def rule(*ids: str) -> Callable[[Thing], Thing]:
    """Mark a function as the implementation of ledger rows."""

    def mark(function: Thing) -> Thing:
        for one in ids:
            RULE_USES.setdefault(one, []).append(f"{function.__module__}:{function.__qualname__}")
        return function

    return mark


def load_ledger() -> tuple[LedgerRow, ...]:
    """Return the rows of `conformance.yaml`, ordered by id; raises ValueError for a row that is not complete."""
    text = files("localspace").joinpath("conformance.yaml").read_text(encoding="utf-8")
    rows: list[LedgerRow] = []
    for raw in yaml.safe_load(text)["rules"]:
        missing = {"id", "statement", "source", "date", "standing", "code", "probe"} - set(raw)
        if missing:
            raise ValueError(f"conformance.yaml: row {raw.get('id')} lacks {', '.join(sorted(missing))}")
        code = raw["code"] if isinstance(raw["code"], list) else [raw["code"]]
        rows.append(
            LedgerRow(
                id=raw["id"],
                statement=raw["statement"],
                source=raw["source"],
                date=str(raw["date"]),
                standing=Standing(raw["standing"]),
                code=tuple(code),
                probe=raw["probe"],
            )
        )
    return tuple(sorted(rows, key=lambda row: row.id))
