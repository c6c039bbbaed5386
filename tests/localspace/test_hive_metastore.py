"""hive_metastore: a legacy catalog with its own privileges, out of sight of the Unity Catalog API."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from localspace.core.errors import ApiError
from localspace.core.statement_runner import SqlError
from localspace.governance.grant_repository import GrantChange
from localspace.governance.legacy import is_legacy
from support.fake_runner import fake_runner
from support.localspace_server import running_localspace
from support.sql_workspace import SqlWorkspace

ANA, BEN = "ana@example.com", "ben@example.com"
T = "hive_metastore.legacy.t"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqlWorkspace]:
    made = SqlWorkspace(tmp_path_factory.mktemp("hive"))
    made.user(ANA)
    made.user(BEN)
    made.sql("CREATE SCHEMA hive_metastore.legacy")
    made.sql(f"CREATE TABLE {T} (id INT, name STRING)")
    made.sql(f"INSERT INTO {T} VALUES (1, 'one')")
    yield made
    made.close()


@pytest.mark.unit
@pytest.mark.parametrize(
    ("name", "legacy"),
    [("hive_metastore", True), ("Hive_Metastore.a.b", True), ("hive_metastore2", False), ("main.hive_metastore", False)],
)
def test_what_lies_in_hive_metastore(name: str, legacy: bool) -> None:
    assert is_legacy(name) is legacy


@pytest.mark.server
def test_the_unity_catalog_api_does_not_show_it() -> None:
    uc = "/api/2.1/unity-catalog"
    with running_localspace(build_runner=fake_runner) as space, space.http() as http:
        assert "hive_metastore" not in http.get(f"{uc}/catalogs").text
        for path in ("catalogs/hive_metastore", "schemas?catalog_name=hive_metastore", "tables/hive_metastore.default.t"):
            assert (http.get(f"{uc}/{path}").status_code, http.get(f"{uc}/{path}").json()["error_code"]) == (
                404,
                "CATALOG_DOES_NOT_EXIST",
            )
        made = http.post(f"{uc}/schemas", json={"catalog_name": "HIVE_metastore", "name": "s"})
        assert made.status_code == 404
        assert http.post(f"{uc}/catalogs", json={"name": "hive_metastore"}).json()["error_code"] == "CATALOG_ALREADY_EXISTS"


@pytest.mark.spark
def test_show_and_describe(place: SqlWorkspace) -> None:
    assert ["hive_metastore"] in place.rows("SHOW CATALOGS")
    assert place.rows("SHOW SCHEMAS IN hive_metastore") == [["default"], ["legacy"]]
    assert [row[1] for row in place.rows("SHOW TABLES IN hive_metastore.legacy")] == ["t"]
    facts = {row[0]: row[1] for row in place.rows(f"DESCRIBE TABLE EXTENDED {T}")}
    assert (facts["Type"], facts["Location"]) == ("MANAGED", "dbfs:/user/hive/warehouse/legacy.db/t")


@pytest.mark.spark
def test_nobody_reads_without_a_grant_and_each_privilege_gives_its_own(place: SqlWorkspace) -> None:
    who = f"`{ANA}`"

    def refused(statement: str) -> str:
        with pytest.raises(SqlError) as error:
            place.sql(statement, ANA)
        return error.value.message

    assert "USAGE on Schema 'hive_metastore.legacy'" in refused(f"SELECT * FROM {T}")
    assert place.rows("SHOW SCHEMAS IN hive_metastore", ANA) == []
    place.sql(f"GRANT USAGE ON SCHEMA hive_metastore.legacy TO {who}")
    assert "SELECT" in refused(f"SELECT * FROM {T}")
    assert place.rows("SHOW TABLES IN hive_metastore.legacy", ANA) == []
    place.sql(f"GRANT READ_METADATA ON TABLE {T} TO {who}")
    assert len(place.rows("SHOW TABLES IN hive_metastore.legacy", ANA)) == 1
    assert place.rows(f"DESCRIBE TABLE {T}", ANA)[0][0] == "id"
    assert "SELECT" in refused(f"SELECT * FROM {T}")
    place.sql(f"GRANT SELECT ON SCHEMA hive_metastore.legacy TO {who}")
    assert place.rows(f"SELECT id FROM {T}", ANA) == [["1"]]
    assert "MODIFY" in refused(f"INSERT INTO {T} VALUES (2, 'two')")
    assert "CREATE TABLE" in refused("CREATE TABLE hive_metastore.legacy.mine (id INT)")
    place.sql(f"GRANT CREATE ON SCHEMA hive_metastore.legacy TO {who}")
    place.sql("CREATE TABLE hive_metastore.legacy.mine (id INT)", ANA)
    place.sql("INSERT INTO hive_metastore.legacy.mine VALUES (7)", ANA)
    with pytest.raises(SqlError, match="USAGE"):
        place.sql("SELECT * FROM hive_metastore.legacy.mine", BEN)
    assert place.rows("SELECT * FROM hive_metastore.legacy.mine") == [["7"]], "a workspace admin is not bound"
    assert "MANAGE" in refused(f"GRANT SELECT ON TABLE {T} TO `{BEN}`")
    assert "MANAGE" in refused(f"DROP TABLE {T}")
    place.sql("DROP TABLE hive_metastore.legacy.mine", ANA)
    place.sql(f"REVOKE ALL PRIVILEGES ON SCHEMA hive_metastore.legacy FROM {who}")
    assert "USAGE" in refused(f"SELECT * FROM {T}")


@pytest.mark.spark
def test_the_owner_of_a_schema_has_nothing_on_its_tables(place: SqlWorkspace) -> None:
    place.sql("CREATE SCHEMA hive_metastore.bens")
    place.sql("CREATE TABLE hive_metastore.bens.t (id INT)")
    place.sql(f"ALTER SCHEMA hive_metastore.bens SET OWNER TO `{BEN}`")
    with pytest.raises(SqlError, match="SELECT"):
        place.sql("SELECT * FROM hive_metastore.bens.t", BEN)
    place.sql("DROP SCHEMA hive_metastore.bens CASCADE")


@pytest.mark.spark
def test_a_view_over_it_reads_as_its_owner(place: SqlWorkspace) -> None:
    place.sql(f"CREATE VIEW main.default.over_hive AS SELECT name FROM {T}")
    place.sql(f"GRANT USE CATALOG ON CATALOG main TO `{BEN}`")
    place.sql(f"GRANT USE SCHEMA ON SCHEMA main.default TO `{BEN}`")
    place.sql(f"GRANT SELECT ON VIEW main.default.over_hive TO `{BEN}`")
    assert place.rows("SELECT * FROM main.default.over_hive", BEN) == [["one"]]


@pytest.mark.spark
@pytest.mark.parametrize(
    "statement",
    [
        f"SET TAG ON TABLE {T} `k` = `v`",
        f"ALTER TABLE {T} SET TAGS ('k' = 'v')",
        f"ALTER TABLE {T} ALTER COLUMN name SET MASK main.default.m",
        f"ALTER TABLE {T} SET ROW FILTER main.default.m ON (name)",
        f"CREATE POLICY p ON TABLE {T} COLUMN MASK main.default.m TO `account users` FOR TABLES"
        " MATCH COLUMNS has_tag('k') AS c ON COLUMN c",
        "CREATE TABLE hive_metastore.legacy.u (name STRING MASK main.default.m)",
        "CREATE FUNCTION hive_metastore.legacy.f() RETURNS INT RETURN 1",
        "CREATE VOLUME hive_metastore.legacy.v",
        f"GRANT USE SCHEMA ON SCHEMA hive_metastore.legacy TO `{ANA}`",
        f"GRANT APPLY TAG ON TABLE {T} TO `{ANA}`",
        "DROP CATALOG hive_metastore CASCADE",
        "COMMENT ON CATALOG hive_metastore IS 'x'",
        "SELECT * FROM hive_metastore.information_schema.tables",
    ],
)
def test_what_unity_catalog_alone_has_is_refused(place: SqlWorkspace, statement: str) -> None:
    place.sql("CREATE OR REPLACE FUNCTION main.default.m(s STRING) RETURNS STRING RETURN 'x'")
    with pytest.raises(SqlError) as error:
        place.sql(statement)
    assert error.value.error_class != "INTERNAL_ERROR"


@pytest.mark.spark
def test_it_is_in_no_information_schema(place: SqlWorkspace) -> None:
    query = "SELECT table_name FROM system.information_schema.tables WHERE table_catalog = 'hive_metastore'"
    assert place.rows(query) == []
    assert place.rows("SELECT catalog_name FROM system.information_schema.catalogs WHERE catalog_name LIKE 'hive%'") == []


@pytest.mark.unit
def test_legacy_privileges_are_no_privileges_of_unity_catalog(tmp_path_factory: pytest.TempPathFactory) -> None:
    made = SqlWorkspace(tmp_path_factory.mktemp("grants"))
    made.user(ANA)
    admin = made.repositories.identity.by_id(made.ids.admin_id)
    assert admin is not None
    with pytest.raises(ApiError, match="USAGE is not applicable"):
        made.repositories.grants.change(admin, "CATALOG", "main", [GrantChange(principal=ANA, add=("USAGE",))])
    made.close()
