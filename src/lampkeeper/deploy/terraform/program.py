"""Finds terraform or OpenTofu and runs it; the only module of the engine that runs a program."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lampkeeper.model.errors import RemoteError, UnsafePlanError, UsageError
from lampkeeper.remote.programs import run_program

NAMES = ("terraform", "tofu")
CHOSEN = "LAMPKEEPER_TERRAFORM"
"""The environment variable that names a program instead of the first one of `NAMES` on PATH."""
_GRACE = 60
_TAIL = 3000
_STALE = "Saved plan is stale"
_FRAME = str.maketrans("", "", "╷│╵")


def find_program(environ: Mapping[str, str]) -> str:
    """Return the path of terraform or OpenTofu; raise UsageError if there is neither."""
    chosen = environ.get(CHOSEN, "")
    names = (chosen,) if chosen else NAMES
    found = next((path for name in names if (path := shutil.which(name, path=environ.get("PATH")))), None)
    if found is None:
        missing = f"{CHOSEN}={chosen} is not a program" if chosen else "neither terraform nor tofu is on PATH"
        raise UsageError(missing, fix="install Terraform 1.5 or OpenTofu 1.6 or newer, or leave out --engine terraform")
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """The program with its environment; `secrets` are removed from its messages."""

    path: str
    environment: Mapping[str, str] = field(repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)

    def run(self, folder: Path, *words: str) -> str:
        """Run one command in a folder and return its output; raise RemoteError, with its message, if it fails.

        A saved plan that the state has outrun is UnsafePlanError. After Ctrl-C the program gets time to save its state.
        """
        ended = run_program([self.path, *words], folder=folder, environment=self.environment, grace=_GRACE)
        if ended.code != 0:
            raise self._refusal(words[0], ended.code, ended.err or ended.out)
        return ended.out

    def _refusal(self, command: str, code: int, said: str) -> RemoteError | UnsafePlanError:
        text = said[max(said.find("Error:"), 0) :].translate(_FRAME)
        for secret in self.secrets:
            text = text.replace(secret, "(secret)")
        lines = "\n".join(f"  {line.strip()}" for line in text[:_TAIL].splitlines() if line.strip())
        name = Path(self.path).name
        if _STALE in text:
            return UnsafePlanError(f"{name} {command}: the state has changed since the plan was created", fix="run `plan` again")
        return RemoteError(
            f"{name} {command} ended with {code}:\n{lines}", code="TERRAFORM_FAILED", fix="resolve this error, then run again"
        )
