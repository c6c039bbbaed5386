"""The lists that steps append to the history: undecided columns, exemptions and waivers, who sees what, proposed plans."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from lampkeeper.app.access import access_of
from lampkeeper.app.inputs import EnvInputs
from lampkeeper.deploy.history import Item
from lampkeeper.deploy.plan import Plan
from lampkeeper.files.settings import Settings
from lampkeeper.model.effective import compute_matrix, standard_principals
from lampkeeper.model.labels import Label, Protect

UNDECIDED, EXCEPTION, ACCESS, PLAN = "undecided", "exception", "access", "plan"
"""Kinds of lists."""


def undecided_items(labels: Iterable[Label]) -> tuple[Item, ...]:
    """Return the columns that wait for a steward, with their evidence."""
    return tuple(
        Item(subject=str(x.column), detail="; ".join(x.evidence), state="masked until decided")
        for x in labels
        if x.protect is Protect.UNDECIDED
    )


def exception_items(settings: Settings) -> tuple[Item, ...]:
    """Return exemptions and waivers, the next to end first."""
    found = [
        Item(subject=e.principal, detail=f"{e.reason} (owner: {e.owner})", state="exemption", last_day=e.expires.isoformat())
        for e in settings.exemptions
    ]
    found += [
        Item(subject=w.at, detail=f"{w.finding}: {w.reason} (owner: {w.owner})", state="waiver", last_day=w.expires.isoformat())
        for w in settings.waivers
    ]
    return tuple(sorted(found, key=lambda i: i.last_day))


def access_items(inputs: EnvInputs) -> tuple[Item, ...]:
    """Return one row per principal and table: how many columns it sees raw, masked or not at all."""
    access = access_of(inputs)
    matrix = compute_matrix(access, standard_principals(access))
    counts: dict[tuple[str, str], Counter[str]] = {}
    for (principal, column), cell in matrix.cells.items():
        counts.setdefault((principal, str(column.table)), Counter())[str(cell.state)] += 1
    return tuple(
        Item(subject=who, detail=table, state=", ".join(f"{n} {state}" for state, n in sorted(found.items())))
        for (who, table), found in sorted(counts.items())
    )


def plan_items(plan: Plan, hash_: str, proposer: str) -> tuple[Item, ...]:
    """Return a proposed plan with its effects."""
    counts = f"widens {len(plan.widening)}, first access {len(plan.first_access)}, narrows {len(plan.narrowing)}"
    return (Item(subject=hash_, detail=f"{plan.writes} writes; {counts}", state=proposer),) if plan.writes else ()
