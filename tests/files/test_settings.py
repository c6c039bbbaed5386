"""env.auto.tfvars and auth.auto.tfvars: read, refused with the place, written back; secrets never shown."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lampkeeper.files.auth_file import read_auth, render_auth
from lampkeeper.files.settings import Identity, Settings, SpaceSettings, read_settings, render_settings
from lampkeeper.model.auth import Auth
from lampkeeper.model.errors import UsageError
from lampkeeper.model.exemptions import Exemption, ExemptionKind, exempt_principals, exemption_findings
from lampkeeper.model.findings import Severity
from lampkeeper.model.genie import space_key
from lampkeeper.model.groups import GroupSpec
from lampkeeper.model.names import write_name
from lampkeeper.model.unreviewed import Unreviewed
from lampkeeper.model.waivers import Waiver
from support.nightly import law
from support.states import groups, table_names, texts, tuples, words

pytestmark = pytest.mark.unit

patterns = st.one_of(table_names.map(lambda t: write_name(*t.parts)), table_names.map(lambda t: write_name(*t.parts[:2]) + ".*"))
codes = tuples(st.sampled_from(["ANZ", "SEA", "IN"]), lambda c: c)
specs = st.builds(GroupSpec, group=groups, clearance=tuples(words), members=tuples(words))
settings = st.builds(
    Settings,
    spaces=tuples(
        st.builds(
            SpaceSettings, name=words.filter(space_key), space_id=texts, warehouse_id=texts, tables=tuples(patterns, lambda p: p)
        ),
        lambda s: s.key,
    ),
    uc_tables=tuples(patterns, lambda p: p),
    sql_warehouse_id=texts,
    country=codes,
    industry=codes,
    function_schema=words,
    groups=st.none() | tuples(specs, lambda s: s.group.name).map(lambda g: tuple(sorted(g, key=lambda s: s.group.name))),
    identities=tuples(st.builds(Identity, name=words, token_env=st.just("ANALYST_TOKEN"), groups=tuples(words))),
    operators=tuples(words),
    approvers=tuples(words),
    unreviewed=st.sampled_from(Unreviewed),
    unreviewed_columns=st.sampled_from(Unreviewed),
    exemptions=tuples(
        st.builds(
            Exemption,
            principal=words,
            kind=st.sampled_from(ExemptionKind),
            reason=words,
            owner=words,
            expires=st.dates(),
            families=tuples(words),
        ),
        lambda e: e,
    ),
    waivers=tuples(st.builds(Waiver, finding=words, at=words, reason=words, owner=words, expires=st.dates()), lambda w: w),
)


@law(40)
@given(settings)
def test_settings_read_back_as_they_were(some):
    read = read_settings(render_settings(some), "f")
    assert (read.settings, read.findings) == (some, ())


@law(40)
@given(st.builds(Auth, **dict.fromkeys(Auth.__dataclass_fields__, texts)))
def test_auth_reads_back_as_it_was(auth):
    assert read_auth(render_auth(auth), "f") == auth


def test_the_familiar_file_is_read():
    text = """
    genie_spaces = [{ name = "Retail Bank", genie_space_id = "", sql_warehouse_id = "w1",
                      uc_tables = ["fin.retail.*", "gov.log"] }]
    uc_tables = ["a.b.c", "a.b.`odd name`"]
    uc_catalog = "main"
    country = "ANZ, SEA"
    groups = { stewards = { clearance = ["*"], members = ["ana@bank.example"], external = true } }
    """
    found = read_settings(text, "f").settings
    assert found.patterns == ("fin.retail.*", "main.gov.log", "a.b.c", "a.b.`odd name`")
    assert found.country == ("ANZ", "SEA")
    assert found.groups is not None
    assert found.groups[0].group.external


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("uc_tabels = []", "FILE_UNKNOWN_KEY"),
        ("manage_groups = true", "SETTINGS_MANAGE_GROUPS"),
        ('genie_spaces = [{ name = "A-B" }, { name = "A B" }]', "SETTINGS_SPACE_KEY_TWICE"),
        ("genie_only = true\ngroups = { a = {} }", "SETTINGS_GROUPS_IN_GENIE_ONLY"),
    ],
)
def test_what_is_wrong_is_a_finding(text, code):
    (finding,) = read_settings(text, "f").findings
    assert (finding.code, finding.location.startswith("f:"), bool(finding.fix)) == (code, True, True)


ENTRY = 'principal = "etl", kind = "pipeline", reason = "loads", owner = "olga", expires = "2027-01-31"'


def test_an_exemption_has_a_principal_a_reason_an_owner_and_a_last_day():
    (found,) = read_settings(f'exemptions = [{{ {ENTRY}, families = ["unreviewed"] }}]', "f").settings.exemptions
    assert (found.principal, found.expires, found.location) == ("etl", date(2027, 1, 31), "f:1:15")
    assert exempt_principals([found], "unreviewed") == ("etl",)
    assert exempt_principals([found], "pii_level") == ()


def test_an_exemption_of_a_group_tells_who_is_in_it_now():
    (found,) = read_settings(f"exemptions = [{{ {ENTRY} }}]", "f").settings.exemptions
    assert found.reported(()) == str(found)
    assert found.reported(["zoe", "ana"]) == f"{found}; in the group now: ana, zoe"
    assert found.reported(f"m{n:02}" for n in range(12)).endswith("m08, m09 and 2 more")


@pytest.mark.parametrize(
    ("broken", "problem"),
    [
        (ENTRY.replace('reason = "loads", ', ""), "reason is missing"),
        (ENTRY.replace('"loads"', '"  "'), "reason is empty"),
        (ENTRY.replace('"2027-01-31"', '"soon"'), "'soon' is not a date"),
        (ENTRY.replace('"pipeline"', '"friend"'), "kind is 'friend'"),
        (ENTRY.replace('owner = "olga"', 'owner = ""'), "owner is empty"),
        (ENTRY.replace('"etl"', '"account users"'), "an exemption of all users"),
        (ENTRY.replace('"etl"', '" `Account Users`"'), "an exemption of all users"),
        (ENTRY.replace('"etl"', '"users"'), "an exemption of all users"),
    ],
)
def test_an_exemption_that_says_too_little_is_refused_with_its_location(broken, problem):
    with pytest.raises(UsageError, match=problem) as error:
        read_settings(f"exemptions = [{{ {broken} }}]", "f")
    assert error.value.message.startswith("f:1:")
    assert error.value.fix


def test_an_unknown_field_of_an_exemption_is_a_finding():
    (finding,) = read_settings(f"exemptions = [{{ {ENTRY}, forever = true }}]", "f").findings
    assert finding.code == "FILE_UNKNOWN_KEY"


@pytest.mark.parametrize(
    ("today", "severity"),
    [
        (date(2026, 12, 31), None),
        (date(2027, 1, 1), Severity.WARNING),
        (date(2027, 1, 31), Severity.WARNING),
        (date(2027, 2, 1), Severity.ERROR),
    ],
)
def test_an_exemption_ends_after_its_last_day(today, severity):
    exemptions = read_settings(f"exemptions = [{{ {ENTRY} }}]", "f").settings.exemptions
    assert [f.severity for f in exemption_findings(exemptions, today)] == ([severity] if severity else [])


@pytest.mark.parametrize("pattern", ["a.b", "a", "a.*.c", "*.b.c", "a..c", "a.b.c.d"])
def test_what_is_no_table_is_refused_with_its_location(pattern):
    with pytest.raises(UsageError, match=r"^f:2:3: "):
        read_settings(f'uc_tables = [\n  "{pattern}"]', "f")


@pytest.mark.parametrize(
    "text",
    [
        "databricks_token = dapi0123456789",
        'databricks_token = "dapi0123456789',
        'databricks_tokn = "dapi0123456789"',
        'databricks_token = ["dapi0123456789"]',
        "dapi0123456789",
    ],
)
def test_no_error_about_auth_shows_a_secret(text):
    with pytest.raises(UsageError) as caught:
        read_auth(text, "f")
    assert "dapi" not in f"{caught.value.message} {caught.value.fix}"


def test_a_token_pasted_for_a_variable_name_is_refused_and_not_shown():
    with pytest.raises(UsageError) as caught:
        read_settings('verify_identities = [{ name = "a", token_env = "dapi-0123" }]', "f")
    assert "dapi" not in f"{caught.value.message} {caught.value.fix}"
    assert "dapi0123" not in repr(Auth(token="dapi0123", client_secret="dapi0123"))
