"""The files of an environment as a notebook reads and writes them: in a local folder, or in the volume of a deployed bundle."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lampkeeper.app.inputs import EnvInputs
from lampkeeper.deploy.shared import shared_envs
from lampkeeper.files.folder import EnvFolder, environments
from lampkeeper.files.local_files import LocalFiles
from lampkeeper.model.auth import Auth
from lampkeeper.model.errors import LampkeeperError, UsageError
from lampkeeper.model.known_names import unknown_name
from lampkeeper.remote.clients import Workspace, connect
from lampkeeper.remote.deployment import Deployment, deployment_of, environments_in
from lampkeeper.remote.task import whoami
from lampkeeper.remote.volumes import ROOT, VolumeFolder

DEFAULT_ENVS = "/Volumes/main/lampkeeper_ops/lampkeeper/envs"
_WAIT_SECONDS = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """An environment that is open: its inputs, and the folder of all environments with plans and records."""

    inputs: EnvInputs
    files: LocalFiles | VolumeFolder
    envs: str

    @property
    def env(self) -> str:
        """Return the environment's name."""
        return self.inputs.env


@contextmanager
def opened(envs: str, env: str, *, writes: bool = False) -> Iterator[Opened]:
    """Open an environment; with `writes`, take the lease of a volume and upload changed files afterwards.

    Raise UsageError, with the environments that exist, if there is none of this name.
    """
    if envs.startswith(ROOT):
        workspace = connect(Auth())
        volume = VolumeFolder(workspace, envs)
        there = environment_names(envs)
        if env not in there:
            raise unknown_name("environment", env, there, where=f"in {envs}", fix=f"lampkeeper setup --env {env}")
        holder = f"{whoami(workspace)}, notebook"
        with shared_envs(volume, env, holder=holder, writes=writes, wait=_WAIT_SECONDS, report=lambda _: None) as shared:
            try:
                yield Opened(inputs=EnvInputs(EnvFolder.existing(shared.root, env)), files=volume, envs=envs)
            except LampkeeperError as error:
                error.message, error.fix = shared.named(error.message), shared.named(error.fix)
                raise
        return
    path = _local(envs)
    yield Opened(inputs=EnvInputs(EnvFolder.existing(path.parent, env)), files=LocalFiles(path), envs=envs)


def environment_names(envs: str) -> tuple[str, ...]:
    """Return the names of the environments in a folder or volume, sorted."""
    if not envs.startswith(ROOT):
        return environments(_local(envs).parent)
    return environments_in(connect(Auth()), envs)


def history_schema(envs: str) -> str:
    """Return `catalog.schema` of the history tables: the schema of the volume; empty for a local folder."""
    parts = envs.split("/")
    return ".".join(parts[2:4]) if envs.startswith(ROOT) and len(parts) > 4 else ""


def deployed(workspace: Workspace, notebook: str) -> Deployment | None:
    """Return the bundle to which a notebook belongs, by its path or its user; None if none is visible or several fit."""
    try:
        return deployment_of(workspace, near=notebook, user=whoami(workspace))
    except UsageError:
        return None


def _local(envs: str) -> Path:
    path = Path(envs)
    if path.name != "envs":
        raise UsageError(f"{envs}: the folder of the environments must be named envs", fix="give …/envs")
    return path
