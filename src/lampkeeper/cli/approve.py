"""approve, outcome, make-history: approval of a plan, result of a run, tables that keep both."""

from __future__ import annotations

import json
import os
from pathlib import Path

import click

from lampkeeper.app.inputs import EnvInputs
from lampkeeper.cli.app import common, listed
from lampkeeper.cli.console import cell, new_table, require_yes
from lampkeeper.cli.context import CommandContext
from lampkeeper.cli.outcome import Outcome
from lampkeeper.cli.places import timeouts_of
from lampkeeper.cli.plan_summary import full_option, print_plan
from lampkeeper.cli.program import GROUPS
from lampkeeper.cli.proposals import approvals_option, plan_book
from lampkeeper.cli.steps import now
from lampkeeper.deploy.history import History
from lampkeeper.deploy.history_tables import TABLES
from lampkeeper.deploy.run_log import RunLog, judge, verdict_of
from lampkeeper.deploy.sentences import headed
from lampkeeper.files.folder import EnvFolder
from lampkeeper.model.auth import Auth
from lampkeeper.model.errors import UsageError
from lampkeeper.model.known_names import require_known
from lampkeeper.remote.clients import connect
from lampkeeper.remote.task import whoami
from lampkeeper.text.escaping import clean

STEPS = frozenset(command.name for group in GROUPS.values() for command in group)
"""Valid names of steps of a run: every command."""


@click.command("approve")
@click.argument("plan_hash", metavar="HASH")
@click.option("--yes", is_flag=True, help="Do not ask.")
@full_option
@approvals_option
@common(workspace=True)
def approve_command(context: CommandContext, plan_hash: str, yes: bool, full: bool, approvals: Path | None) -> Outcome:
    """Approve proposed plan HASH as the signed-in user. Proposers cannot approve their own plans.

    The plan is shown first, and the approval keeps the lines that were shown. A service principal may approve only if
    `approvers` in env.auto.tfvars lists it.
    """

    # Sign in by the environment's auth.auto.tfvars if there is one, else by a profile, else as the SDK decides.
    own = context.folder().auth() if context.shared is None else Auth()
    auth = Auth(profile=context.profile) if context.profile else own
    by = whoami(connect(auth, timeouts=timeouts_of(os.environ)))
    book = plan_book(context, EnvInputs(EnvFolder(context.root, context.env)), approvals)
    plan = book.load(plan_hash)
    book.require_another(plan_hash, by)
    shown = tuple(line.text for line in print_plan(context.console, plan, full=full))
    if not yes:
        if context.console.as_json:
            raise UsageError("approve asks for confirmation, which --json cannot", fix="give --yes with --json")
        asked = f"approve as {clean(by)}: {plan.writes} writes to {context.env}, {len(plan.widening)} cells widened?"
        require_yes(asked, "give --yes")
    record = book.approve(plan_hash, by, now(), shown)
    context.console.line(
        f"approved by {record.by} at {record.at}: {plan.writes} writes, {len(plan.widening)} cells widened,"
        f" {len(plan.first_access)} with first access"
    )
    return Outcome(
        document={
            "plan_hash": plan_hash, "proposer": book.proposal(plan_hash).by, "approver": record.by, "at": record.at,
            "widening": [str(c) for c in plan.widening], "first_access": [str(c) for c in plan.first_access],
            "restoring": [str(c) for c in plan.restoring], "undeployed": list(plan.undeployed), "writes": plan.writes,
            "shown": list(record.shown),
        }
    )  # fmt: skip


@click.command("outcome")
@click.option(
    "--steps",
    required=True,
    metavar="A,B,…",
    help="The steps that the run should have completed, in order, such as plan,apply,verify.",
)
@click.option("--then", default="", metavar="A,B,…", help="Follow-up steps, which run only after findings.")
@common()
def outcome_command(context: CommandContext, steps: str, then: str) -> Outcome:
    """Print the result of run --run-id from the records of its steps; the exit code is the run's verdict.

    Results of the steps in --then are listed, but a success there does not change the verdict.
    """
    if not context.flags.run_id:
        raise UsageError("outcome needs the ID of a run", fix="give --run-id")
    book = RunLog(context.files, context.env, context.flags.run_id)
    names = listed(steps)
    for name in (*names, *listed(then)):
        require_known("step", name, STEPS, where="of a run")
    records = book.read([*names, *listed(then)])
    if not records and context.shared is None:
        context.folder()  # a missing environment has no records of runs either: report the environment, not the run
    found = judge(names, records, context.env)
    table = new_table("step", "verdict", "message")
    for record in found.steps:
        reported = "; ".join(
            [record.message] if record.message else [f"{k} {v}" for k, v in record.facts.items() if k != "findings"]
        )
        if record.step == found.step:
            reported = "see below"
        verdict = "did not end" if record.exit_code is None else str(verdict_of(record.exit_code))
        table.add_row(cell(record.step), cell(verdict), cell(reported))
    context.console.table(table)
    book.files.write(book.name("verdict.json"), json.dumps(found.as_dict(), indent=1, sort_keys=True).encode())
    context.console.line(f"run {context.flags.run_id}: {found.verdict}", "bold green" if found.exit_code == 0 else "bold red")
    if found.exit_code:
        context.console.line(headed(found.exit_code, found.sentence), "bold red")
    return Outcome(document=found.as_dict(), verdict=found.exit_code, sentence=found.sentence)


@click.command("make-history")
@click.argument("schema", metavar="CATALOG.SCHEMA")
@common(env=False, workspace=True)
def make_history_command(context: CommandContext, schema: str) -> Outcome:
    """Create the append-only history tables of the jobs.

    Run it as a principal that runs no job: the owner of a table could change its rows.
    """
    workspace = connect(Auth(profile=context.profile), timeouts=timeouts_of(os.environ))
    history = History.named(workspace, schema, "")
    for table in TABLES:
        history.make(table)
        context.console.line(f"{schema}.{table} exists; its owner is the principal that created it")
    return Outcome(document={"schema": schema, "tables": list(TABLES)})


COMMANDS = (approve_command, outcome_command, make_history_command)
