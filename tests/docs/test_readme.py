"""The README is a transcript: every console block is run, and prints what the page says."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from lampkeeper.demo.run import bank_subject, seed_subject
from lampkeeper.places.local import LocalPlace
from lampkeeper.remote.clients import connect
from support.missing_tools import databricks_cli, report_missing
from support.transcripts import Block, Step, blocks

ROOT = Path(__file__).parents[2]
BLOCKS = tuple(blocks(ROOT / "README.md"))
TIMEOUTS = 280


@dataclass
class Reader:
    """Somebody who types what the page says, in a folder of their own; `make` runs in the repository."""

    folder: Path
    env: dict[str, str]
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def run(self, step: Step) -> str:
        """Run one step and return what it printed; one that ends with & goes on running."""
        in_repository = step.command.startswith("make")
        if step.command.endswith("&"):
            return self._start(step)
        done = subprocess.run(
            ["bash", "-c", step.command], cwd=ROOT if in_repository else self.folder, env=self.env, timeout=TIMEOUTS,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
        )  # fmt: skip
        return done.stdout.decode()

    def _start(self, step: Step) -> str:
        log = self.folder / f"started{len(self.started)}.log"
        with log.open("wb") as out:
            command = ["bash", "-c", f"exec {step.command.removesuffix('&')}"]
            self.started.append(subprocess.Popen(command, cwd=self.folder, env=self.env, stdout=out, start_new_session=True))
        deadline = time.monotonic() + 20
        while not step.agrees(log.read_text()) and time.monotonic() < deadline:
            time.sleep(0.05)
        return log.read_text()

    def close(self) -> None:
        """End what was started."""
        for process in self.started:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(20)


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    folder = tmp_path_factory.mktemp("reader")
    place = LocalPlace(folder=folder / "workspace")
    try:
        address = place.up()
        seed_subject(connect(address.signed(), warehouse_id=address.warehouse_id), bank_subject())
        facts = ("host", "token", "account_id", "workspace_id")
        lines = "".join(f"{key} = {getattr(address, key)}\n" for key in facts)
        (folder / "profiles").write_text(f"[DEV]\n{lines}")
        path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
        # The suite itself may run under make, whose variables would make the page's make tell of folders.
        keep = {k: v for k, v in os.environ.items() if not k.startswith(("DATABRICKS_", "LAMPKEEPER_", "MAKE", "MFLAGS"))}
        env = keep | {
            "PATH": path, "DATABRICKS_CONFIG_FILE": str(folder / "profiles"), "DEMO_ARGS": f"--dir {folder / 'demo'}",
            "COLUMNS": "200",
        }  # fmt: skip
        typist = Reader(folder, env)
        yield typist
        typist.close()
    finally:
        place.down()


def test_each_block_is_tagged_with_words_that_mean_something() -> None:
    assert {t for b in BLOCKS for t in b.tags} <= {"heavy", "needs=databricks"}
    assert all(b.steps for b in BLOCKS)


def marked(block: Block) -> object:
    marks = [pytest.mark.server, pytest.mark.spark, *([pytest.mark.heavy] if "heavy" in block.tags else [])]
    return pytest.param(block, marks=marks, id=f"line-{block.line}")


@pytest.mark.parametrize("block", [marked(b) for b in BLOCKS])
def test_what_the_readme_shows_is_what_comes_out(reader: Reader, block: Block) -> None:
    if "needs=databricks" in block.tags:
        program = databricks_cli()
        if program is None:
            report_missing("databricks", "install the Databricks CLI")
            pytest.skip("the Databricks CLI was not found")
        reader.env["PATH"] = os.pathsep.join((str(Path(program).parent), reader.env["PATH"]))
    for step in block.steps:
        output = reader.run(step)
        assert step.agrees(output), (
            f"{block.page}:{block.line}: $ {step.command}\nnot there: {step.first_missing(output)!r}\nprinted:\n{output}"
        )


def test_every_link_of_the_readme_leads_somewhere() -> None:
    text = (ROOT / "README.md").read_text()
    targets = re.findall(r"\]\(([^)#]+)\)", text)
    assert targets
    assert [t for t in targets if "://" not in t and not (ROOT / t).exists()] == []
