"""MERGE INTO, as three reads of target and source that make the new rows."""

from __future__ import annotations

from dataclasses import dataclass

from localspace.core.lexer import Cursor, quote_name
from localspace.core.statement_runner import SqlError, StatementResult
from localspace.core.stored_documents.catalog import StoredTable
from localspace.sql import failures
from localspace.sql.context import StatementContext
from localspace.sql.identity_columns import number_rows, refuse_given
from localspace.sql.rows import merge_folders, read_alias, read_assignments, refuse_unrepeatable, swap, writable, write_columns
from localspace.sql.tables import target_path

_ROW = "`__merge_row`"


@dataclass(frozen=True, slots=True, kw_only=True)
class Clause:
    """One WHEN clause: `kind` is MATCHED, SOURCE (not matched) or TARGET (not matched by source)."""

    kind: str
    condition: str
    action: str
    values: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A parsed MERGE; `target` and `source` are the user's relations with their aliases."""

    table: StoredTable
    target: str
    target_alias: str
    source: str
    source_alias: str
    on: str
    clauses: tuple[Clause, ...]

    def of(self, kind: str) -> tuple[Clause, ...]:
        """Return the clauses of a kind, in order."""
        return tuple(clause for clause in self.clauses if clause.kind == kind)


def merge(context: StatementContext, cursor: Cursor) -> StatementResult:
    """Run MERGE INTO."""
    plan = _read(context, cursor)
    refuse_unrepeatable(" ".join([plan.on, *(clause.condition for clause in plan.clauses)]))
    _refuse_ambiguous(context, plan)
    table = plan.table
    joined = f"{plan.target} JOIN {plan.source} ON {plan.on}"
    alone = f"{plan.target} LEFT ANTI JOIN {plan.source} ON {plan.on}"
    folder = context.storage.new_folder()
    counts = {"UPDATE": 0, "DELETE": 0, "INSERT": 0, "KEEP": 0}
    folder.mkdir(parents=True)
    for relation, clauses in ((joined, plan.of("MATCHED")), (alone, plan.of("TARGET"))):
        for action, query in _kept(plan, relation, clauses):
            part = context.storage.new_folder()
            write_columns(context, table, query, part)
            counts[action] += context.storage.row_count(part)
            merge_folders(part, folder)
        counts["DELETE"] += _deleted(context, relation, clauses)
    earlier: list[str] = []
    for clause in plan.of("SOURCE"):
        part = context.storage.new_folder()
        write_columns(context, table, _inserted(context, plan, clause, earlier), part)
        counts["INSERT"] += context.storage.row_count(part)
        merge_folders(part, folder)
        earlier.append(clause.condition)
    columns = number_rows(table, folder)
    try:
        context.storage.check_not_null(table, folder)
        context.storage.check_lengths(table, folder)
    except SqlError:
        context.storage.discard(folder)
        raise
    swap(context, table, folder, columns)
    context.flow.writes(table, keeps=True)
    numbers = [counts["UPDATE"] + counts["DELETE"] + counts["INSERT"], counts["UPDATE"], counts["DELETE"], counts["INSERT"]]
    names = ("num_affected_rows", "num_updated_rows", "num_deleted_rows", "num_inserted_rows")
    return StatementResult(columns=tuple((name, "BIGINT", "LONG") for name in names), rows=[[str(number) for number in numbers]])


def _read(context: StatementContext, cursor: Cursor) -> Plan:
    cursor.expect("MERGE", "INTO")
    first = cursor.at
    path = context.writing(target_path(cursor))
    named = cursor.text_from(first)
    alias = read_alias(cursor, "USING") or path[2]
    table = writable(context, path, rewrites=True)
    cursor.expect("USING")
    source, source_alias = _source(cursor)
    cursor.expect("ON")
    on = cursor.skip_until("WHEN")
    clauses: list[Clause] = []
    while cursor.accept("WHEN"):
        clauses.append(_clause(context, cursor, table, alias, source_alias))
    cursor.end()
    target = f"(SELECT *, monotonically_increasing_id() AS {_ROW} FROM {named}) AS {quote_name(alias)}"
    return Plan(
        table=table,
        target=target,
        target_alias=quote_name(alias),
        source=source,
        source_alias=quote_name(source_alias),
        on=f"({on})",
        clauses=tuple(clauses),
    )


def _source(cursor: Cursor) -> tuple[str, str]:
    first = cursor.at
    if cursor.looking_at("("):
        cursor.skip_balanced()
        name = ""
    else:
        name = target_path(cursor)[-1]
    text = cursor.text_from(first)
    alias = read_alias(cursor, "ON") or name
    if not alias:
        raise failures.not_supported("a MERGE source query without an alias")
    return f"{text} AS {quote_name(alias)}", alias


def _clause(context: StatementContext, cursor: Cursor, table: StoredTable, alias: str, source_alias: str) -> Clause:
    kind = "MATCHED"
    if cursor.accept("NOT", "MATCHED"):
        kind = "SOURCE"
        if cursor.accept("BY", "SOURCE"):
            kind = "TARGET"
        else:
            cursor.accept("BY", "TARGET")
    else:
        cursor.expect("MATCHED")
    condition = f"({cursor.skip_until('THEN')})" if cursor.accept("AND") else "TRUE"
    cursor.expect("THEN")
    source = quote_name(source_alias)
    if cursor.accept("DELETE") and kind != "SOURCE":
        return Clause(kind=kind, condition=condition, action="DELETE", values={})
    if cursor.accept("UPDATE", "SET") and kind != "SOURCE":
        if cursor.accept("*"):
            # An identity column keeps its number.
            values = {c["name"]: f"{source}.{quote_name(c['name'])}" for c in table["columns"] if not c.get("identity")}
        else:
            values = read_assignments(context, cursor, table, {alias, *table["full_name"].split(".")}, ("WHEN",))
        return Clause(kind=kind, condition=condition, action="UPDATE", values=values)
    if cursor.accept("INSERT") and kind == "SOURCE":
        return Clause(kind=kind, condition=condition, action="INSERT", values=_insert(context, cursor, table, source))
    raise cursor.error("this place", "expected UPDATE SET, DELETE or INSERT")


def _insert(context: StatementContext, cursor: Cursor, table: StoredTable, source: str) -> dict[str, str]:
    if cursor.accept("*"):
        refuse_given(table["columns"])
        return {c["name"]: f"{source}.{quote_name(c['name'])}" for c in table["columns"]}
    names = [column["name"] for column in table["columns"]]
    if cursor.accept("("):
        names = [context.column_named(table, cursor.path()[-1])["name"]]
        while cursor.accept(","):
            names.append(context.column_named(table, cursor.path()[-1])["name"])
        cursor.expect(")")
    cursor.expect("VALUES", "(")
    values = [cursor.skip_until(",", ")")]
    while cursor.accept(","):
        values.append(cursor.skip_until(",", ")"))
    cursor.expect(")")
    refuse_given(column for column in table["columns"] if column["name"] in names)
    if len(values) != len(names):
        raise SqlError("INSERT_COLUMN_ARITY_MISMATCH", "MERGE INSERT: columns and values differ in number.", "21S01")
    return dict(zip(names, (f"({value})" for value in values), strict=True))


def _chosen(clauses: tuple[Clause, ...], at: int) -> str:
    """Return the condition under which clause `at` is the first that holds."""
    before = [f"NOT coalesce({clause.condition}, FALSE)" for clause in clauses[:at]]
    return " AND ".join([*before, f"coalesce({clauses[at].condition}, FALSE)"])


def _kept(plan: Plan, relation: str, clauses: tuple[Clause, ...]) -> list[tuple[str, str]]:
    columns = [column["name"] for column in plan.table["columns"]]
    plain = ", ".join(f"{plan.target_alias}.{quote_name(name)}" for name in columns)
    found: list[tuple[str, str]] = []
    for at, clause in enumerate(clauses):
        if clause.action == "UPDATE":
            items = ", ".join(clause.values.get(name, f"{plan.target_alias}.{quote_name(name)}") for name in columns)
            found.append(("UPDATE", f"SELECT {items} FROM {relation} WHERE {_chosen(clauses, at)}"))
    if relation.startswith(f"{plan.target} JOIN"):
        # A target row that several source rows match and no clause touches is kept once.
        untouched = " AND ".join(f"NOT coalesce({clause.condition}, FALSE)" for clause in clauses) or "TRUE"
        touched = f"SELECT {_ROW} FROM {relation} WHERE NOT ({untouched})"
        semi = relation.replace(f"{plan.target} JOIN", f"{plan.target} LEFT SEMI JOIN", 1)
        found.append(("KEEP", f"SELECT {plain} FROM {semi} WHERE {_ROW} NOT IN ({touched})"))
    else:
        untouched = " AND ".join(f"NOT coalesce({clause.condition}, FALSE)" for clause in clauses) or "TRUE"
        found.append(("KEEP", f"SELECT {plain} FROM {relation} WHERE {untouched}"))
    return found


def _deleted(context: StatementContext, relation: str, clauses: tuple[Clause, ...]) -> int:
    total = 0
    for at, clause in enumerate(clauses):
        if clause.action == "DELETE":
            query = f"SELECT count(DISTINCT {_ROW}) FROM {relation} WHERE {_chosen(clauses, at)}"
            total += int(context.rows_of(context.rewriter.query(query))[0][0] or 0)
    return total


def _inserted(context: StatementContext, plan: Plan, clause: Clause, earlier: list[str]) -> str:
    items = ", ".join(
        clause.values.get(column["name"]) or context.rewriter.constant(column.get("default") or "NULL")
        for column in plan.table["columns"]
    )
    before = " AND ".join([*(f"NOT coalesce({one}, FALSE)" for one in earlier), f"coalesce({clause.condition}, FALSE)"])
    return f"SELECT {items} FROM {plan.source} LEFT ANTI JOIN {plan.target} ON {plan.on} WHERE {before}"


def _refuse_ambiguous(context: StatementContext, plan: Plan) -> None:
    clauses = plan.of("MATCHED")
    if not clauses:
        return
    touched = " OR ".join(f"coalesce({clause.condition}, FALSE)" for clause in clauses)
    query = (
        f"SELECT count(*) FROM (SELECT {_ROW} FROM {plan.target} JOIN {plan.source} ON {plan.on} WHERE {touched}"
        f" GROUP BY {_ROW} HAVING count(*) > 1) AS several"
    )
    if context.rows_of(context.rewriter.query(query))[0][0] != "0":
        raise SqlError(
            "DELTA_MULTIPLE_SOURCE_ROW_MATCHING_TARGET_ROW_IN_MERGE",
            "Cannot perform Merge as multiple source rows matched and attempted to modify the same target row.",
            "21506",
        )
