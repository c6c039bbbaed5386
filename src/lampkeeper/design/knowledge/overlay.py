"""An overlay of a country or an industry as data: identifiers (names, formats, masks), groups, access patterns."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from lampkeeper.design.knowledge.formats import Format
from lampkeeper.design.knowledge.kinds import Kind
from lampkeeper.model.groups import ALL_FAMILIES, Group, GroupSpec
from lampkeeper.model.labels import LabelClass
from lampkeeper.model.masks import FunctionRole


class OverlayKind(StrEnum):
    """A country (or region), or an industry."""

    COUNTRY = "country"
    INDUSTRY = "industry"


class Sensitivity(StrEnum):
    """The sensitivity of an identifier. PUBLIC: not sensitive."""

    RESTRICTED = "restricted"
    CONFIDENTIAL = "confidential"
    PUBLIC = "public"


class AccessLevel(StrEnum):
    """The access of a template's group: everything raw, its families raw, or nothing raw."""

    FULL = "full"
    PARTIAL = "partial"
    MASKED = "masked"


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class Phrase:
    """Names of a column, and their language."""

    language: str
    text: str


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class OverlayFunction:
    """The function for a SQL type family."""

    family: str
    function: str
    role: FunctionRole = FunctionRole.MASK


@dataclass(frozen=True, slots=True, kw_only=True)
class Identifier:
    """One kind of value: the names of its columns, the format of its values, its protection.

    `alone`: the values alone suffice to protect a column. `known`: positions (of letters and digits, from 0) that follow from
    well-known facts about a person: birth date, sex, district, year. `location` is `file:line`.
    """

    name: str
    label: LabelClass
    subtype: str
    sensitivity: Sensitivity
    country: str = ""
    phrases: tuple[Phrase, ...] = ()
    strength: str = "strong"
    where: frozenset[str] = frozenset()
    unless: frozenset[str] = frozenset()
    kinds: frozenset[Kind] = frozenset({Kind.TEXT, Kind.INT})
    format: Format | None = None
    alone: bool = False
    functions: tuple[OverlayFunction, ...] = ()
    known: frozenset[int] = frozenset()
    samples: tuple[str, ...] = ()
    counterexamples: tuple[str, ...] = ()
    note: str = ""
    location: str = ""

    @property
    def row(self) -> str:
        """Return `class/sub`, the row of the vocabulary."""
        return f"{self.label}/{self.subtype}"

    @property
    def open(self) -> bool:
        """Return whether its columns are not sensitive."""
        return self.sensitivity is Sensitivity.PUBLIC


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class GroupTemplate:
    """A typical group of an industry."""

    name: str
    description: str
    access: AccessLevel
    clearance: tuple[str, ...] = ()

    def spec(self) -> GroupSpec:
        """Return the group with its clearance."""
        families = {AccessLevel.FULL: (ALL_FAMILIES,), AccessLevel.PARTIAL: self.clearance, AccessLevel.MASKED: ()}
        return GroupSpec(group=Group(name=self.name, description=self.description), clearance=families[self.access])


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class AccessPattern:
    """A practice that the rules of an industry require; advice only, not enforced."""

    name: str
    description: str
    guidance: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlay:
    """One file."""

    code: str
    kind: OverlayKind
    name: str
    regulations: tuple[str, ...]
    identifiers: tuple[Identifier, ...]
    groups: tuple[GroupTemplate, ...] = ()
    patterns: tuple[AccessPattern, ...] = ()
    location: str = ""
