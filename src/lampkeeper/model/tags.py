"""Governed tags and their assignments."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class EntityType(StrEnum):
    """The kinds of entities with tags, in the spelling of the entity-tag-assignments API (source: SDK 0.156)."""

    CATALOGS = "catalogs"
    SCHEMAS = "schemas"
    TABLES = "tables"
    COLUMNS = "columns"
    VOLUMES = "volumes"


PLATFORM_PREFIXES = ("class.", "system.")
"""The prefix of the platform's own tag keys; these tags exist even if the list of governed tags does not show them."""


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class TagPolicy:
    """A governed tag: its key and its allowed values (sorted; without values it has a key only).

    `external`: another team or the platform owns it. Lampkeeper assigns and matches it and never changes its definition;
    `values` are then the values that lampkeeper uses.
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
    """A tag on one entity; `entity_name` is dotted and unquoted, as in the API. Keys and values are case-sensitive."""

    entity_type: EntityType
    entity_name: str
    key: str
    value: str = ""


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class TagPermission:
    """The permission to assign (`roles/tagPolicy.assigner`) or manage (`roles/tagPolicy.manager`) a governed tag."""

    key: str
    role: str
    principals: tuple[str, ...]

    def __post_init__(self) -> None:
        """Sort the principals: they are a set."""
        object.__setattr__(self, "principals", tuple(sorted(set(self.principals))))
