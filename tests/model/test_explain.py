"""Why a principal gets what it gets: the chain leads to the same verdict as the matrix."""

import pytest
from hypothesis import given

from lampkeeper.model.access import Access, AccessModel, CellState, Principal
from lampkeeper.model.conditions import HasTagValue
from lampkeeper.model.errors import UsageError
from lampkeeper.model.explain import PolicyOutcome, explain
from lampkeeper.model.groups import EVERYBODY
from lampkeeper.model.names import ColumnName, TableName
from lampkeeper.model.policies import Grant, MatchColumn, Policy, PolicyKind, SecurableType
from lampkeeper.model.tags import EntityType, TagAssignment
from support.access_models import FUNCTIONS, TABLES, access_models, principals
from support.nightly import law

pytestmark = pytest.mark.unit

TABLE = TABLES[0]
COLUMN = ColumnName(TABLE.name, "a")


@law(100)
@given(model=access_models(), principal=principals)
def test_the_chain_ends_in_the_cell_of_the_matrix(model: AccessModel, principal: Principal) -> None:
    access = Access(model)
    for table in model.tables:
        seen = access.table(principal, table.name)
        for column in table.column_names():
            found = explain(access, principal, column)
            assert found.cell.state is seen.cells[column].state
            if found.cell.state is not CellState.FAILING:
                assert found.cell == seen.cells[column]
            assert {(u.function, u.arguments) for u in found.filters} == {(u.function, u.arguments) for u in seen.filters}
            assert {(u.function, u.arguments) for u in found.masks} == {
                (u.function, u.arguments) for u in seen.masks.get(column, ())
            }
            assert tuple(str(p).split(":")[0] for p in found.privileges if not p.held) == seen.missing


@law(100)
@given(model=access_models(), principal=principals)
def test_every_group_of_the_principal_has_a_path_that_starts_with_it(model: AccessModel, principal: Principal) -> None:
    access = Access(model)
    found = explain(access, principal, COLUMN)
    assert {g.steps[-1] for g in found.groups} == access.identities(principal) - {principal.name, EVERYBODY}
    for path in found.groups:
        assert path.steps[0] == principal.name
        for child, parent in zip(path.steps, path.steps[1:], strict=False):
            assert child == principal.name or child in model.members.get(parent, ())


def masked_email(**changes: object) -> AccessModel:
    policy = Policy(
        name="mask_emails",
        kind=PolicyKind.COLUMN_MASK,
        securable_type=SecurableType.CATALOG,
        securable=("main",),
        to_principals=(EVERYBODY,),
        except_principals=("officers",),
        function=FUNCTIONS[0].name,
        match_columns=(MatchColumn(alias="m", condition=HasTagValue("pii", "email")),),
        on_column="m",
    )
    values: dict[str, object] = {
        "tables": TABLES,
        "tags": (TagAssignment(entity_type=EntityType.COLUMNS, entity_name=COLUMN.plain, key="pii", value="email"),),
        "policies": (policy,),
        "grants": (
            Grant(securable_type=SecurableType.CATALOG, securable=("main",), principal="staff", privileges=("USE_CATALOG",)),
            Grant(
                securable_type=SecurableType.SCHEMA,
                securable=("main", "s"),
                principal="staff",
                privileges=("USE_SCHEMA", "SELECT"),
            ),
        ),
        "functions": FUNCTIONS,
        "members": {"officers": ("aml_team",), "aml_team": ("eve",), "staff": ("officers", "ana")},
    }
    return AccessModel(**(values | changes))  # type: ignore[arg-type]


def test_an_analyst_is_masked_by_the_policy_that_matched_its_column() -> None:
    found = explain(Access(masked_email()), Principal(name="ana"), COLUMN)
    assert str(found.cell) == "masked by main.lampkeeper.mask_a"
    assert [str(g) for g in found.groups] == ["ana > staff"]
    assert [p.outcome for p in found.policies] == [PolicyOutcome.MASKS]
    assert "has_tag_value('pii', 'email')" in found.policies[0].reason
    assert found.privileges[2].sources == ("SELECT granted to ana > staff on main.s",)


def test_an_exempt_person_is_raw_and_the_chain_names_the_nested_path() -> None:
    found = explain(Access(masked_email()), Principal(name="eve"), COLUMN)
    assert found.cell.state is CellState.RAW
    assert found.policies[0].outcome is PolicyOutcome.EXEMPT
    assert found.policies[0].reason == "exempt as eve > aml_team > officers"


def test_an_outsider_lacks_every_privilege() -> None:
    found = explain(Access(masked_email()), Principal(name="nobody"), COLUMN)
    assert found.cell.state is CellState.HIDDEN
    assert [str(p).endswith("MISSING") for p in found.privileges] == [True, True, True]


def test_a_column_without_the_tag_is_raw_and_the_policy_says_so() -> None:
    found = explain(Access(masked_email()), Principal(name="ana"), ColumnName(TABLE.name, "b"))
    assert found.cell.state is CellState.RAW
    assert found.policies[0].outcome is PolicyOutcome.OTHER_COLUMNS


def test_the_json_form_names_every_link() -> None:
    form = explain(Access(masked_email()), Principal(name="ana"), COLUMN).as_dict()
    assert form["verdict"] == "masked by main.lampkeeper.mask_a"
    assert form["groups"] == [["ana", "staff"]]
    assert form["column_tags"] == ["pii = email (on main.s.t.a)"]


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (ColumnName(TABLE.name, "zip"), "has no column 'zip'"),
        (ColumnName(TableName("main", "s", "gone"), "a"), "is not in scope"),
    ],
)
def test_what_is_not_there_is_wrong_use(column: ColumnName, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        explain(Access(masked_email()), Principal(name="ana"), column)
