"""overlays: lists the overlays of countries and industries, and checks a user's own overlay before use."""

from __future__ import annotations

from pathlib import Path

import click

from lampkeeper.cli.app import common
from lampkeeper.cli.console import cell, new_table
from lampkeeper.cli.context import CommandContext
from lampkeeper.cli.outcome import Outcome
from lampkeeper.cli.program import CommandGroup
from lampkeeper.design.knowledge.knowledge import compose
from lampkeeper.design.knowledge.overlay import Identifier
from lampkeeper.design.knowledge.overlay_file import read_overlay
from lampkeeper.design.knowledge.overlays import built_in_overlays
from lampkeeper.files.text import read_text
from lampkeeper.model.errors import UsageError
from lampkeeper.model.findings import Finding, Severity, sort_findings
from lampkeeper.model.known_names import unknown_name


@click.group("overlays", cls=CommandGroup)
def overlays_group() -> None:
    """Overlays of countries and industries: identifiers, masks, groups."""


@overlays_group.command("list")
@click.argument("code", default="")
@common(env=False)
def list_command(context: CommandContext, code: str) -> Outcome:
    """List the overlays, or the content of one."""
    overlays = [p for p in built_in_overlays() if not code or p.code.casefold() == code.casefold()]
    if not overlays:
        raise unknown_name("overlay", code, (p.code for p in built_in_overlays()), fix="lampkeeper overlays list")
    if code:
        table = new_table("identifier", "class", "sensitivity", "called", "checked by", "treated by")
        for each in overlays[0].identifiers:
            table.add_row(*(cell(t) for t in _row(each)))
    else:
        table = new_table("code", "kind", "name", "identifiers", "groups")
        for overlay in overlays:
            groups = ", ".join(g.name for g in overlay.groups)
            table.add_row(
                cell(overlay.code), cell(overlay.kind), cell(overlay.name), cell(len(overlay.identifiers)), cell(groups)
            )
    context.console.table(table)
    document = [
        {
            "code": overlay.code,
            "kind": str(overlay.kind),
            "name": overlay.name,
            "regulations": list(overlay.regulations),
            "identifiers": [
                {"name": i.name, "country": i.country, "class": str(i.label), "subtype": i.subtype,
                 "sensitivity": str(i.sensitivity),
                 "names": [p.text for p in i.phrases], "functions": {f.family: f.function for f in i.functions}}
                for i in overlay.identifiers
            ],
            "groups": [{"name": g.name, "description": g.description, "access": str(g.access)} for g in overlay.groups],
            "patterns": [{"name": p.name, "description": p.description, "guidance": p.guidance} for p in overlay.patterns],
        }
        for overlay in overlays
    ]  # fmt: skip
    return Outcome(document=document)


@overlays_group.command("check", short_help="Check overlay files.")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path, dir_okay=False))
@common(env=False)
def check_command(context: CommandContext, files: tuple[Path, ...]) -> Outcome:
    """Check overlay files: fields, formats against their samples, functions against their types, clashes with other overlays."""
    findings: list[Finding] = []
    good = []
    for path in files:
        read = read_overlay(read_text(path), str(path))
        findings.extend(read.findings)
        if read.overlay is not None:
            good.append(read.overlay)
            context.console.line(f"{path}: {read.overlay.kind} {read.overlay.code}, {len(read.overlay.identifiers)} identifiers")
    taken = {(p.kind, p.code.casefold()): p.location for p in built_in_overlays()}
    for overlay in good:
        other = taken.setdefault((overlay.kind, overlay.code.casefold()), overlay.location)
        if other != overlay.location:
            findings.append(_finding(overlay.location, f"the code {overlay.code!r} is used by {other}", "choose another code"))
    try:
        compose((*built_in_overlays(), *good))
    except UsageError as error:
        findings.append(_finding(str(good[-1].location), error.message, error.fix))
    document = {"files": [str(p) for p in files], "findings": [f.as_dict() for f in findings]}
    return Outcome(document=document, findings=sort_findings(findings))


def _finding(location: str, message: str, fix: str) -> Finding:
    return Finding(code="OVERLAY_CLASH", severity=Severity.ERROR, location=location, message=message, fix=fix)


def _row(each: Identifier) -> tuple[str, ...]:
    names = ", ".join(p.text for p in each.phrases[:4]) + (", …" if len(each.phrases) > 4 else "")
    check = ""
    if each.format is not None:
        check = each.format.check if isinstance(each.format.check, str) and each.format.check else each.format.pattern
    treated = ", ".join(f.function for f in each.functions) or ("not masked" if each.open else "as its class")
    name = f"{each.name} [{each.country}]" if each.country else each.name
    return name, each.row, str(each.sensitivity), names, check, treated


COMMANDS = (overlays_group,)
