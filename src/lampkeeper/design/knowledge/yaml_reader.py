"""Reads YAML files that people write and reports all errors at once, each with its line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeVar

import yaml

from lampkeeper.model.findings import Finding, Severity

Path = tuple[str | int, ...]
"""The path of a value: keys, and positions in lists from 0."""

_E = TypeVar("_E", bound=StrEnum)
_LONGEST = 200_000
_DEEPEST = 50


@dataclass(slots=True, kw_only=True)
class YamlReader:
    """The common part of readers: the document with its lines, checked values, and findings with one `code`."""

    location: str
    code: str
    findings: list[Finding] = field(default_factory=list)
    lines: dict[Path, int] = field(default_factory=dict)

    def document(self, text: str, expected: str, fix: str) -> Mapping[str, Any] | None:
        """Return the mapping that the text holds, or None with a finding."""
        if len(text) > _LONGEST:
            self._fail((), f"longer than {_LONGEST} characters", "split it into several files")
            return None
        try:
            loader = _loader(text)
            if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, Loader=loader)):
                self._fail((), "has a YAML alias", "write it out: aliases can expand a small file without limit")
                return None
            node = yaml.compose(text, Loader=loader)
            data = None if node is None else yaml.SafeLoader("").construct_document(node)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark
            line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
            self._add(f"{self.location}:{line}:{column}", f"not YAML: {error.problem}", "quote texts that hold : # or brackets")
            return None
        except (yaml.YAMLError, RecursionError, ValueError) as error:
            self._fail((), f"not YAML: {error}", fix)
            return None
        if not isinstance(data, dict) or node is None:
            self._fail((), expected, fix)
            return None
        self.lines = dict(_lines(node, ()))
        return data

    def _items(self, path: Path, given: Any, *, needed: bool = False) -> Iterator[tuple[Path, Mapping[str, Any]]]:
        if given is None and not needed:
            return
        if not isinstance(given, list) or (needed and not given):
            self._fail(path, "expected a list", f"{path[-1]}: [...]")
            return
        for index, item in enumerate(given):
            if isinstance(item, dict):
                yield (*path, index), item
            else:
                self._fail((*path, index), "expected a mapping", "name: …")

    def _one_of(self, path: Path, given: Any, kind: type[_E]) -> _E | None:
        names = [str(k) for k in kind]
        if given not in names:
            self._fail(path, "is missing" if given is None else f"unknown {path[-1]} {given!r}", f"one of {', '.join(names)}")
            return None
        return kind(given)

    def _text(self, path: Path, given: Any) -> str:
        if isinstance(given, str) and given.strip():
            return given.strip()
        self._fail(path, "is missing" if given is None else "expected a text", f"{path[-1]}: …")
        return ""

    def _texts(self, path: Path, given: Any) -> tuple[str, ...]:
        if given is None:
            return ()
        if not isinstance(given, list) or not all(isinstance(t, str) for t in given):
            self._fail(path, "expected a list of texts", "put numbers and yes/no words in quotes")
            return ()
        return tuple(given)

    def _known(self, path: Path, item: Mapping[str, Any], keys: tuple[str, ...]) -> None:
        for key in item:
            if key not in keys:
                self._fail((*path, str(key)), f"unknown field {str(key)!r}", f"one of {', '.join(keys)}")

    def _fail(self, path: Path, message: str, fix: str) -> None:
        self._add(self._at(path), f"{_shown(path)}: {message}" if path else message, fix)

    def _add(self, location: str, message: str, fix: str) -> None:
        self.findings.append(Finding(code=self.code, severity=Severity.ERROR, location=location, message=message, fix=fix))

    def _at(self, path: Path) -> str:
        while path and path not in self.lines:
            path = path[:-1]
        return f"{self.location}:{self.lines.get(path, 1)}"


def _loader(text: str) -> type[yaml.SafeLoader] | type[yaml.CSafeLoader]:
    """Return libyaml's loader, which takes a tenth of the time, or PyYAML's own for malformed or deeply nested texts.

    PyYAML's messages are clearer, and libyaml ends the process on nesting of some 10,000 levels.
    """
    if not yaml.__with_libyaml__:
        return yaml.SafeLoader
    depth = deepest = 0
    try:
        for event in yaml.parse(text, Loader=yaml.CSafeLoader):
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
                deepest = max(deepest, depth)
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
    except yaml.YAMLError:
        return yaml.SafeLoader
    return yaml.CSafeLoader if deepest <= _DEEPEST else yaml.SafeLoader


def _shown(path: Path) -> str:
    return "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in path).lstrip(".")


def _lines(node: yaml.Node, path: Path) -> Iterator[tuple[Path, int]]:
    """Yield the line of every value, by its path."""
    yield path, node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield from _lines(value, (*path, str(key.value)))
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            yield from _lines(value, (*path, index))
