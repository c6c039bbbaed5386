"""Reads a model's answer strictly: it has the closed schema, or an error is returned to the model; nothing is fixed.

Text around the one JSON document (prose, a code fence) is ignored.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lampkeeper.design.classify.prompt import Prompt, Subtypes
from lampkeeper.model.labels import Label, LabelClass, LabelSource, Protect
from lampkeeper.model.names import ColumnName

LEAST_CONFIDENCE = 0.5
"""Below this a model's `yes` counts as undecided: protected, and to be reviewed."""

MOST_TEXT = 1_000_000
"""The number of characters of an answer that are read."""

MOST_ERRORS = 20
_MOST_STARTS = 2_000
_FIELDS = frozenset({"column", "label", "subtype", "protect", "confidence", "reason"})
_TEXTS = ("column", "label", "subtype", "protect", "reason")
UNPRINTED = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]+")
"""Runs of invisible characters: control characters, and those that hide text or change its direction."""
_REASON = 160
CUT_OFF = "the answer was cut off: it is longer than allowed"
"""The error for an incomplete answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """The result of reading an answer: valid labels, errors for the model, columns without a valid label, whether cut off."""

    labels: tuple[Label, ...]
    errors: tuple[str, ...]
    missing: tuple[ColumnName, ...]
    cut: bool = False

    @property
    def whole(self) -> bool:
        """Return whether every column has its label, without errors."""
        return not self.errors and not self.missing


class BadJsonError(ValueError):
    """The text holds JSON that is not accepted."""


def text_of(content: object) -> str:
    """Return the text of a message's content: a string, or the text blocks of a list (gpt-oss puts reasoning blocks first)."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    return "".join(
        str(b["text"])
        for b in content
        if isinstance(b, dict) and b.get("type", "text") in ("text", "output_text") and isinstance(b.get("text"), str)
    )


def read_reply(content: object, prompt: Prompt, *, cut: bool = False) -> Reply:
    """Read an answer to a prompt; `cut` says that the endpoint reported a cut."""
    text = text_of(content)
    if cut:
        return _nothing(prompt, CUT_OFF, cut=True)
    if len(text) > MOST_TEXT:
        return _nothing(prompt, "the answer is far too long")
    try:
        document = find_document(text)
    except BadJsonError as error:
        return _nothing(prompt, str(error), cut=str(error) == CUT_OFF)
    entries = document.get("columns")
    if set(document) != {"columns"} or not isinstance(entries, list):
        return _nothing(prompt, 'the object must have the one key "columns" with a list')
    return _read_entries(entries, prompt)


def feedback(reply: Reply) -> str:
    """Return the message to the model about its answer."""
    lines = [*reply.errors[:MOST_ERRORS]]
    if len(reply.errors) > MOST_ERRORS:
        lines.append(f"and {len(reply.errors) - MOST_ERRORS} more")
    if reply.missing:
        lines.append("no valid entry for: " + ", ".join(quoted(c.column) for c in reply.missing[:MOST_ERRORS]))
    reported = "\n".join(f"- {line}" for line in lines)
    return f"Your answer cannot be used:\n{reported}\nAnswer again with one JSON object of the given form, every column once."


def _nothing(prompt: Prompt, error: str, *, cut: bool = False) -> Reply:
    return Reply(labels=(), errors=(error,), missing=prompt.names, cut=cut)


def find_document(text: str, key: str = "columns") -> dict[str, Any]:
    """Return the one JSON object with this key in a text; raise BadJsonError when there is none, or more than one."""
    decoder = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_no_constant)
    found: list[dict[str, Any]] = []
    start, tries, open_end = text.find("{"), 0, False
    while start >= 0:
        tries += 1
        if tries > _MOST_STARTS:
            raise BadJsonError("no JSON object found in the answer")
        try:
            value, end = decoder.raw_decode(text, start)
        except json.JSONDecodeError as error:
            # The decoder stops at the end of the text only if a value is incomplete there.
            open_end = open_end or error.pos >= len(text.rstrip()) or error.msg.startswith("Unterminated string")
            start = text.find("{", start + 1)
            continue
        except RecursionError:
            raise BadJsonError("the answer is nested too deep") from None
        if isinstance(value, dict) and key in value:
            found.append(value)
        start = text.find("{", end)
    if len(found) == 1 and not open_end:
        return found[0]
    if len(found) > 1:
        raise BadJsonError(f"there is more than one JSON object with {key} in the answer")
    raise BadJsonError(CUT_OFF if open_end else f"no JSON object with {key} found in the answer")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) != len(pairs):
        raise BadJsonError("a key stands twice in an object")
    return document


def _no_constant(text: str) -> float:
    raise BadJsonError(f"{text} is not a number")


def _read_entries(entries: Sequence[Any], prompt: Prompt) -> Reply:
    asked = {c.column: c for c in prompt.names}
    given = Counter(e["column"] for e in entries if isinstance(e, dict) and isinstance(e.get("column"), str))
    errors: list[str] = [f"{quoted(name)} stands {n} times" for name, n in sorted(given.items()) if n > 1]
    labels: dict[ColumnName, Label] = {}
    for number, entry in enumerate(entries, start=1):
        problem = _problem(entry, asked, prompt.subtypes)
        if problem:
            errors.append(f"entry {number}: {problem}")
        elif given[entry["column"]] == 1:
            labels[asked[entry["column"]]] = _label(asked[entry["column"]], entry)
    return Reply(
        labels=tuple(labels[c] for c in prompt.names if c in labels),
        errors=tuple(errors),
        missing=tuple(c for c in prompt.names if c not in labels),
    )


def _problem(entry: Any, asked: Mapping[str, ColumnName], subtypes: Subtypes) -> str:
    """Return the error of an entry, with quotes from it; empty if it is valid."""
    if not isinstance(entry, dict):
        return "not an object"
    if set(entry) != _FIELDS:
        odd = sorted(set(entry) ^ _FIELDS)
        return "missing or unknown keys: " + ", ".join(quoted(k) for k in odd)
    for key in _TEXTS:
        if not isinstance(entry[key], str):
            return f"{key} must be a string"
    confidence = entry["confidence"]
    if isinstance(confidence, bool) or not isinstance(confidence, int | float) or not 0 <= confidence <= 1:
        return "confidence must be a number from 0 to 1"
    if entry["column"] not in asked:
        return f"no column {quoted(entry['column'])} was asked about"
    return _problem_of_label(entry, subtypes)


def _problem_of_label(entry: Mapping[str, Any], subtypes: Subtypes) -> str:
    if entry["label"] not in {str(x) for x in LabelClass}:
        return f"unknown label {quoted(entry['label'])}"
    if entry["protect"] not in {str(x) for x in Protect}:
        return f"protect is {quoted(entry['protect'])}, not yes, no or undecided"
    label, protect = LabelClass(entry["label"]), Protect(entry["protect"])
    if entry["subtype"] and entry["subtype"] not in subtypes.get(label, ()):
        return f"label {label} has no subtype {quoted(entry['subtype'])}"
    if label is LabelClass.NONE and protect is not Protect.NO:
        return f"label none does not go with protect {protect}"
    if label is LabelClass.UNDECIDED and protect is not Protect.UNDECIDED:
        return f"label undecided does not go with protect {protect}"
    return ""


def _label(column: ColumnName, entry: Mapping[str, Any]) -> Label:
    label, subtype, protect = LabelClass(entry["label"]), entry["subtype"], Protect(entry["protect"])
    confidence = round(float(entry["confidence"]), 3)
    evidence = [f"model: {quoted(entry['reason'])}"]
    if protect is Protect.YES and confidence < LEAST_CONFIDENCE:
        protect = Protect.UNDECIDED
        evidence.insert(0, "the model is not sure")
    if protect is Protect.UNDECIDED and label is not LabelClass.UNDECIDED:
        evidence.insert(0, f"perhaps {label}")
        label, subtype = LabelClass.UNDECIDED, ""
    return Label(
        column=column, label=label, protect=protect, confidence=confidence, evidence=tuple(evidence),
        source=LabelSource.MODEL, subtype=subtype,
    )  # fmt: skip


def quoted(text: str) -> str:
    """Return foreign text on one line, short, in quotes."""
    plain = UNPRINTED.sub(" ", text)
    return json.dumps(plain if len(plain) <= _REASON else plain[: _REASON - 1] + "…", ensure_ascii=False)
