"""Joins, added columns, temporary views and writers of Spark Connect, under the caller's privileges, masks and filters."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from localspace.connect.client import ConnectClient, ConnectError
from localspace.connect.protocol import pb
from localspace.core.stored_documents import kinds
from support.sql_workspace import EVE, SqlWorkspace

pytestmark = pytest.mark.spark

OTHER = "other@bank.example"
SETUP = f"""
CREATE SCHEMA main.hr;
CREATE SCHEMA main.open;
CREATE TABLE main.hr.emp (id INT, ssn STRING, site STRING);
INSERT INTO main.hr.emp VALUES (1, 'RAW-1', 'bonn'), (2, 'RAW-2', 'HIDDEN');
CREATE TABLE main.hr.closed (k STRING);
INSERT INTO main.hr.closed VALUES ('CLOSED-VALUE');
CREATE FUNCTION main.hr.hide(s STRING) RETURNS STRING RETURN '***';
CREATE FUNCTION main.hr.at(s STRING, want STRING) RETURNS BOOLEAN RETURN s = want;
ALTER TABLE main.hr.emp ALTER COLUMN ssn SET MASK main.hr.hide;
ALTER TABLE main.hr.emp SET ROW FILTER main.hr.at ON (site, 'bonn');
CREATE TABLE main.open.notes (id INT, note STRING);
INSERT INTO main.open.notes VALUES (1, 'a'), (2, 'b');
CREATE TABLE main.hr.target (id INT, note STRING);
INSERT INTO main.hr.target VALUES (9, 'kept');
GRANT USE CATALOG ON CATALOG main TO `account users`;
GRANT USE SCHEMA ON SCHEMA main.hr TO `account users`;
GRANT USE SCHEMA, SELECT, CREATE TABLE, CREATE FUNCTION ON SCHEMA main.open TO `account users`;
GRANT SELECT ON TABLE main.hr.emp TO `{EVE}`
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqlWorkspace]:
    made = SqlWorkspace(tmp_path_factory.mktemp("frames"))
    workspace = made.ids.workspace_id
    for name in (EVE, OTHER):
        number = made._ids[made.user(name)]
        assigned = {"principal_id": number, "permissions": ["USER"]}
        made.store.put(kinds.WORKSPACE_ASSIGNMENT, (workspace, number), assigned, (workspace,))
    for statement in SETUP.split(";"):
        made.sql(statement)
    yield made
    made.close()


@pytest.fixture
def eve(place: SqlWorkspace) -> Iterator[ConnectClient]:
    yield from opened(place, EVE)


def opened(place: SqlWorkspace, who: str, session_id: str = "") -> Iterator[ConnectClient]:
    token = place.services.authenticator.mint(place._ids[who])[0]
    host = f"http://127.0.0.1:{place.services.connect.port(secure=False)}"
    client = ConnectClient(host, {"authorization": f"Bearer {token}"}, "", session_id=session_id or str(uuid.uuid4()))
    yield client
    client.close()


def table(name: str, plan_id: int = 0) -> Any:
    found = pb.Relation(read=pb.Read(named_table=pb.Read.NamedTable(unparsed_identifier=name)))
    if plan_id:
        found.common.plan_id = plan_id
    return found


def column(name: str, plan_id: int | None = None) -> Any:
    return pb.Expression(unresolved_attribute=pb.Expression.UnresolvedAttribute(unparsed_identifier=name, plan_id=plan_id))


def call(name: str, *arguments: Any) -> Any:
    return pb.Expression(unresolved_function=pb.Expression.UnresolvedFunction(function_name=name, arguments=arguments))


def text(value: str) -> Any:
    return pb.Expression(literal=pb.Expression.Literal(string=value))


EMP, NOTES = table("main.hr.emp", 1), table("main.open.notes", 2)
SAME_ID = call("==", column("id", 1), column("id", 2))


def joined(kind: int = 1, **parts: Any) -> Any:
    return pb.Relation(join=pb.Join(left=EMP, right=NOTES, join_type=kind, **parts))


def selected(below: Any, *columns: Any) -> Any:
    return pb.Relation(project=pb.Project(input=below, expressions=columns))


def run(client: ConnectClient, **command: Any) -> None:
    list(client.execute(pb.Plan(command=pb.Command(**command))))


def refused(client: ConnectClient, **command: Any) -> ConnectError:
    with pytest.raises(ConnectError) as caught:
        run(client, **command)
    return caught.value


def view(name: str, below: Any, *, replace: bool = True) -> dict[str, Any]:
    return {"create_dataframe_view": pb.CreateDataFrameViewCommand(input=below, name=name, replace=replace)}


def saved(name: str, below: Any, mode: int, method: int = 1, **more: Any) -> dict[str, Any]:
    target = pb.WriteOperation.SaveTable(table_name=name, save_method=method)
    return {"write_operation": pb.WriteOperation(input=below, table=target, mode=mode, **more)}


@pytest.mark.parametrize(
    ("kind", "rows"),
    [
        ("INNER", [("***", "a")]),
        ("LEFT_OUTER", [("***", "a")]),
        ("RIGHT_OUTER", [("***", "a"), (None, "b")]),
        ("FULL_OUTER", [("***", "a"), (None, "b")]),
        ("CROSS", [("***", "a"), ("***", "b")]),
    ],
)
def test_a_join_reads_masked_values_and_rows_that_show(eve: ConnectClient, kind: str, rows: list[Any]) -> None:
    condition = {} if kind == "CROSS" else {"join_condition": SAME_ID}
    found = eve.rows(selected(joined(pb.Join.JoinType.Value(f"JOIN_TYPE_{kind}"), **condition), column("ssn"), column("note")))
    assert sorted(found, key=repr) == sorted(rows, key=repr)


@pytest.mark.parametrize(("kind", "ids"), [("LEFT_SEMI", [1]), ("LEFT_ANTI", [])])
def test_semi_and_anti_joins_see_no_hidden_row(eve: ConnectClient, kind: str, ids: list[int]) -> None:
    below = joined(pb.Join.JoinType.Value(f"JOIN_TYPE_{kind}"), join_condition=SAME_ID)
    assert [row[0] for row in eve.rows(below)] == ids
    assert [row[1] for row in eve.rows(below)] == ["***"] * len(ids)


@pytest.mark.parametrize("value", ["RAW-1", "***"])
def test_a_join_condition_compares_the_masked_value(eve: ConnectClient, value: str) -> None:
    found = eve.rows(selected(joined(join_condition=call("==", column("ssn", 1), text(value))), column("note")))
    assert len(found) == (2 if value == "***" else 0)


def test_using_and_the_columns_of_each_side(eve: ConnectClient) -> None:
    assert eve.rows(joined(using_columns=["id"])) == [(1, "***", "bonn", "a")]
    both = pb.Relation(
        filter=pb.Filter(input=joined(join_condition=SAME_ID), condition=call(">", column("id", 2), column("id", 1)))
    )
    assert eve.rows(selected(both, column("id", 1))) == []
    star = pb.Expression(unresolved_star=pb.Expression.UnresolvedStar(plan_id=2))
    assert eve.rows(selected(joined(join_condition=SAME_ID), star, column("id", 1))) == [(1, "a", 1)]
    less = pb.Relation(drop=pb.Drop(input=joined(join_condition=SAME_ID), columns=[column("id", 2)]))
    assert eve.rows(less) == [(1, "***", "bonn", "a")]


def test_a_frame_joined_with_itself_needs_aliases(eve: ConnectClient) -> None:
    twice = pb.Relation(
        join=pb.Join(left=EMP, right=EMP, join_type=1, join_condition=call("==", column("id", 1), column("id", 1)))
    )
    with pytest.raises(ConnectError, match="AMBIGUOUS_COLUMN_REFERENCE"):
        eve.rows(twice)
    sides = [pb.Relation(subquery_alias=pb.SubqueryAlias(input=EMP, alias=name)) for name in "ab"]
    condition = call("==", column("a.id"), column("b.id"))
    named = pb.Relation(join=pb.Join(left=sides[0], right=sides[1], join_type=1, join_condition=condition))
    third = pb.Relation(
        join=pb.Join(left=named, right=NOTES, join_type=1, join_condition=call("==", column("a.id"), column("id", 2)))
    )
    assert eve.rows(selected(third, column("a.ssn"), column("b.ssn"), column("note"))) == [("***", "***", "a")]


def test_a_join_with_a_table_that_is_closed_is_refused(eve: ConnectClient) -> None:
    below = pb.Relation(join=pb.Join(left=NOTES, right=table("main.hr.closed"), join_type=7))
    with pytest.raises(ConnectError, match="INSUFFICIENT_PERMISSIONS") as caught:
        eve.rows(below)
    assert "CLOSED" not in caught.value.message


def test_added_and_renamed_columns(eve: ConnectClient) -> None:
    alias = pb.Expression.Alias
    made = pb.Relation(
        with_columns=pb.WithColumns(
            input=EMP,
            aliases=[
                alias(expr=call("upper", column("site")), name=["SITE"]),
                alias(expr=call("concat", column("ssn"), text("!")), name=["more"]),
            ],
        )
    )
    assert eve.rows(made) == [(1, "***", "BONN", "***!")]
    renames = [pb.WithColumnsRenamed.Rename(col_name="Ssn", new_col_name="number")]
    renamed = pb.Relation(with_columns_renamed=pb.WithColumnsRenamed(input=made, renames=renames))
    analysed = eve.ask("AnalyzePlan", schema=pb.AnalyzePlanRequest.Schema(plan=pb.Plan(root=renamed)))
    assert [one.name for one in analysed.schema.schema.struct.fields] == ["id", "number", "SITE", "more"]
    only_new = pb.Relation(with_columns=pb.WithColumns(input=EMP, aliases=[alias(expr=column("id"), name=["n"])]))
    assert eve.rows(only_new) == [(1, "***", "bonn", 1)]


# Temporary views


def test_a_temporary_view_is_read_anew_with_the_rights_of_its_reader(place: SqlWorkspace, eve: ConnectClient) -> None:
    run(eve, **view("mine", EMP))
    assert eve.sql("SELECT ssn FROM mine") == [("***",)]
    assert eve.rows(table("MINE")) == [(1, "***", "bonn")]
    assert eve.sql("SELECT m.id, n.note FROM mine m JOIN main.open.notes n ON m.id = n.id") == [(1, "a")]
    place.sql(f"REVOKE SELECT ON TABLE main.hr.emp FROM `{EVE}`")
    try:
        with pytest.raises(ConnectError, match="INSUFFICIENT_PERMISSIONS"):
            eve.sql("SELECT * FROM mine")
    finally:
        place.sql(f"GRANT SELECT ON TABLE main.hr.emp TO `{EVE}`")


def test_a_view_over_what_is_closed_cannot_be_made(eve: ConnectClient) -> None:
    assert refused(eve, **view("peek", table("main.hr.closed"))).error_class == "INSUFFICIENT_PERMISSIONS"
    with pytest.raises(ConnectError, match="INSUFFICIENT_PERMISSIONS"):
        eve.sql("CREATE TEMP VIEW peek AS SELECT * FROM main.hr.closed")
    with pytest.raises(ConnectError, match="TABLE_OR_VIEW_NOT_FOUND"):
        eve.sql("SELECT * FROM peek")


def test_nobody_else_sees_a_temporary_view(place: SqlWorkspace, eve: ConnectClient) -> None:
    run(eve, **view("secretly", NOTES))
    for other in (*opened(place, EVE), *opened(place, OTHER, eve.session_id)):
        with pytest.raises(ConnectError, match="TABLE_OR_VIEW_NOT_FOUND"):
            other.sql("SELECT * FROM secretly")
        with pytest.raises(ConnectError, match="TABLE_OR_VIEW_NOT_FOUND"):
            other.sql("DROP VIEW secretly")
    assert len(eve.sql("SELECT * FROM secretly")) == 2


def test_sql_makes_replaces_and_drops_them(eve: ConnectClient) -> None:
    eve.sql("CREATE TEMPORARY VIEW v (a) AS SELECT id FROM main.open.notes -- all")
    with pytest.raises(ConnectError, match="TEMP_TABLE_OR_VIEW_ALREADY_EXISTS"):
        eve.sql("CREATE TEMP VIEW v AS SELECT 1 AS a")
    eve.sql("CREATE TEMP VIEW over_v AS SELECT max(a) AS a FROM v")
    eve.sql("CREATE OR REPLACE TEMP VIEW v AS SELECT 7 AS a")
    # A view holds what its name meant when it was made.
    assert eve.sql("SELECT v.a, over_v.a FROM v, over_v") == [(7, 2)]
    eve.sql("DROP VIEW v")
    with pytest.raises(ConnectError, match="TABLE_OR_VIEW_NOT_FOUND"):
        eve.sql("SELECT * FROM v")
    dropped = pb.Relation(catalog=pb.Catalog(drop_temp_view=pb.DropTempView(view_name="over_v")))
    assert [eve.rows(dropped) for _ in range(2)] == [[(True,)], [(False,)]]


def test_the_text_of_stored_views_and_functions_names_none_of_them(place: SqlWorkspace, eve: ConnectClient) -> None:
    place.sql("CREATE TABLE main.hr.inner_t (k STRING)")
    place.sql("INSERT INTO main.hr.inner_t VALUES ('true')")
    place.sql("CREATE VIEW main.open.stored AS SELECT * FROM main.hr.inner_t")
    place.sql("CREATE FUNCTION main.open.stored_f() RETURNS STRING RETURN (SELECT max(k) FROM main.hr.inner_t)")
    place.sql(f"GRANT EXECUTE ON FUNCTION main.open.stored_f TO `{EVE}`")
    # A stored text may name a table of its own schema by one part.
    stored = place.store.get(kinds.TABLE, "main", "open", "stored")
    assert stored is not None
    body = {**stored, "view_definition": "SELECT * FROM inner_t", "view_namespace": ["main", "hr"]}
    place.store.put(kinds.TABLE, ("main", "open", "stored"), kinds.TABLE.document(body), ("main", "open"))
    eve.sql("CREATE TEMP VIEW inner_t AS SELECT 'planted' AS k")
    eve.sql("USE SCHEMA main.hr")
    assert eve.sql("SELECT * FROM main.open.stored") == [("true",)]
    assert eve.sql("SELECT main.open.stored_f()") == [("true",)]
    for statement in (
        "CREATE VIEW main.open.kept AS SELECT * FROM inner_t",
        "CREATE FUNCTION main.open.kept_f() RETURNS STRING RETURN (SELECT max(k) FROM inner_t)",
    ):
        with pytest.raises(ConnectError):
            eve.sql(statement)


# Writers

APPEND, OVERWRITE, ERROR, IGNORE = 1, 2, 3, 4


def test_writers_need_the_privileges_of_their_statements(place: SqlWorkspace, eve: ConnectClient) -> None:
    for mode in (APPEND, OVERWRITE):
        assert refused(eve, **saved("main.hr.target", NOTES, mode)).error_class == "INSUFFICIENT_PERMISSIONS"
        assert refused(eve, **saved("main.hr.target", NOTES, mode, method=2)).error_class == "INSUFFICIENT_PERMISSIONS"
    for mode in (APPEND, OVERWRITE, ERROR, IGNORE):
        assert refused(eve, **saved("main.hr.fresh", NOTES, mode)).error_class == "INSUFFICIENT_PERMISSIONS"
    for mode in ("CREATE", "REPLACE", "CREATE_OR_REPLACE", "APPEND"):
        number = pb.WriteOperationV2.Mode.Value(f"MODE_{mode}")
        body = pb.WriteOperationV2(input=NOTES, table_name="main.hr.target", mode=number)
        assert refused(eve, write_operation_v2=body).error_class in ("INSUFFICIENT_PERMISSIONS", "TABLE_OR_VIEW_ALREADY_EXISTS")
    assert refused(eve, **saved("main.open.copy", table("main.hr.closed"), ERROR)).error_class == "INSUFFICIENT_PERMISSIONS"
    assert place.rows("SELECT * FROM main.hr.target") == [["9", "kept"]]


def test_what_is_written_is_what_the_writer_sees(place: SqlWorkspace, eve: ConnectClient) -> None:
    run(eve, **saved("main.open.copy", EMP, ERROR))
    assert place.rows("SELECT * FROM main.open.copy") == [["1", "***", "bonn"]]
    run(eve, **view("mine", EMP))
    run(eve, **saved("main.open.copy", table("mine"), APPEND))
    assert place.rows("SELECT DISTINCT ssn, count(*) OVER () FROM main.open.copy") == [["***", "2"]]


def test_the_modes_of_save_as_table(eve: ConnectClient) -> None:
    name = "main.open.modes"
    turned = selected(NOTES, column("note"), column("id"))
    run(eve, **saved(name, NOTES, APPEND))
    assert refused(eve, **saved(name, NOTES, ERROR)).error_class == "TABLE_OR_VIEW_ALREADY_EXISTS"
    run(eve, **saved(name, NOTES, IGNORE))
    # By the names of columns, whatever their order is.
    run(eve, **saved(name, turned, APPEND))
    assert sorted(eve.sql(f"SELECT * FROM {name}")) == [(1, "a"), (1, "a"), (2, "b"), (2, "b")]
    run(eve, **saved(name, turned, OVERWRITE))
    assert eve.sql(f"SELECT id, note FROM {name} ORDER BY id") == [(1, "a"), (2, "b")]
    run(eve, **saved(name, selected(NOTES, column("note")), OVERWRITE, options={"overwriteSchema": "true"}))
    assert sorted(eve.sql(f"SELECT * FROM {name}")) == [("a",), ("b",)]
    run(eve, **saved(name, selected(NOTES, column("note")), OVERWRITE, method=2))
    run(eve, **saved(name, selected(NOTES, column("note")), APPEND, method=2))
    assert eve.sql(f"SELECT count(*) FROM {name}") == [(4,)]


def test_write_to(place: SqlWorkspace, eve: ConnectClient) -> None:
    def write(mode: str, below: Any = NOTES, **more: Any) -> None:
        number = pb.WriteOperationV2.Mode.Value(f"MODE_{mode}")
        run(eve, write_operation_v2=pb.WriteOperationV2(input=below, table_name="main.open.v2", mode=number, **more))

    with pytest.raises(ConnectError, match="TABLE_OR_VIEW_NOT_FOUND"):
        write("REPLACE")
    write("CREATE", provider="delta", table_properties={"team": "it's"}, partitioning_columns=[column("id")])
    with pytest.raises(ConnectError, match="TABLE_OR_VIEW_ALREADY_EXISTS"):
        write("CREATE")
    assert ["team", "it's"] in place.rows("SHOW TBLPROPERTIES main.open.v2")
    write("APPEND", selected(NOTES, column("note"), column("id")))
    assert eve.sql("SELECT count(*), max(note) FROM main.open.v2") == [(4, "b")]
    write("OVERWRITE", overwrite_condition=pb.Expression(literal=pb.Expression.Literal(boolean=True)))
    assert eve.sql("SELECT count(*) FROM main.open.v2") == [(2,)]
    write("CREATE_OR_REPLACE", EMP)
    write("REPLACE", EMP)
    assert eve.sql("SELECT * FROM main.open.v2") == [(1, "***", "bonn")]
    with pytest.raises(ConnectError, match="overwritePartitions"):
        write("OVERWRITE_PARTITIONS")


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ({"write_operation": pb.WriteOperation(input=NOTES, path="/tmp/x", mode=1)}, "writing to a path"),
        (saved("main.open.x", NOTES, 1, options={"mergeSchema": "true"}), "mergeschema"),
        (saved("main.open.x", NOTES, 1, source="csv"), "the format csv"),
        (saved("main.open.x", NOTES, 1, sort_column_names=["id"]), "bucketBy"),
        ({"create_dataframe_view": pb.CreateDataFrameViewCommand(input=NOTES, name="x", is_global=True)}, "global temporary"),
    ],
)
def test_what_is_not_built_is_refused_by_name(eve: ConnectClient, command: dict[str, Any], words: str) -> None:
    assert words in refused(eve, **command).message


@pytest.mark.parametrize("name", ["x; DROP TABLE main.open.notes", "main.open.x AS SELECT 1 --", "(SELECT 1)", ""])
def test_the_target_of_a_writer_is_a_name_and_nothing_else(eve: ConnectClient, name: str) -> None:
    assert refused(eve, **saved(name, NOTES, ERROR)).error_class.startswith("PARSE_SYNTAX_ERROR")
    assert refused(eve, **saved(name, NOTES, APPEND, method=2)).error_class.startswith("PARSE_SYNTAX_ERROR")
    assert refused(eve, **view(name, NOTES)).error_class in ("PARSE_SYNTAX_ERROR", "TEMP_VIEW_NAME_TOO_MANY_NAME_PARTS")
