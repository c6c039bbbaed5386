"""What runs of jobs work with."""

from __future__ import annotations

from dataclasses import dataclass

from localspace.core.location import Location
from localspace.governance.repositories import Books
from localspace.identity.authenticator import Gatekeeper
from localspace.jobs.run_log import RunBook
from localspace.storage.volume_files import VolumeFiles
from localspace.storage.workspace_tree import WorkspaceTree


@dataclass(frozen=True, slots=True, kw_only=True)
class JobResources:
    """The workspace as runs and their tasks see it."""

    location: Location
    repositories: Books
    authenticator: Gatekeeper
    tree: WorkspaceTree
    volumes: VolumeFiles
    run_log: RunBook
