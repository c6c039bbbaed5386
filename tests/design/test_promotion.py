"""Catalogs under other names: in names, SQL, prose, whole desired states. Only whole names in a catalog's place change."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lampkeeper.design.promotion.catalog_map import CatalogMap
from lampkeeper.design.promotion.desired_renaming import catalogs_of, renamed_desired, renamed_snapshot, schemas_of
from lampkeeper.design.promotion.renaming import CatalogRenaming
from lampkeeper.model.errors import UsageError
from lampkeeper.model.names import TableName
from support.demo_tables import demo_desired, demo_snapshot
from support.nightly import law
from support.states import desired_states

pytestmark = pytest.mark.unit
SCHEMAS = frozenset({("dev_fin", "finance"), ("sales", "eu"), ("dev-clin", "main"), ("a", "s"), ("b", "s")})


def renaming(text: str, schemas: frozenset[tuple[str, str]] = SCHEMAS) -> CatalogRenaming:
    return CatalogRenaming(CatalogMap.read(text), schemas)


MAP = "dev_fin=prod_fin,dev-clin=prod-clin,sales=sales_prod"

SQL = {
    "SELECT * FROM dev_fin.finance.customers": "SELECT * FROM prod_fin.finance.customers",
    "SELECT * FROM DEV_FIN.finance.customers": "SELECT * FROM prod_fin.finance.customers",
    "SELECT * FROM `dev_fin`.finance.t": "SELECT * FROM `prod_fin`.finance.t",
    "SELECT * FROM `dev-clin`.main.t": "SELECT * FROM `prod-clin`.main.t",
    "SELECT * FROM dev_fin . finance . t": "SELECT * FROM prod_fin . finance . t",
    "SELECT * FROM mydev_fin.finance.t, dev_fin_old.a.b": "SELECT * FROM mydev_fin.finance.t, dev_fin_old.a.b",
    "SELECT t.dev_fin.x FROM q.dev_fin.t": "SELECT t.dev_fin.x FROM q.dev_fin.t",
    "USE CATALOG dev_fin; -- c": "USE CATALOG prod_fin; -- c",
    "USE CATALOG `dev_fin`": "USE CATALOG `prod_fin`",
    "CREATE CATALOG IF NOT EXISTS dev_fin": "CREATE CATALOG IF NOT EXISTS prod_fin",
    "USE SCHEMA dev_fin.finance": "USE SCHEMA prod_fin.finance",
    "GRANT SELECT ON SCHEMA dev_fin.finance TO x": "GRANT SELECT ON SCHEMA prod_fin.finance TO x",
    "SHOW TABLES IN dev_fin.finance": "SHOW TABLES IN prod_fin.finance",
    "SELECT dev_fin.finance.mask(v)": "SELECT prod_fin.finance.mask(v)",
    "SUM(dev_fin.finance.orders.amount)": "SUM(prod_fin.finance.orders.amount)",
    "SELECT dev_fin FROM t": "SELECT dev_fin FROM t",
    "x = 'dev_fin'": "x = 'dev_fin'",
    "x = 'mail@dev_fin.example'": "x = 'mail@dev_fin.example'",
    "table_catalog = 'dev_fin'": "table_catalog = 'prod_fin'",
    "c.table_catalog IN ('x', 'dev_fin')": "c.table_catalog IN ('x', 'prod_fin')",
    "current_catalog() = 'dev_fin'": "current_catalog() = 'prod_fin'",
    "'dev_fin' = catalog_name": "'prod_fin' = catalog_name",
    "SELECT * FROM IDENTIFIER('dev_fin.finance.t')": "SELECT * FROM IDENTIFIER('prod_fin.finance.t')",
    "name = 'dev_fin.finance.customers'": "name = 'prod_fin.finance.customers'",
    "SELECT * FROM read_files('/Volumes/dev_fin/finance/v/x')": "SELECT * FROM read_files('/Volumes/prod_fin/finance/v/x')",
    "SELECT * FROM c.s.t AS dev_fin WHERE dev_fin.id = 1": "SELECT * FROM c.s.t AS dev_fin WHERE dev_fin.id = 1",
    "WITH dev_fin AS (SELECT 1 AS x) SELECT dev_fin.x.y FROM dev_fin":
        "WITH dev_fin AS (SELECT 1 AS x) SELECT dev_fin.x.y FROM dev_fin",
    "SELECT sum(sales) FROM sales.eu.orders": "SELECT sum(sales) FROM sales_prod.eu.orders",
    "SELECT 1 /* reads dev_fin.finance.t */": "SELECT 1 /* reads prod_fin.finance.t */",
    'CREATE TABLE "dev_fin"."finance"."t" (a int)': 'CREATE TABLE "prod_fin"."finance"."t" (a int)',
    "SELECT 'unclosed FROM dev_fin.finance.t": "SELECT 'unclosed FROM prod_fin.finance.t",
}  # fmt: skip

PROSE = {
    "The dev_fin catalog holds it.": "The prod_fin catalog holds it.",
    "It is in dev_fin.": "It is in prod_fin.",
    "Use `dev_fin`.finance.t or dev_fin.finance.t": "Use `prod_fin`.finance.t or prod_fin.finance.t",
    "mydev_fin and dev_fin_2 and x@dev_fin.example.com": "mydev_fin and dev_fin_2 and x@dev_fin.example.com",
    "Total sales of the sales catalog, from sales.eu.orders": "Total sales of the sales_prod catalog, from sales_prod.eu.orders",
    "where region = 'dev_fin'": "where region = 'dev_fin'",
    "where table_catalog = 'dev_fin'": "where table_catalog = 'prod_fin'",
    "see https://dev_fin/x and /Volumes/dev_fin/x": "see https://dev_fin/x and /Volumes/prod_fin/x",
    "dev-clin.main.t": "prod-clin.main.t",
    "Say:\n```sql\nSELECT * FROM dev_fin.finance.t WHERE x = 'dev_fin'\n```\nin dev_fin":
        "Say:\n```sql\nSELECT * FROM prod_fin.finance.t WHERE x = 'dev_fin'\n```\nin prod_fin",
}  # fmt: skip


@pytest.mark.parametrize("text", SQL)
def test_in_sql_a_whole_name_in_the_place_of_a_catalog_changes(text: str) -> None:
    assert renaming(MAP).sql(text, "x") == SQL[text]


@pytest.mark.parametrize("text", PROSE)
def test_in_prose_a_name_changes_and_a_word_stays(text: str) -> None:
    assert renaming(MAP).prose(text, "x") == PROSE[text]


@pytest.mark.parametrize("text", [*SQL, *PROSE])
def test_what_stays_is_listed_and_what_changed_is_not(text: str) -> None:
    made = renaming(MAP)
    new = made.prose(text, "x") if text in PROSE else made.sql(text, "x")
    left = [e.name for e in made.left]
    again = renaming(MAP)
    assert len(left) == len(list(again._pattern.finditer(new))), (left, new)


def test_a_swap_and_a_chain_are_one_step() -> None:
    assert renaming("a=b,b=a").sql("SELECT * FROM a.s.t JOIN b.s.t", "x") == "SELECT * FROM b.s.t JOIN a.s.t"
    assert renaming("a=b,b=c").sql("SELECT * FROM a.s.t JOIN b.s.t", "x") == "SELECT * FROM b.s.t JOIN c.s.t"


def test_a_name_that_needs_back_ticks_gets_them() -> None:
    made = renaming("dev_fin=prod-fin")
    assert made.sql("SELECT * FROM dev_fin.finance.t", "x") == "SELECT * FROM `prod-fin`.finance.t"
    assert made.prose("in dev_fin.finance.t", "x") == "in `prod-fin`.finance.t"
    assert made.dotted("dev_fin.finance.t.email", "x") == "prod-fin.finance.t.email"
    assert made.pattern("dev_fin.finance.*") == "`prod-fin`.finance.*"
    assert renaming("dev_fin=`p``f`").sql("FROM `dev_fin`.finance.t", "x") == "FROM `p``f`.finance.t"


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("dev_fin", "has no ="), ("=x", "empty name"), ("a=", "empty name"), ("a=b c=d", "cannot be"),
        ("a=b,A=c", "twice"), ("a=x.y", "cannot be"), ("`a=b", "back-tick"), ("a=b=c", "comma"), ("a=../x", "cannot be"),
    ],
)  # fmt: skip
def test_a_malformed_map_is_refused(text: str, part: str) -> None:
    with pytest.raises(UsageError, match=part):
        CatalogMap.read(text)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", "lacks a, b"), ("a=x", "lacks b"), ("a=x,b=y,c=z", "names c, which was not found"),
        ("a=x,b=X", "sends a and b to x"), ("a=b", "lacks b; b is also a destination"),
        ("a=system,b=y", "a catalog of the platform"),
    ],
)  # fmt: skip
def test_a_map_that_is_not_complete_and_one_to_one_is_refused_with_the_catalogs_found(text: str, part: str) -> None:
    with pytest.raises(UsageError) as refused:
        CatalogMap.read(text).require_complete({"a": ["snapshot.json"], "b": ["decisions.yaml"], "system": ["x"]})
    assert part in refused.value.message
    assert "a (snapshot.json); b (decisions.yaml)" in refused.value.message


def test_a_complete_map_is_taken() -> None:
    read = CatalogMap.read("a=b,B=a")
    read.require_complete({"A": ["x"], "b": ["x"], "system": ["x"]})
    assert [read.of(name) for name in ("A", "a", "b", "system")] == ["b", "b", "a", "system"]


def all_pairs(catalogs: frozenset[str], to: str) -> CatalogMap:
    return CatalogMap({c.casefold(): f"{to}{n}" for n, c in enumerate(sorted(catalogs, key=str.casefold))})


@law(100, every=12)
@given(desired_states)
def test_the_identity_changes_nothing(state) -> None:
    made = CatalogRenaming(CatalogMap({c.casefold(): c for c in catalogs_of(state)}), schemas_of(state))
    same = {c.casefold() for c in catalogs_of(state)}
    if len(same) == len(catalogs_of(state)):
        assert renamed_desired(made, state, "x") == state
        assert made.left == []


@law(100, every=12)
@given(desired_states)
def test_no_object_is_left_in_a_source_catalog(state) -> None:
    made = CatalogRenaming(all_pairs(catalogs_of(state), "dest_"), schemas_of(state))
    new = renamed_desired(made, state, "x")
    assert all(t.catalog.startswith("dest_") for t in new.tables)
    assert all(f.name.catalog.startswith("dest_") for f in new.functions)
    assert all(p.function.catalog.startswith("dest_") and p.securable[0].startswith("dest_") for p in new.policies)
    assert all(g.securable[0].startswith("dest_") for g in new.grants)
    assert len(new.policies) == len(state.policies)


@given(st.permutations(["dev_fin", "dev_clinical", "other"]))
def test_a_permutation_of_catalogs_is_undone_by_its_inverse(names) -> None:
    state = demo_desired()
    source = ["dev_fin", "dev_clinical", "other"]
    there = CatalogRenaming(CatalogMap(dict(zip(source, names, strict=True))), schemas_of(state, demo_snapshot()))
    moved = renamed_desired(there, state, "x")
    back = CatalogRenaming(CatalogMap(dict(zip(names, source, strict=True))), schemas_of(moved))
    assert renamed_desired(back, moved, "x") == state
    if names[0] != "dev_fin":
        assert moved != state


def test_a_desired_state_names_the_catalogs_of_its_sql() -> None:
    state = demo_desired()
    space = replace(state.spaces[0], joins=(), instructions="")
    example = replace(space.benchmarks[0], sql="SELECT * FROM lookup.codes.country c JOIN x.y ON c.a.b = 1")
    found = catalogs_of(replace(state, spaces=(replace(space, benchmarks=(example,)),)))
    assert found == catalogs_of(state) | {"lookup"}


def test_a_snapshot_moves_with_its_tags_and_functions() -> None:
    made = renaming("dev_fin=prod_fin,dev_clinical=prod_clinical", frozenset())
    new = renamed_snapshot(made, demo_snapshot(), "x")
    assert {t.name.catalog for t in new.tables} <= {"prod_fin", "prod_clinical"}
    assert [t.name.parts[1:] for t in new.tables if t.name.catalog == "prod_fin"] == [
        t.name.parts[1:] for t in demo_snapshot().tables if t.name.catalog == "dev_fin"
    ]
    assert TableName("dev_fin", "finance", "customers") not in new.index
