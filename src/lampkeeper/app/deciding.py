"""Decides columns that are undecided by name from their value profiles, with one query per table."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from lampkeeper.app.inputs import EnvInputs
from lampkeeper.app.labelling import read_sources
from lampkeeper.app.progress import Progress
from lampkeeper.app.value_profiling import NO_WAREHOUSE, Looked, ValueProfiling, count_columns
from lampkeeper.design.classify.profiles_sql import is_countable
from lampkeeper.design.knowledge.knowledge import Knowledge
from lampkeeper.model.findings import Finding, Severity, sort_findings
from lampkeeper.model.labels import Label, Protect
from lampkeeper.model.names import ColumnName, TableName
from lampkeeper.model.schema import Snapshot
from lampkeeper.model.tags import EntityType


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """The numbers of columns undecided by name that are now protected, not sensitive (`not_sensitive`) or still undecided.

    `masked`: columns that are masked already and were not profiled; `findings`: tables that could not be read.
    """

    columns: int = 0
    protected: int = 0
    not_sensitive: int = 0
    masked: int = 0
    findings: tuple[Finding, ...] = ()

    @property
    def undecided(self) -> int:
        """Return how many columns stay undecided."""
        return self.columns - self.protected - self.not_sensitive

    def __str__(self) -> str:
        """Return one line for people."""
        rest = f"; {self.masked} are masked already and were not profiled" if self.masked else ""
        return (
            f"values: of {self.columns} columns undecided by name, {self.protected + self.not_sensitive} decided"
            f" ({self.protected} protected, {self.not_sensitive} not sensitive), {self.undecided} undecided{rest}"
        )

    def as_dict(self) -> dict[str, int]:
        """Return the counts."""
        return {
            "columns": self.columns, "protected": self.protected, "not_sensitive": self.not_sensitive,
            "undecided": self.undecided, "masked": self.masked,
        }  # fmt: skip


def masked_columns(inputs: EnvInputs, snapshot: Snapshot, knowledge: Knowledge) -> frozenset[ColumnName]:
    """Return the columns with a tag of lampkeeper: a query of them may return masked values."""
    ours = (*inputs.assigned_tags, *(t for t in snapshot.tags if t.key in knowledge.vocabulary.descriptions))
    return frozenset(ColumnName.parse(t.entity_name) for t in ours if t.entity_type is EntityType.COLUMNS)


def decide_by_values(
    inputs: EnvInputs, snapshot: Snapshot, knowledge: Knowledge, value_profiling: ValueProfiling, progress: Progress | None = None
) -> Decided:
    """Count the values of the columns that stay undecided without them, and say what that settled. What fails leaves them so."""
    before = _undecided(read_sources(inputs, snapshot, knowledge, counted=False).merged(snapshot, knowledge))
    if not before:
        return Decided()
    masked = masked_columns(inputs, snapshot, knowledge)
    wanted: dict[TableName, set[str]] = defaultdict(set)
    for name, column in snapshot.columns():
        if name in before and name not in masked and is_countable(column):
            wanted[name.table].add(name.column)
    looked = count_columns(inputs, snapshot, value_profiling, wanted, progress, knowledge.schemes)
    labels = [x for x in read_sources(inputs, snapshot, knowledge).merged(snapshot, knowledge) if x.column in before]
    return Decided(
        columns=len(before),
        protected=sum(x.protect is Protect.YES for x in labels),
        not_sensitive=sum(x.protect is Protect.NO for x in labels),
        masked=len(before & masked),
        findings=_unread(looked, wanted),
    )


def _undecided(labels: Iterable[Label]) -> frozenset[ColumnName]:
    return frozenset(x.column for x in labels if x.protect is Protect.UNDECIDED)


def _unread(looked: Looked, wanted: dict[TableName, set[str]]) -> tuple[Finding, ...]:
    """Return a finding for each table whose undecided columns stay so because its rows cannot be looked at."""
    return sort_findings(
        Finding(
            code="profile/no_warehouse" if error.code == NO_WAREHOUSE else "profile/undecided",
            severity=Severity.INFO if error.code == NO_WAREHOUSE else Severity.WARNING,
            location=str(table.name),
            message=f"its rows cannot be looked at ({error.code}): still undecided: {', '.join(sorted(wanted[table.name]))}",
            fix="grant SELECT on the table to the principal that runs generate, decide with `labels set`, or generate with"
            " --profile-values none",
        )
        for table, error in looked.failed
    )
