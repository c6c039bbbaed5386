"""A plan for people: layer by layer, and what it means to the data."""

from __future__ import annotations

from lampkeeper.cli.console import Console
from lampkeeper.deploy.change import Action
from lampkeeper.deploy.plan import Plan
from lampkeeper.model.findings import Severity

_STYLES = {
    Action.CREATE: "green",
    Action.UPDATE: "yellow",
    Action.DELETE: "red",
    Action.ADOPT: "cyan",
    Action.FORGET: "dim",
}


def print_plan(console: Console, plan: Plan) -> None:
    """Print a plan layer by layer; what it means to the data stands below."""
    signs = {Action.CREATE: "+", Action.UPDATE: "~", Action.DELETE: "-", Action.ADOPT: "=", Action.FORGET: "."}
    for layer in plan.layers:
        counts = ", ".join(f"{n} to {a}" for a, n in plan.counts(layer).items()) or "no change"
        console.line(f"layer {layer}: {counts}", "bold")
        for change in plan.of_layer(layer):
            console.line(f"  {signs[change.action]} {change.kind} {change.key}{change.why}", _STYLES[change.action])
    for title, found, style in (
        ("opens (governed here for the first time)", plan.opening, ""),
        ("gives back (as it was last left)", plan.restoring, ""),
        ("tightens", plan.tightening, "green"),
        ("LOOSENS", plan.loosening, "bold red"),
    ):
        if found:
            console.line(f"{title}: {len(found)} cells", style)
            for each in found if plan.loosening is found else found[:5]:
                console.line(f"  {each}", style)
            if len(found) > 5 and plan.loosening is not found:
                console.line(f"  and {len(found) - 5} more (see --json)", style)
    for exposure in plan.exposures:
        console.line(f"exposes for a moment: {exposure}", "bold red")
    for name in plan.undeployed:
        console.line(f"not as deployed: {name}", "bold red")
    if plan.already_there:
        console.line(f"already there, not ours: {len(plan.already_there)}")
    if plan.owners.stale and not plan.changes:
        console.line("the entry of this environment among the owners of shared objects is brought up to date")
    if plan.blocked:
        errors = sum(f.severity is Severity.ERROR for f in plan.findings)
        console.line(f"plan: REFUSED: {errors} error{'s' if errors != 1 else ''}, nothing can be applied", "bold red")
    else:
        console.line(f"plan: {plan.writes} writes" if not plan.empty else "plan: nothing to do")
