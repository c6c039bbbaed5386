"""Commands that read or change a workspace: plan, apply, destroy, verify."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from lampkeeper.app.bundle_inputs import require_same_files, undeployed
from lampkeeper.app.conform import never_observed
from lampkeeper.app.hash_keys import key_for
from lampkeeper.app.history_items import ACCESS, access_items
from lampkeeper.app.inputs import EnvInputs
from lampkeeper.app.layer_choice import has_spaces_alone, layers_for
from lampkeeper.app.piloting import pilot_findings
from lampkeeper.app.planning import make_env_plan, require_state, still_allowed
from lampkeeper.app.spaces_alone import verify_spaces
from lampkeeper.app.unreviewed import closing
from lampkeeper.app.verifying import verify_env, verify_options
from lampkeeper.cli.app import StepCommand, common
from lampkeeper.cli.applying import applied_dict, apply_progress, print_applied, waiting
from lampkeeper.cli.console import require_yes
from lampkeeper.cli.context import CommandContext
from lampkeeper.cli.engines import engine_of, engine_option
from lampkeeper.cli.outcome import Outcome
from lampkeeper.cli.places import history_of, is_local, key_finder, tokens_of, workspace_of
from lampkeeper.cli.plan_summary import full_option, print_plan
from lampkeeper.cli.proposals import approvals_option, deployed_option, named_plan, proposed, refusal_of
from lampkeeper.cli.several import each_workspace
from lampkeeper.cli.state_storage import state_of
from lampkeeper.cli.verification_table import print_verification
from lampkeeper.deploy.approvals import plan_hash as hash_of
from lampkeeper.deploy.direct import apply_plan
from lampkeeper.deploy.history import Writes
from lampkeeper.deploy.plan import Plan
from lampkeeper.deploy.preflight import unmet
from lampkeeper.files.generations import record_generation
from lampkeeper.files.text import write_text
from lampkeeper.model.errors import RemoteError, UsageError
from lampkeeper.model.findings import sort_findings
from lampkeeper.model.layers import LAYERS, Layer
from lampkeeper.remote.task import whoami


def layers_option(default: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return the option that chooses layers; `default` describes the layers without it."""
    help_text = f"Only this layer (repeatable; default: {default})."
    return click.option("--layer", "layers", multiple=True, type=click.Choice([str(la) for la in LAYERS]), help=help_text)


_widen = click.option("--allow-widening", is_flag=True, help="Allow changes that widen anyone's access.")
_propagation_wait = click.option(
    "--propagation-wait",
    type=click.FloatRange(min=0),
    default=None,
    metavar="SECONDS",
    help="How long to wait for tags and memberships to take effect (default: 30; local workspace: 0).",
)
_adopt = click.option("--adopt", is_flag=True, help="Adopt the existing objects that the files name and nobody owns.")


_hide = click.option(
    "--allow-hiding",
    "hiding",
    multiple=True,
    metavar="TABLE",
    help="Allow hiding the rows of this unreviewed table from principals who can read them now (repeatable).",
)


def chosen_layers(inputs: EnvInputs, names: tuple[str, ...]) -> tuple[Layer, ...]:
    """Return the named layers in order, all that the environment has if none is named; raise UsageError for another one.

    A further workspace of an environment has the workspace layer alone, also if others are named for the environment.
    """
    if inputs.own_layers == (Layer.WORKSPACE,):
        return inputs.own_layers
    foreign = sorted(set(names) - {str(la) for la in inputs.own_layers})
    if foreign:
        raise UsageError(f"--env {inputs.env} has no layer {foreign[0]}", fix="leave --layer out, or name an environment")
    return tuple(la for la in inputs.own_layers if not names or str(la) in names)


@click.command("plan")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Save the plan to this file.")
@click.option("--propose", is_flag=True, help="Keep the plan under its hash, for `approve` and `apply --plan-hash`.")
@approvals_option
@deployed_option
@layers_option("all three")
@_adopt
@_hide
@engine_option
@full_option
@common(workspace=True, writes=True)
def plan_command(
    context: CommandContext,
    out: Path | None,
    propose: bool,
    approvals: Path | None,
    bundle_inputs: Path | None,
    layers: tuple[str, ...],
    adopt: bool,
    hiding: tuple[str, ...],
    full: bool,
) -> Outcome:
    """Show what apply would change, and who would see more or less. Writes nothing to the workspace.

    With --propose, the plan is kept for approval. A plan that widens access and is not approved yet exits with 3.
    """
    inputs = context.inputs(account=True)

    def here(at: CommandContext, mine: EnvInputs) -> Outcome:
        return _plan_here(at, mine, out, approvals, bundle_inputs, layers, hiding, propose=propose, adopt=adopt, full=full)

    with state_of(context, inputs, writes=False) as at:
        return each_workspace(at, inputs, chosen_layers(inputs, layers), here, saved=propose or out is not None)


def _plan_here(
    context: CommandContext, inputs: EnvInputs, out: Path | None, approvals: Path | None, bundle_inputs: Path | None,
    layers: tuple[str, ...], hiding: tuple[str, ...], *, propose: bool, adopt: bool, full: bool,
) -> Outcome:  # fmt: skip
    workspace = workspace_of(context, inputs)
    find_key = key_finder(context, inputs, workspace)
    chosen = engine_of(context, inputs, workspace)
    with context.console.progress("planning"):
        plan, _ = make_env_plan(
            inputs, workspace, adopt=adopt, layers=chosen_layers(inputs, layers), find_key=find_key, allow_hiding=hiding,
            engine=chosen,
        )  # fmt: skip
    if bundle_inputs is not None:
        plan = replace(plan, undeployed=undeployed(inputs.folder.path, bundle_inputs / context.env))
    lacking = () if plan.blocked else unmet(plan, workspace)
    print_plan(context.console, plan, full=full)
    key_for(plan, find_key, inputs.folder)
    if out is not None:
        write_text(out, plan.to_json())
        context.console.note(f"saved {out}")
    if not propose:
        document = plan.as_dict() | {"requirements": [f.as_dict() for f in lacking]}
        return Outcome(document=document, findings=(*plan.findings, *lacking), verdict=refusal_of(plan))
    context.console.findings(lacking)
    return proposed(context, inputs, plan, workspace, approvals)


def _kept_plan(
    context: CommandContext, inputs: EnvInputs, saved: Path | None, plan_hash: str, *, approved: bool, approvals: Path | None
) -> tuple[Plan, str]:
    """Return the plan of a file, or the one proposed under a hash, with its approver (empty for a file)."""
    if saved is not None:
        return Plan.load(saved), ""
    return named_plan(context, inputs, plan_hash, approved=approved, approvals=approvals)


@click.command("apply")
@click.option("--plan", "saved", type=click.Path(path_type=Path, dir_okay=False), help="Apply this saved plan.")
@click.option("--plan-hash", default="", metavar="HASH", help="Apply the plan proposed under this hash.")
@click.option("--approved", is_flag=True, help="With --plan-hash: require an approval by a principal other than the proposer.")
@approvals_option
@deployed_option
@_widen
@_adopt
@_hide
@layers_option("all three")
@_propagation_wait
@engine_option
@common(workspace=True, writes=True)
def apply_command(
    context: CommandContext,
    saved: Path | None,
    plan_hash: str,
    approved: bool,
    approvals: Path | None,
    bundle_inputs: Path | None,
    allow_widening: bool,
    adopt: bool,
    hiding: tuple[str, ...],
    layers: tuple[str, ...],
    propagation_wait: float | None,
) -> Outcome:
    """Apply the plan. An interrupted apply resumes.

    A plan given by --plan-hash widens access only with an approval by another principal, never by a flag.
    """
    inputs = context.inputs(account=True)
    _require_one_way(saved, plan_hash, approved=approved, allow_widening=allow_widening, chosen=adopt or bool(layers or hiding))

    def here(at: CommandContext, mine: EnvInputs) -> Outcome:
        return _apply_here(
            at, mine, saved, plan_hash, approvals, bundle_inputs, hiding, layers, propagation_wait,
            approved=approved, allow_widening=allow_widening, adopt=adopt,
        )  # fmt: skip

    named = bool(plan_hash) or saved is not None
    with state_of(context, inputs, writes=True) as at:
        return each_workspace(at, inputs, chosen_layers(inputs, layers), here, saved=named)


def _apply_here(
    context: CommandContext, inputs: EnvInputs, saved: Path | None, plan_hash: str, approvals: Path | None,
    bundle_inputs: Path | None, hiding: tuple[str, ...], layers: tuple[str, ...], propagation_wait: float | None,
    *, approved: bool, allow_widening: bool, adopt: bool,
) -> Outcome:  # fmt: skip
    workspace = workspace_of(context, inputs)
    find_key = key_finder(context, inputs, workspace)
    if plan_hash or saved is not None:
        plan, approver = _kept_plan(context, inputs, saved, plan_hash, approved=approved, approvals=approvals)
        plan, states = still_allowed(plan, inputs), inputs.states
        chosen = engine_of(context, inputs, workspace, plan)
    else:
        approver = ""
        chosen = engine_of(context, inputs, workspace, seconds=propagation_wait)
        with context.console.progress("planning"):
            plan, states = make_env_plan(
                inputs, workspace, adopt=adopt, layers=chosen_layers(inputs, layers), find_key=find_key, allow_hiding=hiding,
                engine=chosen,
            )  # fmt: skip
    if plan.blocked:
        print_plan(context.console, plan)
        return Outcome(document={"applied": False, "plan": plan.as_dict()}, findings=plan.findings, verdict=refusal_of(plan))
    context.mirror(states)
    history = history_of(context, workspace)
    deployed = bundle_inputs / context.env if bundle_inputs else None
    with ExitStack() as stack:
        writes = Writes()
        if history is not None:
            reported = history.applying(plan, plan_hash=plan_hash or hash_of(plan), actor=whoami(workspace), approver=approver)
            writes = stack.enter_context(reported)
        if plan_hash:
            require_same_files(inputs.folder, dict(plan.files), plan.undeployed, deployed)
        report = apply_plan(
            plan,
            workspace,
            states,
            progress=apply_progress(stack.enter_context(context.console.progress("applying")), writes),
            allow_widening=bool(approver) if plan_hash else allow_widening,
            wait=waiting(workspace, propagation_wait),
            saved=bool(plan_hash) or saved is not None,
            hash_key=key_for(plan, find_key, inputs.folder),
            terraform=chosen.writer(plan, states),
        )
        writes.count = report.writes
    print_applied(context.console, report)
    record_generation(inputs.folder, plan.desired, plan.layers, datetime.now(UTC), pilot=inputs.settings.pilot)
    closed = history is not None and closing(inputs.layers.desired, (history.catalog, history.schema)) is not None
    findings = (*plan.findings, *history.review()) if history is not None and closed else plan.findings
    document = {"applied": True, "approver": approver, **applied_dict(report)}
    return Outcome(document=document, findings=findings, facts={"writes": report.writes})


def _require_one_way(saved: Path | None, plan_hash: str, *, approved: bool, allow_widening: bool, chosen: bool) -> None:
    if saved is not None and plan_hash:
        raise UsageError("--plan and --plan-hash exclude each other", fix="give one of them")
    if (saved is not None or plan_hash) and chosen:
        raise UsageError("--plan excludes --adopt, --allow-hiding and --layer", fix="leave them out, or plan again with them")
    if plan_hash and allow_widening:
        raise UsageError("a plan given by --plan-hash widens access only with an approval", fix="lampkeeper approve HASH")
    if approved and not plan_hash:
        raise UsageError("--approved needs --plan-hash", fix="give --plan-hash")


@click.command("destroy")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--sole-workspace", is_flag=True, help="Confirm that no other workspace uses the account layer.")
@_widen
@layers_option("data_access and workspace")
@_propagation_wait
@engine_option
@full_option
@common(workspace=True, writes=True)
def destroy_command(
    context: CommandContext,
    yes: bool,
    sole_workspace: bool,
    allow_widening: bool,
    layers: tuple[str, ...],
    propagation_wait: float | None,
    full: bool,
) -> Outcome:
    """Remove what lampkeeper created in the chosen layers; the account layer only if --layer names it.

    Objects that another environment of the workspace also owns stay until their last owner removes them. Environments of other
    workspaces cannot be seen: if the account has other workspaces, the account layer needs --sole-workspace.
    """
    inputs = context.inputs(account=True)
    chosen = _destroyed_layers(inputs, layers)
    if sole_workspace and Layer.ACCOUNT not in chosen:
        raise UsageError("--sole-workspace needs --layer account", fix="add --layer account, or leave it out")

    def here(at: CommandContext, mine: EnvInputs) -> Outcome:
        return _destroy_here(
            at, mine, layers, propagation_wait, yes=yes, sole_workspace=sole_workspace, allow_widening=allow_widening, full=full
        )

    with state_of(context, inputs, writes=True) as at:
        return each_workspace(at, inputs, chosen, here, reverse=True)


def _destroyed_layers(inputs: EnvInputs, names: tuple[str, ...]) -> tuple[Layer, ...]:
    """Return the layers to destroy. Other environments use the account layer too, so it must be named."""
    if names or inputs.own_layers != LAYERS:
        return layers_for(inputs, chosen_layers(inputs, names))
    return layers_for(inputs, tuple(la for la in LAYERS if la is not Layer.ACCOUNT))


def _destroy_here(
    context: CommandContext, inputs: EnvInputs, layers: tuple[str, ...], propagation_wait: float | None,
    *, yes: bool, sole_workspace: bool, allow_widening: bool, full: bool,
) -> Outcome:  # fmt: skip
    workspace = workspace_of(context, inputs, any_warehouse=True)
    states, chosen = inputs.states, _destroyed_layers(inputs, layers)
    maker = engine_of(context, inputs, workspace, seconds=propagation_wait)
    with context.console.progress("planning"):
        require_state(inputs, workspace, chosen, maker)
        sole = sole_workspace or (is_local(workspace) and not workspace.has_account)
        plan = maker.plan_destroy(workspace, states, layers=chosen, sole_workspace=sole)
    print_plan(context.console, plan, full=full)
    if plan.empty or plan.blocked:
        return Outcome(document={"applied": False, "plan": plan.as_dict()}, findings=plan.findings)
    if not yes:
        if context.console.as_json:
            raise UsageError("destroy asks for confirmation, which --json cannot", fix="give --yes with --json")
        require_yes(f"destroy {plan.writes} objects of {inputs.env}?", "give --yes, or YES=1 to make")
    context.mirror(states)
    with context.console.progress("destroying") as step:
        report = apply_plan(
            plan,
            workspace,
            states,
            progress=apply_progress(step),
            allow_widening=allow_widening,
            wait=waiting(workspace, propagation_wait),
            saved=False,
            terraform=maker.writer(plan, states),
        )
    context.console.line(f"destroy: {report.writes} writes")
    return Outcome(document={"applied": True, **applied_dict(report)}, findings=plan.findings)


@click.command("verify", cls=StepCommand)
@click.option(
    "--create-test-principals",
    type=click.Choice(["local", "yes", "no"]),
    is_flag=False,
    flag_value="yes",
    default="local",
    show_default=True,
    help="Create test principals for the run and remove them afterwards; local: only on a local workspace.",
)
@click.option(
    "--all",
    "everything",
    is_flag=True,
    help="Print every table. By default, tables without mismatches are left out if there are more than 12.",
)
@common(workspace=True)
def verify_command(context: CommandContext, create_test_principals: str, everything: bool) -> Outcome:
    """Run real queries as each principal and compare the results with the access that the files define."""
    inputs = context.inputs()
    with state_of(context, inputs, writes=False):
        return _verify_here(context, inputs, create_test_principals, everything=everything)


def _verify_here(context: CommandContext, inputs: EnvInputs, create_test_principals: str, *, everything: bool) -> Outcome:
    workspace = workspace_of(context, inputs)
    local = is_local(workspace)
    settings = inputs.settings
    options = verify_options(
        settings,
        tokens_of(context, workspace, [i.token_env for i in settings.identities]),
        create_test_principals=create_test_principals == "yes" or (local and create_test_principals == "local"),
        local=local,
    )
    basis = never_observed(context.root) if local else ""
    try:
        with context.console.progress("verifying") as step:
            if has_spaces_alone(inputs):
                report = verify_spaces(inputs, workspace, step)
            else:
                report = verify_env(inputs, workspace, options, step, find_key=key_finder(context, inputs, workspace))
        history = history_of(context, workspace)
        if history is not None:
            history.verified(report, actor=whoami(workspace))
            if not has_spaces_alone(inputs):
                history.listed(ACCESS, access_items(inputs))
    except RemoteError:
        context.console.line("verify: FAILED: stopped by an error of the platform (see below)", "bold red")
        raise
    print_verification(context.console, report, everything=everything, basis=basis)
    facts = {"cells": len(report.cells), "mismatches": report.mismatches, "basis": basis, "verified": report.verdict}
    document = report.as_dict() | ({"rests_on": basis} if basis else {})
    findings = sort_findings([*report.findings, *pilot_findings(inputs)])
    return Outcome(document=document, findings=findings, facts=facts, failed=not report.ok, message=report.verdict)


COMMANDS = (plan_command, apply_command, destroy_command, verify_command)
