"""The library of masks and filters: one SQL file per function, with signature, class and examples in the header."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources

from lampkeeper.model.errors import InternalError, UsageError
from lampkeeper.model.masks import Function, FunctionExample, FunctionRole, Parameter
from lampkeeper.model.names import FunctionName
from lampkeeper.text.sql_lexer import split_outside
from lampkeeper.text.sql_quoting import identifier_value

_SIGNATURE = re.compile(r"--\s*([a-z_][a-z0-9_]*)\((.*)\)\s+RETURNS\s+(\S.*?)\s*$")
_FIELD = re.compile(r"--\s*(class|reveals|note|example):\s*(.*?)\s*$")
HOME = FunctionName("", "", "")
"""The catalog and schema of library functions before they are given a catalog and a schema."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LibraryFunction:
    """A function of the library with its header: `reveals` describes the rest of the value for people."""

    function: Function
    label: str
    reveals: str
    note: str = ""

    @property
    def name(self) -> str:
        """Return the bare name."""
        return self.function.name.function

    def at(self, catalog: str, schema: str) -> Function:
        """Return the function with that schema."""
        comment = f"managed by lampkeeper; shows {self.reveals}"
        return replace(self.function, name=FunctionName(catalog, schema, self.name), comment=comment)


@dataclass(frozen=True, slots=True, kw_only=True)
class Library:
    """All functions by bare name."""

    functions: Mapping[str, LibraryFunction]

    def __getitem__(self, name: str) -> LibraryFunction:
        """Return a function; raise KeyError for an unknown name."""
        return self.functions[name]

    def of_role(self, role: FunctionRole) -> tuple[LibraryFunction, ...]:
        """Return the masks or the filters, sorted by name."""
        return tuple(f for _, f in sorted(self.functions.items()) if f.function.role is role)


@cache
def load_library() -> Library:
    """Return the built-in library, parsed once."""
    found: dict[str, LibraryFunction] = {}
    root = resources.files("lampkeeper.design").joinpath("data")
    for folder, role in (("masks", FunctionRole.MASK), ("filters", FunctionRole.FILTER)):
        for entry in sorted(root.joinpath(folder).iterdir(), key=lambda e: e.name):
            if entry.name.endswith(".sql"):
                parsed = parse_library_file(entry.read_text(encoding="utf-8"), role, location=f"{folder}/{entry.name}")
                if parsed.name != entry.name.removesuffix(".sql"):
                    raise InternalError(f"{folder}/{entry.name}: holds {parsed.name}, a file is named after its function")
                found[parsed.name] = parsed
    return Library(functions=found)


def parse_library_file(text: str, role: FunctionRole, *, location: str) -> LibraryFunction:
    """Read one file: header lines, then the expression; raise InternalError with the location of a malformed header."""
    lines = text.splitlines()
    signature = _SIGNATURE.match(lines[0]) if lines else None
    if signature is None:
        raise InternalError(f"{location}:1: expected `-- name(arg TYPE) RETURNS TYPE`")
    fields: dict[str, str] = {}
    examples: list[FunctionExample] = []
    body_from = 1
    for number, line in enumerate(lines[1:], start=2):
        if not line.startswith("--"):
            break
        body_from = number
        match = _FIELD.match(line)
        if match is None:
            raise InternalError(f"{location}:{number}: expected class, reveals, note or example")
        if match.group(1) == "example":
            examples.append(_example(match.group(2), f"{location}:{number}"))
        else:
            fields[match.group(1)] = match.group(2)
    body = "\n".join(lines[body_from:]).strip().rstrip(";")
    if not body or not examples or "class" not in fields or "reveals" not in fields:
        raise InternalError(f"{location}: needs class, reveals, at least one example, and a body")
    function = Function(
        name=replace_function(HOME, signature.group(1)),
        role=role,
        parameters=parse_parameters(signature.group(2)),
        returns=signature.group(3),
        body=body,
        examples=tuple(examples),
    )
    return LibraryFunction(function=function, label=fields["class"], reveals=fields["reveals"], note=fields.get("note", ""))


def replace_function(at: FunctionName, name: str) -> FunctionName:
    """Return the name in the same catalog and schema."""
    return FunctionName(at.catalog, at.schema, name)


def _example(text: str, location: str) -> FunctionExample:
    try:
        return FunctionExample.parse(text)
    except UsageError as error:
        raise InternalError(f"{location}: {error.message}") from None


def parse_parameters(text: str) -> tuple[Parameter, ...]:
    """Read `a STRING, b DECIMAL(18,2)`; an empty text has no parameters."""
    found = []
    for part in split_outside(text, ",", brackets="()<>"):
        name, _, type_text = part.partition(" ")
        found.append(Parameter(name=identifier_value(name), type=type_text.strip()))
    return tuple(found)
