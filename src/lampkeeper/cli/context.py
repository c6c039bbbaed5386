"""The command context: console, environment, and the flags of a job."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lampkeeper.cli.console import Console
from lampkeeper.deploy.shared import SharedEnvs
from lampkeeper.deploy.state import States
from lampkeeper.deploy.state_table import StateTable
from lampkeeper.files.folder import ACCOUNT, EnvFolder, environments
from lampkeeper.files.layer_folders import AccountFolder
from lampkeeper.files.local_files import LocalFiles
from lampkeeper.model.known_names import unknown_name
from lampkeeper.remote.deployment import environments_in
from lampkeeper.remote.volumes import VolumeFolder

if TYPE_CHECKING:
    from lampkeeper.app.inputs import EnvInputs


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFlags:
    """The options that only tasks of a job pass; all empty when a person runs the command."""

    task_value: bool = False
    run_id: str = ""
    account_secret_scope: str = ""
    warehouse: str = ""
    history: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandContext:
    """The context of a command: the console, the folder that holds `envs`, the environment's name, a profile.

    `shared` is set if `root` is a copy of a volume, `state_table` if the state is kept in a table; `files` is where plans and
    records of runs are kept; `also` are the names of other environments that the command works on.
    """

    console: Console
    root: Path
    env: str
    profile: str = ""
    flags: JobFlags = field(default_factory=JobFlags)
    files: LocalFiles | VolumeFolder = field(default_factory=lambda: LocalFiles(Path("envs")))
    shared: SharedEnvs | None = None
    state_table: StateTable | None = None
    also: tuple[str, ...] = ()

    def mirror(self, states: States) -> None:
        """Let each journal entry of these states reach shared storage, if there is any, before the write that it announces."""
        for storage in (self.shared, self.state_table):
            if storage is not None:
                storage.mirror(states)

    def inputs(self, *, account: bool = False) -> EnvInputs:
        """Return the files of the environment, to be parsed once; raise UsageError when the environment is not there.

        `account` is true for commands that also work on the account layer alone, as the environment `account`.
        """
        # Imported here for its loading time: commands without inputs do not wait for it.
        from lampkeeper.app.inputs import AccountInputs, EnvInputs

        if account and self.env == ACCOUNT:
            return AccountInputs(AccountFolder.existing(self.root))
        return EnvInputs(self.folder())

    def folder(self) -> EnvFolder:
        """Return the environment's folder; raise UsageError, with the environments that exist, if it is missing.

        Those are the ones in the volume, and the ones that the bundle has deployed and no run has copied there yet.
        """
        folder = EnvFolder(self.root, self.env)
        if self.shared is not None and not folder.settings_path.is_file():
            volume = self.shared.volume
            there = {*environments_in(volume.workspace, volume.path), *self._deployed()}
            fix = f"put envs/{self.env}/env.auto.tfvars beside databricks.yml and deploy: `snapshot --input` copies it"
            where = f"because {volume.path}/{self.env}/env.auto.tfvars does not exist"
            raise unknown_name("environment", self.env, there, where=where, fix=fix)
        return EnvFolder.existing(self.root, self.env)

    def _deployed(self) -> tuple[str, ...]:
        """Return the environments among the bundle's files, if the command was given their folder by --input."""
        called = click.get_current_context(silent=True)
        given = (called.params.get("given") or called.params.get("bundle_inputs")) if called is not None else None
        return environments(Path(given).parent) if given and Path(given).name == "envs" else ()
