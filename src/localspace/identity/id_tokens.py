"""ID tokens of other identity providers: a JWT (RFC 7519) checked against a set of public keys (RFC 7517), by PyJWT.

Claims such as `exp` and `aud` are judged by the caller, against the workspace's own clock and its federation policies.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

ALGORITHMS = ("RS256", "ES256")
_MIN_RSA_BITS = 2048  # RFC 7518 §3.3


class TokenError(ValueError):
    """A token or key set that cannot be read; the message holds nothing of the token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IdToken:
    """A JWT; `claims` are unverified until `signed_by` returns True."""

    text: str
    header: Mapping[str, Any]
    claims: Mapping[str, Any]


def read_token(text: str) -> IdToken:
    """Return the parts of a signed JWT without checking its signature; raise TokenError for anything else."""
    try:
        whole = jwt.decode_complete(text, options={"verify_signature": False})
    except (jwt.DecodeError, ValueError, RecursionError) as error:
        raise TokenError("it is not a signed JWT") from error
    except jwt.InvalidTokenError as error:
        raise TokenError("its header demands an extension (crit) that is not supported") from error
    return IdToken(text=text, header=whole["header"], claims=whole["payload"])


def read_keys(jwks: str) -> tuple[jwt.PyJWK, ...]:
    """Return the RS256 and ES256 signing keys of a JWKS; raise TokenError for a broken set or key."""
    try:
        keys = json.loads(jwks)["keys"]
    except (ValueError, RecursionError, KeyError, TypeError) as error:
        raise TokenError("it has no list `keys`") from error
    if not isinstance(keys, list) or not all(isinstance(key, dict) for key in keys):
        raise TokenError("it has no list `keys`")
    read = [_public_key(key) for key in keys if key.get("use", "sig") == "sig" and key.get("kty") in ("RSA", "EC")]
    return tuple(key for key in read if key is not None)


def signed_by(token: IdToken, keys: tuple[jwt.PyJWK, ...]) -> bool:
    """Return whether one of the keys, of the token's own key id and algorithm, signed it."""
    kid, alg = token.header.get("kid"), token.header.get("alg")
    fitting = (key for key in keys if key.algorithm_name == alg and (kid is None or key.key_id in (None, "", kid)))
    return any(_verifies(token, key) for key in fitting)


def _verifies(token: IdToken, key: jwt.PyJWK) -> bool:
    try:
        jwt.PyJWS().decode(token.text, key.key, algorithms=[key.algorithm_name])
    except jwt.InvalidTokenError:
        return False
    return True


def _public_key(jwk: Mapping[str, Any]) -> jwt.PyJWK | None:
    kid = str(jwk.get("kid") or "")
    # Only public numbers are read: a private key in a key set is not asked for.
    public = {name: value for name, value in jwk.items() if name in ("kty", "kid", "alg", "use", "crv", "n", "e", "x", "y")}
    if public["kty"] == "EC" and public.get("crv") != "P-256":
        return None
    try:
        key = jwt.PyJWK(public, algorithm=str(public.get("alg") or ("RS256" if public["kty"] == "RSA" else "ES256")))
    except (jwt.PyJWTError, ValueError, TypeError, KeyError) as error:
        if public.get("alg") not in (None, *ALGORITHMS):
            return None
        raise TokenError(f"key {kid!r} is not a valid public key") from error
    if key.algorithm_name not in ALGORITHMS or (key.algorithm_name == "ES256") != (public["kty"] == "EC"):
        return None
    if isinstance(key.key, rsa.RSAPublicKey) and key.key.key_size < _MIN_RSA_BITS:
        raise TokenError(f"key {kid!r} has fewer than {_MIN_RSA_BITS} bits")
    return key
