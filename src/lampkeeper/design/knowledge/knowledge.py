"""The chosen overlays combined: a lexicon, schemes for values, protections and group templates, in any order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, cached_property, lru_cache

from lampkeeper.design.knowledge.identifiers import SCHEMES, Scheme
from lampkeeper.design.knowledge.lexicon import Lexicon, build_lexicon, load_lexicon
from lampkeeper.design.knowledge.library import Library, load_library
from lampkeeper.design.knowledge.overlay import GroupTemplate, Identifier, Overlay
from lampkeeper.design.knowledge.profiles_overlays import format_predicate
from lampkeeper.design.knowledge.taxonomy import Taxonomy, map_vocabulary
from lampkeeper.design.knowledge.vocabulary import Protection, Vocabulary, load_vocabulary
from lampkeeper.model.errors import UsageError
from lampkeeper.model.findings import Finding
from lampkeeper.model.groups import Group, GroupSpec
from lampkeeper.model.masks import FunctionRole

_CHECKED, _SHAPED, _FAINT = 0.9, 0.62, 0.35
"""Scores of valid values alone: with a check digit, with a unique shape, with a common shape."""


@dataclass(frozen=True, kw_only=True)
class Knowledge:
    """The base vocabulary and lexicon with the chosen overlays."""

    overlays: tuple[Overlay, ...]
    schemes: tuple[Scheme, ...]
    vocabulary: Vocabulary
    library: Library
    templates: tuple[GroupTemplate, ...] = ()
    taxonomy: Taxonomy = field(default_factory=Taxonomy)

    @cached_property
    def lexicon(self) -> Lexicon:
        """Return the words of all names; built on first use, because most commands do not classify columns."""
        return _lexicon(self.overlays)

    @property
    def codes(self) -> tuple[str, ...]:
        """Return the codes of the overlays, sorted."""
        return tuple(sorted(p.code for p in self.overlays))

    def mapped(self, taxonomy: Taxonomy) -> tuple[Knowledge, tuple[Finding, ...]]:
        """Return the knowledge with an organisation's existing tags in place of generated ones, and the errors of the mapping."""
        words, findings = map_vocabulary(self.vocabulary, self.library, taxonomy)
        return replace(self, vocabulary=words, taxonomy=taxonomy), findings

    def pick_groups(self, names: Iterable[str]) -> tuple[GroupSpec, ...]:
        """Return groups of these names: from a template with the name, else without a clearance."""
        known = {t.name.casefold(): t for t in self.templates}
        found = {n: known[n.casefold()].spec() if n.casefold() in known else GroupSpec(group=Group(name=n)) for n in names}
        return tuple(found[n] for n in sorted(found))


@cache
def default_knowledge() -> Knowledge:
    """Return the knowledge without any overlay."""
    return compose(())


def compose(overlays: tuple[Overlay, ...], library: Library | None = None) -> Knowledge:
    """Return the overlays combined; raise UsageError if two of them differ in a class and subtype.

    `library` holds user-defined functions in addition to the built-in ones.
    """
    made = _compose(overlays)
    return made if library is None else replace(made, library=library)


@lru_cache(maxsize=4)
def _compose(overlays: tuple[Overlay, ...]) -> Knowledge:
    identifiers = _identifiers(overlays)
    return Knowledge(
        overlays=tuple(sorted(overlays, key=lambda p: (p.kind, p.code))),
        schemes=(*SCHEMES, *_schemes(identifiers)),
        vocabulary=_vocabulary(identifiers),
        library=load_library(),
        templates=_templates(overlays),
    )


# A lexicon is some 10 MB: one run needs one or two.
@lru_cache(maxsize=4)
def _lexicon(overlays: tuple[Overlay, ...]) -> Lexicon:
    return build_lexicon(_identifiers(overlays)) if overlays else load_lexicon()


def _identifiers(overlays: Iterable[Overlay]) -> list[Identifier]:
    return sorted((i for p in overlays for i in p.identifiers), key=lambda i: (i.row, i.strength, i.name, i.location))


def _schemes(identifiers: Iterable[Identifier]) -> tuple[Scheme, ...]:
    found = []
    for each in identifiers:
        if each.format is None or each.open:
            continue
        score = _FAINT if not each.alone else _CHECKED if each.format.check else _SHAPED
        found.append(
            Scheme(
                name=each.name, label=each.label, subtype=each.subtype, score=score, accepts=each.format.accepts, overlay=True,
                sql=format_predicate(each.format),
            )
        )  # fmt: skip
    return tuple(found)


def _vocabulary(identifiers: Iterable[Identifier]) -> Vocabulary:
    """Return the vocabulary with a row for every identifier that names functions; equal rows of two overlays are one."""
    base = load_vocabulary()
    masks, filters = dict(base.masks), dict(base.filters)
    origin: dict[tuple[str, str], str] = {}
    bound = {(t.key, t.value): (t.function, "the vocabulary") for t in base.protections()}
    for each in identifiers:
        key = base.masks[(str(each.label), "STRING")].key
        for given in each.functions:
            is_mask = given.role is FunctionRole.MASK
            value = _value(each, given.family, is_mask)
            of_class = base.masks.get((str(each.label), given.family))
            if is_mask and of_class is not None and of_class.function == given.function:
                value = of_class.value
            protection = Protection(key=key, value=value, function=given.function, role=given.role)
            target = (each.row, given.family)
            into = masks if is_mask else filters
            before = into.get(target)
            if before is not None and before.function == given.function:
                continue
            if before is not None and target in origin:
                raise _clash(f"{each.row} as {given.family}", each.location, given.function, origin[target], before.function)
            function, where = bound.setdefault((key, value), (given.function, each.location))
            if function != given.function:
                raise _clash(f"the tag {key}={value}", each.location, given.function, where, function)
            into[target], origin[target] = protection, each.location
    return Vocabulary(descriptions=base.descriptions, masks=masks, filters=filters)


def _value(each: Identifier, family: str, is_mask: bool) -> str:
    tail = "" if family == "STRING" else f"_{family.lower()}"
    return f"{'masked' if is_mask else 'restricted'}_{each.subtype}{tail}"


def _clash(what: str, location: str, function: str, other: str, before: str) -> UsageError:
    return UsageError(
        f"{location}: {what} gets {function} here and {before} in {other}",
        fix="give one of them another `subtype`, or the same function",
    )


def _templates(overlays: Iterable[Overlay]) -> tuple[GroupTemplate, ...]:
    """Return the templates by name; of two with the same name, the one with less access."""
    found: dict[str, GroupTemplate] = {}
    for template in sorted((t for p in overlays for t in p.groups), key=lambda t: (t.name, _reach(t), t.description)):
        found.setdefault(template.name.casefold(), template)
    return tuple(found[n] for n in sorted(found))


def _reach(template: GroupTemplate) -> tuple[int, int]:
    ranks: Mapping[str, int] = {"masked": 0, "partial": 1, "full": 2}
    return ranks[template.access], len(template.clearance)
