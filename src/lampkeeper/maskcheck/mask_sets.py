"""Items of the checklist about sets of masks, which no single function can show."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from lampkeeper.design.knowledge.knowledge import Knowledge, compose
from lampkeeper.design.knowledge.library import Library
from lampkeeper.design.knowledge.overlay import Overlay
from lampkeeper.maskcheck.checks import FEWEST_LEFT, SHORTEST_NUMBER, Ask, Item, check_masks, values_left, visible_positions
from lampkeeper.maskcheck.mutants import SAMPLE, mutants
from lampkeeper.maskcheck.policies import (
    desired_for,
    everything,
    masks_of_their_class,
    one_mask_each,
    unlabelled_stay_closed,
    who_sees_what,
)
from lampkeeper.maskcheck.rows import Sql, filter_comes_first
from lampkeeper.model.labels import LabelClass
from lampkeeper.testdata.deterministic_random import DeterministicRandom
from lampkeeper.text.sql_quoting import quote_string

_HASHES = ("sha", "md5", "crc32", "hash(")
_SMALL_DOMAINS = (LabelClass.DEMOGRAPHIC, LabelClass.HEALTH)


@dataclass(frozen=True, slots=True, kw_only=True)
class SetVerdict:
    """The result of one item for the whole set."""

    item: str
    good: bool
    seen: str
    number: int = 0


SET_NUMBERS = (7, 13, 16, 17, 18, 21, 22, 23, 24, 25)
"""The numbers of the checklist that are rows of this table; the others are items of single masks."""


def check_set(library: Library, overlays: Sequence[Overlay], ask: Ask, sql: Sql) -> tuple[SetVerdict, ...]:
    """Return the verdicts on all masks and overlays together."""
    knowledge = compose(tuple(overlays))
    protections = knowledge.vocabulary.protections()
    values = {(t.key, t.value) for t in protections}
    hashed = sorted(f.name for f in library.functions.values() if any(h in f.function.body.lower() for h in _HASHES))
    bare_hashes = [n for n in hashed if not library.functions[n].function.keyed]
    classes = {str(c) for c in LabelClass if c is not LabelClass.NONE}
    bare = sorted(c for c in classes if (c, "STRING") not in knowledge.vocabulary.masks)
    small = [
        t.function for (row, _), t in knowledge.vocabulary.masks.items()
        if row.split("/")[0] in {str(c) for c in _SMALL_DOMAINS} and t.function in hashed
    ]  # fmt: skip
    return (
        replace(_differencing(library, overlays, ask), number=7),
        *_made_of_labels(knowledge, library),
        SetVerdict(
            item="a filter runs before the mask", good=filter_comes_first(sql), seen="rows excluded by another column", number=16
        ),
        SetVerdict(
            item="a tag value has one function", good=len(values) == len(protections), seen=f"{len(values)} tag values", number=22
        ),
        SetVerdict(item="every class has a protection", good=not bare, seen=", ".join(bare) or f"{len(classes)} classes"),
        SetVerdict(
            item="no small domain is hashed", good=not small, seen=", ".join(small) or f"{len(hashed)} hashes, none of these",
            number=18,
        ),
        SetVerdict(
            item="masks that keep joins are keyed", good=not bare_hashes,
            seen=", ".join(bare_hashes or hashed) or "no hash: masked values cannot be joined", number=13,
        ),
        replace(_groups_of_people(library, ask), number=17),
    )  # fmt: skip


def _made_of_labels(knowledge: Knowledge, library: Library) -> tuple[SetVerdict, ...]:
    """Check the protection of a table with a column of every class and type."""
    table, labels = everything(knowledge)
    desired = desired_for(knowledge, table, labels)
    count = f"{len(table.columns)} columns of every class and type"
    found = (
        (21, "cleared principals see raw values, others masked", who_sees_what(desired, table), f"4 principals, {count}"),
        (22, "a column has one mask", one_mask_each(desired, table), count),
        (23, "masks fit their column's class", masks_of_their_class(knowledge, library), "no mask of another class"),
        (24, "unlabelled columns stay hidden", unlabelled_stay_closed(knowledge), "no label: not granted; undecided: masked"),
    )
    return tuple(SetVerdict(item=item, good=not wrong, seen=wrong or seen, number=n) for n, item, wrong, seen in found)


def mutants_die(library: Library, overlays: Sequence[Overlay], ask: Ask) -> SetVerdict:
    """Return the verdict on the checklist itself: whether it fails deliberately broken masks."""
    made = [m for name in SAMPLE if name in library.functions for m in mutants(library.functions[name])]
    verdicts = check_masks(made, overlays, ask)
    # A mutant must be caught by its behaviour, not by its examples.
    caught = {v.function for v in verdicts if v.good is False and v.item is not Item.EXAMPLES}
    alive = sorted({m.name for m in made} - caught)
    return SetVerdict(
        item="no mutant survives",
        good=not alive,
        seen=", ".join(alive) or f"{len(made)} mutants of {len(SAMPLE)} masks",
        number=25,
    )


def _differencing(library: Library, overlays: Iterable[Overlay], ask: Ask) -> SetVerdict:
    """Combine the masks of identifiers of one scheme (NRIC and FIN): together they must leave enough possible values."""
    fewest, worst, bad = float("inf"), "", []
    known = [i for p in overlays for i in p.identifiers]
    for each in (i for i in known if i.format is not None and not i.open):
        scheme = each.format.check if each.format else ""
        alike = [i for i in known if i.format is not None and (i.row == each.row or (scheme and i.format.check == scheme))]
        for sample in each.samples:
            if sum(c.isalnum() for c in sample) < SHORTEST_NUMBER:
                continue
            names = {
                f.function for i in alike if i.format and i.format.accepts(sample) for f in i.functions if f.family == "STRING"
            }
            if len(names) < 2:  # a single mask is covered by another item
                continue
            seen: set[int] = set()
            # Without the key, a keyed hash cannot be compared with candidates.
            for name in (n for n in sorted(names & set(library.functions)) if not library.functions[n].function.keyed):
                seen |= visible_positions(library.functions[name], sample, ask)
            left = values_left(each, sample, seen)
            if left < fewest:
                fewest, worst = left, f"{each.row}: {', '.join(sorted(names))}"
            if left < FEWEST_LEFT:
                bad.append(f"{each.row}: {left:.0f} possible after {', '.join(sorted(names))}")
    return SetVerdict(
        item="masks of one value do not combine",
        good=not bad,
        seen="; ".join(bad) or (f"at least {fewest:.0e} possible ({worst})" if worst else "one mask per scheme"),
    )


def _groups_of_people(library: Library, ask: Ask) -> SetVerdict:
    """Mask birth dates and postcodes of invented people and return how many rows are in groups of fewer than five."""
    needed = [library.functions[n] for n in ("mask_dob_90_date", "mask_postcode") if n in library.functions]
    if len(needed) < 2:
        return SetVerdict(item="k of masked quasi-identifiers", good=True, seen="the set has no masks of them")
    rng = DeterministicRandom("people")
    count = 2000
    births = [f"DATE'{rng.number(1940, 2005)}-{rng.number(1, 12):02d}-{rng.number(1, 28):02d}'" for _ in range(count)]
    codes = [quote_string(f"{rng.choice(('941', '100', '606'))}{rng.number(1, 99):02d}") for _ in range(count)]
    raw = sorted(zip(births, codes, strict=True))
    masked = sorted(zip(ask(needed[0], births), (c or "" for c in ask(needed[1], codes)), strict=True), key=str)
    few_raw, few = _few(raw), _few(masked)
    return SetVerdict(
        item="k of masked quasi-identifiers", good=few < 0.05,
        seen=f"rows in groups under 5: {few_raw:.0%} raw, {few:.1%} masked (birth date and ZIP of {count} invented people)",
    )  # fmt: skip


def _few(rows: Sequence[object]) -> float:
    """Return the share of sorted rows whose value occurs fewer than five times."""
    starts = [0, *(i + 1 for i, (a, b) in enumerate(pairwise(rows)) if a != b), len(rows)]
    return sum(b - a for a, b in pairwise(starts) if b - a < 5) / max(1, len(rows))
