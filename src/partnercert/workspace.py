"""A Databricks workspace as P200 and P201 see it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit


class WorkspaceError(Exception):
    """The workspace refused or did not answer; the text says what was asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TableFacts:
    """A table in the catalog: MANAGED, EXTERNAL or another kind, the location of its files, its creator (if known)."""

    schema: str
    name: str
    kind: str
    location: str
    creator: str = ""


class WorkspaceAccess(Protocol):
    """What the two workspace cases need."""

    details: dict[str, Any]

    def sql(self, statement: str, *, as_partner: bool = False) -> list[list[str]]:
        """Run a statement as the administrator or as the connection's principal. Raises WorkspaceError."""

    def principal(self) -> str:
        """Return the name of the connection's principal. Raises WorkspaceError."""

    def table_names(self, catalog: str, *, hive: bool) -> set[tuple[str, str]]:
        """Return schema and name of every table of a catalog, and each schema with an empty name. Raises WorkspaceError."""

    def table(self, catalog: str, schema: str, name: str, *, hive: bool) -> TableFacts:
        """Return the facts about one table. Raises WorkspaceError."""

    def finished_by_principal(self, since_ms: int) -> list[str]:
        """Return the statements that the principal finished on the warehouse since a time. Raises WorkspaceError."""

    def default_catalog(self) -> str:
        """Return the catalog that an unqualified name means. Raises WorkspaceError."""

    def set_default_catalog(self, name: str) -> None:
        """Change the workspace's default catalog. Raises WorkspaceError."""

    def external_location_above(self, url: str) -> str:
        """Return the name of a writable external location that covers a path, or nothing. Raises WorkspaceError."""

    def run_notebook(self, path: str) -> str:
        """Run a notebook to its end and return its result state. Raises WorkspaceError."""


def quoted(name: str) -> str:
    """Return an identifier in backticks."""
    return "`" + name.replace("`", "``") + "`"


def lies_under(location: str, folder: str) -> bool:
    """Tell whether a cloud path lies in a folder: scheme aliases, host case, encoding and doubled slashes aside."""
    inner, outer = _path(location), _path(folder)
    return inner[:2] == outer[:2] and inner[2][: len(outer[2])] == outer[2]


def _path(url: str) -> tuple[str, str, tuple[str, ...]]:
    parts = urlsplit(url)
    scheme = re.sub(r"^s3[an]$", "s3", parts.scheme.lower()) or "file"
    pieces = [piece for piece in unquote(parts.path).split("/") if piece]
    return scheme, parts.netloc.lower(), tuple(pieces)
