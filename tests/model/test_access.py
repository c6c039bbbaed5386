"""Who sees what: one fact a test, and laws over random models."""

from dataclasses import replace

import pytest
from hypothesis import given

from lampkeeper.model.access import Access, AccessModel, CellState, Principal
from lampkeeper.model.conditions import HasTag, HasTagValue
from lampkeeper.model.controls import TableControl
from lampkeeper.model.effective import combinations, compute_matrix, relevant_groups, standard_principals
from lampkeeper.model.groups import EVERYBODY
from lampkeeper.model.names import ColumnName, FunctionName
from lampkeeper.model.policies import Argument, Grant, MatchColumn, Policy, PolicyKind, SecurableType
from lampkeeper.model.tags import EntityType, TagAssignment
from support.access_models import FUNCTIONS, TABLES, access_models, principals
from support.nightly import law

pytestmark = pytest.mark.unit

TABLE = TABLES[0].name
A, B = ColumnName(TABLE, "a"), ColumnName(TABLE, "b")
ANA = Principal(name="ana", groups=("staff",))


def grant(principal: str = "staff", *privileges: str, on: tuple[str, ...] = ("main",)) -> Grant:
    kind = (SecurableType.CATALOG, SecurableType.SCHEMA, SecurableType.TABLE)[len(on) - 1]
    return Grant(
        securable_type=kind,
        securable=on,
        principal=principal,
        privileges=privileges or ("USE_CATALOG", "USE_SCHEMA", "SELECT"),
    )


def mask(name: str = "p", **changes: object) -> Policy:
    base = Policy(
        name=name,
        kind=PolicyKind.COLUMN_MASK,
        securable_type=SecurableType.CATALOG,
        securable=("main",),
        to_principals=(EVERYBODY,),
        except_principals=("officers",),
        function=FUNCTIONS[0].name,
        match_columns=(MatchColumn(alias="m", condition=HasTagValue("pii", "email")),),
        on_column="m",
    )
    return replace(base, **changes)  # type: ignore[arg-type]


def row_filter(name: str = "f", function: FunctionName = FUNCTIONS[2].name) -> Policy:
    return mask(name, kind=PolicyKind.ROW_FILTER, function=function, on_column=None, using=(Argument(alias="m"),))


def tag(column: ColumnName, value: str = "email", key: str = "pii") -> TagAssignment:
    return TagAssignment(entity_type=EntityType.COLUMNS, entity_name=column.plain, key=key, value=value)


def model(**values: object) -> AccessModel:
    base = AccessModel(tables=TABLES, tags=(tag(A),), policies=(mask(),), grants=(grant(),), functions=FUNCTIONS)
    return replace(base, **values)  # type: ignore[arg-type]


def state(of: AccessModel, principal: Principal = ANA, column: ColumnName = A) -> CellState:
    return Access(of).table(principal, column.table).cells[column].state


def test_a_tagged_column_is_masked_and_an_untagged_one_is_not() -> None:
    assert state(model()) is CellState.MASKED
    assert state(model(), column=B) is CellState.RAW


def test_exempt_beats_addressed() -> None:
    assert state(model(), Principal(name="eve", groups=("staff", "officers"))) is CellState.RAW


def test_exemption_reaches_through_nested_groups() -> None:
    nested = model(members={"officers": ("aml",), "aml": ("eve",)})
    assert state(nested, Principal(name="eve", groups=("staff",))) is CellState.RAW


def test_a_group_cycle_ends() -> None:
    looped = model(members={"staff": ("officers",), "officers": ("staff",)})
    assert state(looped) is CellState.RAW


def test_who_is_not_in_to_sees_raw() -> None:
    assert state(model(policies=(mask(to_principals=("others",), except_principals=()),))) is CellState.RAW


@pytest.mark.parametrize(
    "grants",
    [
        (),
        (grant("staff", "USE_CATALOG", "USE_SCHEMA"),),
        (grant("staff", "SELECT", "USE_SCHEMA"),),
        (grant("others"),),
        (grant("staff", "ALL_PRIVILEGES", on=("main", "s", "t")),),
    ],
)
def test_a_missing_privilege_hides_the_table(grants: tuple[Grant, ...]) -> None:
    assert state(model(grants=grants)) is CellState.HIDDEN


def test_the_owner_reads_but_is_bound_by_the_policy() -> None:
    owned = model(grants=(grant("staff", "USE_CATALOG", "USE_SCHEMA"),), owners={("TABLE", TABLE.plain): "ana"})
    assert state(owned) is CellState.MASKED


def test_tag_keys_and_values_are_case_sensitive_and_names_are_not() -> None:
    assert state(model(tags=(tag(A, "Email"),))) is CellState.RAW
    upper = TagAssignment(entity_type=EntityType.COLUMNS, entity_name=A.plain.upper(), key="pii", value="email")
    assert state(model(tags=(upper,))) is CellState.MASKED


def test_columns_inherit_no_tag_but_tables_do() -> None:
    on_table = TagAssignment(entity_type=EntityType.TABLES, entity_name=TABLE.plain, key="pii", value="email")
    on_catalog = TagAssignment(entity_type=EntityType.CATALOGS, entity_name="main", key="scope", value="")
    assert state(model(tags=(on_table,))) is CellState.RAW
    gated = (mask(when=HasTag("scope")),)
    assert state(model(tags=(tag(A), on_catalog), policies=gated)) is CellState.MASKED
    assert state(model(policies=gated)) is CellState.RAW


def test_two_distinct_masks_fail_and_the_same_twice_is_fine() -> None:
    assert state(model(policies=(mask(), mask("q", function=FUNCTIONS[1].name)))) is CellState.FAILING
    assert state(model(policies=(mask(), mask("q")))) is CellState.MASKED


def test_two_distinct_filters_fail_every_column() -> None:
    other = replace(FUNCTIONS[2], name=FunctionName("main", "lampkeeper", "other"))
    both = model(policies=(row_filter(), row_filter("g", other.name)), functions=(*FUNCTIONS, other))
    assert {state(both), state(both, column=B)} == {CellState.FAILING}


def test_a_function_that_is_gone_fails_the_table() -> None:
    assert state(model(functions=FUNCTIONS[1:]), column=B) is CellState.FAILING


@law(150)
@given(of=access_models(), principal=principals)
def test_a_hidden_table_is_hidden_in_every_column_and_a_readable_one_in_none(of: AccessModel, principal: Principal) -> None:
    access = Access(of)
    for table in of.tables:
        seen = access.table(principal, table.name)
        assert {c.state is CellState.HIDDEN for c in seen.cells.values()} == {not seen.readable}


@law(150)
@given(of=access_models(), principal=principals)
def test_a_conflict_is_reported_where_and_only_where_queries_fail_for_it(of: AccessModel, principal: Principal) -> None:
    access = Access(of)
    reported = {c.table for c in access.conflicts([principal])}
    for table in of.tables:
        seen = access.table(principal, table.name)
        failing = [c.by for c in seen.cells.values() if c.state is CellState.FAILING]
        if any("UC_DEPENDENCY" not in by for by in failing):
            assert table.name in reported
        if seen.readable and table.name in reported:
            assert failing


def test_what_is_set_on_a_table_binds_everybody_and_meets_policies() -> None:
    hide, blur = (TableControl(table=TABLE, column="A", function=f.name) for f in FUNCTIONS[:2])
    exempt = (mask(except_principals=("ana",)),)
    assert state(model(policies=(), controls=(hide,))) is CellState.MASKED
    assert state(model(policies=exempt, controls=(hide,))) is CellState.MASKED
    assert state(model(controls=(hide,))) is CellState.MASKED  # the same function with the same arguments counts once
    assert state(model(controls=(blur,))) is CellState.FAILING
    assert state(model(controls=(replace(blur, column="gone"),))) is CellState.MASKED
    (found,) = Access(model(controls=(blur,))).conflicts([Principal(name="ana")])
    assert (found.securable, [u.function for u in found.uses]) == ("main.s.t.a", [FUNCTIONS[0].name, FUNCTIONS[1].name])


@law(150)
@given(of=access_models(), principal=principals)
def test_the_order_of_anything_changes_nothing(of: AccessModel, principal: Principal) -> None:
    turned = replace(of, policies=of.policies[::-1], grants=of.grants[::-1], tags=of.tags[::-1], tables=of.tables[::-1])
    one, two = (compute_matrix(Access(m), [principal]) for m in (of, turned))
    assert {k: c.state for k, c in one.cells.items()} == {k: c.state for k, c in two.cells.items()}


@law(100)
@given(of=access_models())
def test_a_person_sees_what_anybody_in_the_same_groups_sees(of: AccessModel) -> None:
    free = replace(of, policies=(), grants=tuple(g for g in of.grants if g.principal not in ("ana", "ben", "eve")), owners={})
    access = Access(free)
    for person in ("ana", "ben", "eve"):
        groups = tuple(sorted(access.identities(Principal(name=person)) - {person, EVERYBODY}))
        twin = Principal(name="twin", groups=groups)
        for table in free.tables:
            assert access.table(Principal(name=person), table.name).cells == access.table(twin, table.name).cells


def test_combinations_are_what_people_hold_nested_ones_included_and_the_empty_one() -> None:
    access = Access(model(members={"officers": ("aml",), "aml": ("eve",), "staff": ("ana", "eve"), "empty": ()}))
    assert combinations(access) == (frozenset(), frozenset({"aml", "officers", "staff"}), frozenset({"staff"}))
    assert relevant_groups(access) == ("aml", "empty", "officers", "staff")
    assert "eve" in {p.name for p in standard_principals(access)}
