"""Notebook source files: which files are notebooks, and their cells.

A notebook in source form starts with a header line in the comment style of its language; cells are parted by a
`COMMAND ----------` comment and lines of another language carry `MAGIC` (source: platform docs, notebook formats).
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from enum import StrEnum


class Language(StrEnum):
    """The language of a notebook or a cell."""

    PYTHON = "PYTHON"
    SQL = "SQL"
    SCALA = "SCALA"
    R = "R"


class CellKind(StrEnum):
    """What a cell does."""

    PYTHON = "python"
    SQL = "sql"
    MARKDOWN = "md"
    RUN = "run"
    SHELL = "sh"
    PIP = "pip"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One cell; `line` is the line of its first source line in the file, counted from 1; `magic` names an unknown kind."""

    kind: CellKind
    source: str
    line: int
    magic: str = ""


_COMMENT = {Language.PYTHON: "#", Language.SQL: "--", Language.SCALA: "//", Language.R: "#"}
_EXTENSIONS = {".py": Language.PYTHON, ".sql": Language.SQL, ".scala": Language.SCALA, ".r": Language.R}
_OWN_KIND = {Language.PYTHON: CellKind.PYTHON, Language.SQL: CellKind.SQL}
_MAGICS = {
    "python": CellKind.PYTHON,
    "sql": CellKind.SQL,
    "md": CellKind.MARKDOWN,
    "run": CellKind.RUN,
    "sh": CellKind.SHELL,
    "pip": CellKind.PIP,
}


def header(language: Language) -> str:
    """Return the first line of a notebook in source form."""
    return f"{_COMMENT[language]} Databricks notebook source"


def notebook_language(name: str, content: bytes) -> Language | None:
    """Return the language of a file that is a notebook in source form or ipynb, None for any other file."""
    dot = name.rfind(".")
    extension = name[dot:].lower() if dot > 0 else ""
    if extension == ".ipynb":
        return Language.PYTHON if _is_ipynb(content) else None
    language = _EXTENSIONS.get(extension)
    if language is None:
        return None
    first = content[:200].split(b"\n", 1)[0].decode("utf-8", "replace").lstrip("\ufeff").rstrip()
    return language if first == header(language) else None


def bare_name(name: str) -> str:
    """Return the name of a notebook file as the workspace stores it: without the extension."""
    return name[: name.rfind(".")] if "." in name[1:] else name


def parse(text: str, language: Language) -> tuple[Cell, ...]:
    """Return the cells of a notebook in source form or ipynb."""
    if text.lstrip().startswith("{") and '"cells"' in text:
        return _parse_ipynb(text)
    comment = _COMMENT[language]
    lines = text.lstrip("\ufeff").splitlines()
    start = 1 if lines and lines[0].rstrip() == header(language) else 0
    cells: list[Cell] = []
    block: list[tuple[int, str]] = []
    separator = re.compile(rf"^{re.escape(comment)} COMMAND -+\s*$")
    for number, line in enumerate(lines[start:], start=start + 1):
        if separator.match(line):
            cells.extend(_cell(block, language))
            block = []
        else:
            block.append((number, line))
    cells.extend(_cell(block, language))
    return tuple(cells)


def _cell(block: list[tuple[int, str]], language: Language) -> list[Cell]:
    while block and not block[0][1].strip():
        block = block[1:]
    while block and not block[-1][1].strip():
        block = block[:-1]
    if not block:
        return []
    mark = f"{_COMMENT[language]} MAGIC"
    number = block[0][0]
    title = f"{_COMMENT[language]} DBTITLE "
    if block[0][1].startswith(title):
        return _cell(block[1:], language)
    if not block[0][1].startswith(mark):
        source = "\n".join(line for _, line in block)
        return [_typed_cell(source, number, language)]
    stripped = [line[len(mark) :].removeprefix(" ") if line.startswith(mark) else line for _, line in block]
    return [_magic_cell("\n".join(stripped), number, language)]


def _typed_cell(source: str, number: int, language: Language) -> Cell:
    kind = _OWN_KIND.get(language)
    if kind is None:
        return Cell(kind=CellKind.OTHER, source=source, line=number, magic=language.lower())
    return Cell(kind=kind, source=source, line=number)


def _magic_cell(source: str, number: int, language: Language) -> Cell:
    found = re.match(r"%(\w+)[ \t]*(.*)\Z", source, re.DOTALL)
    if found is None:
        return _typed_cell(source, number, language)
    name, body = found.group(1).lower(), found.group(2)
    kind = _MAGICS.get(name, CellKind.OTHER)
    if body.startswith("\n"):
        return Cell(kind=kind, source=body[1:], line=number + 1, magic=name)
    return Cell(kind=kind, source=body, line=number, magic=name)


def _is_ipynb(content: bytes) -> bool:
    try:
        found = json.loads(content)
    except ValueError:
        return False
    return isinstance(found, dict) and isinstance(found.get("cells"), list)


def _parse_ipynb(text: str) -> tuple[Cell, ...]:
    cells: list[Cell] = []
    for number, one in enumerate(json.loads(text)["cells"], start=1):
        source = one.get("source") or ""
        source = "".join(source) if isinstance(source, list) else str(source)
        if one.get("cell_type") == "markdown":
            cells.append(Cell(kind=CellKind.MARKDOWN, source=source, line=number))
        elif one.get("cell_type") == "code" and source.strip():
            cell = _magic_cell(source, 1, Language.PYTHON) if source.startswith("%") else None
            cells.append(cell or Cell(kind=CellKind.PYTHON, source=source, line=1))
    return tuple(cells)
