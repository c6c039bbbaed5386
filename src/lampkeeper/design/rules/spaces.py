"""Rules about Genie spaces: tables, people, and the SQL in their content."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from lampkeeper.design.genie.space_literals import compared_columns, literal_formats, texts_of
from lampkeeper.design.genie.space_sql import bind_sql, sqls_of
from lampkeeper.design.rules.rule_context import RuleContext, Violation
from lampkeeper.model.findings import Severity
from lampkeeper.model.genie import GenieSpace
from lampkeeper.model.groups import EVERYBODY
from lampkeeper.model.labels import LabelClass
from lampkeeper.model.policies import SecurableType

_MAX_TABLES = 30
# Source: checks of the platform's import of spaces, as reported by its users.
_MAX_TEXT, _MAX_INSTRUCTIONS = 25_000, 100
_RELATIONSHIPS = tuple(f"FROM_RELATIONSHIP_TYPE_{left}_TO_{right}" for left in ("MANY", "ONE") for right in ("MANY", "ONE"))


def unknown_table(context: RuleContext) -> Iterable[Violation]:
    """A space shows a table that does not exist, or has none at all.

    Example: `c.s.custmers` in a space.
    """
    for space in context.desired.spaces:
        if not space.tables:
            yield Violation(location=f"space {space.name}", message="has no table", fix="give it one")
        for table in space.tables:
            if context.snapshot is not None and table.plain.casefold() not in context.tables_by_name:
                yield Violation(location=f"space {space.name}", message=f"table {table} does not exist", fix="correct the name")
        if len(space.tables) > _MAX_TABLES:
            message = f"{len(space.tables)} tables, a space may have {_MAX_TABLES}"
            yield Violation(location=f"space {space.name}", message=message, fix="split the space")


def duplicate_space(context: RuleContext) -> Iterable[Violation]:
    """Two spaces have the same key (the name in lower case with underscores): they would share one file.

    Example: `Sales A` and `sales-a`.
    """
    for key, count in Counter(s.key for s in context.desired.spaces).items():
        if count > 1 or not key:
            yield Violation(location=f"space {key}", message=f"{count} spaces have the key {key!r}", fix="rename one")


def unknown_askers(context: RuleContext) -> Iterable[Violation]:
    """A space's ACL names a group that is not defined.

    Example: `acl_groups = ["analyst"]`.
    """
    for space in context.desired.spaces:
        for name in space.acl_groups:
            if name not in context.groups:
                yield Violation(location=f"space {space.name}", message=f"group {name!r} is not defined", fix="correct the ACL")


def open_to_everybody(context: RuleContext) -> Iterable[Violation]:
    """All users of the account may use a space.

    Example: `acl_groups = ["account users"]`.
    """
    for space in context.desired.spaces:
        if EVERYBODY in space.acl_groups:
            fix = "name the groups; if intended, waive it (`waivers` in env.auto.tfvars)"
            yield Violation(location=f"space {space.name}", message="open to all account users", fix=fix)


def askers_without_select(context: RuleContext) -> Iterable[Violation]:
    """A group may use a space but cannot read one of its tables, so its questions fail.

    Example: `clerks` in the ACL, no SELECT on `c.s.orders`.
    """
    if context.desired.spaces_alone:
        return
    readable = {
        (g.principal, g.securable)
        for g in context.desired.grants
        if g.securable_type is SecurableType.TABLE and {"SELECT", "ALL_PRIVILEGES"} & set(g.privileges)
    }
    for space in context.desired.spaces:
        for group in space.acl_groups:
            missing = [str(t) for t in space.tables if (group, t.parts) not in readable]
            if missing:
                message = f"group {group!r} has no SELECT on {', '.join(missing[:5])}"
                yield Violation(location=f"space {space.name}", message=message, fix="grant it, or remove the group from the ACL")


def over_limits(context: RuleContext) -> Iterable[Violation]:
    """A space has more content than the platform allows: texts too long, or too many instructions.

    Example: 101 example queries, joins and snippets together.
    """
    for space in context.desired.spaces:
        texts = [("title", space.title), ("description", space.description), ("instructions", space.instructions)]
        texts += [("question", q) for q in space.sample_questions] + [(what, sql) for what, sql, _ in sqls_of(space)]
        for what, text in texts:
            if len(text) > _MAX_TEXT:
                message = f"{what[:60]} has {len(text)} characters, {_MAX_TEXT} are allowed"
                yield Violation(location=f"space {space.name}", message=message, fix="shorten it")
        lists = (space.joins, space.filters, space.expressions, space.measures, space.examples, space.functions)
        count = sum(map(len, lists)) + bool(space.instructions)
        if count > _MAX_INSTRUCTIONS:
            message = f"{count} instructions, example queries, functions, joins and snippets, {_MAX_INSTRUCTIONS} are allowed"
            yield Violation(location=f"space {space.name}", message=message, fix="keep the useful ones")


def bad_join(context: RuleContext) -> Iterable[Violation]:
    """A join has no alias, the same alias on both sides, or an unknown relationship.

    Example: `orders` joined with itself under the alias `orders` twice.
    """
    for space in context.desired.spaces:
        for join in space.joins:
            location = f"space {space.name}: join {join.left_table} to {join.right_table}"
            if not join.left_alias or join.left_alias.casefold() == join.right_alias.casefold():
                message = f"aliases {join.left_alias!r} and {join.right_alias!r}"
                yield Violation(location=location, message=message, fix="name two", severity=_if_written(space))
            if join.relationship not in ("", *_RELATIONSHIPS):
                known = ", ".join(_RELATIONSHIPS)
                yield Violation(
                    location=location, message=f"unknown relationship {join.relationship!r}", fix=f"use one of {known}"
                )


def _if_written(space: GenieSpace) -> Severity | None:
    """Return a warning for an attached space, which already holds its content; None for the rule's severity."""
    return Severity.WARNING if space.space_id else None


def unbound_sql(context: RuleContext) -> Iterable[Violation]:
    """SQL of a space does not parse, or names a table or column that the space does not have.

    Example: the measure `SUM(orders.amout)`.
    """
    if context.snapshot is None:
        return
    for space in context.desired.spaces:
        tables = {
            t.plain.casefold(): context.tables_by_name[t.plain.casefold()]
            for t in space.tables
            if t.plain.casefold() in context.tables_by_name
        }
        for what, sql, aliases in sqls_of(space):
            for problem in bind_sql(sql, tables, aliases):
                location = f"space {space.name}: {what}"
                yield Violation(location=location, message=problem, fix="correct the SQL", severity=_if_written(space))


def sensitive_values(context: RuleContext) -> Iterable[Violation]:
    """A space stores the values of a masked column for matching, or shows them to the model, where policies do not protect
    them.

    Example: `dictionary = true` for `customers.email` in `column_configs`.
    """
    masked = {n.plain for p in context.desired.policies for c in context.matched(p, p.on_column or "").values() for n, _ in c}
    for space in context.desired.spaces:
        for config in space.columns:
            if (config.dictionary or config.samples) and f"{config.table}.{config.column}" in masked:
                location = f"space {space.name}: {config.table}.{config.column}"
                yield Violation(location=location, message="values of a masked column are stored for matching", fix="disable it")


_NOT_ONE_PERSON = frozenset(
    LabelClass(name) for name in ("geo", "demographic", "compliance", "financial_amount", "health", "dob", "undecided")
)
"""Classes whose values do not identify one person: a comparison with a literal is a warning only."""


def literal_persons(context: RuleContext) -> Iterable[Violation]:
    """SQL or a text of a space contains personal data: an e-mail address, a number of an identifying format, or a literal that
    is compared with a sensitive column. All users of the space can read it, and so can the model.

    Example: `WHERE email = 'ana@bank.example'` in an example query.
    """
    classes = {plain: label.label for plain, label in context.labels_by_name.items()}
    masked = (n for p in context.desired.policies for c in context.matched(p, p.on_column or "").values() for n, _ in c)
    sensitive = {**{n.plain.casefold(): None for n in masked}, **classes}
    fix = "use a parameter or an aggregate in place of the person's value"
    for space in context.desired.spaces:
        names = (t.plain.casefold() for t in space.tables)
        tables = {n: context.tables_by_name[n] for n in names if n in context.tables_by_name}
        defaults = {p.name for e in space.examples for p in e.parameters if p.default}
        usual = [("parameter", p.default) for e in space.examples for p in e.parameters]
        for what, sql in [*((what, sql) for what, sql, _ in sqls_of(space)), *usual]:
            location = f"space {space.name}: {what}"
            for kind in literal_formats(sql):
                yield Violation(location=location, message=f"contains a literal {kind}", fix=fix)
            for plain in compared_columns(sql, tables, sensitive, defaults) if what != "parameter" else ():
                severity = Severity.WARNING if sensitive[plain] in _NOT_ONE_PERSON else None
                message = f"compares {context.columns_by_name[plain][0]}, a sensitive column, with a literal"
                yield Violation(location=location, message=message, fix=fix, severity=severity)
        for what, text in texts_of(space):
            for kind in literal_formats(text):
                location, message = f"space {space.name}: {what}", f"contains a literal {kind}"
                yield Violation(location=location, message=message, fix="remove the personal value", severity=Severity.WARNING)
