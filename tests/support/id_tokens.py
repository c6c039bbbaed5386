"""An identity provider of the tests' own: keys, a key set, and the ID tokens that it signs."""

from __future__ import annotations

import base64
import json
import time
from functools import cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

ISSUER = "https://ci.bank.example"
SUBJECT = "repo:bank/governance:environment:prod"


@cache
def rsa_key(name: str) -> rsa.RSAPrivateKey:
    """Return the RSA key called `name`, the same within a run."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@cache
def ec_key() -> ec.EllipticCurvePrivateKey:
    """Return the P-256 key."""
    return ec.generate_private_key(ec.SECP256R1())


def jwks() -> str:
    """Return the provider's key set: an RSA key `r1` and a P-256 key `e1`."""
    r, e = rsa_key("one").public_key().public_numbers(), ec_key().public_key().public_numbers()
    keys = [
        {"kty": "RSA", "kid": "r1", "alg": "RS256", "use": "sig", "n": _number(r.n, 256), "e": _number(r.e, 3)},
        {"kty": "EC", "kid": "e1", "crv": "P-256", "x": _number(e.x, 32), "y": _number(e.y, 32)},
        {"kty": "OKP", "crv": "Ed25519", "kid": "other", "x": "AAAA"},
    ]
    return json.dumps({"keys": keys})


def id_token(audience: str, *, alg: str = "RS256", header: dict[str, Any] | None = None, key: str = "one", **claims: Any) -> str:
    """Return a signed ID token, good for five minutes; claims given as None are left out."""
    now = int(time.time())
    body = {"iss": ISSUER, "sub": SUBJECT, "aud": audience, "iat": now, "exp": now + 300} | claims
    head = {"typ": "JWT", "alg": alg, "kid": "r1" if alg == "RS256" else "e1"} | (header or {})
    kept = {name: value for name, value in body.items() if value is not None}
    signed = ".".join(_part(json.dumps(one).encode()) for one in (head, kept))
    if alg == "RS256":
        signature = rsa_key(key).sign(signed.encode(), padding.PKCS1v15(), SHA256())
    else:
        r, s = decode_dss_signature(ec_key().sign(signed.encode(), ec.ECDSA(SHA256())))
        signature = r.to_bytes(32, "big") + s.to_bytes(32, "big")
    return f"{signed}.{_part(signature)}"


def _part(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _number(value: int, size: int) -> str:
    return _part(value.to_bytes(size, "big"))
