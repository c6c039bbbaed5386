"""Existing governed tags on columns as a label source, and their conflicts with the tags that lampkeeper assigns."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from lampkeeper.design.knowledge.knowledge import Knowledge
from lampkeeper.design.knowledge.taxonomy import OPEN, MappedTag, Taxonomy, Unmapped
from lampkeeper.design.knowledge.vocabulary import family_of
from lampkeeper.model.conditions import tag_references
from lampkeeper.model.desired import Desired
from lampkeeper.model.findings import Finding, Severity
from lampkeeper.model.labels import Label, LabelClass, LabelSource, Protect
from lampkeeper.model.names import ColumnName
from lampkeeper.model.schema import Column, Snapshot
from lampkeeper.model.tags import EntityType, TagAssignment


def tags_of_others(snapshot: Snapshot, taxonomy: Taxonomy, ours: Iterable[TagAssignment]) -> tuple[TagAssignment, ...]:
    """Return the tags of the taxonomy on columns of the snapshot that lampkeeper has not assigned, sorted."""
    mine = {(*_spot(t), t.value) for t in ours}
    columns = {c.plain.casefold() for c, _ in snapshot.columns()}
    return tuple(
        t
        for t in snapshot.tags
        if t.entity_type is EntityType.COLUMNS
        and taxonomy.meaning(t.key, t.value)
        and t.entity_name.casefold() in columns
        and (*_spot(t), t.value) not in mine
    )


def label_tags(
    snapshot: Snapshot, tags: Iterable[TagAssignment], taxonomy: Taxonomy, rules: Iterable[Label]
) -> tuple[Label, ...]:
    """Return the labels that existing tags mean; of several meanings of a tag, the one that the rules found too."""
    columns = {c.plain.casefold(): c for c, _ in snapshot.columns()}
    found = {x.column: x for x in rules}
    labels = []
    for tag in tags:
        column = columns[tag.entity_name.casefold()]
        meant = _meant(taxonomy.meaning(tag.key, tag.value), found.get(column))
        name, _, subtype = meant.row.partition("/")
        shown = json.dumps(f"{tag.key}={tag.value}" if tag.value else tag.key)
        labels.append(
            Label(
                column=column, label=LabelClass(name), subtype=subtype, confidence=0.95, source=LabelSource.TAG,
                protect=Protect.NO if meant.row == OPEN else Protect.YES,
                evidence=(f"has the existing tag {shown}, which means {meant.row}",),
            )
        )  # fmt: skip
    return tuple(sorted(labels, key=lambda x: (x.column, x.label, x.subtype)))


def _meant(meanings: tuple[MappedTag, ...], found: Label | None) -> MappedTag:
    if found is not None:
        wanted = (f"{found.label}/{found.subtype}", str(found.label))
        for row in wanted:
            for each in meanings:
                if each.row == row:
                    return each
    return meanings[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tagged:
    """A column with its name, the tags that lampkeeper assigns to it by key, and the tags in policies of its catalog."""

    name: ColumnName
    column: Column
    assigned: Mapping[str, str]
    bound: frozenset[tuple[str, str]]


def tag_conflicts(snapshot: Snapshot, tags: Iterable[TagAssignment], desired: Desired, taxonomy: Taxonomy) -> tuple[Finding, ...]:
    """Return the conflicts of existing tags with the desired ones: a policy applies to the tag, independent of the label."""
    columns = {c.plain.casefold(): (c, column) for c, column in snapshot.columns()}
    assigned: dict[str, dict[str, str]] = defaultdict(dict)
    for each in desired.tag_assignments:
        if each.entity_type is EntityType.COLUMNS:
            assigned[each.entity_name.casefold()][each.key] = each.value
    bound: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for policy in desired.policies:
        for match in policy.match_columns:
            bound[policy.securable[0]].update((key, value or "") for key, value in tag_references(match.condition))
    findings: list[Finding] = []
    for tag in tags:
        name, column = columns[tag.entity_name.casefold()]
        tagged = _Tagged(
            name=name, column=column, assigned=assigned[tag.entity_name.casefold()], bound=frozenset(bound[name.table.catalog])
        )
        findings += _conflict(tag, tagged, taxonomy.meaning(tag.key, tag.value))
    return tuple(findings)


def _conflict(tag: TagAssignment, tagged: _Tagged, meanings: tuple[MappedTag, ...]) -> Iterator[Finding]:
    shown = f"{tag.key}={tag.value}" if tag.value else tag.key
    closes = any(m.row != OPEN for m in meanings) and bool({(tag.key, tag.value), (tag.key, "")} & tagged.bound)
    families = sorted({f for m in meanings if m.row != OPEN for f in m.families})
    wanted = tagged.assigned.get(tag.key)
    decide = f"decide: lampkeeper labels set {tagged.name} …; or have the tag's owner correct it"
    if closes and family_of(tagged.column) not in families:
        yield _finding(
            "tags/other_type", tagged, f"is {tagged.column.type} and tagged {shown}, whose mask takes {', '.join(families)}",
            f"remove the tag, or map its label as {family_of(tagged.column)} to a separate value",
        )  # fmt: skip
    elif wanted is not None and wanted != tag.value:
        desired = f"{tag.key}={wanted}" if wanted else tag.key
        yield _finding("tags/other_value", tagged, f"has the existing tag {shown}, and its label needs {desired}", decide)
    elif wanted is None and closes and tagged.assigned:
        other = ", ".join(f"{k}={v}" for k, v in sorted(tagged.assigned.items()))
        yield _finding("tags/two_masks", tagged, f"has the existing tag {shown}, and its label needs {other}", decide)
    elif wanted is None and closes:
        message = f"has the existing tag {shown}, so the policy masks it, although its label is not sensitive"
        yield _finding("tags/masked_anyway", tagged, message, "have the tag's owner remove it", Severity.WARNING)


def unmapped_columns(snapshot: Snapshot, labels: Iterable[Label], desired: Desired, knowledge: Knowledge) -> tuple[Finding, ...]:
    """Return a finding for each label and type of columns without a tag in the taxonomy."""
    taxonomy = knowledge.taxonomy
    if not taxonomy.tags:
        return ()
    by_column = {x.column.plain: x for x in labels}
    types = {c.plain: column for c, column in snapshot.columns()}
    counts: Counter[tuple[str, str]] = Counter()
    for tag in desired.tag_assignments:
        label = by_column.get(tag.entity_name)
        if tag.key not in taxonomy.keys and label is not None and tag.entity_name in types:
            counts[(_row(label, knowledge), family_of(types[tag.entity_name]))] += 1
    strict = taxonomy.unmapped is Unmapped.ERROR
    return tuple(
        Finding(
            code="tags/unmapped", severity=Severity.ERROR if strict else Severity.INFO, location=f"{row} as {family}",
            message=f"no tag of taxonomy.yaml is mapped to it; columns that get a generated tag: {n}",
            fix=f"map it: {{label: {row}, types: [{family}], key: …, value: …}}",
        )
        for (row, family), n in sorted(counts.items())
    )  # fmt: skip


def _row(label: Label, knowledge: Knowledge) -> str:
    row = f"{label.label}/{label.subtype}"
    return row if any(row == r for r, _ in (*knowledge.vocabulary.masks, *knowledge.vocabulary.filters)) else str(label.label)


def _spot(tag: TagAssignment) -> tuple[str, str, str]:
    return (str(tag.entity_type), tag.entity_name.casefold(), tag.key)


def _finding(code: str, tagged: _Tagged, message: str, fix: str, severity: Severity = Severity.ERROR) -> Finding:
    return Finding(code=code, severity=severity, location=str(tagged.name), message=message, fix=fix)
