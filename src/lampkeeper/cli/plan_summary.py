"""A plan on the terminal, in colour."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import click

from lampkeeper.cli.console import Console
from lampkeeper.deploy.plan import Plan
from lampkeeper.deploy.printed_plan import Line, Tone, plan_lines

_STYLES: Mapping[Tone, str] = {
    Tone.HEADING: "bold", Tone.PLAIN: "", Tone.CREATE: "green", Tone.UPDATE: "yellow", Tone.DELETE: "red", Tone.ADOPT: "cyan",
    Tone.FORGET: "dim", Tone.ADDED: "green", Tone.REMOVED: "red", Tone.NARROWER: "green", Tone.DANGER: "bold red",
}  # fmt: skip

full_option = click.option("--full", is_flag=True, help="List every change separately, without shortening.")


def print_plan(console: Console, plan: Plan, *, full: bool = False) -> tuple[Line, ...]:
    """Print a plan and return the printed lines."""
    lines = plan_lines(plan, full=full)
    print_lines(console, lines)
    return lines


def print_lines(console: Console, lines: Iterable[Line]) -> None:
    """Print lines of a plan."""
    for line in lines:
        console.line(line.text, _STYLES[line.tone])
