"""The content of the notebooks: rows and small charts from an environment's files and its history tables.

Each function serves one page: it takes the folder of the environments and the name of one, and returns rows or a chart.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lampkeeper.app.access import access_of
from lampkeeper.app.inputs import EnvInputs
from lampkeeper.deploy.approvals import Files, plan_hash
from lampkeeper.deploy.plan import Plan
from lampkeeper.deploy.printed_plan import plan_lines
from lampkeeper.deploy.shared import SharedEnvs
from lampkeeper.files.folder import EnvFolder
from lampkeeper.files.local_files import LocalFiles
from lampkeeper.html import render
from lampkeeper.model.auth import Auth
from lampkeeper.model.effective import compute_matrix, standard_principals
from lampkeeper.model.errors import RemoteError, UsageError
from lampkeeper.model.labels import Protect, count_labels, counted_words
from lampkeeper.remote.clients import connect
from lampkeeper.remote.volumes import ROOT, VolumeFolder

Row = dict[str, str]

_NEWEST = "SELECT * FROM IDENTIFIER(:t) WHERE env = :env ORDER BY recorded_at DESC LIMIT 50"
_SUMS = {"verifications": ("mismatches", "cells"), "drift": ("forward", "reverse")}
_ERROR_CLASS = re.compile(r"\[([A-Z][A-Z0-9_]*(?:\.[A-Z0-9_]+)*)\]")
_NOT_THERE = frozenset({"TABLE_OR_VIEW_NOT_FOUND", "SCHEMA_NOT_FOUND", "NO_SUCH_CATALOG_EXCEPTION"})
_HASH = re.compile(r"[0-9a-f]{64}")
_WIDEST = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """Rows of a table, the order of its columns, and a summary line."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    summary: str

    def html(self, most: int = 500) -> str:
        """Return the table as HTML; every name is escaped."""
        return render("table.html", title=self.title, summary=self.summary, columns=self.columns, rows=self.rows, most=most)

    def text(self, most: int = 50) -> str:
        """Return the table as text for a terminal: the title, the summary, the first rows."""
        lines = [plain(self.title), plain(self.summary)]
        if self.rows:
            shown = [
                tuple(map(_cut, self.columns)),
                *(tuple(_cut(row.get(c, "")) for c in self.columns) for row in self.rows[:most]),
            ]
            widths = [max(len(row[at]) for row in shown) for at in range(len(self.columns))]
            lines += ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in shown]
        if len(self.rows) > most:
            lines.append(f"and {len(self.rows) - most} more")
        return "\n".join(lines)


def plain(text: str) -> str:
    """Return one line of text without control characters: names from a catalog may be hostile."""
    return "".join(c if c.isprintable() else " " for c in text)


def _cut(text: str) -> str:
    shown = plain(text)
    return shown if len(shown) <= _WIDEST else shown[: _WIDEST - 1] + "…"


def bars(title: str, counts: Mapping[str, int]) -> str:
    """Return a bar chart as SVG."""
    return render("bars.html", title=title, counts=counts, top=max([*counts.values(), 1]))


@contextmanager
def environment(envs: str, env: str) -> Iterator[tuple[EnvFolder, Files]]:
    """Provide an environment's files for reading, from a local folder or a volume; its path ends in `envs`."""
    if envs.startswith(ROOT):
        volume = VolumeFolder(connect(Auth()), envs)
        with tempfile.TemporaryDirectory(prefix="lampkeeper-") as folder:
            SharedEnvs(volume=volume, root=Path(folder), env=env).fetch()
            yield EnvFolder.existing(Path(folder), env), volume
        return
    path = Path(envs)
    if path.name != "envs":
        raise UsageError(f"{envs}: the folder of the environments must be named envs", fix="give …/envs")
    yield EnvFolder.existing(path.parent, env), LocalFiles(path)


def quickstart(envs: str, env: str) -> Shown:
    """Return the progress of an environment: snapshot, labels, applied layers."""
    with environment(envs, env) as (folder, _):
        inputs = EnvInputs(folder)
        taken, states = inputs.snapshot, inputs.states
        labels = count_labels(inputs.labels) if folder.labels_path.is_file() else {}
        rows = [
            {"step": "snapshot", "state": f"{len(taken.tables)} tables, {taken.taken_at}" if taken else "run the job governance"},
            {"step": "labels", "state": ", ".join(counted_words(labels)) or "run the job governance"},
        ]
        rows += [
            {"step": f"layer {layer}", "state": f"{len(s.objects)} objects, serial {s.serial}"}
            for layer, s in states.layers.items()
        ]
    return Shown(title=f"Environment {env}", columns=("step", "state"), rows=tuple(rows), summary=f"files in {envs}/{env}")


def who_sees_what(envs: str, env: str, table: str = "") -> Shown:
    """Return principal × column (raw, masked by which function, hidden) for the tables whose name contains `table`."""
    with environment(envs, env) as (folder, _):
        access = access_of(EnvInputs(folder))
        matrix = compute_matrix(access, standard_principals(access))
    wanted = table.casefold()
    columns = dict.fromkeys(c for _, c in matrix.cells if wanted in str(c.table).casefold())
    rows = [
        {"table": str(c.table), "column": c.column} | {p: str(matrix.cells[(p, c)]) for p in matrix.principals}
        for c in sorted(columns)
    ]
    masked = sum(any(row[p].startswith("masked") for p in matrix.principals) for row in rows)
    return Shown(
        title=f"Who sees what in {env}", columns=("table", "column", *matrix.principals), rows=tuple(rows),
        summary=f"{len(rows)} columns, {masked} masked for at least one principal",
    )  # fmt: skip


def labels_with_evidence(envs: str, env: str, only: str = "") -> Shown:
    """Return the labels with their evidence; `only` is `yes`, `no`, `undecided`, or empty for all."""
    with environment(envs, env) as (folder, _):
        if not folder.labels_path.is_file():
            raise UsageError(
                f"nothing is labelled in {env!r} yet", fix=f"run the job governance, or lampkeeper generate --env {env}"
            )
        labels = folder.labels()
    wanted = Protect(only) if only else None
    rows = [
        {
            "column": str(x.column), "label": f"{x.label}/{x.subtype}" if x.subtype else str(x.label), "protect": str(x.protect),
            "confidence": f"{x.confidence:.2f}", "evidence": "; ".join(x.evidence),
        }
        for x in labels
        if wanted is None or x.protect is wanted
    ]  # fmt: skip
    counts = count_labels(labels)
    return Shown(
        title=f"Labels of {env}", columns=("column", "label", "protect", "confidence", "evidence"), rows=tuple(rows),
        summary=", ".join(counted_words(counts)),
    )  # fmt: skip


def review_plan(envs: str, env: str, hash_: str = "") -> Shown:
    """Return the lines that `approve` shows of a proposed plan, then each changed cell; without a hash, of the newest plan."""
    hash_ = hash_ or newest_plan(envs, env)
    if not _HASH.fullmatch(hash_):
        raise UsageError(f"{hash_!r} is not the hash of a plan", fix="take the one that the job propose prints")
    with environment(envs, env) as (_, files):
        raw = files.read(f"{env}/plans/{hash_}.json")
    if raw is None:
        raise UsageError(f"no plan {hash_!r} was proposed for {env!r}", fix="run the job propose, and take the hash it prints")
    plan = Plan.from_json(raw.decode())
    if plan_hash(plan) != hash_:
        raise UsageError(f"the plan {hash_[:12]}… was changed after it was proposed", fix="propose it again")
    rows = [{"what": str(line.tone), "change": line.text} for line in plan_lines(plan)]
    rows += [
        {"what": what, "change": str(c)}
        for what, changes in (
            ("widens access", plan.widening),
            ("first access", plan.first_access),
            ("narrows access", plan.narrowing),
        )
        for c in changes
    ]
    effect = f"widened {len(plan.widening)}, first access {len(plan.first_access)}, narrowed {len(plan.narrowing)}"
    summary = f"{plan.writes} writes; cells: {effect}"
    return Shown(title=f"Plan {hash_[:12]} of {env}", columns=("what", "change"), rows=tuple(rows), summary=summary)


def newest_plan(envs: str, env: str) -> str:
    """Return the hash of the plan that was proposed last; raise UsageError if there is none."""
    with environment(envs, env) as (_, files):
        found: list[tuple[str, str]] = []
        if isinstance(files, VolumeFolder | LocalFiles):
            for name in files.names(f"{env}/plans"):
                raw = files.read(name) if name.endswith(".proposal.json") else None
                if raw is not None:
                    record = json.loads(raw)
                    found.append((str(record["at"]), str(record["plan_hash"])))
    if not found:
        raise UsageError(f"no plan was proposed for {env!r} yet", fix="run the job propose")
    return max(found)[1]


def history(spark: Any, schema: str, table: str, env: str) -> Shown:
    """Return the rows of a history table, newest first; a table that does not exist yet becomes a summary without rows."""
    name = f"{schema}.{table}"
    title = f"{table.capitalize()} of {env}"
    try:
        found = spark.sql(_NEWEST, {"t": name, "env": env}).collect()
    except Exception as error:
        # Each kind of Spark (classic, Connect, local tasks) has its own exceptions; all messages start with the error class.
        problem = _ERROR_CLASS.search(str(error))
        if problem is None:
            raise
        if problem.group(1) in _NOT_THERE:
            return Shown(
                title=title, columns=(), rows=(), summary=f"nothing recorded yet: {name} does not exist or is hidden from you"
            )
        raise RemoteError(
            f"{name} cannot be read: {str(error).splitlines()[0][:300]}", code=problem.group(1),
            fix=f"ask for SELECT on {name}, with USE SCHEMA and USE CATALOG above it",
        ) from None  # fmt: skip
    rows = tuple({k: "" if v is None else str(v) for k, v in row.asDict().items()} for row in found)
    if not rows:
        return Shown(title=title, columns=(), rows=(), summary=f"nothing recorded yet for {env}")
    last = ", ".join(f"{rows[0][column]} {column}" for column in _SUMS[table])
    return Shown(title=title, columns=tuple(rows[0]), rows=rows, summary=f"{len(rows)} rows; last: {last}")


def certification(evidence: str) -> Shown:
    """Return the results of the last run of partnercert that block the certification or wait for a person."""
    result = json.loads(_evidence(evidence, "report.json"))
    parts = (("blocks the certification", result["blocking"]), ("waits for a person", result["waiting"]))
    rows = tuple({"what": what, "cases": ", ".join(map(str, cases)) or "nothing"} for what, cases in parts)
    return Shown(title="Certification", columns=("what", "cases"), rows=rows, summary=str(result["summary"]))


def certification_report(evidence: str) -> str:
    """Return the report of the last run of partnercert as HTML."""
    return _evidence(evidence, "report.html").decode()


def _evidence(folder: str, name: str) -> bytes:
    files: Files = VolumeFolder(connect(Auth()), folder) if folder.startswith(ROOT) else LocalFiles(Path(folder))
    found = files.read(name)
    if found is None:
        raise UsageError(f"no report in {folder}", fix="run the job partner_connect first, or name another folder")
    return found
