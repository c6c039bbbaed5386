"""Folders with one layer: that of the account layer, and one for each further workspace of an environment.

envs/<env>/workspaces/<name>/        env.auto.tfvars (optional), auth.auto.tfvars (secret), state.json
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lampkeeper.files.folder import ABAC_FILE, ACCOUNT, WORKSPACES, EnvFolder, environments, require_clean, require_env_name
from lampkeeper.files.settings import Settings, read_settings
from lampkeeper.files.text import read_text
from lampkeeper.model.errors import UsageError
from lampkeeper.model.findings import Finding, Severity
from lampkeeper.model.layers import Layer


def _optional_settings(path: Path) -> Settings:
    """Return the settings of a file, or the default ones without it."""
    if not path.is_file():
        return Settings()
    read = read_settings(read_text(path), path)
    require_clean(read.findings)
    return read.settings


@dataclass(frozen=True, slots=True)
class AccountFolder(EnvFolder):
    """The folder of the account layer, read as an environment that has this layer alone: its settings file is optional."""

    def __post_init__(self) -> None:
        """Accept the reserved name."""

    @classmethod
    def existing(cls, root: Path, env: str = ACCOUNT) -> AccountFolder:
        """Return the folder; raise UsageError if it has no layer file."""
        folder = cls(root, env)
        if not (folder.path / ABAC_FILE).is_file():
            there = f"the environments are: {', '.join(environments(root))}" if environments(root) else "no environment exists"
            raise UsageError(
                f"{folder.path / ABAC_FILE}: the account layer has no file yet ({there})",
                fix="lampkeeper plan --env dev writes it",
            )
        return folder

    def layer_path(self, layer: Layer) -> Path:
        """Return the folder itself for the account layer, and folders that never exist for the others."""
        return self.path if layer is Layer.ACCOUNT else self.path / f".{layer}"

    def settings(self) -> Settings:
        """Return the settings, or the default ones without a file."""
        return _optional_settings(self.settings_path)


@dataclass(frozen=True, slots=True)
class WorkspaceFolder(EnvFolder):
    """The folder of a further workspace of an environment, which has the workspace layer alone."""

    name: str = ""

    def __post_init__(self) -> None:
        """Raise UsageError for a name that leads outside the folder."""
        require_env_name(self.env)
        require_env_name(self.name)

    @property
    def path(self) -> Path:
        """Return envs/<env>/workspaces/<name>."""
        return self.root / "envs" / self.env / WORKSPACES / self.name

    def layer_path(self, layer: Layer) -> Path:
        """Return its own folder for the workspace layer, and those of the environment for the others."""
        return self.path if layer is Layer.WORKSPACE else EnvFolder(self.root, self.env).layer_path(layer)

    def settings(self) -> Settings:
        """Return its settings, or the default ones without a file; raise UsageError for settings of the governance."""
        found = _optional_settings(self.settings_path)
        known = Settings(spaces=found.spaces, sql_warehouse_id=found.sql_warehouse_id)
        if found != known or any(space.tables for space in found.spaces):
            require_clean((_not_here(self.settings_path),))
        return found


def _not_here(path: Path) -> Finding:
    return Finding(
        code="SETTINGS_OF_THE_ENVIRONMENT", severity=Severity.ERROR, location=str(path),
        message="a further workspace chooses spaces of its environment by name, and its warehouse; tables, groups and overlays"
        " belong to the environment",
        fix='leave only genie_spaces = [{ name = "…" }] and sql_warehouse_id, and move the rest to the environment',
    )  # fmt: skip


def further_workspaces(folder: EnvFolder) -> tuple[WorkspaceFolder, ...]:
    """Return the folders of an environment's further workspaces, sorted by name."""
    there = sorted(path.name for path in (folder.path / WORKSPACES).glob("*") if path.is_dir())
    return tuple(WorkspaceFolder(folder.root, folder.env, name) for name in there)
