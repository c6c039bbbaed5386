"""The flags of a command, and those that a wheel task gives it."""

from __future__ import annotations

from typing import Any

import click

from lampkeeper.cli.program import every_command


def options_of(command: str) -> dict[str, click.Option]:
    """Return the options of a command by each of their spellings."""
    found = every_command()[command]
    return {o: p for p in found.params if isinstance(p, click.Option) for o in (*p.opts, *p.secondary_opts)}


def task_flags(task: dict[str, Any]) -> tuple[str, dict[str, str | None]]:
    """Return the command of a task and its flags with their values, None for a flag that stands alone."""
    command, *words = task["python_wheel_task"]["parameters"]
    flags, known, rest = {}, options_of(command), iter(words)
    for word in rest:
        name, sign, value = word.partition("=")
        alone = name in known and known[name].is_flag
        flags[name] = value if sign else None if alone else next(rest)
    return command, flags
