"""promote: splits the draft into the files of the layers, or carries an environment to another one."""

from __future__ import annotations

from dataclasses import replace

import click

from lampkeeper.app.inputs import EnvInputs
from lampkeeper.app.promoting import Promoted, found_catalogs, has_state, promote
from lampkeeper.app.validating import validate
from lampkeeper.cli.app import StepCommand, common
from lampkeeper.cli.context import CommandContext
from lampkeeper.cli.outcome import Outcome
from lampkeeper.design.promotion.catalog_map import CatalogMap
from lampkeeper.files.folder import EnvFolder
from lampkeeper.model.errors import UsageError
from lampkeeper.model.findings import has_errors, sort_findings
from lampkeeper.model.layers import LAYERS
from lampkeeper.model.names import show_part


@click.command("promote", cls=StepCommand)
@click.option("--to", "destination", default="", metavar="ENV", help="Carry the environment --env to this one.")
@click.option("--from", "source", default="", metavar="ENV", help="Carry this environment to the environment --env.")
@click.option(
    "--catalog-map", "catalog_map", default="", metavar="SOURCE=DESTINATION,…",
    help="With --to or --from: the catalog at the destination of each catalog.",
)  # fmt: skip
@common(writes=True, also=("destination", "source"))
def promote_command(context: CommandContext, destination: str, source: str, catalog_map: str) -> Outcome:
    """Check the draft and split it into the three layers, or with --to carry the environment to another one.

    Carried are settings, decisions, overlays, masks, labels, the draft and its Genie spaces, with every catalog renamed as
    the map says, all at once: a=b,b=a exchanges two. The destination keeps its sign-in, its states, its spaces, and the changes
    that people made there. Either everything is written or nothing.
    """
    if source and destination:
        raise UsageError("--to and --from exclude each other", fix="give one of them")
    if source:
        there, context = context.env, replace(context, env=source)
        return _carried(context, context.inputs(), EnvFolder(context.root, there), catalog_map)
    inputs = context.inputs()
    if destination:
        return _carried(context, inputs, EnvFolder(context.root, destination), catalog_map)
    if catalog_map:
        raise UsageError("--catalog-map needs --to", fix="name the environment to carry to: --to prod")
    return _split(context, inputs)


def _split(context: CommandContext, inputs: EnvInputs) -> Outcome:
    if not inputs.has_draft:
        context.console.line("no draft: nothing to promote")
        return Outcome(document={"env": context.env, "promoted": False, "findings": []})
    findings = validate(inputs)
    if has_errors(findings):
        return Outcome(
            document={"env": context.env, "promoted": False, "findings": [f.as_dict() for f in findings]}, findings=findings
        )
    findings = sort_findings([*findings, *inputs.split()])
    files = [str(inputs.folder.layer_path(layer) / "abac.auto.tfvars") for layer in LAYERS]
    for path in files:
        context.console.line(f"wrote {path}")
    document = {"env": context.env, "promoted": True, "files": files, "findings": [f.as_dict() for f in findings]}
    return Outcome(document=document, findings=findings)


def _carried(context: CommandContext, inputs: EnvInputs, destination: EnvFolder, catalog_map: str) -> Outcome:
    nothing = f"no draft in {inputs.env}: no policies, grants or Genie spaces are carried to {destination.env}"
    if not catalog_map and not has_state(inputs):
        context.console.line(f"{nothing}; with --catalog-map, its settings are carried")
        return Outcome(document={"env": context.env, "to": destination.env, "promoted": False, "findings": []})
    catalogs = CatalogMap.read(catalog_map)
    if not catalog_map and not found_catalogs(inputs):
        raise UsageError(f"{inputs.env!r} names no catalog: there is nothing to promote")
    made = promote(inputs, destination, catalogs)
    document = {
        "env": context.env, "to": destination.env, "promoted": made.carried, "files": [str(p) for p in made.changed],
        "kept": list(made.kept), "findings": [f.as_dict() for f in made.findings],
    }  # fmt: skip
    if has_errors(made.findings):
        return Outcome(document=document, findings=made.findings)
    _print(context, inputs, destination, made, catalogs, nothing)
    return Outcome(document=document, findings=made.findings)


def _print(
    context: CommandContext, inputs: EnvInputs, destination: EnvFolder, made: Promoted, catalogs: CatalogMap, nothing: str
) -> None:
    pairs = ", ".join(f"{show_part(s)} -> {show_part(d)}" for s, d in sorted(catalogs.destinations.items()))
    context.console.line(f"{inputs.env} to {destination.env}: {pairs}")
    if not made.carried:
        context.console.line(nothing)
    for path in made.changed:
        context.console.line(f"wrote {path}" if path.exists() else f"removed {path}")
    if not made.changed:
        context.console.line(f"{destination.path} is up to date")
    for what in made.kept:
        context.console.line(f"kept {what}, as it was set in {destination.env}")
    if not destination.auth_path.exists():
        context.console.line(
            f"next: sign in to its workspace ({destination.auth_path}, or --profile), then plan --env {destination.env}"
        )


COMMANDS = (promote_command,)
