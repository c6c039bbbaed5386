"""taxonomy: checks the mapping of an environment's existing governed tags."""

from __future__ import annotations

import click

from lampkeeper.cli.app import common
from lampkeeper.cli.console import cell, new_table
from lampkeeper.cli.context import CommandContext
from lampkeeper.cli.outcome import Outcome
from lampkeeper.design.knowledge.knowledge import Knowledge
from lampkeeper.design.knowledge.taxonomy import OPEN
from lampkeeper.model.findings import has_errors


@click.command("taxonomy")
@common()
def taxonomy_command(context: CommandContext) -> Outcome:
    """Check envs/<env>/taxonomy.yaml, which maps labels to existing governed tags and their masks."""
    inputs = context.inputs()
    path, (mapped, findings) = inputs.folder.taxonomy_path, inputs.mapped_knowledge()
    document = [
        {
            "label": t.row,
            "type": "" if t.row == OPEN else family,
            "tag": str(t),
            "location": t.location,
            **_mask(mapped, t.row, family),
        }
        for t in mapped.taxonomy.tags
        for family in (t.families if t.row != OPEN else ("",))
    ]
    table = new_table("label", "type", "tag", "mask", "cleared for")
    for row in document:
        table.add_row(*(cell(row.get(k, "")) for k in ("label", "type", "tag", "mask", "family")))
    if document:
        context.console.table(table)
    if not path.is_file():
        context.console.line(f"{path} does not exist; all tags are lampkeeper's (docs/generation.md)")
    elif not has_errors(findings):
        others = f"; labels without a tag: {mapped.taxonomy.unmapped}"
        context.console.line(f"{path}: {len(mapped.taxonomy.tags)} tags{others}")
    return Outcome(
        document={"env": context.env, "tags": document, "findings": [f.as_dict() for f in findings]}, findings=findings
    )


def _mask(mapped: Knowledge, row: str, family: str) -> dict[str, str]:
    words = mapped.vocabulary
    made = words.filters.get((row, family)) or words.masks.get((row, family))
    return {} if made is None else {"mask": made.function, "family": made.family}


COMMANDS = (taxonomy_command,)
