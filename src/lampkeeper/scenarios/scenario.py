"""A scenario as its file gives it: the data, the steps, the teardown."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from lampkeeper.model.errors import UsageError
from lampkeeper.model.known_names import require_known
from lampkeeper.scenarios import checks, live_checks, shown_values
from lampkeeper.scenarios.actions import ACTIONS, Action, Nothing
from lampkeeper.scenarios.checks import Check
from lampkeeper.scenarios.fields import build, chosen, mapping, sequence

CHECKS: Mapping[str, type] = {
    "prints": checks.Prints, "never": checks.Prints, "exists": checks.Exists, "absent": checks.Absent,
    "file": checks.FileTexts, "lack": checks.FolderLacks, "declares": checks.Declares, "same": checks.Same,
    "states": checks.States, "differ": checks.Differ, "only_kinds": checks.OnlyKinds, "id_files": checks.IdFiles,
    "live_spaces": live_checks.Spaces, "space": live_checks.SpaceReads, "acl": live_checks.SpaceRuns,
    "tagged": live_checks.Tagged, "untagged": live_checks.Tagged, "reads": live_checks.Reads, "masked": live_checks.Masked,
    "shows": shown_values.Shows,
}  # fmt: skip
"""The kinds of checks, by the key that names them in a scenario file."""

_NAMES = re.compile(
    r"\b(?:(?:dev|prod)_(?:fin|clinical|bank|lakshmi|asean_bank)|data_analysts|compliance_officers|fraud_team|genie-only-team"
    r"|(?:finance|clinical|combined)_analytics)\b"
)
_TITLES = re.compile(r"\b(?:Finance|Clinical|Combined|Kookaburra Bank|Lakshmi Bank|ASEAN Regional Banking) Analytics\b")
_STEP_KEYS = frozenset({"title", "exit", "expect", "if_exists", "if_noted"})
_FILES = "data"


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """A check and its name, which is unique in the scenario."""

    name: str
    check: Check


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step: a title, what to do, the exit code that a command must have, what must hold afterwards.

    A step of a teardown is left out where no file fits the pattern `if_exists`, or nothing was noted as `if_noted`.
    """

    title: str
    action: Action
    exit: int = 0
    if_exists: str = ""
    if_noted: str = ""
    expect: tuple[Expected, ...] = ()

    @property
    def command(self) -> str:
        """Return the command line; empty for a step without a command."""
        return str(getattr(self.action, "run", ""))


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A scenario: its name, the section of the playbook, what it validates, its steps, and its teardown.

    `governed` are the environments that are verified and audited at the end; `only_local` says why it needs a local workspace.
    """

    name: str
    section: str
    summary: str
    steps: tuple[Step, ...]
    teardown: tuple[Step, ...]
    governed: tuple[str, ...]
    only_local: str = ""

    @property
    def check_names(self) -> tuple[str, ...]:
        """Return the names of the checks in order."""
        return tuple(e.name for s in (*self.steps, *self.teardown) for e in s.expect)


@cache
def scenario_names() -> tuple[str, ...]:
    """Return the names of all scenarios, in the order of the guide."""
    text = (files(__package__) / _FILES / "order.yaml").read_text(encoding="utf-8")
    return tuple(yaml.safe_load(text))


@cache
def scenario_named(name: str, run_id: str = "") -> Scenario:
    """Return a scenario; with a run id, what it makes has names that end with it. Raise UsageError for an unknown name."""
    require_known("scenario", name, scenario_names())
    text = (files(__package__) / _FILES / f"{name}.yaml").read_text(encoding="utf-8")
    return read_scenario(named_for_run(text, run_id) if run_id else text, f"{name}.yaml")


def named_for_run(text: str, run_id: str) -> str:
    """Return the text of a scenario in which catalogs, groups, people, principals and Genie spaces carry the run's id."""
    text = _NAMES.sub(lambda m: f"{m[0]}_{run_id}", text)
    text = _TITLES.sub(lambda m: f"{m[0]} {run_id}", text)
    return text.replace("@lampkeeper.example", f"+{run_id}@lampkeeper.example")


def read_scenario(text: str, where: str) -> Scenario:
    """Read a scenario's file; raise UsageError that names the step of an error."""
    try:
        document = mapping(yaml.safe_load(text), where)
    except yaml.YAMLError as error:
        raise UsageError(f"{where}: {error}") from None
    parts = {
        part: tuple(
            _step(one, f"{where}: {part} {number}") for number, one in enumerate(sequence(document.get(part, []), where), 1)
        )
        for part in ("steps", "teardown")
    }
    found = build(Scenario, {"governed": [], **document, **parts}, where)
    twice = {n for n in found.check_names if found.check_names.count(n) > 1}
    if twice:
        raise UsageError(f"{where}: two checks are named {sorted(twice)[0]!r}", fix="name each check once")
    if not found.steps or not found.teardown:
        raise UsageError(f"{where}: a scenario has steps and a teardown")
    return found


def _step(value: object, where: str) -> Step:
    body = dict(mapping(value, where))
    own = {key: body.pop(key) for key in _STEP_KEYS & set(body)}
    action: Any = Nothing()
    if body:
        action = build(ACTIONS[chosen(body, ACTIONS, where)], body, where)
    expected = tuple(_expected(one, where) for one in sequence(own.pop("expect", []), where))
    title = str(own.pop("title", "") or getattr(action, "run", ""))
    if not title:
        raise UsageError(f"{where}: a step without a command has a title")
    return Step(
        title=title,
        action=action,
        exit=own.get("exit", 0),
        if_exists=own.get("if_exists", ""),
        if_noted=own.get("if_noted", ""),
        expect=expected,
    )


def _expected(value: object, where: str) -> Expected:
    body = dict(mapping(value, where))
    name = str(body.pop("check", ""))
    if not name:
        raise UsageError(f"{where}: a check has a name", fix="begin it with check:")
    where = f"{where}, check {name!r}"
    kinds = {CHECKS[key] for key in CHECKS if key in body}
    if len(kinds) != 1:
        raise UsageError(f"{where}: give exactly one of {', '.join(CHECKS)}")
    return Expected(name=name, check=build(kinds.pop(), body, where))
