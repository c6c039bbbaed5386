"""Where a workspace is and how to sign in there."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Auth:
    """Address and credentials. Secrets take no part in `repr`, so that no log or traceback shows them.

    Either `token`, or `client_id` with `client_secret`, or `profile` of a `.databrickscfg`, or nothing at all (the
    SDK's unified authentication finds its own). `client_id` alone says for whom unified authentication signs in, as
    token federation needs it. `account_host` is empty for the account console of the host's cloud.
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
