"""The pins of the jobs' serverless environments, computed from uv.lock: `python tests/support/serverless_pins.py` writes them.

They hold every package that the wheel needs on Linux with CPython. Packages that Spark Connect of the platform needs too stay
out: the environment version has them, and another version of them could break its client.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from packaging.markers import Marker

ROOT = Path(__file__).parents[2]
OF_THE_PLATFORM = frozenset({"protobuf"})
FILES = {"serverless.txt": (), "serverless-model.txt": ("model",)}
HEAD = "# The versions of uv.lock, for the serverless environments of the jobs. Written by tests/support/serverless_pins.py.\n"
_LINUX = {
    "python_full_version": "3.12.3", "python_version": "3.12", "sys_platform": "linux", "platform_system": "Linux",
    "os_name": "posix", "implementation_name": "cpython", "platform_python_implementation": "CPython", "extra": "",
}  # fmt: skip


def text_of(extras: tuple[str, ...]) -> str:
    """Return the content of a requirements file."""
    return HEAD + "".join(f"{name}=={version}\n" for name, version in sorted(pins(extras).items()))


def pins(extras: tuple[str, ...] = ()) -> dict[str, str]:
    """Return the packages that the wheel with these extras needs, with their versions."""
    packages = {p["name"]: p for p in tomllib.loads((ROOT / "uv.lock").read_text())["package"]}
    own = packages["lampkeeper"]
    waiting = [*_chosen(own["dependencies"]), *(n for e in extras for n in _chosen(own["optional-dependencies"][e]))]
    found: dict[str, str] = {}
    while waiting:
        name = waiting.pop()
        if name not in found and name not in OF_THE_PLATFORM:
            found[name] = packages[name]["version"]
            waiting += _chosen(packages[name].get("dependencies", ()))
    return found


def _chosen(dependencies: Any) -> Iterator[str]:
    for one in dependencies:
        if "marker" not in one or Marker(one["marker"]).evaluate(_LINUX):
            yield one["name"]


if __name__ == "__main__":
    for file, extras in FILES.items():
        (ROOT / "resources" / file).write_text(text_of(extras))
