"""Measure what batches save: a demo's steps, then its verification with one statement per table and principal, and in batches.

Run: python benchmarks/batches.py [--schema FILE | --tables N] [--only-batched]
Without a schema the demo has N tables (default 500) of 20 columns. Both verifications run one after the other on the same
workspace with the same principals and must have the same results; `--only-batched` leaves the slow one out.
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
from dataclasses import replace
from pathlib import Path

from lampkeeper.app.hash_keys import ExistingKey, local_key
from lampkeeper.app.inputs import EnvInputs
from lampkeeper.app.verifying import verify_env, verify_options
from lampkeeper.deploy.verify.report import VerifyReport
from lampkeeper.files.folder import EnvFolder
from lampkeeper.places.local import LocalPlace
from lampkeeper.remote.clients import connect
from lampkeeper.remote.warehouse import run_sql

sys.path.insert(0, str(Path(__file__).parent))
from design_scale import make_snapshot

ENV = "dev"
GOALS = {"fineract": {"all": 45.0, "verify": 15.0}, "scale": {"all": 150.0, "verify": 60.0}}
"""Seconds on two free cores: fineract (2,062 columns), and 500 tables of 20 columns."""


def write_schema(path: Path, tables: int) -> None:
    """Write a schema file with tables of 20 columns over two catalogs."""
    lines = []
    for table in make_snapshot(tables * 20).tables:
        for column in table.columns:
            entry = {"db": f"{table.name.catalog}.{table.name.schema}", "table": table.name.table}
            lines.append(json.dumps(entry | {"column": column.name, "type": column.type, "comment": ""}) + "\n")
    path.write_text("".join(lines), encoding="utf-8")


def run_demo(folder: Path, schema: Path) -> dict[str, float]:
    """Run the demo and return seconds by step, `all` from the start of the process to its end."""
    command = [sys.executable, "-c", "from lampkeeper.cli.main import run; run()", "demo", "--json", "--dir", str(folder)]
    began = time.monotonic()
    done = subprocess.run([*command, "--schema", str(schema)], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"the demo failed with {done.returncode}:\n{done.stderr[-3000:]}")
    steps: dict[str, float] = json.loads(done.stdout)["steps"]
    return steps | {"all": time.monotonic() - began}


def verifications(home: Path, *, batched: tuple[bool, ...]) -> list[tuple[str, VerifyReport, dict[str, int]]]:
    """Verify what the demo left behind; return for each way its name, report, and calls of all kinds."""
    place = LocalPlace(folder=home / "workspace")
    address = place.up()
    try:
        found = []
        for each in batched:
            workspace = connect(address.signed(), warehouse_id=address.warehouse_id)
            inputs = EnvInputs(EnvFolder(home, ENV))
            options = replace(verify_options(inputs.settings, {}, create_test_principals=True, local=True), batched=each)
            key = ExistingKey(key=local_key(workspace, ENV))
            # The first statement starts the engine, which is no part of a verification.
            run_sql(workspace, "SELECT 1")
            workspace.tally.clear()
            report = verify_env(inputs, workspace, options, find_key=lambda key=key: key)  # type: ignore[misc]
            calls = {kind: sum(counts.values()) for kind, counts in workspace.calls().items()}
            found.append(("in batches" if each else "one by one", report, calls))
        return found
    finally:
        place.down()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--schema", type=Path)
    parser.add_argument("--tables", type=int, default=500)
    parser.add_argument("--only-batched", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="batches-") as name:
        folder = Path(name)
        schema = options.schema or folder / "scale.jsonl"
        if options.schema is None:
            write_schema(schema, options.tables)
        goals = GOALS.get(schema.stem, {})
        load = os.getloadavg()[0]
        for step, seconds in run_demo(folder, schema).items():
            goal = f"   goal {goals[step]:.0f}" if step in goals else ""
            print(f"{step:<28} {seconds:>8.2f} s{goal}", flush=True)
        ways = (True,) if options.only_batched else (False, True)
        found = verifications(folder / schema.stem, batched=ways)
    print(f"\n{'verify':<14} {'statements':>10} {'seconds':>8} {'cells':>8} {'findings':>8} {'reads by REST':>13}")
    for way, report, calls in found:
        rest = sum(n for kind, n in calls.items() if kind != "verify")
        print(
            f"{way:<14} {report.queries:>10} {report.seconds:>8.1f} {len(report.cells):>8} {len(report.findings):>8} {rest:>13}"
        )
    if len(found) == 2:
        (_, alone, _), (_, together, _) = found
        same = (alone.cells, alone.rows, alone.findings) == (together.cells, together.rows, together.findings)
        print(
            f"ratio          {alone.queries / together.queries:>10.1f} {alone.seconds / together.seconds:>8.1f}"
            f"   {'same results' if same else 'DIFFERENT RESULTS'}"
        )
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"largest process: {peak:.0f} MB, this one: {own:.0f} MB; cores: {os.cpu_count()}; load at the start: {load:.1f}")


if __name__ == "__main__":
    main()
