"""The law of batches: several tables per statement give the results that one statement per table gives, refusals included."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from lampkeeper.deploy.verify import asking, cells, queries
from lampkeeper.deploy.verify.asking import TestPrincipal, lacks_use
from lampkeeper.deploy.verify.cells import CellCheck, Comparison
from lampkeeper.deploy.verify.statements import read_statement
from lampkeeper.model.access import Access, AccessModel, Principal
from lampkeeper.model.conditions import HasTagValue
from lampkeeper.model.errors import InternalError, RemoteError
from lampkeeper.model.groups import EVERYBODY
from lampkeeper.model.masks import Function, FunctionRole, Parameter
from lampkeeper.model.names import FunctionName, TableName
from lampkeeper.model.policies import Argument, Grant, MatchColumn, Policy, PolicyKind, SecurableType
from lampkeeper.model.schema import Column, Table
from lampkeeper.model.tags import EntityType, TagAssignment
from support.fake_warehouse import FakeWarehouse
from support.nightly import law

WIDE = tuple(f"c{n}" for n in range(7))
NAMES = [TableName(c, s, t) for c in ("main", "side") for s in ("s", "u") for t in ("one", "two", "wide")]
TABLES = tuple(
    Table(name=n, columns=tuple(Column(name=c, type="STRING") for c in (WIDE if n.table == "wide" else ("a", "b"))))
    for n in NAMES
)
ROWS = {t.name: [tuple(f"{r}{c}" for c in range(len(t.columns))) for r in ("x", "y", "z")] for t in TABLES}
PEOPLE = (
    Principal(name="root"),
    Principal(name="ana", groups=("staff",)),
    Principal(name="eve", groups=("officers", "staff")),
    Principal(name="otto"),
)
USE = {"CATALOG": "USE_CATALOG", "SCHEMA": "USE_SCHEMA", "TABLE": "SELECT"}


@pytest.fixture(autouse=True)
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make tables of seven columns wide, and statements and groups small, so that every limit is met."""
    monkeypatch.setattr(queries, "COLUMNS_PER_QUERY", 4)
    monkeypatch.setattr(asking, "ANSWERS_PER_STATEMENT", 16)
    monkeypatch.setattr(asking, "TABLES_PER_STATEMENT", 5)
    monkeypatch.setattr(cells, "TABLES_PER_GROUP", 7)


def function(name: str, body: str, returns: str = "STRING") -> Function:
    role = FunctionRole.FILTER if returns == "BOOLEAN" else FunctionRole.MASK
    return Function(
        name=FunctionName("main", "l", name), role=role, parameters=(Parameter(name="value", type="STRING"),), returns=returns,
        body=body,
    )  # fmt: skip


FUNCTIONS = (function("first", "substr(value, 1, 1)"), function("stars", "'***'"), function("only_x", "value = 'x0'", "BOOLEAN"))


def policy(catalog: str, key: str, brings: str) -> Policy:
    is_filter = brings == "only_x"
    return Policy(
        name=f"{key}_{brings}",
        kind=PolicyKind.ROW_FILTER if is_filter else PolicyKind.COLUMN_MASK,
        securable_type=SecurableType.CATALOG,
        securable=(catalog,),
        to_principals=(EVERYBODY,),
        except_principals=("officers", "root"),
        function=FunctionName("main", "l", brings),
        match_columns=(MatchColumn(alias="m", condition=HasTagValue("pii", key)),),
        on_column=None if is_filter else "m",
        using=(Argument(alias="m"),) if is_filter else (),
    )


def grants(principal: str, kind: SecurableType, securable: tuple[str, ...], *privileges: str) -> Grant:
    return Grant(securable_type=kind, securable=securable, principal=principal, privileges=privileges)


ROOT = tuple(grants("root", SecurableType.CATALOG, (c,), *USE.values()) for c in ("main", "side"))
_securables = st.sampled_from(
    [(SecurableType.CATALOG, (c,)) for c in ("main", "side")]
    + [(SecurableType.SCHEMA, n.parts[:2]) for n in NAMES]
    + [(SecurableType.TABLE, n.parts) for n in NAMES]
)
_grants = st.lists(
    st.builds(
        lambda place, who, all_three: grants(who, *place, *(USE.values() if all_three else [USE[str(place[0])]])),
        _securables, st.sampled_from(("staff", "officers", "otto")), st.booleans(),
    ),
    max_size=8,
)  # fmt: skip
_policies = st.lists(
    st.builds(
        policy, st.sampled_from(("main", "side")), st.sampled_from(("x", "y")), st.sampled_from(("first", "stars", "only_x"))
    ),
    max_size=4,
).map(lambda ps: tuple({(p.securable, p.name): p for p in ps}.values()))
_tags = st.lists(
    st.tuples(st.sampled_from(TABLES), st.integers(0, 6), st.sampled_from(("x", "y"))), max_size=12
).map(
    lambda ts: tuple(
        TagAssignment(
            entity_type=EntityType.COLUMNS, entity_name=f"{t.name.plain}.{t.columns[n % len(t.columns)].name}", key="pii", value=v
        )
        for t, n, v in ts
    )
)  # fmt: skip


@st.composite
def models(draw: st.DrawFn) -> AccessModel:
    tags = {t.entity_name: t for t in draw(_tags)}
    return AccessModel(
        tables=TABLES, tags=tuple(tags.values()), policies=draw(_policies), grants=(*ROOT, *draw(_grants)), functions=FUNCTIONS
    )


def compared(
    expected: AccessModel, live: AccessModel, *, batched: bool, threads: int = 1
) -> tuple[Comparison, list[tuple[str, str]]]:
    warehouse = FakeWarehouse(live=live, rows=ROWS)
    asked = [TestPrincipal(name=p.name, principal=p, query_runner=warehouse.as_(p)) for p in PEOPLE]
    check = CellCheck(Access(expected), asked, "salt", threads, live=Access(live), batched=batched)
    return check.run(), warehouse.asked


def same(one: Comparison, other: Comparison) -> bool:
    return (one.cells, one.rows, one.references) == (other.cells, other.rows, other.references)


@law(150)
@given(
    expected=models(),
    live=st.none() | models(),
    gone=st.sets(st.sampled_from(NAMES), max_size=2),
    threads=st.sampled_from((1, 8)),
)
def test_batches_change_no_result(expected: AccessModel, live: AccessModel | None, gone: set[TableName], threads: int) -> None:
    there = live or expected
    there = replace(there, tables=tuple(t for t in there.tables if t.name not in gone))
    alone, _ = compared(expected, there, batched=False)
    together, statements = compared(expected, there, batched=True, threads=threads)
    assert same(alone, together)
    assert together.queries == len(statements)
    seen = {str(c.seen) for c in together.cells}
    event(f"missing tables: {bool(gone)}, as expected: {live is None}, {', '.join(sorted(seen))}")


@law(60)
@given(model=models(), lost=st.sampled_from(NAMES), who=st.sampled_from(("staff", "officers")))
def test_one_refused_or_failing_table_leaves_the_others_as_they_are(model: AccessModel, lost: TableName, who: str) -> None:
    everywhere = tuple(
        grants(g, SecurableType.CATALOG, (c,), *USE.values()) for c in ("main", "side") for g in ("staff", "officers")
    )
    expected = replace(model, grants=(*ROOT, *everywhere))
    broken = TagAssignment(entity_type=EntityType.COLUMNS, entity_name=f"{lost.plain}.{WIDE[0]}", key="pii", value="z")
    two_masks = tuple(
        replace(policy(lost.catalog, "z", name), except_principals=("root",), to_principals=(who,)) for name in ("first", "stars")
    )
    live = replace(expected, tags=(*expected.tags, broken), policies=(*expected.policies, *two_masks))
    alone, singly = compared(expected, live, batched=False)
    together, statements = compared(expected, live, batched=True)
    assert same(alone, together)
    assert len(statements) <= len(singly) + 4


def test_what_is_as_expected_takes_a_fraction_of_the_statements(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "ANSWERS_PER_STATEMENT", 500)
    monkeypatch.setattr(asking, "TABLES_PER_STATEMENT", 40)
    monkeypatch.setattr(cells, "TABLES_PER_GROUP", 40)
    staff = tuple(grants("staff", SecurableType.CATALOG, (c,), *USE.values()) for c in ("main", "side"))
    model = AccessModel(tables=TABLES, grants=(*ROOT, *staff), functions=FUNCTIONS)
    alone, singly = compared(model, model, batched=False)
    together, statements = compared(model, model, batched=True)
    assert same(alone, together)
    # The reference and two readers each get one; who may use neither catalog is refused once in each.
    assert len(singly) == 4 * 8 + 4 * 7
    assert len(statements) == 1 + 2 + 2


def test_a_table_that_nobody_could_read_is_asked_alone_even_if_its_catalog_is_closed() -> None:
    model = AccessModel(tables=TABLES, grants=ROOT, functions=FUNCTIONS)
    there = replace(model, tables=tuple(t for t in TABLES if t.name.table != "two"))
    together, statements = compared(model, there, batched=True)
    alone, _ = compared(model, there, batched=False)
    assert same(alone, together)
    gone = [sql for who, sql in statements if who == "otto" and "`two`" in sql]
    assert len(gone) == 4


def test_a_grant_that_the_workspace_shows_is_never_inferred_away() -> None:
    """The files say that otto may use nothing; live grants that say otherwise leave nothing to infer."""
    expected = AccessModel(tables=TABLES, grants=ROOT, functions=FUNCTIONS)
    extra = grants("otto", SecurableType.CATALOG, ("main",), "USE_CATALOG")
    open_table = grants("otto", SecurableType.TABLE, ("main", "u", "two"), "SELECT")
    schema = grants("otto", SecurableType.SCHEMA, ("main", "u"), "USE_SCHEMA")
    live = replace(expected, grants=(*ROOT, extra, schema, open_table))
    together, _ = compared(expected, live, batched=True)
    alone, _ = compared(expected, live, batched=False)
    assert same(alone, together)
    assert {r.table for r in together.rows if r.principal == "otto" and r.seen is not None} == {TableName("main", "u", "two")}


@pytest.mark.parametrize(
    ("message", "container"),
    [
        ("Insufficient privileges: User does not have USE CATALOG on Catalog 'main'. SQLSTATE: 42501", ("main",)),
        ("User does not have USE SCHEMA on Schema 'MAIN.s'.", ("main", "s")),
        ("User does not have permission USE SCHEMA on Schema 'main.s'.", ("main", "s")),
        ("User does not have USE SCHEMA on Schema 'main.other'.", None),
        ("User does not have SELECT on Table 'main.s.one'.", None),
    ],
)
def test_only_the_table_s_own_catalog_or_schema_is_taken_from_a_refusal(message: str, container: tuple[str, ...] | None) -> None:
    assert lacks_use(RemoteError(message, code="INSUFFICIENT_PERMISSIONS"), NAMES[0]) == container


def test_a_place_without_a_row_is_an_empty_table_and_a_row_without_a_place_an_error() -> None:
    question = queries.probe_questions(TABLES[0])[0]
    rows = [["1", "0", "3", "7"], ["1", "1", "2", "8"], ["1", "2", "3", "9"]]
    found = [answers for _, answers in read_statement([question, question], rows)]
    assert found == [["0", "0:0", "0:0"], ["3", "2:8", "3:9"]]
    for wrong in (["2", "0", "1", "1"], ["0", "3", "1", "1"], rows[0]):
        with pytest.raises(InternalError, match="4 rows answer 6 places"):
            list(read_statement([question, question], [*rows, wrong]))
