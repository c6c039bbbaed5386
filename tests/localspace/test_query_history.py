"""Query history through the SDK: who ran what, filtered."""

from __future__ import annotations

import pytest
from databricks.sdk.service.sql import QueryFilter, QueryStatementType, QueryStatus

from support.fake_runner import fake_runner
from support.localspace_server import running_localspace

pytestmark = pytest.mark.server


def test_statements_are_listed_to_admins_and_to_who_ran_them() -> None:
    with running_localspace(build_runner=fake_runner) as space:
        admin = space.client()
        other = admin.service_principals.create(display_name="analyst")
        assert other.application_id is not None
        theirs = space.client(space.mint(other.application_id))
        for text in ("SELECT 1 ROWS", "FAIL"):
            admin.statement_execution.execute_statement(text, space.warehouse_id)
        everything = admin.query_history.list().res or []
        assert [(one.query_text, one.status) for one in everything] == [
            ("FAIL", QueryStatus.FAILED),
            ("SELECT 1 ROWS", QueryStatus.FINISHED),
        ]
        assert (everything[1].statement_type, everything[1].rows_produced) == (QueryStatementType.SELECT, 1)
        assert "TABLE_OR_VIEW_NOT_FOUND" in (everything[0].error_message or "")
        assert theirs.query_history.list().res in (None, [])
        failed = admin.query_history.list(filter_by=QueryFilter(statuses=[QueryStatus.FAILED, QueryStatus.CANCELED])).res or []
        assert [one.query_text for one in failed] == ["FAIL"]
        named = admin.query_history.list(filter_by=QueryFilter(statement_ids=[str(everything[1].query_id)])).res or []
        assert [one.query_text for one in named] == ["SELECT 1 ROWS"]
        first = admin.query_history.list(max_results=1)
        assert first.has_next_page
        second = admin.query_history.list(max_results=1, page_token=first.next_page_token).res or []
        assert [one.query_text for one in second] == ["SELECT 1 ROWS"]
