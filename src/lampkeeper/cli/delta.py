"""generate-delta: the smallest change of an environment's files that answers schema drift."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from lampkeeper.app.choices import Choices
from lampkeeper.app.delta_generating import AskModel, Delta, generate_delta
from lampkeeper.cli.app import common, listed, overlays_options
from lampkeeper.cli.console import Console
from lampkeeper.cli.context import CommandContext
from lampkeeper.cli.generate import deployed_settings_option, take_settings
from lampkeeper.cli.model_options import AskFlags, ask_about_labels, manifest_option, model_options, take_model
from lampkeeper.cli.outcome import Outcome
from lampkeeper.cli.places import workspace_of
from lampkeeper.cli.state_storage import fetch_state
from lampkeeper.model.schema import Snapshot
from lampkeeper.remote.clients import Workspace
from lampkeeper.text.counting import counted


@click.command("generate-delta")
@click.option("--offline", is_flag=True, help="Compare with the last snapshot instead of the workspace.")
@click.option("--groups", default="", metavar="NAMES", help="The groups for which the draft was generated, if not the settings'.")
@deployed_settings_option
@manifest_option
@overlays_options
@model_options
@common(workspace=True, writes=True)
def generate_delta_command(
    context: CommandContext,
    offline: bool,
    groups: str,
    given: Path | None,
    dbt_manifest: Path | None,
    country: str,
    industry: str,
    **options: Any,
) -> Outcome:
    """Change the draft (or the layer files, without a draft) only where the schema has drifted. Without drift, write nothing.

    New sensitive columns and tables get tags, and policies and functions if none fits; tags of missing columns and tables are
    removed; retyped columns get the mask of their type. A change that would assign an unknown key or value is refused, and
    nothing is written.
    """
    if given is not None:
        take_settings(context, given)
    inputs, flags = context.inputs(), take_model(options)
    choices = Choices(country=listed(country), industry=listed(industry), groups=listed(groups))
    if not offline:
        fetch_state(context, inputs)
    workspace = None if offline and not flags.model.startswith("databricks:") else workspace_of(context, inputs)
    ask = _asker(context, workspace, flags) if flags.model else None
    with context.console.progress("comparing the files with the schema"):
        made = generate_delta(inputs, None if offline else workspace, choices, manifest=dbt_manifest, ask=ask)
    print_delta(context.console, made)
    facts = {"drift": len(made.drift), "added": len(made.added), "removed": len(made.removed), "changed": len(made.changed)}
    return Outcome(document=delta_dict(context.env, made), findings=made.findings, facts=facts)


def _asker(context: CommandContext, workspace: Workspace | None, flags: AskFlags) -> AskModel:
    def ask(snapshot: Snapshot) -> Any:
        inputs = context.inputs()
        return ask_about_labels(context, inputs, snapshot, workspace, flags)

    return ask


def print_delta(console: Console, made: Delta) -> None:
    """Print what a delta answers and what it changed."""
    if not made.drift:
        waiting = f" ({made.not_applied} not applied yet)" if made.not_applied else ""
        console.line(f"no drift: nothing to change{waiting}", "bold green")
        return
    for each in made.drift:
        console.line(f"{each.kind}  {each.entity}: {each.message}")
    if made.governed is not None:
        console.line(f"governed keys, from {made.governed.source}: {', '.join(made.governed.values) or 'none'}")
    for tag in made.removed:
        console.line(f"- {tag.entity_name}  {tag.key}={tag.value}")
    for tag in made.added:
        console.line(f"+ {tag.entity_name}  {tag.key}={tag.value}")
    for path in made.changed:
        console.line(f"changed {path}")
    if made.refused:
        console.line("delta: refused, nothing was written", "bold red")
    else:
        tags = f"{counted(len(made.added), 'tag')} added, {len(made.removed)} removed"
        console.line(f"delta: {tags}; next: plan, apply", "bold green")


def delta_dict(env: str, made: Delta) -> dict[str, object]:
    """Return the JSON form of a delta."""
    return {
        "env": env,
        "drift": [d.as_dict() for d in made.drift],
        "governed": {"source": str(made.governed.source), "keys": list(made.governed.values)} if made.governed else None,
        "added": [{"entity": t.entity_name, "key": t.key, "value": t.value} for t in made.added],
        "removed": [{"entity": t.entity_name, "key": t.key, "value": t.value} for t in made.removed],
        "changed": list(made.changed),
        "refused": made.refused,
        "not_applied": made.not_applied,
        "findings": [f.as_dict() for f in made.findings],
    }


COMMANDS = (generate_delta_command,)
