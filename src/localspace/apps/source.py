"""The source of an app: the files of a workspace folder, and what its `app.yaml` says (source: platform docs, app.yaml)."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from localspace.core.errors import invalid

_FILES = ("app.yaml", "app.yml")


@dataclass(frozen=True, slots=True, kw_only=True)
class AppSource:
    """The command of an app, and its environment: values, and names of resources to take values from."""

    command: tuple[str, ...]
    values: Mapping[str, str]
    resources: Mapping[str, str]


def read_source(folder: Path) -> AppSource:
    """Return what the folder of an app says; raises 400 for an `app.yaml` that cannot be used.

    Without a command the first Python file of the folder is run, as on the platform.
    """
    file = next((folder / name for name in _FILES if (folder / name).is_file()), None)
    found: Any = {}
    if file is not None:
        try:
            found = yaml.safe_load(file.read_text(encoding="utf-8")) or {}
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise invalid(f"{file.name} is not valid YAML: {str(error).splitlines()[0]}") from error
    if not isinstance(found, dict):
        raise invalid("app.yaml must be a map with command and env.")
    values, resources = _environment(found.get("env") or [])
    return AppSource(command=_command(found.get("command"), folder), values=values, resources=resources)


def _command(given: Any, folder: Path) -> tuple[str, ...]:
    if isinstance(given, str) and given.strip():
        return tuple(shlex.split(given))
    if isinstance(given, list) and given and all(isinstance(one, str) for one in given):
        return tuple(given)
    if given is not None:
        raise invalid("command of app.yaml must be a list of strings.")
    program = next(iter(sorted(one.name for one in folder.glob("*.py"))), None)
    if program is None:
        raise invalid("No command to run. Add app.yaml with a command, or a Python file.")
    return ("python", program)


def _environment(entries: Any) -> tuple[dict[str, str], dict[str, str]]:
    values: dict[str, str] = {}
    resources: dict[str, str] = {}
    if not isinstance(entries, list):
        raise invalid("env of app.yaml must be a list of names with values.")
    for one in entries:
        name = one.get("name") if isinstance(one, dict) else None
        if not isinstance(name, str) or not name or ("value" in one) == ("valueFrom" in one):
            raise invalid("Each entry of env in app.yaml needs a name, and either value or valueFrom.")
        if "value" in one:
            values[name] = str(one["value"])
        else:
            resources[name] = str(one["valueFrom"])
    return values, resources
