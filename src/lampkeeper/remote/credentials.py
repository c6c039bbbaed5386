"""Finds out when the credential of a run expires, as far as it can be known before the run."""

from __future__ import annotations

import base64
import binascii
import json

from lampkeeper.model.errors import RemoteError
from lampkeeper.remote.clients import Workspace


def expiry_of(workspace: Workspace) -> float | None:
    """Return the second since the epoch at which the signed-in credential expires at the latest, None if it is not known.

    A JWT contains it as `exp` (source: RFC 7519, section 4.1.4). The list of the caller's personal access tokens does not say
    which one is in use, so the last one to expire counts. The SDK renews all other credentials itself.
    """
    token = workspace.static_token
    if not token:
        return None
    ends = _claimed(token)
    if ends is not None:
        return ends
    try:
        listed = workspace.get("privileges", "/api/2.0/token/list").get("token_infos") or ()
    except RemoteError as error:
        # A principal may use a token without the permission to list tokens.
        if error.status not in (403, 404):
            raise
        return None
    times = [int(each.get("expiry_time") or -1) for each in listed]
    return None if not times or -1 in times else max(times) / 1000


def _claimed(token: str) -> float | None:
    """Return the expiry in a JWT; None for a token of another form."""
    parts = token.split(".")
    if len(parts) != 3:
        return None
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
        return float(claims["exp"])
    except (binascii.Error, ValueError, KeyError, TypeError):
        return None
