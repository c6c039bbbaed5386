"""The law of the verification: it fails exactly where what somebody sees is not what the expected access says."""

from dataclasses import replace

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from lampkeeper.deploy.verify.asking import TestPrincipal
from lampkeeper.deploy.verify.cells import CellCheck
from lampkeeper.deploy.verify.report import Status
from lampkeeper.model.access import Access, AccessModel, CellState, Principal, TableAccess
from lampkeeper.model.conditions import HasTagValue
from lampkeeper.model.groups import EVERYBODY
from lampkeeper.model.masks import Function, FunctionRole, Parameter
from lampkeeper.model.names import FunctionName, TableName
from lampkeeper.model.policies import Argument, Grant, MatchColumn, Policy, PolicyKind, SecurableType
from lampkeeper.model.schema import Column, Table
from lampkeeper.model.tags import EntityType, TagAssignment
from support.fake_warehouse import FakeWarehouse
from support.nightly import law

pytestmark = pytest.mark.unit

NAME = TableName("main", "s", "t")
COLUMNS = ("a", "b", "c")
TABLE = Table(name=NAME, columns=tuple(Column(name=c, type="STRING") for c in COLUMNS))
# Whatever rows a filter leaves, the value, its first letter and three stars are three different texts.
ROWS = [("bb", "cc", "dd"), ("cc", "bb", "ee"), ("cc", "bb", "ee"), ("dd", "ee", "bb")]
MASKS = {"first": "substr(value, 1, 1)", "stars": "'***'"}
# Root comes first, so that it is the reference: exempt from everything here and there, it really sees all.
PEOPLE = (
    Principal(name="root"),
    Principal(name="ana", groups=("staff",)),
    Principal(name="eve", groups=("officers", "staff")),
    Principal(name="otto"),
)


def function(name: str, body: str) -> Function:
    is_filter = name == "only_bb"
    return Function(
        name=FunctionName("main", "l", name),
        role=FunctionRole.FILTER if is_filter else FunctionRole.MASK,
        parameters=(Parameter(name="value", type="STRING"),),
        returns="BOOLEAN" if is_filter else "STRING",
        body=body,
    )


FUNCTIONS = (*(function(n, b) for n, b in MASKS.items()), function("only_bb", "value = 'bb'"))


def policy(key: str, brings: str, to: tuple[str, ...], exempt: tuple[str, ...]) -> Policy:
    is_filter = brings == "only_bb"
    return Policy(
        name=f"{key}_{brings}",
        kind=PolicyKind.ROW_FILTER if is_filter else PolicyKind.COLUMN_MASK,
        securable_type=SecurableType.CATALOG,
        securable=("main",),
        to_principals=to,
        except_principals=(*exempt, "root"),
        function=FunctionName("main", "l", brings),
        match_columns=(MatchColumn(alias="m", condition=HasTagValue("pii", key)),),
        on_column=None if is_filter else "m",
        using=(Argument(alias="m"),) if is_filter else (),
    )


def grant(principal: str) -> Grant:
    privileges = ("USE_CATALOG", "USE_SCHEMA", "SELECT")
    return Grant(securable_type=SecurableType.CATALOG, securable=("main",), principal=principal, privileges=privileges)


_groups = st.lists(st.sampled_from(("staff", "officers")), max_size=1).map(tuple)
_policies = st.builds(
    policy,
    st.sampled_from(("x", "y", "z")),
    st.sampled_from(("first", "stars", "only_bb")),
    st.sampled_from(((EVERYBODY,), ("staff",))),
    _groups,
)


@st.composite
def models(draw: st.DrawFn) -> AccessModel:
    policies = {p.name: p for p in draw(st.lists(_policies, max_size=3))}
    tags = draw(st.fixed_dictionaries({c: st.sampled_from(("x", "y", "z", "")) for c in COLUMNS}))
    return AccessModel(
        tables=(TABLE,),
        tags=tuple(
            TagAssignment(entity_type=EntityType.COLUMNS, entity_name=f"{NAME.plain}.{c}", key="pii", value=v)
            for c, v in tags.items()
            if v
        ),
        policies=tuple(policies.values()),
        grants=(grant("root"), *map(grant, draw(st.sets(st.sampled_from(("staff", "officers", "otto")))))),
        functions=FUNCTIONS,
    )


def refused(access: TableAccess) -> bool:
    return not access.readable or any(c.state is CellState.FAILING for c in access.cells.values())


def what_filter(access: TableAccess) -> object:
    return [(f.function, f.arguments) for f in access.filters]


@law(120)
@given(expected=models(), live=models(), swap=st.booleans())
def test_it_fails_exactly_where_somebody_sees_something_else(expected: AccessModel, live: AccessModel, swap: bool) -> None:
    if swap:
        live = replace(live, functions=(function("first", MASKS["stars"]), function("stars", MASKS["first"]), FUNCTIONS[2]))
    warehouse = FakeWarehouse(live=live, rows={NAME: ROWS})
    test_principals = [TestPrincipal(name=p.name, principal=p, query_runner=warehouse.as_(p)) for p in PEOPLE]
    found = CellCheck(Access(expected), test_principals, "salt", threads=1).run()
    bodies = {f.name: f.body for f in live.functions}
    meant = {f.name: f.body for f in expected.functions}
    for person in PEOPLE:
        ought, does = Access(expected).table(person, NAME), Access(live).table(person, NAME)
        cells = {c.column: c for c in found.cells if c.principal == person.name}
        rows = next(r for r in found.rows if r.principal == person.name)
        if refused(does):
            fine = not does.readable and not ought.readable
            assert {c.status for c in cells.values()} == {Status.OK if fine else Status.MISMATCH}
            event("refused, rightly" if fine else "refused, wrongly")
        elif not ought.readable:
            assert {c.status for c in cells.values()} == {Status.MISMATCH}
            event("readable, wrongly")
        elif refused(ought):
            failing = {c for c, cell in ought.cells.items() if cell.state is CellState.FAILING}
            assert {cells[c].status for c in failing} == {Status.MISMATCH}
            event("answers, though the desired state cannot")
        elif what_filter(ought) != what_filter(does):
            assert rows.status is Status.MISMATCH or any(c.status is not Status.OK for c in cells.values())
            event("another filter")
        else:
            assert rows.status is Status.OK
            for column, cell in cells.items():
                one = [meant[u.function] for u in ought.masks.get(column, ())][:1]
                two = [bodies[u.function] for u in does.masks.get(column, ())][:1]
                assert cell.status is (Status.OK if one == two else Status.MISMATCH)
                event("same" if one == two else "another mask")
