"""Exemptions: principals that policies exclude, each with a reason, an owner and a last day."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from lampkeeper.model.ends import end_findings, ended
from lampkeeper.model.findings import Finding

_SHOWN = 10
"""The most members of an exempt group that are listed."""


class ExemptionKind(StrEnum):
    """The kind of the exempt principal, which limits what it may be exempt from."""

    PIPELINE = "pipeline"
    SHARE_OWNER = "share_owner"
    BACKUP = "backup"
    BREAK_GLASS = "break_glass"
    RUNNER = "runner"
    OTHER = "other"


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class Exemption:
    """One principal (user, application ID or group) that policies exclude until the end of its last day.

    `families` are keys of governed tags, or `unreviewed` for the fallback policies; empty means all of them.
    """

    principal: str
    kind: ExemptionKind
    reason: str
    owner: str
    expires: date
    families: tuple[str, ...] = ()
    location: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        """Sort the families: they are a set."""
        object.__setattr__(self, "families", tuple(sorted(set(self.families))))

    @property
    def subject(self) -> str:
        """Return the name of the exemption in findings."""
        return f"the exemption of {self.principal!r}"

    def covers(self, family: str) -> bool:
        """Return whether the exemption applies to this family of policies."""
        return not self.families or family in self.families

    def expired(self, today: date) -> bool:
        """Return whether the last day has passed."""
        return ended(self, today)

    def reported(self, members: Iterable[str]) -> str:
        """Return the line for people, with the first current members of a group: later members are exempt too."""
        inside = sorted(members)
        more = f" and {len(inside) - _SHOWN} more" if len(inside) > _SHOWN else ""
        return f"{self}; in the group now: {', '.join(inside[:_SHOWN])}{more}" if inside else str(self)

    def __str__(self) -> str:
        """Return one line for people."""
        what = f" from {', '.join(self.families)}" if self.families else ""
        end = self.expires.isoformat()
        return f"{self.principal} ({self.kind}) is exempt{what} until {end}: {self.reason} (owner: {self.owner})"


def exempt_principals(exemptions: Iterable[Exemption], family: str) -> tuple[str, ...]:
    """Return the principals that are exempt from a family of policies, sorted."""
    return tuple(sorted({e.principal for e in exemptions if e.covers(family)}))


def exemption_findings(exemptions: Iterable[Exemption], today: date) -> tuple[Finding, ...]:
    """Return an error for each exemption that has ended, and a warning for each that ends soon."""
    return end_findings(exemptions, today, "EXEMPTION")
