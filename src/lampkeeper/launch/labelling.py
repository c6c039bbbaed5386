"""Labels from every source, and the steps that fill the sources: a model, the warehouse's counts, the platform's findings."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from lampkeeper.design.merge import disagreements, merge_labels
from lampkeeper.design.offline import classify
from lampkeeper.design.overlay import Overlay
from lampkeeper.design.platform_labels import Detection, label_detections
from lampkeeper.design.profiles import Profile
from lampkeeper.design.profiles_sql import ValueCounts, profile_counts, profile_query, read_counts
from lampkeeper.design.strictness import looser_in
from lampkeeper.files.decisions import decisions_path, read_decisions
from lampkeeper.files.folder import EnvFolder
from lampkeeper.files.label_sources import Counted, SourceFiles
from lampkeeper.files.text import write_text
from lampkeeper.launch.model_labels import Asking, ModelRun, ask_tables, recall
from lampkeeper.model.errors import RemoteError
from lampkeeper.model.findings import Finding, Severity, sort_findings
from lampkeeper.model.labels import Label
from lampkeeper.model.names import ColumnName
from lampkeeper.model.schema import Snapshot, Table
from lampkeeper.remote.clients import Workspace
from lampkeeper.remote.data_classification import read_classification
from lampkeeper.remote.warehouse import run_sql

if TYPE_CHECKING:
    from lampkeeper.remote.llm_client import Model

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """What each source says of the columns of a snapshot."""

    offline: tuple[Label, ...]
    platform: tuple[Label, ...] = ()
    model: tuple[Label, ...] = ()
    stewards: tuple[Label, ...] = ()
    findings: tuple[Finding, ...] = ()

    @property
    def all(self) -> tuple[tuple[Label, ...], ...]:
        """Return the sources, the least trusted first."""
        return (self.offline, self.platform, self.model, self.stewards)

    def merged(self, snapshot: Snapshot, overlay: Overlay | None = None, *, settle: bool = False) -> tuple[Label, ...]:
        """Return one label a column, in the snapshot's order; `settle` lets a model or the platform settle the undecided."""
        looser = looser_in(snapshot, overlay, settle=settle)
        found = {x.column: x for x in merge_labels(*self.all, looser=looser)}
        return tuple(found[c] for c, _ in snapshot.columns())


def source_files(folder: EnvFolder) -> SourceFiles:
    """Return the files in which an environment keeps what sources said."""
    return SourceFiles(folder.generated_path / "sources")


def read_sources(folder: EnvFolder, snapshot: Snapshot, overlay: Overlay | None = None) -> Sources:
    """Return what every source says of the snapshot's columns, from the environment's files alone."""
    files = source_files(folder)
    known = {c for c, _ in snapshot.columns()}
    decisions = read_decisions(decisions_path(folder.path))
    stewards = tuple(d.as_label() for d in decisions if d.column in known)
    gone = tuple(
        Finding(
            code="labels/column_gone", severity=Severity.INFO, place=str(d.column),
            message=f"{d.by} decided on a column that is not in the snapshot", fix="remove the decision when the column is gone",
        )
        for d in decisions
        if d.column not in known
    )  # fmt: skip
    return Sources(
        offline=classify(snapshot, overlay=overlay, profiles=_profiles(snapshot, files)),
        platform=tuple(x for x in files.platform() if x.column in known),
        model=recall(snapshot, files.remembered()),
        stewards=stewards,
        findings=sort_findings([*disagreements(stewards), *gone]),
    )


def ask_model(
    folder: EnvFolder, snapshot: Snapshot, model: Model, asking: Asking, now: datetime, progress: Progress | None = None
) -> ModelRun:
    """Ask a model about what it has not been asked yet; keep every whole answer, leave a record of the run."""
    files = source_files(folder)
    remembered = dict(files.remembered())

    def keep(answers: Any) -> None:
        if answers:
            remembered.update({a.table: a for a in answers})
            files.remember(remembered.values())

    run = ask_tables(snapshot, model, files.remembered(), asking, keep=keep, progress=progress)
    write_record(folder, snapshot, run, now)
    return run


def write_record(folder: EnvFolder, snapshot: Snapshot, run: ModelRun, now: datetime) -> None:
    """Write generated/runs/<time>-<hash>.json: prompt hashes, model, tokens, cost, and where the model's word differed."""
    given = {x.column: x for x in run.labels}
    rules = {x.column: x for x in classify(snapshot)}
    differ = [
        {"column": str(c), "rules": f"{rules[c].label} ({rules[c].protect})", "model": f"{x.label} ({x.protect})"}
        for c, x in given.items()
        if c in rules and (rules[c].label, rules[c].protect) != (x.label, x.protect)
    ]
    tokens = run.tokens
    document = {
        "at": now.strftime("%Y-%m-%dT%H:%M:%SZ"), "model": run.model, "exit_code": run.exit_code,
        "input_tokens": tokens[0], "output_tokens": tokens[1], "cost_usd": run.asking.cost(*tokens),
        "prompts": hashlib.sha256("".join(t.digest for t in run.tables).encode()).hexdigest(),
        "decisions": differ, "tables": [t.as_dict() for t in run.tables],
    }  # fmt: skip
    text = json.dumps(document, indent=1) + "\n"
    stamp = now.strftime("%Y%m%dT%H%M%SZ")
    write_text(folder.generated_path / "runs" / f"{stamp}-{hashlib.sha256(text.encode()).hexdigest()[:8]}.json", text)


def count_values(
    folder: EnvFolder, snapshot: Snapshot, workspace: Workspace, progress: Progress | None = None
) -> tuple[Finding, ...]:
    """Let the warehouse count what the values look like, one query a table; keep the counts. No value leaves it."""
    found, findings, refused = [], [], 0
    for number, table in enumerate(snapshot.tables, start=1):
        query = profile_query(table)
        if query is not None:
            try:
                rows = run_sql(workspace, query.sql, kind="profile").dicts()
            except RemoteError as error:
                refused += 1
                findings.append(
                    Finding(
                        code="profile/unread", severity=Severity.WARNING, place=str(table.name),
                        message=f"its rows cannot be looked at ({error.code}): names and types alone decide",
                        fix="let whoever generates read the table, or leave out --profile-values",
                    )
                )  # fmt: skip
            else:
                counts = {name: _document(c) for name, c in read_counts(query, rows).items()}
                found.append(Counted(table=table.name, digest=_shape(table), columns=counts))
        if progress is not None:
            progress(str(table.name), number, len(snapshot.tables))
    files = source_files(folder)
    files.count((files.counted() | {c.table: c for c in found}).values())
    if refused and not found:
        findings.append(
            Finding(
                code="profile/nothing", severity=Severity.ERROR, place=folder.env,
                message="no table's rows could be looked at: --profile-values has added nothing",
                fix="give the right to read the tables, or leave out --profile-values",
            )
        )  # fmt: skip
    return sort_findings(findings)


def read_platform(folder: EnvFolder, snapshot: Snapshot, workspace: Workspace) -> bool:
    """Read the platform's own classification and keep it; say whether the workspace has one."""
    rows = read_classification(workspace, {t.name.catalog for t in snapshot.tables})
    detections = [
        Detection(column=r.column, class_tag=r.class_tag, high=r.confidence == "HIGH", frequency=r.frequency) for r in rows or ()
    ]
    labels = label_detections(snapshot, detections)
    files = source_files(folder)
    if labels or files.platform():
        files.write_platform(labels)
    return rows is not None


def _profiles(snapshot: Snapshot, files: SourceFiles) -> dict[ColumnName, Profile]:
    counted = files.counted()
    found = {}
    for table in snapshot.tables:
        known = counted.get(table.name)
        if known is None or known.digest != _shape(table):
            continue
        for column in table.columns:
            if column.name in known.columns:
                profile = profile_counts(_counts(known.columns[column.name]), column.type)
                if profile is not None:
                    found[ColumnName(table.name, column.name)] = profile
    return found


def _shape(table: Table) -> str:
    """Return the fingerprint of a table's names and types: its counts hold as long as it stays."""
    return hashlib.sha256(json.dumps([[c.name, c.type] for c in table.columns]).encode()).hexdigest()


def _document(counts: ValueCounts) -> dict[str, Any]:
    return {"filled": counts.filled, "distinct": counts.distinct, "passed": dict(counts.passed), "wide_span": counts.wide_span}


def _counts(document: Mapping[str, Any]) -> ValueCounts:
    return ValueCounts(
        filled=int(document["filled"]), distinct=int(document["distinct"]),
        passed={str(k): int(v) for k, v in document["passed"].items()}, wide_span=bool(document["wide_span"]),
    )  # fmt: skip
