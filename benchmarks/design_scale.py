"""Measures the design of a governed space offline: labels, synthesis and checks of 1,000 to 20,000 columns.

`python benchmarks/design_scale.py [COLUMNS …]` prints seconds by step, the exponent of time over size, and peak memory.
"""

from __future__ import annotations

import math
import resource
import sys
import time
from collections.abc import Sequence

from lampkeeper.design.classify.offline import classify
from lampkeeper.design.genie.spaces import SpaceRequest
from lampkeeper.design.rules.check import check
from lampkeeper.design.synthesis.groups import minimal_groups
from lampkeeper.design.synthesis.synthesize import SynthesisRequest, synthesize
from lampkeeper.model.names import TableName
from lampkeeper.model.schema import Column, Snapshot, Table

COLUMNS_PER_TABLE = 20
SIZES = (1_000, 5_000, 20_000)
_SUBJECTS = ("customers", "orders", "patients", "visits", "employees", "payslips", "cards", "devices", "invoices", "products")
_COLUMNS = (
    ("customer_id", "BIGINT"), ("first_name", "STRING"), ("last_name", "STRING"), ("email", "STRING"), ("mobile_no", "STRING"),
    ("date_of_birth", "DATE"), ("passport_number", "STRING"), ("billing_address", "STRING"), ("postal_code", "STRING"),
    ("card_number", "STRING"), ("balance", "DECIMAL(18,2)"), ("diagnosis_code", "STRING"), ("ip_address", "STRING"),
    ("status", "STRING"), ("created_at", "TIMESTAMP"), ("quantity", "INT"), ("is_active", "BOOLEAN"), ("currency_code", "STRING"),
    ("notes", "STRING"), ("warehouse_location_code", "STRING"),
)  # fmt: skip


def make_snapshot(columns: int) -> Snapshot:
    """Return tables of 20 columns over two catalogs; names vary by number so that nothing is answered from a cache alone."""
    tables = []
    for number in range(math.ceil(columns / COLUMNS_PER_TABLE)):
        subject = _SUBJECTS[number % len(_SUBJECTS)]
        name = TableName(f"scale_{number % 2}", f"schema_{number % 10}", f"{subject}_{number}")
        made = tuple(Column(name=f"{c}_{number % 97}", type=t) for c, t in _COLUMNS)
        tables.append(Table(name=name, columns=made))
    return Snapshot(tables=tuple(tables))


def measure(columns: int) -> tuple[float, float, float, int]:
    """Return the seconds of classify, synthesize and check, and the number of findings."""
    snapshot = make_snapshot(columns)
    space = SpaceRequest(name="scale", tables=tuple(t.name for t in snapshot.tables[:10]))
    marks = [time.perf_counter()]
    labels = classify(snapshot)
    marks.append(time.perf_counter())
    made = synthesize(SynthesisRequest(snapshot=snapshot, labels=labels, groups=minimal_groups(), spaces=(space,)))
    marks.append(time.perf_counter())
    findings = [f for f in (*made.findings, *check(made.desired, snapshot)) if f.severity == "error"]
    marks.append(time.perf_counter())
    return marks[1] - marks[0], marks[2] - marks[1], marks[3] - marks[2], len(findings)


def main(sizes: Sequence[int]) -> int:
    """Print the table; exit 1 when a size has error findings."""
    measure(COLUMNS_PER_TABLE * 2)  # loads the data files
    print(f"{'columns':>8} {'classify s':>11} {'synthesize s':>13} {'check s':>8} {'total s':>8} {'errors':>7}")
    totals: list[tuple[int, float]] = []
    failed = False
    for size in sizes:
        classified, synthesized, checked, errors = measure(size)
        total = classified + synthesized + checked
        totals.append((size, total))
        failed = failed or errors > 0
        print(f"{size:>8} {classified:>11.2f} {synthesized:>13.2f} {checked:>8.2f} {total:>8.2f} {errors:>7}")
    if len(totals) > 1:
        (small, first), (large, last) = totals[0], totals[-1]
        print(f"exponent of time over columns: {math.log(last / first) / math.log(large / small):.2f}")
    print(f"peak memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main([int(a) for a in sys.argv[1:]] or SIZES))
