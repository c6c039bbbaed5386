"""A desired state, a snapshot and labels under the catalog names of another environment."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from lampkeeper.design.promotion.renaming import CatalogRenaming, Schemas
from lampkeeper.design.promotion.sql_places import referenced_catalogs
from lampkeeper.model.desired import Desired
from lampkeeper.model.errors import UsageError
from lampkeeper.model.genie import ColumnConfig, ExampleQuery, GenieSpace, Join, Snippet
from lampkeeper.model.labels import Label
from lampkeeper.model.masks import Function, FunctionExample
from lampkeeper.model.names import ColumnName, FunctionName, TableName, split_name
from lampkeeper.model.policies import Argument, Grant, Policy, SecurableType
from lampkeeper.model.schema import Snapshot, Table
from lampkeeper.model.tags import TagAssignment
from lampkeeper.text.sql_lexer import scan_sql


def renamed_table(renaming: CatalogRenaming, name: TableName) -> TableName:
    """Return a table's name at the destination."""
    return replace(name, catalog=renaming.name(name.catalog))


def renamed_column(renaming: CatalogRenaming, name: ColumnName) -> ColumnName:
    """Return a column's name at the destination."""
    return replace(name, table=renamed_table(renaming, name.table))


def renamed_desired(renaming: CatalogRenaming, desired: Desired, place: str) -> Desired:
    """Return the desired state at the destination; `place` is the file that holds it. Groups, tags and names of policies stay."""
    kept = (
        *(g.name for g in desired.groups), *(t.key for t in desired.tag_policies), *(p.name for p in desired.policies),
        *(v for t in desired.tag_policies for v in t.values), *(w.name for w in desired.warehouses),
        *(str(c) for p in desired.policies for c in p.conditions),
    )  # fmt: skip
    for text in kept:
        renaming.kept(text, place)
    return replace(
        desired,
        groups=tuple(replace(g, description=renaming.prose(g.description, place)) for g in desired.groups),
        tag_policies=tuple(replace(t, description=renaming.prose(t.description, place)) for t in desired.tag_policies),
        schemas=tuple((renaming.name(catalog), schema) for catalog, schema in desired.schemas),
        functions=tuple(renamed_function(renaming, f, place) for f in desired.functions),
        tag_assignments=tuple(_assignment(renaming, a, place) for a in desired.tag_assignments),
        policies=tuple(_policy(renaming, p, place) for p in desired.policies),
        grants=tuple(_grant(renaming, g) for g in desired.grants),
        spaces=tuple(renamed_space(renaming, s, place) for s in desired.spaces),
        tables=tuple(renamed_table(renaming, t) for t in desired.tables),
    )


def renamed_function(renaming: CatalogRenaming, function: Function, place: str) -> Function:
    """Return a function at the destination, with its body and its examples."""
    return replace(
        function,
        name=replace(function.name, catalog=renaming.name(function.name.catalog)),
        body=renaming.sql(function.body, place),
        comment=renaming.prose(function.comment, place),
        examples=tuple(
            FunctionExample(arguments=tuple(renaming.sql(a, place) for a in e.arguments), returns=renaming.sql(e.returns, place))
            for e in function.examples
        ),
    )


def _assignment(renaming: CatalogRenaming, assignment: TagAssignment, place: str) -> TagAssignment:
    renaming.kept(assignment.key, place)
    renaming.kept(assignment.value, place)
    return replace(assignment, entity_name=renaming.dotted(assignment.entity_name, place))


def _securable(renaming: CatalogRenaming, kind: SecurableType, parts: tuple[str, ...]) -> tuple[str, ...]:
    return parts if kind is SecurableType.METASTORE else renaming.parts(parts)


def _policy(renaming: CatalogRenaming, policy: Policy, place: str) -> Policy:
    function = policy.function
    return replace(
        policy,
        securable=_securable(renaming, policy.securable_type, policy.securable),
        function=FunctionName(renaming.name(function.catalog), function.schema, function.function),
        using=tuple(a if a.constant is None else Argument(constant=renaming.sql(a.constant, place)) for a in policy.using),
        comment=renaming.prose(policy.comment, place),
    )


def _grant(renaming: CatalogRenaming, grant: Grant) -> Grant:
    return replace(grant, securable=_securable(renaming, grant.securable_type, grant.securable))


def renamed_space(renaming: CatalogRenaming, space: GenieSpace, place: str) -> GenieSpace:
    """Return a space with its texts and its SQL at the destination."""

    def prose(text: str) -> str:
        return renaming.prose(text, place)

    def each(texts: Iterable[str]) -> tuple[str, ...]:
        return tuple(prose(t) for t in texts)

    def snippet(snippet: Snippet) -> Snippet:
        return replace(
            snippet, sql=renaming.sql(snippet.sql, place), display_name=prose(snippet.display_name),
            comment=prose(snippet.comment), instruction=prose(snippet.instruction), synonyms=each(snippet.synonyms),
        )  # fmt: skip

    def join(join: Join) -> Join:
        return replace(
            join, left_table=renaming.dotted(join.left_table, place), right_table=renaming.dotted(join.right_table, place),
            sql=renaming.sql(join.sql, place, (join.left_alias, join.right_alias)), comment=prose(join.comment),
            instruction=prose(join.instruction),
        )  # fmt: skip

    def example(example: ExampleQuery) -> ExampleQuery:
        parameters = tuple(
            replace(p, description=prose(p.description), default=renaming.kept(p.default, place)) for p in example.parameters
        )
        return replace(
            example, question=prose(example.question), sql=renaming.sql(example.sql, place), guidance=prose(example.guidance),
            parameters=parameters,
        )  # fmt: skip

    def column(config: ColumnConfig) -> ColumnConfig:
        return replace(
            config, table=renaming.dotted(config.table, place), description=prose(config.description),
            synonyms=each(config.synonyms),
        )  # fmt: skip

    return replace(
        space, name=prose(space.name), title=prose(space.title), description=prose(space.description),
        instructions=prose(space.instructions), tables=tuple(renamed_table(renaming, t) for t in space.tables),
        sample_questions=each(space.sample_questions),
        benchmarks=tuple(
            replace(b, question=prose(b.question), sql=renaming.sql(b.sql, place)) for b in space.benchmarks
        ),
        filters=tuple(map(snippet, space.filters)), expressions=tuple(map(snippet, space.expressions)),
        measures=tuple(map(snippet, space.measures)), joins=tuple(map(join, space.joins)),
        examples=tuple(map(example, space.examples)), columns=tuple(map(column, space.columns)),
        functions=tuple(renaming.dotted(f, place) for f in space.functions),
    )  # fmt: skip


def renamed_snapshot(renaming: CatalogRenaming, snapshot: Snapshot, place: str) -> Snapshot:
    """Return a snapshot at the destination."""

    def table(table: Table) -> Table:
        return replace(
            table, name=renamed_table(renaming, table.name), comment=renaming.prose(table.comment, place),
            columns=tuple(replace(c, comment=renaming.prose(c.comment, place)) for c in table.columns),
        )  # fmt: skip

    return replace(
        snapshot, tables=tuple(map(table, snapshot.tables)),
        tags=tuple(_assignment(renaming, t, place) for t in snapshot.tags),
        functions=tuple(renamed_function(renaming, f, place) for f in snapshot.functions),
    )  # fmt: skip


def renamed_labels(renaming: CatalogRenaming, labels: Iterable[Label], place: str) -> tuple[Label, ...]:
    """Return labels at the destination, with their evidence."""
    return tuple(
        replace(x, column=renamed_column(renaming, x.column), evidence=tuple(renaming.prose(e, place) for e in x.evidence))
        for x in labels
    )


def catalogs_of(desired: Desired) -> frozenset[str]:
    """Return the catalogs that a desired state names: in its objects, its Genie spaces, and surely in its SQL."""
    found = {c for c, _ in desired.schemas} | {t.catalog for t in desired.tables}
    found |= {f.name.catalog for f in desired.functions} | {p.function.catalog for p in desired.policies}
    found |= {p.securable[0] for p in desired.policies if p.securable_type is not SecurableType.METASTORE and p.securable}
    found |= {g.securable[0] for g in desired.grants if g.securable_type is not SecurableType.METASTORE and g.securable}
    found |= {a.entity_name.partition(".")[0] for a in desired.tag_assignments}
    for space in desired.spaces:
        found |= {t.catalog for t in space.tables}
        found |= {_head(name) for name in _named_by(space)}
    known = schemas_of(desired)
    for text in _sql_of(desired):
        scan = scan_sql(text)
        if scan.error is None:
            found |= set(referenced_catalogs(scan.tokens, known))
    return frozenset(found - {""})


def schemas_of(desired: Desired, snapshot: Snapshot | None = None) -> Schemas:
    """Return the schemas that a desired state and a snapshot name."""
    names = [*desired.tables, *(t for s in desired.spaces for t in s.tables)]
    names += [t.name for t in snapshot.tables] if snapshot is not None else []
    found = {(t.catalog, t.schema) for t in names} | {(f.name.catalog, f.name.schema) for f in desired.functions}
    found |= {*desired.schemas, *((p.securable[0], p.securable[1]) for p in desired.policies if len(p.securable) > 1)}
    return frozenset((catalog.casefold(), schema.casefold()) for catalog, schema in found)


def _named_by(space: GenieSpace) -> Iterator[str]:
    yield from space.functions
    yield from (c.table for c in space.columns)
    for join in space.joins:
        yield from (join.left_table, join.right_table)


def _head(name: str) -> str:
    try:
        parts = split_name(name)
    except UsageError:
        return ""
    return parts[0] if len(parts) == 3 else ""


def _sql_of(desired: Desired) -> Iterator[str]:
    yield from (f.body for f in desired.functions)
    for space in desired.spaces:
        yield from (b.sql for b in space.benchmarks)
        yield from (e.sql for e in space.examples)
        yield from (s.sql for s in (*space.filters, *space.expressions, *space.measures))
        yield from (j.sql for j in space.joins)
