"""Column lineage from its two sources, with aggregates told apart: edges that the platform recorded, and models of dbt."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from lampkeeper.design.classify.query_sources import Parts, Schema, Sources, figures_alone, schema_of, trace_query
from lampkeeper.model.findings import Finding, Severity
from lampkeeper.model.lineage import Derivation, LineageOrigin
from lampkeeper.model.names import ColumnName, TableName
from lampkeeper.model.schema import Snapshot


class Model(Protocol):
    """A query that makes a table: its name for people, the table, the text, and the tables that it reads."""

    @property
    def unique_id(self) -> str:
        """Return the name for people."""
        ...

    @property
    def relation(self) -> TableName:
        """Return the table."""
        ...

    @property
    def query(self) -> str:
        """Return the text; empty if it is not known."""
        ...

    @property
    def reads(self) -> Sequence[TableName]:
        """Return the tables that it reads."""
        ...


class Edge(Protocol):
    """A column that a statement wrote from another."""

    @property
    def source(self) -> ColumnName:
        """Return the column that was read."""
        ...

    @property
    def target(self) -> ColumnName:
        """Return the column that was written."""
        ...

    @property
    def statement_id(self) -> str:
        """Return the statement; empty if it is not known."""
        ...


def recorded_derivations(snapshot: Snapshot, edges: Iterable[Edge], texts: Mapping[str, str]) -> tuple[Derivation, ...]:
    """Return the platform's edges. One counts as aggregated only if the text of its last statement shows that.

    A statement is traced once for each table that it writes.
    """
    known = tuple(edges)
    schema = schema_of(snapshot, {e.source for e in known if e.statement_id in texts})
    traced: dict[tuple[str, TableName], Mapping[str, Sources] | None] = {}
    found = set()
    for edge in known:
        text, table = texts.get(edge.statement_id, ""), edge.target.table
        if text and (text, table) not in traced:
            written = next((t for n, t in snapshot.index.items() if n.plain.casefold() == table.plain.casefold()), None)
            traced[text, table] = trace_query(text, schema, [c.name for c in written.columns] if written is not None else ())
        figures = bool(text) and figures_alone(traced[text, table], edge.source, edge.target)
        found.add(Derivation(source=edge.source, target=edge.target, aggregated=figures, origin=LineageOrigin.PLATFORM))
    return tuple(sorted(found))


def model_derivations(snapshot: Snapshot, models: Iterable[Model]) -> tuple[tuple[Derivation, ...], tuple[Finding, ...]]:
    """Return the derivations of dbt's models, and a finding for each model whose query cannot be traced.

    Of such a model a column derives from the columns of the same name in the tables that it reads.
    """
    schema = schema_of(snapshot)
    columns = {t.name.plain.casefold(): tuple(c.name for c in t.columns) for t in snapshot.tables}
    found: set[Derivation] = set()
    findings = []
    for model in _in_order(models):
        traced = trace_query(model.query, schema) if model.query else None
        if traced is None:
            found |= _by_name(model, columns)
            findings.append(_untraced(model))
            continue
        _learn(schema, columns, model.relation, tuple(traced))
        for name, sources in traced.items():
            found |= _derived(model, name, sources)
            if not sources.whole:
                found |= {d for d in _by_name(model, columns) if d.target.column.lower() == name}
    return tuple(sorted(found)), tuple(findings)


def _derived(model: Model, name: str, sources: Sources) -> set[Derivation]:
    target = ColumnName(model.relation, name)
    pairs = [(each, False) for each in sources.values] + [(each, True) for each in sources.figures - sources.values]
    return {
        Derivation(source=ColumnName(table, column), target=target, aggregated=figure, origin=LineageOrigin.DBT)
        for (parts, column), figure in pairs
        for table in _tables(parts, model.reads)
    }


def _tables(parts: Parts, reads: Sequence[TableName]) -> list[TableName]:
    named = [t for t in reads if tuple(p.lower() for p in t.parts[-len(parts) :]) == parts]
    return named or ([TableName(*parts)] if len(parts) == 3 else [])


def _by_name(model: Model, columns: Mapping[str, tuple[str, ...]]) -> set[Derivation]:
    own = {c.lower(): c for c in columns.get(model.relation.plain.casefold(), ())}
    return {
        Derivation(source=ColumnName(t, c), target=ColumnName(model.relation, own[c.lower()]), origin=LineageOrigin.DBT)
        for t in model.reads
        for c in columns.get(t.plain.casefold(), ())
        if c.lower() in own
    }


def _learn(schema: Schema, columns: dict[str, tuple[str, ...]], table: TableName, names: tuple[str, ...]) -> None:
    """Add the columns of a model that is not in the snapshot, so that a model above it can say `*`."""
    catalog, home, name = (p.lower() for p in table.parts)
    known = schema.setdefault(catalog, {}).setdefault(home, {}).setdefault(name, {})
    for each in names:
        known.setdefault(each, "STRING")
    columns.setdefault(table.plain.casefold(), names)


def _in_order(models: Iterable[Model]) -> list[Model]:
    """Return the models with those first that others read; a cycle is kept in the order of names."""
    waiting = {m.relation: m for m in sorted(models, key=lambda m: m.relation)}
    done: list[Model] = []
    while waiting:
        ready = [m for m in waiting.values() if not any(t in waiting and t != m.relation for t in m.reads)]
        done.extend(waiting.pop(m.relation) for m in ready or list(waiting.values())[:1])
    return done


def _untraced(model: Model) -> Finding:
    why = "its query cannot be traced" if model.query else "the manifest has no compiled query of it"
    return Finding(
        code="lineage/untraced", severity=Severity.WARNING, location=str(model.relation),
        message=f"{why}: its columns inherit from columns of the same name alone",
        fix="give the manifest.json that `dbt compile` writes, or decide with `labels set`",
    )  # fmt: skip
