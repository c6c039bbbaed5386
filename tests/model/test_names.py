"""Names: any name survives being printed and read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lampkeeper.model.errors import UsageError
from lampkeeper.model.names import ColumnName, FunctionName, TableName, split_name

pytestmark = pytest.mark.unit

# Control characters are shown as escapes, so only printable names read back from the form for people.
parts = st.text(st.characters(exclude_categories=("Cc", "Cs")), min_size=1).filter(lambda t: bool(t.strip()))
hostile = st.text(st.characters(exclude_categories=("Cs",)), min_size=1).filter(lambda t: bool(t.strip()))


@given(c=parts, s=parts, t=parts, column=parts)
def test_a_name_reads_back_from_its_form_for_people(c: str, s: str, t: str, column: str) -> None:
    table = TableName(c, s, t)
    assert TableName.parse(str(table)) == table
    assert ColumnName.parse(str(ColumnName(table, column))) == ColumnName(table, column)
    assert FunctionName.parse(str(FunctionName(c, s, t))) == FunctionName(c, s, t)


@given(c=hostile, s=hostile, t=hostile)
def test_any_name_at_all_reads_back_from_its_sql_form(c: str, s: str, t: str) -> None:
    assert split_name(TableName(c, s, t).sql) == (c, s, t)


@pytest.mark.parametrize("text", ["a.b", "a..c", "a.b.c.d", "`a.b.c", "`a`b.c.d", ""])
def test_what_is_no_table_name_is_wrong_use(text: str) -> None:
    with pytest.raises(UsageError):
        TableName.parse(text)
