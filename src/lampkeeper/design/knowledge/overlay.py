"""The chosen packs made one: a lexicon, schemes for values, treatments and group templates. Their order does not matter."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, lru_cache

from lampkeeper.design.knowledge.identifiers import SCHEMES, Scheme
from lampkeeper.design.knowledge.lexicon import Lexicon, build_lexicon
from lampkeeper.design.knowledge.library import Library, load_library
from lampkeeper.design.knowledge.pack import GroupTemplate, Identifier, Pack
from lampkeeper.design.knowledge.profiles_packs import format_predicate
from lampkeeper.design.knowledge.taxonomy import Taxonomy, map_vocabulary
from lampkeeper.design.knowledge.vocabulary import Treatment, Vocabulary, load_vocabulary
from lampkeeper.model.errors import UsageError
from lampkeeper.model.findings import Finding
from lampkeeper.model.groups import Group, GroupSpec
from lampkeeper.model.masks import FunctionRole

_CHECKED, _SHAPED, _FAINT = 0.9, 0.62, 0.35
"""What valid values say alone: with a check digit, with a shape that nothing else has, with a shape that much else has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlay:
    """What the chosen packs know, on top of what is always known."""

    packs: tuple[Pack, ...]
    lexicon: Lexicon
    schemes: tuple[Scheme, ...]
    vocabulary: Vocabulary
    library: Library
    templates: tuple[GroupTemplate, ...] = ()
    taxonomy: Taxonomy = field(default_factory=Taxonomy)

    @property
    def codes(self) -> tuple[str, ...]:
        """Return the codes of the packs, sorted."""
        return tuple(sorted(p.code for p in self.packs))

    def mapped(self, taxonomy: Taxonomy) -> tuple[Overlay, tuple[Finding, ...]]:
        """Return the overlay with an organisation's own tags in place of ours, and the errors of that mapping."""
        words, findings = map_vocabulary(self.vocabulary, self.library, taxonomy)
        return replace(self, vocabulary=words, taxonomy=taxonomy), findings

    def pick_groups(self, names: Iterable[str]) -> tuple[GroupSpec, ...]:
        """Return groups of these names: from a template where one has the name, else with no clearance at all."""
        known = {t.name.casefold(): t for t in self.templates}
        found = {n: known[n.casefold()].spec() if n.casefold() in known else GroupSpec(group=Group(name=n)) for n in names}
        return tuple(found[n] for n in sorted(found))


@cache
def no_overlay() -> Overlay:
    """Return what is known without any pack."""
    return compose(())


def compose(packs: tuple[Pack, ...], library: Library | None = None) -> Overlay:
    """Return the packs as one; raise UsageError where two of them want different things of the same class and sub.

    `library` holds functions of one's own beside the built-in ones.
    """
    made = _compose(packs)
    return made if library is None else replace(made, library=library)


# An overlay is some 10 MB: one run needs one or two.
@lru_cache(maxsize=4)
def _compose(packs: tuple[Pack, ...]) -> Overlay:
    identifiers = sorted((i for p in packs for i in p.identifiers), key=lambda i: (i.row, i.strength, i.name, i.place))
    return Overlay(
        packs=tuple(sorted(packs, key=lambda p: (p.kind, p.code))),
        lexicon=build_lexicon(identifiers),
        schemes=(*SCHEMES, *_schemes(identifiers)),
        vocabulary=_vocabulary(identifiers),
        library=load_library(),
        templates=_templates(packs),
    )


def _schemes(identifiers: Iterable[Identifier]) -> tuple[Scheme, ...]:
    found = []
    for each in identifiers:
        if each.format is None or each.open:
            continue
        score = _FAINT if not each.alone else _CHECKED if each.format.check else _SHAPED
        found.append(
            Scheme(
                name=each.name, label=each.label, sub=each.sub, score=score, accepts=each.format.accepts, pack=True,
                sql=format_predicate(each.format),
            )
        )  # fmt: skip
    return tuple(found)


def _vocabulary(identifiers: Iterable[Identifier]) -> Vocabulary:
    """Return the vocabulary with a row for every identifier that names functions; equal rows of two packs are one."""
    base = load_vocabulary()
    masks, filters = dict(base.masks), dict(base.filters)
    origin: dict[tuple[str, str], str] = {}
    bound = {(t.key, t.value): (t.function, "the vocabulary") for t in base.treatments()}
    for each in identifiers:
        key = base.masks[(str(each.label), "STRING")].key
        for given in each.functions:
            is_mask = given.role is FunctionRole.MASK
            value = _value(each, given.family, is_mask)
            of_class = base.masks.get((str(each.label), given.family))
            if is_mask and of_class is not None and of_class.function == given.function:
                value = of_class.value
            treatment = Treatment(key=key, value=value, function=given.function, role=given.role)
            place = (each.row, given.family)
            into = masks if is_mask else filters
            before = into.get(place)
            if before is not None and before.function == given.function:
                continue
            if before is not None and place in origin:
                raise _clash(f"{each.row} as {given.family}", each.place, given.function, origin[place], before.function)
            function, where = bound.setdefault((key, value), (given.function, each.place))
            if function != given.function:
                raise _clash(f"the tag {key}={value}", each.place, given.function, where, function)
            into[place], origin[place] = treatment, each.place
    return Vocabulary(descriptions=base.descriptions, masks=masks, filters=filters)


def _value(each: Identifier, family: str, is_mask: bool) -> str:
    tail = "" if family == "STRING" else f"_{family.lower()}"
    return f"{'masked' if is_mask else 'restricted'}_{each.sub}{tail}"


def _clash(what: str, place: str, function: str, other: str, before: str) -> UsageError:
    return UsageError(
        f"{place}: {what} gets {function} here and {before} in {other}",
        fix="give one of them another `sub`, or the same function",
    )


def _templates(packs: Iterable[Pack]) -> tuple[GroupTemplate, ...]:
    """Return the templates by name; of two with the same name the one that sees less."""
    found: dict[str, GroupTemplate] = {}
    for template in sorted((t for p in packs for t in p.groups), key=lambda t: (t.name, _reach(t), t.description)):
        found.setdefault(template.name.casefold(), template)
    return tuple(found[n] for n in sorted(found))


def _reach(template: GroupTemplate) -> tuple[int, int]:
    ranks: Mapping[str, int] = {"masked": 0, "partial": 1, "full": 2}
    return ranks[template.access], len(template.clearance)
