"""Pages for the review of a draft: TUNING.md, an ordered checklist, and review.html with every label."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from lampkeeper.html import render
from lampkeeper.model.desired import Desired
from lampkeeper.model.findings import Finding
from lampkeeper.model.labels import Label, Protect
from lampkeeper.model.policies import PolicyKind
from lampkeeper.model.tags import EntityType


def render_tuning(desired: Desired, labels: Sequence[Label], findings: Iterable[Finding]) -> str:
    """Return TUNING.md: a checklist for the review of the draft, most important items first."""
    undecided = [x for x in labels if x.protect is Protect.UNDECIDED]
    kinds = Counter(p.kind for p in desired.policies)
    open_groups = [s.name for s in desired.spaces if len(s.acl_groups) == len(desired.groups)]
    lines = ["# Before this draft is applied", "", "## Answers of the spaces", ""]
    for space in desired.spaces:
        lines += [
            f"- [ ] {_md(space.name)}: read the instructions; ask its {len(space.sample_questions)} sample questions; "
            f"check the SQL of {len(space.benchmarks)} benchmarks and {len(space.joins)} joins."
        ]
    lines += [] if desired.spaces else ["- no space in this draft"]
    lines += ["", "## Protection", "", f"- [ ] {len(undecided)} columns are undecided and stay masked until you decide:"]
    lines += [f"  - {_md(str(x.column))}: {_md('; '.join(x.evidence))}" for x in undecided]
    masks, filters = kinds[PolicyKind.COLUMN_MASK], kinds[PolicyKind.ROW_FILTER]
    lines += [
        f"- [ ] {sum(x.protect is Protect.NO for x in labels)} columns are not sensitive: check them in review.html.",
        f"- [ ] {masks} masks and {filters} row filters: is any principal exempt that should not be?",
        *(f"- [ ] {_md(str(f))}" for f in findings),
        "", "## Access to the spaces", "",
        f"- [ ] {len(desired.groups)} groups: {', '.join(_md(g.name) for g in desired.groups) or 'none'}",
        *(f"- [ ] every group may use {_md(name)}: is that intended?" for name in open_groups),
        "", "## Then", "", "1. `lampkeeper validate`", "2. `lampkeeper plan`, and read what widens access",
        "3. `lampkeeper apply`",
        "4. `lampkeeper verify`", "",
    ]  # fmt: skip
    return "\n".join(lines)


def render_review(desired: Desired, labels: Sequence[Label], findings: Iterable[Finding]) -> str:
    """Return review.html: every column with its label, evidence and tag; undecided columns first. All text is escaped."""
    tags = {
        t.entity_name.casefold(): f"{t.key}={t.value}" for t in desired.tag_assignments if t.entity_type is EntityType.COLUMNS
    }
    order = {Protect.UNDECIDED: 0, Protect.YES: 1, Protect.NO: 2}
    counts = Counter(x.protect for x in labels)
    return render(
        "review.html",
        title="Review of the draft",
        summary=", ".join(f"{counts[p]} {p}" for p in order),
        findings=tuple(findings),
        labels=sorted(labels, key=lambda x: (order[x.protect], x.column)),
        tags={x.column: tags.get(x.column.plain.casefold(), "") for x in labels},
    )


def _md(text: str) -> str:
    """Return text that Markdown shows literally: on one line, with markup escaped and unprintable characters made visible."""
    plain = "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text)
    return "".join(f"\\{c}" if c in "\\`*_{}[]<>#|!" else c for c in plain)
