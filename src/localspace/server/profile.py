"""Profiles of the configuration file that the clients share (`.databrickscfg`)."""

from __future__ import annotations

import configparser
import os
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

_LOOPBACK = {"127.0.0.1", "localhost", "::1"}


def configuration_file(environment: Mapping[str, str]) -> Path:
    """Return the file that the clients read: DATABRICKS_CONFIG_FILE, or ~/.databrickscfg."""
    return Path(environment.get("DATABRICKS_CONFIG_FILE") or Path.home() / ".databrickscfg").expanduser()


class ForeignProfileError(Exception):
    """A profile may not be written: one of this name belongs to another workspace, or the file cannot be read."""


def require_own(path: Path, name: str) -> None:
    """Raise ForeignProfileError if the file has a profile of this name whose host is not on this machine."""
    profiles = configparser.ConfigParser(interpolation=None, strict=False, default_section="")
    try:
        profiles.read_string(path.read_text() if path.exists() else "", str(path))
    except configparser.Error as error:
        raise ForeignProfileError(f"{path} cannot be read, so no profile was written: {error.message}") from error
    host = profiles.get(name, "host", fallback="") if profiles.has_section(name) else ""
    if profiles.has_section(name) and urlsplit(host).hostname not in _LOOPBACK:
        raise ForeignProfileError(
            f"The profile {name} of {path} exists and belongs to {host or 'no host'}: it was not replaced. Choose another name."
        )


def write_profile(path: Path, name: str, values: Mapping[str, str]) -> None:
    """Write one profile, atomically and with mode 0600; every other line of the file stays as it is."""
    text = path.read_text() if path.exists() else ""
    section = [f"[{name}]", *(f"{key} = {value}" for key, value in values.items()), ""]
    lines = text.splitlines()
    start = next((at for at, line in enumerate(lines) if line.strip() == f"[{name}]"), None)
    if start is None:
        if lines and lines[-1].strip():
            lines.append("")
        lines += section
    else:
        end = next((at for at in range(start + 1, len(lines)) if re.match(r"\s*\[", lines[at])), len(lines))
        lines[start:end] = section
    # A link stays a link: its target is replaced.
    target = path.resolve()
    target.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=target.parent, prefix=".databrickscfg-")
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write("\n".join(lines).rstrip("\n") + "\n")
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o600)
        os.replace(temporary, target)
    except BaseException:
        os.unlink(temporary)
        raise
