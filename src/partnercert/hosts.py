"""Compare host names as a browser would: whole labels, no substrings."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit


def is_loopback(host: str) -> bool:
    """Tell whether a host name or address is this machine."""
    host = host.strip("[]").lower().rstrip(".")
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def host_allowed(host: str, allowed: tuple[str, ...]) -> bool:
    """Tell whether a host is one of the allowed ones or a true subdomain of one (`a.partner.com` of `partner.com`)."""
    host = host.lower().rstrip(".").strip("[]")
    for name in allowed:
        name = name.lower().rstrip(".").strip("[]")
        if host == name:
            return True
        if not _is_address(name) and host.endswith("." + name):
            return True
    return False


def redirect_problem(url: str, allowed: tuple[str, ...]) -> str | None:
    """Say what is wrong with a redirect URL, or None: https (http on loopback), no user info, host on the list."""
    if any(ord(c) <= 0x20 or c == "\\" for c in url):
        return "holds a blank, a control character or a backslash"
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        _ = parts.port
    except ValueError as error:
        return f"is not a URL ({error})"
    if parts.scheme not in ("http", "https") or not host:
        return "is not an absolute http(s) URL"
    if parts.username is not None or parts.password is not None:
        return "carries user information before the host"
    if not host_allowed(host, allowed):
        return f"leads to host {host!r}, which is not among hostnames {list(allowed)}"
    if parts.scheme == "http" and not is_loopback(host):
        return "is plain http"
    return None


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
