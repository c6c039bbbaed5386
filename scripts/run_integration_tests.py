#!/usr/bin/env python3
"""Runs the scenarios: `lampkeeper scenarios` under the name that the guide uses.

Another Python than that of `.venv` starts the one there.
"""

import importlib.util
import os
import sys
from pathlib import Path

PYTHON = Path(__file__).resolve().parent.parent / ".venv" / "bin" / "python"

if importlib.util.find_spec("lampkeeper") is None:
    if not PYTHON.is_file() or Path(sys.executable) == PYTHON:
        sys.stderr.write("error: lampkeeper is not installed here\n  fix: make environment\n")
        sys.exit(2)
    os.execv(PYTHON, [str(PYTHON), *sys.argv])  # noqa: S606 (the project's own Python, arguments as a list)

from lampkeeper.cli.main import main  # noqa: E402 (found only after the check above)

# A worker of --parallel reads this file too, and must not start the run again.
if __name__ == "__main__":
    sys.exit(main(["scenarios", *sys.argv[1:]]))
