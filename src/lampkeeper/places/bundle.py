"""Deploys, queries and destroys the bundle through the Databricks CLI."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lampkeeper.model.errors import RemoteError, UsageError
from lampkeeper.model.known_names import unknown_name
from lampkeeper.places.job_run import require_parameters
from lampkeeper.places.place import Address
from lampkeeper.remote.programs import run_program

CLI = "LAMPKEEPER_DATABRICKS_CLI"
"""The environment variable with the path of the Databricks CLI if it is not on PATH."""

HOW_TO_GET_IT = (
    "install the Databricks CLI 1.13 or newer (https://docs.databricks.com/dev-tools/cli/install.html), so that `databricks`"
    f" is on PATH, or name it in {CLI}"
)
_OLDEST = (1, 13)
_SIGN_IN = frozenset(
    f"DATABRICKS_{name}"
    for name in (
        "HOST", "TOKEN", "ACCOUNT_ID", "WORKSPACE_ID", "CLIENT_ID", "CLIENT_SECRET", "USERNAME", "PASSWORD", "CONFIG_PROFILE",
        "AUTH_TYPE", "AZURE_RESOURCE_ID", "GOOGLE_SERVICE_ACCOUNT", "OIDC_TOKEN", "OIDC_TOKEN_ENV", "OIDC_TOKEN_FILEPATH",
        "TOKEN_AUDIENCE", "METADATA_SERVICE_URL",
    )
)  # fmt: skip
"""The variables that say who signs in and where (source: SDK 0.156, Config); DATABRICKS_CONFIG_FILE says where profiles are."""
_WRONG_USE = ("no such target", "no value assigned to required variable", "has not been defined", "unknown flag")
_FIXES = {
    "prevent_destroy": "this would delete state, plans and history, and leave the governed objects without an owner: first run"
    " `lampkeeper destroy` for each environment, then remove prevent_destroy from databricks.yml and deploy (docs/bundle.md,"
    " Remove the bundle)",
    "already exists": "an interrupted deploy created it without recording it in its state: `databricks bundle deployment bind`"
    " records it (docs/bundle.md, After a deploy that was cut off)",
    "deploy lock acquired": "if that deploy has died: run `databricks bundle deploy --force-lock` once",
    "hatchling": "building the wheel needs the package index once: make sure that `uv build --wheel` works here, then run again",
}
_GRACE = 20.0
_TAIL = 4_000


def find_cli(environ: Mapping[str, str]) -> str:
    """Return the path of the Databricks CLI; raise UsageError, with how to install it, if it is missing."""
    named = environ.get(CLI, "")
    found = shutil.which(named or "databricks", path=environ.get("PATH"))
    if found is None:
        what = f"{CLI}={named} is not a program" if named else "`databricks` is not on PATH"
        raise UsageError(f"bundles need the Databricks CLI: {what}", fix=HOW_TO_GET_IT)
    return found


def require_recent(cli: str) -> None:
    """Raise UsageError if the Databricks CLI is older than the bundle needs, or is another program."""
    ended = run_program([cli, "version"], folder=Path.cwd(), environment=os.environ, grace=_GRACE)
    said = (ended.out + ended.err).strip()
    found = re.search(r"\bv?(\d+)\.(\d+)\.", said)
    if ended.code != 0 or found is None:
        line = said.splitlines()[0] if said else f"it ended with {ended.code}"
        raise UsageError(f"{cli} is not the Databricks CLI: `{cli} version` says: {line}", fix=HOW_TO_GET_IT)
    if (int(found[1]), int(found[2])) < _OLDEST:
        oldest = ".".join(map(str, _OLDEST))
        raise UsageError(f"bundles need the Databricks CLI {oldest} or newer, and {cli} is {found[0]}x", fix=HOW_TO_GET_IT)


def sign_in(address: Address, scratch: Path | None = None) -> dict[str, str]:
    """Return the environment variables of the CLI at a place: the caller's, with the place's sign-in if it has one.

    `scratch` is the folder for the CLI's copy of the deploy state; a copy
    beside the bundle may belong to another, former workspace.
    """
    auth = address.signed()
    values = {
        "DATABRICKS_HOST": auth.workspace_host, "DATABRICKS_TOKEN": auth.token, "DATABRICKS_CLIENT_ID": auth.client_id,
        "DATABRICKS_CLIENT_SECRET": auth.client_secret, "DATABRICKS_CONFIG_PROFILE": auth.profile,
    }  # fmt: skip
    given = {name: value for name, value in values.items() if value}
    found = dict(os.environ)
    if auth.token or auth.client_secret or auth.profile:
        found = {name: value for name, value in found.items() if name not in _SIGN_IN}
    if auth.token:
        # A profile of this machine must not override a place that has its own token.
        found["DATABRICKS_CONFIG_FILE"] = os.devnull
    if scratch is not None:
        found["DATABRICKS_BUNDLE_TMP"] = str(scratch)
    return found | given


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """A folder with a databricks.yml, and one of its targets at one place.

    `environment` are all variables of the CLI's environment; `report` receives its output.
    """

    folder: Path
    target: str
    environment: Mapping[str, str]
    cli: str
    variables: Mapping[str, str] = field(default_factory=dict)
    report: Callable[[str], None] = lambda _: None

    def __post_init__(self) -> None:
        """Raise UsageError if the folder is not a bundle."""
        if not (self.folder / "databricks.yml").is_file():
            raise UsageError(
                f"{self.folder}: no databricks.yml here", fix="run in the project's folder, or name it with --bundle"
            )

    def check(self, job: str, parameters: Mapping[str, str]) -> None:
        """Raise UsageError before anything is built: without uv, and for an unknown target, variable, job or parameter."""
        if shutil.which("uv", path=self._environ()["PATH"]) is None:
            raise UsageError("building the wheel needs uv, which is not on PATH", fix="make setup, or pip install uv")
        found = json.loads(self._run("validate", "-t", self.target, "-o", "json", quiet=True))
        jobs = (found.get("resources") or {}).get("jobs") or {}
        if job not in jobs:
            raise unknown_name("job", job, jobs, where=f"in the bundle's target {self.target}")
        require_parameters(jobs[job], parameters)

    def deploy(self) -> None:
        """Build the wheel, upload it, create and update the resources."""
        self._run("deploy", "-t", self.target)

    def destroy(self) -> None:
        """Remove everything that a deploy created."""
        self._run("destroy", "-t", self.target, "--auto-approve")

    def summary(self) -> dict[str, Any]:
        """Return the deployed resources, as the CLI reports them."""
        found: dict[str, Any] = json.loads(self._run("summary", "-t", self.target, "-o", "json", quiet=True))
        return found

    def job_id(self, key: str) -> int:
        """Return the ID of a deployed job; raise UsageError, with the names of the jobs, if there is none of this name."""
        jobs = (self.summary().get("resources") or {}).get("jobs") or {}
        if key not in jobs:
            raise unknown_name("job", key, jobs, where="in the bundle")
        if not jobs[key].get("id"):
            raise UsageError(f"the job {key!r} is not deployed", fix=f"databricks bundle deploy -t {self.target}")
        return int(jobs[key]["id"])

    def _run(self, *words: str, quiet: bool = False) -> str:
        variables = [word for name, value in sorted(self.variables.items()) for word in ("--var", f"{name}={value}")]
        command = [self.cli, "bundle", *words, *variables]
        ended = run_program(command, folder=self.folder, environment=self._environ(), grace=_GRACE)
        if ended.code != 0:
            raise _refusal(words, self.target, ended.code, (ended.err or ended.out).strip())
        if not quiet:
            for line in (ended.err + ended.out).strip().splitlines():
                self.report(line)
        return ended.out

    def _environ(self) -> dict[str, str]:
        found = dict(self.environment)
        # After `make setup`, uv is in the bundle's .venv, which is also the folder of this Python there.
        beside = (str(self.folder / ".venv" / "bin"), str(Path(sys.executable).parent))
        return found | {"PATH": os.pathsep.join([found.get("PATH", os.defpath), *beside])}


def _refusal(words: tuple[str, ...], target: str, code: int, said: str) -> UsageError | RemoteError:
    doing = f"databricks bundle {words[0]} -t {target}"
    if any(words in said for words in _WRONG_USE):
        return UsageError(f"{doing}: {said[-_TAIL:]}", fix="see databricks.yml for its targets and variables")
    fix = next((fix for words, fix in _FIXES.items() if words in said), "see the CLI's output, and run again")
    return RemoteError(f"{doing} ended with {code}:\n{said[-_TAIL:]}", code="BUNDLE_FAILED", fix=fix)
