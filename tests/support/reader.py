"""Somebody who reads a page in a fresh clone, and types what it says."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from support.missing_tools import databricks_cli
from support.transcripts import CLONE, Block, Step

ROOT = Path(__file__).parents[2]
_KEPT_BY_THE_SHELL = re.compile(r"\. |cd |export ")
# The suite itself may run under make, whose variables would make the page's make report its folders.
_NOT_THE_READERS = ("DATABRICKS_", "LAMPKEEPER_", "MAKE", "MFLAGS")


@dataclass
class Reader:
    """A shell in a clone of the repository, which is `home`/lampkeeper; `home` holds the reader's other files.

    `seconds` bounds one command. `whole` is for pages that deploy the bundle: the clone then holds copies, because the
    Databricks CLI uploads no links.
    """

    home: Path
    seconds: float = 280
    whole: bool = False
    kept: list[str] = field(default_factory=list)
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def clone(self) -> Path:
        """Return the clone's folder."""
        return self.home / "lampkeeper"

    def arrive(self) -> None:
        """Make the clone: everything of the repository and its environment, and folders of its own to write to."""
        # Before the links are there: through them it would install what lies behind the links.
        subprocess.run(["make", "--silent", "environment"], cwd=ROOT, env=self._environment(), check=True)
        self.clone.mkdir(parents=True)
        listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
        names = {name.split("/")[0] for name in listed.splitlines()} - {"envs", "scripts"}
        if self.whole:
            for name in listed.splitlines():
                if not name.startswith(("tests/", "benchmarks/", "envs/", "scripts/")) and (ROOT / name).is_file():
                    (self.clone / name).parent.mkdir(parents=True, exist_ok=True)
                    shutil.copy2(ROOT / name, self.clone / name)
            names = set()
        for name in (*names, ".venv"):
            (self.clone / name).symlink_to(ROOT / name)
        (self.clone / "envs").mkdir()
        shutil.copy(ROOT / "envs" / "README.md", self.clone / "envs")
        (self.clone / "scripts").mkdir()
        for example in (ROOT / "scripts").glob("*.example"):
            shutil.copy(example, self.clone / "scripts")

    def run(self, step: Step) -> str:
        """Run one step and return what it printed, as the page writes it; one that ends with & goes on in the background."""
        if _KEPT_BY_THE_SHELL.match(step.command):
            self.kept.append(step.command)
        printed = self._start(step) if step.in_background else self._finish(step.command)
        return printed.replace(str(self.clone), CLONE)

    def _finish(self, command: str) -> str:
        process = self._shell("\n".join([*self.kept, command]), subprocess.PIPE)
        try:
            printed, _ = process.communicate(timeout=self.seconds)
        except BaseException:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(20)
            raise
        return printed.decode()

    def _shell(self, text: str, out: int | IO[bytes]) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            ["bash", "-c", text], cwd=self.clone, env=self._environment(), start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def _start(self, step: Step) -> str:
        log = self.home / f"started{len(self.started)}.log"
        with log.open("wb") as out:
            shell = self._shell("\n".join([*self.kept, f"exec {step.command.removesuffix('&')}"]), out)
            self.started.append(shell)
        deadline = time.monotonic() + 20
        text, grown = "", time.monotonic()
        while (not text or not step.agrees(text.replace(str(self.clone), CLONE))) and time.monotonic() < deadline:
            time.sleep(0.05)
            if text and time.monotonic() - grown > 3:
                break
            if (now := log.read_text()) != text:
                text, grown = now, time.monotonic()
        return text

    def _environment(self) -> dict[str, str]:
        keep = {k: v for k, v in os.environ.items() if not k.startswith(_NOT_THE_READERS)}
        cli = databricks_cli()
        folders = [*([str(Path(cli).parent)] if cli else []), os.environ["PATH"]]
        return keep | {"HOME": str(self.home), "PATH": os.pathsep.join(folders), "COLUMNS": "100"}

    def leave(self) -> None:
        """End what was started."""
        for process in self.started:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(20)


def lacking(block: Block) -> list[str]:
    """Return the programs that a block needs and this machine does not have."""
    needed = [tag.removeprefix("needs=") for tag in sorted(block.tags) if tag.startswith("needs=")]
    return [name for name in needed if not (databricks_cli() if name == "databricks" else shutil.which(name))]


def can_run(block: Block) -> bool:
    """Say whether this machine has what a block needs."""
    return not lacking(block)
