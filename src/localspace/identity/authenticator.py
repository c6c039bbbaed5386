"""Tokens: PATs, OAuth client credentials, and who they stand for. Only hashes are stored."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
import uuid
from collections.abc import Mapping

from localspace.core.clock import Clock
from localspace.core.errors import ApiError
from localspace.core.ledger import rule
from localspace.core.principals import Principal
from localspace.core.store import Store
from localspace.core.stored_documents import kinds
from localspace.core.stored_documents.directory import StoredClientSecret, StoredToken
from localspace.identity.memberships import Identity

OAUTH_SECONDS = 3_600


def digest(token: str) -> str:
    """Return the form in which tokens and secrets are stored."""
    return hashlib.sha256(token.encode()).hexdigest()


def unauthenticated(message: str) -> ApiError:
    """Return a 401; messages never hold a token."""
    return ApiError(401, "UNAUTHENTICATED", message)


class Authenticator:
    """Mints, checks and revokes tokens and service principal secrets."""

    def __init__(self, store: Store, clock: Clock, identity: Identity) -> None:
        """Read from and write to `store`; tokens that are made here are good on the hosts of its workspace."""
        self._store = store
        self._clock = clock
        self._identity = identity

    def mint(
        self,
        principal_id: str,
        *,
        comment: str = "",
        lifetime_seconds: int | None = None,
        scope: str = "pat",
        created_by: str | None = None,
        task_run_id: int | None = None,
    ) -> tuple[str, StoredToken]:
        """Return a new token in clear, once, and its document; `scope` is `pat`, `oauth`, or `task` for a run of a task."""
        token = ("dapi" if scope == "pat" else "eylo") + secrets.token_hex(16)
        return token, self.admit(token, principal_id, comment, lifetime_seconds, scope, created_by, task_run_id)

    def admit(
        self,
        token: str,
        principal_id: str,
        comment: str,
        lifetime_seconds: int | None,
        scope: str,
        created_by: str | None = None,
        task_run_id: int | None = None,
    ) -> StoredToken:
        """Store a token that was made elsewhere: the admin's, which a restart brings back."""
        now = self._clock.now_ms()
        body: StoredToken = {
            "id": uuid.uuid4().hex,
            "principal_id": principal_id,
            "created_ms": now,
            "expires_ms": None if not lifetime_seconds or lifetime_seconds < 0 else now + lifetime_seconds * 1000,
            "comment": comment,
            "scope": scope,
            "hash": digest(token),
            "created_by": created_by or principal_id,
        }
        if self._store.workspace_id:
            body["workspace_id"] = self._store.workspace_id
        else:
            body["account_wide"] = True
        if task_run_id is not None:
            body["task_run_id"] = task_run_id
        self._store.put(kinds.TOKEN, (body["hash"],), body, (principal_id,))
        return body

    def admit_everywhere(self, token: str, principal_id: str, comment: str, workspace_id: str) -> None:
        """Store a token that is good on all hosts of the account; `workspace_id` lists it."""
        body = self.admit(token, principal_id, comment, None, "pat")
        self._store.put(
            kinds.TOKEN, (body["hash"],), body | {"workspace_id": workspace_id, "account_wide": True}, (principal_id,)
        )

    def caller(self, headers: Mapping[str, str]) -> Principal:
        """Return who a request comes from; raises 401."""
        return self.of_token(_bearer(headers))

    def of_token(self, token: str) -> Principal:
        """Return the active principal of a token; raises 401 for an unknown or expired token."""
        found = self._store.get(kinds.TOKEN, digest(token))
        if found is None or not self._is_good_here(found):
            raise unauthenticated("Invalid access token. The token is unknown to this workspace.")
        if found["expires_ms"] is not None and found["expires_ms"] <= self._clock.now_ms():
            raise unauthenticated("Invalid access token. The token has expired.")
        return self._identity.require_active(found["principal_id"])

    def is_of_task(self, headers: Mapping[str, str]) -> bool:
        """Return whether a request carries the token that a run of a task was given."""
        found = self._store.get(kinds.TOKEN, digest(_bearer(headers)))
        return found is not None and found["scope"] == "task"

    def task_run_id(self, headers: Mapping[str, str]) -> int | None:
        """Return the run of a task whose token a request carries, None for any other token."""
        found = self._store.get(kinds.TOKEN, digest(_bearer(headers)))
        return None if found is None else found.get("task_run_id")

    def tokens(self, principal_id: str | None = None) -> list[StoredToken]:
        """Return the PATs of a principal, or of all, that were made in this workspace."""
        parent = None if principal_id is None else (principal_id,)
        found = [one for one in self._store.list(kinds.TOKEN, parent) if one["scope"] == "pat"]
        return [one for one in found if one.get("workspace_id", "") == self._store.workspace_id]

    def revoke(self, body: StoredToken) -> None:
        """Delete a token."""
        self._store.delete(kinds.TOKEN, body["hash"])

    # OAuth

    def new_secret(self, service_principal_id: str, lifetime_seconds: int) -> tuple[str, StoredClientSecret]:
        """Return a new client secret in clear, once, and its document."""
        secret = "dose" + secrets.token_hex(16)
        now = self._clock.now_ms()
        body: StoredClientSecret = {
            "id": str(uuid.uuid4()),
            "hash": digest(secret),
            "created_ms": now,
            "expires_ms": now + lifetime_seconds * 1000,
        }
        self._store.put(kinds.CLIENT_SECRET, (service_principal_id, body["id"]), body, (service_principal_id,))
        return secret, body

    def client_credentials(self, client_id: str, secret: str, *, account_wide: bool = False) -> str:
        """Return an access token for a service principal; raises invalid_client."""
        given = digest(secret)
        for body in self._store.list(kinds.SERVICE_PRINCIPAL):
            if body["applicationId"] != client_id or not body.get("active", True):
                continue
            for kept in self._store.list(kinds.CLIENT_SECRET, (body["id"],)):
                alive = kept["expires_ms"] > self._clock.now_ms()
                if alive and hmac.compare_digest(kept["hash"], given):
                    return self.oauth(body["id"], account_wide=account_wide)
        raise ApiError(401, "invalid_client", "Client authentication failed")

    def oauth(self, principal_id: str, *, account_wide: bool = False) -> str:
        """Return a new access token of a principal that has signed in by OAuth, here or at the account."""
        self._forget_expired(principal_id)
        token, body = self.mint(principal_id, lifetime_seconds=OAUTH_SECONDS, scope="oauth")
        if account_wide:
            self._store.put(kinds.TOKEN, (body["hash"],), body | {"account_wide": True}, (principal_id,))
        return token

    @rule("LS-130")
    def _is_good_here(self, token: StoredToken) -> bool:
        """Return whether a token may be used in this workspace, or on the account's host: a PAT only where it was made."""
        return bool(token.get("account_wide")) or token.get("workspace_id", "") == self._store.workspace_id

    def _forget_expired(self, principal_id: str) -> None:
        now = self._clock.now_ms()
        for token in self._store.list(kinds.TOKEN, (principal_id,)):
            expires = token["expires_ms"]
            if token["scope"] in ("oauth", "task") and expires is not None and expires <= now:
                self.revoke(token)


def basic_credentials(headers: Mapping[str, str]) -> tuple[str, str] | None:
    """Return (client id, secret) of a Basic header, or None."""
    kind, _, value = headers.get("authorization", "").partition(" ")
    if kind.lower() != "basic":
        return None
    try:
        client, _, secret = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise ApiError(401, "invalid_client", "Client authentication failed") from error
    return client, secret


def _bearer(headers: Mapping[str, str]) -> str:
    kind, _, token = headers.get("authorization", "").partition(" ")
    if kind.lower() != "bearer" or not token.strip():
        raise unauthenticated("Credential was not sent or was of an unsupported type for this API.")
    return token.strip()
