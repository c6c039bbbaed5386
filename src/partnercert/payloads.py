"""Bodies that Databricks would send, for made-up people and workspaces that no other run uses."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from typing import Any

from partnercert.config import PartnerConfig

TEST_DOMAIN = "databricks-test.com"
MAX_ID = 2**63 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A user as Databricks knows one."""

    email: str
    user_id: int
    first_name: str = "Partner"
    last_name: str = "Certification"

    @property
    def domain(self) -> str:
        """Return what stands after the last @: the partner's account."""
        return self.email.rpartition("@")[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """A Databricks workspace on a cloud."""

    workspace_id: int
    cloud: str = "aws"


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What a run sends: the partner's Basic pair, and what the payload carries for the way back."""

    user: str
    password: str
    token: str
    principal_id: str = ""
    principal_secret: str = ""


class Identities:
    """Make people, domains and workspaces from a printed seed."""

    def __init__(self, seed: int, config: PartnerConfig) -> None:
        self.seed = seed
        self._random = random.Random(seed)  # noqa: S311 - names for tests, replayable on purpose
        self._apex = config.certification.apex_test_domain_only
        self._clouds = config.supported_clouds

    def number(self) -> int:
        """Return a positive id above 2^53, where doubles no longer tell neighbours apart."""
        return self._random.randrange(2**53 + 1, MAX_ID)

    def word(self) -> str:
        """Return a fresh word."""
        return f"{self._random.getrandbits(48):012x}"

    def domain(self) -> str:
        """Return a customer domain that no run has used."""
        return f"pc-{self.word()}.com"

    def test_domain(self) -> str:
        """Return a domain on which the test hooks may work."""
        return TEST_DOMAIN if self._apex else f"pc-{self.word()}.{TEST_DOMAIN}"

    def person(self, domain: str | None = None) -> Person:
        """Return a person whom no partner has seen."""
        return Person(email=f"user-{self.word()}@{domain or self.domain()}", user_id=self.number())

    def workspace(self, cloud: str | None = None) -> Workspace:
        """Return a workspace that no partner has seen."""
        return Workspace(workspace_id=self.number(), cloud=cloud or self._clouds[0])


class Payloads:
    """Build request bodies for one partner."""

    def __init__(self, config: PartnerConfig, credentials: Credentials, *, compat_gpc: bool = False) -> None:
        self._config = config
        self._credentials = credentials
        self._compat_gpc = compat_gpc
        self.details: dict[str, Any] = config.test_workspace or dict(_MADE_UP)

    def cloud(self, name: str) -> str:
        """Return the cloud's name as it is sent: `gpc` in place of `gcp` on request."""
        return "gpc" if name == "gcp" and self._compat_gpc else name

    def connect(self, person: Person, workspace: Workspace, connection_id: str | None = None, **more: Any) -> dict[str, Any]:
        """Return a ConnectRequest; with a connection id it is a reuse. `more` overrides top-level fields."""
        established = connection_id is not None
        user = {
            "email": person.email,
            "first_name": person.first_name,
            "last_name": person.last_name,
            "databricks_user_id": person.user_id,
            "databricks_organization_id": workspace.workspace_id,
            "is_connection_established": established,
        }
        body: dict[str, Any] = {
            "user_info": user,
            "hostname": self.details["hostname"],
            "port": self.details["port"],
            "workspace_url": self.details.get("workspace_url", f"https://{self.details['hostname']}/"),
            "workspace_id": workspace.workspace_id,
            "demo": False,
            "cloud_provider": self.cloud(workspace.cloud),
            "cloud_provider_region": _REGIONS[workspace.cloud],
            "is_free_trial": False,
            **self._compute(),
        }
        if established:
            body["connection_id"] = connection_id
        else:
            user["auth"] = {"personal_access_token": self._token()}
            body.update(self._principal())
        return {**body, **more}

    def test(self, connection_id: str) -> dict[str, Any]:
        """Return a ConnectionInfo."""
        return {"connection_id": connection_id}

    def delete_connection(self, connection_id: str, workspace: Workspace) -> dict[str, Any]:
        """Return a DeleteConnectionRequest."""
        return {
            "connection_id": connection_id,
            "cloud_provider": self.cloud(workspace.cloud),
            "databricks_organization_id": workspace.workspace_id,
        }

    def delete_account(self, domain: str, workspace: Workspace) -> dict[str, Any]:
        """Return an AccountInfo."""
        return {
            "domain": domain,
            "cloud_provider": self.cloud(workspace.cloud),
            "databricks_organization_id": workspace.workspace_id,
        }

    def expire(self, person: Person, workspace: Workspace) -> dict[str, Any]:
        """Return an AccountUserInfo."""
        return {
            "email": person.email,
            "databricks_user_id": person.user_id,
            "cloud_provider": self.cloud(workspace.cloud),
            "databricks_organization_id": workspace.workspace_id,
        }

    def _compute(self) -> dict[str, Any]:
        resources, details = self._config.resources, self.details
        warehouse = "SqlEndpoint" in resources
        fields: dict[str, Any] = {"is_sql_endpoint": warehouse, "is_sql_warehouse": warehouse}
        if warehouse:
            fields |= {k: details[k] for k in ("http_path", "jdbc_url", "databricks_jdbc_url")}
        if warehouse or "InteractiveCluster" in resources:
            fields["cluster_id"] = details["cluster_id"]
        return fields

    def _token(self) -> str | None:
        options = self._config.auth_options
        return self._credentials.token if not options or "AUTH_PAT" in options else None

    def _principal(self) -> dict[str, Any]:
        fields: dict[str, Any] = {"service_principal_id": self._credentials.principal_id or _PRINCIPAL}
        if "AUTH_OAUTH_M2M" in self._config.auth_options:
            fields["service_principal_oauth_secret"] = self._credentials.principal_secret
        if "AUTH_OAUTH_U2M" in self._config.auth_options and not self._config.is_published_app:
            fields["oauth_u2m_app_id"] = _PRINCIPAL
        return fields


def renamed(person: Person, email: str) -> Person:
    """Return the same person with the address written differently."""
    return replace(person, email=email)


_PRINCIPAL = "3f0d1c62-7a43-4bb1-9a0e-4f6c4ad0c0de"
_REGIONS = {"aws": "us-west-2", "azure": "westus2", "gcp": "us-central1"}
_MADE_UP: dict[str, Any] = {
    "hostname": "workspace.invalid",
    "port": 443,
    "http_path": "/sql/1.0/warehouses/0123456789abcdef",
    "jdbc_url": "jdbc:spark://workspace.invalid:443/default;httpPath=/sql/1.0/warehouses/0123456789abcdef",
    "databricks_jdbc_url": "jdbc:databricks://workspace.invalid:443;httpPath=/sql/1.0/warehouses/0123456789abcdef",
    "cluster_id": "0123456789abcdef",
}
