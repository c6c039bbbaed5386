"""Packs the wheel with the standard library alone: the same files give the same bytes."""

from __future__ import annotations

import base64
import hashlib
import zipfile
from pathlib import Path

NAME, VERSION = "sample_wheel", "0.1.0"
HERE = Path(__file__).parent


def main() -> None:
    """Write dist/sample_wheel-0.1.0-py3-none-any.whl."""
    info = f"{NAME}-{VERSION}.dist-info"
    files = {f"{NAME}/{one.name}": one.read_bytes() for one in sorted((HERE / NAME).glob("*.*"))}
    files[f"{info}/METADATA"] = f"Metadata-Version: 2.1\nName: {NAME}\nVersion: {VERSION}\n".encode()
    files[f"{info}/WHEEL"] = b"Wheel-Version: 1.0\nGenerator: make_wheel\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    files[f"{info}/entry_points.txt"] = f"[console_scripts]\nmain = {NAME}:main\nfail = {NAME}:fail\n".encode()
    record = "".join(f"{name},sha256={_digest(content)},{len(content)}\n" for name, content in files.items())
    files[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n".encode()
    target = HERE / "dist" / f"{NAME}-{VERSION}-py3-none-any.whl"
    target.parent.mkdir(exist_ok=True)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0)), content)


def _digest(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")


if __name__ == "__main__":
    main()
