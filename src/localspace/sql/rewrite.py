"""The rewriter: a principal's query becomes one that can only read what the principal may see.

sqlglot locates table references, the user's own text is spliced. Each table reference becomes a derived table: physical
columns under their logical names, masks inlined, the row filter behind a barrier. Views and functions are expanded.
A construct that the rewriter does not handle is refused. The relations in the result have unguessable names, and the engine has
no other tables, so a reference that was not rewritten finds none.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import replace

from sqlglot import exp

from localspace.core.ledger import rule
from localspace.core.lexer import Edit, Token, apply_edits, quote_name, quote_text, tokenize, without_comments
from localspace.core.principals import Principal
from localspace.core.statement_runner import SqlError, TemporaryView
from localspace.core.stored_documents.catalog import StoredColumn, StoredFunction, StoredTable
from localspace.sql import failures
from localspace.sql.admission import BUILT_IN, alias_starts, require_admitted, require_plain_tokens
from localspace.sql.calls import IDENTITY_FUNCTIONS, Call, call_name, find_calls
from localspace.sql.constant_texts import named_identifiers
from localspace.sql.defaults import require_constant
from localspace.sql.parse import chosen_columns, constant_of, is_path_format, mentioned_words, parse_query, projected_calls
from localspace.sql.qualifiers import Qualifiers, Unaliased
from localspace.sql.reader import Reader, SqlSession, broken, is_view, table_key
from localspace.sql.references import references
from localspace.sql.resolve import Application, ColumnInput, Protection
from localspace.sql.routines import (
    Routine,
    bound_by_engine,
    fitting,
    no_such_parameter,
    own_name_edits,
    parameter_edits,
    parameters_of,
    routine_of,
)
from localspace.sql.scopes import Reads, Scope
from localspace.sql.storage import Storage, ViewSpec
from localspace.sql.system_tables import is_made_view
from localspace.sql.types import parse_type

# A filter under a limit cannot be swapped with a predicate of the query: an error raised by the predicate would
# otherwise show values of hidden rows (observed on Spark 4.3 with a semi-join filter).
BARRIER = "LIMIT 2147483647"
InformationSchema = Callable[[tuple[str, str, str], Principal], ViewSpec]


class Rewriter:
    """Rewrites the texts of one statement of one session."""

    def __init__(self, reader: Reader, storage: Storage, session: SqlSession, information: InformationSchema) -> None:
        """Collect what is read in `reads`."""
        self._reader = reader
        self._storage = storage
        self._session = session
        self._information = information
        self._placeholder = f"ls_self_{secrets.token_hex(8)}"
        self.reads = Reads()

    @property
    def scope(self) -> Scope:
        """Return the scope of the user's own text."""
        session = self._session
        return Scope(catalog=session.catalog, schema=session.schema, authority=session.principal, views=session.views)

    # Texts

    def query(self, text: str, scope: Scope | None = None) -> str:
        """Rewrite a query (SELECT, VALUES, WITH …)."""
        return self._rewrite(text, scope or self.scope, "")

    def expression(self, text: str, scope: Scope | None = None) -> str:
        """Rewrite an expression over columns that the caller provides."""
        return self._rewrite(text, scope or self.scope, "SELECT ")[len("SELECT ") :]

    @rule("LS-082")
    def constant(self, text: str) -> str:
        """Rewrite the default of a column or parameter, which may read nothing."""
        return self.expression(require_constant(text, lambda call: self._called(call, self.scope) is not None))

    def _rewrite(self, text: str, scope: Scope, prefix: str) -> str:
        # The user's text is edited, not generated from the tree, because sqlglot's output may mean something else to Spark.
        clean, tokens = _cleaned(prefix + text)
        tree = parse_query(clean)
        if not prefix:
            self.reads.trees[text] = tree
        edits: list[Edit] = []
        scope = replace(scope, words=mentioned_words(tokens))
        self._edit_tables(tree, tokens, clean, scope, edits)
        if scope.routine is not None and scope.parameters is not None:
            edits.extend(parameter_edits(tree, scope.parameters, scope.routine.path[2]))
        elif scope.routine is not None:
            edits.extend(own_name_edits(tree, scope.routine, self._placeholder))
        projected: set[int] = set() if prefix else projected_calls(tree)
        # Calls come after tables: the text of an argument needs the edits of the tables in it.
        self._edit_calls(tokens, clean, scope, edits, projected, alias_starts(tree))
        return apply_edits(clean, edits)

    # Tables

    def _edit_tables(self, tree: exp.Expr, tokens: list[Token], text: str, scope: Scope, edits: list[Edit]) -> None:
        read = list(references(tree, tokens))
        unaliased = [Unaliased(one.table, self._full_path(one.path, scope), one.path[-1]) for one in read if not one.table.alias]
        qualifiers = Qualifiers(tree, unaliased)
        for one in read:
            relation = self.relation(self._full_path(one.path, scope), one.path, scope)
            alias = "" if one.table.alias else f" AS {quote_name(qualifiers.alias_of(one.table))}"
            edits.append(Edit(one.start, one.sampled, relation + text[one.end : one.sampled] + alias))
        edits.extend(qualifiers.edits())

    def _full_path(self, path: tuple[str, ...], scope: Scope) -> tuple[str, str, str]:
        session = SqlSession(principal=self._session.principal, catalog=scope.catalog, schema=scope.schema)
        return session.table_path(path)

    # Relations

    def relation(self, full: tuple[str, str, str], written: tuple[str, ...], scope: Scope) -> str:
        """Return the parenthesised query that stands for a table or view."""
        temporary = next((one for one in scope.views if (one.name.casefold(),) == (*map(str.casefold, written),)), None)
        if temporary is not None:
            return self._temporary_view(temporary, scope)
        if is_made_view(full):
            return self._information_relation(full)
        if len(written) == 2 and self._reader.table(full) is None and is_path_format(written[0]):
            raise failures.not_enforceable(f"reading files by path ({written[0]})")
        table = self._reader.require_table(full)
        self._reader.require_privilege(scope.authority, "SELECT", "TABLE", table_key(table))
        if not scope.free_execute:
            self.reads.add(table, named=scope.depth == 0)
        return self._view(table, scope) if is_view(table) else self.physical(table, scope)

    def _information_relation(self, full: tuple[str, str, str]) -> str:
        spec = self._information(full, self._session.principal)
        self.reads.views[spec.name] = spec
        return f"(SELECT * FROM {spec.name})"

    @rule("LS-030", "LS-031", "LS-051")
    def _view(self, table: StoredTable, scope: Scope) -> str:
        """Expand a view: privileges below it are its owner's, policies below it the session user's."""
        namespace = table.get("view_namespace") or [table["catalog_name"], table["schema_name"]]
        inner = replace(
            scope.deeper(),
            catalog=namespace[0],
            schema=namespace[1],
            authority=self._reader.principal_named(table.get("owner")),
            parameters=None,
            routine=None,
            views=(),
        )
        text = self.query(str(table["view_definition"]), inner)
        columns = ", ".join(quote_name(column["name"]) for column in table["columns"])
        return f"(SELECT * FROM ({text}) AS v({columns}){self._seal(inner)})"

    @rule("LS-193")
    def _temporary_view(self, view: TemporaryView, scope: Scope) -> str:
        """Expand a temporary view: its text is the session user's own, with the rights of this moment."""
        self.reads.temporary.add(view.name)
        inner = replace(
            scope.deeper(),
            catalog=view.catalog,
            schema=view.schema,
            authority=self._session.principal,
            parameters=None,
            routine=None,
            views=view.views,
        )
        return f"({self.query(view.query, inner)})"

    @rule("LS-081")
    def _seal(self, inner: Scope) -> str:
        """Return the barrier of a view that reads with another's privileges: its own WHERE is a row filter too."""
        if inner.authority is not None and inner.authority.id == self._session.principal.id:
            return ""
        self.reads.protected = True
        return f" {BARRIER}"

    def physical(self, table: StoredTable, scope: Scope, *, with_masks: bool = True) -> str:
        """Return the derived table over a table's files, with the principal's masks and filter."""
        protection = self._reader.protection(table, self._session.principal) if with_masks else Protection({}, None)
        self.reads.protected = self.reads.protected or protection.any
        shown = chosen_columns(table["columns"], scope.words)
        # Only columns that the text can mean: Spark analyses every column of a wide table, also if the query names few of them.
        spec = self._storage.relation(table | {"columns": _with_inputs(table["columns"], shown, protection)})
        self.reads.views[spec.name] = spec
        items = ", ".join(
            f"{self._column(table, column, spec, protection, scope)} AS {quote_name(column['name'])}" for column in shown
        )
        if not items:
            raise broken("a table without columns")
        return f"(SELECT {items} FROM {self._rows(table, spec, protection, scope)})"

    @rule("LS-006", "LS-027")
    def _column(self, table: StoredTable, column: StoredColumn, spec: ViewSpec, protection: Protection, scope: Scope) -> str:
        """Return a column's expression: the physical column, or its mask cast to the column's type."""
        raw = f"{spec.name}.{quote_name(column['physical'])}"
        mask = protection.masks.get(column["name"].casefold())
        if mask is None:
            return raw
        # The cast is the platform's: a mask of another type of the same family must not change the type of the result.
        kind = parse_type(column["type_text"]).spark
        return f"CAST({self._applied(table, mask, spec, scope)} AS {kind})"

    @rule("LS-007")
    def _rows(self, table: StoredTable, spec: ViewSpec, protection: Protection, scope: Scope) -> str:
        """Return the rows that the filter lets through, sealed against predicates from above."""
        if protection.row_filter is None:
            return spec.name
        condition = self._applied(table, protection.row_filter, spec, scope)
        return f"(SELECT * FROM {spec.name} WHERE {condition} {BARRIER}) AS {spec.name}"

    @rule("LS-028", "LS-064")
    def _applied(self, table: StoredTable, application: Application, spec: ViewSpec, scope: Scope) -> str:
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
        # Readers need no EXECUTE on masks and filters: it was checked when the policy, mask or filter was set.
        return self.inlined(function, arguments, replace(scope, free_execute=True))

    # Functions

    @rule("LS-032")
    def inlined(self, function: StoredFunction, arguments: list[str], scope: Scope) -> str:
        """Return a call of a SQL function with these arguments, cast to its return type.

        Its tables are read with its owner's privileges, its policies and identity functions see the session user.
        """
        routine = routine_of(function)
        given = list(arguments)
        for parameter in parameters_of(function)[len(given) :]:
            if parameter.get("parameter_default") is None:
                break
            given.append(self.constant(str(parameter["parameter_default"])))
        return self.called(routine, given, scope, self._reader.principal_named(function.get("owner")))

    @rule("LS-093")
    def called(self, routine: Routine, arguments: list[str], scope: Scope, authority: Principal | None) -> str:
        """Return a call of a routine: its body with the arguments in place, or a function of the engine.

        Arguments mean what they mean where the call stands: no table, alias or lambda of the body captures them.
        """
        values = fitting(routine, arguments)
        apart = bound_by_engine(routine, arguments)
        bound = {name.casefold(): value for (name, _), value in zip(routine.parameters, values, strict=True)}
        inner = replace(
            scope.deeper(),
            catalog=routine.path[0],
            schema=routine.path[1],
            authority=authority,
            parameters=None if apart else bound,
            routine=routine,
            views=(),
        )
        body = self.expression(routine.text, inner)
        if not apart:
            return routine.body(body)
        if authority is None or authority.id != self._session.principal.id:
            self.reads.protected = True  # its tables may be hidden from the caller: no error shows their values
        spec = self._storage.function(routine.declaration(self._placeholder, body), self._placeholder)
        self.reads.functions[spec.name] = spec
        return f"{spec.name}({', '.join(values)})"

    @rule("LS-008")
    def _edit_calls(
        self,
        tokens: list[Token],
        text: str,
        scope: Scope,
        edits: list[Edit],
        projected: set[int],
        aliases: frozenset[int],
    ) -> None:
        """Expand the workspace's functions, answer identity functions for the caller, refuse what is not admitted."""
        for call in find_calls(tokens):
            start, end = tokens[call.first].start, tokens[call.close].end
            if start in aliases:
                continue
            function = self._called(call, scope)
            if function is None:
                require_admitted(call, tokens)
            if any(edit.start <= start and end <= edit.end for edit in edits):
                continue
            arguments = [apply_edits(text, edits, tokens[first].start, tokens[last - 1].end) for first, last in call.arguments]
            # A call that is a whole column of the result keeps its name; the body is not the caller's business.
            name = f" AS {quote_name(call_name(tokens, call))}" if tokens[call.open - 1].start in projected else ""
            if len(call.path) == 1 and not call.quoted and call.name in IDENTITY_FUNCTIONS:
                edits.append(Edit(start, end, self._identity(call, arguments, scope) + name))
                continue
            if function is None:
                continue
            if not scope.free_execute:
                path = (function["catalog_name"], function["schema_name"], function["name"])
                self._reader.require_privilege(scope.authority, "EXECUTE", "FUNCTION", path)
            edits.append(Edit(start, end, self.inlined(function, self._ordered(function, call, arguments), scope) + name))

    def _called(self, call: Call, scope: Scope) -> StoredFunction | None:
        if len(call.path) > 3 or call.path[0].casefold() in ("builtin", "session"):
            return None
        if len(call.path) == 1 and call.name in BUILT_IN:
            return None  # a built-in function comes before one of the current schema
        session = SqlSession(principal=self._session.principal, catalog=scope.catalog, schema=scope.schema)
        full = session.table_path(call.path)
        if full[:2] == ("system", "builtin"):
            return None
        function = self._reader.function(full)
        if function is None and len(call.path) == 3:
            raise failures.routine_missing(full)
        return function

    @staticmethod
    def _ordered(function: StoredFunction, call: Call, arguments: list[str]) -> list[str]:
        """Put arguments given by name (`x => 1`) into the order of the parameters."""
        names = [parameter["name"].casefold() for parameter in parameters_of(function)]
        ordered: dict[int, str] = {}
        for at, argument in enumerate(arguments):
            tokens = tokenize(argument)
            if len(tokens) < 3 or tokens[1].text != "=>" or tokens[0].kind not in ("word", "name"):
                ordered[at] = argument
                continue
            if tokens[0].text.casefold() not in names:
                raise no_such_parameter(routine_of(function), tokens[0].text)
            ordered[names.index(tokens[0].text.casefold())] = argument[tokens[2].start :]
        if len(ordered) != len(arguments):
            raise failures.wrong_arity(routine_of(function).path, len(names), len(arguments))
        return [ordered[at] for at in sorted(ordered)]

    @rule("LS-009")
    def _identity(self, call: Call, arguments: list[str], scope: Scope) -> str:
        """Return the literal that an identity function is for the session user."""
        principal = self._session.principal
        identity = self._reader.repositories.identity
        if call.name in ("current_user", "session_user", "user"):
            return quote_text(principal.name)
        if call.name == "current_catalog":
            return quote_text(scope.catalog)
        if call.name in ("current_schema", "current_database"):
            return quote_text(scope.schema)
        if call.name == "current_metastore":
            return quote_text(self._reader.repositories.ids.metastore_id)
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


def _cleaned(full: str) -> tuple[str, list[Token]]:
    """Return a text as both readers are to see it, and its tokens: no comments, hints or IDENTIFIER(…)."""
    tokens = tokenize(full)
    require_plain_tokens(full, tokens)
    while tokens and tokens[-1].kind == "symbol" and tokens[-1].text == ";":
        tokens.pop()
    clean = without_comments(full, tokens)
    clean = clean[: tokens[-1].end] if tokens else ""
    edits = named_identifiers(tokens)
    if not edits:
        return clean, tokens
    clean = apply_edits(clean, edits)
    return clean, tokenize(clean)


def _with_inputs(columns: list[StoredColumn], shown: list[StoredColumn], protection: Protection) -> list[StoredColumn]:
    """Return the columns that a derived table reads: those shown, and what their masks and the filter take."""
    if len(shown) == len(columns):
        return columns
    names = {column["name"].casefold() for column in shown}
    applied = [protection.masks[name] for name in names if name in protection.masks]
    for application in (*applied, *((protection.row_filter,) if protection.row_filter else ())):
        names |= {given.column.casefold() for given in application.inputs if isinstance(given, ColumnInput)}
    return [column for column in columns if column["name"].casefold() in names]
