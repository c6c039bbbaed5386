"""ID tokens of other identity providers: a JWT (RFC 7519) taken apart and held against a set of public keys (RFC 7517)."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

_PART = re.compile(r"[A-Za-z0-9_-]+")
_MIN_RSA_BITS = 2048  # RFC 7518 §3.3
_ES256_BYTES = 64  # RFC 7518 §3.4: r and s, 32 bytes each


class TokenError(ValueError):
    """A token or key set that cannot be taken; the message holds nothing of the token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IdToken:
    """A JWT taken apart; `claims` are anybody's words until `signed_by` has said yes."""

    header: dict[str, Any]
    claims: dict[str, Any]
    signed: bytes
    signature: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicKey:
    """One key of a key set; `kid` is empty where the set gives none."""

    kid: str
    alg: str
    key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey


def read_token(text: str) -> IdToken:
    """Return the parts of a signed JWT; raises TokenError for anything else."""
    parts = text.split(".")
    if len(parts) != 3:
        raise TokenError("it is no signed JWT")
    header, claims = (_object(_decoded(part)) for part in parts[:2])
    if "crit" in header:
        raise TokenError("its header demands an extension (crit) that is not served")
    return IdToken(header=header, claims=claims, signed=f"{parts[0]}.{parts[1]}".encode(), signature=_decoded(parts[2]))


def read_keys(jwks: str) -> tuple[PublicKey, ...]:
    """Return the RS256 and ES256 keys of a JWKS, without those of other kinds; raises TokenError for a broken one."""
    keys = _object(jwks.encode()).get("keys")
    if not isinstance(keys, list) or not all(isinstance(one, dict) for one in keys):
        raise TokenError("it has no list `keys`")
    read = [_public_key(one) for one in keys if one.get("use", "sig") == "sig"]
    return tuple(one for one in read if one is not None and one.alg in ("RS256", "ES256"))


def signed_by(token: IdToken, keys: tuple[PublicKey, ...]) -> bool:
    """Say whether one of the keys, of the token's own kid and algorithm, signed it."""
    kid, alg = token.header.get("kid"), token.header.get("alg")
    fitting = (one for one in keys if one.alg == alg and (kid is None or one.kid in ("", kid)))
    return any(_verifies(one.key, token) for one in fitting)


def _verifies(key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey, token: IdToken) -> bool:
    try:
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(token.signature, token.signed, padding.PKCS1v15(), SHA256())
            return True
        if len(token.signature) != _ES256_BYTES:
            return False
        r, s = (int.from_bytes(half, "big") for half in (token.signature[:32], token.signature[32:]))
        key.verify(encode_dss_signature(r, s), token.signed, ec.ECDSA(SHA256()))
    except InvalidSignature:
        return False
    return True


def _public_key(jwk: dict[str, Any]) -> PublicKey | None:
    kind = (jwk.get("kty"), jwk.get("crv"))
    kid = str(jwk.get("kid") or "")
    try:
        if kind[0] == "RSA":
            key = rsa.RSAPublicNumbers(_number(jwk, "e"), _number(jwk, "n")).public_key()
            if key.key_size < _MIN_RSA_BITS:
                raise TokenError(f"key {kid!r} has fewer than {_MIN_RSA_BITS} bits")
            return PublicKey(kid=kid, alg=str(jwk.get("alg") or "RS256"), key=key)
        if kind == ("EC", "P-256"):
            point = ec.EllipticCurvePublicNumbers(_number(jwk, "x"), _number(jwk, "y"), ec.SECP256R1()).public_key()
            # The curve decides the algorithm: another name on the key is not believed.
            return PublicKey(kid=kid, alg="ES256" if jwk.get("alg") in (None, "ES256") else "", key=point)
    except TokenError:
        raise
    except ValueError as error:
        raise TokenError(f"key {kid!r} is no valid public key") from error
    return None


def _number(jwk: dict[str, Any], name: str) -> int:
    value = jwk.get(name)
    if not isinstance(value, str):
        raise TokenError(f"a key lacks {name!r}")
    return int.from_bytes(_decoded(value), "big")


def _decoded(part: str) -> bytes:
    if not _PART.fullmatch(part) or len(part) % 4 == 1:
        raise TokenError("a part of it is no base64url")
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def _object(raw: bytes) -> dict[str, Any]:
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise TokenError("it holds no JSON") from error
    if not isinstance(found, dict):
        raise TokenError("it holds no JSON object")
    return found
