"""Proposed plans: where they and their approvals are kept, what is said of one, and which need an approval."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from lampkeeper.cli.context import CommandContext
from lampkeeper.cli.outcome import Outcome
from lampkeeper.cli.steps import files_at, now
from lampkeeper.deploy.approvals import PlanBook, approvals_beside
from lampkeeper.deploy.plan import Plan
from lampkeeper.files.folder import EnvFolder
from lampkeeper.files.local_files import LocalFiles
from lampkeeper.model.errors import UnsafePlanError
from lampkeeper.remote.clients import Workspace
from lampkeeper.remote.task import whoami

approvals_option = click.option(
    "--approvals",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="Where approvals are kept (default: beside the environments; for those in a volume, the volume `approvals` of that"
    " schema). In production approvers alone write there.",
)


deployed_option = click.option(
    "--input", "bundle_inputs",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="What a bundle has deployed: the plan names the environment's files that differ from it, and then needs an approval.",
)  # fmt: skip


def plan_book(context: CommandContext, approvals: Path | None) -> PlanBook:
    """Return the environment's proposed plans with their approvals."""
    beside = context.files
    options: list[str] = []
    if isinstance(beside, LocalFiles):
        place = beside.folder.parent / "approvals"
    else:
        place = Path(approvals_beside(beside.path))
        options += ["--envs", beside.path]
    if approvals is not None and approvals != place:
        options += ["--approvals", str(approvals)]
    folder = EnvFolder(context.root, context.env)
    approvers = folder.settings().approvers if folder.settings_path.is_file() else ()
    return PlanBook(
        plans=beside,
        approvals=files_at(context, approvals or place),
        env=context.env,
        options=shlex.join(options),
        approvers=approvers,
    )


def refusal_of(plan: Plan) -> int | None:
    """Return the exit code of a plan that is refused whatever is allowed; None leaves it to the findings."""
    return UnsafePlanError.exit_code if plan.refused else None


def proposed(context: CommandContext, plan: Plan, workspace: Workspace, approvals: Path | None) -> Outcome:
    """Keep a plan under its hash and say whether it may be applied as it is."""
    book = plan_book(context, approvals)
    found = book.propose(plan, whoami(workspace), now())
    context.console.line(f"plan hash: {found}", "bold")
    facts = {
        "plan_hash": found, "writes": plan.writes, "widens": len(plan.widening), "opens": len(plan.first_access),
        "narrows": len(plan.narrowing), "undeployed": len(plan.undeployed),
    }  # fmt: skip
    held = plan.widening or plan.exposures
    verdict, message = None, ""
    if not plan.blocked:
        approval = book.approval(found)
        if held and approval is None:
            verdict = UnsafePlanError.exit_code
            why = plan.widening[0] if plan.widening else plan.exposures[0]
            proposer = book.proposal(found).by
            message = f"the plan widens access {len(plan.widening)} cells, first {why}"
            how = f"if it is meant, another principal than {proposer} runs: {book.how_to_approve(found)}"
            context.console.note(f"unsafe: {message}\n  fix: {how}", "bold red")
        elif approval is not None:
            context.console.line(f"approved by {approval.by} at {approval.at}")
    return Outcome(
        document=plan.as_dict() | {"plan_hash": found}, findings=plan.findings, facts=facts,
        verdict=refusal_of(plan) or (1 if plan.blocked else verdict), message=message,
    )  # fmt: skip


def named_plan(context: CommandContext, wanted: str, *, approved: bool, approvals: Path | None) -> tuple[Plan, str]:
    """Return the plan of a hash, and by whom it was approved: "" where it needs nobody."""
    book = plan_book(context, approvals)
    plan = book.load(wanted)
    needed = approved or plan.widening or plan.exposures or plan.undeployed
    return plan, book.require_approval(wanted).by if needed else ""
