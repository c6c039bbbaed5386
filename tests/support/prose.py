"""Finds sentences that are not plain technical English: the patterns that a program can find."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_UNIT = (
    "table|column|catalog|schema|file|layer|line|day|run|principal|group|space|policy|function|step|task|job|query|row|key|tag"
    "|mask|kind|core|person|page|write"
)
_SOURCES = (
    "it|page|files?|tables?|rules?|plan|report|verdict|finding|record|names?|types?|comment|policy|state|catalog|platform"
    "|workspace|engine|server|settings"
)
_AFTER_CLAUSE = "is|are|was|has|may|must|needs|stays|goes|gets|counts|comes"
_FOLK = (
    "goes on where|go on where|went on where|makes? (?:it|them) again|takes? (?:it|them|that|this) away|taken away|takes away"
    "|comes? to (?:its|an) end|brought to its end|gives? back what"
)

PATTERNS: dict[str, re.Pattern[str]] = {
    # A relative clause as subject: "What a refusal comes from: …", "Who may run it is …".
    "clause-as-subject": re.compile(
        rf"(?:^|[.:;] )(?:What|Whoever|Whatever|Who) (?:[a-z'’\-]+ ){{1,9}}?(?:{_AFTER_CLAUSE})\b(?![^.]*\?)"
    ),
    # Sources that act as persons: "the page tells", "the rules say".
    "personified": re.compile(rf"\b(?:{_SOURCES}) (?:tells?|hears?|says?|speaks?|knows?|wants?|asks?|thinks?|believes?)\b"),
    # A distributive article: "a policy a catalog", "one query a table".
    "distributive": re.compile(rf"\b(?:an?|one|two|three|four|eight|\d+) (?:[a-z]+ )?(?:{_UNIT})s? an? (?:{_UNIT})\b"),
    # Negation by "no": "it is no table".
    "is-no": re.compile(r"\b(?:is|are|was|were|be|being) no(?! longer\b| more\b| different\b)(?: [A-Za-z]+)"),
    # Archaic conjunctions and adverbs.
    "archaic": re.compile(
        r"\b(?:so long|thereof|therein|whence|wherein|whereof|hence|thus far|lest|naught|nought|anew|forthwith"
        r"|for it (?:is|has|may))\b",
        re.IGNORECASE,
    ),
    # Folk verbs for resume, recreate, remove.
    "folk-verb": re.compile(rf"\b(?:{_FOLK})\b"),
    # "Is told" for gets or distinguishes, "goes on" for continues.
    "telling": re.compile(r"\b(?:(?:is|are|was|were) (?:not )?told|(?:go|goes|went) on)\b"),
    # Pronouns without a noun.
    "pronoun": re.compile(r"\b(?:ours|theirs|everybody's|somebody's|nobody's|anybody's|whoever|whatever)\b", re.IGNORECASE),
}


@dataclass(frozen=True, slots=True)
class Flagged:
    """One sentence: file and line, the pattern, the text that matched."""

    location: str
    pattern: str
    text: str

    def __str__(self) -> str:
        """Return one line for people."""
        return f"{self.location}: {self.pattern}: {self.text}"


def flagged(text: str) -> Iterator[tuple[str, str]]:
    """Yield each pattern that a text matches, with the words that match."""
    plain = re.sub(r"`[^`\n]*`", "`code`", text)
    for name, pattern in PATTERNS.items():
        for found in pattern.finditer(plain):
            yield name, found.group().strip()


def in_page(path: Path, root: Path) -> Iterator[Flagged]:
    """Yield what a Markdown page holds outside of code blocks."""
    body = re.sub(r"^```.*?^```", lambda m: "\n" * m[0].count("\n"), path.read_text(encoding="utf-8"), flags=re.M | re.S)
    for number, line in enumerate(body.splitlines(), 1):
        for pattern, words in flagged(line):
            yield Flagged(f"{path.relative_to(root)}:{number}", pattern, words)


def in_module(path: Path, root: Path) -> Iterator[Flagged]:
    """Yield what the docstrings, comments and messages of a module hold; a message is a literal of three words or more."""
    source = path.read_text(encoding="utf-8")
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.count(" ") >= 2:
            for pattern, words in flagged(node.value):
                yield Flagged(f"{path.relative_to(root)}:{node.lineno}", pattern, words)
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            for pattern, words in flagged(token.string.lstrip("# ")):
                yield Flagged(f"{path.relative_to(root)}:{token.start[0]}", pattern, words)
