"""What the handlers use: of one workspace, or of the account on its own host."""

from __future__ import annotations

from dataclasses import dataclass

from localspace.apps.processes import AppProcesses
from localspace.connect.endpoint import ConnectEndpoint
from localspace.core.faults import Faults
from localspace.core.location import Location
from localspace.governance.repositories import Repositories
from localspace.http.account_control import AccountControl
from localspace.http.response_cache import ResponseCache
from localspace.identity.authenticator import Authenticator
from localspace.jobs.services import JobServices
from localspace.sql.statement_service import StatementService
from localspace.storage.volume_files import VolumeFiles
from localspace.storage.workspace_tree import WorkspaceTree


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """Everything behind the REST surface; a reset of the workspace makes new ones."""

    location: Location
    repositories: Repositories
    authenticator: Authenticator
    statements: StatementService
    tree: WorkspaceTree
    volumes: VolumeFiles
    jobs: JobServices
    apps: AppProcesses
    connect: ConnectEndpoint
    responses: ResponseCache
    faults: Faults
    stub_calls: dict[str, int]
    """Serving endpoint to how often its stub response was asked for."""

    account: AccountControl
