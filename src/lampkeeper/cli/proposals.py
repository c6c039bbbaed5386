"""Proposed plans: where they and their approvals are kept, how one is reported, and which need an approval."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lampkeeper.app.history_items import PLAN, plan_items
from lampkeeper.cli.context import CommandContext
from lampkeeper.cli.outcome import Outcome
from lampkeeper.cli.places import history_of
from lampkeeper.cli.steps import files_at, now
from lampkeeper.deploy.approvals import PlanBook, approvals_beside
from lampkeeper.deploy.plan import Plan
from lampkeeper.files.local_files import LocalFiles
from lampkeeper.model.errors import UnsafePlanError
from lampkeeper.remote.clients import Workspace
from lampkeeper.remote.task import whoami
from lampkeeper.text.counting import counted

if TYPE_CHECKING:
    from lampkeeper.app.inputs import EnvInputs

approvals_option = click.option(
    "--approvals",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="Folder of approvals (default: beside the environments; for environments in a volume, the volume `approvals` in the same"
    " schema). In production, only approvers should have write access.",
)


deployed_option = click.option(
    "--input", "bundle_inputs",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="The environment files deployed with the bundle. The plan lists those that differ in the workspace and then"
    " needs an approval.",
)  # fmt: skip


def plan_book(context: CommandContext, inputs: EnvInputs, approvals: Path | None) -> PlanBook:
    """Return the store of the environment's proposed plans and approvals."""
    beside = context.files
    options: list[str] = []
    if isinstance(beside, LocalFiles):
        folder = beside.folder.parent / "approvals"
    else:
        folder = Path(approvals_beside(beside.path))
        options += ["--envs", beside.path]
    if approvals is not None and approvals != folder:
        options += ["--approvals", str(approvals)]
    approvers = inputs.settings.approvers if inputs.folder.settings_path.is_file() else ()
    return PlanBook(
        plans=beside,
        approvals=files_at(context, approvals or folder),
        env=context.env,
        options=shlex.join(options),
        approvers=approvers,
    )


def refusal_of(plan: Plan) -> int | None:
    """Return the exit code of a plan that no option can allow; None if the findings decide."""
    return UnsafePlanError.exit_code if plan.refused else None


def proposed(context: CommandContext, inputs: EnvInputs, plan: Plan, workspace: Workspace, approvals: Path | None) -> Outcome:
    """Keep a plan under its hash and report whether it may be applied without an approval."""
    book = plan_book(context, inputs, approvals)
    found = book.propose(plan, whoami(workspace), now())
    history = history_of(context, workspace)
    if history is not None:
        history.listed(PLAN, plan_items(plan, found, book.proposal(found).by))
    context.console.line(f"plan hash: {found}", "bold")
    facts = {
        "plan_hash": found, "writes": plan.writes, "widens": len(plan.widening), "first_access": len(plan.first_access),
        "narrows": len(plan.narrowing), "undeployed": len(plan.undeployed),
    }  # fmt: skip
    held = plan.widening or plan.exposures
    verdict, message, how = None, "", ""
    if not plan.blocked:
        approval = book.approval(found)
        if held and approval is None:
            verdict = UnsafePlanError.exit_code
            proposer, message = book.proposal(found).by, widening_message(plan)
            how = f"if this is intended, a principal other than {proposer} runs: {book.how_to_approve(found)}"
            if not context.flags.task_value:
                context.console.note(f"unsafe: {message}\n  fix: {how}", "bold red")
        elif approval is not None:
            context.console.line(f"approved by {approval.by} at {approval.at}")
    return Outcome(
        document=plan.as_dict() | {"plan_hash": found}, findings=plan.findings, facts=facts,
        verdict=refusal_of(plan) or (1 if plan.blocked else verdict), message=message, fix=how,
    )  # fmt: skip


_NAMED = 5


def widening_message(plan: Plan) -> str:
    """Return how many cells a plan widens: the first of them whole, of the next ones the principal and the column."""
    first = str(plan.widening[0]) if plan.widening else plan.exposures[0]
    places = [f"{cell.principal}: {cell.place}" for cell in plan.widening[1:]]
    others = f"; also {', '.join(places[:_NAMED])}{', …' if len(places) > _NAMED else ''}" if places else ""
    return f"the plan widens access to {counted(len(plan.widening), 'cell')}, first {first}{others}"


def named_plan(
    context: CommandContext, inputs: EnvInputs, wanted: str, *, approved: bool, approvals: Path | None
) -> tuple[Plan, str]:
    """Return the plan of a hash, and who approved it: "" if it needs no approval."""
    book = plan_book(context, inputs, approvals)
    plan = book.load(wanted)
    needed = approved or plan.widening or plan.exposures or plan.undeployed
    return plan, book.require_approval(wanted).by if needed else ""
