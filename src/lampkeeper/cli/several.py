"""Runs plan, apply or destroy in each workspace of an environment, one after another."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from lampkeeper.app.inputs import EnvInputs
from lampkeeper.app.workspaces import further_inputs, require_one_governance
from lampkeeper.cli.context import CommandContext
from lampkeeper.cli.outcome import Outcome
from lampkeeper.cli.places import workspace_of
from lampkeeper.model.errors import UsageError
from lampkeeper.model.layers import Layer

Work = Callable[[CommandContext, EnvInputs], Outcome]


def each_workspace(
    context: CommandContext,
    inputs: EnvInputs,
    layers: tuple[Layer, ...],
    work: Work,
    *,
    saved: bool = False,
    reverse: bool = False,
) -> Outcome:
    """Do the work in the environment's own workspace, then in its further ones, sorted by name; `reverse` for a destroy.

    `layers` are those that the work covers: the further workspaces have the workspace layer alone. The first failure ends it; a
    second run resumes. `saved` is true for plans that are saved or named, which cover one workspace.
    """
    further = further_inputs(inputs) if Layer.WORKSPACE in layers else ()
    if not further:
        return work(context, inputs)
    if saved:
        names = ", ".join(each.name for each in further)
        raise UsageError(
            f"a saved plan covers one workspace, and {inputs.env} has further ones ({names})",
            fix="plan and apply without a saved plan, or keep the further workspaces in an environment of their own",
        )
    at = {each.name: replace(context, profile="") for each in further}
    found = {inputs.env: workspace_of(context, inputs, any_warehouse=True)}
    for each in further:
        if not each.folder.auth_path.is_file():
            fix = f"write the sign-in of the workspace {each.name} there"
            raise UsageError(f"{each.folder.auth_path}: no such file", fix=fix)
        found[each.env] = workspace_of(at[each.name], each, any_warehouse=True)
    require_one_governance(found)
    steps: list[tuple[str, CommandContext, EnvInputs]] = [(inputs.env, context, inputs)]
    steps += [(each.env, at[each.name], each) for each in further]
    outcomes: dict[str, Outcome] = {}
    for name, place, mine in reversed(steps) if reverse else steps:
        context.console.line(f"workspace {name}: {found[name].host}", "bold")
        outcomes[name] = work(place, mine)
        if outcomes[name].code:
            break
    return _joined(outcomes)


def _joined(outcomes: Mapping[str, Outcome]) -> Outcome:
    """Return one outcome: a document by workspace, all findings, the exit code of the workspace that ended the run."""
    last = list(outcomes.values())[-1]
    findings = tuple(f for outcome in outcomes.values() for f in outcome.findings)
    document = {"workspaces": {name: outcome.document for name, outcome in outcomes.items()}}
    return Outcome(
        document=document, findings=findings, verdict=last.code or None, failed=last.failed, message=last.message,
        facts=last.facts,
    )  # fmt: skip
