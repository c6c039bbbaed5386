"""The rule about a pilot, in which policies bind one group and nobody else is protected yet."""

from __future__ import annotations

from collections.abc import Iterable

from lampkeeper.design.rules.rule_context import RuleContext, Violation
from lampkeeper.design.synthesis.pilot import binds_pilot
from lampkeeper.model.access import CellState
from lampkeeper.model.policies import Policy, PolicyKind
from lampkeeper.model.unreviewed import is_fallback

_READS = frozenset({"SELECT", "ALL_PRIVILEGES"})


def pilot_only(context: RuleContext) -> Iterable[Violation]:
    """The policies bind the group of a pilot, so everybody else who may read the tables sees raw values.

    Example: `pilot = { group = "testers" }`, and `analysts` may read the tables too.
    """
    group = context.pilot
    if not group:
        return
    bound = [p for p in context.desired.policies if binds_pilot(p, group)]
    if not bound:
        if context.desired.policies:
            yield Violation(
                location="pilot", message=f"is set to {group!r}, and no policy binds that group alone",
                fix=f"lampkeeper pilot {group}, or generate again",
            )  # fmt: skip
        return
    for catalog in sorted({p.securable[0] for p in bound}):
        yield Violation(
            location=f"pilot of {catalog}", message=_meaning(context, catalog, [p for p in bound if p.securable[0] == catalog]),
            fix="lampkeeper pilot --widen, or remove pilot from env.auto.tfvars and generate; then plan and apply",
        )  # fmt: skip


def _meaning(context: RuleContext, catalog: str, bound: list[Policy]) -> str:
    inside = next((i for i, p in enumerate(context.principals) if p.groups == (context.pilot,)), None)
    raw = 0
    if inside is not None:
        for table, answers in context.answers:
            if table.catalog.casefold() == catalog.casefold():
                outsider, member = answers[0][1].cells, answers[inside][1].cells
                raw += sum(outsider[c].state is CellState.RAW and member[c].state is not CellState.RAW for c in outsider)
    # Nobody is exempt from hiding what is unreviewed; a clearance is about the other policies.
    cleared = set.intersection(*(set(p.except_principals) for p in [p for p in bound if not is_fallback(p)] or bound))
    granted = {g.principal for g in context.desired.grants if _READS & set(g.privileges) and g.securable[:1] == (catalog,)}
    readers = sorted(granted - cleared - {context.pilot})
    among = f", among them {', '.join(readers)}," if readers else ""
    rows = " and every row" if any(p.kind is PolicyKind.ROW_FILTER for p in bound) else ""
    return (
        f"{len(bound)} policies bind only members of {context.pilot!r}: everybody else with SELECT{among} is unprotected and sees"
        f" {raw} columns raw that members see masked{rows}"
    )
