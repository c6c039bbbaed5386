"""Profiles of the configuration file that the clients share (`.databrickscfg`)."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path


def configuration_file(environment: Mapping[str, str]) -> Path:
    """Return the file that the clients read: DATABRICKS_CONFIG_FILE, or ~/.databrickscfg."""
    return Path(environment.get("DATABRICKS_CONFIG_FILE") or Path.home() / ".databrickscfg").expanduser()


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
