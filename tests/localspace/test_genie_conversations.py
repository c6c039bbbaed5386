"""Questions to Genie spaces and evaluations of them, through the unmodified SDK: who asks, whose rows come back, who answers."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import pytest
from databricks.sdk import WorkspaceClient
from databricks.sdk.errors import NotFound, PermissionDenied
from databricks.sdk.errors.base import DatabricksError
from databricks.sdk.service import catalog as uc
from databricks.sdk.service import dashboards, iam, sql

from localspace.api.evaluations import differences
from localspace.core.statement_runner import StatementResult
from support.callers import CALLERS, Callers, running_callers
from support.fake_runner import fake_runner

COMPLETED, FAILED = dashboards.MessageStatus.COMPLETED, dashboards.MessageStatus.FAILED
IDS = [str(one) * 32 for one in "abcdef"]


@pytest.fixture(scope="module")
def callers() -> Iterator[Callers]:
    with running_callers(build_runner=fake_runner) as running:
        yield running


@pytest.fixture(params=CALLERS)
def label(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def payload(**parts: Any) -> str:
    example = {"id": IDS[0], "question": ["How many", "rows?"], "sql": ["SELECT 3 ROWS"]}
    return json.dumps({"version": 2, "instructions": {"example_question_sqls": [example]}, **parts})


def new_space(callers: Callers, label: str, text: str, *others: str, level: str = "CAN_RUN") -> str:
    w = callers.client(label)
    made = w.genie.create_space(callers.space.warehouse_id, text, title="Orders")
    entries = [iam.AccessControlRequest(**callers.entry(one), permission_level=iam.PermissionLevel(level)) for one in others]
    if entries:
        w.permissions.update("genie", made.space_id, access_control_list=entries)
    return made.space_id


def asked(w: WorkspaceClient, space: str, question: str) -> dashboards.GenieMessage:
    """Ask and poll until the message is in a final state."""
    made = w.genie.start_conversation(space, question).response
    assert made.message.status is dashboards.MessageStatus.SUBMITTED
    for _ in range(1_000):
        found = w.genie.get_message(space, made.conversation_id, made.message_id)
        if found.status in (COMPLETED, FAILED):
            return found
        time.sleep(0.02)
    raise AssertionError(found)


@pytest.mark.server
def test_a_question_gets_its_query_and_its_rows(callers: Callers, label: str) -> None:
    w = callers.client(label)
    space = new_space(callers, label, payload())
    message = w.genie.start_conversation_and_wait(space, "how many rows")
    where = (space, message.conversation_id, message.message_id)
    [attachment] = message.attachments
    assert (message.status, attachment.query.query) == (COMPLETED, "SELECT 3 ROWS")
    assert attachment.query.query_result_metadata == dashboards.GenieResultMetadata(is_truncated=False, row_count=3)
    rows = w.genie.get_message_attachment_query_result(*where, attachment.attachment_id).statement_response
    assert rows.status.state is sql.StatementState.SUCCEEDED
    assert [row[0] for row in rows.result.data_array] == ["0", "1", "2"]
    again = w.genie.execute_message_attachment_query(*where, attachment.attachment_id).statement_response
    assert again.statement_id != rows.statement_id
    for one in (w.genie.execute_message_query(*where), w.genie.get_message_query_result(*where)):
        assert one.statement_response.statement_id
    by_attachment = w.genie.get_message_query_result_by_attachment(*where, attachment.attachment_id)
    assert by_attachment.statement_response.manifest.total_row_count == 3

    second = w.genie.create_message_and_wait(space, message.conversation_id, "something else")
    assert second.attachments[0].text.content.startswith("This space has no tables")
    with pytest.raises(NotFound):
        w.genie.get_message_query_result(space, message.conversation_id, second.message_id)
    listed = w.genie.list_conversation_messages(space, message.conversation_id).messages
    assert [one.content for one in listed] == ["how many rows", "something else"]
    w.genie.send_message_feedback(*where, dashboards.GenieFeedbackRating.POSITIVE, comment="good")
    assert w.genie.get_message(*where).feedback == dashboards.GenieFeedback("good", dashboards.GenieFeedbackRating.POSITIVE)
    comment = w.genie.create_message_comment(*where, "a note")
    assert w.genie.list_message_comments(*where).comments == [comment]
    assert w.genie.list_conversation_comments(space, message.conversation_id).comments == [comment]
    assert [one.title for one in w.genie.list_conversations(space).conversations] == ["how many rows"]
    w.genie.delete_conversation_message(space, message.conversation_id, second.message_id)
    assert len(w.genie.list_conversation_messages(space, message.conversation_id).messages) == 1
    w.genie.delete_conversation(space, message.conversation_id)
    with pytest.raises(NotFound):
        w.genie.get_message(*where)


@pytest.mark.server
def test_conversations_belong_to_who_starts_them(callers: Callers, label: str) -> None:
    w, eve = callers.client(label), callers.client("stranger")
    space = new_space(callers, label, payload())
    with pytest.raises(PermissionDenied):
        eve.genie.start_conversation(space, "how many rows")
    eve_may = iam.AccessControlRequest(user_name=callers.names["stranger"], permission_level=iam.PermissionLevel.CAN_RUN)
    w.permissions.update("genie", space, access_control_list=[eve_may])
    hers, mine = asked(eve, space, "how many rows"), asked(w, space, "how many rows")
    assert w.genie.get_message(space, hers.conversation_id, hers.message_id).content == "how many rows"
    for refused in (
        lambda: w.genie.get_message_query_result(space, hers.conversation_id, hers.message_id),
        lambda: w.genie.execute_message_query(space, hers.conversation_id, hers.message_id),
        lambda: w.genie.create_message(space, hers.conversation_id, "more"),
        lambda: eve.genie.get_message(space, mine.conversation_id, mine.message_id),
        lambda: eve.genie.get_message_query_result(space, mine.conversation_id, mine.message_id),
        lambda: eve.genie.list_conversations(space, include_all=True),
        lambda: eve.genie.delete_conversation(space, mine.conversation_id),
    ):
        with pytest.raises(PermissionDenied):
            refused()
    assert [one.conversation_id for one in eve.genie.list_conversations(space).conversations] == [hers.conversation_id]
    everybody = w.genie.list_conversations(space, include_all=True).conversations
    assert {one.conversation_id for one in everybody} == {hers.conversation_id, mine.conversation_id}
    w.genie.trash_space(space)
    with pytest.raises(NotFound):
        eve.genie.get_message(space, hers.conversation_id, hers.message_id)


@pytest.mark.server
@pytest.mark.parametrize("statement", ["DROP TABLE main.default.t", "SELECT 1; SELECT 2", "INSERT INTO t SELECT 1", "SELEC 1"])
def test_nothing_but_a_query_runs_in_the_name_of_who_asks(callers: Callers, statement: str) -> None:
    example = {"id": IDS[0], "question": ["Do it"], "sql": [statement]}
    space = new_space(callers, "user", payload(instructions={"example_question_sqls": [example]}))
    found = asked(callers.client("user"), space, "do it")
    assert (found.status, found.error.type) == (FAILED, dashboards.MessageErrorType.DESCRIBE_QUERY_INVALID_SQL_ERROR)


class _Responder(BaseHTTPRequestHandler):
    """Answers the question `ping` with a query, others with no JSON; keeps what it was sent."""

    sent: list[dict[str, Any]] = []  # noqa: RUF012  (shared with the test)

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.sent.append(body)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"sql": "SELECT 2 ROWS"}' if body["question"] == "ping" else b"no")

    def log_message(self, format: str, *args: Any) -> None:
        return


@pytest.mark.server
def test_a_user_supplies_a_responder(callers: Callers) -> None:
    space, w = callers.space, callers.client("user")
    benchmarks = {"questions": [{"id": IDS[1], "question": ["ping"], "answer": [{"format": "SQL", "content": ["SELECT 9"]}]}]}
    where = new_space(callers, "user", payload(benchmarks=benchmarks))
    rules = [{"pattern": "^ping", "sql": "SELECT 5 ROWS"}, {"pattern": "^why", "text": "because"}]
    server = HTTPServer(("127.0.0.1", 0), _Responder)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        space.control("PUT", "genie-responder", {"kind": "rules", "rules": rules})
        assert asked(w, where, "ping").attachments[0].query.query_result_metadata.row_count == 5
        assert asked(w, where, "why").attachments[0].text.content == "because"
        assert asked(w, where, "how many rows").attachments[0].query.query == "SELECT 3 ROWS"
        space.control("PUT", "genie-responder", {"kind": "http", "url": f"http://127.0.0.1:{server.server_port}/"})
        assert asked(w, where, "ping").attachments[0].query.query == "SELECT 2 ROWS"
        failed = asked(w, where, "other")
        assert (failed.status, failed.error.type) == (FAILED, dashboards.MessageErrorType.GENERIC_CHAT_COMPLETION_EXCEPTION)
    finally:
        space.control("DELETE", "genie-responder")
        server.shutdown()
        server.server_close()
    assert [one["question"] for one in _Responder.sent] == ["ping", "other"]
    assert all("benchmarks" not in one["space"] for one in _Responder.sent)
    with space.http() as http:
        for body in ({}, {"kind": "http", "url": "http://example.com/"}, {"kind": "rules", "rules": [{"pattern": "("}]}):
            assert http.put("/_localspace/genie-responder", json=body).status_code == 400
    assert asked(w, where, "ping").status is COMPLETED


def evaluated(w: WorkspaceClient, space: str, questions: list[str] | None = None) -> dashboards.GenieEvalRunResponse:
    """Start an evaluation and poll until it is done."""
    run = w.genie.genie_create_eval_run(space, benchmark_question_ids=questions)
    for _ in range(1_000):
        found = w.genie.genie_get_eval_run(space, run.eval_run_id)
        if found.eval_run_status is dashboards.EvaluationStatusType.DONE:
            return found
        time.sleep(0.02)
    raise AssertionError(found)


@pytest.mark.server
def test_benchmarks_are_compared_by_their_rows(callers: Callers, label: str) -> None:
    w, eve = callers.client(label), callers.client("stranger")
    questions = [
        {"id": IDS[1], "question": ["how many rows"], "answer": [{"format": "SQL", "content": ["SELECT 3 ROWS"]}]},
        {"id": IDS[2], "question": ["How many rows?"], "answer": [{"format": "SQL", "content": ["SELECT 4 ROWS"]}]},
        {"id": IDS[3], "question": ["open"]},
        {"id": IDS[4], "question": ["how many ROWS"], "answer": [{"format": "SQL", "content": ["FAIL"]}]},
    ]
    space = new_space(callers, label, payload(benchmarks={"questions": questions}), "stranger")
    run = evaluated(w, space)
    counts = (run.num_questions, run.num_done, run.num_correct, run.num_needs_review)
    assert counts == (4, 4, 1, 2)
    results = w.genie.genie_list_eval_results(space, run.eval_run_id).eval_results
    assert [one.benchmark_question_id for one in results] == IDS[1:5]
    details = [w.genie.genie_get_eval_result_details(space, run.eval_run_id, one.result_id) for one in results]
    assert [one.assessment.value for one in details] == ["GOOD", "BAD", "NEEDS_REVIEW", "NEEDS_REVIEW"]
    assert details[1].assessment_reasons == [dashboards.ScoreReason.RESULT_MISSING_ROWS]
    assert details[0].actual_response[0].sql_execution_result.manifest.total_row_count == 3
    assert "assessment_reasons" not in details[0].as_dict()
    assert evaluated(w, space, [IDS[1]]).num_questions == 1
    assert len(w.genie.genie_list_eval_runs(space).eval_runs) == 2
    with pytest.raises(DatabricksError, match="does not exist in space"):
        w.genie.genie_create_eval_run(space, benchmark_question_ids=["none"])
    for refused in (lambda: eve.genie.genie_create_eval_run(space), lambda: eve.genie.genie_get_eval_run(space, run.eval_run_id)):
        with pytest.raises(PermissionDenied):
            refused()


def result(*rows: tuple[str, ...], types: str = "INT") -> StatementResult:
    width = len(rows[0]) if rows else 1
    return StatementResult(columns=tuple((f"c{at}", types, types) for at in range(width)), rows=[list(row) for row in rows])


@pytest.mark.unit
@pytest.mark.parametrize(
    ("actual", "expected", "found"),
    [
        (result(("1",), ("2",)), result(("2",), ("1",)), []),
        (result(), result(("1",)), ["EMPTY_RESULT"]),
        (result(("1", "2")), result(("1",)), ["RESULT_EXTRA_COLUMNS"]),
        (result(("1",)), result(("1", "2")), ["RESULT_MISSING_COLUMNS"]),
        (result(("1",)), result(("1",), types="STRING"), ["COLUMN_TYPE_DIFFERENCE"]),
        (result(("1",)), result(("2",)), ["SINGLE_CELL_DIFFERENCE"]),
        (result(("1",), ("1",)), result(("1",)), ["RESULT_EXTRA_ROWS"]),
        (result(("1",)), result(("1",), ("1",)), ["RESULT_MISSING_ROWS"]),
        (result(("1",), ("3",)), result(("1",), ("2",)), ["RESULT_EXTRA_ROWS", "RESULT_MISSING_ROWS"]),
    ],
)
def test_what_tells_two_results_apart_is_named(actual: StatementResult, expected: StatementResult, found: list[str]) -> None:
    assert differences(actual, expected) == found


@pytest.mark.spark
def test_an_answer_shows_what_its_asker_may_see() -> None:
    with running_callers() as callers:
        w, space = callers.client("user"), callers.space

        def ran(text: str) -> None:
            done = w.statement_execution.execute_statement(text, space.warehouse_id, wait_timeout="50s")
            assert done.status.state is sql.StatementState.SUCCEEDED, done.status

        w.catalogs.create("shop")
        for text in (
            "CREATE TABLE shop.default.orders (id INT, email STRING)",
            "INSERT INTO shop.default.orders VALUES (1, 'ana@example.com')",
            "CREATE FUNCTION shop.default.hide(s STRING) RETURNS STRING RETURN '***'",
            "CREATE GOVERNED TAG pii VALUES ('email')",
            "SET TAG ON COLUMN shop.default.orders.email `pii` = `email`",
        ):
            ran(text)
        robot, eve = callers.names["service_principal"], callers.names["stranger"]
        for name in (robot, eve):
            for privilege in ("USE CATALOG", "USE SCHEMA", "SELECT"):
                ran(f"GRANT {privilege} ON CATALOG shop TO `{name}`")
        ran(
            "CREATE POLICY p ON CATALOG shop COLUMN MASK shop.default.hide TO `account users` "
            f"EXCEPT `{robot}` FOR TABLES MATCH COLUMNS has_tag_value('pii', 'email') AS c ON COLUMN c"
        )
        text = json.dumps({"version": 2, "data_sources": {"tables": [{"identifier": "shop.default.orders"}]}})
        where = new_space(callers, "user", text, "service_principal", "stranger")
        seen = {}
        for label in ("user", "service_principal", "stranger"):
            client = callers.client(label)
            message = asked(client, where, "Show me the orders")
            assert message.attachments[0].query.query == "SELECT * FROM `shop`.`default`.`orders` LIMIT 10"
            answer = client.genie.get_message_query_result(where, message.conversation_id, message.message_id)
            seen[label] = answer.statement_response.result.data_array
        assert seen == {"user": [["1", "***"]], "service_principal": [["1", "ana@example.com"]], "stranger": [["1", "***"]]}
        w.grants.update("catalog", "shop", changes=[uc.PermissionsChange(principal=eve, remove=[uc.Privilege.SELECT])])
        refused = asked(callers.client("stranger"), where, "Show me the orders")
        assert (refused.status, "INSUFFICIENT_PERMISSIONS" in refused.error.error) == (FAILED, True)
