"""Governed tags and where they are assigned."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class EntityType(StrEnum):
    """What a tag can be assigned to, spelled as the entity-tag-assignments API spells it (source: SDK 0.156)."""

    CATALOGS = "catalogs"
    SCHEMAS = "schemas"
    TABLES = "tables"
    COLUMNS = "columns"
    VOLUMES = "volumes"


PLATFORM_PREFIXES = ("class.", "system.")
"""How keys of the platform's own tags begin; they exist, whether or not the list of governed tags shows them."""


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class TagPolicy:
    """A governed tag: its key, and the values it may take (sorted; none means key only).

    `external`: another team, or the platform, owns it. We assign it and match it, and never write its definition; `values`
    are then those that we rely on.
    """

    key: str
    description: str = ""
    values: tuple[str, ...] = ()
    external: bool = False

    def __post_init__(self) -> None:
        """Sort the values: the platform keeps them unordered."""
        object.__setattr__(self, "values", tuple(sorted(set(self.values))))

    @property
    def of_platform(self) -> bool:
        """Return whether the tag is the platform's own."""
        return self.key.startswith(PLATFORM_PREFIXES)


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class TagAssignment:
    """A tag on one entity; `entity_name` is dotted and unquoted, as the API takes it. Keys and values are case-sensitive."""

    entity_type: EntityType
    entity_name: str
    key: str
    value: str = ""


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class TagPermission:
    """Who may assign (`roles/tagPolicy.assigner`) or manage (`roles/tagPolicy.manager`) a governed tag."""

    key: str
    role: str
    principals: tuple[str, ...]

    def __post_init__(self) -> None:
        """Sort the principals: they are a set."""
        object.__setattr__(self, "principals", tuple(sorted(set(self.principals))))
