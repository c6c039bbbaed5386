"""SQL functions applied to arguments: a plain body takes them in place, any other becomes a function of the engine.

A body with a subquery or a lambda has names of its own, which would capture the columns that an argument names. The
engine declares these functions, under an unguessable name, and binds their parameters before anything in the body.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from sqlglot import exp

from localspace.core.lexer import Edit, quote_name, quote_path, tokenize
from localspace.core.statement_runner import SqlError
from localspace.core.stored_documents.catalog import StoredFunction, StoredParameter
from localspace.sql import failures
from localspace.sql.calls import find_calls
from localspace.sql.parse import parse_query, sources
from localspace.sql.types import parse_type

UNREPEATABLE = frozenset({"rand", "random", "randn", "uuid", "shuffle", "monotonically_increasing_id", "randstr", "uniform"})
"""Functions that answer differently each time: an argument with one of them must be evaluated once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Routine:
    """A SQL function of the workspace; types are the engine's, `returns` is None when the body decides."""

    path: tuple[str, str, str]
    parameters: tuple[tuple[str, str], ...]
    text: str
    returns: str | None

    def body(self, expression: str) -> str:
        """Return the rewritten body as a value of the return type."""
        return f"({expression})" if self.returns is None else f"CAST(({expression}) AS {self.returns})"

    def declaration(self, name: str, expression: str) -> str:
        """Return the statement that makes the engine's function of it."""
        parameters = ", ".join(f"{quote_name(one)} {kind}" for one, kind in self.parameters)
        returns = "" if self.returns is None else f" RETURNS {self.returns}"
        return f"CREATE TEMPORARY FUNCTION {name}({parameters}){returns} RETURN {self.body(expression)}"


def parameters_of(function: StoredFunction) -> list[StoredParameter]:
    """Return the parameters of a function's document."""
    return list(function["input_params"])


def routine_of(function: StoredFunction) -> Routine:
    """Return a function's document as a routine."""
    return Routine(
        path=(function["catalog_name"], function["schema_name"], function["name"]),
        parameters=tuple((one["name"], parse_type(one["type_text"]).spark) for one in parameters_of(function)),
        text=str(function["routine_definition"]),
        returns=parse_type(function["full_data_type"]).spark,
    )


def fitting(routine: Routine, arguments: list[str]) -> list[str]:
    """Return the arguments with the types of the parameters; raises WRONG_NUM_ARGS."""
    if len(arguments) != len(routine.parameters):
        raise failures.wrong_arity(routine.path, len(routine.parameters), len(arguments))
    return [f"CAST({given} AS {kind})" for given, (_, kind) in zip(arguments, routine.parameters, strict=True)]


def bound_by_engine(routine: Routine, arguments: list[str]) -> bool:
    """Return whether a call must be a function of the engine: a name of the body's own could stand where an argument does.

    A body with a subquery has such names, its tables' columns; a lambda has its variables; and an argument that differs each
    time must not be written twice.
    """
    variables = _variables(routine.text)
    if variables is None:
        return True
    tokens = [token for one in arguments for token in tokenize(one)]
    words = {token.text.casefold() for token in tokens if token.kind in ("word", "name")}
    words |= {name.casefold() for name, _ in routine.parameters}
    return bool(variables & words) or any(call.name in UNREPEATABLE for one in arguments for call in find_calls(tokenize(one)))


@lru_cache(maxsize=4096)
def _variables(text: str) -> frozenset[str] | None:
    """Return the variables of a body's lambdas; None for a body with a subquery, or one that is not understood."""
    tokens = tokenize(text)
    tree = parse_query(f"SELECT {text}")
    lambdas = list(tree.find_all(exp.Lambda))
    arrows = sum(token.text == "->" for token in tokens)
    inner = any(node is not tree for node in tree.find_all(exp.Query, exp.Values, exp.Table))
    if inner or arrows != len(lambdas) or any(token.is_word("SELECT", "VALUES") or token.text == "|>" for token in tokens):
        return None
    return frozenset(one.name.casefold() for node in lambdas for one in node.expressions)


def parameter_edits(tree: exp.Expr, values: Mapping[str, str], function: str) -> Iterator[Edit]:
    """Yield the edits that put values in place of parameters, bare or behind the function's name, in a plain body."""
    for column in tree.find_all(exp.Column):
        parts = _parts(column)
        if not parts:
            continue
        first, name = parts[0], parts[0].name.casefold()
        if len(parts) > 1 and name == function.casefold() and parts[1].name.casefold() in values:
            yield Edit(first.meta["start"], parts[1].meta["end"] + 1, values[parts[1].name.casefold()])
        elif name in values:
            yield Edit(first.meta["start"], first.meta["end"] + 1, values[name])


def own_name_edits(tree: exp.Expr, routine: Routine, name: str) -> Iterator[Edit]:
    """Yield the edits that put the engine's name of a function before parameters that are written behind its own."""
    own = routine.path[2].casefold()
    names = {one.casefold() for one, _ in routine.parameters}
    for column in tree.find_all(exp.Column):
        parts = _parts(column)
        written = len(parts) > 1 and parts[0].name.casefold() == own and parts[1].name.casefold() in names
        if written and not _is_alias_around(column, own):
            yield Edit(parts[0].meta["start"], parts[0].meta["end"] + 1, name)


def _parts(column: exp.Column) -> list[exp.Identifier]:
    found = [column.args.get(name) for name in ("catalog", "db", "table", "this")]
    parts = [part for part in found if isinstance(part, exp.Identifier)]
    return parts if all("start" in part.meta for part in parts) else []


def _is_alias_around(column: exp.Column, name: str) -> bool:
    select = column.find_ancestor(exp.Select)
    while select is not None:
        if any(source.alias_or_name.casefold() == name for source in sources(select)):
            return True
        select = select.find_ancestor(exp.Select)
    return False


def no_such_parameter(routine: Routine, name: str) -> SqlError:
    """Return the error of an argument that is given under a name that no parameter has."""
    return SqlError(
        "UNRECOGNIZED_PARAMETER_NAME",
        f"Cannot invoke routine {quote_path(routine.path)} because the function call included a named argument"
        f" reference for the argument named {name}, but this routine does not include any signature containing an"
        " argument with this name.",
        "4274K",
    )
