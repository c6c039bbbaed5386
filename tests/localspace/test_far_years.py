"""Years that Python's dates do not have come as cells, as Arrow and as an error that names the year."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from localspace.sql.arrow import record_batch
from localspace.sql.calendar_days import days_of, micros_of
from localspace.sql.result_rows import Field, value_of
from support.sql_workspace import SqlWorkspace

FAR = "SELECT make_date(0, 1, 2) AS a, make_date(10000, 12, 31) AS b, CAST('2020-02-29' AS DATE) AS c, CAST(NULL AS DATE) AS d"
MOMENTS = (
    "SELECT CAST(make_date(0, 1, 2) AS TIMESTAMP) AS a, CAST(make_date(10000, 1, 1) AS TIMESTAMP) + INTERVAL 1234567 MICROSECOND"
    " AS b, TIMESTAMP_NTZ'2020-01-02 03:04:05.5' AS c, TIMESTAMP'0005-06-07 08:09:10' AS d"
)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqlWorkspace]:
    made = SqlWorkspace(tmp_path_factory.mktemp("years"))
    yield made
    made.close()


@pytest.mark.spark
def test_cells_of_far_years(place: SqlWorkspace) -> None:
    assert place.rows(FAR) == [["0000-01-02", "+10000-12-31", "2020-02-29", None]]
    assert place.rows(MOMENTS) == [
        ["0000-01-02T00:00:00.000Z", "+10000-01-01T00:00:01.234Z", "2020-01-02T03:04:05.500Z", "0005-06-07T08:09:10.000Z"]
    ]
    assert place.sql(FAR + " FROM range(3)", row_limit=2).truncated


@pytest.mark.spark
def test_far_years_can_be_stored(place: SqlWorkspace) -> None:
    place.sql("CREATE TABLE main.default.far (d DATE, t TIMESTAMP)")
    place.sql("INSERT INTO main.default.far SELECT make_date(0, 1, 2), CAST(make_date(10000, 1, 1) AS TIMESTAMP)")
    place.sql("INSERT INTO main.default.far VALUES ('0000-01-03', '2020-01-01 00:00:00')")
    assert place.rows("SELECT * FROM main.default.far ORDER BY d") == [
        ["0000-01-02", "+10000-01-01T00:00:00.000Z"],
        ["0000-01-03", "2020-01-01T00:00:00.000Z"],
    ]


@pytest.mark.spark
def test_arrow_has_the_same_days(place: SqlWorkspace) -> None:
    found = place.sql(f"SELECT a.*, b.* FROM ({FAR}) a, ({MOMENTS}) b")
    batch = record_batch(found.columns, found.rows)
    assert [column.cast(pa.int32())[0].as_py() for column in batch.columns[:3]] == [-719527, 2933262, 18321]
    assert [column.cast(pa.int64())[0].as_py() for column in batch.columns[4:6]] == [-719527 * 86_400_000_000, 253402300801234000]


@pytest.mark.unit
@given(st.dates())
def test_days_are_pythons_days(day: dt.date) -> None:
    assert days_of(day.isoformat()) == (day - dt.date(1970, 1, 1)).days


@pytest.mark.unit
@given(st.datetimes())
def test_microseconds_are_pythons(moment: dt.datetime) -> None:
    text = moment.isoformat(timespec="microseconds") + "Z"
    assert micros_of(text) == (moment - dt.datetime(1970, 1, 1)) // dt.timedelta(microseconds=1)


@pytest.mark.unit
@pytest.mark.parametrize("cell", ["0000-01-01", "+10000-01-01", "-0001-01-01"])
def test_a_task_is_told_the_year(cell: str) -> None:
    with pytest.raises(ValueError, match=r"year -?\d+ is out of range"):
        value_of(cell, Field(name="d", type_text="DATE", type_name="DATE"))
