"""ABAC policies: column masks and row filters bound to tags."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from lampkeeper.model.conditions import Condition, tag_references
from lampkeeper.model.names import FunctionName


class PolicyKind(StrEnum):
    """The kind of a policy, in the spelling of the policies API (source: SDK 0.156)."""

    COLUMN_MASK = "POLICY_TYPE_COLUMN_MASK"
    ROW_FILTER = "POLICY_TYPE_ROW_FILTER"


class SecurableType(StrEnum):
    """Securables with policies or grants; the grants API spells them in lower case, the policies API in upper case."""

    METASTORE = "METASTORE"
    CATALOG = "CATALOG"
    SCHEMA = "SCHEMA"
    TABLE = "TABLE"
    FUNCTION = "FUNCTION"
    VOLUME = "VOLUME"


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchColumn:
    """One MATCH COLUMNS entry: the alias for columns whose own tags satisfy the condition."""

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

    The function of a mask takes the column matched by `on_column` first, then `using`; that of a filter takes only `using`.
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

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """Return the condition of WHEN, if there is one, and those of the matched columns."""
        matched = tuple(m.condition for m in self.match_columns)
        return matched if self.when is None else (self.when, *matched)

    @property
    def tag_keys(self) -> frozenset[str]:
        """Return the keys of the tags that the conditions name."""
        return frozenset(key for condition in self.conditions for key, _ in tag_references(condition))


@dataclass(frozen=True, slots=True, kw_only=True)
class UnreadPolicy:
    """A policy that could not be parsed: the document from the policies API."""

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
    """Privileges of one principal on one securable, spelled with underscores as in the grants API.

    `shared`: the principal is not a managed group, so other owners may grant it more on the same securable.
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
