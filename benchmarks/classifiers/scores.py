"""Counts over labelled columns, for any classifier."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Row = Mapping[str, Any]

SAME_CLASS = {"card_security_code": "payment_card"}
"""The gold set counts security codes among payment cards."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a classifier says of one column. `label`: empty where its classes are not ours; `undecided`: open to review."""

    flagged: bool
    label: str = ""
    undecided: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """Counts over `must` and `none` columns; `soft` ones take no part, except in the count of undecided ones."""

    columns: int
    must: int
    hits: int
    false: int
    none: int
    hard: int
    hard_hits: int
    right_class: int
    undecided: int

    @property
    def recall(self) -> float:
        """Return the share of `must` columns that are flagged."""
        return self.hits / self.must if self.must else 1.0

    @property
    def precision(self) -> float:
        """Return the share of flagged strict columns that are `must`."""
        return self.hits / (self.hits + self.false) if self.hits + self.false else 1.0

    @property
    def f1(self) -> float:
        """Return the harmonic mean of precision and recall."""
        return 2 * self.precision * self.recall / (self.precision + self.recall) if self.hits else 0.0

    @property
    def hard_rate(self) -> float:
        """Return the share of hard negatives that are flagged."""
        return self.hard_hits / self.hard if self.hard else 0.0

    def as_json(self) -> dict[str, Any]:
        """Return the counts and the shares."""
        return {
            "columns": self.columns, "must": self.must, "hits": self.hits, "false": self.false, "none": self.none,
            "hard_negatives": self.hard, "hard_hits": self.hard_hits, "right_class": self.right_class,
            "undecided": self.undecided, "recall": round(self.recall, 4), "precision": round(self.precision, 4),
            "f1": round(self.f1, 4), "hard_negative_fpr": round(self.hard_rate, 4),
        }  # fmt: skip


def score(rows: Sequence[Row], answers: Sequence[Answer]) -> Scores:
    """Return the counts."""
    pairs = list(zip(rows, answers, strict=True))
    must = [(r, a) for r, a in pairs if r["tier"] == "must"]
    none = [(r, a) for r, a in pairs if r["tier"] == "none"]
    hard = [(r, a) for r, a in none if r.get("hard_negative")]
    return Scores(
        columns=len(pairs),
        must=len(must),
        hits=sum(a.flagged for _, a in must),
        false=sum(a.flagged for _, a in none),
        none=len(none),
        hard=len(hard),
        hard_hits=sum(a.flagged for _, a in hard),
        right_class=sum(a.flagged and SAME_CLASS.get(a.label, a.label) == r["label"] for r, a in must),
        undecided=sum(a.undecided for a in answers),
    )


def confusions(rows: Sequence[Row], answers: Sequence[Answer]) -> list[str]:
    """Return what must never happen: `company*` flagged, an Indian PAN taken for a card number or the other way round."""
    found = []
    for row, answer in zip(rows, answers, strict=True):
        column = f"{row.get('db', '')}.{row.get('table', '')}.{row['column']}"
        if row["tier"] == "none" and row["column"].lower().startswith("company") and answer.flagged:
            found.append(f"{column}: company* flagged as {answer.label}")
        if {row["label"], answer.label} == {"tax_id", "payment_card"}:
            found.append(f"{column}: {row['label']} taken for {answer.label}")
    return found


def breakdown(rows: Sequence[Row], answers: Sequence[Answer], field: str) -> list[tuple[str, int, int]]:
    """Return name, found and total of the `must` columns by a field of the gold rows, sorted."""
    total: Counter[str] = Counter()
    hits: Counter[str] = Counter()
    for row, answer in zip(rows, answers, strict=True):
        if row["tier"] == "must" and row.get(field):
            total[row[field]] += 1
            hits[row[field]] += answer.flagged
    return [(name, hits[name], count) for name, count in sorted(total.items())]
