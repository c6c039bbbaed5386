"""The digest that identifies content: SHA-256."""

from __future__ import annotations

import hashlib


def digest_of(content: str | bytes, *, digits: int = 64) -> str:
    """Return the first hex digits of the SHA-256 of bytes, or of a string in UTF-8 (lone surrogates are kept)."""
    raw = content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass")
    return hashlib.sha256(raw).hexdigest()[:digits]
