"""Rules about Genie spaces: tables, people, and the SQL in their content."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from lampkeeper.design.rules.scene import Scene, Trouble
from lampkeeper.model.genie import GenieSpace
from lampkeeper.model.groups import EVERYBODY
from lampkeeper.model.policies import SecurableType
from lampkeeper.model.schema import Table

_MAX_TABLES = 30
# Source: checks of the platform's import of spaces, as reported by its users.
_MAX_TEXT, _MAX_INSTRUCTIONS = 25_000, 100
_RELATIONSHIPS = tuple(f"FROM_RELATIONSHIP_TYPE_{left}_TO_{right}" for left in ("MANY", "ONE") for right in ("MANY", "ONE"))


def unknown_table(scene: Scene) -> Iterable[Trouble]:
    """A space shows a table that does not exist, or has none at all.

    Example: `c.s.custmers` in a space.
    """
    for space in scene.desired.spaces:
        if not space.tables:
            yield Trouble(place=f"space {space.name}", message="has no table", fix="give it one")
        for table in space.tables:
            if scene.snapshot is not None and table.plain.casefold() not in scene.tables_by_name:
                yield Trouble(place=f"space {space.name}", message=f"table {table} does not exist", fix="correct the name")
        if len(space.tables) > _MAX_TABLES:
            message = f"{len(space.tables)} tables, a space takes {_MAX_TABLES}"
            yield Trouble(place=f"space {space.name}", message=message, fix="split the space")


def duplicate_space(scene: Scene) -> Iterable[Trouble]:
    """Two spaces have the same key (the name in lower case with underscores): they would share one file.

    Example: `Sales A` and `sales-a`.
    """
    for key, count in Counter(s.key for s in scene.desired.spaces).items():
        if count > 1 or not key:
            yield Trouble(place=f"space {key}", message=f"{count} spaces have the key {key!r}", fix="rename one")


def unknown_askers(scene: Scene) -> Iterable[Trouble]:
    """A space's ACL names a group that is not defined.

    Example: `acl_groups = ["analyst"]`.
    """
    for space in scene.desired.spaces:
        for name in space.acl_groups:
            if name not in scene.groups:
                yield Trouble(place=f"space {space.name}", message=f"group {name!r} is not defined", fix="correct the ACL")
        if EVERYBODY in space.acl_groups:
            yield Trouble(place=f"space {space.name}", message="open to all account users", fix="name the groups")


def askers_without_select(scene: Scene) -> Iterable[Trouble]:
    """A group may ask in a space and cannot read one of its tables: its questions fail.

    Example: `clerks` in the ACL, no SELECT on `c.s.orders`.
    """
    readable = {
        (g.principal, g.securable)
        for g in scene.desired.grants
        if g.securable_type is SecurableType.TABLE and {"SELECT", "ALL_PRIVILEGES"} & set(g.privileges)
    }
    for space in scene.desired.spaces:
        for group in space.acl_groups:
            missing = [str(t) for t in space.tables if (group, t.parts) not in readable]
            if missing:
                message = f"group {group!r} has no SELECT on {', '.join(missing[:5])}"
                yield Trouble(place=f"space {space.name}", message=message, fix="grant it, or take the group off the ACL")


def over_limits(scene: Scene) -> Iterable[Trouble]:
    """A space's content is more than the platform takes: texts too long, or too many instructions.

    Example: 101 example queries, joins and snippets together.
    """
    for space in scene.desired.spaces:
        texts = [("title", space.title), ("description", space.description), ("instructions", space.instructions)]
        texts += [("question", q) for q in space.sample_questions] + [(what, sql) for what, sql, _ in _sqls(space)]
        for what, text in texts:
            if len(text) > _MAX_TEXT:
                message = f"{what[:60]} has {len(text)} characters, {_MAX_TEXT} are allowed"
                yield Trouble(place=f"space {space.name}", message=message, fix="shorten it")
        count = len(space.joins) + len(space.filters) + len(space.expressions) + len(space.measures) + bool(space.instructions)
        if count > _MAX_INSTRUCTIONS:
            message = f"{count} instructions, joins and snippets, {_MAX_INSTRUCTIONS} are allowed"
            yield Trouble(place=f"space {space.name}", message=message, fix="keep the useful ones")


def bad_join(scene: Scene) -> Iterable[Trouble]:
    """A join has no alias, the same alias on both sides, or a relationship that the platform does not know.

    Example: `orders` joined with itself under the alias `orders` twice.
    """
    for space in scene.desired.spaces:
        for join in space.joins:
            place = f"space {space.name}: join {join.left_table} to {join.right_table}"
            if not join.left_alias or join.left_alias.casefold() == join.right_alias.casefold():
                yield Trouble(place=place, message=f"aliases {join.left_alias!r} and {join.right_alias!r}", fix="name two")
            if join.relationship not in ("", *_RELATIONSHIPS):
                known = ", ".join(_RELATIONSHIPS)
                yield Trouble(place=place, message=f"unknown relationship {join.relationship!r}", fix=f"use one of {known}")


def unbound_sql(scene: Scene) -> Iterable[Trouble]:
    """SQL of a space does not parse, or names a table or column that the space does not have.

    Example: the measure `SUM(orders.amout)`.
    """
    if scene.snapshot is None:
        return
    for space in scene.desired.spaces:
        tables = {
            t.plain.casefold(): scene.tables_by_name[t.plain.casefold()]
            for t in space.tables
            if t.plain.casefold() in scene.tables_by_name
        }
        for what, sql, aliases in _sqls(space):
            for problem in _bind(sql, tables, aliases):
                yield Trouble(place=f"space {space.name}: {what}", message=problem, fix="correct the SQL")


def _sqls(space: GenieSpace) -> Iterable[tuple[str, str, Mapping[str, str]]]:
    for benchmark in space.benchmarks:
        yield f"benchmark {benchmark.question!r}", benchmark.sql, {}
    for kind, snippets in (("filter", space.filters), ("expression", space.expressions), ("measure", space.measures)):
        for snippet in snippets:
            yield f"{kind} {snippet.display_name!r}", snippet.sql, {}
    for join in space.joins:
        aliases = {
            join.left_alias.casefold(): join.left_table.casefold(),
            join.right_alias.casefold(): join.right_table.casefold(),
        }
        yield f"join {join.left_alias} to {join.right_alias}", join.sql, aliases


def _bind(sql: str, tables: Mapping[str, Table], aliases: Mapping[str, str]) -> Iterable[str]:
    try:
        tree = sqlglot.parse_one(sql, dialect="databricks")
    except SqlglotError as error:
        yield f"does not parse: {str(error).splitlines()[0]}"
        return
    known = {t.name.table.casefold(): t for t in tables.values()}
    known |= {alias: tables[name] for alias, name in aliases.items() if name in tables}
    for found in tree.find_all(exp.Table):
        full = ".".join(p.name for p in found.parts).casefold()
        table = tables.get(full) or known.get(full)
        if table is None:
            yield f"table {full!r} is not in the space"
        elif found.alias:
            known[found.alias.casefold()] = table
    made = {a.alias.casefold() for a in tree.find_all(exp.Alias)}
    every = {c.name.casefold() for t in known.values() for c in t.columns}
    for column in tree.find_all(exp.Column):
        name, owner = column.name.casefold(), column.table.casefold()
        scope = {c.name.casefold() for c in known[owner].columns} if owner in known else every
        if owner and owner not in known and owner not in made:
            yield f"{column.table!r} is no table of the space"
        elif name not in scope and name not in made and not column.find(exp.Star):
            yield f"column {column.sql()!r} does not exist"
