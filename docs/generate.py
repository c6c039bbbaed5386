"""Write the pages that are made of the code: the commands, the ledger's rules, the operations served.

Run: make docs. A test compares the pages with what this makes.
"""

from __future__ import annotations

import inspect
import re
from collections import Counter
from pathlib import Path

import click

from lampkeeper.cli.app import job_options_shown
from lampkeeper.cli.program import every_command
from lampkeeper.deploy.roles import privileges_table, reasons_table
from localspace.api.coverage import table
from localspace.core.ledger import Standing, load_ledger
from localspace.main import cli
from localspace.server.routes import ROUTES

DOCS = Path(__file__).parent
_MADE = "<!-- made by docs/generate.py (make docs); edit the code, not this page -->\n"


def commands_page() -> str:
    """Return the reference of both command lines."""
    parts = ["# Commands\n", _MADE, "Options that every command of `lampkeeper` takes: `--json`, `--debug`, `--envs`.\n"]
    for name, group in (("lampkeeper", every_command()), ("localspace", cli.commands)):
        parts += [_command(f"{name} {command}", group[command]) for command in sorted(group)]
    return "\n".join(parts)


def _command(path: str, command: click.Command) -> str:
    context = click.Context(command, info_name=path)
    arguments = [p for p in command.params if isinstance(p, click.Argument)]
    usage = " ".join([path, *(a.make_metavar(context) for a in arguments)])
    lines = [f"## {path}\n", inspect.cleandoc(command.help or "") + "\n", f"    {usage} [OPTIONS]\n"]
    with job_options_shown(command):
        rows = [record for p in command.params if isinstance(p, click.Option) if (record := p.get_help_record(context))]
    if rows:
        lines += ["| option | meaning |", "|---|---|"]
        lines += [f"| `{_cell(option)}` | {_cell(text)} |" for option, text in rows]
        lines.append("")
    return "\n".join(lines)


def ledger_page() -> str:
    """Return the rules of enforcement by standing."""
    rows = load_ledger()
    counts = Counter(row.standing for row in rows)
    intro = (
        "Each rule by which the local workspace decides who sees what. *observed*: seen on a live workspace, by us or in a\n"
        "field report; *documented*: the platform says so; *assumed*: nobody says, so the stricter reading was taken.\n"
        "`lampkeeper conform` tries them at any place.\n"
    )
    parts = ["# The conformance ledger\n", _MADE, intro]
    for standing in Standing:
        parts += [f"## {standing} ({counts[standing]})\n", "| row | rule | source | date | probe |", "|---|---|---|---|---|"]
        parts += [
            f"| {row.id} | {_cell(row.statement)} | {_cell(row.source)} | {row.date} | `{row.probe}` |"
            for row in rows
            if row.standing is standing
        ]
        parts.append("")
    return "\n".join(parts)


def served_page() -> str:
    """Return the operations that the local workspace serves."""
    rows = table(ROUTES)
    partial = sum(row["level"] == "partial" for row in rows)
    parts = [
        "# What the local workspace serves\n", _MADE,
        f"{len(rows)} operations, {partial} of them in part. Everything else is a 501 that names itself.\n",
        "| operation of the SDK | method | path | missing |", "|---|---|---|---|",
    ]  # fmt: skip
    parts += [f"| {_cell(r['operation'])} | {r['method']} | `{r['path']}` | {_cell(r['missing'])} |" for r in rows]
    return "\n".join([*parts, ""])


def bundle_page() -> str:
    """Return the page on the bundle with its tables of privileges made anew."""
    text = (DOCS / "bundle.md").read_text(encoding="utf-8")
    head, rest = text.split("<!-- privileges:")
    comment, rest = rest.split("\n", 1)
    tail = rest.split(_END)[1]
    return f"{head}<!-- privileges:{comment}\n{privileges_table()}\n\n{reasons_table()}\n{_END}{tail}"


_END = "<!-- end of privileges -->"


def _cell(text: str) -> str:
    return re.sub(r"\s+", " ", text).replace("|", "\\|")


PAGES = {"bundle.md": bundle_page, "commands.md": commands_page, "ledger.md": ledger_page, "served.md": served_page}


def main() -> None:
    """Write every page."""
    for name, make in PAGES.items():
        (DOCS / name).write_text(make(), encoding="utf-8")


if __name__ == "__main__":
    main()
