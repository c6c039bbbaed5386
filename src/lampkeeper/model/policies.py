"""ABAC policies: column masks and row filters bound to tags."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from lampkeeper.model.conditions import Condition
from lampkeeper.model.names import FunctionName


class PolicyKind(StrEnum):
    """Spelled as the policies API spells it (source: SDK 0.156)."""

    COLUMN_MASK = "POLICY_TYPE_COLUMN_MASK"
    ROW_FILTER = "POLICY_TYPE_ROW_FILTER"


class SecurableType(StrEnum):
    """Securables that carry policies or grants; lower case is the grants API's spelling, upper case the policies API's."""

    METASTORE = "METASTORE"
    CATALOG = "CATALOG"
    SCHEMA = "SCHEMA"
    TABLE = "TABLE"
    FUNCTION = "FUNCTION"
    VOLUME = "VOLUME"


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchColumn:
    """One MATCH COLUMNS entry: columns whose own tags satisfy the condition get the alias."""

    alias: str
    condition: Condition


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class Argument:
    """One USING COLUMNS argument: a MATCH COLUMNS alias, or a constant."""

    alias: str | None = None
    constant: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """One ABAC policy. `securable` is the full name in parts (1 for a catalog, 3 for a table).

    A mask's function takes the column matched by `on_column` first, then `using`; a filter's takes `using` alone.
    """

    name: str
    kind: PolicyKind
    securable_type: SecurableType
    securable: tuple[str, ...]
    to_principals: tuple[str, ...]
    function: FunctionName
    except_principals: tuple[str, ...] = ()
    when: Condition | None = None
    match_columns: tuple[MatchColumn, ...] = ()
    on_column: str | None = None
    using: tuple[Argument, ...] = ()
    comment: str = ""

    def __post_init__(self) -> None:
        """Sort the principals: the platform treats them as sets."""
        object.__setattr__(self, "to_principals", tuple(sorted(set(self.to_principals))))
        object.__setattr__(self, "except_principals", tuple(sorted(set(self.except_principals))))

    @property
    def key(self) -> tuple[str, str, str]:
        """Return (securable type, full name, policy name): unique in a metastore."""
        return (str(self.securable_type), ".".join(self.securable), self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class UnreadPolicy:
    """A policy of which the model cannot tell what it does: the document that the policies API gives."""

    document: Mapping[str, Any]

    @property
    def key(self) -> tuple[str, str, str]:
        """Return (securable type, full name, policy name)."""
        names = ("on_securable_type", "on_securable_fullname", "name")
        kind, full_name, name = (str(self.document.get(n) or "") for n in names)
        return (kind, full_name, name)

    @property
    def comment(self) -> str:
        """Return the comment."""
        return str(self.document.get("comment") or "")


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class Grant:
    """Privileges of one principal on one securable, spelled with underscores as the grants API takes them.

    `shared`: the principal is not a managed group, so others may grant it more on the same securable.
    """

    securable_type: SecurableType
    securable: tuple[str, ...]
    principal: str
    privileges: tuple[str, ...]
    shared: bool = field(default=False, compare=False)

    def __post_init__(self) -> None:
        """Sort the privileges."""
        object.__setattr__(self, "privileges", tuple(sorted(set(self.privileges))))

    @property
    def key(self) -> tuple[str, str, str]:
        """Return (securable type, full name, principal)."""
        return (str(self.securable_type), ".".join(self.securable), self.principal)
