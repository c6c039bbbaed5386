"""The address of a workspace and the sign-in."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Auth:
    """Address and credentials. `repr` leaves out secrets, so that logs and tracebacks do not show them.

    Either `token`, or `client_id` with `client_secret`, or `profile` of a `.databrickscfg`, or none (the SDK's unified
    authentication then finds credentials). `client_id` alone is the identity for unified authentication, as token federation
    needs it. `account_host` is empty for the account console of the host's cloud.
    """

    workspace_host: str = ""
    account_id: str = ""
    account_host: str = ""
    workspace_id: str = ""
    client_id: str = ""
    client_secret: str = field(default="", repr=False)
    token: str = field(default="", repr=False)
    profile: str = ""
    catalog_storage_base: str = ""
