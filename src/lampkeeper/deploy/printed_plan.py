"""A plan as text for the decision to apply it: the effect on people, the masks, then every change with its attributes.

The terminal, the approval and the notebook show these lines. Similar changes share one line, except in full; a plan holds no
values of rows, and text from a catalog is cleaned (see `kinds.description`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from lampkeeper.deploy.change import Change
from lampkeeper.deploy.effects import cut_list, held_together, masks_in, sentences
from lampkeeper.deploy.kinds.description import Description, escaped, shown
from lampkeeper.deploy.plan import Plan
from lampkeeper.deploy.stages import Action
from lampkeeper.model.effective import MatrixChange
from lampkeeper.model.findings import Severity
from lampkeeper.text.counting import counted

WIDTH = 100
_MOST_CELLS = 40
_MOST_TEXT = 8
_LONG_TEXT = 30
_WORDS = re.compile(r'(?:"(?:\\.|[^"\\])*"|`[^`]*`|[^\s"`])+')
"""Words of a sentence; a quoted name with its blanks is one word."""
_MARK = re.compile(r' ?\[managed by lampkeeper: [^\]"]*\]"\Z')
_EVIDENCE = {Action.CREATE: "+", Action.UPDATE: "~", Action.DELETE: "-", Action.ADOPT: "=", Action.FORGET: "."}


class Tone(StrEnum):
    """The role of a line, from which its colour follows."""

    HEADING = "heading"
    PLAIN = "plain"
    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    ADOPT = "adopt"
    FORGET = "forget"
    ADDED = "added"
    REMOVED = "removed"
    NARROWER = "narrower"
    DANGER = "danger"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of a printed plan."""

    text: str
    tone: Tone = Tone.PLAIN


def closing_line(plan: Plan) -> str:
    """Return the last line of a plan with the number of its writes."""
    return "plan: nothing to do" if plan.empty else f"plan: {plan.writes} writes"


def meaning(plan: Plan) -> tuple[Line, ...]:
    """Return the effect of the plan on people, and the masks, without its changes."""
    return (*_effects(plan, False), *_masks(plan, False))


def plan_lines(plan: Plan, *, full: bool = False) -> tuple[Line, ...]:
    """Return the plan for people; `full` shows every change and every cell on its own line."""
    return (*_effects(plan, full), *_masks(plan, full), *change_lines(plan, full=full), *_end(plan))


def _effects(plan: Plan, full: bool) -> Iterator[Line]:
    for title, found, tone in (
        ("widens access", plan.widening, Tone.DANGER),
        ("first access (tables governed here for the first time)", plan.first_access, Tone.PLAIN),
        ("restores access (as the state files record it)", plan.restoring, Tone.PLAIN),
        ("narrows access", plan.narrowing, Tone.NARROWER),
    ):
        if found:
            yield Line(text=f"{title}: {counted(len(found), 'cell')}", tone=tone)
            for sentence in sentences(found, full=full):
                yield from _wrapped("  ", _WORDS.findall(sentence), " ", tone)
        if found is plan.widening:
            yield from _cells(found, full)
    for exposure in plan.exposures:
        yield Line(text=f"transient exposure: {escaped(exposure)}", tone=Tone.DANGER)
    for name in plan.undeployed:
        yield Line(text=f"not as deployed: {shown(name)}", tone=Tone.DANGER)


def _cells(found: tuple[MatrixChange, ...], full: bool) -> Iterator[Line]:
    most = len(found) if full else _MOST_CELLS
    for cell in found[:most]:
        yield Line(text=f"  widens access: {escaped(str(cell))}", tone=Tone.DANGER)
    if len(found) > most:
        yield Line(text=f"  and {len(found) - most} more cells widened (--full)", tone=Tone.DANGER)


def _masks(plan: Plan, full: bool) -> Iterator[Line]:
    examples = {name: (arguments, returns) for name, arguments, returns in plan.examples}
    masks = masks_in((*plan.widening, *plan.first_access, *plan.restoring, *plan.narrowing))
    alike: dict[str, list[str]] = {}
    for mask, columns in masks.items():
        given = examples.get(mask)
        name = shown(mask if full else mask.rpartition(".")[2])
        alike.setdefault(f"{name}: {f'{escaped(given[0])} → {escaped(given[1])}' if given else 'no example'}", []).extend(columns)
    if masks:
        yield Line(text=f"masks: {len(alike)}, each with an example of its result", tone=Tone.HEADING)
    for reported, spots in alike.items():
        start = f"  {reported}  in "
        yield Line(text=f"{start}{cut_list(spots, None if full else max(20, WIDTH - len(start)))}")


def change_lines(plan: Plan, *, full: bool = False) -> Iterator[Line]:
    """Yield the changes layer by layer: similar ones on one line, or each on its own."""
    for layer in plan.layers:
        counts = ", ".join(f"{n} to {a}" for a, n in plan.counts(layer).items()) or "no change"
        yield Line(text=f"layer {layer}: {counts}", tone=Tone.HEADING)
        for group in _alike(plan.of_layer(layer), full):
            yield from _group(group, full)


def _alike(changes: Iterable[Change[Any]], full: bool) -> list[list[tuple[Change[Any], Description]]]:
    """Return the changes in groups that differ only in their object."""
    groups: dict[object, list[tuple[Change[Any], Description]]] = {}
    for number, change in enumerate(changes):
        reported = describe(change)
        key = (change.kind, change.action, reported.what, reported.attributes, reported.text, reported.subject.noun, _why(change))
        groups.setdefault((number, key) if full else key, []).append((change, reported))
    return list(groups.values())


def describe(change: Change[Any]) -> Description:
    """Return a change in the words of its kind; a change that only records an object shows the live object."""
    before = change.before if change.action.writes else None
    return change.kind.describe(before, change.after)


def _why(change: Change[Any]) -> tuple[str, ...]:
    """Return the reasons that the fields before and after do not show, and whether the change is temporary."""
    shows = change.action is Action.UPDATE
    found = [escaped(r) for r in change.reasons if not (shows and change.kind.shows(r, change.after))]
    return (*change.notes, *found, *(["for the time of the apply"] if change.temporary else []))


def _group(group: list[tuple[Change[Any], Description]], full: bool) -> Iterator[Line]:
    change, reported = group[0]
    tone = Tone(str(change.action))
    sign = _EVIDENCE[change.action]
    why = f"  ({'; '.join(_why(change))})" if _why(change) else ""
    if change.action is Action.FORGET:
        keys = cut_list([shown(c.key) for c, _ in group], None if full else WIDTH)
        yield Line(text=f"  {sign} {change.kind} {keys}{why}", tone=tone)
        return
    head = _head(group, full)
    parts = list(reported.attributes) if full else _without_marks(reported.attributes)
    if parts:
        apart = len(head) + len(parts[0]) + 6 > WIDTH
        parts = [f"{head}:", *parts] if apart else [f"{head}: {parts[0]}", *parts[1:]]
    yield from _wrapped(f"  {sign} ", [*(parts or [head])], "; ", tone, end=why)
    yield from _text(reported, full)


def _without_marks(attributes: Iterable[str]) -> list[str]:
    """Return the attributes without the mark at the end of the comment, which all created objects have."""
    found = (_MARK.sub('"', a) for a in attributes)
    return [a for a in found if not a.endswith(': ""')]


def _head(group: list[tuple[Change[Any], Description]], full: bool) -> str:
    reported = group[0][1]
    subject = reported.subject
    lead = " ".join(word for word in (reported.what, subject.preposition) if word)
    if len(group) == 1:
        return " ".join(word for word in (lead, subject.noun, subject.name) if word)
    lead = " ".join(word for word in (lead, str(len(group)), subject.nouns) if word)
    parts = held_together(_spot(d) for _, d in group)
    tables = sum(part.endswith(")") for part in parts)
    inside = f" of {counted(tables, 'table')}" if 1 < tables == len(parts) else ""
    return f"{lead}{inside}: {cut_list(parts, None if full else max(30, WIDTH - len(lead) - len(inside) - 6))}"


def _spot(reported: Description) -> tuple[str, str]:
    holder, dot, name = reported.subject.name.rpartition(".")
    inside = reported.subject.noun == "column" and dot and '"' not in reported.subject.name
    return (holder, name) if inside else (reported.subject.name, "")


def _text(reported: Description, full: bool) -> Iterator[Line]:
    whole = len({line[:1] for line in reported.text}) == 1
    most = len(reported.text) if full else 0 if whole and len(reported.text) > _LONG_TEXT else _MOST_TEXT
    for line in reported.text[:most]:
        tone = {"+": Tone.ADDED, "-": Tone.REMOVED}.get(line[:1], Tone.PLAIN)
        yield Line(text=f"      {line}", tone=tone)
    if len(reported.text) > most:
        yield Line(text=f"      … {len(reported.text) - most}{' more' if most else ''} lines (--full)")


def _wrapped(start: str, parts: list[str], glue: str, tone: Tone, end: str = "") -> Iterator[Line]:
    """Yield the parts on lines of at most `WIDTH`; a part is never split, even if it is longer."""
    text = f"{start}{parts[0]}"
    for part in parts[1:]:
        if len(text) + len(glue) + len(part) > WIDTH:
            yield Line(text=text if text.endswith(":") else f"{text}{glue.rstrip()}", tone=tone)
            text = f"{' ' * (len(start) + 2)}{part}"
        else:
            text += f"{glue}{part}"
    yield Line(text=f"{text}{end}", tone=tone)


def _end(plan: Plan) -> Iterator[Line]:
    if plan.already_there:
        yield Line(text=f"already as desired, not managed by lampkeeper: {len(plan.already_there)}")
    if plan.terraform:
        yield Line(text=f"by Terraform: {sum(1 for c in plan.changes if c.address)} of {counted(plan.writes, 'write')}")
    if plan.owners.stale and not plan.changes:
        yield Line(text="updates the owner file of this environment")
    if plan.blocked:
        errors = sum(f.severity is Severity.ERROR for f in plan.findings)
        yield Line(text=f"plan: REFUSED: {counted(errors, 'error')}, nothing can be applied", tone=Tone.DANGER)
    else:
        yield Line(text=closing_line(plan))
