"""The YAML files of design/data."""

from __future__ import annotations

from importlib import resources
from typing import Any

import yaml


def read_data(name: str) -> str:
    """Return the text of a file of design/data."""
    return resources.files("lampkeeper.design").joinpath("data", name).read_text(encoding="utf-8")


def parse_data(name: str) -> Any:
    """Return what a YAML file of design/data holds; read by libyaml where PyYAML has it, which takes a sixth of the time."""
    if yaml.__with_libyaml__:
        return yaml.load(read_data(name), Loader=yaml.CSafeLoader)
    return yaml.safe_load(read_data(name))
