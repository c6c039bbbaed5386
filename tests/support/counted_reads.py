"""Counts how often each file of an environment is parsed: every parser is wrapped wherever a module has imported it."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import wraps
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any
from unittest.mock import patch

from lampkeeper import app, cli, files
from lampkeeper.deploy.state import LayerState
from lampkeeper.design.knowledge.library import parse_library_file
from lampkeeper.design.knowledge.overlay_file import read_overlay
from lampkeeper.design.knowledge.taxonomy_file import read_taxonomy
from lampkeeper.files.auth_file import read_auth
from lampkeeper.files.decisions import read_decisions
from lampkeeper.files.label_sources import SourceFiles
from lampkeeper.files.masks_sql import read_masks_sql
from lampkeeper.files.quotas_file import read_quotas
from lampkeeper.files.settings import read_settings
from lampkeeper.files.snapshots import read_labels, read_snapshot_file
from lampkeeper.files.tfvars import read_layer

_FUNCTIONS: tuple[Callable[..., Any], ...] = (
    parse_library_file, read_auth, read_decisions, read_labels, read_layer, read_masks_sql, read_overlay, read_quotas,
    read_settings, read_snapshot_file, read_taxonomy,
)  # fmt: skip
_SOURCES = {"remembered": "model.jsonl", "spaces": "spaces.jsonl", "counted": "profiles.jsonl"}


@contextmanager
def counted_parses(root: Path) -> Iterator[Counter[str]]:
    """Count the parses of files below `root`, by path from there; a file that is not there is not parsed."""
    seen: Counter[str] = Counter()
    below = root.resolve()

    def note(path: object) -> None:
        found = Path(str(path)).resolve()
        if found.is_file() and found.is_relative_to(below):
            seen[found.relative_to(below).as_posix()] += 1

    for package in (app, cli, files):
        # A module that is loaded later would take a counting parser for the parser.
        for module in iter_modules(package.__path__):
            import_module(f"{package.__name__}.{module.name}")
    with ExitStack() as stack:
        for function in _FUNCTIONS:
            for module, name in _bound(function):
                stack.enter_context(patch.object(module, name, _noted(function, note)))
        for method, file in _SOURCES.items():
            stack.enter_context(patch.object(SourceFiles, method, _noted_source(getattr(SourceFiles, method), file, note)))
        load = LayerState.load.__func__  # type: ignore[attr-defined]
        stack.enter_context(patch.object(LayerState, "load", classmethod(_noted(load, note))))
        yield seen


def _bound(function: Callable[..., Any]) -> Iterator[tuple[Any, str]]:
    for name, module in sorted(sys.modules.items()):
        if name.startswith("lampkeeper.") and getattr(module, function.__name__, None) is function:
            yield module, function.__name__


def _noted(function: Callable[..., Any], note: Callable[[object], None]) -> Callable[..., Any]:
    @wraps(function)
    def call(*given: Any, **named: Any) -> Any:
        values = [*given, *named.values()]
        note(next(v for v in values if isinstance(v, Path)) if any(isinstance(v, Path) for v in values) else _place(values))
        return function(*given, **named)

    return call


def _place(values: list[Any]) -> str:
    """Return the path of a parser that takes its place as text, not the text itself."""
    return next((v for v in values if isinstance(v, str) and "\n" not in v and "/" in v), "")


def _noted_source(method: Callable[..., Any], file: str, note: Callable[[object], None]) -> Callable[..., Any]:
    @wraps(method)
    def call(self: SourceFiles) -> Any:
        note(self.folder / file)
        return method(self)

    return call
