"""Measures the offline classifier on labelled columns, beside what else there is.

`python benchmarks/classification.py --mode names|values [--gold FILE] [--json]`. Exit 0 when the gates hold, 1 when they do
not, 2 when the gold file cannot be read. Peers that are not installed are named with the command that installs them.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from classifiers.fides import INSTALL, find_datasets, read_datasets
from classifiers.peers import PEERS, Classifier, Lampkeeper
from classifiers.scores import Answer, Row, Scores, breakdown, confusions, score

GOLD = Path(__file__).parent / "data" / "gold_dev_open.jsonl"
GATES = {"names": (0.90, 0.08), "values": (0.95, 0.05)}
"""Mode: least recall of `must` columns, greatest share of hard negatives flagged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One classifier on one set. `scores` is None when it did not run; `note` says why, or with what it ran."""

    name: str
    scores: Scores | None
    milliseconds: float = 0.0
    note: str = ""
    answers: tuple[Answer, ...] = ()


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


def measure(classifier: Classifier, rows: Sequence[Row]) -> Measured:
    """Return what a classifier scores on the rows, or why it did not run."""
    missing = classifier.missing()
    if missing:
        return Measured(name=classifier.name, scores=None, note=f"not installed: {missing}")
    started = time.perf_counter()
    answers = classifier.classify(rows)
    spent = 1000 * (time.perf_counter() - started) / max(1, len(rows))
    if answers is None:
        return Measured(name=classifier.name, scores=None, note=classifier.note)
    return Measured(
        name=classifier.name, scores=score(rows, answers), milliseconds=spent, note=classifier.note, answers=tuple(answers)
    )


def table(title: str, head: Sequence[str], body: Sequence[Sequence[object]]) -> str:
    """Return an aligned text table."""
    lines = [list(map(str, head)), *[list(map(str, r)) for r in body]]
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    text = ["  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)).rstrip() for line in lines]
    return "\n".join(["", title, *text])


def _line(measured: Measured) -> list[object]:
    s = measured.scores
    if s is None:
        return [measured.name, *["-"] * 9, measured.note]
    share = f"{s.undecided} ({s.undecided / max(1, s.columns):.1%})"
    classes = f"{s.right_class}/{s.hits}" if any(a.label for a in measured.answers) else "-"
    return [
        measured.name, s.columns, s.must, f"{s.recall:.3f}", f"{s.precision:.3f}", f"{s.f1:.3f}",
        f"{s.hard_rate:.3f} of {s.hard}", classes, share, f"{measured.milliseconds:.2f}", measured.note,
    ]  # fmt: skip


_HEAD = ["classifier", "columns", "must", "recall", "precision", "F1", "HN-FPR", "class right", "undecided", "ms/column", ""]


def fides_rows(folder: Path | None) -> tuple[list[dict[str, Any]], str]:
    """Return the rows of the Fides slice and where they come from; no rows and how to get them where there are none."""
    place = folder or find_datasets()
    rows = read_datasets(place) if place else []
    if not rows:
        return [], f"no Fides datasets: {INSTALL}, or --fides FOLDER"
    return rows, "the ethyca-fides wheel" if folder is None else folder.name


def run(args: argparse.Namespace) -> int:
    """Measure, print and return the exit code."""
    rows = read_gold(args.gold)
    if args.mode == "values" and not any(r.get("values") for r in rows):
        return _usage(f"{args.gold}: holds no values; --mode values needs them")
    inputs = rows if args.mode == "values" else [{k: v for k, v in r.items() if k != "values"} for r in rows]
    ours = Lampkeeper()
    ours.classify(inputs[:1])  # the lexicon is read once a process; it is no cost of a column
    classifiers: list[Classifier] = [ours, *([] if args.no_peers else [make() for make in PEERS])]
    measured = [measure(c, inputs) for c in classifiers]
    slice_rows, slice_note = fides_rows(args.fides) if not args.no_peers else ([], "left out")
    on_slice = [measure(c, slice_rows) for c in classifiers] if slice_rows else []
    first = measured[0]
    if first.scores is None:
        raise AssertionError("the classifier under test answers every row")
    wrong = confusions(rows, first.answers)
    recall, rate = GATES[args.mode]
    passed = first.scores.recall >= recall and first.scores.hard_rate <= rate and not wrong
    if args.json:
        print(json.dumps(_document(args, rows, measured, on_slice, slice_note, wrong, passed), indent=2, ensure_ascii=False))
        return 0 if passed else 1
    print(table(f"classification, mode {args.mode}, {args.gold.name}", _HEAD, [_line(m) for m in measured]))
    print(_slice_text(on_slice, slice_note))
    for title, field in (("recall by class", "label"), ("identifiers by country (counts: the sets are small)", "country")):
        body = [[name, hits, count, f"{hits / count:.2f}"] for name, hits, count in breakdown(rows, first.answers, field)]
        print(table(title, [field, "found", "of", "recall"], body))
    if args.mistakes:
        _show_mistakes(inputs, first.answers)
    for text in wrong:
        print(f"never allowed: {text}")
    print(f"\ngate: recall >= {recall:.2f} at HN-FPR <= {rate:.2f}, no forbidden confusion: {'passed' if passed else 'FAILED'}")
    return 0 if passed else 1


def _slice_text(on_slice: Sequence[Measured], note: str) -> str:
    title = f"Fides slice, names only ({note}; labelled by others, whole datasets)"
    if not on_slice:
        return f"\n{title if note == 'left out' else note}"
    return table(title, [*_HEAD[:6], ""], [[*_line(m)[:6], m.note] for m in on_slice])


def _document(
    args: argparse.Namespace,
    rows: Sequence[Row],
    measured: Sequence[Measured],
    on_slice: Sequence[Measured],
    slice_note: str,
    wrong: Sequence[str],
    passed: bool,
) -> dict[str, Any]:
    first = measured[0]

    def listed(all_of: Sequence[Measured]) -> list[dict[str, Any]]:
        return [
            {
                "classifier": m.name,
                "note": m.note,
                "ms_per_column": round(m.milliseconds, 3),
                **(m.scores.as_json() if m.scores else {}),
            }
            for m in all_of
        ]

    def counts(field: str) -> dict[str, dict[str, int]]:
        return {name: {"found": hits, "of": of} for name, hits, of in breakdown(rows, first.answers, field)}

    return {
        "mode": args.mode, "gold": args.gold.name, "classifiers": listed(measured), "by_class": counts("label"),
        "by_country": counts("country"), "fides": {"source": slice_note, "classifiers": listed(on_slice)},
        "never_allowed": list(wrong), "gate": dict(zip(("recall", "hard_negative_fpr"), GATES[args.mode], strict=True)),
        "passed": passed,
    }  # fmt: skip


def _show_mistakes(rows: Sequence[dict[str, Any]], answers: Sequence[Answer]) -> None:
    from lampkeeper.design.classify.lines import classify_rows

    body = [
        [
            "missed" if r["tier"] == "must" else "false",
            r["label"],
            f"{r.get('db')}.{r.get('table')}.{r['column']}",
            a.label,
            "; ".join(full["evidence"]),
        ]
        for r, a, full in zip(rows, answers, classify_rows(rows), strict=True)
        if (r["tier"] == "must" and not a.flagged) or (r["tier"] == "none" and a.flagged)
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
    parser.add_argument("--fides", type=Path, help="a folder of Fides datasets (data/saas/dataset of ethyca/fides)")
    parser.add_argument("--no-peers", action="store_true", help="measure Lampkeeper alone")
    parser.add_argument("--mistakes", action="store_true", help="print every miss and false hit with its evidence")
    parser.add_argument("--json", action="store_true", help="print one JSON document instead of tables")
    return run(parser.parse_args())


if __name__ == "__main__":
    sys.exit(main())
