"""What could have let a naked column, or a weaker protection, pass as the desired one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lampkeeper.deploy.verify.queries import why_not_comparable
from lampkeeper.deploy.verify.report import VerifyReport, findings_of
from lampkeeper.deploy.verify.structure import StructureCheck
from lampkeeper.model.access import Access, AccessModel, Principal
from lampkeeper.model.conditions import HasTag
from lampkeeper.model.desired import Desired
from lampkeeper.model.effective import compare, compute_matrix
from lampkeeper.model.findings import Severity
from lampkeeper.model.groups import EVERYBODY
from lampkeeper.model.masks import Function, FunctionRole, Parameter
from lampkeeper.model.names import FunctionName, TableName
from lampkeeper.model.policies import Argument, Grant, MatchColumn, Policy, PolicyKind, SecurableType
from lampkeeper.model.schema import Column, Table
from lampkeeper.model.tags import EntityType, TagAssignment
from lampkeeper.remote.directory import Directory
from lampkeeper.remote.live import Governed

pytestmark = pytest.mark.unit


def mask(body: str, name: str = "m", *parameters: str) -> Function:
    return Function(
        name=FunctionName("main", "gov", name),
        role=FunctionRole.MASK,
        parameters=tuple(Parameter(name=p, type="STRING") for p in ("s", *parameters)),
        returns="STRING",
        body=body,
    )


TABLE = Table(name=TableName("main", "s", "t"), columns=(Column(name="a", type="STRING"), Column(name="b", type="STRING")))
ANA = Principal(name="ana")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("concat('*  *', left(s, 0))", "concat('* *', left(s, 0))"),
        ("replace(s, '\n', '')", "replace(s, ' ', '')"),
        ("CASE WHEN true -- no\n THEN '***' ELSE s END", "CASE WHEN true -- no THEN '***' \n THEN s ELSE s END"),
        ("'***' -- \n || s", "'***' -- || s\n"),
        ("'***' /* '*/ || '/* ' */", "'***' /* '*/ || '/*  ' */"),
        ('"a  b"', '"a b"'),
        ("`a  b`", "`a b`"),
    ],
)
def test_functions_that_differ_in_a_string_or_behind_a_comment_have_different_digests(one: str, other: str) -> None:
    assert mask(one).digest != mask(other).digest


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("left(s, 1)", "  left(s,\n   1)  "),
        ("left(s, 1)", "left(s, -- one\n1) /* done /* nested */ */"),
        ("concat('--', s)", "concat('--',\ts)"),
        (r"concat('it\'s  ', s)", r"concat('it\'s  ',  s)"),
    ],
)
def test_blanks_and_comments_between_tokens_do_not_count(one: str, other: str) -> None:
    assert mask(one).digest == mask(other).digest


@pytest.mark.parametrize(
    "body",
    [
        "CASE WHEN current_user = 'eve@bank.example' THEN s ELSE '***' END",
        "CASE WHEN session_user IN ('eve') THEN s ELSE '***' END",
        "if(`is_account_group_member` ('x'), s, '***')",
        "CASE WHEN unix_timestamp() > 0 THEN s ELSE '***' END",
        "main.gov.helper(s)",
        "`main`.`gov`.`helper`(s)",
    ],
)
def test_a_mask_whose_result_hangs_on_who_when_or_what_else_is_not_taken_for_proven(body: str) -> None:
    assert why_not_comparable(mask(body))


@pytest.mark.parametrize("body", ["concat('current_user', s)", "left(s, 1)", "sha2(concat('SELECT ', s), 256)"])
def test_words_in_strings_prove_nothing(body: str) -> None:
    assert not why_not_comparable(mask(body))


def policy(function: Function, kind: PolicyKind, *using: Argument) -> Policy:
    is_mask = kind is PolicyKind.COLUMN_MASK
    return Policy(
        name="p",
        kind=kind,
        securable_type=SecurableType.TABLE,
        securable=TABLE.name.parts,
        to_principals=(EVERYBODY,),
        function=function.name,
        match_columns=(MatchColumn(alias="m", condition=HasTag("k")),),
        on_column="m" if is_mask else None,
        using=using,
    )


def model(*functions: Function, policy: Policy) -> AccessModel:
    place = TABLE.name.plain
    tag = TagAssignment(entity_type=EntityType.COLUMNS, entity_name=f"{place}.a", key="k")
    levels = (
        (SecurableType.CATALOG, 1, "USE_CATALOG"),
        (SecurableType.SCHEMA, 2, "USE_SCHEMA"),
        (SecurableType.TABLE, 3, "SELECT"),
    )
    grants = tuple(
        Grant(securable_type=kind, securable=TABLE.name.parts[:n], principal=EVERYBODY, privileges=(p,)) for kind, n, p in levels
    )
    return AccessModel(tables=(TABLE,), tags=(tag,), policies=(policy,), grants=grants, functions=functions)


def looser(before: AccessModel, after: AccessModel) -> list[str | None]:
    one, other = (compute_matrix(Access(m), [ANA]) for m in (before, after))
    return [c.column for c in compare(one, other) if str(c.direction) == "wider"]


def test_another_constant_in_a_policy_may_show_more() -> None:
    keep = mask("right(s, CAST(n AS INT))", "keep", "n")
    few, many = (policy(keep, PolicyKind.COLUMN_MASK, Argument(constant=n)) for n in ("0", "99"))
    assert looser(model(keep, policy=few), model(keep, policy=many)) == ["a"]


def test_another_body_of_a_row_filter_may_show_more() -> None:
    closed, opened = (replace(mask(body, "rows"), role=FunctionRole.FILTER, returns="BOOLEAN") for body in ("s = 'x'", "true"))
    held = policy(closed, PolicyKind.ROW_FILTER, Argument(alias="m"))
    assert looser(model(closed, policy=held), model(opened, policy=held)) == [None]


def test_another_body_of_a_function_that_a_mask_calls_may_show_more() -> None:
    outer = mask("main.gov.inner(s)", "outer")
    closed, opened = (mask(body, "inner") for body in ("'***'", "s"))
    held = policy(outer, PolicyKind.COLUMN_MASK)
    assert looser(model(outer, closed, policy=held), model(outer, opened, policy=held)) == ["a"]


def test_a_mask_that_calls_a_desired_function_is_as_good_as_that() -> None:
    outer, inner, model_options = mask("main.gov.inner(s)", "outer"), mask("left(s, 1)", "inner"), mask("current_user", "inner")
    assert not why_not_comparable(outer, {inner.name: inner})
    assert why_not_comparable(outer, {model_options.name: model_options})


LIVE = Governed(tables=(TABLE,), directory=Directory(groups={}, members={}, ids={}))


def test_a_column_that_the_design_has_never_seen_is_an_error() -> None:
    known = replace(TABLE, columns=TABLE.columns[:1])
    found = StructureCheck(Desired(tables=(TABLE.name,)), LIVE, (), "me").run([known]).findings
    assert [(f.code, f.severity, f.location) for f in found] == [("verify/unknown_column", Severity.ERROR, "main.s.t.b")]


def test_an_owner_that_nobody_granted_anything_is_named() -> None:
    live = replace(LIVE, owners={("TABLE", TABLE.name.plain): "eve", ("SCHEMA", "main.s"): "me", ("SCHEMA", "main.other"): "eve"})
    found = StructureCheck(Desired(tables=(TABLE.name,)), live, (), "me").run([TABLE]).findings
    assert [(f.code, f.severity, f.location) for f in found] == [("verify/owner", Severity.WARNING, "table main.s.t")]
    assert "eve" in found[0].message


def test_a_verification_that_compared_nothing_does_not_pass() -> None:
    report = VerifyReport(principals=(), cells=(), rows=(), findings=findings_of((), ()))
    assert not report.ok
