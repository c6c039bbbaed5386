"""What runs of jobs work with."""

from __future__ import annotations

from dataclasses import dataclass

from localspace.core.location import Location
from localspace.governance.repositories import Repositories
from localspace.identity.authenticator import Authenticator
from localspace.jobs.run_log import RunLog
from localspace.storage.volume_files import VolumeFiles
from localspace.storage.workspace_tree import WorkspaceTree


@dataclass(frozen=True, slots=True, kw_only=True)
class JobResources:
    """The workspace as runs and their tasks see it."""

    location: Location
    repositories: Repositories
    authenticator: Authenticator
    tree: WorkspaceTree
    volumes: VolumeFiles
    run_log: RunLog
