"""Measures the offline classifier on labelled columns: `python benchmarks/classification.py --mode names|values [--gold FILE]`.

Exit 0 when the gates hold, 1 when they do not, 2 when the gold file cannot be read.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lampkeeper.design.classify_lines import classify_rows

GOLD = Path(__file__).parent / "data" / "gold_dev_open.jsonl"
GATES = {"names": (0.90, 0.08), "values": (0.95, 0.05)}
"""Mode: least recall of `must` columns, greatest share of hard negatives flagged."""

SAME_CLASS = {"card_security_code": "payment_card"}
"""The gold set counts security codes among payment cards."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """Counts over `must` and `none` columns; `soft` ones take no part."""

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


def read_gold(path: Path) -> list[dict[str, Any]]:
    """Return the rows of a gold file; exit 2 with the line on the first bad one."""
    rows = []
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        sys.exit(_usage(f"{path}: {error.strerror}"))
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            row["column"], row["tier"], row["label"]
        except (ValueError, KeyError, TypeError) as error:
            sys.exit(_usage(f"{path}:{number}: {error}"))
        rows.append(row)
    return rows


def _usage(message: str) -> int:
    print(message, file=sys.stderr)
    return 2


def flagged(answer: dict[str, Any]) -> bool:
    """Say whether the column ends up protected: undecided is protected until reviewed."""
    return answer["protect"] != "no"


def score(rows: Sequence[dict[str, Any]], answers: Sequence[dict[str, Any]]) -> Scores:
    """Return the counts."""
    pairs = list(zip(rows, answers, strict=True))
    must = [(r, a) for r, a in pairs if r["tier"] == "must"]
    none = [(r, a) for r, a in pairs if r["tier"] == "none"]
    hard = [(r, a) for r, a in none if r.get("hard_negative")]
    return Scores(
        must=len(must),
        hits=sum(flagged(a) for _, a in must),
        false=sum(flagged(a) for _, a in none),
        none=len(none),
        hard=len(hard),
        hard_hits=sum(flagged(a) for _, a in hard),
        right_class=sum(flagged(a) and SAME_CLASS.get(a["label"], a["label"]) == r["label"] for r, a in must),
        undecided=sum(a["protect"] == "undecided" for a in answers),
    )


def confusions(rows: Sequence[dict[str, Any]], answers: Sequence[dict[str, Any]]) -> list[str]:
    """Return what must never happen: `company*` flagged, an Indian PAN taken for a card number or the other way round."""
    found = []
    for row, answer in zip(rows, answers, strict=True):
        place = f"{row.get('db', '')}.{row.get('table', '')}.{row['column']}"
        if row["tier"] == "none" and row["column"].lower().startswith("company") and flagged(answer):
            found.append(f"{place}: company* flagged as {answer['label']}")
        if {row["label"], answer["label"]} == {"tax_id", "payment_card"}:
            found.append(f"{place}: {row['label']} taken for {answer['label']}")
    return found


def table(title: str, head: Sequence[str], body: Sequence[Sequence[object]]) -> str:
    """Return an aligned text table."""
    lines = [list(map(str, head)), *[list(map(str, r)) for r in body]]
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    text = ["  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)).rstrip() for line in lines]
    return "\n".join(["", title, *text])


def breakdown(rows: Sequence[dict[str, Any]], answers: Sequence[dict[str, Any]], field: str) -> list[list[object]]:
    """Return recall counts of `must` columns by a field of the gold rows."""
    total: Counter[str] = Counter()
    hits: Counter[str] = Counter()
    for row, answer in zip(rows, answers, strict=True):
        if row["tier"] == "must" and row.get(field):
            total[row[field]] += 1
            hits[row[field]] += flagged(answer)
    return [[name, hits[name], count, f"{hits[name] / count:.2f}"] for name, count in sorted(total.items())]


def run(mode: str, gold: Path, show: bool) -> int:
    """Print the tables and return the exit code."""
    rows = read_gold(gold)
    inputs = rows if mode == "values" else [{k: v for k, v in r.items() if k != "values"} for r in rows]
    if mode == "values" and not any(r.get("values") for r in rows):
        return _usage(f"{gold}: holds no values; --mode values needs them")
    started = time.perf_counter()
    answers = classify_rows(inputs)
    seconds = time.perf_counter() - started
    s = score(rows, answers)
    head = ["columns", "must", "recall", "precision", "F1", "hard negatives", "HN-FPR", "class right", "undecided", "ms/column"]
    line = [
        len(rows), s.must, f"{s.recall:.3f}", f"{s.precision:.3f}", f"{s.f1:.3f}", s.hard, f"{s.hard_rate:.3f}",
        f"{s.right_class}/{s.hits}", s.undecided, f"{1000 * seconds / max(1, len(rows)):.2f}",
    ]  # fmt: skip
    print(table(f"classification, mode {mode}, {gold.name}", head, [line]))
    print(table("recall by class", ["class", "found", "of", "recall"], breakdown(rows, answers, "label")))
    print(
        table(
            "identifiers by country (counts: the sets are small)",
            ["country", "found", "of", "recall"],
            breakdown(rows, answers, "country"),
        )
    )
    if show:
        _show_mistakes(rows, answers)
    wrong = confusions(rows, answers)
    for text in wrong:
        print(f"never allowed: {text}")
    recall, rate = GATES[mode]
    passed = s.recall >= recall and s.hard_rate <= rate and not wrong
    print(f"\ngate: recall >= {recall:.2f} at HN-FPR <= {rate:.2f}, no forbidden confusion: {'passed' if passed else 'FAILED'}")
    return 0 if passed else 1


def _show_mistakes(rows: Sequence[dict[str, Any]], answers: Sequence[dict[str, Any]]) -> None:
    body = [
        [
            "missed" if r["tier"] == "must" else "false",
            r["label"],
            f"{r.get('db')}.{r.get('table')}.{r['column']}",
            a["label"],
            "; ".join(a["evidence"]),
        ]
        for r, a in zip(rows, answers, strict=True)
        if (r["tier"] == "must" and not flagged(a)) or (r["tier"] == "none" and flagged(a))
    ]
    print(table("mistakes", ["what", "gold", "column", "label", "evidence"], body))


def main() -> int:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--mode", choices=sorted(GATES), default="names", help="names: with type and comment; values: also values"
    )
    parser.add_argument(
        "--gold", type=Path, default=GOLD, help="JSON lines with db, table, column, type, comment, label, tier, …"
    )
    parser.add_argument("--mistakes", action="store_true", help="print every miss and false hit with its evidence")
    args = parser.parse_args()
    return run(args.mode, args.gold, args.mistakes)


if __name__ == "__main__":
    sys.exit(main())
