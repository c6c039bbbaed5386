"""What Spark Connect works with."""

from __future__ import annotations

from dataclasses import dataclass

from localspace.connect.certificates import Certificates
from localspace.core.faults import Faults
from localspace.governance.repositories import Repositories
from localspace.identity.authenticator import Authenticator
from localspace.sql.statement_service import StatementService


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectResources:
    """The workspace as sessions of Spark Connect see it."""

    certificates: Certificates
    repositories: Repositories
    authenticator: Authenticator
    statements: StatementService
    faults: Faults
