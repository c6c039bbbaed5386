"""Random access models: small worlds in which every rule of access has a chance to matter."""

from __future__ import annotations

from hypothesis import strategies as st

from lampkeeper.model.access import AccessModel, Principal
from lampkeeper.model.conditions import And, Condition, HasTag, HasTagValue, Not, Or
from lampkeeper.model.controls import TableControl
from lampkeeper.model.groups import EVERYBODY
from lampkeeper.model.masks import Function, FunctionRole, Parameter
from lampkeeper.model.names import FunctionName, TableName
from lampkeeper.model.policies import Argument, Grant, MatchColumn, Policy, PolicyKind, SecurableType
from lampkeeper.model.schema import Column, Table
from lampkeeper.model.tags import EntityType, TagAssignment

KEYS = ("pii", "pci")
VALUES = ("email", "card", "")
GROUPS = ("g1", "g2", "g3", "g4")
PEOPLE = ("ana", "ben", "eve")
TABLES = tuple(
    Table(name=TableName("main", schema, name), columns=tuple(Column(name=c, type="STRING") for c in ("a", "b", "Odd `name")))
    for schema, name in (("s", "t"), ("s", "u"), ("x", "t"))
)
FUNCTIONS = tuple(
    Function(
        name=FunctionName("main", "lampkeeper", name),
        role=role,
        parameters=(Parameter(name="value", type="STRING"),),
        returns=returns,
        body=body,
    )
    for name, role, returns, body in (
        ("mask_a", FunctionRole.MASK, "STRING", "left(value, 1)"),
        ("mask_b", FunctionRole.MASK, "STRING", "'***'"),
        ("only_b", FunctionRole.FILTER, "BOOLEAN", "value = 'b'"),
    )
)

_tests = st.one_of(st.sampled_from(KEYS).map(HasTag), st.builds(HasTagValue, st.sampled_from(KEYS), st.sampled_from(VALUES)))
conditions: st.SearchStrategy[Condition] = st.recursive(
    _tests,
    lambda inner: st.one_of(
        inner.map(Not),
        st.lists(inner, min_size=2, max_size=3).map(lambda p: And(tuple(p))),
        st.lists(inner, min_size=2, max_size=3).map(lambda p: Or(tuple(p))),
    ),
    max_leaves=4,
)
_securables = st.sampled_from(
    (
        (SecurableType.CATALOG, ("main",)),
        (SecurableType.CATALOG, ("MAIN",)),
        (SecurableType.SCHEMA, ("main", "s")),
        (SecurableType.TABLE, ("main", "s", "t")),
    )
)
_names = st.sampled_from((*GROUPS, *PEOPLE, EVERYBODY))


@st.composite
def _policies(draw: st.DrawFn) -> Policy:
    kind = draw(st.sampled_from(PolicyKind))
    securable_type, securable = draw(st.one_of(_securables, st.just((SecurableType.METASTORE, ()))))
    aliases = draw(st.lists(st.sampled_from(("m", "n")), unique=True, min_size=0 if kind is PolicyKind.ROW_FILTER else 1))
    using = draw(st.lists(st.sampled_from([Argument(alias=a) for a in aliases] + [Argument(constant="k")]), max_size=2))
    return Policy(
        name=draw(st.sampled_from(("p1", "p2", "p3", "p4"))),
        kind=kind,
        securable_type=securable_type,
        securable=securable,
        to_principals=tuple(draw(st.lists(_names, min_size=1, max_size=3))),
        except_principals=tuple(draw(st.lists(_names, max_size=2))),
        function=draw(st.sampled_from([f.name for f in FUNCTIONS])),
        when=draw(st.none() | conditions),
        match_columns=tuple(MatchColumn(alias=a, condition=draw(conditions)) for a in aliases),
        on_column=draw(st.sampled_from(aliases)) if kind is PolicyKind.COLUMN_MASK else None,
        using=tuple(using),
    )


@st.composite
def _tags(draw: st.DrawFn) -> TagAssignment:
    table = draw(st.sampled_from(TABLES)).name
    kind = draw(
        st.sampled_from((EntityType.CATALOGS, EntityType.SCHEMAS, EntityType.TABLES, EntityType.COLUMNS, EntityType.COLUMNS))
    )
    name = {
        EntityType.CATALOGS: table.catalog,
        EntityType.SCHEMAS: f"{table.catalog}.{table.schema}",
        EntityType.TABLES: table.plain,
        EntityType.COLUMNS: f"{table.plain}.{draw(st.sampled_from(('a', 'b', 'Odd `name')))}",
    }[kind]
    return TagAssignment(entity_type=kind, entity_name=name, key=draw(st.sampled_from(KEYS)), value=draw(st.sampled_from(VALUES)))


_grants = st.builds(
    lambda place, principal, privileges: Grant(
        securable_type=place[0], securable=place[1], principal=principal, privileges=tuple(privileges)
    ),
    _securables,
    _names,
    st.lists(
        st.sampled_from(("USE_CATALOG", "USE SCHEMA", "SELECT", "ALL_PRIVILEGES", "MODIFY", "USE_SCHEMA")), min_size=1, max_size=3
    ),
)


_controls = st.builds(
    lambda table, column, function, arguments: TableControl(
        table=table.name, column=column, function=function, arguments=tuple(arguments)
    ),
    st.sampled_from(TABLES),
    st.sampled_from(("", "a", "B", "Odd `name", "gone")),
    st.sampled_from([f.name for f in FUNCTIONS]),
    st.lists(st.sampled_from(("a", "b", "k")), max_size=1),
)


@st.composite
def access_models(draw: st.DrawFn) -> AccessModel:
    """Draw a model: nested groups (cycles too), tags at every level, masks and filters, some set on tables, grants, owners."""
    policies = {p.key: p for p in draw(st.lists(_policies(), max_size=4))}
    tags = {(str(t.entity_type), t.entity_name, t.key): t for t in draw(st.lists(_tags(), max_size=8))}
    members = draw(
        st.dictionaries(st.sampled_from(GROUPS), st.lists(st.sampled_from((*PEOPLE, *GROUPS)), max_size=3).map(tuple), max_size=4)
    )
    easy = draw(st.booleans())
    everything = Grant(
        securable_type=SecurableType.CATALOG,
        securable=("main",),
        principal=EVERYBODY,
        privileges=("SELECT", "USE_CATALOG", "USE_SCHEMA"),
    )
    owners = draw(
        st.dictionaries(st.sampled_from((("TABLE", "main.s.t"), ("SCHEMA", "main.s"), ("CATALOG", "Main"))), _names, max_size=2)
    )
    return AccessModel(
        tables=TABLES,
        tags=tuple(tags.values()),
        policies=tuple(policies.values()),
        grants=(*draw(st.lists(_grants, max_size=5)), *((everything,) if easy else ())),
        functions=tuple(draw(st.sampled_from((FUNCTIONS, FUNCTIONS, FUNCTIONS[:1], ())))),
        members=members,
        owners=owners,
        controls=tuple({(c.table, c.column): c for c in draw(st.lists(_controls, max_size=2))}.values()),
    )


principals: st.SearchStrategy[Principal] = st.builds(
    lambda name, groups: Principal(name=name, groups=tuple(sorted(groups))),
    st.sampled_from((*PEOPLE, "nobody")),
    st.sets(st.sampled_from(GROUPS), max_size=2),
)
