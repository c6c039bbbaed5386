"""The verification fails when, and only when, somebody sees what the expected access does not say."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from lampkeeper.deploy.verify.asking import TestPrincipal, refusal
from lampkeeper.deploy.verify.cells import CellCheck, Comparison
from lampkeeper.deploy.verify.report import Seen, Status, findings_of
from lampkeeper.model.access import Access, AccessModel, Principal
from lampkeeper.model.conditions import HasTagValue
from lampkeeper.model.errors import RemoteError
from lampkeeper.model.groups import EVERYBODY
from lampkeeper.model.masks import Function, FunctionRole, Parameter
from lampkeeper.model.names import FunctionName, TableName
from lampkeeper.model.policies import Argument, Grant, MatchColumn, Policy, PolicyKind, SecurableType
from lampkeeper.model.schema import Column, Table
from lampkeeper.model.tags import EntityType, TagAssignment
from support.fake_warehouse import FakeWarehouse

pytestmark = pytest.mark.unit

NAME = TableName("main", "s", "customers")
TABLE = Table(
    name=NAME,
    columns=tuple(
        Column(name=n, type=t)
        for n, t in (("id", "BIGINT"), ("e-mail `x`", "STRING"), ("phone", "STRING"), ("nothing", "STRING"), ("flag", "BOOLEAN"))
    ),
)
ROWS = [
    (1, "ana@bank.example", "+61 400 111", None, 1),
    (2, "ben@bank.example", "+61 400 222", None, 0),
    (2, "ben@bank.example", "+61 400 222", None, 0),
    (3, None, "+61 400 333", None, None),
]


def function(name: str, body: str, returns: str = "STRING", parameter: str = "value", takes: str = "STRING") -> Function:
    role = FunctionRole.FILTER if returns == "BOOLEAN" else FunctionRole.MASK
    parameters = (Parameter(name=parameter, type=takes),)
    return Function(name=FunctionName("main", "l", name), role=role, parameters=parameters, returns=returns, body=body)


EMAIL = function("mask_email", "CASE WHEN value IS NULL THEN NULL ELSE concat(substr(value, 1, 1), '***value') END")
PHONE = function("mask_phone", "concat('***', substr(value, -3))")
AML = function("filter_aml", "NOT flag", "BOOLEAN", "flag", "BOOLEAN")


def policy(name: str, key: str, brings: Function) -> Policy:
    is_filter = brings.role is FunctionRole.FILTER
    return Policy(
        name=name,
        kind=PolicyKind.ROW_FILTER if is_filter else PolicyKind.COLUMN_MASK,
        securable_type=SecurableType.CATALOG,
        securable=("main",),
        to_principals=(EVERYBODY,),
        except_principals=("officers",),
        function=brings.name,
        match_columns=(MatchColumn(alias="m", condition=HasTagValue("pii", key)),),
        on_column=None if is_filter else "m",
        using=(Argument(alias="m"),) if is_filter else (),
    )


def tag(column: str, value: str) -> TagAssignment:
    return TagAssignment(entity_type=EntityType.COLUMNS, entity_name=f"{NAME.plain}.{column}", key="pii", value=value)


def grant(principal: str) -> Grant:
    privileges = ("USE_CATALOG", "USE_SCHEMA", "SELECT")
    return Grant(securable_type=SecurableType.CATALOG, securable=("main",), principal=principal, privileges=privileges)


EXPECTED = AccessModel(
    tables=(TABLE,),
    tags=(tag("e-mail `x`", "email"), tag("phone", "phone"), tag("nothing", "phone"), tag("flag", "aml")),
    policies=(policy("p_email", "email", EMAIL), policy("p_phone", "phone", PHONE), policy("p_aml", "aml", AML)),
    grants=(grant("analysts"), grant("officers")),
    functions=(EMAIL, PHONE, AML),
)
ANALYST = Principal(name="analyst", groups=("analysts",))
OFFICER = Principal(name="officer", groups=("officers",))
OUTSIDER = Principal(name="outsider")


def verify(live: AccessModel, rows: list[tuple[object, ...]] = ROWS, expected: AccessModel = EXPECTED) -> Comparison:
    warehouse = FakeWarehouse(live=live, rows={NAME: rows})
    test_principals = [
        TestPrincipal(name=p.name, principal=p, query_runner=warehouse.as_(p)) for p in (ANALYST, OFFICER, OUTSIDER)
    ]
    return CellCheck(Access(expected), test_principals, "salt", threads=1).run()


def bad(found: Comparison) -> set[tuple[str, str, str]]:
    return {(c.principal, c.column.column, str(c.seen)) for c in found.cells if c.status is Status.MISMATCH}


def test_what_was_deployed_as_expected_passes_with_one_query_per_table_and_identity() -> None:
    found = verify(EXPECTED)
    assert bad(found) == set()
    assert found.queries == 3
    status = {(c.principal, c.column.column): c.status for c in found.cells}
    assert status[("analyst", "e-mail `x`")] is status[("officer", "phone")] is status[("outsider", "id")] is Status.OK
    assert {r.principal: (r.expected, r.seen) for r in found.rows} == {
        "analyst": (2, 2),
        "officer": (4, 4),
        "outsider": (None, None),
    }


def test_a_column_of_nulls_proves_nothing_and_says_so() -> None:
    found = verify(EXPECTED)
    unproven = {(c.principal, c.column.column) for c in found.cells if c.status is Status.UNPROVEN}
    assert unproven == {("analyst", "nothing"), ("officer", "nothing")}
    assert [f.code for f in findings_of(tuple(found.cells), tuple(found.rows))] == ["verify/unproven"]


def test_an_empty_table_proves_no_mask_and_no_filter() -> None:
    found = verify(EXPECTED, rows=[])
    assert {c.status for c in found.cells if c.column.column == "phone" and c.principal != "outsider"} == {Status.UNPROVEN}
    assert next(r for r in found.rows if r.principal == "analyst").status is Status.UNPROVEN


def without(name: str) -> Callable[[AccessModel], AccessModel]:
    return lambda m: replace(m, policies=tuple(p for p in m.policies if p.name != name))


def swapped(m: AccessModel) -> AccessModel:
    return replace(m, functions=(replace(EMAIL, body=PHONE.body), PHONE, AML))


def wrong(m: AccessModel) -> AccessModel:
    return replace(m, policies=(replace(m.policies[0], function=PHONE.name), *m.policies[1:]))


def with_grant(m: AccessModel) -> AccessModel:
    return replace(m, grants=(*m.grants, grant("outsider")))


def without_grant(m: AccessModel) -> AccessModel:
    return replace(m, grants=m.grants[1:])


def doubly_masked(m: AccessModel) -> AccessModel:
    return replace(m, policies=(*m.policies, replace(m.policies[0], name="again", function=PHONE.name)))


def over_masked(m: AccessModel) -> AccessModel:
    return replace(m, policies=(replace(m.policies[0], to_principals=("analysts",), except_principals=()), *m.policies[1:]))


ALL = ("id", "e-mail `x`", "phone", "nothing", "flag")


@pytest.mark.parametrize(
    ("tamper", "expected"),
    [
        (without("p_email"), {("analyst", "e-mail `x`", "raw")}),
        (wrong, {("analyst", "e-mail `x`", "other")}),
        (swapped, {("analyst", "e-mail `x`", "other")}),
        (without_grant, {("analyst", c, "hidden") for c in ALL}),
        (
            with_grant,
            {("outsider", "id", "raw"), ("outsider", "e-mail `x`", "masked"), ("outsider", "phone", "masked"),
             ("outsider", "nothing", "raw"), ("outsider", "flag", "raw")},
        ),
        (doubly_masked, {("analyst", c, "failing") for c in ALL}),
        (over_masked, set()),
    ],
    ids=["policy removed", "wrong mask", "swapped function", "grant lost", "extra grant", "two masks", "said in other words"],
)  # fmt: skip
def test_what_was_tampered_with_is_named(
    tamper: Callable[[AccessModel], AccessModel], expected: set[tuple[str, str, str]]
) -> None:
    found = verify(tamper(EXPECTED))
    assert bad(found) == expected
    errors = [f for f in findings_of(tuple(found.cells), tuple(found.rows)) if f.code == "verify/mismatch"]
    assert len(errors) == len(expected)
    for who, column, seen in expected:
        assert any(
            f.location == f"{who}: {TABLE.column_names()[ALL.index(column)]}" and f"saw {seen}" in f.message for f in errors
        )


def test_a_lost_row_filter_shows_in_the_row_count_and_not_in_the_columns() -> None:
    found = verify(without("p_aml")(EXPECTED))
    assert bad(found) == set()
    assert [(r.principal, r.expected, r.seen) for r in found.rows if r.status is Status.MISMATCH] == [("analyst", 2, 4)]


def test_a_row_filter_whose_answer_hangs_on_the_moment_proves_nothing_and_fails() -> None:
    moody = replace(AML, body="NOT flag OR current_timestamp < '1990'")
    model = replace(EXPECTED, functions=(EMAIL, PHONE, moody))
    found = verify(model, expected=model)
    assert {r.principal: r.status for r in found.rows}["analyst"] is Status.UNTESTED
    errors = [f for f in findings_of(tuple(found.cells), tuple(found.rows)) if f.code == "verify/untested"]
    assert [f.location for f in errors] == [f"analyst: {NAME}"]


def test_an_exempt_group_that_lost_its_exemption_is_never_a_clean_pass() -> None:
    live = replace(EXPECTED, policies=tuple(replace(p, except_principals=()) for p in EXPECTED.policies))
    found = verify(live)
    officer = [r for r in found.rows if r.principal == "officer"]
    assert officer[0].status is Status.UNPROVEN  # it compares with itself: the structure check is what names the policy
    assert findings_of(tuple(found.cells), tuple(found.rows))


def test_a_mask_that_nobody_is_exempt_from_is_untested_and_said_so() -> None:
    warehouse = FakeWarehouse(live=EXPECTED, rows={NAME: ROWS})
    test_principals = [TestPrincipal(name=p.name, principal=p, query_runner=warehouse.as_(p)) for p in (ANALYST, OUTSIDER)]
    found = CellCheck(Access(EXPECTED), test_principals, "salt", threads=1).run()
    status = {c.column.column: c.status for c in found.cells if c.principal == "analyst"}
    assert status["phone"] is status["e-mail `x`"] is Status.UNTESTED
    assert status["id"] is Status.OK
    assert {(c.status, c.seen) for c in found.cells if c.principal == "outsider"} == {(Status.OK, Seen.HIDDEN)}
    findings = findings_of(tuple(found.cells), tuple(found.rows))
    assert {f.location.rsplit(".", 1)[1] for f in findings if f.code == "verify/no_reference"} == {
        "`e-mail ``x```",
        "phone",
        "nothing",
    }


def test_a_reference_that_is_refused_is_wrong_itself_and_leaves_the_masks_untested() -> None:
    live = replace(EXPECTED, grants=EXPECTED.grants[:1])
    warehouse = FakeWarehouse(live=live, rows={NAME: ROWS})
    test_principals = [TestPrincipal(name=p.name, principal=p, query_runner=warehouse.as_(p)) for p in (ANALYST, OFFICER)]
    found = CellCheck(Access(EXPECTED), test_principals, "salt", threads=1).run()
    status = {c.column.column: c.status for c in found.cells if c.principal == "analyst"}
    assert status == {"id": Status.OK, "flag": Status.OK} | dict.fromkeys(("e-mail `x`", "phone", "nothing"), Status.UNTESTED)
    assert {(c.status, c.seen) for c in found.cells if c.principal == "officer"} == {(Status.MISMATCH, Seen.HIDDEN)}


def test_a_mask_that_asks_who_is_asking_is_untested_not_passed() -> None:
    personal = replace(EMAIL, body="CASE WHEN is_account_group_member('x') THEN value ELSE '***' END")
    expected = replace(EXPECTED, functions=(personal, PHONE, AML))
    found = verify(replace(expected, functions=(replace(EMAIL, body="'***'"), PHONE, AML)), expected=expected)
    cell = next(c for c in found.cells if c.principal == "analyst" and c.column.column == "e-mail `x`")
    assert (cell.status, cell.detail) == (Status.UNTESTED, "its result depends on the principal")


@pytest.mark.parametrize(
    ("code", "status", "denied"),
    [
        ("INSUFFICIENT_PERMISSIONS", 200, True),
        ("PERMISSION_DENIED", 403, True),
        ("TABLE_OR_VIEW_NOT_FOUND", 200, False),
        ("COLUMN_MASKS_FEATURE_NOT_SUPPORTED.MULTIPLE_MASKS", 200, False),
    ],
)
def test_only_a_refusal_by_privileges_is_a_denial(code: str, status: int, denied: bool) -> None:
    assert refusal(RemoteError("x", code=code, status=status)).denied is denied


@pytest.mark.parametrize(("code", "status"), [("NO_ANSWER", 0), ("UNAUTHENTICATED", 401), ("INTERNAL_ERROR", 500)])
def test_what_says_nothing_about_the_table_is_no_verdict(code: str, status: int) -> None:
    with pytest.raises(RemoteError):
        refusal(RemoteError("x", code=code, status=status))
