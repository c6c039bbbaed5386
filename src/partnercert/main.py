"""The command line: run, list, explain, init, serve, signoff."""

from __future__ import annotations

import sys


def run() -> None:
    """Start the command line; say plainly when the extra is not installed."""
    try:
        from partnercert.commands import cli
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "partnercert":
            raise
        sys.stderr.write(f"partnercert needs {error.name}: install the extra in the clone: pip install '.[partner]'\n")
        raise SystemExit(2) from error
    cli()


if __name__ == "__main__":
    run()
