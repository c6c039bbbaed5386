"""Commands up to the draft: snapshot, classify, profile, generate, validate."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from lampkeeper.app.bundle_inputs import take_files
from lampkeeper.app.choices import Choices
from lampkeeper.app.ddl_input import take_ddl
from lampkeeper.app.generating import Generated, generate
from lampkeeper.app.history_items import EXCEPTION, UNDECIDED, exception_items, undecided_items
from lampkeeper.app.importing import import_spaces
from lampkeeper.app.inputs import EnvInputs
from lampkeeper.app.labelling import read_platform
from lampkeeper.app.lineage import keep_lineage
from lampkeeper.app.modes import Mode, mode_for
from lampkeeper.app.snapshots import take_snapshot
from lampkeeper.app.space_content import SpaceWriter
from lampkeeper.app.space_requests import space_requests
from lampkeeper.app.unreviewed import unreviewed_findings
from lampkeeper.app.validating import validate
from lampkeeper.app.value_profiling import Counter
from lampkeeper.app.waiving import with_waivers
from lampkeeper.cli.app import StepCommand, common, listed, overlays_options
from lampkeeper.cli.console import cell, new_table
from lampkeeper.cli.context import CommandContext
from lampkeeper.cli.jsonl import classify_lines, read_columns, render_verdict
from lampkeeper.cli.model_options import (
    AskFlags,
    ask_options,
    count_with,
    fill_sources,
    manifest_option,
    show_prompts,
    take_flags,
)
from lampkeeper.cli.outcome import Outcome
from lampkeeper.cli.places import history_of, workspace_of
from lampkeeper.cli.sarif import render_sarif
from lampkeeper.cli.state_storage import fetch_state
from lampkeeper.design.genie.spaces import SpaceRequest
from lampkeeper.files.folder import EnvFolder
from lampkeeper.files.text import read_text
from lampkeeper.model.findings import Finding, Severity, sort_findings
from lampkeeper.model.labels import Protect, count_labels
from lampkeeper.remote.clients import Workspace

deployed_settings_option = click.option(
    "--input",
    "given",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="First copy <env>/env.auto.tfvars, taxonomy.yaml, overlays and masks from this folder (deployed with the bundle).",
)
"""The option `--input`, for the commands that begin a job."""


@click.command("snapshot")
@deployed_settings_option
@common(workspace=True, writes=True)
def snapshot_command(context: CommandContext, given: Path | None) -> Outcome:
    """Read the workspace: Genie spaces listed by ID in the settings, tables in scope, Databricks Data Classification."""
    if given is not None:
        take_settings(context, given)
    inputs = context.inputs()
    workspace, path = workspace_of(context, inputs), inputs.folder.snapshot_path
    with context.console.progress("reading spaces and tables"):
        noted = import_spaces(inputs, workspace)
        snapshot = take_snapshot(inputs, workspace)
        read_platform(inputs, snapshot, workspace)
    table = new_table("table", "columns", "kind")
    for each in snapshot.tables:
        table.add_row(cell(each.name), cell(len(each.columns)), cell(each.kind))
    context.console.table(table)
    columns = sum(len(t.columns) for t in snapshot.tables)
    context.console.line(f"{len(snapshot.tables)} tables, {columns} columns -> {path}")
    tables = [{"table": str(t.name), "columns": len(t.columns), "kind": str(t.kind)} for t in snapshot.tables]
    document = {"env": context.env, "tables": tables, "columns": columns, "file": str(path)}
    return Outcome(document=document, findings=noted)


def take_settings(context: CommandContext, given: Path) -> None:
    """Copy the files of people for the environment from a folder, if it has the environment."""
    source = given / context.env / "env.auto.tfvars"
    if not source.is_file():
        context.console.note(f"{source} does not exist; the environment's settings are kept")
        return
    for path in take_files(EnvFolder(context.root, context.env), source.parent):
        context.console.note(f"copied from {path}")


@click.command("classify")
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True))
@common(env=False)
def classify_command(context: CommandContext, file: str) -> None:
    """Classify columns from FILE, without a workspace. FILE has one JSON object per line; `-` is stdin.

    Input: {"schema": "hr", "table": "people", "column": "email", "type": "STRING"}. With --json, the output has one object per
    line in input order, with label, protect, confidence and evidence.
    """
    text = sys.stdin.read() if file == "-" else read_text(Path(file))
    found = list(classify_lines(read_columns(text, file)))
    if context.console.as_json:
        for line, verdict in found:
            sys.stdout.write(render_verdict(line, verdict) + "\n")
        return
    table = new_table("column", "label", "protect", "confidence", "evidence")
    for line, verdict in found:
        label = f"{verdict.label}/{verdict.subtype}" if verdict.subtype else str(verdict.label)
        name = f"{line.schema}.{line.table}.{line.field.name}"
        table.add_row(
            cell(name), cell(label), cell(verdict.protect), cell(f"{verdict.confidence:.2f}"), cell("; ".join(verdict.evidence))
        )
    context.console.table(table)
    kinds = [v.protect for _, v in found]
    context.console.line(
        f"columns {len(found)} = protected {kinds.count(Protect.YES)} + not sensitive {kinds.count(Protect.NO)}"
        f" + undecided {kinds.count(Protect.UNDECIDED)}"
    )


@click.command("profile")
@click.option(
    "--engine",
    type=click.Choice([str(c) for c in Counter]),
    default=str(Counter.WAREHOUSE),
    show_default=True,
    help="Where the values are counted: in a warehouse, or in the Spark session of a job's task (eight tables at once).",
)
@overlays_options
@common(workspace=True, writes=True)
def profile_command(context: CommandContext, engine: str, country: str, industry: str) -> Outcome:
    """Count value formats per column for `generate`. Only counts and shares are kept; no values are copied."""
    inputs = context.inputs()
    snapshot = inputs.require_snapshot()
    knowledge = inputs.knowledge(Choices(country=listed(country), industry=listed(industry)))
    findings = count_with(context, inputs, snapshot, workspace_of(context, inputs), Counter(engine), knowledge)
    counted = inputs.sources.counted()
    unread = sum(f.code == "profile/unread" for f in findings)
    context.console.line(f"{len(snapshot.tables)} tables, {unread} unreadable; counts of {len(counted)} kept")
    document = {"env": context.env, "tables": len(snapshot.tables), "unread": unread, "counted": len(counted), "engine": engine}
    return Outcome(document=document, findings=findings, facts={"tables": len(snapshot.tables), "unread": unread})


@click.command("generate", cls=StepCommand)
@click.option("--mode", type=click.Choice([str(m) for m in Mode]), default=str(Mode.FULL), show_default=True)
@click.option("--space", default="", metavar="NAME", help="Regenerate this Genie space, keep the others.")
@click.option("--offline", is_flag=True, help="Use ddl/*.sql of the environment, else the last snapshot.")
@overlays_options
@click.option(
    "--groups",
    default="",
    metavar="NAMES",
    help="Groups instead of those in the settings: names from the settings or from the group templates of industries.",
)
@click.option("--unreviewed", default="", metavar="deny|allow", help="Hide unreviewed tables (default: the settings, else deny).")
@click.option(
    "--unreviewed-columns",
    default="",
    metavar="deny|allow",
    help="Hide unreviewed columns (default: the settings, else allow).",
)
@manifest_option
@ask_options
@common(workspace=True, writes=True)
def generate_command(
    context: CommandContext,
    mode: str,
    space: str,
    offline: bool,
    country: str,
    industry: str,
    groups: str,
    unreviewed: str,
    unreviewed_columns: str,
    dbt_manifest: Path | None,
    **options: Any,
) -> Outcome:
    """Label the columns and write the draft: groups, tags, masks, policies, grants, Genie spaces."""
    inputs, flags = context.inputs(), take_flags(options)
    choices = Choices(
        country=listed(country), industry=listed(industry), groups=listed(groups), settle=flags.settle,
        unreviewed=unreviewed, unreviewed_columns=unreviewed_columns, space_content=flags.space_content,
    )  # fmt: skip
    choices.closing(inputs.settings)
    knowledge = inputs.knowledge(choices)
    if flags.dry_run:
        return show_prompts(context, inputs, knowledge, _written_by_model(inputs, flags, mode, space))
    needed = context.flags.history or flags.needs_workspace or not offline
    if not offline:
        fetch_state(context, inputs)
    workspace = workspace_of(context, inputs) if needed else None
    noted = _read_tables(context, inputs, None if offline else workspace)
    spaces = _written_by_model(inputs, flags, mode, space)
    lineage = keep_lineage(inputs, inputs.require_snapshot(), None if offline else workspace, dbt_manifest)
    asked = fill_sources(context, inputs, workspace, flags, online=not offline, knowledge=knowledge, spaces=spaces)
    with context.console.progress("generating"):
        made = generate(inputs, mode=Mode(mode), space=space, choices=choices)
    closed: tuple[Finding, ...] = ()
    if workspace is not None and not offline:
        closed = unreviewed_findings(made.desired, workspace, inputs.states)
    found = [*noted, *lineage, *made.findings, *asked.findings, *closed]
    findings = sort_findings(with_waivers(inputs.settings, found, datetime.now(UTC).date()))
    counts = count_labels(made.labels)
    history = history_of(context, workspace) if workspace is not None else None
    if history is not None:
        history.covered(len({x.column.table for x in made.labels}), counts)
        history.listed(UNDECIDED, undecided_items(made.labels))
        history.listed(EXCEPTION, exception_items(inputs.settings))
    undecided = [str(x.column) for x in made.labels if x.protect is Protect.UNDECIDED]
    sizes = _print_made(context, inputs, made, counts)
    document = {
        "env": context.env,
        "labels": counts,
        "undecided": undecided,
        "objects": sizes,
        "changed": list(made.changed),
        "model": asked.document,
        "values": asked.settled.as_dict() if asked.settled is not None else None,
        "findings": [f.as_dict() for f in findings],
    }
    return Outcome(document=document, findings=findings, facts=counts, verdict=asked.code or None)


def _print_made(context: CommandContext, inputs: EnvInputs, made: Generated, counts: Mapping[str, int]) -> dict[str, int]:
    """Print what a generation made; return the number of objects of each sort."""
    context.console.line(
        f"columns {counts['columns']} = protected {counts['protected']} + not sensitive {counts['not_sensitive']}"
        f" + undecided {counts['undecided']}"
    )
    sizes = {what: len(getattr(made.desired, what)) for what in _COUNTED}
    context.console.line(", ".join(f"{n} {_COUNTED[what][n != 1]}" for what, n in sizes.items()))
    context.console.line(
        f"labels {inputs.folder.labels_path}; draft {inputs.folder.generated_path} ({len(made.changed)} files changed)"
    )
    return sizes


def _written_by_model(inputs: EnvInputs, flags: AskFlags, mode: str, space: str) -> tuple[SpaceRequest, ...]:
    """Return the Genie spaces whose content a model may write."""
    if flags.space_content is SpaceWriter.OFFLINE:
        return ()
    settings = inputs.settings
    return space_requests(
        settings, inputs.require_snapshot(), mode_for(Mode(mode), space, genie_only=settings.genie_only), space
    )[0]


_COUNTED = {
    "groups": ("group", "groups"),
    "tag_policies": ("tag policy", "tag policies"),
    "tag_assignments": ("tag assignment", "tag assignments"),
    "functions": ("function", "functions"),
    "policies": ("policy", "policies"),
    "grants": ("grant", "grants"),
    "spaces": ("Genie space", "Genie spaces"),
}
"""Each counted field of the desired state, with its name in the singular and the plural."""


def _read_tables(context: CommandContext, inputs: EnvInputs, workspace: Workspace | None) -> tuple[Finding, ...]:
    """Read spaces and tables from the workspace, or without one from the environment's DDL files, if it has any."""
    if workspace is None:
        return take_ddl(inputs)
    with context.console.progress("reading spaces and tables"):
        noted = import_spaces(inputs, workspace)
        take_snapshot(inputs, workspace)
    return noted


@click.command("validate")
@click.option("--layers", is_flag=True, help="Check the files of the three layers, not the draft.")
@click.option(
    "--format", "form", type=click.Choice(["text", "json", "sarif"]), default="text", show_default=True, help="json: as --json."
)
@common()
def validate_command(context: CommandContext, layers: bool, form: str) -> Outcome:
    """Check the draft if one exists, else the layer files: spelling, references, unprotected columns, quotas."""
    inputs = context.inputs()
    folder, drafted = inputs.folder, not layers and inputs.has_draft
    findings = list(validate(inputs, drafted=drafted))
    checked = folder.generated_path if drafted else folder.path
    errors = sum(f.severity is Severity.ERROR for f in findings)
    warnings = sum(f.severity is Severity.WARNING for f in findings)
    if form != "text":
        context.console.as_json = True
    context.console.line(f"{checked}: {errors} errors, {warnings} warnings")
    if form == "sarif":
        return Outcome(document=render_sarif(findings, checked / "abac.auto.tfvars"), findings=tuple(findings))
    document = {"env": context.env, "checked": str(checked), "errors": errors, "findings": [f.as_dict() for f in findings]}
    return Outcome(document=document, findings=tuple(findings))


COMMANDS = (snapshot_command, classify_command, profile_command, generate_command, validate_command)
