"""A text that a person or a model wrote: which of its lines are HCL, which SQL, which neither."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

SECTION_KEYS = frozenset(
    {
        "groups", "group_members", "tag_policies", "tag_permissions", "tables", "schemas", "tag_assignments", "fgac_policies",
        "grants", "seats", "warehouses", "genie_space_configs",
    }
)  # fmt: skip
"""Keys that stand at the top of a draft and nowhere else."""

_HCL, _SQL = frozenset({"hcl", "terraform", "tfvars", "tf", ""}), frozenset({"sql"})
_FENCE = re.compile(r"^[ \t]*(?:```+|~~~+)[ \t]*([A-Za-z]*)[ \t]*\r?$")
_FUNCTION = re.compile(r"\bCREATE\s+(?:OR\s+REPLACE\s+)?FUNCTION\b", re.IGNORECASE)
_SECTION = re.compile(rf"^[ \t]*(?:{'|'.join(sorted(SECTION_KEYS))})[ \t]*=", re.MULTILINE)


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class Mend:
    """One thing that a fix changed: which fix, where, what."""

    by: str
    place: str
    what: str

    def __str__(self) -> str:
        """Return one line for people."""
        return f"{self.place}: {self.what} ({self.by})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The HCL and the SQL of a text that may hold both in fences, and which lines were left out."""

    hcl: str
    sql: str
    changes: tuple[Mend, ...]


def split_answer(text: str) -> Answer:
    """Return the HCL and SQL blocks of a text; a text without fences is HCL as it stands.

    Prose around the blocks is left out, unless a section of a draft stands in it: then only the fence lines go.
    """
    lines = text.split("\n")
    fences = [(n, m.group(1).lower()) for n, line in enumerate(lines) if (m := _FENCE.match(line))]
    if not fences:
        return Answer(hcl=text, sql="", changes=())
    blocks = list(_blocks(lines, fences))
    inside = {n for start, end, _ in blocks for n in range(start, end + 1)}
    prose = [n for n in range(len(lines)) if n not in inside]
    sql = "\n".join("\n".join(lines[a + 1 : b]) for a, b, kind in blocks if kind == "sql")
    if _SECTION.search("\n".join(lines[n] for n in prose)):
        drop = {n for n, _ in fences} | {n for a, b, kind in blocks if kind == "sql" for n in range(a, b + 1)}
        what = "fence lines left out"
    else:
        drop = {n for n in range(len(lines)) if not any(a < n < b for a, b, kind in blocks if kind == "hcl")}
        what = f"fences and {sum(bool(lines[n].strip()) for n in prose)} lines of prose left out"
    kept = "\n".join(line for n, line in enumerate(lines) if n not in drop)
    mend = Mend(by="fix_hcl_syntax", place=f"line {fences[0][0] + 1}", what=what)
    return Answer(hcl=kept.rstrip("\n") + "\n" if kept.strip() else "", sql=sql, changes=(mend,))


def _blocks(lines: list[str], fences: list[tuple[int, str]]) -> Iterator[tuple[int, int, str]]:
    """Yield (fence line, closing line or the end, hcl or sql or other) of each block."""
    index = 0
    while index < len(fences):
        start, word = fences[index]
        end = fences[index + 1][0] if index + 1 < len(fences) else len(lines)
        body = "\n".join(lines[start + 1 : end])
        kind = "sql" if word in _SQL or (word not in _HCL - {""} and _FUNCTION.search(body)) else "other"
        if kind == "other" and (word in _HCL - {""} or (word == "" and _SECTION.search(body))):
            kind = "hcl"
        yield start, end, kind
        index += 2
