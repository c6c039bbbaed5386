"""Measure the demo: seconds of each step, first and second run, and the peak memory of its processes. Prints a table.

Run: python benchmarks/demo_steps.py [--schema FILE] [--setup]
`--setup` also measures `make setup` in a fresh clone of this repository (it needs a package index).
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
GOALS = {"set-up": 90.0, "all": 45.0}
"""Seconds on two cores."""


def run_demo(folder: Path, schema: str) -> dict[str, float]:
    """Run the demo and return seconds by step, `all` from the start of the process to its end."""
    command = [sys.executable, "-c", "from lampkeeper.cli.main import run; run()", "demo", "--json", "--dir", str(folder)]
    began = time.monotonic()
    done = subprocess.run([*command, *(["--schema", schema] if schema else [])], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"the demo failed with {done.returncode}:\n{done.stderr}")
    steps: dict[str, float] = json.loads(done.stdout)["steps"]
    return steps | {"all": time.monotonic() - began}


def run_setup(folder: Path) -> float:
    """Clone the repository, run `make setup` there, and return its seconds."""
    clone = folder / "clone"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
    env = {k: v for k, v in os.environ.items() if k not in ("VIRTUAL_ENV", "MAKEFLAGS", "MAKELEVEL")}
    began = time.monotonic()
    subprocess.run(["make", "--silent", "setup"], cwd=clone, env=env, check=True)
    return time.monotonic() - began


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--schema", default="")
    parser.add_argument("--setup", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="demo-steps-") as name:
        folder = Path(name)
        rows = [("set-up", run_setup(folder), None)] if options.setup else []
        first, second = run_demo(folder, options.schema), run_demo(folder, options.schema)
        rows += [(step, seconds, second.get(step)) for step, seconds in first.items()]
    print(f"{'step':<28} {'first s':>8} {'again s':>8}  goal s")
    for step, seconds, again in rows:
        goal = f"{GOALS[step]:.0f}" if step in GOALS and not options.schema else ""
        print(f"{step:<28} {seconds:>8.2f} {'' if again is None else f'{again:.2f}':>8}  {goal}")
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"largest process: {peak:.0f} MB; cores: {os.cpu_count()}")


if __name__ == "__main__":
    main()
