"""The unmodified Terraform with the unmodified provider, in a folder of its own."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Terraform:
    """One configuration: the program, its folder, the environment with the variables."""

    program: str
    folder: Path
    environment: dict[str, str]

    def run(self, *words: str) -> tuple[int, str]:
        """Run one command, return its exit code and what it printed."""
        done = subprocess.run(
            [self.program, *words, "-no-color"], cwd=self.folder, env=self.environment, capture_output=True, text=True,
            timeout=300, check=False,
        )  # fmt: skip
        return done.returncode, done.stdout + done.stderr

    def apply(self, **variables: str) -> str:
        """Apply without a question, one resource after the other, and return what was printed; a failure is an assertion."""
        given = [f"-var={name}={value}" for name, value in variables.items()]
        code, output = self.run("apply", "-auto-approve", "-parallelism=1", *given)
        assert code == 0, complaints(output)
        return output

    def planned(self, **variables: str) -> str:
        """Return what a plan would change, "" for nothing."""
        given = [f"-var={name}={value}" for name, value in variables.items()]
        code, output = self.run("plan", "-detailed-exitcode", *given)
        return "" if code == 0 else output.partition("Terraform used the selected providers")[2] or complaints(output)

    def destroy(self) -> str:
        """Destroy everything and return what was printed; a failure is an assertion."""
        code, output = self.run("destroy", "-auto-approve", "-parallelism=1")
        assert code == 0, complaints(output)
        return output


def complaints(output: str) -> str:
    """Return the errors of a run, which come last."""
    return output[max(output.find("\nError:"), 0) :]


def prepared(program: str, mirror: Path | str, folder: Path, config: Path, variables: dict[str, str]) -> Terraform:
    """Return Terraform in `folder` with a configuration, initialised from the mirror; no network is used."""
    settings = folder / "terraform.rc"
    settings.write_text(f'provider_installation {{\n  filesystem_mirror {{\n    path = "{mirror}"\n  }}\n}}\n')
    work = folder / "work"
    work.mkdir()
    (work / "main.tf").write_text(config.read_text())
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "TF_CLI_CONFIG_FILE": str(settings),
        "CHECKPOINT_DISABLE": "1",
    }
    environment |= {f"TF_VAR_{name}": value for name, value in variables.items()}
    made = Terraform(program=program, folder=work, environment=environment)
    code, output = made.run("init")
    assert code == 0, output
    return made
