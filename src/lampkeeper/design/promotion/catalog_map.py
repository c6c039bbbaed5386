"""The map of catalogs from one environment to another: read from its text, and checked against the catalogs in use."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from lampkeeper.model.errors import UsageError
from lampkeeper.model.names import quoted_part, show_part

PLATFORM_CATALOGS = frozenset({"system", "samples", "hive_metastore", "__databricks_internal"})
"""Catalogs that every workspace has under the same name: they need no entry in a map."""

_FIX = "write SOURCE=DESTINATION, several of them separated by commas; a name with a comma or = goes in back-ticks"
_BARE = re.compile(r"[^=,]*")
_BLANK = re.compile(r"\s*")
# Source: platform docs, Identifiers: the characters that a name of Unity Catalog cannot have, and its length.
_FORBIDDEN = re.compile(r"[./ \x00-\x1f\x7f]")
_LONGEST = 255


@dataclass(frozen=True, slots=True)
class CatalogMap:
    """The destination of each source catalog, by its casefolded name: the platform compares names without case."""

    destinations: Mapping[str, str]

    @classmethod
    def read(cls, text: str) -> CatalogMap:
        """Read `a=b,c=d`; raise UsageError for a malformed entry, a name that no catalog can have, and a source given twice."""
        found: dict[str, str] = {}
        at = 0
        while at < len(text):
            source, at = _name(text, at)
            if text[at : at + 1] != "=":
                raise UsageError(f"{text!r}: the entry {source!r} of the catalog map has no =", fix=_FIX)
            destination, at = _name(text, at + 1)
            if at < len(text) and text[at] != ",":
                raise UsageError(f"{text!r}: expected a comma after {destination!r} in the catalog map", fix=_FIX)
            at += 1
            if source.casefold() in found:
                raise UsageError(f"the catalog map names {show_part(source)} twice", fix="keep one of the two entries")
            found[source.casefold()] = destination
        return cls(found)

    @property
    def changes(self) -> bool:
        """Return whether any catalog gets another name."""
        return any(source != destination.casefold() for source, destination in self.destinations.items())

    def of(self, catalog: str) -> str:
        """Return the name at the destination; the name itself, if the map does not have it."""
        return self.destinations.get(catalog.casefold(), catalog)

    def require_complete(self, found: Mapping[str, Iterable[str]]) -> None:
        """Raise UsageError unless the map has each catalog that was found, no other one, and no destination twice.

        `found`: for each catalog, the files that name it. A map that sends two catalogs to one name would merge them.
        """
        own = {c.casefold(): c for c in found if c.casefold() not in PLATFORM_CATALOGS}
        listed = "; ".join(f"{show_part(c)} ({', '.join(sorted(set(found[c])))})" for c in sorted(own.values())) or "none"
        fix = f"map each of them: --catalog-map {','.join(f'{show_part(c)}=…' for c in sorted(own.values()))}" if own else ""
        missing = sorted(set(own) - set(self.destinations))
        if missing:
            taken = sorted(set(missing) & {d.casefold() for d in self.destinations.values()})
            also = f"; {', '.join(map(show_part, taken))} is also a destination" if taken else ""
            names = ", ".join(show_part(own[m]) for m in missing)
            raise UsageError(f"the catalog map lacks {names}{also}. Catalogs found: {listed}", fix=fix)
        unknown = sorted(set(self.destinations) - set(own))
        if unknown:
            names = ", ".join(map(show_part, unknown))
            raise UsageError(f"the catalog map names {names}, which was not found. Catalogs found: {listed}", fix=fix)
        by_destination: dict[str, list[str]] = {}
        for source, destination in sorted(self.destinations.items()):
            by_destination.setdefault(destination.casefold(), []).append(own[source])
        for destination, sources in sorted(by_destination.items()):
            if len(sources) > 1:
                names = " and ".join(map(show_part, sources))
                message = f"the catalog map sends {names} to {show_part(destination)}. Catalogs found: {listed}"
                raise UsageError(message, fix="give each catalog a destination of its own")
            if destination in PLATFORM_CATALOGS:
                message = (
                    f"the catalog map sends {show_part(sources[0])} to {destination}, a catalog of the platform. Found: {listed}"
                )
                raise UsageError(message, fix="choose a catalog that can have policies")


def _name(text: str, at: int) -> tuple[str, int]:
    at += len(_BLANK.match(text, at)[0])  # type: ignore[index]
    if text.startswith("`", at):
        name, at = quoted_part(text, at)
        at += len(_BLANK.match(text, at)[0])  # type: ignore[index]
    else:
        bare = _BARE.match(text, at)[0]  # type: ignore[index]
        name, at = bare.strip(), at + len(bare)
    if not name:
        raise UsageError(f"{text!r}: the catalog map has an empty name", fix=_FIX)
    if _FORBIDDEN.search(name) or len(name) > _LONGEST:
        fix = "a catalog's name has no period, slash, space or control character, and at most 255 characters"
        raise UsageError(f"{name[:60]!r} cannot be a catalog's name", fix=fix)
    return name, at
