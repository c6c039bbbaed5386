"""An organisation's own taxonomy: governed tags that exist already, used in place of ours.

A mapping says which tag stands for a label on a type. Everything else follows as with our own tags: one value of a tag has one
mask, a policy matches it, clearances name the family that it stands for. The tags themselves are never written.
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
"""The label of a tag that says a column is open."""

SHORT = "SHORT"
"""The vocabulary's word for text columns too short for a constant."""


class Unmapped(StrEnum):
    """What becomes of a column whose label and type no tag stands for: a tag of ours, or an error beside it."""

    OWN = "own"
    ERROR = "error"


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class MappedTag:
    """One tag: `row` is class[/sub] or `none`, `families` the column types that it stands for, `mask` overrides the usual one.

    Without `value` the key alone counts, as with the platform's `class.*`. `location` is `file:line`.
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
    """The tags that stand for labels; none: all tags are ours."""

    tags: tuple[MappedTag, ...] = ()
    unmapped: Unmapped = Unmapped.OWN

    @property
    def keys(self) -> frozenset[str]:
        """Return the keys of the tags: their definitions belong to somebody else."""
        return frozenset(t.key for t in self.tags)

    def meaning(self, key: str, value: str) -> tuple[MappedTag, ...]:
        """Return what a tag on a column stands for, sorted; a key mapped without a value stands for all of its values."""
        return tuple(sorted(t for t in self.tags if t.key == key and t.value in (value, "")))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bound:
    """What a tag was first bound to: the function, the family of ours, the words for it, and where that was said."""

    function: str
    family: str
    words: str
    location: str


def map_vocabulary(base: Vocabulary, library: Library, taxonomy: Taxonomy) -> tuple[Vocabulary, tuple[Finding, ...]]:
    """Return the vocabulary with the tags in place of ours, and an error for each tag that cannot mean all it is said to.

    A class covers its subs that have no tag of their own, with the mask of the class; not those whose usual mask shows nothing
    where the class's shows something.
    """
    masks, filters = dict(base.masks), dict(base.filters)
    written = {(t.row, f) for t in taxonomy.tags for f in t.families}
    bound: dict[tuple[str, str], _Bound] = {}
    findings: list[Finding] = [*_twice(taxonomy), *_keys_and_values(taxonomy)]
    for tag in taxonomy.tags:
        if tag.row == OPEN:
            findings += _bind(bound, tag, _Bound(function="", family="", words="open columns", location=tag.location))
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
    """Yield an error when the tag means something else already: a policy sees the tag, not the label behind it."""
    old = bound.setdefault(tag.tag, new)
    if (old.function, old.family) == (new.function, new.family):
        return
    message = (
        f"{tag} stands for {new.words} here and for {old.words} in {old.location}: one tag has one mask, for the same people"
    )
    fix = "give each a value of its own" + ("" if old.family != new.family else ", or the same `mask`")
    yield _error(tag, message, fix)


def _unfit(base: Vocabulary, library: Library, tag: MappedTag, family: str, role: FunctionRole) -> Iterator[Finding]:
    """Yield what is wrong with a mask that is said for a type, and a warning for a mask of another class."""
    if not tag.mask:
        return
    if role is FunctionRole.FILTER:
        yield _error(tag, f"{tag.row} as {family} hides rows, it is not masked", "leave out `mask`")
        return
    found = library.functions.get(tag.mask)
    if found is None or found.function.role is not FunctionRole.MASK:
        yield _error(tag, f"there is no mask {tag.mask!r}", "see `lampkeeper masks`; your own go into the folder masks")
        return
    takes = type_family(found.function.parameters[0].type)
    if str(takes) != ("STRING" if family == SHORT else family):
        yield _error(tag, f"{tag.mask} takes {takes}, not {family}", "take the function of that type")
    elif family == SHORT and tag.mask not in {t.function for (_, f), t in base.masks.items() if f == SHORT}:
        yield _error(tag, f"{tag.mask} may be longer than a short text column", "mask: mask_null_string")
    elif found.reveals != "nothing" and found.label != tag.row.partition("/")[0]:
        message = f"{tag.mask} is made for {found.label} and shows {found.reveals}: of {tag.row} that may be too much"
        yield replace(_error(tag, message, "take a mask of its class, or one that shows nothing"), severity=Severity.WARNING)


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
            message = f"{key!r} is mapped without a value here and with values elsewhere: a column with a value has both masks"
            yield _error(bare[0], message, "name the value, or map the key alone")


def _error(tag: MappedTag, message: str, fix: str) -> Finding:
    return Finding(code="TAXONOMY", severity=Severity.ERROR, location=tag.location, message=message, fix=fix)
