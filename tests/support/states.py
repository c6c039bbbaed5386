"""Hypothesis strategies for the nouns: names and texts as hostile as catalogs allow, whole desired states."""

from __future__ import annotations

from hypothesis import strategies as st

from lampkeeper.model.conditions import And, Condition, HasTag, HasTagValue, Not, Or
from lampkeeper.model.desired import Desired
from lampkeeper.model.genie import Benchmark, GenieSpace, Join, Snippet, Warehouse, WorkspaceAssignment, space_key
from lampkeeper.model.groups import Group
from lampkeeper.model.masks import Function, FunctionExample, FunctionRole, Parameter
from lampkeeper.model.names import FunctionName, TableName
from lampkeeper.model.policies import Argument, Grant, MatchColumn, Policy, PolicyKind, SecurableType
from lampkeeper.model.tags import EntityType, TagAssignment, TagPermission, TagPolicy

_NASTY = ["${", "$${", "%{x}", "`", "'", '"', "\\", "\n", "a.b", "é", "\u202e", "--", ";", "Ω name", "${var.x}"]

texts = st.one_of(
    st.text(st.characters(exclude_categories=("Cs",)), max_size=12),
    st.lists(st.sampled_from(_NASTY), max_size=4).map("".join),
)
words = st.one_of(st.sampled_from(["email", "dob", "pii_level", "Full Name", "naïve", "a`b", "x.y", "it's"]), texts).filter(
    str.strip
)
names = words
table_names = st.builds(TableName, names, names, names)
function_names = st.builds(FunctionName, names, names, names)


def tuples(elements: st.SearchStrategy, unique_by=None, max_size: int = 3) -> st.SearchStrategy:
    """Return tuples of the elements, unique by a key when one is given."""
    return st.lists(elements, max_size=max_size, unique_by=unique_by).map(tuple)


conditions: st.SearchStrategy[Condition] = st.recursive(
    st.one_of(st.builds(HasTag, words), st.builds(HasTagValue, words, texts)),
    lambda inner: st.one_of(
        st.builds(Not, inner),
        st.builds(And, st.tuples(inner, inner)),
        st.builds(Or, st.tuples(inner, inner, inner)),
    ),
    max_leaves=4,
)

groups = st.builds(Group, name=words, description=texts, external=st.booleans())
tag_policies = st.builds(TagPolicy, key=words, description=texts, values=tuples(words))
tag_permissions = st.builds(
    TagPermission,
    key=words,
    role=st.sampled_from(["roles/tagPolicy.assigner", "roles/tagPolicy.manager"]),
    principals=tuples(words),
)
tag_assignments = st.builds(TagAssignment, entity_type=st.sampled_from(EntityType), entity_name=words, key=words, value=texts)
match_columns = st.builds(MatchColumn, alias=words, condition=conditions)
arguments = st.one_of(words.map(lambda a: Argument(alias=a)), texts.map(lambda c: Argument(constant=c)))
_places = st.one_of(
    words.map(lambda c: (SecurableType.CATALOG, (c,))),
    st.tuples(words, words).map(lambda p: (SecurableType.SCHEMA, p)),
    table_names.map(lambda t: (SecurableType.TABLE, t.parts)),
)


@st.composite
def policies(draw) -> Policy:
    kind, parts = draw(_places)
    matches = draw(tuples(match_columns))
    return Policy(
        name=draw(words), kind=draw(st.sampled_from(PolicyKind)), securable_type=kind, securable=parts,
        to_principals=draw(tuples(words)), except_principals=draw(tuples(words)), function=draw(function_names),
        when=draw(st.none() | conditions), match_columns=matches,
        on_column=draw(st.sampled_from([m.alias for m in matches]) | st.none() if matches else st.none() | words),
        using=draw(tuples(arguments)), comment=draw(texts),
    )  # fmt: skip


@st.composite
def grants(draw) -> Grant:
    kind, parts = draw(_places)
    return Grant(securable_type=kind, securable=parts, principal=draw(words), privileges=draw(tuples(words)))


sql_types = st.sampled_from(["STRING", "DECIMAL(18, 2)", "BIGINT", "STRUCT<a: INT, b: ARRAY<STRING>>", "TIMESTAMP_NTZ", "DATE"])
bodies = st.sampled_from(
    [
        "NULL", "CASE WHEN email IS NULL THEN NULL ELSE 'a;b -- c' END", "concat(left(v, 1), '***') -- last", "r'\\'",
        "regexp_replace(v, '(\\\\d)', 'x')\n  /* ; */ || \"q\"", "`odd ``name` + 1", "is_account_group_member('it\\'s')",
    ]
)  # fmt: skip
literals = st.sampled_from(["NULL", "'a, b -> c'", "DATE '1980-05-01'", "1.5", "concat('a', 'b')", "'it\\'s'"])
examples = st.builds(FunctionExample, arguments=tuples(literals, max_size=2), returns=literals)
functions = st.builds(
    Function, name=function_names, role=st.sampled_from(FunctionRole),
    parameters=tuples(st.builds(Parameter, name=words, type=sql_types)), returns=sql_types, body=bodies,
    comment=texts.map(lambda t: t.replace("\0", "")), examples=tuples(examples),
)  # fmt: skip

snippets = st.builds(Snippet, sql=texts, display_name=texts, comment=texts, instruction=texts)
aliased = st.builds(Snippet, sql=texts, display_name=texts, alias=texts, comment=texts, instruction=texts)
joins = st.builds(
    Join, left_table=words, left_alias=texts, right_table=words, right_alias=texts, sql=texts, comment=texts, instruction=texts,
    relationship=st.sampled_from(["", "FROM_RELATIONSHIP_TYPE_MANY_TO_ONE"]),
)  # fmt: skip
spaces = st.builds(
    GenieSpace, name=words.filter(space_key), tables=tuples(table_names), title=texts, description=texts, instructions=texts,
    sample_questions=tuples(texts), benchmarks=tuples(st.builds(Benchmark, question=texts, sql=texts)), filters=tuples(snippets),
    expressions=tuples(aliased), measures=tuples(aliased), joins=tuples(joins), acl_groups=tuples(words), space_id=texts,
    warehouse_id=texts,
)  # fmt: skip

desired_states = st.builds(
    Desired, groups=tuples(groups, lambda g: g.name), members=st.dictionaries(words, tuples(words), max_size=2),
    tag_policies=tuples(tag_policies, lambda t: t.key), tag_permissions=tuples(tag_permissions, lambda p: (p.key, p.role)),
    schemas=tuples(st.tuples(words, words), lambda s: s), functions=tuples(functions, lambda f: f.name),
    tag_assignments=tuples(tag_assignments, lambda a: (a.entity_type, a.entity_name, a.key)),
    policies=tuples(policies(), lambda p: p.key), grants=tuples(grants(), lambda g: g.key),
    workspace_assignments=tuples(st.builds(WorkspaceAssignment, group=words, entitlements=tuples(words)), lambda s: s.group),
    warehouses=tuples(st.builds(Warehouse, name=words, id=texts, size=words, users=tuples(words)), lambda w: w.name),
    spaces=tuples(spaces, lambda s: s.key), tables=tuples(table_names, lambda t: t),
)  # fmt: skip
