"""Token federation: for which principal a token of another identity provider stands, by the federation policies.

Sources: platform docs, OAuth token federation (policies of a service principal and of the account); RFC 8693 (exchange).
The network is never used: keys come from the policy's `jwks_json` alone.
"""

from __future__ import annotations

from collections.abc import Mapping

from localspace.core.clock import Clock
from localspace.core.errors import ApiError
from localspace.core.principals import PrincipalKind
from localspace.core.store import Store
from localspace.core.stored_documents import kinds
from localspace.core.stored_documents.directory import StoredFederationPolicy
from localspace.identity.id_tokens import IdToken, TokenError, read_keys, read_token, signed_by
from localspace.identity.memberships import Identity

TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"  # noqa: S105  (a grant type's name)
JWT = "urn:ietf:params:oauth:token-type:jwt"
ACCOUNT_WIDE = "account"
"""Under this owner lie the policies of the account; others lie under their service principal's id."""


def refused(message: str) -> ApiError:
    """Return the refusal of RFC 8693 §2.2.2 for a subject token that is not taken."""
    return ApiError(400, "invalid_request", message)


class Federation:
    """Exchanges the tokens of other identity providers for principals of this account."""

    def __init__(self, store: Store, clock: Clock, identity: Identity, account_id: str) -> None:
        """Read policies and people from `store`."""
        self._store = store
        self._clock = clock
        self._identity = identity
        self._account_id = account_id

    def principal_of(self, form: Mapping[str, str]) -> str:
        """Return the id of the principal that the form's subject token stands for; raises 400 or 401."""
        if form.get("subject_token_type") != JWT:
            raise refused(f"subject_token_type must be {JWT}.")
        if form.get("assume_group"):
            raise refused("assume_group is not served by the local workspace.")
        try:
            token = read_token(form.get("subject_token", ""))
        except TokenError as error:
            raise refused(f"The subject token cannot be read: {error}.") from None
        client = form.get("client_id", "")
        owner = self._service_principal(client) if client else ACCOUNT_WIDE
        reasons: list[str] = []
        for policy in self._store.list(kinds.FEDERATION_POLICY, (owner,)):
            reason, principal = self._judge(policy, token, owner)
            if principal:
                return principal
            reasons.append(f"{policy['policy_id']}: {reason}")
        whose = f"service principal {client}" if client else "the account"
        raise refused(f"No federation policy of {whose} takes the token ({'; '.join(reasons) or 'it has none'}).")

    def _service_principal(self, application_id: str) -> str:
        for body in self._store.list(kinds.SERVICE_PRINCIPAL):
            if body["applicationId"] == application_id and body.get("active", True):
                return str(body["id"])
        raise ApiError(401, "invalid_client", "Client authentication failed")

    def _judge(self, policy: StoredFederationPolicy, token: IdToken, owner: str) -> tuple[str, str]:
        """Return why the policy does not take the token, or the id of the principal."""
        rules, claims = policy["oidc_policy"], token.claims
        if claims.get("iss") != rules["issuer"]:
            return "another issuer", ""
        if not rules.get("jwks_json"):
            return "it has no jwks_json, and the local workspace fetches no keys from an issuer or jwks_uri", ""
        if not signed_by(token, read_keys(rules["jwks_json"])):
            return "no key of it signed the token (RS256 and ES256 are served)", ""
        audience = claims.get("aud")
        named = audience if isinstance(audience, list) else [audience]
        if not any(one in (rules.get("audiences") or [self._account_id]) for one in named):
            return "another audience", ""
        if late := self._out_of_time(claims.get("exp"), claims.get("nbf")):
            return late, ""
        subject = claims.get(rules.get("subject_claim") or "sub")
        if not isinstance(subject, str) or not subject:
            return "the token names no subject", ""
        if owner != ACCOUNT_WIDE:
            return ("", owner) if subject == rules["subject"] else ("another subject", "")
        found = self._identity.by_name(subject)
        if found is None or found.kind is PrincipalKind.GROUP or not found.active:
            return "its subject is not an active user or service principal", ""
        return "", found.id

    def _out_of_time(self, expires: object, begins: object) -> str:
        now = self._clock.now_ms() / 1000
        if isinstance(expires, bool) or not isinstance(expires, int | float):
            return "the token has no expiry"
        if expires <= now:
            return "the token has expired"
        if begins is not None and (isinstance(begins, bool) or not isinstance(begins, int | float) or begins > now):
            return "the token is not valid yet"
        return ""
