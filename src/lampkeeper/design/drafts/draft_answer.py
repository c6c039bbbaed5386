"""A text that a person or a model wrote: which of its lines are HCL, which SQL, which neither."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from lampkeeper.design.drafts.draft_prose import LineKind, line_kinds

SECTION_KEYS = frozenset(
    {
        "groups", "group_members", "tag_policies", "tag_permissions", "tables", "schemas", "tag_assignments", "fgac_policies",
        "grants", "workspace_assignments", "warehouses", "genie_space_configs",
    }
)  # fmt: skip
"""Keys of a draft that occur only at its top level."""

_HCL, _SQL = frozenset({"hcl", "terraform", "tfvars", "tf", ""}), frozenset({"sql"})
_FENCE = re.compile(r"^[ \t]*(?:```+|~~~+)[ \t]*([A-Za-z]*)[ \t]*\r?$")
_FUNCTION = re.compile(r"\bCREATE\s+(?:OR\s+REPLACE\s+)?FUNCTION\b", re.IGNORECASE)
_SECTION = re.compile(rf"^[ \t]*(?:{'|'.join(sorted(SECTION_KEYS))})[ \t]*=", re.MULTILINE)


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class DraftFix:
    """One change by a fix: the fix, the location, the change."""

    by: str
    location: str
    what: str

    def __str__(self) -> str:
        """Return one line for people."""
        return f"{self.location}: {self.what} ({self.by})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The HCL and the SQL of a text that may hold both in fences, and which lines were left out."""

    hcl: str
    sql: str
    changes: tuple[DraftFix, ...]


def split_answer(text: str) -> Answer:
    """Return the HCL and SQL of a text, in fences or not; sentences around them are left out.

    A text without a section of a draft is HCL as it is. If a section is outside the fences, only the fence lines and the
    sentences are removed.
    """
    lines = text.split("\n")
    fences = [(n, m.group(1).lower()) for n, line in enumerate(lines) if (m := _FENCE.match(line))]
    if not fences:
        return _unfenced(text)
    blocks = list(_blocks(lines, fences))
    inside = {n for start, end, _ in blocks for n in range(start, end + 1)}
    prose = [n for n in range(len(lines)) if n not in inside]
    sql = "\n".join("\n".join(lines[a + 1 : b]) for a, b, kind in blocks if kind == "sql")
    if _SECTION.search("\n".join(lines[n] for n in prose)):
        drop = {n for n, _ in fences} | {n for a, b, kind in blocks if kind == "sql" for n in range(a, b + 1)}
        rest = _unfenced("\n".join("" if n in drop else line for n, line in enumerate(lines)))
        fix = DraftFix(by="fix_hcl_syntax", location=f"line {fences[0][0] + 1}", what="fence lines left out")
        return Answer(hcl=rest.hcl, sql=f"{sql}\n{rest.sql}".strip("\n"), changes=(fix, *rest.changes))
    drop = {n for n in range(len(lines)) if not any(a < n < b for a, b, kind in blocks if kind == "hcl")}
    what = f"fences and {sum(bool(lines[n].strip()) for n in prose)} lines of prose left out"
    kept = "\n".join(line for n, line in enumerate(lines) if n not in drop)
    fix = DraftFix(by="fix_hcl_syntax", location=f"line {fences[0][0] + 1}", what=what)
    return Answer(hcl=kept.rstrip("\n") + "\n" if kept.strip() else "", sql=sql, changes=(fix,))


def split_sql(text: str) -> Answer:
    """Return the SQL of a text that holds nothing else: the blocks in fences, or all of it without the sentences around it."""
    if any(_FENCE.match(line) for line in text.split("\n")):
        answer = split_answer(text)
        if answer.sql:
            return answer
    lines = text.split("\n")
    kinds = line_kinds(text, SECTION_KEYS, sql_only=True)
    return Answer(hcl="", sql=_kept(lines, kinds, LineKind.SQL), changes=_left_out(kinds, "masking functions: "))


def _unfenced(text: str) -> Answer:
    lines = text.split("\n")
    if not _SECTION.search(text):
        return Answer(hcl=text, sql="", changes=())
    kinds = line_kinds(text, SECTION_KEYS)
    changes = _left_out(kinds)
    sql = _kept(lines, kinds, LineKind.SQL) if LineKind.SQL in kinds else ""
    if sql:
        first = kinds.index(LineKind.SQL) + 1
        changes = (*changes, DraftFix(by="fix_hcl_syntax", location=f"line {first}", what="SQL put into a file of its own"))
    if not changes:
        return Answer(hcl=text, sql="", changes=())
    return Answer(hcl=_kept(lines, kinds, LineKind.HCL), sql=sql, changes=changes)


def _kept(lines: list[str], kinds: tuple[LineKind, ...], wanted: LineKind) -> str:
    """Return the lines of a kind; the others are empty ones, so that every line keeps its number."""
    kept = "\n".join(line if kind is wanted else "" for line, kind in zip(lines, kinds, strict=True))
    return kept.rstrip("\n") + "\n" if kept.strip() else ""


def _left_out(kinds: tuple[LineKind, ...], where: str = "") -> tuple[DraftFix, ...]:
    count = kinds.count(LineKind.PROSE)
    if not count:
        return ()
    what = f"{count} lines of prose left out"
    return (DraftFix(by="fix_hcl_syntax", location=f"{where}line {kinds.index(LineKind.PROSE) + 1}", what=what),)


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
