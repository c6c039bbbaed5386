"""Spark Connect at the workspace's own address: plans become statements of the token's principal, the rest is refused by name."""

from __future__ import annotations

import datetime as dt
import socket
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pyarrow as pa
import pytest

from localspace.connect import plans
from localspace.connect.client import ConnectClient, ConnectError
from localspace.connect.columns import schema_message
from localspace.connect.expressions import expression
from localspace.connect.protocol import pb, spark_version
from localspace.connect.unsupported import UnsupportedError
from localspace.core.statement_runner import CancelToken, StatementRequest, StatementResult
from localspace.core.stored_documents import kinds
from localspace.governance.repositories import Repositories
from localspace.sql.arrow import record_batch, stream_of
from support.fake_runner import FakeRunner
from support.localspace_server import LocalWorkspace, running_localspace

ANALYST = "analyst@bank.example"


class Kept(FakeRunner):
    """The runner of a test, reachable from it."""

    last: Kept

    def __init__(self) -> None:
        super().__init__()
        Kept.last = self

    def run(self, request: StatementRequest, cancel: CancelToken) -> StatementResult:
        found = super().run(request, cancel)
        return (
            StatementResult(columns=(("who", "STRING", "STRING"),), rows=[[request.principal_name]])
            if not found.columns
            else found
        )


def kept_runner(repositories: Repositories, files: Path) -> Kept:
    return Kept()


@pytest.fixture(scope="module")
def space() -> Iterator[LocalWorkspace]:
    with running_localspace(build_runner=kept_runner) as running:
        running.client().users.create(user_name=ANALYST)
        yield running


def client(space: LocalWorkspace, token: str | None = None, **more: Any) -> ConnectClient:
    return ConnectClient(space.host, {"authorization": f"Bearer {token or space.token}"}, **more)


def relation(**kind: Any) -> Any:
    return pb.Relation(**kind)


T = pb.Relation(read=pb.Read(named_table=pb.Read.NamedTable(unparsed_identifier="a.`b c`.t")))
COLUMN = pb.Expression(unresolved_attribute=pb.Expression.UnresolvedAttribute(unparsed_identifier="id"))


def number(value: int) -> Any:
    return pb.Expression(literal=pb.Expression.Literal(integer=value))


ONE = number(1)
TEXT = pb.Expression(literal=pb.Expression.Literal(string="o'r"))
OLD = pb.Read.NamedTable(unparsed_identifier="t", options={"versionAsOf": "1"})


def call(name: str, *arguments: Any) -> Any:
    body = pb.Expression.UnresolvedFunction(function_name=name, arguments=arguments)
    return pb.Expression(unresolved_function=body)


@pytest.mark.unit
@pytest.mark.parametrize(
    ("given", "sql"),
    [
        (T, "SELECT * FROM `a`.`b c`.`t`"),
        (relation(limit=pb.Limit(input=T, limit=3)), "SELECT * FROM (SELECT * FROM `a`.`b c`.`t`) AS _frame LIMIT 3"),
        (
            relation(filter=pb.Filter(input=T, condition=call(">", COLUMN, number(-1)))),
            "SELECT * FROM (SELECT * FROM `a`.`b c`.`t`) AS _frame WHERE (`id` > (-1))",
        ),
        (
            relation(project=pb.Project(input=T, expressions=[COLUMN, call("upper", COLUMN)])),
            "SELECT `id`, upper(`id`) FROM (SELECT * FROM `a`.`b c`.`t`) AS _frame",
        ),
        (
            relation(sort=pb.Sort(input=T, is_global=True, order=[pb.Expression.SortOrder(child=COLUMN, direction=2)])),
            "SELECT * FROM (SELECT * FROM `a`.`b c`.`t`) AS _frame ORDER BY `id` DESC",
        ),
        (
            relation(aggregate=pb.Aggregate(input=T, group_type=1, grouping_expressions=[COLUMN], aggregate_expressions=[ONE])),
            "SELECT `id`, 1 FROM (SELECT * FROM `a`.`b c`.`t`) AS _frame GROUP BY `id`",
        ),
        (
            relation(join=pb.Join(left=T, right=T, join_type=6, using_columns=["id"])),
            "SELECT * FROM (SELECT * FROM `a`.`b c`.`t`) AS `_join1` LEFT SEMI JOIN (SELECT * FROM `a`.`b c`.`t`) AS `_join2`"
            " USING (`id`)",
        ),
        (relation(range=pb.Range(start=0, end=3, step=1)), "SELECT id FROM range(0, 3, 1)"),
        (
            relation(sql=pb.SQL(query="SELECT :n AS n", named_arguments={"n": TEXT})),
            "SELECT 'o\\'r' AS n",
        ),
    ],
)  # fmt: skip
def test_a_relation_is_a_statement(given: Any, sql: str) -> None:
    assert plans.query(given) == sql


@pytest.mark.unit
@pytest.mark.parametrize(
    ("given", "named"),
    [
        (relation(join=pb.Join(left=T, right=T)), "a join of a newer client"),
        (relation(with_columns=pb.WithColumns(input=T)), "withColumn"),
        (relation(lateral_join=pb.LateralJoin(left=T, right=T)), "relation lateral_join"),
        (relation(sample=pb.Sample(input=T)), "relation sample"),
        (relation(read=pb.Read(data_source=pb.Read.DataSource(format="csv"))), "anything but tables"),
        (relation(read=pb.Read(named_table=OLD)), "options"),
        (relation(sort=pb.Sort(input=T, order=[])), "sortWithinPartitions"),
        (relation(sql=pb.SQL(query="SELECT ?", pos_arguments=[number(1)])), "positional"),
        (relation(sql=pb.SQL(query="SELECT :x", named_arguments={"x": COLUMN})), "other than a literal"),
        (relation(filter=pb.Filter(input=T, condition=pb.Expression(window=pb.Expression.Window()))), "expression window"),
        (relation(project=pb.Project(input=T, expressions=[call("f(1); DROP", COLUMN)])), "the function"),
        (relation(), "newer client"),
    ],
)  # fmt: skip
def test_what_is_not_built_is_refused_by_name(given: Any, named: str) -> None:
    with pytest.raises(UnsupportedError, match=named):
        plans.query(given)


@pytest.mark.unit
def test_a_part_that_apache_spark_does_not_have_is_refused_wherever_it_stands() -> None:
    strange = pb.Relation(limit=pb.Limit(input=T, limit=1))
    strange.limit.input.read.MergeFromString(spark_version("", "x").SerializeToString())
    plan = pb.Plan(root=strange)
    with pytest.raises(UnsupportedError, match="Apache Spark does not have"):
        plans.require_known(plan)
    plans.require_known(pb.Plan(root=T))


@pytest.mark.unit
@pytest.mark.parametrize("name", ["t; DROP TABLE u", "t)", "a.b c", "(SELECT 1)", ""])
def test_the_name_of_a_table_is_a_name_and_nothing_else(name: str) -> None:
    with pytest.raises(Exception, match="PARSE_SYNTAX_ERROR"):
        plans.query(relation(read=pb.Read(named_table=pb.Read.NamedTable(unparsed_identifier=name))))


@pytest.mark.unit
def test_rows_of_the_client_become_values() -> None:
    rows = pa.RecordBatch.from_pylist([{"id": 1, "n": "o'r"}, {"id": 2, "n": None}])
    made = plans.query(relation(local_relation=pb.LocalRelation(data=stream_of(rows))))
    assert made == (
        "SELECT CAST(`id` AS bigint) AS `id`, CAST(`n` AS string) AS `n` FROM VALUES (1, 'o\\'r'), (2, NULL) AS _local(`id`, `n`)"
    )


@pytest.mark.unit
def test_cells_travel_with_their_types() -> None:
    cells = [
        ("i", "INT", "INT", "7", 7),
        ("d", "DECIMAL(5,2)", "DECIMAL", "1.50", Decimal("1.50")),
        ("t", "TIMESTAMP", "TIMESTAMP", "2026-01-02T03:04:05.000Z", dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)),
        ("day", "DATE", "DATE", "2026-01-02", dt.date(2026, 1, 2)),
        ("b", "BINARY", "BINARY", "AP8=", b"\x00\xff"),
        ("f", "BOOLEAN", "BOOLEAN", "true", True),
        ("a", "ARRAY<DECIMAL(3,1)>", "ARRAY", "[1.5,null]", [Decimal("1.5"), None]),
        ("m", "MAP<INT,BOOLEAN>", "MAP", '{"1":true}', [(1, True)]),
        ("s", "STRUCT<aB:INT,x:DATE>", "STRUCT", '{"aB":1,"x":"2026-01-02"}', {"aB": 1, "x": dt.date(2026, 1, 2)}),
        ("n", "STRING", "STRING", None, None),
    ]
    result = StatementResult(columns=tuple(c[:3] for c in cells), rows=[[c[3] for c in cells]])
    batch = record_batch(result.columns, result.rows)
    assert [column.to_pylist()[0] for column in batch.columns] == [c[4] for c in cells]
    assert [f.name for f in schema_message(result).struct.fields] == [c[0] for c in cells]


@pytest.mark.unit
def test_expressions_keep_what_a_client_wrote_apart() -> None:
    text = pb.Expression(expression_string=pb.Expression.ExpressionString(expression="id > 1 -- x"))
    assert expression(text).endswith("\n")
    alias = pb.Expression(alias=pb.Expression.Alias(expr=COLUMN, name=["a`b"]))
    assert expression(alias) == "`id` AS `a``b`"


@pytest.mark.server
def test_a_statement_runs_as_the_principal_of_the_token_whatever_the_message_claims(space: LocalWorkspace) -> None:
    spark = client(space, space.mint(ANALYST), user="admin@localspace.example")
    assert spark.sql("SELECT me") == [(ANALYST,)]
    assert spark.rows(spark.table("main.s.t")) == [(ANALYST,)]
    assert {one.principal_name for one in Kept.last.ran[-2:]} == {ANALYST}


@pytest.mark.server
def test_a_session_belongs_to_one_principal(space: LocalWorkspace) -> None:
    admin = client(space)
    admin.sql("USE main.shop")
    admin.sql("SELECT 1")
    assert (Kept.last.ran[-1].catalog, Kept.last.ran[-1].schema) == ("main", "shop")
    other = client(space, space.mint(ANALYST), session_id=admin.session_id)
    other.sql("SELECT 1")
    assert (Kept.last.ran[-1].catalog, Kept.last.ran[-1].schema) == (None, None)
    assert Kept.last.ran[-1].principal_name == ANALYST


@pytest.mark.server
@pytest.mark.parametrize(
    "headers", [{}, {"authorization": "Bearer nobody"}, {"authorization": "Basic eA=="}], ids=["none", "unknown", "basic"]
)
def test_nobody_comes_in_without_a_token(space: LocalWorkspace, headers: dict[str, str]) -> None:
    with pytest.raises(ConnectError) as refused:
        ConnectClient(space.host, headers).sql("SELECT 1")
    assert refused.value.code == "UNAUTHENTICATED"


@pytest.mark.server
def test_who_may_not_work_in_the_workspace_is_refused(space: LocalWorkspace) -> None:
    name = "outside@bank.example"
    found = space.client().users.create(user_name=name)
    token = space.mint(name)
    users = next(g for g in space.workspace.store.list(kinds.GROUP) if g["displayName"] == "users")
    kept = list(users["entitlements"])
    space.workspace.store.put(kinds.GROUP, (users["id"],), users | {"entitlements": ["databricks-sql-access"]})
    try:
        with pytest.raises(ConnectError, match="workspace-access") as refused:
            client(space, token).sql("SELECT 1")
        assert refused.value.code == "PERMISSION_DENIED"
    finally:
        space.workspace.store.put(kinds.GROUP, (users["id"],), users | {"entitlements": kept})
        space.client().users.delete(str(found.id))


@pytest.mark.server
def test_errors_and_refusals_keep_their_class(space: LocalWorkspace) -> None:
    spark = client(space)
    with pytest.raises(ConnectError) as failed:
        spark.sql("FAIL")
    assert (failed.value.code, failed.value.error_class) == ("INTERNAL", "TABLE_OR_VIEW_NOT_FOUND")
    with pytest.raises(ConnectError) as refused:
        spark.rows(relation(join=pb.Join(left=T, right=T)))
    assert (refused.value.code, refused.value.error_class) == ("UNIMPLEMENTED", "UNSUPPORTED_FEATURE.LOCALSPACE")
    function = pb.CommonInlineUserDefinedFunction(function_name="f")
    with pytest.raises(ConnectError, match="the command register_function"):
        list(spark.execute(pb.Plan(command=pb.Command(register_function=function))))
    with pytest.raises(ConnectError, match="CloneSession"):
        spark.ask("CloneSession")


@pytest.mark.server
def test_settings_are_told_and_not_changed(space: LocalWorkspace) -> None:
    spark = client(space)
    asked = pb.ConfigRequest.Operation(get=pb.ConfigRequest.Get(keys=["spark.sql.session.timeZone"]))
    assert spark.ask("Config", operation=asked).pairs[0].value == "UTC"
    pair = pb.KeyValue(key="spark.sql.session.timeZone", value="Europe/Zurich")
    with pytest.raises(ConnectError, match="CONFIG_NOT_AVAILABLE"):
        spark.ask("Config", operation=pb.ConfigRequest.Operation(set=pb.ConfigRequest.Set(pairs=[pair])))


@pytest.mark.server
def test_the_request_log_tells_reads_from_writes_and_who_sent_them(space: LocalWorkspace) -> None:
    space.control("DELETE", "requests")
    spark = client(space, space.mint(ANALYST))
    spark.sql("SELECT 1")
    spark.sql("INSERT INTO t VALUES (1)")
    logged = [one for one in space.control("GET", "requests")["requests"] if one["method"] == "GRPC"]
    assert {one["principal"] for one in logged} == {ANALYST}
    assert sum(one["mutating"] for one in logged) == 1


@pytest.mark.server
def test_tls_is_spoken_at_the_same_address_to_who_trusts_the_certificate(space: LocalWorkspace) -> None:
    roots = space.workspace.services.connect.roots().read_bytes()
    assert client(space, roots=roots).sql("SELECT me") == [("admin@localspace.example",)]
    with space.http() as http:
        assert http.get("/api/2.0/preview/scim/v2/Me").status_code == 200


@pytest.mark.server
def test_a_request_that_comes_byte_by_byte_is_still_a_request(space: LocalWorkspace) -> None:
    parts = urlsplit(space.host)
    with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=10) as connection:
        for byte in b"PUT /nothing HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n":
            connection.sendall(bytes([byte]))
        assert connection.recv(64).startswith(b"HTTP/1.1 501")


@pytest.mark.server
def test_an_interrupt_ends_what_runs(space: LocalWorkspace) -> None:
    import threading

    spark = client(space)
    errors: list[ConnectError] = []

    def run() -> None:
        try:
            spark.rows(relation(sql=pb.SQL(query="SLEEP 30")))
        except ConnectError as error:
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    stopped: list[str] = []
    for _ in range(200):
        stopped = list(spark.ask("Interrupt", interrupt_type=pb.InterruptRequest.INTERRUPT_TYPE_ALL).interrupted_ids)
        if stopped:
            break
        thread.join(0.02)
    thread.join(10)
    assert stopped
    assert [one.error_class for one in errors] == ["OPERATION_CANCELED"]
