"""The hash key of an environment's keyed masks: parsing, identification, insertion into functions and extraction.

A keyed mask is HMAC-SHA-256 (RFC 2104) written with two nested `sha2` calls. In files, plans and states its body holds two
placeholders for HMAC's two pads; a function that contains the placeholders returns NULL, because they are not hexadecimal.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from dataclasses import dataclass, field
from functools import cache, cached_property
from itertools import pairwise

from lampkeeper.model.errors import UsageError
from lampkeeper.text.sql_quoting import quote_string

INNER = "{{hash_key.inner}}"
OUTER = "{{hash_key.outer}}"
REACHING = frozenset({"EXECUTE", "MANAGE", "ALL_PRIVILEGES"})
"""Privileges on a keyed function, its schema or catalog that allow reading its body or calling it."""
WRITING = frozenset({"MODIFY", "MANAGE", "ALL_PRIVILEGES"})
"""Privileges on a table under a keyed mask, its schema or catalog that allow writing guesses into it."""
UNKNOWN = "{{hash_key.unknown}}"
"""The replacement for a text that looks like a key but does not have lampkeeper's format."""

HOW_TO_MAKE_ONE = "create one with `openssl rand -hex 32` and keep it in a secret store"
_BLOCK = 64
_LEAST_BYTES = 32
_LEAST_DISTINCT = 20
_PADS = re.compile(r"unhex\('([0-9a-f]{128})'\)", re.IGNORECASE)
_LONG_HEX = re.compile(r"[0-9a-fA-F]{64,}")
_SOME_HEX = re.compile(r"[0-9a-fA-F]{16,}")
_ID_SALT = b"lampkeeper hash key 1"


@dataclass(frozen=True, kw_only=True)
class HashKey:
    """A key, which `repr` does not show. `block` is the HMAC key block: 32 bytes (a longer key is hashed), then 32 zeros."""

    block: bytes = field(repr=False)

    @classmethod
    def parse(cls, text: str, location: str) -> HashKey:
        """Parse a key of at least 32 random bytes in hex or base64; raise UsageError, which never quotes it, otherwise."""
        raw = _decoded(text.strip())
        if raw is None:
            raise UsageError(f"{location}: the hash key is neither hex nor base64", fix=HOW_TO_MAKE_ONE)
        if len(raw) < _LEAST_BYTES:
            raise UsageError(f"{location}: the hash key is too short: {len(raw)} bytes of {_LEAST_BYTES}", fix=HOW_TO_MAKE_ONE)
        if _guessable(raw) or _worded(text.strip()):
            raise UsageError(f"{location}: the hash key is not random and could be guessed", fix=HOW_TO_MAKE_ONE)
        short = raw if len(raw) == _LEAST_BYTES else hashlib.sha256(raw).digest()
        return cls(block=short.ljust(_BLOCK, b"\0"))

    @cached_property
    def id(self) -> str:
        """Return 16 hex digits that identify the key without revealing it."""
        return _key_id(self.block)

    @property
    def pads(self) -> tuple[str, str]:
        """Return the inner and the outer pad of HMAC as hex."""
        return _xor(self.block, 0x36).hex(), _xor(self.block, 0x5C).hex()

    def sign(self, message: bytes) -> bytes:
        """Return HMAC-SHA-256 of a message."""
        return hmac.new(self.block, message, hashlib.sha256).digest()

    def insert(self, body: str) -> str:
        """Return a body with the pads instead of the placeholders; it is only sent to the platform."""
        inner, outer = self.pads
        return body.replace(INNER, inner).replace(OUTER, outer)


def is_keyed(body: str) -> bool:
    """Return whether a body needs a key."""
    return INNER in body or OUTER in body or UNKNOWN in body


def extract(body: str) -> tuple[str, str]:
    """Return a live body with placeholders instead of pads, and the ID of its key (empty for none, or an unknown format)."""
    blocks: set[bytes] = set()

    def replaced(match: re.Match[str]) -> str:
        pad = bytes.fromhex(match.group(1))
        # A key has 32 bytes: the second half of a pad is constant, which distinguishes the inner from the outer pad.
        for mask, name in ((0x36, INNER), (0x5C, OUTER)):
            if pad.endswith(bytes([mask]) * (_BLOCK - _LEAST_BYTES)):
                blocks.add(_xor(pad, mask))
                return f"unhex({quote_string(name)})"
        return f"unhex({quote_string(UNKNOWN)})"

    text = _LONG_HEX.sub(UNKNOWN, _PADS.sub(replaced, body))
    return text, _key_id(blocks.pop()) if len(blocks) == 1 else ""


def holds_key(body: str) -> bool:
    """Return whether a text contains a literal that may be a key."""
    return _LONG_HEX.search(body) is not None


def redact(text: str) -> str:
    """Return a message without any text that may be part of a key."""
    return _SOME_HEX.sub("…", text)


@cache
def _key_id(block: bytes) -> str:
    # Slow on purpose: it must not be feasible to find a weak key by trying.
    return hashlib.scrypt(block, salt=_ID_SALT, n=2**14, r=8, p=1, dklen=8).hex()


def _xor(block: bytes, mask: int) -> bytes:
    return bytes(b ^ mask for b in block)


def _decoded(text: str) -> bytes | None:
    if re.fullmatch(r"(?:[0-9a-fA-F]{2})+", text):
        return bytes.fromhex(text)
    plain = text.replace("-", "+").replace("_", "/").rstrip("=")
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True) or None
    except (binascii.Error, ValueError):
        return None


def _guessable(raw: bytes) -> bool:
    steps = {(b - a) % 256 for a, b in pairwise(raw)}
    return len(set(raw)) < _LEAST_DISTINCT or len(steps) < 4 or all(32 <= b < 127 for b in raw)


def _worded(text: str) -> bool:
    """Return whether a text in base64 consists of words or of a repeated part."""
    hexadecimal = re.fullmatch(r"[0-9a-fA-F]+", text) is not None
    mixed = all(re.search(kind, text) for kind in ("[a-z]", "[A-Z]", "[0-9+/_-]"))
    return (text + text).find(text, 1) < len(text) or not (hexadecimal or mixed)
