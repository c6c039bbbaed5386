"""packs: what countries and industries add; a pack of one's own is checked before it is used."""

from __future__ import annotations

from pathlib import Path

import click

from lampkeeper.cli.app import common
from lampkeeper.cli.console import cell, new_table
from lampkeeper.cli.here import Here
from lampkeeper.cli.outcome import Outcome
from lampkeeper.cli.program import CommandGroup
from lampkeeper.design.knowledge.overlay import compose
from lampkeeper.design.knowledge.pack import Identifier
from lampkeeper.design.knowledge.pack_file import read_pack
from lampkeeper.design.knowledge.packs import built_in_packs
from lampkeeper.files.text import read_text
from lampkeeper.model.errors import UsageError
from lampkeeper.model.findings import Finding, Severity, sort_findings
from lampkeeper.model.known_names import unknown_name


@click.group("packs", cls=CommandGroup)
def packs_group() -> None:
    """Countries and industries: identifiers, masks, groups."""


@packs_group.command("list")
@click.argument("code", default="")
@common(env=False)
def list_command(here: Here, code: str) -> Outcome:
    """List the packs, or everything in one of them."""
    packs = [p for p in built_in_packs() if not code or p.code.casefold() == code.casefold()]
    if not packs:
        raise unknown_name("pack", code, (p.code for p in built_in_packs()), fix="lampkeeper packs list")
    if code:
        table = new_table("identifier", "class", "sensitivity", "called", "checked by", "treated by")
        for each in packs[0].identifiers:
            table.add_row(*(cell(t) for t in _row(each)))
    else:
        table = new_table("code", "kind", "name", "identifiers", "groups")
        for pack in packs:
            groups = ", ".join(g.name for g in pack.groups)
            table.add_row(cell(pack.code), cell(pack.kind), cell(pack.name), cell(len(pack.identifiers)), cell(groups))
    here.console.table(table)
    document = [
        {
            "code": pack.code,
            "kind": str(pack.kind),
            "name": pack.name,
            "regulations": list(pack.regulations),
            "identifiers": [
                {"name": i.name, "country": i.country, "class": str(i.label), "sub": i.sub, "sensitivity": str(i.sensitivity),
                 "names": [p.text for p in i.phrases], "functions": {f.family: f.function for f in i.functions}}
                for i in pack.identifiers
            ],
            "groups": [{"name": g.name, "description": g.description, "access": str(g.access)} for g in pack.groups],
            "patterns": [{"name": p.name, "description": p.description, "guidance": p.guidance} for p in pack.patterns],
        }
        for pack in packs
    ]  # fmt: skip
    return Outcome(document=document)


@packs_group.command("check")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path, dir_okay=False))
@common(env=False)
def check_command(here: Here, files: tuple[Path, ...]) -> Outcome:
    """Check pack files: fields, formats against their samples, functions against their types, clashes with other packs."""
    findings: list[Finding] = []
    good = []
    for path in files:
        read = read_pack(read_text(path), str(path))
        findings.extend(read.findings)
        if read.pack is not None:
            good.append(read.pack)
            here.console.line(f"{path}: {read.pack.kind} {read.pack.code}, {len(read.pack.identifiers)} identifiers")
    taken = {(p.kind, p.code.casefold()): p.place for p in built_in_packs()}
    for pack in good:
        other = taken.setdefault((pack.kind, pack.code.casefold()), pack.place)
        if other != pack.place:
            findings.append(_finding(pack.place, f"the code {pack.code!r} is taken by {other}", "choose another code"))
    try:
        compose((*built_in_packs(), *good))
    except UsageError as error:
        findings.append(_finding(str(good[-1].place), error.message, error.fix))
    document = {"files": [str(p) for p in files], "findings": [f.as_dict() for f in findings]}
    return Outcome(document=document, findings=sort_findings(findings))


def _finding(place: str, message: str, fix: str) -> Finding:
    return Finding(code="PACK_CLASH", severity=Severity.ERROR, place=place, message=message, fix=fix)


def _row(each: Identifier) -> tuple[str, ...]:
    names = ", ".join(p.text for p in each.phrases[:4]) + (", …" if len(each.phrases) > 4 else "")
    check = ""
    if each.format is not None:
        check = each.format.check if isinstance(each.format.check, str) and each.format.check else each.format.pattern
    treated = ", ".join(f.function for f in each.functions) or ("left open" if each.open else "as its class")
    name = f"{each.name} [{each.country}]" if each.country else each.name
    return name, each.row, str(each.sensitivity), names, check, treated


COMMANDS = (packs_group,)
