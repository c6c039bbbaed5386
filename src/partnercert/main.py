"""The command line: run, list, explain, init, serve, signoff; and the same for a task of a job."""

from __future__ import annotations

import sys

import click

from partnercert.ending import Ending, NotCertified


def run() -> None:
    """Start the command line; say plainly when the extra is not installed."""
    _program()()


def run_task() -> None:
    """Run the command of a task; raise NotCertified with its last sentence unless it succeeded."""
    try:
        _program().main(standalone_mode=False)
    except click.ClickException as error:
        raise NotCertified(f"partnercert: {error.format_message()}") from None
    except SystemExit as end:
        if end.code not in (None, 0):
            said = end.said if isinstance(end, Ending) else f"partnercert ended with exit code {end.code}"
            raise NotCertified(said) from None


def _program() -> click.Command:
    try:
        from partnercert.commands import cli
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "partnercert":
            raise
        said = f"partnercert needs {error.name}: install the extra in the clone: pip install '.[partner]'"
        sys.stderr.write(said + "\n")
        raise Ending(2, said) from error
    return cli


if __name__ == "__main__":
    run()
