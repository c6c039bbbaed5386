"""Who is asked: every combination that people hold, joined without touching a group of an identity provider."""

import pytest
from hypothesis import given

from lampkeeper.deploy.verify.identities import direct_groups, groups_in_question, membership_sql, people_combinations
from lampkeeper.model.access import Access, AccessModel, Principal
from support.access_models import access_models
from support.nightly import law

pytestmark = pytest.mark.unit


def access(**members: tuple[str, ...]) -> Access:
    return Access(AccessModel(tables=(), members=members))


NESTED = access(officers=("aml", "olga"), aml=("eve",), staff=("ana", "eve"), empty=())
GROUPS = ("aml", "empty", "officers", "staff")


def test_every_combination_that_people_hold_each_group_alone_and_nobodys() -> None:
    assert set(people_combinations(NESTED, GROUPS)) == {
        frozenset(),
        frozenset({"empty"}),
        frozenset({"officers"}),
        frozenset({"staff"}),
        frozenset({"aml", "officers"}),
        frozenset({"aml", "officers", "staff"}),
    }


def test_people_are_not_groups_even_when_a_grant_names_them() -> None:
    assert groups_in_question(["aml", "officers"], NESTED) == ("aml", "officers")


def test_the_innermost_groups_are_joined_so_that_nesting_is_tested() -> None:
    assert direct_groups(frozenset({"aml", "officers"}), NESTED, ()) == ("aml",)
    assert direct_groups(frozenset({"aml", "officers", "staff"}), NESTED, ()) == ("aml", "staff")
    assert direct_groups(frozenset(), NESTED, ()) == ()


def test_a_combination_that_needs_a_locked_group_cannot_be_made() -> None:
    assert direct_groups(frozenset({"aml", "officers"}), NESTED, {"aml"}) is None
    assert direct_groups(frozenset({"officers"}), NESTED, {"aml"}) == ("officers",)


@law(150)
@given(model=access_models())
def test_joining_gives_exactly_the_combination_and_touches_no_locked_group(model: AccessModel) -> None:
    live = Access(model)
    groups = tuple(sorted(model.members))
    for combination in people_combinations(live, groups):
        for locked in ((), groups[:1]):
            join = direct_groups(combination, live, locked)
            if join is None:
                assert combination & set(locked)
                continue
            assert not set(join) & set(locked)
            held = live.identities(Principal(name="probe", groups=join)) & set(groups)
            assert held == combination


def test_the_membership_query_quotes_names() -> None:
    assert membership_sql(["it's"]) == "SELECT is_account_group_member('it\\'s')"
    assert membership_sql([]) == "SELECT true"
