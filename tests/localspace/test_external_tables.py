"""Tables at a LOCATION: who may make them, where, and what stays when they go."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from localspace.core.errors import ApiError
from localspace.core.statement_runner import SqlError
from localspace.core.stored_documents import kinds
from localspace.governance.external_locations import checked_url, lies_in, location_key
from support.fake_runner import fake_runner
from support.localspace_server import running_localspace
from support.sql_workspace import SqlWorkspace

ANA = "ana@example.com"
_WORD = st.text("abcXYZ019-_=", min_size=1, max_size=6)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqlWorkspace]:
    made = SqlWorkspace(tmp_path_factory.mktemp("external"))
    made.user(ANA)
    made.external_location("landing", "s3://landing")
    made.external_location("lake", "abfss://lake@account.dfs.core.windows.net/raw")
    made.external_location("frozen", "gs://frozen", read_only=True)
    made.sql(f"GRANT USE CATALOG ON CATALOG main TO `{ANA}`")
    made.sql(f"GRANT USE SCHEMA, CREATE TABLE ON SCHEMA main.default TO `{ANA}`")
    yield made
    made.close()


def refused(place: SqlWorkspace, statement: str, who: str | None = None) -> str:
    with pytest.raises(SqlError) as error:
        place.sql(statement, who)
    return f"{error.value.error_class} {error.value.message}"


# Places


@given(st.lists(_WORD, min_size=1, max_size=4), _WORD)
def test_a_place_lies_in_every_folder_above_it_and_not_beside(pieces: list[str], more: str) -> None:
    key = location_key("s3://bucket/" + "/".join(pieces))
    for count in range(len(pieces) + 1):
        assert lies_in(key, location_key("s3a://BUCKET/" + "//".join(pieces[:count]) + "/"))
    assert not lies_in(key + more, key)
    assert not lies_in(key, location_key("s3://bucket2/" + "/".join(pieces)))


@pytest.mark.unit
@pytest.mark.parametrize(
    "url", ["", "/mnt/x", "dbfs:/mnt/x", "file:///etc", "s3://", "https://x/y", "s3:/x", "relative", 7, None]
)
def test_what_is_no_cloud_url_is_refused(url: object) -> None:
    with pytest.raises(ApiError):
        checked_url(url, legacy=False)


@pytest.mark.unit
@pytest.mark.parametrize("url", ["s3://b/a/../c", "s3://b/%2e%2e/c", "s3://b/./c"])
def test_relative_parts_are_refused(url: str) -> None:
    with pytest.raises(ApiError, match="relative"):
        location_key(url)


# Rights


@pytest.mark.spark
def test_an_external_table_is_what_it_says(place: SqlWorkspace) -> None:
    place.sql("CREATE TABLE main.default.ext (id INT, name STRING) USING DELTA LOCATION 's3a://landing/ext/'")
    table = place.store.get(kinds.TABLE, "main", "default", "ext")
    assert table is not None
    assert (table["table_type"], table["storage_location"]) == ("EXTERNAL", "s3a://landing/ext")
    facts = {row[0]: row[1] for row in place.rows("DESCRIBE TABLE EXTENDED main.default.ext")}
    assert (facts["Type"], facts["Location"]) == ("EXTERNAL", "s3a://landing/ext")
    assert "LOCATION 's3a://landing/ext'" in str(place.rows("SHOW CREATE TABLE main.default.ext"))
    kind = "SELECT table_type FROM main.information_schema.tables WHERE table_name = 'ext'"
    assert place.rows(kind) == [["EXTERNAL"]]
    place.sql("DROP TABLE main.default.ext")


@pytest.mark.spark
def test_it_needs_a_covering_location_and_create_external_table(place: SqlWorkspace) -> None:
    make = "CREATE TABLE main.default.anas (id INT) LOCATION 'abfss://lake@account.dfs.core.windows.net/raw/anas'"
    assert refused(place, make.replace("/raw/", "/rawer/")).startswith("NO_PARENT_EXTERNAL_LOCATION_FOR_PATH")
    assert "CREATE EXTERNAL TABLE on External Location 'lake'" in refused(place, make, ANA)
    place.sql(f"GRANT READ FILES, WRITE FILES ON EXTERNAL LOCATION lake TO `{ANA}`")
    assert "CREATE EXTERNAL TABLE" in refused(place, make, ANA)
    place.sql(f"GRANT CREATE EXTERNAL TABLE ON EXTERNAL LOCATION lake TO `{ANA}`")
    place.sql(make, ANA)
    assert "SELECT" in refused(place, "SELECT * FROM main.default.anas"), "the admin owns the location, not the table"
    place.sql("DROP TABLE main.default.anas", ANA)


@pytest.mark.spark
def test_a_read_only_location_takes_no_rows(place: SqlWorkspace) -> None:
    assert "read-only" in refused(place, "CREATE TABLE main.default.ice (id INT) LOCATION 'gs://frozen/ice'")
    place.external_location("frozen", "gs://frozen", read_only=False)
    place.sql("CREATE TABLE main.default.ice (id INT) LOCATION 'gs://frozen/ice'")
    place.sql("INSERT INTO main.default.ice VALUES (1)")
    place.external_location("frozen", "gs://frozen", read_only=True)
    assert "read-only" in refused(place, "INSERT INTO main.default.ice VALUES (2)")
    assert "read-only" in refused(place, "DELETE FROM main.default.ice")
    assert place.rows("SELECT * FROM main.default.ice") == [["1"]]


@pytest.mark.spark
@pytest.mark.parametrize("other", ["s3://landing/one", "s3://landing/one/x", "s3://landing", "s3n://LANDING//one/"])
@pytest.mark.parametrize("name", ["main.default.two", "hive_metastore.default.two"])
def test_locations_do_not_overlap(place: SqlWorkspace, other: str, name: str) -> None:
    place.sql("CREATE TABLE IF NOT EXISTS main.default.one (id INT) LOCATION 's3://landing/one'")
    assert refused(place, f"CREATE TABLE {name} (id INT) LOCATION '{other}'").startswith("LOCATION_OVERLAP")


@pytest.mark.spark
def test_paths_differ_by_case(place: SqlWorkspace) -> None:
    place.sql("CREATE TABLE main.default.low (id INT) LOCATION 's3://landing/case'")
    place.sql("CREATE TABLE main.default.high (id INT) LOCATION 's3://landing/CASE'")
    place.sql("INSERT INTO main.default.low VALUES (1)")
    assert place.sql("SELECT count(*) FROM main.default.high").rows == [["0"]]


# Rows


@pytest.mark.spark
def test_rows_outlive_the_table_and_a_rename(place: SqlWorkspace) -> None:
    place.sql("CREATE TABLE main.default.left (id INT NOT NULL, name STRING) LOCATION 's3://landing/left'")
    place.sql("INSERT INTO main.default.left VALUES (1, 'one'), (2, 'two')")
    place.sql("ALTER TABLE main.default.left ADD COLUMN more INT")
    place.sql("ALTER TABLE main.default.left RENAME TO main.default.left2")
    place.sql("DROP TABLE main.default.left2")
    mismatch = refused(place, "CREATE TABLE main.default.again (id STRING) LOCATION 's3://landing/left'")
    assert mismatch.startswith("DELTA_CREATE_TABLE_SCHEME_MISMATCH")
    place.sql("CREATE TABLE main.default.again LOCATION 's3://landing/left'")
    assert sorted(place.rows("SELECT * FROM main.default.again")) == [["1", "one", None], ["2", "two", None]]
    assert "NOT NULL" in refused(place, "INSERT INTO main.default.again VALUES (NULL, 'x', 1)")
    place.sql("CREATE SCHEMA main.cascading")
    place.sql("DROP TABLE main.default.again")
    place.sql("CREATE TABLE main.cascading.t LOCATION 's3://landing/left'")
    place.sql("DROP SCHEMA main.cascading CASCADE")
    place.sql("CREATE TABLE main.default.again (id INT, name STRING, more INT) LOCATION 's3://landing/left'")
    assert place.rows("SELECT count(*) FROM main.default.again") == [["2"]]


@pytest.mark.spark
def test_ctas_at_a_location(place: SqlWorkspace) -> None:
    place.sql("CREATE TABLE main.default.made LOCATION 's3://landing/made' AS SELECT 5 AS n")
    place.sql("DROP TABLE main.default.made")
    assert "NON_EMPTY" in refused(place, "CREATE TABLE main.default.made LOCATION 's3://landing/made' AS SELECT 6 AS n")
    place.sql("CREATE TABLE main.default.made LOCATION 's3://landing/made'")
    assert place.rows("SELECT n FROM main.default.made") == [["5"]]


@pytest.mark.spark
def test_a_replaced_table_stays_where_it_is(place: SqlWorkspace) -> None:
    place.sql("CREATE TABLE main.default.stays (id INT) LOCATION 's3://landing/stays'")
    place.sql("INSERT INTO main.default.stays VALUES (1)")
    assert "cannot change" in refused(place, "CREATE OR REPLACE TABLE main.default.stays (id INT) LOCATION 's3://landing/other'")
    place.sql("CREATE OR REPLACE TABLE main.default.stays (id INT, more INT)")
    table = place.store.get(kinds.TABLE, "main", "default", "stays")
    assert table is not None
    assert (table["table_type"], table["storage_location"]) == ("EXTERNAL", "s3://landing/stays")
    assert place.rows("SELECT * FROM main.default.stays") == []


@pytest.mark.unit
def test_rows_of_a_place_are_there_after_a_restart(tmp_path: Path) -> None:
    first = SqlWorkspace(tmp_path)
    first.external_location("landing", "s3://landing")
    first.sql("CREATE TABLE main.default.t (id INT) LOCATION 's3://landing/t'")
    first.sql("INSERT INTO main.default.t VALUES (4), (5)")
    first.sql("DROP TABLE main.default.t")
    first.close()
    second = SqlWorkspace(tmp_path)
    second.sql("CREATE TABLE main.default.t LOCATION 's3://landing/t'")
    table = second.store.get(kinds.TABLE, "main", "default", "t")
    assert table is not None
    assert sum(pq.read_metadata(file).num_rows for file in (tmp_path / "files" / table["storage"]["path"]).iterdir()) == 2
    second.close()


@pytest.mark.spark
def test_hive_takes_plain_paths_but_no_strangers_data(place: SqlWorkspace) -> None:
    place.sql("CREATE TABLE hive_metastore.default.plain (id INT) LOCATION '/mnt/somewhere'")
    place.sql("INSERT INTO hive_metastore.default.plain VALUES (1)")
    facts = {row[0]: row[1] for row in place.rows("DESCRIBE TABLE EXTENDED hive_metastore.default.plain")}
    assert (facts["Type"], facts["Location"]) == ("EXTERNAL", "dbfs:/mnt/somewhere")
    place.sql("DROP TABLE hive_metastore.default.plain")
    place.sql("CREATE TABLE main.default.guarded (id INT) LOCATION 's3://landing/guarded'")
    place.sql("DROP TABLE main.default.guarded")
    place.sql(f"GRANT USAGE, CREATE ON SCHEMA hive_metastore.default TO `{ANA}`")
    assert "READ FILES" in refused(place, "CREATE TABLE hive_metastore.default.mine LOCATION 'dbfs:/mnt/somewhere'", ANA)
    guarded = "CREATE TABLE hive_metastore.default.mine LOCATION 's3://landing/guarded'"
    assert "CREATE EXTERNAL TABLE" in refused(place, guarded, ANA)
    place.store.delete(kinds.EXTERNAL_LOCATION, "landing")
    assert "READ FILES" in refused(place, guarded), "rows of Unity Catalog are not for workspace admins"
    place.external_location("landing", "s3://landing")


# REST


@pytest.mark.server
def test_rest_obeys_the_same_rules() -> None:
    uc = "/api/2.1/unity-catalog"
    body = {
        "name": "t", "catalog_name": "main", "schema_name": "default", "table_type": "EXTERNAL",
        "storage_location": "s3://bucket/t", "columns": [{"name": "id", "type_text": "int", "type_name": "INT"}],
    }  # fmt: skip
    with running_localspace(build_runner=fake_runner) as space, space.http() as http:
        assert "NO_PARENT_EXTERNAL_LOCATION" in http.post(f"{uc}/tables", json=body).text
        space.external_location("bucket", "s3://bucket")
        made = http.post(f"{uc}/tables", json=body).json()
        assert (made["table_type"], made["storage_location"]) == ("EXTERNAL", "s3://bucket/t")
        assert http.post(f"{uc}/tables", json=body | {"name": "u"}).json()["error_code"] == "LOCATION_OVERLAP"
        role = {"aws_iam_role": {"role_arn": "arn:aws:iam::000000000000:role/x"}}
        assert http.post(f"{uc}/storage-credentials", json=role | {"name": "c"}).status_code == 200
        other = {"name": "other", "url": "s3://other", "credential_name": "c"}
        assert http.post(f"{uc}/external-locations", json=other).status_code == 200
        moved = http.patch(f"{uc}/external-locations/other", json={"url": "s3a://BUCKET/t/"})
        assert moved.json()["error_code"] == "LOCATION_OVERLAP"
        assert http.patch(f"{uc}/external-locations/other", json={"url": "s3://other/deeper"}).status_code == 200
        assert "dependent" in http.delete(f"{uc}/external-locations/bucket").json()["message"]
        http.delete(f"{uc}/tables/main.default.t")
        assert http.post(f"{uc}/tables", json=body | {"name": "u"}).status_code == 200
