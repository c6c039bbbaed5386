"""labels: columns to review, and decisions of stewards."""

from __future__ import annotations

import getpass
from datetime import UTC, datetime

import click

from lampkeeper.app.labelling import read_sources
from lampkeeper.cli.app import common
from lampkeeper.cli.console import cell, new_table
from lampkeeper.cli.context import CommandContext
from lampkeeper.cli.outcome import Outcome
from lampkeeper.cli.program import CommandGroup
from lampkeeper.design.classify.merge import disagreements
from lampkeeper.design.classify.prompt import subs_of
from lampkeeper.design.classify.review import Doubt, ReviewItem, list_doubts
from lampkeeper.files.decisions import Decision, decisions_path, write_decisions
from lampkeeper.files.snapshots import label_document
from lampkeeper.model.errors import UsageError
from lampkeeper.model.known_names import require_known, unknown_name
from lampkeeper.model.labels import Label, LabelClass, Protect
from lampkeeper.model.names import ColumnName, write_name
from lampkeeper.model.schema import Snapshot
from lampkeeper.text.moments import utc_text

STEWARD = "LAMPKEEPER_STEWARD"
"""The environment variable with the deciding steward's name; else the name of the machine's user counts."""


@click.group("labels", cls=CommandGroup)
def labels_group() -> None:
    """Labels of columns: review those in doubt, record decisions."""


@labels_group.command("review", short_help="List undecided and disputed columns.")
@common()
def review_command(context: CommandContext) -> Outcome:
    """List the columns that are undecided or on which the sources disagree, with the evidence of each source."""
    inputs = context.inputs()
    snapshot, knowledge = inputs.require_snapshot(), inputs.knowledge()
    sources = read_sources(inputs, snapshot, knowledge)
    items = list_doubts(sources.merged(snapshot, knowledge), *sources.all)
    table = new_table("column", "why", "current label", "labels by source")
    for item in items:
        said = "\n".join(f"{x.source}: {_name(x)} ({x.protect}, {x.confidence:.2f}): {'; '.join(x.evidence)}" for x in item.said)
        table.add_row(cell(item.column), cell(item.doubt), cell(f"{_name(item.stands)} ({item.stands.protect})"), cell(said))
    if items:
        context.console.table(table)
    counts = {str(d): sum(1 for i in items if i.doubt is d) for d in Doubt}
    context.console.line(", ".join(f"{n} {what}" for what, n in counts.items()))
    if items:
        context.console.line("decide with: lampkeeper labels set COLUMN LABEL --protect yes|no --reason '…'")
    document = {"env": context.env, "counts": counts, "columns": [_document(i) for i in items]}
    return Outcome(document=document, findings=sources.findings)


@labels_group.command("set", short_help="Record a decision on a column.")
@click.argument("column")
@click.argument("label", type=click.Choice([str(x) for x in LabelClass if x is not LabelClass.UNDECIDED]))
@click.option("--protect", type=click.Choice(["yes", "no"]), required=True, help="Whether to mask the column.")
@click.option("--reason", required=True, help="The reason; kept with the decision.")
@click.option("--subtype", default="", metavar="NAME", help="A subtype of the label, such as ssn of national_id.")
@click.option(
    "--by", default="", envvar=STEWARD, metavar="WHO", help=f"Who decides (default: ${STEWARD}, else this machine's user)."
)
@click.option("--overrule", is_flag=True, help="Replace the decisions of other stewards on this column.")
@common(writes=True)
def set_command(
    context: CommandContext, column: str, label: str, protect: str, reason: str, subtype: str, by: str, overrule: bool
) -> Outcome:
    """Record a decision on COLUMN (catalog.schema.table.column): its LABEL, and whether to mask it. `generate` applies it."""
    inputs = context.inputs()
    name = _find(inputs.require_snapshot(), column)
    if not reason.strip():
        raise UsageError("a decision needs a reason", fix="--reason 'published in the annual report'")
    chosen = LabelClass(label)
    if chosen is LabelClass.NONE and protect == "yes":
        raise UsageError("label none contradicts --protect yes", fix="give another label, or --protect no")
    subtypes = subs_of(inputs.knowledge().vocabulary).get(chosen, ())
    if subtype:
        require_known("subtype", subtype, subtypes, where=f"of label {label}")
    decision = Decision(
        column=name, by=by.strip() or getpass.getuser(), label=chosen, protect=Protect(protect), reason=reason.strip(),
        at=utc_text(datetime.now(UTC)), subtype=subtype,
    )  # fmt: skip
    path = decisions_path(inputs.folder.path)
    others = [d for d in inputs.decisions if d.column != name or (d.by != decision.by and not overrule)]
    write_decisions(path, [*others, decision])
    context.console.line(f"{name}: {_name(decision.as_label())}, protect {protect}, decided by {decision.by} -> {path}")
    context.console.line(f"next: lampkeeper generate --env {context.env}; the plan then shows any wider access")
    mine = [d.as_label() for d in [*others, decision] if d.column == name]
    return Outcome(document={"env": context.env, "decision": decision.as_dict(), "file": str(path)}, findings=disagreements(mine))


def _find(snapshot: Snapshot, text: str) -> ColumnName:
    """Return the named column of the snapshot, ignoring case; raise UsageError with similar names if there is none."""
    wanted = ColumnName.parse(text)
    columns = [c for c, _ in snapshot.columns()]
    found = next((c for c in columns if c == wanted), None) or next(
        (c for c in columns if c.plain.casefold() == wanted.plain.casefold()), None
    )
    if found is None:
        raise unknown_name(
            "column", text, map(str, columns), where="in the snapshot", fix="use one of these, or take a new snapshot"
        )
    return found


def _name(label: Label) -> str:
    return f"{label.label}/{label.subtype}" if label.subtype else str(label.label)


def _document(item: ReviewItem) -> dict[str, object]:
    return {
        "column": write_name(*item.column.table.parts, item.column.column),
        "why": str(item.doubt),
        "stands": label_document(item.stands),
        "said": [label_document(x) for x in item.said],
    }


COMMANDS = (labels_group,)
