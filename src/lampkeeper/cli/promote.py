"""promote: splits the draft into the files of the layers."""

from __future__ import annotations

import click

from lampkeeper.app.validating import validate
from lampkeeper.cli.app import common
from lampkeeper.cli.context import CommandContext
from lampkeeper.cli.outcome import Outcome
from lampkeeper.model.findings import has_errors, sort_findings
from lampkeeper.model.layers import LAYERS


@click.command("promote")
@common(writes=True)
def promote_command(context: CommandContext) -> Outcome:
    """Check the draft and split it into the files of the three layers, atomically."""
    inputs = context.inputs()
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


COMMANDS = (promote_command,)
