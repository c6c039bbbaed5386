"""What should stand and what stands besides: each difference is a finding that names it."""

from dataclasses import replace

import pytest

from lampkeeper.deploy.verify.structure import StructureCheck, policy_differences
from lampkeeper.model.codecs import encode_policy
from lampkeeper.model.conditions import HasTagValue
from lampkeeper.model.desired import Desired
from lampkeeper.model.groups import Group
from lampkeeper.model.names import ColumnName
from lampkeeper.model.policies import Argument, Grant, MatchColumn, Policy, PolicyKind, SecurableType
from lampkeeper.model.tags import EntityType, TagAssignment, TagPolicy
from lampkeeper.remote.directory import Directory
from lampkeeper.remote.live import Governed
from lampkeeper.remote.securables import LivePolicy
from support.access_models import FUNCTIONS, TABLES

pytestmark = pytest.mark.unit

TABLE = TABLES[0]
POLICY = Policy(
    name="mask_email",
    kind=PolicyKind.COLUMN_MASK,
    securable_type=SecurableType.CATALOG,
    securable=("main",),
    to_principals=("account users",),
    except_principals=("officers",),
    function=FUNCTIONS[0].name,
    match_columns=(MatchColumn(alias="m", condition=HasTagValue("pii", "email")),),
    on_column="m",
)
TAG = TagAssignment(entity_type=EntityType.COLUMNS, entity_name=ColumnName(TABLE.name, "a").plain, key="pii", value="email")
GRANT = Grant(securable_type=SecurableType.TABLE, securable=TABLE.name.parts, principal="staff", privileges=("SELECT",))
RETYPED = (replace(TABLE.columns[0], type="STRUCT<ssn: STRING>"), *TABLE.columns[1:])
TAGS = TagPolicy(key="pii", values=("email",))
DESIRED = Desired(
    groups=(Group(name="officers"), Group(name="staff")),
    members={"officers": ("olga",)},
    tag_policies=(TAGS,),
    functions=(FUNCTIONS[0],),
    tag_assignments=(TAG,),
    policies=(POLICY,),
    grants=(GRANT,),
    tables=(TABLE.name,),
)


def found(policy: Policy) -> LivePolicy:
    return LivePolicy(raw=encode_policy(policy), policy=policy)


LIVE = Governed(
    tables=(TABLE,),
    tags=(TAG,),
    policies=(found(POLICY),),
    grants=(GRANT,),
    functions=(FUNCTIONS[0],),
    directory=Directory(groups={"officers": "1", "staff": "2"}, members={"officers": ("olga",)}, ids={}),
)


def codes(
    live: Governed = LIVE, tag_policies: tuple[TagPolicy, ...] = (TAGS,), operators: tuple[str, ...] = ()
) -> list[tuple[str, str]]:
    structure = StructureCheck(DESIRED, live, tag_policies, "admin", operators).run([TABLE])
    return [(f.code.removeprefix("verify/"), str(f.severity)) for f in structure.findings]


@pytest.mark.parametrize(
    ("privileges", "severity"), [(("MANAGE",), "warning"), (("MANAGE", "SELECT"), "error"), (("ALL_PRIVILEGES",), "error")]
)
def test_an_operator_may_manage_and_may_not_read(privileges: tuple[str, ...], severity: str) -> None:
    live = replace(LIVE, grants=(GRANT, grant("runner", *privileges, on=("main",))))
    assert codes(live, operators=("runner",)) == [("extra_grant", severity)]
    assert codes(live) == [("extra_grant", "error")]


def test_what_stands_as_desired_gives_no_finding() -> None:
    assert codes() == []


def grant(principal: str, *privileges: str, on: tuple[str, ...] = TABLE.name.parts) -> Grant:
    kind = (SecurableType.CATALOG, SecurableType.SCHEMA, SecurableType.TABLE)[len(on) - 1]
    return Grant(securable_type=kind, securable=on, principal=principal, privileges=privileges)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"tables": ()}, ("missing_table", "error")),
        ({"tables": (replace(TABLE, columns=TABLE.columns[1:]),)}, ("missing_column", "error")),
        ({"tables": (replace(TABLE, columns=RETYPED),)}, ("changed_type", "error")),
        ({"tags": ()}, ("missing_tag", "error")),
        ({"tags": (replace(TAG, value="card"),)}, ("wrong_tag", "error")),
        ({"policies": ()}, ("missing_policy", "error")),
        ({"policies": (found(replace(POLICY, except_principals=())),)}, ("wrong_policy", "error")),
        ({"policies": (found(POLICY), found(replace(POLICY, name="another")))}, ("extra_policy", "error")),
        ({"functions": ()}, ("missing_function", "error")),
        ({"functions": (replace(FUNCTIONS[0], body="value"),)}, ("wrong_function", "error")),
        ({"grants": ()}, ("missing_grant", "error")),
        ({"grants": (GRANT, grant("eve", "SELECT"))}, ("extra_grant", "error")),
        ({"grants": (GRANT, grant("eve", "ALL_PRIVILEGES", on=("main",)))}, ("extra_grant", "error")),
        ({"grants": (GRANT, grant("eve", "MODIFY"))}, ("extra_grant", "warning")),
        ({"grants": (grant("staff", "SELECT", "MANAGE"),)}, ("extra_grant", "error")),
        ({"directory": replace(LIVE.directory, groups={"staff": "2"})}, ("missing_group", "error")),
        ({"directory": replace(LIVE.directory, members={"officers": ("eve", "olga")})}, ("extra_member", "error")),
        ({"directory": replace(LIVE.directory, members={})}, ("missing_member", "error")),
    ],
)
def test_each_difference_is_one_finding(changes: dict[str, object], code: tuple[str, str]) -> None:
    assert codes(replace(LIVE, **changes)) == [code]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "changes",
    [
        {"grants": (GRANT, grant("eve", "BROWSE"))},
        {"grants": (GRANT, grant("admin", "ALL_PRIVILEGES"))},
        {"grants": (GRANT, grant("eve", "SELECT", on=("main", "elsewhere")))},
        {"policies": (found(replace(POLICY, comment="other")),)},
    ],
)
def test_what_concerns_nobody_is_no_finding(changes: dict[str, object]) -> None:
    assert codes(replace(LIVE, **changes)) == []  # type: ignore[arg-type]


def test_governed_tags_and_their_values_must_exist() -> None:
    assert codes(tag_policies=()) == [("missing_tag_policy", "error")]
    assert codes(tag_policies=(TagPolicy(key="pii", values=("card",)),)) == [("missing_tag_value", "error")]


def test_a_policy_differs_in_every_field_but_its_comment() -> None:
    assert policy_differences(POLICY, replace(POLICY, comment="x")) == []
    for change in (
        {"to_principals": ("staff",)},
        {"except_principals": ()},
        {"function": FUNCTIONS[1].name},
        {"when": HasTagValue("pii", "email")},
        {"match_columns": (MatchColumn(alias="m", condition=HasTagValue("pii", "card")),)},
        {"on_column": "n"},
        {"using": (Argument(constant="k"),)},
        {"kind": PolicyKind.ROW_FILTER},
    ):
        assert len(policy_differences(POLICY, replace(POLICY, **change))) == 1  # type: ignore[arg-type]
