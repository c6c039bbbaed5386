"""What Spark Connect works with."""

from __future__ import annotations

from dataclasses import dataclass

from localspace.core.faults import Faults
from localspace.core.location import Location
from localspace.governance.repositories import Books
from localspace.identity.authenticator import Gatekeeper
from localspace.sql.statement_service import StatementDesk


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectResources:
    """The workspace as sessions of Spark Connect see it."""

    location: Location
    repositories: Books
    authenticator: Gatekeeper
    statements: StatementDesk
    faults: Faults
