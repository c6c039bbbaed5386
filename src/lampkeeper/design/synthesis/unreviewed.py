"""Hides unreviewed tables and columns: fallback policies for those without a review tag, and the review tags."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace

from lampkeeper.design.knowledge.library import Library
from lampkeeper.design.knowledge.vocabulary import Protection, complex_mask
from lampkeeper.model.conditions import Condition, Not, any_of
from lampkeeper.model.exemptions import Exemption, exempt_principals
from lampkeeper.model.groups import EVERYBODY
from lampkeeper.model.masks import Function
from lampkeeper.model.names import ColumnName, FunctionName, TableName
from lampkeeper.model.policies import MatchColumn, Policy, PolicyKind, SecurableType
from lampkeeper.model.schema import Table, TableKind
from lampkeeper.model.tags import EntityType, TagAssignment, TagPolicy
from lampkeeper.model.unreviewed import (
    IS_REVIEWED,
    NOT_REVIEWED,
    REVIEW_KEY,
    REVIEWED,
    UNREVIEWED_FAMILY,
    Reach,
    outermost,
    within,
)

FILTER = "filter_unreviewed"
MASK = "mask_unreviewed"
ROWS_POLICY = "lk_unreviewed_rows"
COLUMNS_POLICY = "lk_unreviewed_columns"
_OUTSIDE = frozenset({"hive_metastore", "samples", "system"})
"""Catalogs that cannot have policies (source: platform docs, ABAC requirements)."""


def review_tag_policy() -> TagPolicy:
    """Return the governed tag of reviewed tables and columns."""
    description = "Reviewed tables and columns; those without it are hidden"
    return TagPolicy(key=REVIEW_KEY, description=description, values=(REVIEWED,))


def closable_catalogs(tables: Iterable[Table]) -> tuple[str, ...]:
    """Return the catalogs to whose tables policies can apply: those with a table in scope that is not foreign."""
    found = {t.name.catalog for t in tables if t.kind is not TableKind.FOREIGN}
    return tuple(sorted(c for c in found if c.casefold() not in _OUTSIDE))


def closable_reaches(tables: Iterable[Table], covered: Iterable[Reach] | None) -> tuple[Reach, ...]:
    """Return the catalogs and schemas that an environment covers whole and that can have policies; None: whole catalogs.

    Those that it covers in part are not changed, because they contain tables of others.
    """
    catalogs = closable_catalogs(tables)
    if covered is None:
        return tuple((c,) for c in catalogs)
    names = {t.name.parts for t in tables}
    spelled = {p[:n] for p in names for n in (1, 2) if p[0] in catalogs}
    return outermost(s for s in spelled if any(len(c) == len(s) and within(c, s) for c in covered))


def reviewed_tables(tables: Iterable[TableName]) -> tuple[TagAssignment, ...]:
    """Return the review tags of tables."""
    return tuple(
        TagAssignment(entity_type=EntityType.TABLES, entity_name=t.plain, key=REVIEW_KEY, value=REVIEWED) for t in tables
    )


def reviewed_columns(tables: Iterable[Table], treated: Mapping[ColumnName, Protection]) -> tuple[TagAssignment, ...]:
    """Return the review tags of columns that are not sensitive; protected ones have a tag already."""
    return tuple(
        TagAssignment(entity_type=EntityType.COLUMNS, entity_name=c.plain, key=REVIEW_KEY, value=REVIEWED)
        for t in tables if t.kind is not TableKind.VIEW
        for c in t.column_names() if c not in treated
    )  # fmt: skip


def rows_fallback(reach: Reach, schema: str, library: Library, exemptions: Iterable[Exemption]) -> tuple[Policy, Function]:
    """Return the policy of a catalog or schema that hides the rows of tables without the review tag, and its function."""
    function = library[FILTER].at(reach[0], schema)
    kind = SecurableType.CATALOG if len(reach) == 1 else SecurableType.SCHEMA
    policy = Policy(
        name=ROWS_POLICY, kind=PolicyKind.ROW_FILTER, securable_type=kind, securable=reach,
        to_principals=(EVERYBODY,), except_principals=exempt_principals(exemptions, UNREVIEWED_FAMILY), function=function.name,
        when=NOT_REVIEWED, comment=f"managed by lampkeeper; hides the rows of unreviewed tables ({NOT_REVIEWED})",
    )  # fmt: skip
    return policy, function


def columns_fallback(
    catalog: str, schema: str, protections: Iterable[Protection], exemptions: Iterable[Exemption]
) -> tuple[Policy, Function]:
    """Return the policy that returns NULL for a column without review or protection tag, and its function.

    A condition cannot test a column's type, so one function is for all: from VARIANT to VARIANT, cast to the column's type
    (source: platform docs, common patterns for column masking).
    """
    made = complex_mask("VARIANT")
    if made is None:
        raise KeyError("VARIANT")
    function = replace(
        made.function, name=FunctionName(catalog, schema, MASK), comment=f"managed by lampkeeper; shows {made.reveals}"
    )
    known: tuple[Condition, ...] = tuple(sorted({t.condition for t in protections}, key=str))
    policy = Policy(
        name=COLUMNS_POLICY, kind=PolicyKind.COLUMN_MASK, securable_type=SecurableType.CATALOG, securable=(catalog,),
        to_principals=(EVERYBODY,), except_principals=exempt_principals(exemptions, UNREVIEWED_FAMILY), function=function.name,
        when=IS_REVIEWED, match_columns=(MatchColumn(alias="unreviewed", condition=Not(any_of((IS_REVIEWED, *known)))),),
        on_column="unreviewed", comment="managed by lampkeeper; NULL for unreviewed columns",
    )  # fmt: skip
    return policy, function


def only_reviewed(policies: Iterable[Policy], catalogs: Iterable[str]) -> tuple[Policy, ...]:
    """Return the policies with the row filters of these catalogs limited to reviewed tables, as a table may have only one."""
    closed = set(catalogs)

    def meets(policy: Policy) -> bool:
        return policy.kind is PolicyKind.ROW_FILTER and policy.when is None and set(policy.securable[:1]) <= closed

    return tuple(replace(p, when=IS_REVIEWED) if meets(p) else p for p in policies)


def protections_by_catalog(treated: Mapping[ColumnName, Protection]) -> dict[str, set[Protection]]:
    """Return the protections in use, by catalog."""
    found: dict[str, set[Protection]] = defaultdict(set)
    for column, protection in treated.items():
        found[column.table.catalog].add(protection)
    return found
