"""Create a session from a config and the environment; only this module reads credentials."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping

import httpx

from partnercert.client import Limits, PartnerClient
from partnercert.config import PartnerConfig, WorkspacePlan
from partnercert.exchange import Redactor
from partnercert.payloads import Credentials, Identities, Payloads
from partnercert.session import Session
from partnercert.workspace import WorkspaceAccess

REQUIRED = ("BASIC_USER", "BASIC_PASSWORD")


class MissingCredentialsError(Exception):
    """The environment lacks credentials; carries their names."""


def credentials(environment: Mapping[str, str]) -> Credentials:
    """Read the credentials: the partner's Basic pair, and what the payload carries. Raises MissingCredentialsError."""
    missing = [name for name in REQUIRED if not environment.get(name)]
    if missing:
        raise MissingCredentialsError(f"set {' and '.join(missing)} in the environment")
    if ":" in environment["BASIC_USER"]:
        raise MissingCredentialsError("BASIC_USER must not hold a colon (RFC 7617)")
    return Credentials(
        user=environment["BASIC_USER"],
        password=environment["BASIC_PASSWORD"],
        token=environment.get("PAT_TOKEN") or f"made-up-{secrets.token_hex(16)}",
        principal_id=environment.get("SERVICE_PRINCIPAL_ID", ""),
        principal_secret=environment.get("SERVICE_PRINCIPAL_SECRET") or f"made-up-{secrets.token_hex(16)}",
    )


def made_up() -> dict[str, str]:
    """Return credentials for a reference partner that is served for this run only."""
    return {"BASIC_USER": "reference", "BASIC_PASSWORD": secrets.token_hex(16)}


#: The keys of a secret scope, and their environment variables; only the first two are required.
SECRETS = {
    "basic_user": "BASIC_USER",
    "basic_password": "BASIC_PASSWORD",
    "pat_token": "PAT_TOKEN",
    "service_principal_id": "SERVICE_PRINCIPAL_ID",
    "service_principal_secret": "SERVICE_PRINCIPAL_SECRET",
}


def from_scope(scope: str, environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment with the credentials of a secret scope. Raises MissingCredentialsError.

    Signs in as a notebook or job does, or as the environment says (DATABRICKS_HOST and so on).
    """
    from partnercert.sdk_workspace import ScopeError, read_scope

    try:
        found = read_scope(scope, tuple(SECRETS))
    except ScopeError as error:
        raise MissingCredentialsError(str(error)) from error
    missing = [key for key, name in SECRETS.items() if name in REQUIRED and not found.get(key)]
    if missing:
        raise MissingCredentialsError(f"secret scope {scope} has no {' and no '.join(missing)}")
    return {**environment, **{SECRETS[key]: value for key, value in found.items()}}


def session(
    config: PartnerConfig,
    held: Credentials,
    *,
    seed: int,
    limits: Limits | None = None,
    workspace: WorkspaceAccess | None = None,
    compat_gpc: bool = False,
    transport: httpx.AsyncBaseTransport | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> Session:
    """Return a session; close its client when done."""
    redactor = Redactor([held.password, held.token, held.principal_secret])
    client = PartnerClient(
        user=held.user, password=held.password, redactor=redactor, limits=limits, transport=transport, sleep=sleep
    )
    payloads = Payloads(config, held, compat_gpc=compat_gpc)
    if workspace is not None:
        payloads.details = workspace.details
    return Session(
        config=config,
        client=client,
        identities=Identities(seed, config),
        payloads=payloads,
        workspace=workspace,
        sleep=sleep,
    )


def workspace_access(config: PartnerConfig, held: Credentials, environment: Mapping[str, str]) -> WorkspaceAccess | None:
    """Return the workspace for P200 and P201, or None if config or environment do not name one.

    Raises MissingCredentialsError if that workspace cannot be used.
    """
    plan: WorkspacePlan | None = config.certification.workspace
    host, token = environment.get("DATABRICKS_HOST"), environment.get("DATABRICKS_TOKEN")
    pat, secret = environment.get("PAT_TOKEN"), environment.get("SERVICE_PRINCIPAL_SECRET")
    # In a job or notebook the SDK signs in as the principal that runs it.
    on_databricks = "DATABRICKS_RUNTIME_VERSION" in environment
    if plan is None or not (on_databricks or host) or not (pat or secret):
        return None
    if host and not token and not on_databricks and "DATABRICKS_CLIENT_ID" not in environment:
        return None
    from partnercert.sdk_workspace import SdkWorkspace, sdk_client

    if "AUTH_OAUTH_M2M" in config.auth_options:
        given = {"client_id": held.principal_id, "client_secret": held.principal_secret, "auth_type": "oauth-m2m"}
    else:
        given = {"token": pat or "", "auth_type": "pat"}
    try:
        admin = sdk_client(host=host, token=token, auth_type="pat") if host and token else sdk_client()
        return SdkWorkspace(admin, sdk_client(host=admin.config.host, **given), plan)
    except (ValueError, OSError) as error:
        raise MissingCredentialsError(f"the workspace of DATABRICKS_HOST cannot be used: {type(error).__name__}") from error
