"""The rewriter: a principal's query becomes one that can only read what the principal may see.

sqlglot locates table references, the user's own text is spliced. Each table reference becomes a derived table: physical
columns under their logical names, masks inlined, the row filter behind a barrier. Views and functions are expanded.
What is not understood is refused. The relations that the result names are unguessable and nothing else is known to the
engine, so a reference that slipped through finds no table there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from sqlglot import exp
from sqlglot.dialects.databricks import Databricks

from localspace.governance.identity import Principal
from localspace.ledger import rule
from localspace.sql import failures
from localspace.sql.calls import FORBIDDEN_FUNCTIONS, IDENTITY_FUNCTIONS, Call, call_name, find_calls
from localspace.sql.defaults import require_constant
from localspace.sql.frames import Frame, Reads
from localspace.sql.parse import (
    chosen_columns,
    constant_of,
    is_common_table,
    is_path_format,
    mentioned_words,
    parse_query,
    projected_calls,
    sources,
)
from localspace.sql.qualifiers import Qualifiers, Unaliased
from localspace.sql.reader import Reader, Session, broken, is_view, table_key
from localspace.sql.references import references
from localspace.sql.resolve import Application, ColumnInput, Protection
from localspace.sql.storage import Storage, ViewSpec
from localspace.sql.system_tables import is_made_view
from localspace.sql.text import Edit, Token, apply_edits, quote_name, quote_path, quote_text, tokenize, without_comments
from localspace.sql.types import parse_type
from localspace.statement_runner import SqlError
from localspace.store import Document

# A filter under a limit cannot be swapped with a predicate of the query: an error raised by the predicate would
# otherwise show values of hidden rows (observed on Spark 4.3 with a semi-join filter).
BARRIER = "LIMIT 2147483647"
InformationSchema = Callable[[tuple[str, str, str], Principal], ViewSpec]


class Rewriter:
    """Rewrites the texts of one statement of one session."""

    def __init__(self, reader: Reader, storage: Storage, session: Session, information: InformationSchema) -> None:
        """Collect what is read in `reads`."""
        self._reader = reader
        self._storage = storage
        self._session = session
        self._information = information
        self.reads = Reads()

    @property
    def frame(self) -> Frame:
        """Return the frame of the user's own text."""
        return Frame(catalog=self._session.catalog, schema=self._session.schema, authority=self._session.principal)

    # Texts

    def query(self, text: str, frame: Frame | None = None) -> str:
        """Rewrite a query (SELECT, VALUES, WITH …)."""
        return self._rewrite(text, frame or self.frame, "")

    def expression(self, text: str, frame: Frame | None = None) -> str:
        """Rewrite an expression over columns that the caller provides."""
        return self._rewrite(text, frame or self.frame, "SELECT ")[len("SELECT ") :]

    @rule("LS-082")
    def constant(self, text: str) -> str:
        """Rewrite the default of a column or parameter, which may read nothing."""
        return self.expression(require_constant(text, lambda call: self._called(call, self.frame) is not None))

    def _rewrite(self, text: str, frame: Frame, prefix: str) -> str:
        full = prefix + text
        tokens = tokenize(full)
        while tokens and tokens[-1].kind == "symbol" and tokens[-1].text == ";":
            tokens.pop()
        clean = without_comments(full, tokens)
        clean = clean[: tokens[-1].end] if tokens else ""
        tree = parse_query(clean)
        edits: list[Edit] = []
        frame = replace(frame, words=mentioned_words(tokens))
        self._edit_tables(tree, tokens, clean, frame, edits)
        if frame.parameters is not None:
            self._edit_parameters(tree, frame, edits)
        projected: set[int] = set() if prefix else projected_calls(tree)
        self._edit_calls(tokens, clean, frame, edits, projected)
        return apply_edits(clean, edits)

    # Tables

    def _edit_tables(self, tree: exp.Expr, tokens: list[Token], text: str, frame: Frame, edits: list[Edit]) -> None:
        read = list(references(tree, tokens))
        unaliased = [Unaliased(one.table, self._full_path(one.path, frame), one.path[-1]) for one in read if not one.table.alias]
        qualifiers = Qualifiers(tree, unaliased)
        for one in read:
            relation = self.relation(self._full_path(one.path, frame), one.path, frame)
            alias = "" if one.table.alias else f" AS {quote_name(qualifiers.alias_of(one.table))}"
            edits.append(Edit(one.start, one.sampled, relation + text[one.end : one.sampled] + alias))
        edits.extend(qualifiers.edits())

    def _full_path(self, path: tuple[str, ...], frame: Frame) -> tuple[str, str, str]:
        place = Session(principal=self._session.principal, catalog=frame.catalog, schema=frame.schema)
        return place.table_path(path)

    # Relations

    def relation(self, full: tuple[str, str, str], written: tuple[str, ...], frame: Frame) -> str:
        """Return the parenthesised query that stands for a table or view."""
        if is_made_view(full):
            return self._information_relation(full)
        if len(written) == 2 and self._reader.table(full) is None and is_path_format(written[0]):
            raise failures.not_enforceable(f"reading files by path ({written[0]})")
        table = self._reader.require_table(full)
        self._reader.require_privilege(frame.authority, "SELECT", "TABLE", table_key(table))
        self.reads.tables.add(table_key(table))
        return self._view(table, frame) if is_view(table) else self.physical(table, frame)

    def _information_relation(self, full: tuple[str, str, str]) -> str:
        spec = self._information(full, self._session.principal)
        self.reads.views[spec.name] = spec
        return f"(SELECT * FROM {spec.name})"

    @rule("LS-030", "LS-031", "LS-051")
    def _view(self, table: Document, frame: Frame) -> str:
        """Expand a view: privileges below it are its owner's, policies below it the session user's."""
        namespace = table.get("view_namespace") or [table["catalog_name"], table["schema_name"]]
        inner = replace(
            frame.deeper(),
            catalog=namespace[0],
            schema=namespace[1],
            authority=self._reader.principal_named(table.get("owner")),
            parameters=None,
        )
        text = self.query(str(table["view_definition"]), inner)
        columns = ", ".join(quote_name(column["name"]) for column in table["columns"])
        return f"(SELECT * FROM ({text}) AS v({columns}){self._seal(inner)})"

    @rule("LS-081")
    def _seal(self, inner: Frame) -> str:
        """Return the barrier of a view that reads with another's privileges: its own WHERE is a row filter too."""
        if inner.authority is not None and inner.authority.id == self._session.principal.id:
            return ""
        self.reads.protected = True
        return f" {BARRIER}"

    def physical(self, table: Document, frame: Frame, *, with_masks: bool = True) -> str:
        """Return the derived table over a table's files, with the principal's masks and filter."""
        protection = self._reader.protection(table, self._session.principal) if with_masks else Protection({}, None)
        self.reads.protected = self.reads.protected or protection.any
        shown = chosen_columns(table["columns"], frame.words)
        spec = self._storage.relation(table | {"columns": _with_inputs(table["columns"], shown, protection)})
        self.reads.views[spec.name] = spec
        items = ", ".join(
            f"{self._column(table, column, spec, protection, frame)} AS {quote_name(column['name'])}" for column in shown
        )
        if not items:
            raise broken("a table without columns")
        return f"(SELECT {items} FROM {self._rows(table, spec, protection, frame)})"

    @rule("LS-006", "LS-027")
    def _column(self, table: Document, column: Document, spec: ViewSpec, protection: Protection, frame: Frame) -> str:
        """Return a column's expression: the physical column, or its mask cast to the column's type."""
        raw = f"{spec.name}.{quote_name(column['physical'])}"
        mask = protection.masks.get(column["name"].casefold())
        if mask is None:
            return raw
        kind = parse_type(column["type_text"]).spark
        return f"CAST({self._applied(table, mask, spec, frame)} AS {kind})"

    @rule("LS-007")
    def _rows(self, table: Document, spec: ViewSpec, protection: Protection, frame: Frame) -> str:
        """Return the rows that the filter lets through, sealed against predicates from above."""
        if protection.row_filter is None:
            return spec.name
        condition = self._applied(table, protection.row_filter, spec, frame)
        return f"(SELECT * FROM {spec.name} WHERE {condition} {BARRIER}) AS {spec.name}"

    @rule("LS-028", "LS-064")
    def _applied(self, table: Document, application: Application, spec: ViewSpec, frame: Frame) -> str:
        physical = {column["name"].casefold(): column["physical"] for column in table["columns"]}
        arguments = []
        for given in application.inputs:
            if isinstance(given, ColumnInput):
                arguments.append(f"{spec.name}.{quote_name(physical[given.column.casefold()])}")
            else:
                arguments.append("NULL" if given.value is None else quote_text(given.value))
        path = tuple(application.function.split("."))
        function = self._reader.function((path[0], path[1], path[2])) if len(path) == 3 else None
        if function is None:
            raise failures.dependency_missing(table_key(table), application.function)
        return self.inlined(function, arguments, replace(frame, free_execute=True))

    # Functions

    @rule("LS-032")
    def inlined(self, function: Document, arguments: list[str], frame: Frame) -> str:
        """Return a function's body with the arguments in place, cast to its return type.

        Its tables are read with its owner's privileges, its policies and identity functions see the session user.
        """
        parameters = function.get("input_params") or []
        if isinstance(parameters, dict):
            parameters = parameters.get("parameters") or []
        given = list(arguments)
        for parameter in parameters[len(given) :]:
            if parameter.get("parameter_default") is None:
                break
            given.append(self.constant(str(parameter["parameter_default"])))
        if len(given) != len(parameters):
            raise SqlError(
                "WRONG_NUM_ARGS.WITHOUT_SUGGESTION",
                f"The {quote_path(function['full_name'].split('.'))} requires {len(parameters)} parameters but the"
                f" actual number is {len(arguments)}.",
                "42605",
            )
        values = {
            parameter["name"].casefold(): f"CAST({argument} AS {parse_type(parameter['type_text']).spark})"
            for parameter, argument in zip(parameters, given, strict=True)
        }
        inner = replace(
            frame.deeper(),
            catalog=function["catalog_name"],
            schema=function["schema_name"],
            authority=self._reader.principal_named(function.get("owner")),
            parameters=values,
            function=function["name"],
        )
        body = self.expression(str(function["routine_definition"]), inner)
        return f"CAST(({body}) AS {parse_type(function['full_data_type']).spark})"

    def _edit_parameters(self, tree: exp.Expr, frame: Frame, edits: list[Edit]) -> None:
        parameters = frame.parameters or {}
        for column in tree.find_all(exp.Column):
            parts = [p for p in (column.args.get(n) for n in ("catalog", "db", "table")) if p is not None]
            first = parts[0] if parts else column.this
            if not isinstance(first, exp.Identifier) or "start" not in first.meta:
                continue
            name = first.name.casefold()
            if name == frame.function.casefold() and parts:
                following = parts[1] if len(parts) > 1 else column.this
                if isinstance(following, exp.Identifier) and following.name.casefold() in parameters:
                    value = parameters[following.name.casefold()]
                    edits.append(Edit(first.meta["start"], following.meta["end"] + 1, value))
                continue
            if name not in parameters or self._inner_column(column, name, bool(parts), frame):
                continue
            edits.append(Edit(first.meta["start"], first.meta["end"] + 1, parameters[name]))

    def _inner_column(self, column: exp.Column, name: str, qualified: bool, frame: Frame) -> bool:
        """Say whether a name inside a subquery of a function body means a column of that subquery."""
        select = column.find_ancestor(exp.Select)
        while select is not None and select.parent is not None:
            for source in sources(select):
                if qualified:
                    if source.alias_or_name.casefold() == name:
                        return True
                elif name in self._column_names(source, frame):
                    return True
            select = select.find_ancestor(exp.Select)
        return False

    def _column_names(self, source: exp.Expr, frame: Frame) -> set[str]:
        if isinstance(source, exp.Table) and isinstance(source.this, exp.Identifier) and not is_common_table(source):
            table = self._reader.table(self._full_path(tuple(p.name for p in source.parts), frame))
            return set() if table is None else {column["name"].casefold() for column in table["columns"]}
        if isinstance(source, exp.Subquery) and isinstance(source.this, exp.Query) and not source.this.is_star:
            return {name.casefold() for name in source.this.named_selects}
        raise failures.not_supported("a function body whose subquery reads more than tables and plain subqueries")

    @rule("LS-008", "LS-041")
    def _edit_calls(self, tokens: list[Token], text: str, frame: Frame, edits: list[Edit], projected: set[int]) -> None:
        """Expand the workspace's functions, answer identity functions for the caller, refuse forbidden ones."""
        for call in find_calls(tokens):
            if call.name.startswith("ai_"):
                raise failures.not_supported("AI functions in SQL")
            if call.name in FORBIDDEN_FUNCTIONS:
                raise failures.not_enforceable(f"the function {call.name}")
            start, end = tokens[call.first].start, tokens[call.close].end
            if any(edit.start <= start and end <= edit.end for edit in edits):
                continue
            arguments = [apply_edits(text, edits, tokens[first].start, tokens[last - 1].end) for first, last in call.arguments]
            # A call that is a whole column of the result keeps its name; the body is not the caller's business.
            name = f" AS {quote_name(call_name(tokens, call))}" if tokens[call.open - 1].start in projected else ""
            if len(call.path) == 1 and not call.quoted and call.name in IDENTITY_FUNCTIONS:
                edits.append(Edit(start, end, self._identity(call, arguments, frame) + name))
                continue
            function = self._called(call, frame)
            if function is None:
                continue
            if not frame.free_execute:
                path = (function["catalog_name"], function["schema_name"], function["name"])
                self._reader.require_privilege(frame.authority, "EXECUTE", "FUNCTION", path)
            edits.append(Edit(start, end, self.inlined(function, self._ordered(function, call, arguments), frame) + name))

    def _called(self, call: Call, frame: Frame) -> Document | None:
        if len(call.path) > 3 or call.path[0].casefold() in ("builtin", "session"):
            return None
        if len(call.path) == 1 and call.name.upper() in Databricks.Parser.FUNCTIONS:
            return None  # a built-in function comes before one of the current schema
        place = Session(principal=self._session.principal, catalog=frame.catalog, schema=frame.schema)
        full = place.table_path(call.path)
        if full[:2] == ("system", "builtin"):
            return None
        function = self._reader.function(full)
        if function is None and len(call.path) == 3:
            raise failures.routine_missing(full)
        return function

    @staticmethod
    def _ordered(function: Document, call: Call, arguments: list[str]) -> list[str]:
        """Put arguments given by name (`x => 1`) into the order of the parameters."""
        if not any("=>" in one for one in arguments):
            return arguments
        names = [parameter["name"].casefold() for parameter in function.get("input_params") or []]
        ordered: dict[int, str] = {}
        for at, argument in enumerate(arguments):
            name, arrow, value = argument.partition("=>")
            key = name.strip().strip("`").casefold()
            if arrow and key in names:
                ordered[names.index(key)] = value.strip()
            else:
                ordered[at] = argument
        return [ordered[at] for at in sorted(ordered)]

    @rule("LS-009")
    def _identity(self, call: Call, arguments: list[str], frame: Frame) -> str:
        """Return the literal that an identity function is for the session user."""
        principal = self._session.principal
        identity = self._reader.books.identity
        if call.name in ("current_user", "session_user", "user"):
            return quote_text(principal.name)
        if call.name == "current_catalog":
            return quote_text(frame.catalog)
        if call.name in ("current_schema", "current_database"):
            return quote_text(frame.schema)
        if call.name == "current_metastore":
            return quote_text(self._reader.books.ids.metastore_id)
        if len(arguments) != 1:
            raise SqlError("WRONG_NUM_ARGS.WITHOUT_SUGGESTION", f"The `{call.name}` requires 1 parameter.", "42605")
        constant = constant_of(arguments[0])
        if constant is not None:
            member = identity.is_account_group_member if call.name == "is_account_group_member" else identity.is_member
            return "TRUE" if member(principal.id, constant) else "FALSE"
        names = sorted(identity.names_of(principal.id) - {principal.name})
        if call.name == "is_member":
            names = [name for name in names if identity.is_member(principal.id, name)]
        listed = ", ".join(quote_text(name) for name in names)
        return f"array_contains(CAST(array({listed}) AS ARRAY<STRING>), {arguments[0]})"


def _with_inputs(columns: list[Document], shown: list[Document], protection: Protection) -> list[Document]:
    """Return the columns that a derived table reads: those shown, and what their masks and the filter take."""
    if len(shown) == len(columns):
        return columns
    names = {column["name"].casefold() for column in shown}
    applied = [protection.masks[name] for name in names if name in protection.masks]
    for application in (*applied, *((protection.row_filter,) if protection.row_filter else ())):
        names |= {given.column.casefold() for given in application.inputs if isinstance(given, ColumnInput)}
    return [column for column in columns if column["name"].casefold() in names]
