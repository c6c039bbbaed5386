"""Functions of the policies: what takes a masked column's value, or decides on a row."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum

from lampkeeper.model.names import FunctionName, quote_identifier, quote_string


class FunctionRole(StrEnum):
    """A mask takes the column's value first; a filter returns whether a row is shown."""

    MASK = "mask"
    FILTER = "filter"


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class Parameter:
    """A parameter: name and Databricks SQL type."""

    name: str
    type: str


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class FunctionExample:
    """SQL literals of the arguments, and of the value returned (`NULL` for null)."""

    arguments: tuple[str, ...]
    returns: str


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class Function:
    """A SQL function as it will stand in Unity Catalog: `body` is the expression after RETURN."""

    name: FunctionName
    role: FunctionRole
    parameters: tuple[Parameter, ...]
    returns: str
    body: str
    comment: str = ""
    examples: tuple[FunctionExample, ...] = ()

    @property
    def digest(self) -> str:
        """Return 16 hex digits that change with the signature or the body, not with the comment or blanks around it."""
        signature = ",".join(f"{p.name.lower()} {p.type.upper()}" for p in self.parameters)
        text = f"({signature})->{self.returns.upper()}:{' '.join(self.body.split())}"
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def create_sql(self) -> str:
        """Return the CREATE OR REPLACE FUNCTION statement, every name quoted."""
        parameters = ", ".join(f"{quote_identifier(p.name)} {p.type}" for p in self.parameters)
        comment = f" COMMENT {quote_string(self.comment)}" if self.comment else ""
        return f"CREATE OR REPLACE FUNCTION {self.name.sql}({parameters}) RETURNS {self.returns}{comment} RETURN {self.body}"
