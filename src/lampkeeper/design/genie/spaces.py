"""Genie content from the schema alone: titles, questions, instructions, joins, measures and filters."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from lampkeeper.design.genie.space_functions import proposed_functions
from lampkeeper.design.knowledge.lexicon import load_lexicon
from lampkeeper.design.knowledge.word_lists import word_list
from lampkeeper.model.genie import Benchmark, ColumnConfig, ExampleQuery, GenieSpace, Join, QueryParameter, Snippet
from lampkeeper.model.masks import Function
from lampkeeper.model.names import ColumnName, TableName, show_part
from lampkeeper.model.schema import Column, Table, TypeFamily
from lampkeeper.text.sql_quoting import quote_path

_NUMBERS = frozenset({TypeFamily.DECIMAL, TypeFamily.DOUBLE})
_MAX_SNIPPETS, _MAX_JOINS, _MAX_QUESTIONS, _MAX_COMMENT = 12, 30, 8, 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class SpaceRequest:
    """A space of the settings: its name, tables, and ids if they exist."""

    name: str
    tables: tuple[TableName, ...]
    space_id: str = ""
    warehouse_id: str = ""


def draft_space(
    request: SpaceRequest,
    tables: tuple[Table, ...],
    masked: frozenset[ColumnName],
    table_limit: int,
    functions: tuple[Function, ...] = (),
) -> GenieSpace:
    """Return the space over these tables; its SQL names only existing columns, quoted. Tables past the limit get no content.

    `functions` are those of the catalog; the space may call those that read its tables alone.
    """
    tables = tuple(sorted(tables, key=lambda t: t.name))
    shown = tables[:table_limit]
    subjects = [_subject(t.name) for t in shown]
    return GenieSpace(
        name=request.name,
        title=request.name,
        tables=tuple(t.name for t in tables),
        description=f"Questions about {_listed(subjects)}." if subjects else "No table yet.",
        instructions=_instructions(shown, masked),
        sample_questions=_questions(shown, masked),
        benchmarks=_benchmarks(shown),
        filters=_filters(shown),
        measures=_measures(shown, masked),
        joins=tuple(sorted(_joins(shown)))[:_MAX_JOINS],
        expressions=_expressions(shown, masked),
        examples=_examples(shown, masked),
        functions=proposed_functions(functions, shown, masked),
        columns=_columns(shown, masked),
        space_id=request.space_id,
        warehouse_id=request.warehouse_id,
    )


def _subject(name: TableName) -> str:
    return _words(name.table)


def _words(name: str) -> str:
    """Return a name as words: lower case, one blank between them, nothing that does not print."""
    printable = "".join(c if c.isprintable() else " " for c in name)
    return " ".join(printable.replace("_", " ").split()).lower() or "unnamed"


def _listed(words: list[str]) -> str:
    head, last = words[:-1], words[-1]
    return f"{', '.join(head)} and {last}" if head else last


def _instructions(tables: tuple[Table, ...], masked: frozenset[ColumnName]) -> str:
    lines = ["Answer from the tables of this space only."]
    for table in tables:
        hidden = [c.column for c in table.column_names() if c in masked]
        if hidden:
            lines.append(
                f"In {_subject(table.name)}, these columns are masked for most people: {', '.join(show_part(h) for h in hidden)}."
            )
    if any(masked):
        lines.append("Masked amounts are rounded, so say that totals over them are approximate. Never try to undo a mask.")
    return "\n".join(lines)


def _questions(tables: tuple[Table, ...], masked: frozenset[ColumnName]) -> tuple[str, ...]:
    found = [f"How many rows are in {_subject(t.name)}?" for t in tables]
    for table in tables:
        group = _grouping(table, masked)
        if group is not None:
            found.append(f"How many {_subject(table.name)} are there by {_words(group.name)}?")
        amount = next(iter(_amounts(table)), None)
        if amount is not None:
            found.append(f"What is the total {_words(amount.name)} of {_subject(table.name)}?")
    return tuple(found[-_MAX_QUESTIONS:] if len(found) > _MAX_QUESTIONS else found)


def _grouping(table: Table, masked: frozenset[ColumnName]) -> Column | None:
    wanted = word_list("groupings")
    lexicon = load_lexicon()
    for name, column in zip(table.column_names(), table.columns, strict=True):
        if column.family is TypeFamily.STRING and name not in masked and wanted & set(lexicon.tokenize(column.name)[-1:]):
            return column
    return None


def _amounts(table: Table) -> Iterable[Column]:
    lexicon = load_lexicon()
    return (c for c in table.columns if c.family in _NUMBERS and word_list("amounts") & set(lexicon.tokenize(c.name)))


def _benchmarks(tables: tuple[Table, ...]) -> tuple[Benchmark, ...]:
    return tuple(Benchmark(question=f"How many rows are in {_subject(t.name)}?", sql=_count(t.name)) for t in tables[:5])


def _count(table: TableName) -> str:
    return f"SELECT COUNT(*) AS row_count FROM {table.sql}"  # noqa: S608 - the name is quoted, and we run nothing here


def _measures(tables: tuple[Table, ...], masked: frozenset[ColumnName]) -> tuple[Snippet, ...]:
    found = []
    for table in tables:
        for column in _amounts(table):
            words = _words(column.name)
            rounded = "rounded for people without clearance" if ColumnName(table.name, column.name) in masked else ""
            found.append(
                Snippet(
                    sql=f"SUM({quote_path(table.name.table, column.name)})",
                    display_name=f"total {words} of {_subject(table.name)}",
                    alias=_alias("total", table.name.table, column.name),
                    comment=rounded,
                )
            )
    return tuple(sorted(found))[:_MAX_SNIPPETS]


def _filters(tables: tuple[Table, ...]) -> tuple[Snippet, ...]:
    found = []
    for table in tables:
        for column in table.columns:
            path = quote_path(table.name.table, column.name)
            words = _words(column.name)
            if column.family is TypeFamily.DATE and "birth" not in words:
                shown = f"{words} in the last 30 days of {_subject(table.name)}"
                found.append(Snippet(sql=f"{path} >= date_sub(current_date(), 30)", display_name=shown))
    return tuple(sorted(found))[:_MAX_SNIPPETS]


def _dates(table: Table, masked: frozenset[ColumnName]) -> Iterable[Column]:
    return (
        c
        for n, c in zip(table.column_names(), table.columns, strict=True)
        if c.family is TypeFamily.DATE and n not in masked and "birth" not in _words(c.name)
    )


def _expressions(tables: tuple[Table, ...], masked: frozenset[ColumnName]) -> tuple[Snippet, ...]:
    found = [
        Snippet(
            sql=f"date_trunc('MONTH', {quote_path(table.name.table, column.name)})",
            display_name=f"month of {_words(column.name)} of {_subject(table.name)}",
            alias=_alias("month", table.name.table, column.name),
        )
        for table in tables
        for column in _dates(table, masked)
    ]
    return tuple(sorted(found))[:_MAX_SNIPPETS]


def _examples(tables: tuple[Table, ...], masked: frozenset[ColumnName]) -> tuple[ExampleQuery, ...]:
    """Return questions with a parameter each: rows of one group, totals by month since a date."""
    found = []
    for table in tables:
        group, subject = _grouping(table, masked), _subject(table.name)
        if group is not None:
            words = _words(group.name)
            found.append(
                ExampleQuery(
                    question=f"How many {subject} have a given {words}?",
                    sql=f"{_count(table.name)} WHERE {quote_path(group.name)} = :{_parameter(group.name)}",
                    guidance=f"When a question names one {words}.",
                    parameters=(QueryParameter(name=_parameter(group.name), description=f"The {words}"),),
                )
            )
        amount, date = next(iter(_amounts(table)), None), next(iter(_dates(table, masked)), None)
        if amount is not None and date is not None:
            found.append(_by_month(table, amount, date))
    return tuple(found)[:_MAX_SNIPPETS]


def _by_month(table: Table, amount: Column, date: Column) -> ExampleQuery:
    month = f"date_trunc('MONTH', {quote_path(date.name)})"
    return ExampleQuery(
        question=f"What is the total {_words(amount.name)} of {_subject(table.name)} by month since a date?",
        sql=(
            f"SELECT {month} AS month, SUM({quote_path(amount.name)}) AS total FROM {table.name.sql} "  # noqa: S608 - quoted
            f"WHERE {quote_path(date.name)} >= :since GROUP BY {month} ORDER BY month"
        ),
        guidance="When a question asks for a development over time.",
        parameters=(QueryParameter(name="since", type="DATE", description="The first day", default="2020-01-01"),),
    )


def _parameter(name: str) -> str:
    return _alias(name) if _alias(name)[:1].isalpha() and _alias(name).isascii() else "wanted"


def _columns(tables: tuple[Table, ...], masked: frozenset[ColumnName]) -> tuple[ColumnConfig, ...]:
    """Return the configuration of each column: its comment, synonyms, and whether its values may be matched.

    Values of masked columns never are; of other columns, only if they group rows.
    """
    lexicon = load_lexicon()
    found = []
    for table in tables:
        group = _grouping(table, masked)
        for name, column in zip(table.column_names(), table.columns, strict=True):
            words = " ".join(lexicon.tokenize(column.name))
            synonyms = tuple(w for w in dict.fromkeys((_words(column.name), words)) if w and w != column.name.casefold())
            hidden = "Masked for most people." if name in masked else ""
            text = " ".join(t for t in (_printable(column.comment), hidden) if t)
            matched = column == group and name not in masked
            if text or synonyms or matched or hidden:
                found.append(
                    ColumnConfig(
                        table=table.name.plain, column=column.name, description=text, synonyms=synonyms, samples=matched,
                        dictionary=matched,
                    )
                )  # fmt: skip
    return tuple(sorted(found))


def _printable(text: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:_MAX_COMMENT]


def _alias(*parts: str) -> str:
    return "_".join("".join(c if c.isalnum() else "_" for c in p.lower()).strip("_") for p in parts)[:120]


def _joins(tables: tuple[Table, ...]) -> Iterable[Join]:
    """Yield a join for each column with the name of another table's key: its first column, of the same type family."""
    keys: dict[tuple[str, TypeFamily], list[tuple[Table, Column]]] = defaultdict(list)
    for table in tables:
        key = _key_column(table)
        if key is not None:
            for name in _key_names(table, key):
                keys[(name, key.family)].append((table, key))
    for table in tables:
        own = _key_column(table)
        for column in table.columns:
            if column == own:
                continue
            targets = [t for t in keys.get((column.name.casefold(), column.family), ()) if t[0].name != table.name]
            if len(targets) == 1:
                yield _join(table, column, *targets[0])


def _key_column(table: Table) -> Column | None:
    first = table.columns[0] if table.columns else None
    return first if first is not None and first.name.casefold().endswith("id") else None


def _key_names(table: Table, key: Column) -> tuple[str, ...]:
    if key.name.casefold() != "id":
        return (key.name.casefold(),)
    plain = table.name.table.casefold()
    return tuple({f"{plain}_id", f"{plain.removesuffix('s')}_id"})


def _join(left: Table, column: Column, right: Table, key: Column) -> Join:
    left_alias, right_alias = left.name.table, right.name.table
    if left_alias == right_alias:
        left_alias, right_alias = f"{left.name.schema}_{left_alias}", f"{right.name.schema}_{right_alias}"
    return Join(
        left_table=left.name.plain,
        left_alias=left_alias,
        right_table=right.name.plain,
        right_alias=right_alias,
        sql=f"{quote_path(left_alias, column.name)} = {quote_path(right_alias, key.name)}",
        relationship="FROM_RELATIONSHIP_TYPE_MANY_TO_ONE",
    )
