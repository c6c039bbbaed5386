"""audit and report: schema drift, and the report of an environment as one page."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from lampkeeper.app.access import access_of
from lampkeeper.app.auditing import Audit, audit
from lampkeeper.app.choices import Choices
from lampkeeper.app.conform import never_observed
from lampkeeper.app.inputs import EnvInputs
from lampkeeper.app.layer_choice import has_spaces_alone
from lampkeeper.app.planning import make_env_plan
from lampkeeper.app.spaces_alone import audit_spaces, verify_spaces
from lampkeeper.app.verifying import verify_env, verify_options
from lampkeeper.cli.app import common, listed, overlays_options
from lampkeeper.cli.console import Console
from lampkeeper.cli.context import CommandContext
from lampkeeper.cli.model_options import manifest_option
from lampkeeper.cli.outcome import Outcome
from lampkeeper.cli.places import history_of, is_local, key_finder, tokens_of, workspace_of
from lampkeeper.cli.report_page import Page, render_page
from lampkeeper.cli.state_storage import fetch_state
from lampkeeper.deploy.run_log import RunLog, StepRecord, verdict_of
from lampkeeper.design.drift.drift import DriftKind
from lampkeeper.files.text import write_text
from lampkeeper.model.effective import compute_matrix, standard_principals
from lampkeeper.model.errors import UsageError
from lampkeeper.model.labels import count_labels, counted_words
from lampkeeper.remote.clients import Workspace
from lampkeeper.text.counting import counted


@click.command("audit")
@click.option(
    "--not-applied",
    type=click.Choice(["warn", "fail"]),
    default="warn",
    show_default=True,
    help="fail: exit with 1 also if protection that is in the files is not applied yet.",
)
@manifest_option
@overlays_options
@common(workspace=True)
def audit_command(context: CommandContext, not_applied: str, dbt_manifest: Path | None, country: str, industry: str) -> Outcome:
    """Find sensitive columns without protection, retyped columns, and tags on columns that no longer exist. Exit 1 on drift.

    The files are compared with the schema of now. Protection that is in the files and not yet applied is listed apart.
    """
    inputs = context.inputs()
    fetch_state(context, inputs)
    workspace = workspace_of(context, inputs)
    with context.console.progress("auditing"):
        choices = Choices(country=listed(country), industry=listed(industry))
        found = audit_env(inputs, workspace, choices, dbt_manifest)
    print_audit(context.console, found)
    reverse = sum(d.kind is DriftKind.REVERSE for d in found.drift)
    forward = len(found.drift) - reverse
    history = history_of(context, workspace)
    if history is not None:
        history.drifted(found.columns, forward, reverse, [d.entity for d in found.drift])
    waiting = len(found.not_applied)
    facts = {
        "forward": forward, "reverse": reverse, "not_applied": waiting, "drift": "true" if found.drift else "false",
        "entities": ", ".join([d.entity for d in found.drift][:_NAMED]),
    }  # fmt: skip
    failed = not_applied == "fail" and waiting > 0
    message = f"{waiting} changes that end a drift are in the files and not applied" if failed and not found.drift else ""
    return Outcome(document=audit_dict(found), findings=found.all_findings, facts=facts, failed=failed, message=message)


_NAMED = 20
"""How many names of drifted objects a task value holds."""


def audit_env(inputs: EnvInputs, workspace: Workspace, choices: Choices, manifest: Path | None = None) -> Audit:
    """Audit an environment, or the spaces of one that manages spaces alone."""
    if has_spaces_alone(inputs):
        return audit_spaces(inputs, workspace)
    return audit(inputs, workspace, choices, manifest=manifest)


def print_audit(console: Console, found: Audit) -> None:
    """Print the counts and the verdict of an audit; each drift is printed as a finding."""
    if found.spaces:
        spaces = counted(len(found.spaces), "Genie space")
        console.line(f"{spaces} over {found.tables} tables, {found.columns} columns: compared")
        console.line("tags, masks and grants are not audited here: another environment governs the tables (genie_only)")
        verdict = "clean" if found.clean else "errors"
        console.line(f"audit: {verdict}", "bold green" if found.clean else "bold red")
        return
    counts = {kind: sum(d.kind is kind for d in found.drift) for kind in DriftKind}
    retyped = f", {counts[DriftKind.RETYPED]} retyped columns" if counts[DriftKind.RETYPED] else ""
    console.line(
        f"{found.tables} tables, {found.columns} columns: {counts[DriftKind.FORWARD]} unprotected sensitive columns (forward"
        f" drift), {counts[DriftKind.REVERSE]} tags on missing columns (reverse drift){retyped}"
    )
    if found.not_applied:
        console.line(f"not applied yet: {len(found.not_applied)} (no drift: the files answer them; see below)", "yellow")
    if found.waived:
        console.line(f"waived: {len(found.waived)}")
    verdict = "drift" if found.drift else "clean" if found.clean else "no drift, and errors"
    console.line(f"audit: {verdict}", "bold green" if found.clean else "bold red")


def audit_dict(found: Audit) -> dict[str, object]:
    """Return the JSON form of an audit."""
    return {
        "clean": found.clean,
        "tables": found.tables,
        "columns": found.columns,
        "drift": [d.as_dict() for d in found.drift],
        "not_applied": [d.as_dict() for d in found.not_applied],
        "waived": [f.as_dict() for f in found.waived],
        "findings": [f.as_dict() for f in found.findings],
    }


@click.command("report")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="The file (default: envs/<env>/report.html).")
@click.option("--offline", is_flag=True, help="Leave out plan and drift, which need the workspace.")
@click.option("--verify", "proven", is_flag=True, help="Verify first, and show the result (probes: on the local workspace).")
@overlays_options
@common(workspace=True, writes=True)
def report_command(
    context: CommandContext, out: Path | None, offline: bool, proven: bool, country: str, industry: str
) -> Outcome:
    """Write the report of an environment as one HTML page: matrix and labels, plan and drift of the workspace."""
    if offline and proven:
        raise UsageError("--offline and --verify exclude each other", fix="leave one of them out")
    inputs = context.inputs()
    path = out or inputs.folder.path / "report.html"
    if not offline:
        fetch_state(context, inputs)
    page = page_of(inputs)
    if context.flags.run_id:
        steps = RunLog(context.files, context.env, context.flags.run_id).read(STEPS)
        page = replace(page, facts={**page.facts, **{f"step {s.step}": _step_line(s) for s in steps}})
    if not offline:
        with context.console.progress("reading the workspace"):
            workspace = workspace_of(context, inputs)
            find_key = key_finder(context, inputs, workspace)
            plan, _ = make_env_plan(inputs, workspace, find_key=find_key)
            found = audit_env(inputs, workspace, Choices(country=listed(country), industry=listed(industry)))
        page = replace(page, plan=plan, drift=found.all_findings)
        if proven:
            local = is_local(workspace)
            settings = inputs.settings
            tokens = tokens_of(context, workspace, [i.token_env for i in settings.identities])
            options = verify_options(settings, tokens, create_test_principals=local, local=local)
            with context.console.progress("verifying") as step:
                if has_spaces_alone(inputs):
                    verified = verify_spaces(inputs, workspace, step)
                else:
                    verified = verify_env(inputs, workspace, options, step, find_key=find_key)
            page = replace(page, verification=verified, basis=never_observed(context.root) if local else "")
    write_text(path, render_page(page))
    context.console.line(f"wrote {path}")
    return Outcome(document={"env": context.env, "file": str(path), "sections": "offline" if offline else "all"})


STEPS = ("snapshot", "generate", "generate-delta", "validate", "plan", "apply", "verify", "audit")
"""The steps of a job that the report of its run lists."""


def _step_line(step: StepRecord) -> str:
    reported = ", ".join(f"{key} {value}" for key, value in step.facts.items() if isinstance(value, str | int) and value != "")
    verdict = "did not end" if step.exit_code is None else str(verdict_of(step.exit_code))
    return "; ".join(part for part in (verdict, step.message, reported) if part)


def page_of(inputs: EnvInputs) -> Page:
    """Return the page of an environment's files: facts, matrix, labels."""
    access = access_of(inputs)
    labels = inputs.labels
    counts = count_labels(labels)
    return Page(
        title=f"Lampkeeper: {inputs.env}",
        facts={
            "environment": inputs.env,
            "tables": str(len(access.model.tables)),
            "columns": f"{counts.pop('columns')} = " + " + ".join(counted_words(counts)),
            "policies": str(len(access.model.policies)),
            "snapshot taken": inputs.require_snapshot().taken_at or "unknown",
        },
        matrix=compute_matrix(access, standard_principals(access)),
        labels=labels,
    )


COMMANDS = (audit_command, report_command)
