"""An organisation's taxonomy: existing governed tags in place of generated ones.

It maps a label on a type to a tag. The rest is as with generated tags: one value of a tag has one mask, a policy matches it,
clearances name the family that it is mapped from. The tags themselves are never written.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from lampkeeper.design.knowledge.library import Library
from lampkeeper.design.knowledge.vocabulary import Protection, Vocabulary
from lampkeeper.model.findings import Finding, Severity
from lampkeeper.model.masks import FunctionRole
from lampkeeper.model.schema import type_family

OPEN = "none"
"""The label of a tag for columns that are not sensitive."""

SHORT = "SHORT"
"""The vocabulary's word for text columns too short for a constant."""


class Unmapped(StrEnum):
    """The treatment of a label and type without a mapped tag: a generated tag, or also an error."""

    OWN = "own"
    ERROR = "error"


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class MappedTag:
    """One tag: `row` is class[/sub] or `none`, `families` the column types that it applies to, `mask` overrides the usual one.

    Without `value` the key alone counts, as for the platform's `class.*`. `location` is `file:line`.
    """

    key: str
    value: str = ""
    row: str
    families: tuple[str, ...] = ("STRING",)
    mask: str = ""
    location: str = field(default="", compare=False)

    def __str__(self) -> str:
        """Return the tag as people write it."""
        return f"{self.key}={self.value}" if self.value else self.key

    @property
    def tag(self) -> tuple[str, str]:
        """Return key and value."""
        return (self.key, self.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Taxonomy:
    """The tags that labels are mapped to; empty: all tags are generated."""

    tags: tuple[MappedTag, ...] = ()
    unmapped: Unmapped = Unmapped.OWN

    @property
    def keys(self) -> frozenset[str]:
        """Return the keys of the tags, whose definitions are external."""
        return frozenset(t.key for t in self.tags)

    def meaning(self, key: str, value: str) -> tuple[MappedTag, ...]:
        """Return the mappings of a tag on a column, sorted; a key mapped without a value includes all of its values."""
        return tuple(sorted(t for t in self.tags if t.key == key and t.value in (value, "")))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bound:
    """The first mapping of a tag: the function, the generated family, its description, and its location."""

    function: str
    family: str
    words: str
    location: str


def map_vocabulary(base: Vocabulary, library: Library, taxonomy: Taxonomy) -> tuple[Vocabulary, tuple[Finding, ...]]:
    """Return the vocabulary with the existing tags in place of generated ones, and an error for each contradictory mapping.

    A class includes its subtypes without a tag of their own, with the mask of the class, except those whose usual mask shows
    nothing while the mask of the class shows something.
    """
    masks, filters = dict(base.masks), dict(base.filters)
    written = {(t.row, f) for t in taxonomy.tags for f in t.families}
    bound: dict[tuple[str, str], _Bound] = {}
    findings: list[Finding] = [*_twice(taxonomy), *_keys_and_values(taxonomy)]
    for tag in taxonomy.tags:
        if tag.row == OPEN:
            findings += _bind(
                bound, tag, _Bound(function="", family="", words="columns that are not sensitive", location=tag.location)
            )
            continue
        for family in tag.families:
            usual = base.filters.get((tag.row, family)) or _usual(base, tag.row, family)
            function = tag.mask or usual.function
            words = f"{tag.row} as {family} ({function}, {usual.family})"
            findings += _unfit(base, library, tag, family, usual.role)
            findings += _bind(bound, tag, _Bound(function=function, family=usual.family, words=words, location=tag.location))
            made = Protection(key=tag.key, value=tag.value, function=function, role=usual.role, mapped_from=usual.family)
            if usual.role is FunctionRole.FILTER:
                filters[(tag.row, family)] = made
                continue
            masks[(tag.row, family)] = made
            for row in _subs(base, tag.row, family):
                subtype = base.masks[(row, family)]
                hides_more = _reveals(library, subtype.function) == "nothing" != _reveals(library, function)
                if (row, family) not in written and not hides_more and subtype.family == usual.family:
                    masks[(row, family)] = made
    return replace(base, masks=masks, filters=filters), tuple(findings)


def _usual(base: Vocabulary, row: str, family: str) -> Protection:
    return base.masks.get((row, family)) or base.masks[(row.partition("/")[0], family)]


def _subs(base: Vocabulary, row: str, family: str) -> Iterator[str]:
    if "/" not in row:
        yield from sorted(r for r, f in base.masks if f == family and r.startswith(f"{row}/"))


def _reveals(library: Library, function: str) -> str:
    found = library.functions.get(function)
    return found.reveals if found is not None else ""


def _bind(bound: dict[tuple[str, str], _Bound], tag: MappedTag, new: _Bound) -> Iterator[Finding]:
    """Yield an error if the tag has another meaning already: a policy depends on the tag, not on the label."""
    old = bound.setdefault(tag.tag, new)
    if (old.function, old.family) == (new.function, new.family):
        return
    message = f"{tag} means {new.words} here and {old.words} in {old.location}: a tag has one mask and one clearance"
    fix = "map each to a value of its own" + ("" if old.family != new.family else ", or to the same `mask`")
    yield _error(tag, message, fix)


def _unfit(base: Vocabulary, library: Library, tag: MappedTag, family: str, role: FunctionRole) -> Iterator[Finding]:
    """Yield the errors of a mask for a type, and a warning for a mask of another class."""
    if not tag.mask:
        return
    if role is FunctionRole.FILTER:
        yield _error(tag, f"{tag.row} as {family} hides rows, it is not masked", "remove `mask`")
        return
    found = library.functions.get(tag.mask)
    if found is None or found.function.role is not FunctionRole.MASK:
        yield _error(tag, f"unknown mask {tag.mask!r}", "see `lampkeeper masks`; add your own to the folder masks")
        return
    takes = type_family(found.function.parameters[0].type)
    if str(takes) != ("STRING" if family == SHORT else family):
        yield _error(tag, f"{tag.mask} takes {takes}, not {family}", "use the function of that type")
    elif family == SHORT and tag.mask not in {t.function for (_, f), t in base.masks.items() if f == SHORT}:
        yield _error(tag, f"{tag.mask} may be longer than a short text column", "mask: mask_null_string")
    elif found.reveals != "nothing" and found.label != tag.row.partition("/")[0]:
        message = f"{tag.mask} is for {found.label} and shows {found.reveals}, which may be too much of {tag.row}"
        yield replace(_error(tag, message, "use a mask of its class, or one that shows nothing"), severity=Severity.WARNING)


def _twice(taxonomy: Taxonomy) -> Iterator[Finding]:
    seen: dict[tuple[str, str], MappedTag] = {}
    for tag in taxonomy.tags:
        for family in tag.families if tag.row != OPEN else ():
            old = seen.setdefault((tag.row, family), tag)
            if old is not tag:
                message = f"{tag.row} as {family} is mapped to {tag} here and to {old} in {old.location}"
                yield _error(tag, message, "keep one of them")


def _keys_and_values(taxonomy: Taxonomy) -> Iterator[Finding]:
    by_key: Mapping[str, list[MappedTag]] = defaultdict(list)
    for tag in taxonomy.tags:
        by_key[tag.key].append(tag)
    for key, tags in by_key.items():
        bare = [t for t in tags if not t.value]
        if bare and len(bare) < len(tags):
            message = f"{key!r} is mapped without a value here and with values elsewhere: a column with a value gets two masks"
            yield _error(bare[0], message, "name the value, or map the key alone")


def _error(tag: MappedTag, message: str, fix: str) -> Finding:
    return Finding(code="TAXONOMY", severity=Severity.ERROR, location=tag.location, message=message, fix=fix)
